"""Every planted fault and every harmless twin of both gates, ending in one line: `make faults`.

`python -m tests.faults page` writes the page about them instead, and runs nothing.
"""

from __future__ import annotations

import sys

from tests.faults import page, score


def main(arguments: list[str]) -> int:
    """Run all of them; 0 when every fault acted and was caught by its row, and no twin was."""
    if arguments == ["page"]:
        page.PAGE.write_text(page.text())
        return 0
    if arguments:
        print("usage: python -m tests.faults [page]", file=sys.stderr)
        return 2
    found = score.run("full")
    print(*found.problems, found, sep="\n", flush=True)
    return min(len(found.problems), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
