"""Earlier runs: one line each, for display, and what a new run may know of them."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters import report_logs
from pytest_paygate.core.events import Mode
from pytest_paygate.core.history import HistoryLine, known, line_of, newest_first
from pytest_paygate.core.run import RunState
from pytest_paygate.core.verdict import Verdict
from tests.properties.gates import folded, whole_run


def line(number: int, *, gate: str = "small", environment: str = "sandbox", seconds: float = 1.0) -> HistoryLine:
    """One run."""
    return HistoryLine(
        gate=gate,
        gate_title="Small",
        run_id=f"r{number:03d}",
        environment=environment,
        mode=Mode.SANDBOX,
        verdict=Verdict.PASS,
        commit="c",
        started_at="2026-01-01T00:00:00.000Z",
        seconds=seconds,
        passed=2,
        rows=2,
        row_seconds={"one": seconds, "two": 0.5},
    )


def test_a_line_says_what_the_run_came_to():
    """A run's line has its verdict, its rows and how long each that passed took."""
    told = line_of(folded(whole_run()), 2.5, "seal")
    assert (told.run_id, told.verdict, told.passed, told.rows, told.seal) == ("r1", Verdict.PASS, 2, 2, "seal")
    assert set(told.row_seconds) == {"check", "one", "two"}
    with pytest.raises(ValueError, match="never started"):
        line_of(RunState(), 0.0)


def test_the_last_word_on_a_run_counts():
    """A run that was carried on has two lines: the later one is shown, and the newest run comes first."""
    first, again = line(1), line(1, seconds=9.0)
    assert [(one.run_id, one.seconds) for one in newest_first([first, line(2), again])] == [
        ("r002", 1.0),
        ("r001", 9.0),
    ]


def test_a_new_run_knows_thirty_of_its_own_kind():
    """Of the same gate and environment, oldest first, no more than thirty; others are left out."""
    lines = [line(number) for number in range(40)]
    lines += [line(90, gate="other"), line(91, environment="staging")]
    found = known(lines, "small", "sandbox")
    assert [run.run_id for run in found.runs] == [f"r{number:03d}" for number in range(10, 40)]
    assert known(lines, "none", "sandbox").runs == ()


def test_what_is_usual_is_the_middle():
    """Usual is the median with the median deviation: one slow run does not move it."""
    lines = [line(number, seconds=1.0 + number / 10) for number in range(4)] + [line(9, seconds=100.0)]
    usual = {one.row: one for one in known(lines, "small", "sandbox").usual}
    assert (usual["one"].median_seconds, usual["one"].spread_seconds, usual["one"].runs) == (1.2, 0.1, 5)
    assert (usual["two"].median_seconds, usual["two"].spread_seconds) == (0.5, 0.0)


def test_a_history_nobody_can_read_is_left_out(tmp_path):
    """Lines that are no lines are passed over, a torn one does not swallow the next, and a missing file is no history."""
    assert report_logs.history(tmp_path) == []
    report_logs.add_history(tmp_path, line(1))
    path = tmp_path / report_logs.HISTORY
    path.write_bytes(path.read_bytes() + b"not json\n" + b'{"gate": "cut of')
    report_logs.add_history(tmp_path, line(2))
    assert [one.run_id for one in report_logs.history(tmp_path)] == ["r001", "r002"]
    path.unlink()
    path.mkdir()
    assert report_logs.history(tmp_path) == []
