"""The last runs of the same gate and environment, and what is unusual about this one against them. Pure.

What was known of earlier runs stands in the run's own journal, so the same journal always gives the same chart.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.events import RowStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import Verdict

WIDTH = 1000
HEIGHT = 60
RUNS_MAX = 30
# A row is slow when it is far outside what it usually varies by, and not merely by a blink.
_SLOW_SPREADS = 6.0
_SLOW_FACTOR = 2.0
_SLOW_SECONDS_MIN = 0.5
_RUNS_MIN = 5


@dataclass(frozen=True, slots=True)
class TrendBar:
    """One run: its place, its height, its verdict and how long it took."""

    x: int
    width: int
    height: int
    verdict: str
    run_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The chart: the runs before, oldest first, and this one last."""

    bars: tuple[TrendBar, ...]
    told: str


def trend(state: RunState, verdict: Verdict, seconds: float) -> Trend | None:
    """The chart, or None when nothing is known of earlier runs.

    Args:
        state: the run.
        verdict: its verdict.
        seconds: how long it took.
    """
    if state.history is None or not state.history.runs or state.started is None:
        return None
    runs = [*((one.run_id, one.verdict, one.seconds) for one in state.history.runs[-(RUNS_MAX - 1) :])]
    runs.append((state.started.run_id, str(verdict), seconds))
    longest = max(*(one[2] for one in runs), 0.001)
    width = WIDTH // RUNS_MAX
    bars = tuple(
        TrendBar(index * width, width - 4, max(round(took / longest * HEIGHT), 3), word, run_id, took)
        for index, (run_id, word, took) in enumerate(runs)
    )
    counted = ", ".join(f"{count} {word}" for word, count in sorted(Counter(one[1] for one in runs).items()))
    median = statistics.median(one[2] for one in runs)
    return Trend(bars, f"The last {len(runs)} runs, this one last: {counted}. Median duration {median:.2f} s.")


def slow_rows(state: RunState) -> Iterator[tuple[str, str]]:
    """Rows that passed and took far longer than they usually do, as code and sentence."""
    if state.history is None or state.gate is None:
        return
    for usual in state.history.usual:
        row = state.rows.get(usual.row)
        if row is None or row.status is not RowStatus.PASS or usual.runs < _RUNS_MIN:
            continue
        over = row.elapsed_seconds - usual.median_seconds
        spread = max(usual.spread_seconds, usual.median_seconds * 0.05, 0.01)
        far = over > _SLOW_SPREADS * spread and row.elapsed_seconds > _SLOW_FACTOR * usual.median_seconds
        if far and over > _SLOW_SECONDS_MIN:
            yield (
                "slow_row",
                (
                    f"row {state.gate.number(usual.row)} took {row.elapsed_seconds:.2f} s; usually "
                    f"{usual.median_seconds:.2f} s over {usual.runs} runs"
                ),
            )
