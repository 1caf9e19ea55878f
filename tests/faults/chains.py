"""Ablation: the check that caught a fault is taken away, and the run made again, until the fault slips through.

Owns what a chain is. A check bears load when it is a link of a chain at whose end the fault slips: with the other links
taken away it caught the fault, and without it nothing did. A chain that ends at a guard proves nothing of its links:
something that is no check, such as a limit of the transport or a missing witness, would have caught the fault as well.
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
    """The checks that caught one fault, one after the other; `idle` are those that were taken away and never asked."""

    links: tuple[Link, ...]
    end: End
    idle: tuple[str, ...] = ()

    @property
    def proves(self) -> tuple[str, ...]:
        """The checks without which the fault slips."""
        return tuple(link.check for link in self.links) if self.end is End.SLIPS else ()


def slips(seen: Seen) -> bool:
    """Whether nothing was said against a run: a PASS, or CONDITIONAL for a reason that is no missing witness."""
    return seen.verdict == "PASS" or (seen.verdict == "CONDITIONAL" and "proof" not in seen.reasons)


def without_its_check(job: Job, seen: Seen) -> Iterable[Job]:
    """The same run without the check that caught the fault in this one; nothing where the chain ends here."""
    if not job.is_fault or len(job.planted) > 1 or not seen.failed or len(job.removed) == LINKS_MAX:
        return ()
    return (job._replace(removed=(*job.removed, next(iter(seen.failed)))),)


def chain_of(first: Job, seen: Mapping[Job, Seen]) -> Chain:
    """Read the chain that begins with the run of a fault.

    Args:
        first: that run, with nothing taken away.
        seen: every run that was made.
    """
    job, links = first, list[Link]()
    while following := tuple(without_its_check(job, seen[job])):
        check, row = next(iter(seen[job].failed.items()))
        links.append(Link(check, row))
        job = following[0]
    last = seen[job]
    idle = tuple(check for check in job.removed if not last.removed.get(check))
    if last.failed:
        return Chain(tuple(links), End.LONGER, idle)
    return Chain(tuple(links), End.SLIPS if slips(last) else End.GUARD, idle)
