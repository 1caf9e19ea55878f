"""What a session report shows, as plain values: computed once from a folded journal, laid out by the templates.

Owns every sentence that both forms of the report share. Knows nothing of HTML or Markdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import shown
from pytest_paygate.core.verdict import Judgement, Verdict, judge
from pytest_paygate.renderers import exposure_view
from pytest_paygate.renderers.action_items import ActionItem, action_items, due
from pytest_paygate.renderers.money_view import MoneyView, account
from pytest_paygate.renderers.poll_chart import PollChart, poll_charts
from pytest_paygate.renderers.proof_view import ClaimView, claim_views
from pytest_paygate.renderers.row_view import RowView, row_view
from pytest_paygate.renderers.timeline import Timeline, timeline
from pytest_paygate.renderers.trend import Trend, slow_rows, trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.events import Entry
    from pytest_paygate.core.gate import Criterion, Gate, Note
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import CriterionResult

# Four lives that nobody may mistake for each other: a word, a sentence and (in HTML) a border pattern each.
BANNERS = {
    Mode.SANDBOX: ("SANDBOX", "Embedded sandbox: no real system, no real money. This run cannot decide a launch."),
    Mode.STAGING: ("STAGING", "Provider test mode: test money only. This run cannot decide a launch."),
    Mode.REHEARSAL: (
        "REHEARSAL",
        "Rehearsal of the live path against the sandbox: no funds. It cannot decide a launch.",
    ),
    Mode.LIVE: ("LIVE", "Real system, real money."),
}
# A sign beside each word, so that a verdict is never told by colour alone.
SIGNS = {
    Verdict.PASS: "✓",
    Verdict.PENDING: "…",
    Verdict.CONDITIONAL: "!",
    Verdict.INCOMPLETE: "○",
    Verdict.FAIL: "✗",
    Verdict.STOPPED: "■",
    Verdict.ESCALATED: "‼",
}


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One line of the acceptance checklist. `evidence` is label and anchor of the rows it rests on."""

    criterion_id: str
    title: str
    owner: str
    status: RowStatus
    reason: str
    due: str
    evidence: tuple[tuple[str, str], ...]


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
    sign: str
    decision: str
    sentence: str
    reasons: tuple[str, ...]
    commit: str
    environment: str
    started_at: str
    seconds: float
    tiles: tuple[tuple[str, str], ...]
    head: tuple[tuple[str, str], ...]
    preflight: tuple[RowView, ...]
    rows: tuple[RowView, ...]
    criteria: tuple[CriterionView, ...]
    money: MoneyView | None
    timeline: Timeline | None
    polls: tuple[PollChart, ...]
    trend: Trend | None
    claims: tuple[ClaimView, ...]
    anomalies: tuple[tuple[str, str], ...]
    action_items: tuple[ActionItem, ...]
    risks: tuple[Note, ...]
    housekeeping: tuple[Note, ...]
    hashes: tuple[tuple[str, str], ...]


def view(state: RunState, journal_head: str, torn_bytes: int = 0, entries: Sequence[Entry] = ()) -> ReportView:
    """Build the view of one run.

    Args:
        state: the run, folded from its whole journal.
        journal_head: hash of the journal's last line.
        torn_bytes: bytes of a torn last line that were dropped on reading.
        entries: the journal itself, for the charts; without it there are none.

    Raises:
        ValueError: for a journal without a run in it.
    """
    if state.started is None or state.gate is None:
        raise ValueError("a journal without run_started has no report")
    started, gate, judgement = state.started, state.gate, judge(state)
    word, text = BANNERS[started.mode]
    seconds = entries[-1].elapsed_seconds if entries else sum(row.elapsed_seconds for row in state.rows.values())
    money, anomalies = account(state, gate), _anomalies(state, torn_bytes)
    rows, preflight = (
        tuple(row_view(state, gate, row, judgement) for row in listed) for listed in (gate.rows, gate.preflight)
    )
    return ReportView(
        gate_id=gate.id,
        gate_title=gate.title,
        run_id=started.run_id,
        mode=started.mode,
        banner=word,
        banner_text=text,
        verdict=judgement.verdict,
        sign=SIGNS[judgement.verdict],
        decision=str(judgement.decision),
        sentence=sentence(state, gate, judgement),
        reasons=judgement.reasons,
        commit=started.commit,
        environment=started.environment,
        started_at=state.started_at,
        seconds=seconds,
        tiles=_tiles(rows, preflight, money, seconds),
        head=_head(state, gate),
        preflight=preflight,
        rows=rows,
        criteria=tuple(_criterion(state, gate, result) for result in judgement.criteria),
        money=money,
        timeline=timeline(entries, gate) if entries else None,
        polls=poll_charts(entries),
        trend=trend(state, judgement.verdict, seconds),
        claims=claim_views(state, gate),
        anomalies=anomalies,
        action_items=action_items(state, gate, judgement, anomalies),
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


def statuses(rows: Sequence[RowView]) -> str:
    """How many rows passed, such as `9/9`."""
    return f"{sum(row.status is RowStatus.PASS for row in rows)}/{len(rows)}"


def clock_time(text: str) -> str:
    """A time of the journal for a reader, with its zone; text that is no time stands as it is."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    except ValueError:
        return text


def _tiles(
    rows: Sequence[RowView], preflight: Sequence[RowView], money: MoneyView | None, seconds: float
) -> tuple[tuple[str, str], ...]:
    """The few figures a release manager looks for first."""
    amounts = (
        ()
        if money is None
        else (("charged", money.charged), ("refunded", money.refunded), ("outstanding", money.outstanding))
    )
    return (
        ("rows passed", statuses(rows)),
        ("pre-flight", statuses(preflight)),
        *amounts,
        ("duration", f"{seconds:.1f} s"),
    )


def _head(state: RunState, gate: Gate) -> tuple[tuple[str, str], ...]:
    if state.started is None:
        raise RuntimeError("only a run that started is shown")
    started = state.started
    build = shown(state.facts[gate.build]) if gate.build in state.facts else "not told by the target"
    return (
        ("run", started.run_id),
        ("trace id", started.trace_id),
        ("environment", f"{started.environment} ({started.mode})"),
        ("host", started.target),
        ("commit", started.commit),
        ("build", build),
        ("operator", f"{started.operator} ({'attended' if started.attended else 'unattended'})"),
        ("refund rows", "on" if started.with_refund else "left out"),
        *exposure_view.lines(state),
        ("started", clock_time(state.started_at)),
        ("ended", clock_time(state.ended_at)),
        ("tool", f"pytest-paygate {started.tool_version}, pytest {started.pytest}, Python {started.python}"),
    )


def _criterion(state: RunState, gate: Gate, result: CriterionResult) -> CriterionView:
    criterion = result.criterion
    return CriterionView(
        criterion.id,
        criterion.title,
        criterion.owner,
        result.status,
        result.reason,
        due(state, criterion) if result.status is RowStatus.PENDING else "",
        _evidence(gate, criterion),
    )


def _evidence(gate: Gate, criterion: Criterion) -> tuple[tuple[str, str], ...]:
    places = []
    if criterion.preflight:
        places.append(("pre-flight", "#preflight"))
    if criterion.whole_walkthrough:
        places.append(("all rows", "#rows"))
    places += [(f"row {gate.number(row)}", f"#row-{gate.number(row)}") for row in criterion.rows]
    return tuple(places)


def _anomalies(state: RunState, torn_bytes: int) -> tuple[tuple[str, str], ...]:
    return (
        *((anomaly.code, anomaly.detail) for anomaly in state.anomalies),
        *slow_rows(state),
        *((("torn_tail", f"{torn_bytes} bytes of an unfinished last line were dropped"),) if torn_bytes else ()),
        *((("damage", state.damage),) if state.damage else ()),
    )
