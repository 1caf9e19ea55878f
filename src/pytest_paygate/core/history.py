"""Earlier runs as one line each: what a trend, a list of sessions and an archive's index need to know of a run.

Owns the shape of a line and what is drawn from many. The lines are for display: no verdict and no launch decision is
ever taken from them, those are computed from journals.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from pytest_paygate.core.events import HistoryKnown, Mode, PastRun, RowStatus, UsualRow
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_paygate.core.run import RunState

RUNS_MAX = 30


class HistoryLine(Model):
    """One run. `row_seconds` holds the rows that passed; `seal` is empty for a run that was never sealed."""

    gate: str
    gate_title: str
    run_id: str
    environment: str
    mode: Mode
    verdict: Verdict
    commit: str
    started_at: str
    seconds: float = Field(ge=0)
    passed: int = Field(ge=0)
    rows: int = Field(ge=0)
    row_seconds: dict[str, float]
    seal: str = ""


def line_of(state: RunState, seconds: float, seal: str = "") -> HistoryLine:
    """The line of one run.

    Args:
        state: the run, folded.
        seconds: how long it took.
        seal: hash of its seal.

    Raises:
        ValueError: for a run that never started.
    """
    if state.started is None or state.gate is None:
        raise ValueError("a run that never started has no line")
    started, gate = state.started, state.gate
    passed = {row.row_id: row.elapsed_seconds for row in state.rows.values() if row.status is RowStatus.PASS}
    return HistoryLine(
        gate=gate.id,
        gate_title=gate.title,
        run_id=started.run_id,
        environment=started.environment,
        mode=started.mode,
        verdict=judge(state).verdict,
        commit=started.commit,
        started_at=state.started_at,
        seconds=round(seconds, 4),
        passed=sum(row.id in passed for row in gate.rows),
        rows=len(gate.rows),
        row_seconds=passed,
        seal=seal,
    )


def newest_first(lines: Iterable[HistoryLine]) -> list[HistoryLine]:
    """Each run once, as it was told last, newest run first (run ids start with the time)."""
    latest = {(line.gate, line.run_id): line for line in lines}
    return sorted(latest.values(), key=lambda line: line.run_id, reverse=True)


def known(lines: Iterable[HistoryLine], gate: str, environment: str) -> HistoryKnown:
    """What a new run may know of the runs before it: the last of the same gate in the same environment, oldest first.

    Args:
        lines: every line there is, in any order.
        gate: the gate's id.
        environment: the environment's name.
    """
    mine = [line for line in newest_first(lines) if (line.gate, line.environment) == (gate, environment)]
    last = mine[:RUNS_MAX][::-1]
    return HistoryKnown(
        runs=tuple(PastRun(run_id=line.run_id, verdict=line.verdict.value, seconds=line.seconds) for line in last),
        usual=tuple(_usual(last)),
    )


def _usual(lines: Sequence[HistoryLine]) -> Iterable[UsualRow]:
    for row in dict.fromkeys(row for line in lines for row in line.row_seconds):
        took = [line.row_seconds[row] for line in lines if row in line.row_seconds]
        median = statistics.median(took)
        spread = statistics.median(abs(one - median) for one in took)
        yield UsualRow(row=row, runs=len(took), median_seconds=round(median, 4), spread_seconds=round(spread, 4))
