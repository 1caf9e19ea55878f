"""Ablation: each check that catches a fault is set aside as it does, until the fault slips through.

Owns what a chain is. The run of a fault is made once more, and no check in it ends its row: what it would have said is
kept, and from then on it is as if that check did not exist. That run is the same as one made without the check from the
beginning, since before that moment the check had found nothing. A check bears load when it is a link of a chain at whose
end the fault slips: with the other links set aside it caught the fault, and without it nothing did. A chain that ends at
a guard proves nothing of its links: something that is no check, such as a limit of the transport or a missing witness,
would have caught the fault as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.faults.runs import Job, Seen

LINKS_MAX = 4


class End(StrEnum):
    """How a chain ends: the fault slips, something else than a check still catches it, or the chain is longer."""

    SLIPS = "slips"
    GUARD = "guard"
    LONGER = "longer"


@dataclass(frozen=True, slots=True)
class Link:
    """A check that caught the fault, and in which row."""

    check: str
    row: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The checks that caught one fault, one after the other."""

    links: tuple[Link, ...]
    end: End

    @property
    def proves(self) -> tuple[str, ...]:
        """The checks without which the fault slips."""
        return tuple(link.check for link in self.links) if self.end is End.SLIPS else ()


def slips(seen: Seen) -> bool:
    """Whether nothing was said against a run: a PASS, or CONDITIONAL for a reason that is no missing witness."""
    return seen.verdict == "PASS" or (seen.verdict == "CONDITIONAL" and "proof" not in seen.reasons)


def relenting(job: Job, seen: Seen) -> Iterable[Job]:
    """The same run in which the checks relent; nothing where no check caught the fault."""
    if not job.is_fault or len(job.planted) > 1 or not seen.failed or job.relents:
        return ()
    return (job._replace(relents=LINKS_MAX),)


def chain_of(first: Job, seen: Mapping[Job, Seen]) -> Chain:
    """Read the chain of a fault.

    Args:
        first: the run of the fault, in which no check relents.
        seen: every run that was made.
    """
    following = tuple(relenting(first, seen[first]))
    last = seen[following[0] if following else first]
    links = tuple(Link(check, row) for check, row in last.relented.items())
    if last.failed:
        return Chain(links, End.LONGER)
    return Chain(links, End.SLIPS if slips(last) else End.GUARD)
