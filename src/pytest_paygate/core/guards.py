"""Guards: named thresholds whose breach stops a run, as `gate.toml` declares them, and when one is breached.

Owns what a guard is and the pure decision over what was observed. How a value is read is the suite's; when it is read
again is the desk's.

Rules (each held by a test):
- a guard holds only for a value of the right type on the right side of its threshold; anything else is a breach;
- a guard that cannot be read is breached, and so is one that nobody has said how to read;
- a breach names its guard, its threshold and what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_paygate.core.capacity_rules import Standing
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.redaction import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_ID = r"^[a-z][a-z0-9_]{0,39}$"


class GuardSource(StrEnum):
    """What the project can read by itself: the units that the environment's capacity has left."""

    CAPACITY = "capacity"


class Guard(Model):
    """One `[[guards]]` table: `fact` or `source` says what is observed, the rest what it must be.

    With `fact`, pre-flight reads the guard from that fact. With `source`, the project reads it. With neither, the suite
    says what it observed. Numbers may be written as the name of a threshold. `after_money` marks what can only be read
    once money has moved, such as the refund; a breach of one that `escalates` calls for a person besides.
    """

    id: str = Field(pattern=_ID)
    title: str = Field(min_length=1, max_length=120)
    fact: str = ""
    source: GuardSource | None = None
    equals: str | int | bool | None = None
    at_most: str | int | float | None = None
    at_least: str | int | float | None = None
    after_money: bool = False
    escalates: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of a value that could not be had. `reason` is ours."""

    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at a guard found. `threshold` and `observed` are texts for people; `by` names who overrode it."""

    guard: str
    threshold: str
    observed: str
    held: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in a `[[guards]]` table that names what is not there, or says nothing."""

    where: str
    expected: str
    observed: str
    known: tuple[str, ...] = ()


def look(guard: Guard, observed: object, thresholds: Mapping[str, float]) -> Looked:
    """Decide one guard.

    Args:
        guard: as the gate declares it.
        observed: what was read: a text, number or flag, a capacity's standing, or `Unreadable`.
        thresholds: the gate's `[thresholds]`.
    """
    threshold = told(guard, thresholds)
    if isinstance(observed, Unreadable):
        return Looked(guard.id, threshold, f"not readable: {observed.reason}", held=False)
    if isinstance(observed, Standing):
        return _capacity(guard, observed, thresholds, threshold)
    return Looked(guard.id, threshold, plain(observed), held=_holds(guard, observed, thresholds))


def told(guard: Guard, thresholds: Mapping[str, float]) -> str:
    """What a guard asks for, with its numbers, such as `at least 5`."""
    parts = [] if guard.equals is None else [str(guard.equals)]
    parts += [] if guard.at_least is None else [f"at least {_number(guard.at_least, thresholds):g}"]
    parts += [] if guard.at_most is None else [f"at most {_number(guard.at_most, thresholds):g}"]
    return " and ".join(parts)


def misfits(guards: Collection[Guard], facts: Collection[str], thresholds: Collection[str]) -> Iterator[Misfit]:
    """Everything in a gate's guards that cannot be meant.

    Args:
        guards: as they stand in the file.
        facts: the names declared in `[facts]`.
        thresholds: the names declared in `[thresholds]`.
    """
    ids = [guard.id for guard in guards]
    for guard in guards:
        where = f"guard {guard.id}"
        if ids.count(guard.id) > 1:
            yield Misfit(where, "each guard id once", f"{ids.count(guard.id)} times")
        if guard.fact and guard.source is not None:
            yield Misfit(where, "a fact or a source", "both")
        if guard.fact and guard.fact not in facts:
            yield Misfit(f"{where}.fact", "a fact declared in [facts]", guard.fact, tuple(facts))
        for value in (guard.at_least, guard.at_most):
            if isinstance(value, str) and value not in thresholds:
                yield Misfit(where, "a number or a name from [thresholds]", value, tuple(thresholds))
        if guard.equals is None and guard.at_least is None and guard.at_most is None:
            yield Misfit(where, "equals, at_least or at_most", "none of them")
        if guard.escalates and not guard.after_money:
            yield Misfit(where, "after_money = true, where escalates is", "escalates alone")
        if guard.source is GuardSource.CAPACITY and guard.at_least is None:
            yield Misfit(where, "at_least, for a source that counts units", "another condition")


def _capacity(guard: Guard, standing: Standing, thresholds: Mapping[str, float], threshold: str) -> Looked:
    """Units left, where a person's fresh override stands in for those that a safety pause asks for."""
    left = f"{standing.left} left"
    if standing.refusal:
        return Looked(guard.id, threshold, standing.refusal, held=False)
    if _holds(guard, standing.left, thresholds):
        return Looked(guard.id, threshold, left, held=True)
    if standing.override is None:
        return Looked(guard.id, threshold, left, held=False)
    by = standing.override.by
    return Looked(guard.id, threshold, f"{left}, override by {by}", held=True, by=by)


def _holds(guard: Guard, value: object, thresholds: Mapping[str, float]) -> bool:
    if guard.equals is not None and (type(value) is not type(guard.equals) or value != guard.equals):
        return False
    if guard.at_least is None and guard.at_most is None:
        return guard.equals is not None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Written so that a value that compares with nothing, such as NaN, is a breach.
    above = guard.at_least is None or value >= _number(guard.at_least, thresholds)
    below = guard.at_most is None or value <= _number(guard.at_most, thresholds)
    return above and below


def _number(value: str | float, thresholds: Mapping[str, float]) -> float:
    return float(thresholds[value]) if isinstance(value, str) else float(value)
