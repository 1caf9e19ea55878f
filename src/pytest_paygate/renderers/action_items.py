"""What somebody has to do after a run: one item for each thing that is not as it should be, with its owner. Pure.

Owns the wording of the next steps that the report, the checklist and `paygate explain` share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.core.claims import unwitnessed
from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.proof import ProofStatus
from pytest_paygate.core.seats import OPERATOR_ACTION, OPERATOR_NOTE
from pytest_paygate.core.waivers import expired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.core.gate import Criterion, Gate
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import Judgement

NEXT_STEPS = {
    RowStatus.PASS: "Nothing: the row passed with its evidence.",
    RowStatus.FAIL: "Read what was observed, mend its cause, run the gate again; a live run needs a fresh approval.",
    RowStatus.BLOCKED: "Mend the row that it waited for; this one never ran.",
    RowStatus.NOT_RUN: "Run the whole gate: the session ended, or left this row out, before it.",
    RowStatus.SKIPPED: "Run the gate with every row; a row that is left out never counts.",
    RowStatus.INCONCLUSIVE: "Record the missing facts in the row's test: a pass without evidence is no pass.",
    RowStatus.PENDING: "Somebody must give what the row waits for; run the gate attended.",
    RowStatus.WAIVED: "The waiver ends; see its owner.",
}
# Held back or never reached: their cause is another row, which has an item of its own.
_FOLLOWING = frozenset({RowStatus.BLOCKED, RowStatus.NOT_RUN})


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One thing to do: who, what, and a command where there is one."""

    owner: str
    text: str
    command: str = ""


def action_items(
    state: RunState, gate: Gate, judgement: Judgement, anomalies: Sequence[tuple[str, str]]
) -> tuple[ActionItem, ...]:
    """Every item, the most pressing first.

    Args:
        state: the run.
        gate: its gate.
        judgement: its verdict.
        anomalies: code and sentence of everything odd.
    """
    return (
        *_money(state),
        *_rows(state, gate, judgement),
        *_proofs(state),
        *_criteria(state, gate, judgement),
        *_waivers(state, gate, judgement),
        *(_odd(code, detail) for code, detail in anomalies),
    )


def _odd(code: str, detail: str) -> ActionItem:
    """What was noted: by a person at the gate, in their own words, or by the run itself."""
    if code == OPERATOR_ACTION:
        return ActionItem("operator", detail)
    if code == OPERATOR_NOTE:
        return ActionItem("operator", f"Say what became of the note: {detail}")
    return ActionItem("engineering", f"Look into the oddity {code}: {detail}")


def due(state: RunState, criterion: Criterion) -> str:
    """The day by which a person's sign-off is due, or nothing."""
    if criterion.due_days is None or not criterion.person:
        return ""
    try:
        began = datetime.fromisoformat(state.started_at)
    except ValueError:
        return ""
    return (began + timedelta(days=criterion.due_days)).date().isoformat()


def _money(state: RunState) -> Iterator[ActionItem]:
    run_id = "" if state.started is None else state.started.run_id
    if state.is_guarded and state.exposure.is_open:
        yield ActionItem(
            "operator", "Settle what this run has opened; incident.md names every charge.", f"paygate recover {run_id}"
        )
    elif state.escalated:
        yield ActionItem("operator", "Check at the provider that what was outstanding has come back.")


def _rows(state: RunState, gate: Gate, judgement: Judgement) -> Iterator[ActionItem]:
    run_id = "" if state.started is None else state.started.run_id
    following = []
    for row in gate.all_rows():
        known = state.rows[row.id]
        if known.status is RowStatus.PASS or row.id in judgement.waived:
            continue
        if known.status in _FOLLOWING:
            following.append(gate.number(row.id))
            continue
        number = gate.number(row.id)
        yield ActionItem(
            owner_of(gate, row.id),
            f"Row {number} ({row.id}) is {known.status}. {NEXT_STEPS[known.status]}",
            f"paygate explain {run_id} {number}",
        )
    if following:
        yield ActionItem("operator", f"Run the whole gate again: rows {', '.join(following)} never ran.")


def _proofs(state: RunState) -> Iterator[ActionItem]:
    for proof in state.proofs:
        if proof.status is not ProofStatus.HOLDS:
            word = "is missing" if proof.status is ProofStatus.MISSING else "contradicts the others"
            yield ActionItem("engineering", f"Find out why proof {proof.name} ({proof.source}) {word}.")
    if state.gate is not None:
        for lack in unwitnessed(state.gate.claims, state.proofs, state.mode):
            yield ActionItem("engineering", f"See that every witness is asked: {lack}.")


def _criteria(state: RunState, gate: Gate, judgement: Judgement) -> Iterator[ActionItem]:
    for result in judgement.criteria:
        if result.status is RowStatus.PENDING and result.criterion.person:
            by = due(state, result.criterion)
            yield ActionItem(
                result.criterion.owner,
                f"Sign: {result.criterion.title}{f' (due {by})' if by else ''}.",
                f"paygate sign-off {gate.id}/{result.criterion.id} --by NAME --evidence FILE",
            )


def _waivers(state: RunState, gate: Gate, judgement: Judgement) -> Iterator[ActionItem]:
    for waiver in gate.waivers:
        if waiver in judgement.waived.values():
            yield ActionItem(waiver.owner, f"Mend row {waiver.row} before its waiver ends on {waiver.until}.")
    for waiver in expired(gate.waivers, state.started_at):
        yield ActionItem(
            waiver.owner, f"The waiver of {waiver.row or waiver.criterion} ended on {waiver.until}: it counts no more."
        )


def owner_of(gate: Gate, row_id: str) -> str:
    """Who owns the first criterion that counts on a row; the operator when none does."""
    for criterion in gate.criteria:
        if row_id in criterion.rows or (criterion.preflight and gate.is_preflight(row_id)):
            return criterion.owner
    return "operator"
