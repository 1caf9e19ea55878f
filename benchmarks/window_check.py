"""How long a window over a week takes: 8 endpoints every 10 s for 7 days, from a file of JSON Lines and from memory.

Run it as `python benchmarks/window_check.py [days]`. Prints one JSON line each: samples, seconds on the clock
and of the processor (on a machine that others use too), peak memory in MB.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.sample_files import SampleFile
from pytest_paygate.core.samples import encode
from pytest_paygate.core.window import Demand, Sample, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENDPOINTS = tuple(f"a{number}" for number in range(1, 9))
INTERVAL_SECONDS = 10
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def samples(days: int) -> Iterator[Sample]:
    """Sound samples of all endpoints, in order."""
    for number in range(days * 86_400 // INTERVAL_SECONDS):
        at = SINCE + timedelta(seconds=INTERVAL_SECONDS * number)
        for index, endpoint in enumerate(ENDPOINTS):
            yield Sample(endpoint, at, 200, 30.25 + (number * 7 + index * 13) % 80)


def measured(what: str, days: int, taken: Iterable[Sample]) -> dict[str, str | int | float]:
    """Judge all windows once."""
    until = SINCE + timedelta(days=days)
    begun, processor_begun = time.perf_counter(), time.process_time()
    found = check(taken, ENDPOINTS, Demand(SINCE, until, INTERVAL_SECONDS, p95_ms=120), now=until)
    seconds, processor_seconds = time.perf_counter() - begun, time.process_time() - processor_begun
    assert all(result.healthy for result in found.values())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = sum(result.seen for result in found.values())
    return {
        "what": what,
        "samples": count,
        "seconds": round(seconds, 3),
        "processor_seconds": round(processor_seconds, 3),
        "peak_mb": round(peak_mb),
    }


def main() -> None:
    """Measure the file first: its peak must not hold the samples in memory."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.jsonl"
        with path.open("wb") as file:
            file.writelines(map(encode, samples(days)))
        until = SINCE + timedelta(days=days)
        print(json.dumps(measured("file", days, SampleFile(path).samples(ENDPOINTS, SINCE, until))))
    print(json.dumps(measured("memory", days, list(samples(days)))))


if __name__ == "__main__":
    main()
