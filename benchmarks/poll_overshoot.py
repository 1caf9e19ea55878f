"""How late a poll sees a change, and at what cost: waits up to 3 s in real time, 300 s on a clock moved by hand.

Prints one line of JSON. Overshoot is the time between a change and the look that saw it, as a share of the wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.polling import Poll

if TYPE_CHECKING:
    from pytest_paygate.core.events import EventBody
    from pytest_paygate.core.ports import Clock


class _NoJournal:
    def record(self, _body: EventBody) -> int:
        return 0


class _ManualClock:
    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def elapsed_seconds(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self._seconds += seconds


async def _waited(clock: Clock, turns_after_seconds: float) -> tuple[float, int]:
    """Poll for a state that turns after so long; return overshoot as a share of the wait, and the number of looks."""
    started_seconds = clock.elapsed_seconds()

    async def read() -> str:
        return "done" if clock.elapsed_seconds() - started_seconds >= turns_after_seconds else "pending"

    poll = Poll(recorder=_NoJournal(), clock=clock)
    got = await poll.until("benchmark", read, value=str, goal={"done"}, deadline_seconds=turns_after_seconds * 2)
    return (got.waited_seconds - turns_after_seconds) / turns_after_seconds, got.attempts


def _summary(results: list[tuple[float, int]]) -> dict[str, float | int]:
    shares = [share for share, _looks in results]
    return {
        "waits": len(results),
        "overshoot_share_p50": round(quantiles(shares, n=20)[9], 4),
        "overshoot_share_p95": round(quantiles(shares, n=20)[18], 4),
        "reads_max": max(looks for _share, looks in results),
    }


async def _measured(waits: int, seed: int) -> dict[str, dict[str, float | int]]:
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    real = [chance.uniform(0.5, 3.0) for _ in range(waits)]
    short = [chance.uniform(0.1, 0.5) for _ in range(waits)]
    long = [chance.uniform(3.0, 300.0) for _ in range(max(waits, 200))]
    # Real waits run side by side: each only sleeps.
    return {
        "real_500ms_to_3s": _summary(await asyncio.gather(*(_waited(SystemClock(), wait) for wait in real))),
        "real_100_to_500ms": _summary(await asyncio.gather(*(_waited(SystemClock(), wait) for wait in short))),
        "real_3s": _summary(await asyncio.gather(*(_waited(SystemClock(), 3.0) for _ in range(2)))),
        "manual_3_to_300s": _summary([await _waited(_ManualClock(), wait) for wait in long]),
        "manual_300s": _summary([await _waited(_ManualClock(), 300.0) for _ in range(2)]),
    }


def main() -> None:
    """Run and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--waits", type=int, default=40, help="sampled waits per range")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    print(json.dumps(asyncio.run(_measured(given.waits, given.seed))))


if __name__ == "__main__":
    main()
