"""A prober's board: what a look adds, when something is said, and how each endpoint stands."""

from __future__ import annotations

from datetime import UTC, datetime

from pytest_paygate.core.board import Board, Line, status_shown
from pytest_paygate.core.window import Sample

AT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def sample(endpoint: str, status: int = 200, latency_ms: float = 40.0) -> Sample:
    """One look."""
    return Sample(endpoint, AT, status, latency_ms)


def test_a_board_begins_with_nothing():
    """Every endpoint stands there in its order, without a look, and none of them is bad."""
    board = Board(["b", "a"])
    assert board.lines() == (Line("b", None, 0, 0, None), Line("a", None, 0, 0, None))
    assert [line.status for line in board.lines()] == ["—", "—"]
    assert board.bad == 0
    assert board.summary() == "b — p95 none of 0 · a — p95 none of 0"


def test_something_is_said_when_an_answer_is_another():
    """A first good answer is nothing new, a first bad one is; after that whatever differs from the one before."""
    board = Board(["a", "b"])
    looks = [
        (sample("a"), ""),
        (sample("a", 503, 12.6), "a: 503 after 13 ms (was 200)"),
        (sample("a", 503), ""),
        (sample("a", 0, 2000.4), "a: no answer after 2000 ms (was 503)"),
        (sample("b", 500, 7.0), "b: 500 after 7 ms"),
        (sample("a", 200, 9.0), "a: 200 after 9 ms (was no answer)"),
        (sample("b", 500), ""),
        (sample("a"), ""),
    ]
    assert [board.take(look) for look, _ in looks] == [said for _, said in looks]
    assert board.bad == 5
    assert board.lines() == (Line("a", sample("a"), 6, 3, 40), Line("b", sample("b", 500), 2, 2, None))
    assert [line.status for line in board.lines()] == ["200", "500"]
    assert board.summary() == "a 200 p95 40 ms of 6, 3 bad · b 500 p95 none of 2, 2 bad"


def test_the_p95_is_of_good_answers_rounded_up():
    """Of twenty good looks the nineteenth decides; bad ones are in no percentile."""
    board = Board(["a", "b"])
    for number in range(20):
        board.take(sample("a", 200, number + 0.5))
        board.take(sample("a", 500, 9000.0))
    board.take(sample("b", 200, 700_000.0))
    assert [line.p95_ms for line in board.lines()] == [19, 600_000]
    assert board.summary() == "a 500 p95 19 ms of 40, 20 bad · b 200 p95 over 600000 ms of 1"


def test_each_good_answer_counts_for_the_p95():
    """One slow answer in twenty is not the P95, two are."""
    board = Board(["a"])
    for latency_ms in (*[10.0] * 19, 90.0):
        board.take(sample("a", 200, latency_ms))
    assert [line.p95_ms for line in board.lines()] == [10]
    board.take(sample("a", 200, 90.0))
    assert [line.p95_ms for line in board.lines()] == [90]


def test_a_status_is_shown_as_a_number_or_as_its_absence():
    """Zero means that no answer came."""
    assert [status_shown(status) for status in (0, 1, 200, 503)] == ["no answer", "1", "200", "503"]
