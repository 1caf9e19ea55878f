"""Mutation testing of the rules: `make mutate`, or `python -m tests.mutation [MODULE …] [--sample N --seed S]`.

Ends with `mutants: N killed=N equivalent=N survived=0`, and with 1 when a mutant survived (a timeout is a survivor), or
when the list of equivalent mutants is wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter

from tests.mutation import ledger
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.scope import SCOPE, SOURCES, chosen
from tests.mutation.trial import Outcome, try_and_send

EQUIVALENT = "equivalent"


def main(arguments: list[str]) -> int:
    """Try the mutants and say what became of them; 0 when every one is killed or equivalent."""
    options = _options(arguments)
    modules = chosen(options.modules)
    made = [mutant for module in modules for mutant in mutants(module, (SOURCES / module).read_text("utf-8"))]
    listed = ledger.read(ledger.FILE.read_text("utf-8"))
    unknown = [key for key in listed if key[0] not in SCOPE]
    problems = [
        f"no such mutant, listed as equivalent: {key}" for key in [*unknown, *ledger.stale(listed, made, modules)]
    ]
    picked = made
    if options.sample:
        picked = random.Random(options.seed).sample(made, min(options.sample, len(made)))
    totals: Counter[str] = Counter()
    for module in modules:
        mine = [mutant for mutant in picked if mutant.module == module]
        if mine:
            began = time.monotonic()
            outcomes = _tried(module, mine, options.jobs)
            counts, wrong = judged(outcomes, listed)
            problems += wrong
            totals += counts
            print(f"{module}: {line(counts)} in {time.monotonic() - began:.0f} s", flush=True)
    print(*problems, sep="\n")
    if options.sample:
        print(f"a sample of {len(picked)} out of {len(made)}, seed {options.seed}")
    print(f"mutants: {line(totals)}")
    return 1 if problems or totals[Outcome.SURVIVED] or not totals else 0


def judged(outcomes: list[tuple[Mutant, Outcome]], listed: dict[ledger.Key, str]) -> tuple[Counter[str], list[str]]:
    """How many of each, and what is wrong. A timeout is a survivor, listed or not."""
    counts: Counter[str] = Counter()
    problems = []
    for mutant, outcome in outcomes:
        is_listed = mutant.key in listed
        if outcome is Outcome.KILLED:
            counts[Outcome.KILLED] += 1
            if is_listed:
                problems.append(f"killed, and listed as equivalent: {mutant}")
        elif outcome is Outcome.SURVIVED and is_listed:
            counts[EQUIVALENT] += 1
        else:
            counts[Outcome.SURVIVED] += 1
            problems.append(f"{outcome}: {mutant}")
    return counts, problems


def line(counts: Counter[str]) -> str:
    """The figures, in the form in which the last line has them."""
    killed, equivalent, survived = counts[Outcome.KILLED], counts[EQUIVALENT], counts[Outcome.SURVIVED]
    return f"{sum(counts.values())} killed={killed} equivalent={equivalent} survived={survived}"


def _tried(module: str, mine: list[Mutant], jobs: int) -> list[tuple[Mutant, Outcome]]:
    """In a process of its own, so that no module sees what another one has imported."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=try_and_send, args=(module, mine, jobs, sending))
    process.start()
    sending.close()
    by_key = {mutant.key: mutant for mutant in mine}
    outcomes = []
    try:
        while True:
            key, outcome = receiving.recv()
            outcomes.append((by_key[key], Outcome(outcome)))
    except EOFError:
        process.join()
    if process.exitcode or len(outcomes) != len(mine):
        raise SystemExit(f"{module}: {len(outcomes)} of {len(mine)} mutants were tried; see above")
    return outcomes


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("modules", nargs="*", help="modules to mutate; all of the scope by default")
    parser.add_argument("--sample", type=int, default=0, help="try only this many, chosen with --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    options = parser.parse_args(arguments)
    try:
        chosen(options.modules)
    except ValueError as problem:
        parser.error(str(problem))
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
