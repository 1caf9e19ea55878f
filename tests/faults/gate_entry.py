"""What the list says of one thing done to the gate: what must come of it, and which tests hold that.

Owns the form only; the list is `gate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What must come of it. More than one charge, or one left open, is never among these."""

    REFUSED = "refused before any money moves"
    NEVER_PASS = "never a PASS"
    NOT_BELIEVED = "the bundle is not believed"
    NO_GO = "no GO, and the reason is named"
    SETTLED = "at most one charge, none left open"
    INERT = "nothing acts, nothing leaks"


@dataclass(frozen=True, slots=True)
class GateFault:
    """One thing done to the gate.

    Args:
        number: H01 … of the list of known faults of gates, M01 … of the ways in which gates are misused.
        done: what is done, as a phrase.
        outcome: what must come of it.
        held_by: node ids of the tests that do it.
        case: the name of the one case meant, where a test does many of them.
    """

    number: str
    done: str
    outcome: Outcome
    held_by: tuple[str, ...]
    case: str = ""
