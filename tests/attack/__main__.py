"""The adversarial part at full size, ending in one line: `python -m tests.attack`, or `make attack`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from pytest_paygate.adapters.bundle_files import read_folder
from tests.attack import canaries, injection, planted, sessions
from tests.attack.bundles import flipped, restructured
from tests.attack.two_verifiers import damaged, forged
from tests.gate_runs import copy_gate, run_gate

FULL = {"flips": 200_000, "forged": 5_000, "damaged": 2_500}
SMOKE = {"flips": 8_000, "forged": 600, "damaged": 200}


def bundles(sizes: dict[str, int]) -> tuple[str, int]:
    """Attack sealed runs, passed and failed; returns the figures and how much went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        copy_gate(Path(folder))
        runs = [run_gate(Path(folder), "suites/e2e", *more).folder for more in ([], ["--paygate-fault=login_refused"])]
        assert all(runs)
        bases = [read_folder(run) for run in runs if run is not None]
    flips, flipped_count = flipped(bases[0], sizes["flips"])
    shapes, shapes_count = restructured(bases[0])
    differ = [*damaged(bases, sizes["damaged"]).disagreements, *forged(bases, sizes["forged"]).disagreements]
    print("bundles:", *(str(one) for one in [*flips, *shapes, *differ][:20]), sep="\n", flush=True)
    told = (
        f"flips={flipped_count} accepted={len(flips)} structural={shapes_count} accepted={len(shapes)}"
        f" verifiers_disagree={len(differ)}"
    )
    return told, len(flips) + len(shapes) + len(differ)


def main() -> int:
    """Run every attack of this folder that has figures; 0 when nothing was believed, leaked, missed or acted."""
    size = os.environ.get("PAYGATE_SWEEP", "full")
    believed, wrong = bundles(FULL if size == "full" else SMOKE)
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
        f"attack: {believed} canaries={loose.canaries} leaked={len(loose.leaked)}"
        f" planted_found={found.found}/{found.planted} payloads={len(injection.PAYLOADS)} active={active}"
    )
    return min(1, wrong + len(loose.leaked) + len(found.missed) + active)


if __name__ == "__main__":
    sys.exit(main())
