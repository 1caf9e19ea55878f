"""What installing the plugin adds to an unrelated project: `pytest --collect-only`, with and without it, in pairs.

Run it as `python benchmarks/start_up_cost.py [pairs]`. `-p no:paygate` is the other side of each pair; everything else,
including the plugins of our dependencies, is the same on both. A second line shows what those dependencies' own
pytest plugins (pytest-asyncio, pytest-html, Allure, anyio) add, which is not ours to change.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 15
WITHOUT_US = ("-p", "no:paygate")
BARE = (
    "-p",
    "no:asyncio",
    "-p",
    "no:html",
    "-p",
    "no:metadata",
    "-p",
    "no:allure_pytest",
    "-p",
    "no:anyio",
    *WITHOUT_US,
)
DEV_ONLY = (
    "-p",
    "no:randomly",
    "-p",
    "no:sugar",
    "-p",
    "no:rerunfailures",
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:timeout",
)


def collect_ms(folder: Path, *options: str) -> float:
    """Milliseconds of one `pytest --collect-only` in an unrelated project."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *DEV_ONLY, *options]
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Measure and print."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_unrelated.py").write_text("def test_nothing():\n    pass\n")
        (folder / "pytest.ini").write_text("[pytest]\n")
        collect_ms(folder)
        runs = [(collect_ms(folder), collect_ms(folder, *WITHOUT_US), collect_ms(folder, *BARE)) for _ in range(pairs)]
    added = [ours - without for ours, without, _ in runs]
    print(
        json.dumps(
            {
                "benchmark": "start_up_cost",
                "pairs": pairs,
                "with_ms_median": round(statistics.median(run[0] for run in runs), 1),
                "without_ms_median": round(statistics.median(run[1] for run in runs), 1),
                "added_ms_median": round(statistics.median(added), 1),
                "ratio_median": round(statistics.median(run[0] / run[1] for run in runs), 3),
                "added_by_dependencies_ms_median": round(statistics.median(run[1] - run[2] for run in runs), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
