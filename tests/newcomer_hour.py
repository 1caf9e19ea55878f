"""A newcomer's first hour: the tutorial and the scripted hour, each from the built wheel in an empty folder; `make newcomer`.

Ends in one line. A part that is missing, skipped or red is no hour.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("tests/tutorial", "tests/newcomer")
SECONDS_MAX = 3600


def main(root: Path = ROOT) -> int:
    """Do both parts; 0 when everything in them passed and nothing was left out."""
    began = time.monotonic()
    missing = [part for part in PARTS if not list((root / part).glob("test_*.py"))]
    if missing:
        print(f"newcomer: missing {', '.join(missing)}")
        return 1
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PARTS, "-q", "-rs", "-p", "no:cacheprovider"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    ending = done.stdout.strip().splitlines()[-1:] or ["nothing was shown"]
    if done.returncode or " skipped" in ending[0] or " xfailed" in ending[0]:
        print(done.stdout, done.stderr, sep="\n")
        print(f"newcomer: not ok: {ending[0]}")
        return 1
    print(ending[0])
    print(f"newcomer: ok in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
