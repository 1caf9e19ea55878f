"""The precondition "the previous run of another gate passed": what one run, read back and believed or not, proves.

Owns the decision and its words. Which run is the newest, and whether its bundle is believed, is found out elsewhere.

Rules (each held by a test):
- only a believed bundle of the asked gate in the asked environment proves anything;
- it is a PASS, of this commit, of a checkout without changes where money is real, and young enough;
- whatever does not hold is named; what is not known does not hold.
Pure: run, commit and time come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.core.verdict import Verdict

if TYPE_CHECKING:
    from pytest_paygate.core.run import RunState

# Two machines never agree to the minute on when a run began.
CLOCK_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a run of a gate in an environment, of a commit, not older than `max_age`.

    With `clean_only` the commit must be a checkout without changes, as it must be where money is real.
    """

    gate_id: str
    environment: str
    commit: str
    max_age: timedelta
    clean_only: bool


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The newest run there is, as far as it is known. `problem` says why it does not do; empty when it does.

    `age_hours` counts from its end, and is None when that is not known.
    """

    gate_id: str
    environment: str
    run_id: str = ""
    verdict: str = ""
    commit: str = ""
    age_hours: float | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the precondition holds."""
        return not self.problem


def absent(asked: Asked, problem: str, run_id: str = "") -> PreviousRun:
    """The answer when there is no run that could be looked at."""
    return PreviousRun(asked.gate_id, asked.environment, run_id=run_id, problem=problem)


def weigh(asked: Asked, state: RunState, verdict: Verdict, now: datetime) -> PreviousRun:
    """Say whether a believed run is what was asked for.

    Args:
        asked: what is asked for.
        state: the run, folded from its believed bundle.
        verdict: its verdict, with the sign-offs that were given for this very bundle.
        now: the time, aware.
    """
    started = state.started
    if started is None:
        return absent(asked, "the run never started")
    ended = _moment(state.ended_at)
    age = None if ended is None else now - ended
    problems = (
        _other("gate", str(started.gate.get("id", "")), asked.gate_id),
        _other("environment", started.environment, asked.environment),
        "" if verdict is Verdict.PASS else f"its verdict is {verdict}",
        _commit(asked, started.commit),
        _age(asked, age),
    )
    wrong = [problem for problem in problems if problem]
    return PreviousRun(
        gate_id=asked.gate_id,
        environment=asked.environment,
        run_id=started.run_id,
        verdict=verdict.value,
        commit=started.commit,
        age_hours=None if age is None else round(age.total_seconds() / 3600, 3),
        problem=f"run {started.run_id}: {wrong[0]}" if wrong else "",
    )


def _other(what: str, seen: str, wanted: str) -> str:
    return "" if seen == wanted else f"it is of {what} {seen}, not of {wanted}"


def _commit(asked: Asked, seen: str) -> str:
    if seen != asked.commit:
        return f"it is of commit {seen}, this run of {asked.commit}"
    is_changed = seen == "unknown" or "-" in seen
    return f"commit {seen} names no checkout without changes" if asked.clean_only and is_changed else ""


def _age(asked: Asked, age: timedelta | None) -> str:
    if age is None:
        return "it does not say when it ended"
    if age < -CLOCK_MARGIN:
        return "it ended in the future: a clock is wrong"
    hours = age.total_seconds() / 3600
    allowed = asked.max_age.total_seconds() / 3600
    return "" if age <= asked.max_age else f"it ended {hours:.1f} h ago, more than {allowed:g} h"


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found
