"""Runs gates with faults and twins planted, several at once, and counts what was caught.

Owns the score: what counts as caught, as the right row, as a red twin. A figure that was not measured is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.catalogue import ENTRIES
from tests.faults.runs import Job, carry_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.faults.entry import Entry, Planted
    from tests.faults.runs import Seen

_HARMFUL_VERDICTS = {"FAIL", "STOPPED", "ESCALATED"}
# In `make test`: every layer, both gates, and a run that is CONDITIONAL.
SMOKE = (
    "status_lies_environment",
    "huge_body",
    "charge_amount_short",
    "order_never_completes",
    "transfer_id_null",
    "refund_not_sent",
    "fleet_charges_twice",
    "fleet_log_missing",
    "fleet_refund_partial",
)


@dataclass
class Score:
    """The figures of one set of runs, and every problem in words."""

    planted: int = 0
    caught: int = 0
    right_row: int = 0
    twins: int = 0
    twins_red: int = 0
    fired: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The last line of `make faults`, of the figures that were measured."""
        return (
            f"faults: planted={self.planted} caught={self.caught} right_row={self.right_row}"
            f" twins={self.twins} twins_red={self.twins_red} fired={self.fired}"
        )

    def take_fault(self, entry: Entry, seen: Seen) -> None:
        """Count one planted fault."""
        fired = seen.fired.get(entry.fault, 0) > 0
        caught = _is_caught(entry, seen)
        right = caught and seen.red_rows == entry.rows and seen.red_criteria == entry.criteria
        self.planted += 1
        self.fired += fired
        self.caught += caught
        self.right_row += right
        if not fired:
            self.problems.append(f"{entry.fault}: did not act")
        if not caught:
            self.problems.append(f"{entry.fault}: missed, verdict {seen.verdict}\n{seen.output}")
        elif not right:
            self.problems.append(
                f"{entry.fault}: red are {_told(seen.red_rows)} and {_told(seen.red_criteria)},"
                f" expected {_told(entry.rows)} and {_told(entry.criteria)}"
            )

    def take_twin(self, entry: Entry, twin: Planted, seen: Seen) -> None:
        """Count one harmless twin."""
        self.twins += 1
        if not seen.is_clean:
            self.twins_red += 1
            self.problems.append(f"twin {twin} of {entry.fault}: {seen.verdict}\n{seen.output}")
        if not seen.fired.get(twin.name, 0):
            self.problems.append(f"twin {twin} of {entry.fault}: did not act")


def chosen(size: str) -> tuple[Entry, ...]:
    """The entries that a size plants: `smoke` or `full`; never one that only another test can plant."""
    entries = tuple(entry for entry in ENTRIES if not entry.held_by)
    return entries if size == "full" else tuple(entry for entry in entries if entry.fault in SMOKE)


def fault_job(entry: Entry) -> Job:
    """The run that plants an entry's fault."""
    return Job(entry.gate, (entry.planted,), is_fault=True)


def twin_job(entry: Entry, twin: Planted) -> Job:
    """The run that plants one of its twins."""
    return Job(entry.gate, (twin,), is_fault=False)


def run(size: str) -> Score:
    """Plant every fault and every twin of a size, each in a gate run of its own; twins that are alike run once."""
    entries = chosen(size)
    jobs = [job for entry in entries for job in (fault_job(entry), *(twin_job(entry, one) for one in entry.twins))]
    return scored(entries, carry_out(jobs))


def scored(entries: Sequence[Entry], seen: Mapping[Job, Seen]) -> Score:
    """Count runs against what the catalogue expects of them."""
    score = Score()
    for entry in entries:
        score.take_fault(entry, seen[fault_job(entry)])
        for twin in entry.twins:
            score.take_twin(entry, twin, seen[twin_job(entry, twin)])
    return score


def _is_caught(entry: Entry, seen: Seen) -> bool:
    if seen.exit_code == 0:
        return False
    if entry.proof:
        return seen.verdict == "CONDITIONAL" and entry.proof in seen.reasons
    return seen.verdict in _HARMFUL_VERDICTS and bool(seen.red_rows & entry.rows)


def _told(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
