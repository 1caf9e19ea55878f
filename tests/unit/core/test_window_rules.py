"""The window check, continued: every bound, count and word of it on windows of a few samples."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import window
from pytest_paygate.core.window import Anomaly, Demand, Sample, WindowResult, check, latency_shown, nearest_rank

SINCE = datetime(2026, 11, 20, 8, tzinfo=UTC)
UNTIL = SINCE + timedelta(seconds=100)
NAIVE = SINCE.replace(tzinfo=None)


def demand(**changed) -> Demand:
    """A window of 100 s with a sample expected every 10 s, a gap of 30 s at most and no warm-up."""
    usual = {"interval_seconds": 10.0, "gap_max_seconds": 30.0, "warm_up_seconds": 0.0}
    return Demand(**{"since": SINCE, "until": UNTIL, **usual, **changed})


def sample(seconds: float, latency_ms: float = 40.0, status: int = 200, endpoint: str = "a1") -> Sample:
    """A sample so many seconds into the window."""
    return Sample(endpoint, SINCE + timedelta(seconds=seconds), status, latency_ms)


def judged(samples: list[Sample], now: datetime = UNTIL, **changed) -> WindowResult:
    """The result of `a1`."""
    return check(samples, ["a1"], demand(**changed), now=now)["a1"]


def test_what_is_not_asked_for_has_its_published_value():
    """Ninety-five percent, gaps and warm-up of five minutes, no limit to the P95; a result names nothing of its own."""
    asked = Demand(SINCE, UNTIL, 10.0)
    assert (asked.p95_ms, asked.coverage_min_percent, asked.gap_max_seconds) == (None, 95, 300.0)
    assert (asked.warm_up_seconds, asked.warm_up_samples) == (300.0, 0)
    bare = WindowResult("a1", asked, 10, 10, 100.0, 10.0, SINCE, None, 0, 0)
    assert (bare.bad_statuses, bare.anomalies, bare.reasons, bare.healthy) == ({}, {}, (), True)
    assert (window.OK, window.PERCENTILE, window.SLOWEST_MS, window.UNMEASURED_MS) == (200, 95, 600_000, 600_001)


def test_each_anomaly_has_its_published_name():
    """These words stand in journals and reports."""
    assert {one.name: one.value for one in Anomaly} == {
        "NOT_A_LATENCY": "latency is not a number",
        "NEGATIVE": "negative latency",
        "INFINITE": "infinite latency",
        "DUPLICATE": "duplicate",
        "BACKWARDS": "clock went backwards",
        "FUTURE": "from the future",
        "OUTSIDE": "outside the window",
        "UNKNOWN_ENDPOINT": "unknown endpoint",
        "TORN": "line cut off",
    }


ZONES = "a window's ends are aware times"
SHORT = "a window is at least one interval long"
SHARES = "coverage is a share over 0 and up to 100 percent, and the longest gap a time over 0"
WARMING = "a warm-up is no less than nothing"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"since": NAIVE}, ZONES),
        ({"until": UNTIL.replace(tzinfo=None)}, ZONES),
        ({"interval_seconds": 0.0}, SHORT),
        ({"interval_seconds": -1.0}, SHORT),
        ({"interval_seconds": 100.001}, SHORT),
        ({"coverage_min_percent": 0}, SHARES),
        ({"coverage_min_percent": 101}, SHARES),
        ({"gap_max_seconds": 0.0}, SHARES),
        ({"gap_max_seconds": math.inf}, SHARES),
        ({"warm_up_seconds": -0.001}, WARMING),
        ({"warm_up_seconds": math.inf}, WARMING),
        ({"warm_up_samples": -1}, WARMING),
    ],
)
def test_a_demand_out_of_bounds_says_which(wrong, text):
    """One step over a bound is refused, in these words."""
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        demand(**wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"interval_seconds": 100.0},
        {"interval_seconds": 0.5},
        {"coverage_min_percent": 1},
        {"coverage_min_percent": 100},
        {"gap_max_seconds": 0.5},
        {"warm_up_seconds": 0.0},
        {"warm_up_seconds": 0.5},
        {"warm_up_samples": 0},
    ],
)
def test_a_demand_on_its_bounds_is_accepted(right):
    """The bounds themselves may be asked for."""
    (name, value), *_ = right.items()
    assert getattr(demand(**right), name) == value


def test_only_whole_intervals_are_expected():
    """A window of 95 s holds nine samples of 10 s."""
    assert demand(until=SINCE + timedelta(seconds=95)).expected == 9
    assert demand().expected == 10


def test_every_figure_of_a_plain_window():
    """Ten samples from the first moment on: whole coverage, one interval as the worst gap, everything warm."""
    found = judged([sample(10 * number, 30 + number) for number in range(10)], p95_ms=39)
    assert found == WindowResult(
        endpoint="a1",
        demand=demand(p95_ms=39),
        expected=10,
        seen=10,
        coverage_percent=100.0,
        worst_gap_seconds=10.0,
        worst_gap_at=SINCE,
        p95_ms=39,
        warm=10,
        cold=0,
    )


def test_every_figure_of_a_window_without_samples():
    """Nothing covered, one gap as long as the window, and every reason there is for it."""
    found = judged([], p95_ms=120)
    assert found == WindowResult(
        endpoint="a1",
        demand=demand(p95_ms=120),
        expected=10,
        seen=0,
        coverage_percent=0.0,
        worst_gap_seconds=100.0,
        worst_gap_at=SINCE,
        p95_ms=None,
        warm=0,
        cold=0,
        reasons=(
            "there is no data",
            "coverage 0.00 % is under 95 %",
            "a gap of 100 s is over 30 s",
            "there is no warm sample to take the P95 of",
        ),
    )
    assert judged([]).reasons == found.reasons[:-1]


def test_every_figure_of_a_bad_window():
    """Statuses are counted in their order, latencies that are none stand among the slowest, gaps are told in seconds."""
    found = judged(
        [
            sample(0),
            sample(10, status=503),
            sample(20, status=404),
            sample(30, status=503),
            sample(70.5),
            sample(72, math.nan),
            sample(73, math.nan),
            sample(74, math.inf),
            sample(75, -math.inf),
            sample(76, -0.5),
            sample(77, -0.5, status=500),
        ],
        p95_ms=120,
        gap_max_seconds=12.5,
    )
    assert list(found.bad_statuses.items()) == [(404, 1), (500, 1), (503, 2)]
    assert list(found.anomalies.items()) == [(Anomaly.NOT_A_LATENCY, 2), (Anomaly.NEGATIVE, 2), (Anomaly.INFINITE, 2)]
    assert (found.seen, found.warm, found.cold, found.p95_ms) == (5, 2, 0, 600_001)
    assert (found.worst_gap_seconds, found.worst_gap_at) == (40.5, SINCE + timedelta(seconds=30))
    assert found.reasons == (
        "4 samples are not 200",
        "coverage 50.00 % is under 95 %",
        "a gap of 40 s is over 12.5 s",
        "P95 not measured is over 120 ms",
    )
    assert not found.healthy


def test_coverage_is_rounded_down_to_a_hundredth():
    """Of a window of 70 s in seven parts three are 42.85 %, and the bound itself is enough."""
    wide = {"until": SINCE + timedelta(seconds=70), "gap_max_seconds": 60.0}
    found = judged([sample(0), sample(10), sample(20)], **wide)
    assert found.coverage_percent == 42.85
    assert found.reasons == ("coverage 42.85 % is under 95 %",)
    assert judged([sample(0), sample(10), sample(20)], coverage_min_percent=42, **wide).healthy
    assert judged([sample(10), sample(20), sample(30)], **wide).coverage_percent == 42.85
    assert judged([sample(number) for number in range(6)], **wide).coverage_percent == 21.42
    half = [sample(10 * number) for number in range(5)]
    assert judged(half, coverage_min_percent=50, gap_max_seconds=60.0).healthy
    assert not judged(half, coverage_min_percent=51, gap_max_seconds=60.0).healthy


def test_coverage_is_the_less_of_time_and_number():
    """A burst covers no more time than it takes; time covered by few samples is no more than their share."""
    burst = [sample(number) for number in range(10)]
    assert judged(burst).coverage_percent == 19.0
    spaced = [sample(10 * number - 1) for number in range(1, 10)]
    assert judged(spaced).coverage_percent == 90.0
    assert judged([sample(5 * number) for number in range(21)]).coverage_percent == 100.0


def test_both_ends_of_the_window_are_inside():
    """A sample of the first or last moment is seen; what lies a moment beyond is of another time, or of the future."""
    ends = [sample(0), sample(100)]
    assert (judged(ends).seen, judged(ends).anomalies) == (2, {})
    beyond = [sample(-0.001), sample(-0.002), sample(100.001), sample(110), sample(110.001), sample(120)]
    found = judged(beyond, now=SINCE + timedelta(seconds=110))
    assert (found.seen, found.bad_statuses) == (0, {})
    assert found.anomalies == {Anomaly.FUTURE: 2, Anomaly.OUTSIDE: 4}
    assert judged([sample(101, status=500)]).bad_statuses == {}


def test_the_first_of_equal_gaps_is_named():
    """The worst gap stands where it first began, also when the one at the end is as long."""
    found = judged([sample(20), sample(40), sample(60), sample(80)])
    assert (found.worst_gap_seconds, found.worst_gap_at) == (20.0, SINCE)
    found = judged([sample(10), sample(40), sample(70)])
    assert (found.worst_gap_seconds, found.worst_gap_at) == (30.0, SINCE + timedelta(seconds=10))
    found = judged([sample(10), sample(40), sample(69)])
    assert (found.worst_gap_seconds, found.worst_gap_at) == (31.0, SINCE + timedelta(seconds=69))
    assert "a gap of 31 s is over 30 s" in found.reasons
    assert judged([sample(0), sample(30), sample(60), sample(90)]).reasons == ("coverage 40.00 % is under 95 %",)


def test_the_warm_up_ends_with_its_last_second():
    """A sample of the very moment the warm-up is over is warm; the one before is not."""
    found = judged([sample(10 * number) for number in range(10)], warm_up_seconds=20.0)
    assert (found.cold, found.warm) == (2, 8)
    found = judged([sample(10 * number) for number in range(10)], warm_up_samples=3)
    assert (found.cold, found.warm) == (3, 7)


def test_a_gap_over_the_limit_makes_it_cold_again():
    """Only a longer gap does; the warm-up then counts from the sample that ended it, in seconds and in samples."""
    samples = [sample(seconds) for seconds in (0, 10, 41, 50, 60, 70)]
    found = judged(samples, warm_up_seconds=10.0)
    assert (found.cold, found.warm) == (3, 3)
    found = judged(samples, warm_up_samples=2)
    assert (found.cold, found.warm) == (4, 2)
    level = [sample(seconds) for seconds in (0, 10, 40, 50, 60, 70)]
    assert judged(level, warm_up_seconds=10.0).cold == 1
    assert judged(level, warm_up_samples=2).cold == 2


def test_a_cold_sample_is_in_no_percentile():
    """Neither is one that was not answered 200; both are seen."""
    samples = [sample(0, 900.0), sample(10, 900.0, 500), sample(20, 7.0)]
    found = judged(samples, warm_up_samples=1)
    assert (found.seen, found.cold, found.warm, found.p95_ms) == (3, 1, 1, 7)
    assert judged([sample(0, 900.0)], p95_ms=1, warm_up_samples=1).reasons[-1] == (
        "there is no warm sample to take the P95 of"
    )


@pytest.mark.parametrize(
    ("first", "second", "p95_ms"),
    [
        (sample(0, 10.0), sample(0, 90.2), 91),
        (sample(0, 90.2), sample(0, 10.0), 91),
        (sample(0, 10.0), sample(0, 90.0, 500), 10),
        (sample(0, 10.0, 500), sample(0, 90.0), None),
        (sample(0, 10.0), sample(0, 700_000.0), 600_000),
    ],
)
def test_of_one_moment_the_slower_good_answer_stands(first, second, p95_ms):
    """A double counts once, as its slower half where both were answered 200."""
    found = judged([first, second, second])
    assert (found.seen, found.p95_ms, found.warm) == (1, p95_ms, int(p95_ms is not None))
    assert found.anomalies == {Anomaly.DUPLICATE: 2}
    assert sum(found.bad_statuses.values()) == (first.status != 200) + 2 * (second.status != 200)


def test_each_further_double_may_be_slower_still():
    """The slowest of three stands, beside whatever else took as long."""
    found = judged([sample(0, 90.0), sample(10, 10.0), sample(10, 50.0), sample(10, 90.0)])
    assert (found.warm, found.p95_ms) == (2, 90)
    assert judged([sample(0, 10.0), sample(0, 50.0), sample(0, 90.0)]).p95_ms == 90


def test_each_latency_that_was_not_measured_stands_once_among_the_slowest():
    """Of twenty-one the twentieth decides and is good, of twenty-two the twenty-first; alone they make no percentile."""
    good, none = [sample(4 * number) for number in range(20)], [sample(90, math.nan), sample(91, math.nan)]
    assert judged([*good, *none[:1]]).p95_ms == 40
    assert judged([*good, *none]).p95_ms == 600_001
    assert judged(none).p95_ms is None


def test_a_double_of_a_cold_sample_stays_out():
    """A second look at a cold moment does not become warm, and does not take the place of a warm one before it."""
    cold = judged([sample(0, 10.0), sample(0, 90.0)], warm_up_samples=1)
    assert (cold.cold, cold.warm, cold.p95_ms) == (1, 0, None)
    after = [sample(0, 10.0), sample(40, 10.0), sample(40, 90.0)]
    found = judged(after, gap_max_seconds=30.0, warm_up_seconds=5.0)
    assert (found.cold, found.warm) == (2, 0)
    warm = [sample(0, 10.0), sample(10, 10.0, 500), sample(10, 90.0)]
    assert (judged(warm).warm, judged(warm).p95_ms) == (1, 10)


def test_a_sample_from_before_the_last_fills_nothing():
    """It is counted by name, for its status alone, and the next one is measured from the latest."""
    found = judged([sample(0), sample(30), sample(10, 900.0), sample(20, 900.0, 500), sample(40)])
    assert (found.seen, found.warm, found.p95_ms) == (3, 3, 40)
    assert (found.anomalies, found.bad_statuses) == ({Anomaly.BACKWARDS: 2}, {500: 1})
    assert (found.coverage_percent, found.worst_gap_at) == (30.0, SINCE + timedelta(seconds=40))


def test_strangers_are_counted_and_neighbours_are_not():
    """A sample of an endpoint nobody named is an anomaly of every window; one of a known other endpoint is none."""
    samples = [sample(0, endpoint=name) for name in ("zz", "a3", "zz", "a1", "a2")]
    found = check(samples, ["a1", "a2"], demand(), now=UNTIL, known=frozenset({"a3"}))
    assert {name: dict(one.anomalies) for name, one in found.items()} == {
        "a1": {Anomaly.UNKNOWN_ENDPOINT: 2},
        "a2": {Anomaly.UNKNOWN_ENDPOINT: 2},
    }
    assert [(name, one.endpoint, one.seen) for name, one in found.items()] == [("a1", "a1", 1), ("a2", "a2", 1)]
    assert check(samples, ["a1"], demand(), now=UNTIL)["a1"].anomalies == {Anomaly.UNKNOWN_ENDPOINT: 4}
    assert judged([sample(0)]).anomalies == {}


@pytest.mark.parametrize(("latency_ms", "kept"), [(0.0, 0), (0.5, 1), (2.0, 2), (599_999.5, 600_000), (1e9, 600_000)])
def test_a_latency_is_kept_in_whole_milliseconds(latency_ms, kept):
    """Rounded up, ten minutes at most; none at all is a latency as well."""
    assert window.whole_ms(latency_ms) == kept
    assert judged([sample(0, latency_ms)]).p95_ms == kept


def test_the_p95_may_be_its_limit():
    """The limit itself is allowed; a millisecond more is told with both figures."""
    samples = [sample(10 * number, 120.0) for number in range(10)]
    assert judged(samples, p95_ms=120).healthy
    assert judged(samples, p95_ms=119).reasons == ("P95 120 ms is over 119 ms",)
    assert judged([sample(10 * number, 1e9) for number in range(10)], p95_ms=119).reasons == (
        "P95 over 600000 ms is over 119 ms",
    )


def test_nearest_rank_counts_each_value_as_often_as_it_stands():
    """The rank is rounded up and exact for any count; a value that stands nowhere decides nothing; values need no order."""
    assert nearest_rank({}) is None
    assert nearest_rank({9: 5, 3: 95}) == 3
    assert nearest_rank({9: 6, 3: 94}) == 9
    assert nearest_rank({3: 0, 9: 1}) == 9
    assert nearest_rank({1: 10**17, 2: 1}, 100) == 2
    assert [nearest_rank({1: 1, 2: 1, 3: 1}, percent) for percent in (1, 33, 34, 66, 67, 100)] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "none"),
        (0, "0 ms"),
        (599_999, "599999 ms"),
        (600_000, "over 600000 ms"),
        (600_001, "not measured"),
        (600_002, "not measured"),
    ],
)
def test_a_percentile_is_shown_as_what_it_is(milliseconds, shown):
    """A figure, one off the scale, one that was not measured, or none."""
    assert latency_shown(milliseconds) == shown
