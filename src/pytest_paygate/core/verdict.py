"""The verdict: one word for a run, computed from its folded journal and nothing else.

Rules:
- worst wins; a row or criterion that is unset, missing, skipped or unknown never adds up to PASS;
- only a run that started, ran to its end and was neither stopped nor escalated can be PASS;
- a proof that is missing makes the run CONDITIONAL at best, one that contradicts FAIL; a witness that the gate asks for
  and that was never recorded is missing;
- money that may be outstanding is ESCALATED, whatever else is true; a run that somebody else carried on is CONDITIONAL
  at best; more than one charge for one purchase is FAIL;
- a criterion counts in the modes it declares; one that a person must sign is PENDING until signed;
- a waiver that holds turns a red row or criterion WAIVED, and the run CONDITIONAL at best;
- a journal that is damaged is INCOMPLETE at best, whatever its readable part says;
- GO is for PASS, PENDING for PENDING, NO-GO for everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.core.claims import unwitnessed
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import FactValue
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import ProofStatus, disagreements
from pytest_paygate.core.waivers import Waiver, holding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_paygate.core.gate import Criterion, Gate, Row
    from pytest_paygate.core.gate_tables import Holds
    from pytest_paygate.core.run import RunState


class Verdict(StrEnum):
    """Run verdicts, best to worst."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    PENDING = "PENDING"
    CONDITIONAL = "CONDITIONAL"
    INCOMPLETE = "INCOMPLETE"
    FAIL = "FAIL"
    STOPPED = "STOPPED"
    ESCALATED = "ESCALATED"


class Decision(StrEnum):
    """What a release manager may conclude."""

    GO = "GO"
    PENDING = "PENDING"
    NO_GO = "NO-GO"


_ORDER = tuple(Verdict)
EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.FAIL: 1,
    Verdict.PENDING: 20,
    Verdict.CONDITIONAL: 21,
    Verdict.STOPPED: 22,
    Verdict.ESCALATED: 23,
    Verdict.INCOMPLETE: 24,
}
# What a status does to the verdict. A status that is not listed is INCOMPLETE.
_WEIGHT = {
    RowStatus.PASS: Verdict.PASS,
    RowStatus.PENDING: Verdict.PENDING,
    RowStatus.WAIVED: Verdict.CONDITIONAL,
    RowStatus.FAIL: Verdict.FAIL,
}
# What ran and was seen to be red. A row that was held back, left out or never reached cannot be waived.
_WAIVABLE = frozenset({RowStatus.FAIL, RowStatus.INCONCLUSIVE, RowStatus.PENDING})
_SAID = {ProofStatus.MISSING: "is missing", ProofStatus.CONTRADICTS: "contradicts the others"}


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """A line of the acceptance checklist with its status and the sentence that explains it."""

    criterion: Criterion
    status: RowStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict with everything that led to it. `reasons` is never empty unless the verdict is PASS.

    `waived` holds the waiver of each row that is let through.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    criteria: tuple[CriterionResult, ...]
    waived: Mapping[str, Waiver] = field(default_factory=dict)

    @property
    def decision(self) -> Decision:
        """GO, PENDING or NO-GO."""
        if self.verdict is Verdict.PASS:
            return Decision.GO
        return Decision.PENDING if self.verdict is Verdict.PENDING else Decision.NO_GO

    @property
    def exit_code(self) -> int:
        """The process exit code of design: 0 only for PASS."""
        return EXIT_CODES[self.verdict]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several; of none at all, INCOMPLETE."""
    ranked = sorted((_ORDER.index(verdict) for verdict in verdicts), reverse=True)
    return _ORDER[ranked[0]] if ranked else Verdict.INCOMPLETE


def judge(state: RunState, signed: Collection[str] = ()) -> Judgement:
    """Compute a run's verdict.

    Args:
        state: the run, folded from its whole journal.
        signed: ids of the criteria that a person has signed for this very run; the session's own verdict knows none.

    Returns:
        The verdict, one reason for each thing that kept it from PASS (worst first), and the acceptance checklist.
    """
    if state.started is None or state.gate is None:
        return Judgement(Verdict.INCOMPLETE, (state.damage or "the run never started",), ())
    gate = state.gate
    held = holding(gate.waivers, state.started_at)
    waived = {one.row: one for one in held if one.row and state.rows[one.row].status in _WAIVABLE}
    findings = [*_run_findings(state), *_row_findings(state, gate, waived)]
    criteria = []
    for criterion in gate.criteria:
        if state.mode in criterion.modes:
            result, weight = _criterion(state, gate, criterion, waived, signed)
            waiver = next((one for one in held if one.criterion == criterion.id), None)
            if waiver is not None and result.status in _WAIVABLE:
                result, weight = CriterionResult(criterion, RowStatus.WAIVED, waiver.told()), Verdict.CONDITIONAL
            criteria.append(result)
            if result.status is not RowStatus.PASS:
                findings.append((weight, f"criterion {criterion.id}: {result.reason}"))
    findings.sort(key=lambda finding: -_ORDER.index(finding[0]))
    verdict = worst([Verdict.PASS, *(weight for weight, _ in findings)])
    return Judgement(verdict, tuple(reason for _, reason in findings), tuple(criteria), waived)


def _run_findings(state: RunState) -> Iterable[tuple[Verdict, str]]:
    yield from _exposure_findings(state)
    yield from _proof_findings(state)
    if state.stopped is not None:
        stop = state.stopped
        yield Verdict.STOPPED, f"guard {stop.guard} stopped the run: {stop.observed}, threshold {stop.threshold}"
    if state.damage:
        yield Verdict.INCOMPLETE, f"the journal is believed up to its damage only: {state.damage}"
    if state.finished is None:
        yield Verdict.INCOMPLETE, "the run has no end in its journal: it was cut off"
    elif not state.finished.complete:
        yield Verdict.INCOMPLETE, f"the run ended early: {state.finished.reason}"


def _proof_findings(state: RunState) -> Iterable[tuple[Verdict, str]]:
    for proof in state.proofs:
        if proof.status is not ProofStatus.HOLDS:
            weight = Verdict.CONDITIONAL if proof.status is ProofStatus.MISSING else Verdict.FAIL
            told = f": {proof.detail}" if proof.detail else ""
            yield weight, f"proof {proof.name} ({proof.source}) {_SAID[proof.status]}{told}"
    for why in disagreements(state.proofs):
        yield Verdict.FAIL, f"proofs contradict each other: {why}"
    if state.gate is not None:
        for lack in unwitnessed(state.gate.claims, state.proofs, state.mode):
            yield Verdict.CONDITIONAL, lack


def _exposure_findings(state: RunState) -> Iterable[tuple[Verdict, str]]:
    exposure = state.exposure
    for escalation in state.escalated:
        told = f"{escalation.amount} of charge {escalation.charge}"
        if exposure.settled is None:
            yield Verdict.ESCALATED, f"{told} is outstanding: {escalation.reason}"
        else:
            yield Verdict.FAIL, f"{told} was outstanding and came back later: {escalation.reason}"
    if state.is_guarded and exposure.is_open and not state.escalated:
        yield Verdict.ESCALATED, "money or a payable link may be outstanding: the exposure was never settled"
    if state.is_guarded and len(exposure.charges) > 1:
        yield Verdict.FAIL, f"one purchase led to {len(exposure.charges)} charges"
    for rescue in state.rescues:
        yield Verdict.CONDITIONAL, f"the run was carried on by {rescue.by}, after line {rescue.at_line}"


def _row_findings(state: RunState, gate: Gate, waived: Mapping[str, Waiver]) -> Iterable[tuple[Verdict, str]]:
    for row in gate.all_rows():
        known = state.rows[row.id]
        if known.status is RowStatus.PASS:
            continue
        told = f": {known.reason}" if known.reason else ""
        if row.id in waived:
            told = f"{told} ({waived[row.id].told()})"
        kind = "pre-flight" if gate.is_preflight(row.id) else "row"
        yield _row_weight(state, row, waived), f"{kind} {gate.number(row.id)} ({row.id}) is {known.status}{told}"


def _row_weight(state: RunState, row: Row, waived: Mapping[str, Waiver]) -> Verdict:
    """What a row does to the verdict; one that is waived, or that this run was told to leave out, is CONDITIONAL."""
    status = state.rows[row.id].status
    left_out = state.started is not None and not state.started.with_refund and state.mode in row.optional_in
    if row.id in waived or (status is RowStatus.SKIPPED and left_out):
        return Verdict.CONDITIONAL
    return _WEIGHT.get(status, Verdict.INCOMPLETE)


def _rows_of(gate: Gate, criterion: Criterion) -> Sequence[Row]:
    chosen = {
        *(row.id for row in gate.preflight if criterion.preflight),
        *(row.id for row in gate.rows if criterion.whole_walkthrough),
        *criterion.rows,
    }
    return [row for row in gate.all_rows() if row.id in chosen]


def _criterion(
    state: RunState, gate: Gate, criterion: Criterion, waived: Mapping[str, Waiver], signed: Collection[str]
) -> tuple[CriterionResult, Verdict]:
    """A criterion's line, and what it does to the verdict: as much as the worst of its rows, or its own status."""
    rows = [row for row in _rows_of(gate, criterion) if state.rows[row.id].status is not RowStatus.PASS]
    if rows:
        # A row that is let through is told of only when nothing worse is.
        first = min(rows, key=lambda row: row.id in waived)
        status = RowStatus.WAIVED if first.id in waived else state.rows[first.id].status
        told = waived[first.id].told() if first.id in waived else f"is {status}"
        reason = f"{gate.number(first.id)} ({first.id}) {told}"
        return CriterionResult(criterion, status, reason), worst(_row_weight(state, row, waived) for row in rows)
    status, reason = RowStatus.PASS, ""
    for hold in criterion.holds:
        reason = reason or _failed(gate, hold, state.facts.get(hold.fact))
    if reason:
        status = RowStatus.FAIL
    elif criterion.person and criterion.id not in signed:
        status, reason = RowStatus.PENDING, f"waits for {criterion.owner} to sign"
    return CriterionResult(criterion, status, reason), _WEIGHT[status]


def _failed(gate: Gate, hold: Holds, value: FactValue | None) -> str:
    if value is None:
        return f"fact {hold.fact} was not recorded"
    if hold.equals is not None:
        return "" if value == hold.equals and type(value) is type(hold.equals) else f"{hold.fact} is not {hold.equals}"
    if isinstance(value, Money | str | tuple | bool) or not isinstance(value, int | float):
        return f"{hold.fact} is not a number"
    if hold.at_most is not None and not value <= gate.threshold(hold.at_most):
        return f"{hold.fact} is {value}, more than {gate.threshold(hold.at_most):g}"
    if hold.at_least is not None and not value >= gate.threshold(hold.at_least):
        return f"{hold.fact} is {value}, less than {gate.threshold(hold.at_least):g}"
    return ""


def is_for_launch(mode: Mode) -> bool:
    """Say whether a run of this mode can decide a launch: only a live one can."""
    return mode is Mode.LIVE
