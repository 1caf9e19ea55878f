"""A small gate and its events, for tests of the state machine and the verdict."""

from __future__ import annotations

from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate, sha256
from pytest_paygate.core.run import IllegalEventError, RunState, apply

SOURCE = b"""
[gate]
id = "small"
title = "Small"
trace_prefix = "SMALL"
[facts]
ready = "integer"
paid = "integer"
seconds = "seconds"
[thresholds]
limit = 60
[[preflight]]
id = "check"
title = "Check"
records = ["ready"]
observed = "{ready}"
[[rows]]
id = "one"
title = "One"
records = ["paid"]
observed = "{paid}"
[[rows]]
id = "two"
title = "Two"
needs = ["one"]
records = ["seconds"]
observed = "{seconds}"
optional_in = ["sandbox"]
[[criteria]]
id = "whole"
title = "Whole"
owner = "me"
whole_walkthrough = true
preflight = true
[[criteria]]
id = "fast"
title = "Fast"
owner = "me"
rows = ["two"]
holds = [{ fact = "seconds", at_most = "limit" }]
[[criteria]]
id = "statement"
title = "Bank statement"
owner = "operator"
rows = ["two"]
person = true
modes = ["live"]
"""
GATE = read_gate(SOURCE, "gate.toml")
FACT_OF = {"check": "ready", "one": "paid", "two": "seconds"}
KIND_OF = {name: GATE.facts[name] for name in FACT_OF.values()}


def started(mode: Mode = Mode.SANDBOX, gate_sha256: str = sha256(SOURCE)) -> ev.RunStarted:
    """The first event of a run of the small gate."""
    return ev.RunStarted(
        run_id="r1",
        gate=GATE.model_dump(mode="json"),
        gate_sha256=gate_sha256,
        environment="sandbox",
        mode=mode,
        target="127.0.0.1",
        trace_id="SMALL-1700000000-abcd1234",
        commit="c",
        tool_version="0",
        operator="http",
        attended=False,
        with_refund=True,
        python="3.11",
        pytest="9",
    )


def fact(name: str, value: float = 1) -> ev.FactRecorded:
    """A fact of the small gate."""
    return ev.FactRecorded(name=name, fact_kind=KIND_OF[name], value=float(value) if name == "seconds" else int(value))


def passing_row(row: str) -> list[ev.EventBody]:
    """A row that begins, records its evidence and passes."""
    return [ev.RowStarted(row=row), fact(FACT_OF[row]), ev.RowFinished(row=row, status=ev.RowStatus.PASS)]


def whole_run(mode: Mode = Mode.SANDBOX) -> list[ev.EventBody]:
    """A complete run in which everything passes."""
    rows = [event for row in FACT_OF for event in passing_row(row)]
    return [started(mode), *rows, ev.RunFinished(complete=True, reason="every row has its status")]


def folded(events) -> RunState:
    """Fold events; raises IllegalEventError at the first that may not be there."""
    state = RunState()
    for seq, event in enumerate(events):
        state = apply(state, event, seq, "2026-01-01T00:00:00.000Z")
    return state


def legal_prefix(events) -> list[ev.EventBody]:
    """The events that the state machine accepts, each refused one left out."""
    state, kept = RunState(), []
    for event in events:
        try:
            state = apply(state, event, len(kept), "2026-01-01T00:00:00.000Z")
        except IllegalEventError:
            continue
        kept.append(event)
    return kept
