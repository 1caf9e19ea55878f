"""Every planted fault of both gates, its twins, what catches it, pairs, and clean runs, ending in one line: `make faults`.

`python -m tests.faults page` writes the page about the last result instead, and runs nothing: what has changed since is
told as not measured. A pattern such as
`fleet_refund_*` plants only the faults of those names, tells what caught each, and keeps nothing.
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.faults import matrix, page, result

_SEED_MAX = 1_000_000


def main(arguments: list[str]) -> int:
    """Run a size of the matrix; 0 when every fault was caught by its row, and nothing harmless was."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("what", nargs="?", default="full", help="full, smoke, page, or a pattern of names of faults")
    parser.add_argument("--seed", type=int, default=random.randrange(_SEED_MAX), help="of the noise in clean runs")
    chosen = parser.parse_args(arguments)
    if chosen.what == "page":
        result.refresh()
        page.PAGE.write_text(page.text())
        return 0
    if not matrix.chosen(chosen.what):
        parser.error(f"{chosen.what!r} is no name of a planted fault, nor a pattern of some")
    print(f"clean runs are drawn from --seed {chosen.seed}", flush=True)
    score = matrix.run(chosen.what, chosen.seed, _tell)
    if chosen.what == "full":
        result.write(score, chosen.seed)
        page.PAGE.write_text(page.text())
    else:
        for fault, chain in score.chains.items():
            print(fault, *(f"{link.check}@{link.row}" for link in chain.links), chain.end)
    print(*score.problems, f"pairs={score.pairs} passed={score.pairs_passed}", score, sep="\n", flush=True)
    return min(len(score.problems), 1)


def _tell(made: int) -> None:
    if made % 50 == 0:
        print(f"{made} runs made", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
