"""The gate's own evidence file: the keys that `gate.toml` asks for, each filled from the journal alone. Pure.

A value that was never recorded is null: the file has exactly the keys it should, whatever became of the run.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.core.money import Money
from pytest_paygate.core.verdict import judge

if TYPE_CHECKING:
    from pytest_paygate.core.facts import FactValue
    from pytest_paygate.core.gate import EvidenceFile
    from pytest_paygate.core.run import RunState


def as_gate_evidence(state: RunState, wanted: EvidenceFile) -> str:
    """The file's content.

    Args:
        state: the run.
        wanted: which keys it has, and where each value comes from.

    Raises:
        ValueError: for a run that never started.
    """
    if state.started is None:
        raise ValueError("a run that never started has no evidence")
    judgement = judge(state)
    of_run = {
        "run_id": state.started.run_id,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "verdict": judgement.verdict.value,
        "decision": judgement.decision.value,
        "environment": state.started.environment,
        "mode": state.started.mode.value,
        "commit": state.started.commit,
        "trace_id": state.started.trace_id,
    }

    def filled(place: str) -> object:
        source, _, name = place.partition(".")
        return of_run.get(name) if source == "run" else _plain(state.facts.get(name))

    document = {
        key: filled(value) if isinstance(value, str) else {inner: filled(place) for inner, place in value.items()}
        for key, value in wanted.keys.items()
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(value: FactValue | None) -> object:
    match value:
        case Money():
            return {"minor": value.minor, "currency": value.currency}
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
        case _:
            return value
