"""What a check is: a named statement about a payment system, and the pure function that looks for a fact against it.

Owns the form and the list of all checks. A check must not read, wait or send anything: a row gathers the facts, has the
check judge them with `run.verify`, and the journal keeps which checks were made, so that a report can say what a PASS
rests on, and so that a check can be taken away to see what slips through without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

_ID = re.compile(r"[a-z][a-z0-9_]{2,47}")
_STATEMENT_CHARACTERS_MAX = 160


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact against the statement of a check.

    Args:
        what: what was looked at, as a noun phrase.
        observed: what came back.
        expected: what the plan, the catalogue or the provider says; never taken from the answer that is judged.
        next_step: what the reader can do; a general sentence when empty.
    """

    what: str
    observed: object
    expected: object
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Check(Generic[P]):
    """One check.

    Args:
        id: its name in journals, reports and the list of known faults; never given another meaning.
        holds: the statement that is true of a system that may take money, as a sentence without its full stop.
        judge: facts in, the finding against the statement out; None when it holds.
    """

    id: str
    holds: str
    judge: Callable[P, Finding | None]


# Every check by its id, as far as its module is loaded.
CHECKS: dict[str, Check[...]] = {}


def check(holds: str) -> Callable[[Callable[P, Finding | None]], Check[P]]:
    """Make a check of a pure function, under the function's name.

    Args:
        holds: the statement that is true of a system that may take money.

    Raises:
        ValueError: for a statement or a name that cannot be kept, or a name that is taken.
    """
    if not holds.isprintable() or not 0 < len(holds) <= _STATEMENT_CHARACTERS_MAX or holds.endswith("."):
        raise ValueError(f"not one printable sentence without its full stop: {holds!r}")

    def register(judge: Callable[P, Finding | None]) -> Check[P]:
        name = judge.__name__
        if not _ID.fullmatch(name):
            raise ValueError(f"not the id of a check: {name!r}")
        known = CHECKS.get(name)
        if known is not None and known.judge.__module__ != judge.__module__:
            raise ValueError(f"check {name} is defined twice, in {known.judge.__module__} and in {judge.__module__}")
        made = Check(name, holds, judge)
        CHECKS[name] = made
        return made

    return register


def same(what: str, *, observed: object, expected: object, next_step: str = "") -> Finding | None:
    """A finding unless two values are equal, and of one type: `True` is not 1, and `5` is not `"5"`."""
    if type(observed) is type(expected) and observed == expected:
        return None
    return Finding(what, observed, expected, next_step)
