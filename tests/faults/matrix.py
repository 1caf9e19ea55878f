"""The whole matrix: every fault, its twins, the chain of its checks, pairs of the worst, and clean runs.

Owns which runs are made; what they mean, `score` counts.
"""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING

from tests.faults.catalogue import ENTRIES
from tests.faults.chains import relenting
from tests.faults.noise import clean_runs
from tests.faults.runs import Job, carry_out
from tests.faults.score import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.faults.entry import Entry, Planted
    from tests.faults.runs import Seen

CLEAN_RUNS = 200
# In `make test`: every layer, both gates, a run that is CONDITIONAL, a pair, and a clean run of each gate.
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
    "fleet_refund_before_charge",
    "fleet_history_gap",
)
SMOKE_PAIRS = 1
SMOKE_CLEAN_RUNS = 2


def chosen(size: str) -> tuple[Entry, ...]:
    """The entries that are planted, never one that only another test can plant.

    Args:
        size: `full`, `smoke`, or the names of some faults as a pattern such as `fleet_*`.
    """
    entries = tuple(entry for entry in ENTRIES if not entry.held_by)
    if size == "full":
        return entries
    if size == "smoke":
        return tuple(entry for entry in entries if entry.fault in SMOKE)
    return tuple(entry for entry in entries if fnmatchcase(entry.fault, size))


def beside(size: str, seed: int) -> tuple[list[Job], list[Job]]:
    """The pairs and the clean runs of a size; none for a pattern."""
    pairs, clean = {"full": (None, CLEAN_RUNS), "smoke": (SMOKE_PAIRS, SMOKE_CLEAN_RUNS)}.get(size, (0, 0))
    return pair_jobs(ENTRIES)[:pairs], clean_runs(seed, clean)


def fault_job(entry: Entry) -> Job:
    """The run that plants an entry's fault."""
    return Job(entry.gate, (entry.planted,), is_fault=True)


def twin_job(entry: Entry, twin: Planted) -> Job:
    """The run that plants one of its twins."""
    return Job(entry.gate, (twin,), is_fault=False)


# A hundred times and a hundredth of the amount are the right amount: together they are no fault.
_UNDONE = frozenset({"charge_amount_hundredfold", "charge_amount_hundredth"})


def pair_jobs(entries: Sequence[Entry]) -> list[Job]:
    """Every two of the worst faults of one gate, planted together."""
    worst = [entry for entry in entries if entry.critical]
    return [
        Job(one.gate, (one.planted, other.planted), is_fault=True)
        for one, other in combinations(worst, 2)
        if one.gate == other.gate and {one.fault, other.fault} != _UNDONE
    ]


def run(size: str, seed: int, done: Callable[[int], None] = lambda _made: None) -> Score:
    """Make every run of a size, several at a time; runs that are alike are made once.

    Args:
        size: `full`, `smoke`, or a pattern of names.
        seed: decides what happens in the clean runs, and which run comes when.
        done: told after each run how many have been made.
    """
    entries = chosen(size)
    pairs, clean = beside(size, seed)
    faults = [fault_job(one) for one in entries]
    # Where there are clean runs enough, every twin happens in one of them, in company; a run of its own follows a red one.
    twins = [] if size == "full" else [twin_job(one, twin) for one in entries for twin in one.twins]
    made = 0

    def follow(job: Job, seen: Seen) -> Sequence[Job]:
        nonlocal made
        made += 1
        done(made)
        return (*relenting(job, seen), *alone(job, seen))

    # Mixed, since one gate's runs sleep more than the other's: so the processors are busy from the first to the last.
    jobs = [*faults, *twins, *pairs, *clean]
    random.Random(seed).shuffle(jobs)
    seen = carry_out(jobs, follow)
    score = scored(entries, pairs, clean, seen)
    if size == "full":
        score.close()
    return score


def alone(job: Job, seen: Seen) -> Sequence[Job]:
    """For a clean run that is red, or in which something did not act: a run for each thing that was planted in it."""
    if not job.label or (seen.is_clean and all(seen.fired.get(one.name) for one in job.planted)):
        return ()
    return tuple(Job(job.gate, (one,), is_fault=False) for one in job.planted)


def _run_of(twin: Job, clean: Sequence[Job], seen: Mapping[Job, Seen]) -> Job:
    """The run that shows a twin: its own, or the clean run in which it happened."""
    among = (one for one in clean if one.gate == twin.gate and twin.planted[0] in one.planted)
    return twin if twin in seen else next(among)


def scored(entries: Sequence[Entry], pairs: Sequence[Job], clean: Sequence[Job], seen: Mapping[Job, Seen]) -> Score:
    """Count runs against what the catalogue expects of them."""
    score = Score()
    for entry in entries:
        score.take_fault(entry, fault_job(entry), seen)
        for twin in entry.twins:
            score.take_twin(entry, twin, seen[_run_of(twin_job(entry, twin), clean, seen)])
    for job in pairs:
        score.take_pair(job, seen[job])
    for job in clean:
        score.take_clean(job, seen[job])
    for job, one in seen.items():
        score.take_checks(job, one)
    return score
