"""What the capacity of an environment allows now: the standing of a book, and each line that may be added to it.

Owns the rules and the words of each refusal. Nothing here reads a clock or a file: book, rules and time come in.

Rules (each held by a test):
- nothing granted, a period that is over, or nothing left: no unit is taken, and no override changes that;
- fewer left than the threshold is a safety pause: one unit only with a fresh override that is in time;
- of the thresholds of grant and settings the stricter counts;
- an override holds for a day at most, and is said during the pause it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.core import capacity as log
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, InterlockError, Refusal
from pytest_paygate.core.model import Field, Model, model_validator
from pytest_paygate.core.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from pytest_paygate.core.capacity import Book

OVERRIDE_MAX = timedelta(hours=24)
# Two machines never agree to the second on when a grant was written.
CLOCK_MARGIN = timedelta(seconds=5)
CONDITION = "capacity_left"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


class CapacitySettings(Model):
    """`[env.NAME.capacity]`: charges a period, the threshold of the safety pause, and how long a grant holds."""

    budget: int = Field(ge=1, le=100_000)
    pause_below: int = Field(ge=0)
    period: str = Field(pattern=r"^[1-9][0-9]{0,3}[hd]$")

    @model_validator(mode="after")
    def _threshold_within_budget(self) -> Self:
        if self.pause_below > self.budget:
            raise ValueError("a pause_below that is not more than budget")
        return self


@dataclass(frozen=True, slots=True)
class CapacityRules:
    """The rules of one environment: charges a period, threshold of the pause (in units left), length of a period."""

    budget: int
    pause_below: int
    period: timedelta

    def told(self) -> str:
        """The rules in a few words, as a plan binds them."""
        hours = self.period // timedelta(hours=1)
        length = f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"
        return f"{self.budget} charges in {length}, pause below {self.pause_below}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the capacity of an environment stands at one moment.

    `refusal` says why no unit may be taken, and is empty when one may. `override` is set only while it holds.
    """

    environment: str
    units: int
    left: int
    pause_below: int
    pause_level: int
    until: str
    override: log.Overridden | None
    override_seq: int | None
    refusal: str

    @property
    def is_paused(self) -> bool:
        """Whether fewer are left than the threshold: a safety pause."""
        return self.left < self.pause_below

    def told(self) -> str:
        """The standing in one line, for a plan."""
        if not self.units:
            return self.refusal
        paused = f", SAFETY PAUSE, override by {self.override.by}" if self.override is not None else ", SAFETY PAUSE"
        return (
            f"{self.left} of {self.units} left until {self.until} (pause below {self.pause_below}, "
            f"pause level {self.pause_level}){paused if self.is_paused else ''}"
        )


def rules_of(settings: CapacitySettings | None) -> CapacityRules | None:
    """The rules as values, or None where the environment has none."""
    if settings is None:
        return None
    period = int(settings.period[:-1]) * _UNITS[settings.period[-1]]
    return CapacityRules(settings.budget, settings.pause_below, period)


def standing(book: Book, rules: CapacityRules, now: datetime) -> Standing:
    """Where a book stands.

    Args:
        book: the environment's log, folded.
        rules: what the settings say.
        now: the time, aware.
    """
    grant = book.grant
    pause_below = max(rules.pause_below, 0 if grant is None else grant.pause_below)
    override = book.override
    late = ""
    if override is not None and now >= log.moment(override.until):
        late = f"; the one of {override.by} ended at {override.until}"
    fresh = None if late or _is_ahead(book, book.override_seq, now) else override
    refusal = _why_not(book, now)
    if not refusal and book.left < pause_below and fresh is None:
        refusal = f"{book.left} left, fewer than {pause_below}: a safety pause, and no fresh override by a person{late}"
    return Standing(
        environment=book.environment,
        units=0 if grant is None else grant.units,
        left=book.left,
        pause_below=pause_below,
        pause_level=book.pause_level,
        until="" if grant is None else grant.until,
        override=fresh,
        override_seq=book.override_seq if fresh is not None else None,
        refusal=refusal,
    )


def grant(rules: CapacityRules, *, by: str, reason: str, units: int | None, now: datetime) -> log.Granted:
    """A new period with the whole budget, or a part of it.

    Args:
        rules: what the settings say.
        by: who grants.
        reason: why.
        units: how many charges; None for the whole budget.
        now: the time, aware.

    Raises:
        ApprovalError: when it is none, or more than the budget.
    """
    wanted = rules.budget if units is None else units
    if not 1 <= wanted <= rules.budget:
        raise _refused(
            "this capacity cannot be granted",
            expected=f"between 1 and {rules.budget} units, the budget in paygate.toml",
            observed=f"{wanted}",
            next_step="Grant fewer, or have the budget changed.",
        )
    return log.Granted(
        by=by,
        reason=reason,
        units=wanted,
        budget=rules.budget,
        pause_below=rules.pause_below,
        # The highest level that is a pause; each PASS works one off.
        pause_level=max(0, rules.pause_below - 1),
        until=log.told(now + rules.period),
    )


def override(  # noqa: PLR0913 - what an override says, and what it is checked against
    book: Book, rules: CapacityRules, *, by: str, reason: str, until: datetime, now: datetime
) -> log.Overridden:
    """A person's word for one charge during a safety pause.

    Args:
        book: the environment's log, folded.
        rules: what the settings say.
        by: who says so.
        reason: why.
        until: how long it may be used, aware.
        now: the time, aware.

    Raises:
        ApprovalError: when there is no pause to override, nothing left, or the time is out of bounds.
    """
    why_not = _why_not(book, now)
    if why_not:
        raise _refused(
            "there is nothing to override",
            expected="a period with at least one unit left",
            observed=why_not,
            next_step="Grant capacity with `paygate capacity grant`; an override makes no units.",
        )
    found = standing(book, rules, now)
    if not found.is_paused:
        raise _refused(
            "there is no safety pause to override",
            expected=f"fewer than {found.pause_below} left",
            observed=f"{book.left} left",
            next_step="Nothing is needed: a charge may be taken.",
        )
    if not now < until <= now + OVERRIDE_MAX:
        raise _refused(
            "this override would not be fresh",
            expected=f"an end within {OVERRIDE_MAX // timedelta(hours=1)} h from now",
            observed=log.told(until),
            next_step="Name an earlier --until; the next charge takes the next override.",
        )
    return log.Overridden(by=by, reason=reason, until=log.told(until))


def take(book: Book, rules: CapacityRules, *, run_id: str, gate_id: str, now: datetime) -> log.Taken:
    """One unit for one run, before its money moves.

    Raises:
        InterlockError: when none may be taken; nothing moved.
    """
    found = standing(book, rules, now)
    before = book.units.get(run_id)
    refusal = found.refusal
    if not refusal and before is not None and not before.returned:
        refusal = "this run has taken its unit before"
    if refusal:
        raise InterlockError(
            (CONDITION,),
            Refusal(
                refused=f"interlock: no money moves, because of {CONDITION}",
                expected=f"a unit of {book.environment}'s capacity that may be taken",
                observed=refusal,
                money=f"{NOTHING_MOVED} The purchase was not sent.",
                next_step="See `paygate capacity`; have it granted, or in a safety pause overridden, by a person.",
            ),
        )
    return log.Taken(run_id=run_id, gate_id=gate_id, override_seq=found.override_seq if found.is_paused else None)


def give_back(book: Book, run_id: str, reason: str) -> log.GivenBack | None:
    """The line that gives a run's unit back, or None when there is none to give back."""
    unit = book.units.get(run_id)
    if unit is None or unit.returned or unit.verdict is not None:
        return None
    return log.GivenBack(run_id=run_id, reason=reason)


def judged(book: Book, run_id: str, verdict: Verdict) -> log.Judged | None:
    """The line of a run's verdict, or None when it holds no unit or its last word was noted before."""
    unit = book.units.get(run_id)
    if unit is None or not unit.is_open or unit.verdict is verdict:
        return None
    return log.Judged(run_id=run_id, verdict=verdict)


def _why_not(book: Book, now: datetime) -> str:
    """Why no unit may be taken whatever anybody says, or nothing."""
    if book.grant is None:
        return "nobody has granted any capacity"
    if _is_ahead(book, book.grant_seq, now):
        return "the grant is dated in the future"
    if now >= log.moment(book.grant.until):
        return f"the period ended at {book.grant.until}"
    return f"0 of {book.grant.units} units left: the budget is used up" if book.left <= 0 else ""


def _is_ahead(book: Book, seq: int | None, now: datetime) -> bool:
    return seq is not None and log.moment(book.lines[seq].at) > now + CLOCK_MARGIN


def _refused(refused: str, *, expected: str, observed: str, next_step: str) -> ApprovalError:
    return ApprovalError(
        Refusal(refused=refused, expected=expected, observed=observed, money=NOTHING_MOVED, next_step=next_step)
    )
