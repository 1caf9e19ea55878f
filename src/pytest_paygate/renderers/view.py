"""What a session report shows, as plain values: computed once from a folded journal, laid out by the templates.

Owns every sentence that both forms of the report share. Knows nothing of HTML or Markdown.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import FactValue, shown
from pytest_paygate.core.money import Money
from pytest_paygate.core.verdict import Judgement, Verdict, judge
from pytest_paygate.renderers import exposure_view, session_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.events import ProofRecorded
    from pytest_paygate.core.gate import Gate, Note, Row
    from pytest_paygate.core.run import RowState, RunState

# Three lives that nobody may mistake for each other: a word, a sentence and (in HTML) a border pattern each.
BANNERS = {
    Mode.SANDBOX: ("SANDBOX", "Embedded sandbox: no real system, no real money. This run cannot decide a launch."),
    Mode.STAGING: ("STAGING", "Provider test mode: test money only. This run cannot decide a launch."),
    Mode.REHEARSAL: (
        "REHEARSAL",
        "Rehearsal of the live path against the sandbox: no funds. It cannot decide a launch.",
    ),
    Mode.LIVE: ("LIVE", "Real system, real money."),
}
_MISSING = "—"


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the nine-row table."""

    number: str
    row_id: str
    title: str
    status: RowStatus
    observed: str
    trace: str
    reason: str
    expected: str
    seen: str
    seconds: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One line of the acceptance checklist."""

    criterion_id: str
    title: str
    owner: str
    status: RowStatus
    reason: str


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything a session report shows."""

    gate_id: str
    gate_title: str
    run_id: str
    mode: Mode
    banner: str
    banner_text: str
    verdict: Verdict
    decision: str
    sentence: str
    reasons: tuple[str, ...]
    head: tuple[tuple[str, str], ...]
    preflight: tuple[RowView, ...]
    rows: tuple[RowView, ...]
    criteria: tuple[CriterionView, ...]
    money: tuple[tuple[str, str], ...]
    proofs: tuple[ProofRecorded, ...]
    anomalies: tuple[tuple[str, str], ...]
    risks: tuple[Note, ...]
    housekeeping: tuple[Note, ...]
    hashes: tuple[tuple[str, str], ...]


def view(state: RunState, journal_head: str, torn_bytes: int = 0) -> ReportView:
    """Build the view of one run.

    Args:
        state: the run, folded from its whole journal.
        journal_head: hash of the journal's last line.
        torn_bytes: bytes of a torn last line that were dropped on reading.

    Raises:
        ValueError: for a journal without a run in it.
    """
    if state.started is None or state.gate is None:
        raise ValueError("a journal without run_started has no report")
    started, gate, judgement = state.started, state.gate, judge(state)
    word, text = BANNERS[started.mode]
    return ReportView(
        gate_id=gate.id,
        gate_title=gate.title,
        run_id=started.run_id,
        mode=started.mode,
        banner=word,
        banner_text=text,
        verdict=judgement.verdict,
        decision=str(judgement.decision),
        sentence=sentence(state, gate, judgement),
        reasons=judgement.reasons,
        head=(
            ("environment", f"{started.environment} ({started.mode})"),
            ("target", started.target),
            ("trace id", started.trace_id),
            ("commit", started.commit),
            ("operator", f"{started.operator} ({'attended' if started.attended else 'unattended'})"),
            ("refund rows", "on" if started.with_refund else "left out"),
            *exposure_view.lines(state),
            ("started", state.started_at),
            ("ended", state.ended_at),
            ("tool", f"pytest-paygate {started.tool_version}, pytest {started.pytest}, Python {started.python}"),
        ),
        preflight=tuple(_row(state, gate, row) for row in gate.preflight),
        rows=tuple(_row(state, gate, row) for row in gate.rows),
        criteria=tuple(
            CriterionView(
                result.criterion.id, result.criterion.title, result.criterion.owner, result.status, result.reason
            )
            for result in judgement.criteria
        ),
        money=_money(state.facts),
        proofs=state.proofs,
        anomalies=tuple((anomaly.code, anomaly.detail) for anomaly in state.anomalies)
        + ((("torn_tail", f"{torn_bytes} bytes of an unfinished last line were dropped"),) if torn_bytes else ()),
        risks=gate.risks,
        housekeeping=gate.housekeeping,
        hashes=(
            ("gate.toml", started.gate_sha256),
            *((("suite", started.suite_sha256),) if started.suite_sha256 else ()),
            ("journal head", journal_head),
        ),
    )


def sentence(state: RunState, gate: Gate, judgement: Judgement) -> str:
    """One sentence that says why the verdict is what it is."""
    passed = sum(state.rows[row.id].status is RowStatus.PASS for row in gate.rows)
    counted = f"{passed} of {len(gate.rows)} rows passed"
    if judgement.verdict is Verdict.PASS:
        return f"{counted}, every row with its evidence and every criterion of this mode met."
    return f"{counted}; {judgement.reasons[0]}."


def _row(state: RunState, gate: Gate, row: Row) -> RowView:
    known = state.rows[row.id]
    facts = _Known({name: shown(value) for name, value in known.facts.items()}, session_log.reference(known))
    observed = row.observed.format_map(facts) if known.facts else _MISSING
    trace = row.trace.format_map(facts) if known.first is not None else _MISSING
    if _MISSING in trace:
        # A trace that names a fact the row did not record still points into the session log.
        trace = session_log.reference(known)
    return RowView(
        number=gate.number(row.id),
        row_id=row.id,
        title=row.title,
        status=known.status,
        observed=observed,
        trace=trace,
        reason=known.reason,
        expected=known.expected,
        seen=known.observed,
        seconds=_seconds(known),
        facts=tuple((name, shown(value)) for name, value in known.facts.items()),
    )


class _Known(defaultdict[str, str]):
    """Facts of a row for its templates; one that was not recorded shows as a dash."""

    def __init__(self, facts: Mapping[str, str], log: str) -> None:
        super().__init__(lambda: _MISSING, {**facts, "log": log})


def _seconds(row: RowState) -> str:
    return f"{row.elapsed_seconds:.2f} s" if row.first is not None and row.elapsed_seconds else _MISSING


def _money(facts: Mapping[str, FactValue]) -> tuple[tuple[str, str], ...]:
    """Every amount the run recorded, in the order it was recorded."""
    return tuple((name.replace("_", " "), str(value)) for name, value in facts.items() if isinstance(value, Money))


def statuses(rows: Sequence[RowView]) -> str:
    """How many rows passed, such as `9/9`."""
    return f"{sum(row.status is RowStatus.PASS for row in rows)}/{len(rows)}"
