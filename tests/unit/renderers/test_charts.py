"""The charts: one axis for all, every mark inside it, nothing lost in words, and small whatever the run."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Entry
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.renderers import poll_chart
from pytest_paygate.renderers.poll_chart import poll_charts
from pytest_paygate.renderers.timeline import WIDTH, timeline
from pytest_paygate.renderers.trend import slow_rows, trend
from tests.golden.scenes import SCENES, no_go


def entries_of(*events, seconds=0.0, at="2026-11-20T09:14:02.250Z"):
    """Journal entries, one a second."""
    return tuple(
        Entry(seq=number, prev="", at=at, elapsed_seconds=seconds + number, event=event)
        for number, event in enumerate(events)
    )


def call(status=200, ms=500, party="target", failure=""):
    """One request."""
    return ev.ExchangeRecorded(party=party, method="GET", path="/", status=status, elapsed_ms=ms, failure=failure)


def test_every_wait_has_its_lane():
    """Requests, queries, polls, the person and the target's log each stand in a lane of their own, the person first."""
    scene = SCENES["pending"]()
    chart = timeline(scene.journal().entries, scene.gate)
    assert [lane.name for lane in chart.lanes] == [
        "operator",
        "target",
        "hyperswitch",
        "stripe",
        "database",
        "polls",
        "target's log",
    ]
    counted = {lane.name: (lane.count, lane.failed) for lane in chart.lanes}
    assert counted["operator"] == (2, 0)
    assert counted["polls"] == (15, 2)
    assert counted["target's log"] == (3, 0)


def test_a_mark_stands_where_it_was_waited_for():
    """A request that ended at second 4 after 2 of them covers the third and fourth eighth of eight seconds."""
    events = entries_of(*([ev.RunStopped(guard="g", threshold="t", observed="o")] * 4), call(ms=2000))
    events += entries_of(call(status=503), seconds=8.0)
    chart = timeline(events, no_go().gate)
    (lane,) = chart.lanes
    start, width = map(int, re.search(r"M(\d+) \d+h(\d+)", lane.good).groups())
    assert (round(start / WIDTH, 2), round(width / WIDTH, 2)) == (0.25, 0.25)
    assert lane.failed == 1
    assert lane.bad
    assert (lane.total_seconds, lane.slowest_seconds) == (2.5, 2.0)


@given(
    st.lists(st.tuples(st.floats(0, 90_000), st.integers(0, 90_000_000), st.integers(0, 599)), min_size=1, max_size=40)
)
def test_no_mark_leaves_the_chart(waits):
    """Whatever the times, every mark lies on the axis; and as many are counted as there were."""
    events = tuple(
        Entry(seq=number, prev="", at="2026-11-20T09:14:02.250Z", elapsed_seconds=at, event=call(status=status, ms=ms))
        for number, (at, ms, status) in enumerate(sorted(waits))
    )
    chart = timeline(events, no_go().gate)
    for lane in chart.lanes:
        for start, width in re.findall(r"M(\d+) \d+h(\d+)v", lane.good + lane.bad):
            assert int(start) >= 0
            assert int(start) + int(width) <= WIDTH
    assert sum(lane.count for lane in chart.lanes) == len(waits)
    assert len(chart.ticks) <= 13


def test_a_log_time_that_is_no_time_is_left_out():
    """A line of the target's log with a time nobody can read has no place on the axis."""
    events = entries_of(call(), ev.LogSeen(name="webhook", logged_at="yesterday"))
    assert [lane.name for lane in timeline(events, no_go().gate).lanes] == ["target"]
    assert timeline(entries_of(ev.LogSeen(name="webhook", logged_at="")), no_go().gate) is None


def reads(values, name="completed"):
    """A poll's reads, one a second."""
    return entries_of(
        *(ev.PollRead(poll=name, attempt=n, waited_ms=n * 1000, value=value) for n, value in enumerate(values, start=1))
    )


def test_a_poll_shows_every_value_it_had():
    """Levels stand in the order they came, the first lowest; the line steps between them."""
    (chart,) = poll_charts(reads(["pending", "pending", "completed"]))
    assert [value for _, value in chart.levels] == ["completed", "pending"]
    assert (chart.outcome, chart.reads) == ("cut off", 3)
    assert chart.line.count("V") == 1
    assert chart.is_drawn


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=900))
def test_a_long_poll_keeps_its_changes(values):
    """However long, no more points than allowed and two are drawn; few changes are all kept."""
    (chart,) = poll_charts(reads(values))
    assert len(re.findall("[MH]", chart.line)) <= poll_chart.POINTS_MAX + 2
    changes = sum(one != other for one, other in itertools.pairwise(values))
    if len(values) <= poll_chart.POINTS_MAX:
        assert chart.line.count("V") == changes


def test_a_poll_over_free_values_keeps_the_last():
    """Of many values the last stand on levels of their own, the others together."""
    (chart,) = poll_charts(reads([f"{number} unfilled" for number in range(40)]))
    names = [value for _, value in chart.levels]
    assert len(names) == poll_chart.LEVELS_MAX
    assert names[0] == "39 unfilled"
    assert names[-1] == "other"


def test_the_trend_ends_with_this_run():
    """The runs before, oldest first, then this one; the words count all of them."""
    scene = SCENES["no-go"]()
    chart = trend(scene.state, Verdict.FAIL, 63.0)
    assert chart.told == "The last 25 runs, this one last: 3 FAIL, 22 PASS. Median duration 102.00 s."
    assert (chart.bars[-1].verdict, len(chart.bars)) == ("FAIL", 25)
    assert trend(replace(scene.state, history=None), Verdict.FAIL, 63.0) is None


@pytest.mark.parametrize(
    ("seconds", "runs", "told"),
    [(12.5, 22, True), (4.5, 22, False), (12.5, 4, False), (0.3, 22, False)],
    ids=["far over", "within what varies", "too few runs to know", "faster"],
)
def test_a_slow_row_is_odd_only_against_its_own_past(seconds, runs, told):
    """Slow is far outside what the row varies by, over enough runs; a blink more is not."""
    state = SCENES["no-go"]().state
    row = replace(state.rows["completed"], elapsed_seconds=seconds)
    usual = ev.UsualRow(row="completed", runs=runs, median_seconds=4.1, spread_seconds=0.6)
    state = replace(state, rows={**state.rows, "completed": row}, history=ev.HistoryKnown(runs=(), usual=(usual,)))
    assert list(slow_rows(state)) == (
        [("slow_row", f"row 5 took {seconds:.2f} s; usually 4.10 s over {runs} runs")] if told else []
    )
