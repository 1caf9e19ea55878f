"""The crash sweep: every way a run can die, in every kind of world, and what is true once it has been recovered.

Run by hand: `python -m tests.sweep.crash --size full`. The scenarios are enumerated, not drawn: the same every time.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.sweep.engine import NETWORK_CALLS, Design, Life, NetworkFault, Run, armed
from tests.sweep.invariants import violations
from tests.sweep.world import Paying, Refunding, Traits, World
from tests.sweep.wrong_designs import all_of_them

if TYPE_CHECKING:
    from collections.abc import Iterator

# How many of the second and third crashes are followed: every one of them, or every so-manieth.
STRIDES = {"smoke": (1, 41, 29), "full": (1, 8, 61)}
RESTARTS_SECONDS = (2.0, 5_000.0)
_STEPS = 37


@dataclass
class Tally:
    """What a sweep has seen. `crashes` counts lives lost, by how many it took."""

    scenarios: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    first: str = ""
    crashes: Counter[int] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    unsettled: int = 0

    def add(self, other: Tally) -> None:
        """Sum up."""
        self.scenarios += other.scenarios
        self.broken += other.broken
        self.first = self.first or other.first
        self.crashes += other.crashes
        self.stages += other.stages
        self.unsettled += other.unsettled


@dataclass(frozen=True)
class CrashResult:
    """What is said of a whole sweep."""

    scenarios: int
    violations: int
    first: str
    wrong_designs: int
    wrong_designs_caught: int
    missed: tuple[str, ...]
    crashes: dict[int, int]
    stages: dict[str, int]


def traits(size: str) -> list[Traits]:
    """Every kind of world; the smoke size leaves out what matters least to the product."""
    dedups = (False, True) if size == "full" else (False,)
    restarts = RESTARTS_SECONDS if size == "full" else RESTARTS_SECONDS[:1]
    return [Traits(*chosen) for chosen in itertools.product(Paying, Refunding, dedups, (True, False), restarts)]


def faults(size: str) -> list[NetworkFault | None]:
    """No fault, and each of the first calls with its request or its answer lost."""
    calls = range(1, NETWORK_CALLS + 1) if size == "full" else (1, 3)
    return [None, *(NetworkFault(call, processed) for call in calls for processed in (False, True))]


def explore(world_traits: Traits, fault: NetworkFault | None, design: Design, strides: tuple[int, int, int]) -> Tally:
    """Every scenario of one world with one fault: die at each point, recover, die again at each point, recover."""
    tally = Tally()
    start = armed()
    for life in _lives(Life(World(world_traits), start, start), design, fault, strides, tally, first=True):
        for again in _lives(life, design, fault, strides, tally, first=False):
            for third in _lives(again, design, fault, strides, tally, first=False):
                for _ in _lives(third, design, fault, strides, tally, first=False):
                    raise AssertionError("the fourth life is not forked")
    return tally


def _lives(
    life: Life, design: Design, fault: NetworkFault | None, strides: tuple[int, int, int], tally: Tally, *, first: bool
) -> Iterator[Life]:
    """Live one life to its end, check what is true then, and hand out every state in which it could have died."""
    depth = life.crashes
    run = Run(life, design, fault, forking=depth < len(strides))
    if first:
        run.first()
    else:
        run.recover()
    _check(run, design, fault, tally)
    if depth < len(strides):
        yield from run.forks[:: strides[depth]]


def _check(run: Run, design: Design, fault: NetworkFault | None, tally: Tally) -> None:
    life = run.life
    tally.scenarios += 1
    tally.crashes[life.crashes] += 1
    tally.stages[life.exposure.stage.value] += 1
    tally.unsettled += not run.settled
    passes = run.settled and not life.escalated and len(life.exposure.charges) == 1
    passes = passes and (life.crashes == 0 or design.passes_after_recovery)
    broken = violations(life.world, escalated=life.escalated, verdict_is_pass=passes, crashed=life.crashes > 0)
    if run.settled and life.exposure.is_open and design.strict:
        broken.append("a settled run is still open: the next recovery would write again")
    for rule in broken:
        tally.broken[rule] += 1
    if broken and not tally.first:
        tally.first = f"{broken[0]}: {life.world.traits}, {fault}, crashes {life.crashes}"


def _shard(job: tuple[Traits, str]) -> Tally:
    world_traits, size = job
    tally = Tally()
    for fault in faults(size):
        tally.add(explore(world_traits, fault, Design(), STRIDES[size]))
    return tally


def catches(design: Design) -> bool:
    """Whether the sweep sees that a design is wrong, at its smallest size."""
    worlds = list(itertools.product(traits("smoke"), faults("full")))
    # In an order that meets every kind of world early: most designs are wrong in a few kinds only.
    for step in range(_STEPS):
        for world_traits, fault in worlds[step::_STEPS]:
            if explore(world_traits, fault, design, (1, 7, 10_000)).broken:
                return True
    return False


def run(size: str) -> CrashResult:
    """Sweep the product, then show that the sweep catches every wrong design."""
    total = Tally()
    jobs = [(world_traits, size) for world_traits in traits(size)]
    workers = max(1, (os.cpu_count() or 1) if size == "full" else 1)
    if workers == 1:
        for job in jobs:
            total.add(_shard(job))
    else:
        # Coverage would follow into the workers and make them several times slower.
        measured = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
        try:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for tally in pool.map(_shard, jobs, chunksize=4):
                    total.add(tally)
        finally:
            if measured is not None:
                os.environ["COVERAGE_PROCESS_CONFIG"] = measured
    designs = all_of_them()
    missed = tuple(design.name for design in designs if not catches(design))
    return CrashResult(
        total.scenarios,
        total.broken.total(),
        total.first,
        len(designs),
        len(designs) - len(missed),
        missed,
        dict(total.crashes),
        dict(total.stages),
    )


def main() -> None:
    """Print what a sweep saw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=sorted(STRIDES), default="smoke")
    result = run(parser.parse_args().size)
    print(result)


if __name__ == "__main__":
    main()
