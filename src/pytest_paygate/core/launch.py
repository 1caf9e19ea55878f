"""The launch decision: one line for each gate's run, each of its criteria and each manual item, and the worst of them.

Rules:
- only the newest live run of a gate decides; one whose bundle is not believed is NO-GO, no live run at all is PENDING;
- a criterion that waits for a person is GO only with that person's sign-off for this very bundle;
- a run that passed after others had failed is GO only once somebody has signed the write-up of what went wrong: whoever
  starts a gate again until it is green has to say why it was red;
- an item of `golive.toml` is GO only while signed for the bundles it rests on, and not longer than it may stand;
- a launch is GO only when every line is, and never when there is no line.
Pure: runs, sign-offs and the time come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.sign_offs import SignOff, is_for, last_word
from pytest_paygate.core.verdict import Decision, Judgement, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_paygate.core.events import PastRun
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import CriterionResult

FAILURES_TITLE = "Runs that failed before this one, written up"
_FAILED = frozenset({Verdict.FAIL, Verdict.STOPPED, Verdict.ESCALATED, Verdict.INCOMPLETE})
_FAILED_SHOWN = 3
_ORDER = (Decision.GO, Decision.PENDING, Decision.NO_GO)


class GoLiveItem(Model):
    """A line that people answer for. It rests on `gates` (on all of them when empty) unless it `stands` by itself."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str = Field(min_length=1, max_length=160)
    owner: str = Field(min_length=1, max_length=120)
    gates: tuple[str, ...] = ()
    stands: bool = False
    valid_days: int | None = Field(default=None, ge=1, le=400)


class GoLive(Model):
    """`golive.toml`: the gates a launch needs, whether they have run or not, and the items people answer for."""

    gates: tuple[str, ...] = ()
    items: tuple[GoLiveItem, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchRun:
    """A run that a launch may rest on. `problem` says why its bundle is not believed; `seal` is the bundle's hash."""

    state: RunState
    seal: str
    problem: str = ""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return "" if self.state.started is None else self.state.started.run_id

    @property
    def gate_id(self) -> str:
        """The gate's id."""
        return "" if self.state.gate is None else self.state.gate.id


@dataclass(frozen=True, slots=True)
class LaunchLine:
    """One line of the checklist. `run_id` is the run it was obtained in; `anchor` the place in that run's report."""

    item: str
    title: str
    owner: str
    decision: Decision
    why: str
    gate_id: str = ""
    run_id: str = ""
    anchor: str = ""
    commit: str = ""
    at: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """The whole checklist and what it adds up to."""

    decision: Decision
    lines: tuple[LaunchLine, ...]
    as_of: datetime


def signed_judgement(run: LaunchRun, sign_offs: Sequence[SignOff]) -> Judgement:
    """A run's verdict with the sign-offs that were given for its very bundle."""
    gate = run.state.gate
    signed = []
    for criterion in gate.criteria if gate is not None else ():
        word = last_word(sign_offs, f"{run.gate_id}/{criterion.id}")
        if word is not None and not word.refused and is_for(word, {run.gate_id: run.seal}):
            signed.append(criterion.id)
    return judge(run.state, signed)


def launch(
    runs: Mapping[str, LaunchRun | None], go_live: GoLive, sign_offs: Sequence[SignOff], now: datetime
) -> Launch:
    """The checklist.

    Args:
        runs: for each gate of the launch its newest live run, or None.
        go_live: what the team has added.
        sign_offs: every sign-off, oldest first.
        now: the time, for what may stand only so long.
    """
    lines: list[LaunchLine] = []
    for gate_id, run in runs.items():
        lines += _of_gate(gate_id, run, sign_offs)
    seals = {gate_id: "" if run is None else run.seal for gate_id, run in runs.items()}
    lines += (_of_item(item, seals, sign_offs, now) for item in go_live.items)
    decisions = [line.decision for line in lines] or [Decision.PENDING]
    return Launch(max(decisions, key=_ORDER.index), tuple(lines), now)


def _of_gate(gate_id: str, run: LaunchRun | None, sign_offs: Sequence[SignOff]) -> Iterator[LaunchLine]:
    if run is None or run.state.started is None or run.state.gate is None:
        yield LaunchLine(gate_id, "a live run", "operator", Decision.PENDING, "no live run yet", gate_id)
        return
    started, gate = run.state.started, run.state.gate
    judgement = signed_judgement(run, sign_offs)
    decision = Decision.NO_GO if run.problem else judgement.decision
    told = judgement.reasons[0] if judgement.reasons else "every row with its evidence, every criterion met"
    yield LaunchLine(
        gate_id,
        gate.title,
        "operator",
        decision,
        f"the bundle is not believed: {run.problem}" if run.problem else f"{judgement.verdict}: {told}",
        gate_id,
        run.run_id,
        "rows",
        started.commit,
        run.state.started_at,
    )
    for result in judgement.criteria:
        yield _of_criterion(run, result, sign_offs, started.commit)
    if failed := failed_before(run.state):
        yield _of_failures(run, failed, sign_offs, started.commit)


def failures_item(gate_id: str) -> str:
    """The item under which the runs that failed before are signed for."""
    return f"{gate_id}/earlier_runs"


def failed_before(state: RunState) -> tuple[PastRun, ...]:
    """The runs that failed since the last one that passed, oldest first, as the run's own sealed journal knows them."""
    failed: list[PastRun] = []
    for run in () if state.history is None else state.history.runs:
        if run.verdict == Verdict.PASS:
            failed.clear()
        elif run.verdict in _FAILED:
            failed.append(run)
    return tuple(failed)


def _of_failures(run: LaunchRun, failed: Sequence[PastRun], sign_offs: Sequence[SignOff], commit: str) -> LaunchLine:
    item = failures_item(run.gate_id)
    told = ", ".join(f"{one.run_id} {one.verdict}" for one in failed[-_FAILED_SHOWN:])
    more = f" and {len(failed) - _FAILED_SHOWN} before" if len(failed) > _FAILED_SHOWN else ""
    decision, why = Decision.PENDING, f"waits for the write-up of {told}{more}"
    word = last_word(sign_offs, item)
    if word is not None and word.refused:
        decision, why = Decision.NO_GO, f"refused by {word.by}{f': {word.note}' if word.note else ''}"
    elif word is not None and is_for(word, {run.gate_id: run.seal}):
        decision, why = Decision.GO, f"written up after {told}{more}; signed by {word.by}"
    return LaunchLine(
        item,
        FAILURES_TITLE,
        "operator",
        decision,
        why,
        run.gate_id,
        run.run_id,
        "trend",
        commit,
        run.state.started_at if word is None else word.at,
        "" if word is None else _evidence(word),
    )


def _of_criterion(run: LaunchRun, result: CriterionResult, sign_offs: Sequence[SignOff], commit: str) -> LaunchLine:
    item = f"{run.gate_id}/{result.criterion.id}"
    decision = {RowStatus.PASS: Decision.GO, RowStatus.PENDING: Decision.PENDING}.get(result.status, Decision.NO_GO)
    why, evidence, at = result.reason or "met", "", run.state.started_at
    word = last_word(sign_offs, item) if result.criterion.person else None
    if word is not None:
        evidence, at = _evidence(word), word.at
        if word.refused:
            decision, why = Decision.NO_GO, f"refused by {word.by}{f': {word.note}' if word.note else ''}"
        elif decision is Decision.GO:
            why = f"signed by {word.by}"
        else:
            why = f"{why}; {word.by} signed for an older bundle on {word.at[:10]}"
    if run.problem and decision is Decision.GO:
        decision, why = Decision.NO_GO, "the bundle is not believed"
    return LaunchLine(
        item,
        result.criterion.title,
        result.criterion.owner,
        decision,
        why,
        run.gate_id,
        run.run_id,
        f"c-{result.criterion.id}",
        commit,
        at,
        evidence,
    )


def _of_item(item: GoLiveItem, seals: Mapping[str, str], sign_offs: Sequence[SignOff], now: datetime) -> LaunchLine:
    word = last_word(sign_offs, item.id)
    if word is None:
        return LaunchLine(item.id, item.title, item.owner, Decision.PENDING, f"waits for {item.owner} to sign")
    decision, why = Decision.GO, f"signed by {word.by}"
    rests_on = bound_seals(item, seals)
    if word.refused:
        decision, why = Decision.NO_GO, f"refused by {word.by}{f': {word.note}' if word.note else ''}"
    elif not item.stands and not is_for(word, rests_on):
        decision, why = Decision.PENDING, f"{word.by} signed for an older bundle on {word.at[:10]}"
    elif item.valid_days is not None and _is_older(word.at, now, item.valid_days):
        decision, why = Decision.PENDING, f"{word.by} signed on {word.at[:10]}, more than {item.valid_days} days ago"
    return LaunchLine(item.id, item.title, item.owner, decision, why, at=word.at, evidence=_evidence(word))


def bound_seals(item: GoLiveItem, seals: Mapping[str, str]) -> dict[str, str]:
    """The bundles an item's sign-off rests on: gate to seal.

    Args:
        item: the item.
        seals: the seal of each gate's newest live run, empty where there is none.
    """
    return {gate: seal for gate, seal in seals.items() if not item.gates or gate in item.gates}


def _evidence(word: SignOff) -> str:
    return f"{word.evidence} (sha256 {word.evidence_sha256[:12]}…)"


def _is_older(at: str, now: datetime, days: int) -> bool:
    """Whether a time is longer ago than that; one that cannot be read is."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return True
    return now - (then if then.tzinfo else then.replace(tzinfo=UTC)) > timedelta(days=days)
