"""The record of a run from its folded journal, and the CTRF view of the same. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_paygate.core.claims import standing
from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.facts import to_json
from pytest_paygate.core.record import (
    Record,
    RecordedAmount,
    RecordedCheck,
    RecordedClaim,
    RecordedCriterion,
    RecordedItem,
    RecordedOddity,
    RecordedProof,
    RecordedRow,
)
from pytest_paygate.core.verdict import judge
from pytest_paygate.renderers.session_log import reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_paygate.core.events import ProofRecorded
    from pytest_paygate.core.gate import Gate, Row
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import Judgement
    from pytest_paygate.renderers.view import ReportView

# CTRF knows five words; a row that decides nothing good is `other` rather than a skipped test that looks harmless.
_CTRF = {RowStatus.PASS: "passed", RowStatus.FAIL: "failed", RowStatus.SKIPPED: "skipped", RowStatus.PENDING: "pending"}


def record(state: RunState, shown: ReportView) -> Record:
    """The record of one run.

    Args:
        state: the run, folded.
        shown: its view, which holds everything that was computed from it.

    Raises:
        ValueError: for a journal without a run in it.
    """
    if state.started is None or state.gate is None:
        raise ValueError("a journal without run_started has no record")
    started, gate, judgement = state.started, state.gate, judge(state)
    planned, approval = state.exposure.planned, state.exposure.approval
    return Record(
        run_id=started.run_id,
        gate=gate.id,
        gate_title=gate.title,
        gate_sha256=started.gate_sha256,
        suite_sha256=started.suite_sha256,
        environment=started.environment,
        mode=started.mode,
        target=started.target,
        account="" if planned is None else planned.account,
        trace_id=started.trace_id,
        commit=started.commit,
        build=str(state.facts.get(gate.build, "")),
        operator=started.operator,
        attended=started.attended,
        approvers=() if approval is None else approval.approvers,
        tool=f"pytest-paygate {started.tool_version}",
        started_at=state.started_at,
        ended_at=state.ended_at,
        elapsed_seconds=round(shown.seconds, 4),
        verdict=judgement.verdict,
        decision=judgement.decision,
        reasons=judgement.reasons,
        rows=tuple(_row(state, gate, row, judgement) for row in gate.all_rows()),
        criteria=tuple(
            RecordedCriterion(
                id=c.criterion_id, title=c.title, owner=c.owner, status=c.status, reason=c.reason, due=c.due
            )
            for c in shown.criteria
        ),
        money=()
        if shown.money is None
        else tuple(RecordedAmount(id=one.line_id, amount=one.amount, source=one.source) for one in shown.money.lines),
        money_adds_up=None if shown.money is None else shown.money.adds_up,
        proofs=_proofs(state.proofs),
        claims=tuple(
            RecordedClaim(id=claim, witnesses=told)
            for claim, told in standing(gate.claims, state.proofs, started.mode).items()
        ),
        anomalies=tuple(RecordedOddity(code=code, detail=detail) for code, detail in shown.anomalies),
        action_items=tuple(
            RecordedItem(owner=one.owner, text=one.text, command=one.command) for one in shown.action_items
        ),
        damage=state.damage,
        journal_sha256=dict(shown.hashes)["journal head"],
    )


def as_json(known: Record) -> str:
    """The record's file: the same record gives the same bytes."""
    return json.dumps(known.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def as_ctrf(known: Record) -> str:
    """The run in Common Test Report Format 1.0.0, for tools that read it. A view: the record says more."""
    tests = [_ctrf_test(row) for row in known.rows]
    counted = {
        word: sum(test["status"] == word for test in tests)
        for word in ("passed", "failed", "pending", "skipped", "other")
    }
    document = {
        "reportFormat": "CTRF",
        "specVersion": "1.0.0",
        "results": {
            "tool": {"name": "pytest-paygate", "version": known.tool.removeprefix("pytest-paygate ")},
            "summary": {
                "tests": len(tests),
                **counted,
                "start": _epoch_ms(known.started_at),
                "stop": _epoch_ms(known.ended_at),
            },
            "tests": tests,
            "environment": {
                "appName": known.gate,
                "testEnvironment": known.environment,
                "commit": known.commit,
                "extra": {"mode": known.mode.value, "verdict": known.verdict.value, "run_id": known.run_id},
            },
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _ctrf_test(row: RecordedRow) -> dict[str, Any]:
    message = {"message": row.reason} if row.reason else {}
    return {
        "name": f"{row.number} {row.title}",
        "status": _CTRF.get(row.status, "other"),
        "rawStatus": row.status.value,
        "duration": round(row.elapsed_seconds * 1000),
        **message,
    }


def _epoch_ms(text: str) -> int:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0


def _row(state: RunState, gate: Gate, row: Row, judgement: Judgement) -> RecordedRow:
    known, waiver = state.rows[row.id], judgement.waived.get(row.id)
    return RecordedRow(
        number=gate.number(row.id),
        id=row.id,
        title=row.title,
        status=known.status,
        reason=known.reason,
        expected=known.expected,
        observed=known.observed,
        trace=reference(known),
        elapsed_seconds=known.elapsed_seconds,
        waiver="" if waiver is None else waiver.told(),
        facts={name: to_json(gate.facts[name], value) for name, value in known.facts.items()},
        proofs=_proofs(known.proofs),
        checks=tuple(
            RecordedCheck(id=name, holds=holds, held=name != known.failed_check) for name, holds in known.checks.items()
        ),
    )


def _proofs(proofs: Iterable[ProofRecorded]) -> tuple[RecordedProof, ...]:
    return tuple(
        RecordedProof(
            name=one.name,
            source=one.source,
            status=one.status,
            detail=one.detail,
            claim=one.claim,
            witness=one.witness,
            at=one.at,
            amount=one.amount,
            ids=one.ids,
            extract_sha256=one.extract_sha256,
        )
        for one in proofs
    )
