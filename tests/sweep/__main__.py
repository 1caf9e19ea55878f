"""Everything that proves rule by rule that money cannot go wrong, at full size, ending in one line: `make sweep`."""

from __future__ import annotations

import sys

from tests.network import cells
from tests.rehearsal import hostile, kills
from tests.sweep import crash


def main() -> int:
    """Run all sweeps; 0 when nothing was wrong anywhere."""
    swept = crash.run("full")
    print(swept, flush=True)
    killed = kills.run("full")
    print(killed, flush=True)
    wire = cells.run("full")
    print(wire.cells, *wire.problems, sep="\n", flush=True)
    misused = hostile.run("full")
    print(misused.runs, *misused.problems, sep="\n", flush=True)
    print(
        f"sweep: scenarios={swept.scenarios} violations={swept.violations}"
        f" wrong_designs={swept.wrong_designs_caught}/{swept.wrong_designs}"
        f" kills={killed.kills} open={killed.open} double={killed.double}"
        f" network_cells={wire.cells} wrong={wire.wrong}"
        f" pytest_runs={misused.runs} wrong={misused.wrong}"
    )
    wrong = swept.violations + killed.open + killed.double + killed.passed + len(killed.problems) + len(killed.unkilled)
    wrong += wire.wrong + misused.wrong + len(swept.missed)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
