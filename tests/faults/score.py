"""Counts what was caught: the faults, their twins, pairs of faults, clean runs, and the checks that bear load.

Owns the score: what counts as caught, as the right row, as a red twin. A figure that was not measured is not in it, and
every figure that is not as it must be is a problem in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.chains import chain_of
from tests.faults.microcharge import SHOWN_BY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.faults.chains import Chain
    from tests.faults.entry import Entry, Planted
    from tests.faults.runs import Job, Seen

_HARMFUL_VERDICTS = {"FAIL", "STOPPED", "ESCALATED"}
CRITICAL_CHECKS_MIN = 2


@dataclass
class Score:
    """The figures of one set of runs, and every problem in words.

    `checks` are those that were made in any run, each with its statement and its gates; `proved_by` the faults that
    show that a check bears load; `chains` the checks that caught each fault.
    """

    planted: int = 0
    caught: int = 0
    right_row: int = 0
    twins: int = 0
    twins_red: int = 0
    fired: int = 0
    pairs: int = 0
    pairs_passed: int = 0
    clean_runs: int = 0
    red: int = 0
    checks: dict[str, str] = field(default_factory=dict)
    checks_of: dict[str, set[str]] = field(default_factory=dict)
    proved_by: dict[str, list[str]] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The last line of `make faults`, of the figures that were measured."""
        return (
            f"faults: planted={self.planted} caught={self.caught} right_row={self.right_row}"
            f" twins={self.twins} twins_red={self.twins_red} fired={self.fired}"
            f" checks={len(self.checks)} load_bearing={len(self.proved_by)}"
            f" clean_runs={self.clean_runs} red={self.red}"
        )

    def take_fault(self, entry: Entry, job: Job, seen: Mapping[Job, Seen]) -> None:
        """Count one planted fault, and the runs without the checks that caught it."""
        one = seen[job]
        fired = one.fired.get(entry.fault, 0) > 0
        caught = _is_caught(entry, one)
        right = caught and one.red_rows == entry.rows and one.red_criteria == entry.criteria
        self.planted += 1
        self.fired += fired
        self.caught += caught
        self.right_row += right
        if not fired:
            self.problems.append(f"{entry.fault}: did not act")
        if not caught:
            self.problems.append(f"{entry.fault}: missed, verdict {one.verdict}\n{one.output}")
        elif not right:
            self.problems.append(
                f"{entry.fault}: red are {_told(one.red_rows)} and {_told(one.red_criteria)},"
                f" expected {_told(entry.rows)} and {_told(entry.criteria)}"
            )
        self._take_chain(entry, chain_of(job, seen))

    def _take_chain(self, entry: Entry, chain: Chain) -> None:
        self.chains[entry.fault] = chain
        for check in chain.proves:
            self.proved_by.setdefault(check, []).append(entry.fault)
        if entry.critical and len(chain.links) < CRITICAL_CHECKS_MIN:
            by = _told(link.check for link in chain.links)
            self.problems.append(f"{entry.fault}: critical, and caught by fewer than two checks: {by}")

    def take_twin(self, entry: Entry, twin: Planted, seen: Seen) -> None:
        """Count one harmless twin."""
        self.twins += 1
        if not seen.is_clean:
            self.twins_red += 1
            self.problems.append(f"twin {twin} of {entry.fault}: {seen.verdict}\n{seen.output}")
        if not seen.fired.get(twin.name, 0):
            self.problems.append(f"twin {twin} of {entry.fault}: did not act")

    def take_pair(self, job: Job, seen: Seen) -> None:
        """Count one run with two faults at once: never a PASS."""
        self.pairs += 1
        names = " with ".join(str(one) for one in job.planted)
        if seen.exit_code == 0 or seen.verdict not in {*_HARMFUL_VERDICTS, "CONDITIONAL"}:
            self.pairs_passed += 1
            self.problems.append(f"pair {names}: {seen.verdict}\n{seen.output}")
        elif not any(seen.fired.get(one.name, 0) for one in job.planted):
            self.problems.append(f"pair {names}: neither acted")

    def take_clean(self, job: Job, seen: Seen) -> None:
        """Count one run in which only harmless things happened."""
        self.clean_runs += 1
        if not seen.is_clean:
            self.red += 1
            planted = ", ".join(str(one) for one in job.planted)
            self.problems.append(f"clean run {job.label} ({job.gate}: {planted}): {seen.verdict}\n{seen.output}")

    def take_checks(self, job: Job, seen: Seen) -> None:
        """Note which checks a run made."""
        self.checks |= seen.made
        for name in seen.made:
            self.checks_of.setdefault(name, set()).add(job.gate)

    def close(self) -> None:
        """Name every check without which no planted fault slips through, here or in the test that shows it elsewhere."""
        for name, test in SHOWN_BY.items():
            if name in self.checks:
                self.proved_by.setdefault(name, []).append(test)
        for name in sorted(self.checks.keys() - self.proved_by.keys()):
            self.problems.append(f"check {name}: no planted fault slips through without it")


def _is_caught(entry: Entry, seen: Seen) -> bool:
    if not seen.exit_code:
        return False
    if entry.proof:
        return seen.verdict == "CONDITIONAL" and entry.proof in seen.reasons
    return seen.verdict in _HARMFUL_VERDICTS and bool(seen.red_rows & entry.rows)


def _told(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
