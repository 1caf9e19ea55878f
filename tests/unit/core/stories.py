"""A gate with two checks and four rows, and its events: what the tests of the state machine tell their stories with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.gate import read_gate, sha256
from pytest_paygate.core.proof import ProofStatus, WitnessKind
from pytest_paygate.core.run import IllegalEventError, RunState, apply
from tests.unit.core.test_exposure import ARMED, INTENDED

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = b"""
[gate]
id = "shop"
title = "Shop"
trace_prefix = "SHOP"
[capacity]
required = true
[facts]
up = "integer"
keys = "flag"
token = "word"
order = "identifier"
total = "money"
paid_at = "time"
seen = "integer"
[[preflight]]
id = "health"
title = "Health"
records = ["up"]
observed = "{up}"
[[preflight]]
id = "keys"
title = "Keys"
records = ["keys"]
observed = "{keys}"
[[rows]]
id = "login"
title = "Login"
records = ["token"]
observed = "{token}"
[[rows]]
id = "buy"
title = "Buy"
needs = ["login"]
money = true
records = ["order", "total"]
observed = "{order}"
[[rows]]
id = "look"
title = "Look"
needs = ["login", "buy"]
records = ["seen"]
observed = "{seen}"
[[rows]]
id = "after"
title = "After"
records = ["paid_at"]
observed = "{paid_at}"
[[criteria]]
id = "whole"
title = "Whole"
owner = "me"
whole_walkthrough = true
[[guards]]
id = "a3_up"
title = "A3 answers 200"
equals = 200
[[guards]]
id = "calm"
title = "calm"
equals = 0
[[guards]]
id = "back"
title = "the refund went through"
equals = "succeeded"
after_money = true
"""
GATE = read_gate(SOURCE, "gate.toml")
STARTED = ev.RunStarted(
    run_id="r1",
    gate=GATE.model_dump(mode="json"),
    gate_sha256=sha256(SOURCE),
    environment="prod",
    mode=Mode.LIVE,
    target="shop.example.test",
    trace_id="SHOP-1700000000-abcd1234",
    commit="c",
    tool_version="0",
    operator="terminal",
    attended=True,
    with_refund=True,
    python="3.11",
    pytest="9",
)
VALUES: dict[str, Any] = {
    "up": 200,
    "keys": True,
    "token": "captured",
    "order": "ord_1",
    "total": {"minor": 500, "currency": "EUR"},
    "paid_at": "2026-11-21T09:15:00.000Z",
    "seen": 1,
}
EVENTS_OF = {row.id: row.records for row in GATE.all_rows()}
GUARDS = [ev.GuardRead(guard=name, threshold="200", observed="200") for name in ("a3_up", "calm")]
TAKEN = ex.CapacityTaken(line=1, line_sha256="0" * 64, log_sha256="0" * 64, left=24)
STOP = ev.RunStopped(guard="a3_up", threshold="200", observed="503")
END = ev.RunFinished(complete=True, reason="done")
CUT_OFF = ev.RunFinished(complete=False, reason="interrupted")
RESCUED = ex.RescueStarted(by=ex.Rescuer.RECOVER, at_line=9, torn_bytes=0)
RESUMED = ex.RescueStarted(by=ex.Rescuer.RESUME, at_line=9, torn_bytes=0)
RESCUE_OVER = ex.RescueFinished(settled=True)
POLL = ev.PollRead(poll="p", attempt=1, waited_ms=1, value="v")
HISTORY = ev.HistoryKnown(runs=())
ANOMALY = ev.AnomalyRecorded(code="odd", detail="d")
ESCALATED = ev.RunEscalated(charge="ch_1", amount="EUR 5.00", reason="r")


def begin(row: str) -> ev.RowStarted:
    """A row begins."""
    return ev.RowStarted(row=row)


def end(row: str, status: RowStatus = RowStatus.PASS, **told: Any) -> ev.RowFinished:
    """A row ends."""
    return ev.RowFinished(row=row, status=status, **told)


def fact(name: str, value: Any = None, kind: FactKind | None = None) -> ev.FactRecorded:
    """A fact is recorded."""
    value = VALUES[name] if value is None else value
    return ev.FactRecorded(name=name, fact_kind=kind or GATE.facts[name], value=value)


def proof(name: str, claim: str = "", witness: WitnessKind | None = None) -> ev.ProofRecorded:
    """A proof is recorded."""
    return ev.ProofRecorded(name=name, source="s", status=ProofStatus.HOLDS, claim=claim, witness=witness)


def passed(*rows: str) -> list[ev.EventBody]:
    """Rows that begin, record their evidence and pass."""
    return [event for row in rows for event in (begin(row), *map(fact, EVENTS_OF[row]), end(row))]


def phase(name: str, outcome: str | None = None) -> ev.EventBody:
    """A phase begins; ends, when it has an outcome."""
    if outcome is None:
        return ex.PhaseStarted.model_validate({"phase": name}, strict=False)
    return ex.PhaseFinished.model_validate({"phase": name, "outcome": outcome}, strict=False)


PREFLIGHT = passed("health", "keys")
BEFORE_BUYING = [STARTED, *PREFLIGHT, *passed("login"), begin("buy")]
READY = [*BEFORE_BUYING, *ARMED, *GUARDS, TAKEN]
BOUGHT = [*READY, INTENDED, fact("order"), fact("total"), end("buy")]


def told(events: Iterable[ev.EventBody]) -> RunState:
    """The run after some events; line n is at second n."""
    state = RunState()
    for seq, event in enumerate(events):
        state = apply(state, event, seq, f"at {seq}")
    return state


def refused(events: Iterable[ev.EventBody], wrong: ev.EventBody) -> str:
    """Why an event may not follow these."""
    state = told(events)
    with pytest.raises(IllegalEventError) as illegal:
        apply(state, wrong, 99, "late")
    return str(illegal.value)
