"""Leaks and hostile texts, at full size, ending in one line: `python -m tests.attack`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.attack import canaries, injection, planted, sessions


def main() -> int:
    """Run every attack of this folder that has figures; 0 when nothing leaked, was missed or acted."""
    size = os.environ.get("PAYGATE_SWEEP", "full")
    loose = canaries.run(size)
    print(f"canaries: {loose}", *loose.leaked[:20], sep="\n", flush=True)
    found = planted.run(size)
    print(f"planted: {found}", *found.missed[:20], sep="\n", flush=True)
    matrix = injection.everything()
    print(f"injection: {matrix}", *matrix.active[:20], sep="\n", flush=True)
    real = sessions.Figures()
    for origin in sessions.ORIGINS:
        with tempfile.TemporaryDirectory() as folder:
            one = sessions.run(origin, Path(folder))
        real.sessions, real.files = real.sessions + one.sessions, real.files + one.files
        real.active += one.active
    print(f"sessions: {real}", *real.active[:20], sep="\n", flush=True)
    active = len(matrix.active) + len(real.active)
    print(
        f"attack: canaries={loose.canaries} leaked={len(loose.leaked)} planted_found={found.found}/{found.planted}"
        f" payloads={len(injection.PAYLOADS)} cells={matrix.cells} sessions={real.sessions} active={active}"
    )
    return min(1, len(loose.leaked) + len(found.missed) + active)


if __name__ == "__main__":
    sys.exit(main())
