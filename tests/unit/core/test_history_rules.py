"""A run's line in the history, every field of it, and what is usual drawn from many."""

from __future__ import annotations

import pytest

from pytest_paygate.core.events import HistoryKnown, Mode, PastRun, RowStatus, UsualRow
from pytest_paygate.core.history import RUNS_MAX, HistoryLine, known, line_of, newest_first
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.run import RunState
from pytest_paygate.core.verdict import Verdict
from tests.unit.core.stories import GATE, PREFLIGHT, STARTED, begin, end, fact, told

LINE = {
    "gate": "shop",
    "gate_title": "Shop",
    "run_id": "r1",
    "environment": "prod",
    "mode": Mode.LIVE,
    "verdict": Verdict.PASS,
    "commit": "c",
    "started_at": "at 0",
    "seconds": 0.0,
    "passed": 0,
    "rows": 0,
    "row_seconds": {},
}


def line(run_id: str, **changed: object) -> HistoryLine:
    """A run's line."""
    return HistoryLine.model_validate({**LINE, "run_id": run_id, **changed})


def test_a_line_tells_a_run():
    """Rows count that passed, without pre-flight; how long each row took that passed."""
    ended = end("login", elapsed_seconds=1.5)
    state = told([STARTED, *PREFLIGHT, begin("login"), fact("token"), ended, end("after", RowStatus.SKIPPED)])
    assert line_of(state, 2.123456, "s") == HistoryLine(
        gate="shop",
        gate_title="Shop",
        run_id="r1",
        environment="prod",
        mode=Mode.LIVE,
        verdict=Verdict.INCOMPLETE,
        commit="c",
        started_at="at 0",
        seconds=2.1235,
        passed=1,
        rows=4,
        row_seconds={"health": 0.0, "keys": 0.0, "login": 1.5},
        seal="s",
    )
    assert line_of(state, 2.0).seal == ""


@pytest.mark.parametrize("state", [RunState(), RunState(started=STARTED), RunState(gate=GATE)])
def test_a_run_that_never_started_has_no_line(state):
    """There is nothing to tell."""
    with pytest.raises(ValueError, match=r"^a run that never started has no line$"):
        line_of(state, 1.0)


@pytest.mark.parametrize("key", ["seconds", "passed", "rows"])
def test_nothing_in_a_line_is_below_zero(key):
    """Nought is a value, less is not."""
    assert getattr(line("r1", **{key: 0}), key) == 0
    with pytest.raises(ValidationError):
        line("r1", **{key: -1})
    assert line("r1").seal == ""


def test_each_run_of_a_gate_is_listed_once():
    """As it was told last; two gates of one session are two runs; the newest comes first."""
    again, other = line("r1", seconds=2.0), line("r1", gate="other")
    assert newest_first([line("r1"), line("r3"), again, line("r2"), other]) == [
        line("r3"),
        line("r2"),
        again,
        other,
    ]


def test_what_a_new_run_may_know():
    """Of its gate and environment: the last thirty, oldest first, and what is usual in those alone."""
    assert RUNS_MAX == 30
    lines = [
        line(f"r{number:02d}", seconds=float(number), row_seconds={"login": float(number)}) for number in range(31)
    ]
    lines += [line("r98", gate="other"), line("r99", environment="staging")]
    assert known(lines, "shop", "prod") == HistoryKnown(
        runs=tuple(PastRun(run_id=f"r{number:02d}", verdict="PASS", seconds=float(number)) for number in range(1, 31)),
        usual=(UsualRow(row="login", runs=30, median_seconds=15.5, spread_seconds=7.5),),
    )


def test_what_is_usual_counts_the_runs_in_which_a_row_passed():
    """Median and median deviation, four places; rows in the order in which they were first seen."""
    lines = [
        line("r1", row_seconds={"login": 1.0}),
        line("r2", row_seconds={"login": 1.00012, "buy": 2.0}),
        line("r3", row_seconds={"buy": 2.00006, "login": 4.0}),
    ]
    assert known(lines, "shop", "prod").usual == (
        UsualRow(row="login", runs=3, median_seconds=1.0001, spread_seconds=0.0001),
        UsualRow(row="buy", runs=2, median_seconds=2.0, spread_seconds=0.0),
    )
