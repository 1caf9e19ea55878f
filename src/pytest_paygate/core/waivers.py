"""Waivers: somebody answers for letting a red line through, for a reason and until a day.

Rules:
- a waiver names one row or one criterion, an owner, a reason and the last day it holds, and stands in `gate.toml`, so
  that the gate's hash covers it;
- it holds on the day the run began, by the journal's own time, or it counts for nothing and is shown as expired;
- no run begins with a waiver that reaches further than `DAYS_MAX` days: whoever answers for it must say so again;
- it never makes anything PASS: what it lets through is WAIVED, and the run CONDITIONAL at best;
- only what ran and was seen to be red can be waived: a row that was held back or never ran cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.model import Day, Field, Model, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

DAYS_MAX = 14


class Waiver(Model):
    """One waiver; exactly one of `row` and `criterion` is set."""

    row: str = ""
    criterion: str = ""
    owner: str = Field(min_length=1, max_length=120)
    reason: str = Field(min_length=1, max_length=400)
    until: Day

    @model_validator(mode="after")
    def _one_of_both(self) -> Waiver:
        if bool(self.row) == bool(self.criterion):
            raise ValueError("a waiver names a row or a criterion, and one of them only")
        return self

    def told(self) -> str:
        """Who lets it through, why, and until when."""
        return f"waived by {self.owner} until {self.until.isoformat()}: {self.reason}"


def holding(waivers: Iterable[Waiver], started_at: str) -> tuple[Waiver, ...]:
    """The waivers that hold for a run.

    Args:
        waivers: the gate's.
        started_at: when the run began, as its journal says (ISO 8601, UTC).
    """
    return tuple(waiver for waiver in waivers if started_at[:10] <= waiver.until.isoformat())


def check_reach(waivers: Iterable[Waiver], today: date, file: str) -> None:
    """Refuse waivers that would hold for longer than one may be answered for.

    Args:
        waivers: the gate's.
        today: the day on which a run is about to begin (UTC).
        file: the gate's file, for the message.

    Raises:
        ConfigurationError: naming the first one.
    """
    for number, waiver in enumerate(waivers):
        days = (waiver.until - today).days
        if days > DAYS_MAX:
            raise configuration(
                f"{file}: waivers[{number}].until",
                "is too far away",
                expected=f"a day within {DAYS_MAX} days from today, {today.isoformat()}",
                observed=f"{waiver.until.isoformat()}, {days} days from today",
                next_step="Write a nearer day; when it has passed, whoever answers for it decides again.",
            )


def expired(waivers: Iterable[Waiver], started_at: str) -> tuple[Waiver, ...]:
    """The waivers whose last day had passed when the run began."""
    held = holding(waivers, started_at)
    return tuple(waiver for waiver in waivers if waiver not in held)
