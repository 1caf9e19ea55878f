"""The window check rule by rule: what each figure means, and that everything odd is named and never helps."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core.window import Anomaly, Demand, Sample, check, latency_shown, nearest_rank

SINCE = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOURS = 24
UNTIL = SINCE + timedelta(hours=HOURS)
DEMAND = Demand(SINCE, UNTIL, 10.0, p95_ms=120)
COUNT = HOURS * 360


def at(number: float) -> datetime:
    """When sample `number` of a regular prober is taken."""
    return SINCE + timedelta(seconds=10 * number)


def day(**changed: float) -> list[Sample]:
    """A whole good day of `a1`."""
    return [Sample("a1", at(number), 200, changed.get("latency_ms", 40.0)) for number in range(COUNT)]


def judged(samples, demand=DEMAND, endpoint="a1", **more):
    """One endpoint's result."""
    return check(samples, [endpoint], demand, now=more.pop("now", UNTIL), **more)[endpoint]


def test_a_whole_good_day_is_healthy():
    """Every sample 200, fast, without a hole: healthy, with every figure."""
    found = judged(day())
    assert found.healthy
    assert (found.expected, found.seen, found.coverage_percent) == (8640, 8640, 100.0)
    assert (found.worst_gap_seconds, found.p95_ms, found.warm, found.cold) == (10.0, 40, 8610, 30)
    assert (dict(found.bad_statuses), dict(found.anomalies)) == ({}, {})


def test_no_data_is_never_healthy():
    """Without a sample there is nothing to be healthy by, whatever was asked."""
    found = judged([], Demand(SINCE, UNTIL, 10.0, gap_max_seconds=1e9, coverage_min_percent=1))
    assert not found.healthy
    assert found.reasons[0] == "there is no data"
    assert (found.coverage_percent, found.p95_ms, found.worst_gap_seconds) == (0.0, None, 86_400.0)


@pytest.mark.parametrize("status", [0, 199, 201, 204, 301, 404, 503])
def test_one_answer_that_is_not_200_spoils_the_day(status):
    """A single other status makes the window unhealthy and stands in the figures."""
    samples = day()
    samples[4000] = Sample("a1", at(4000), status, 1.0)
    found = judged(samples)
    assert found.reasons == ("1 samples are not 200",)
    assert dict(found.bad_statuses) == {status: 1}


@pytest.mark.parametrize(("slow", "healthy", "p95_ms"), [(430, True, 40), (431, False, 121)])
def test_the_p95_is_nearest_rank(slow, healthy, p95_ms):
    """Of 8,610 warm samples the 8,180th decides: 430 slow ones may be, 431 may not."""
    samples = day()
    for number in range(slow):
        samples[100 + number] = Sample("a1", at(100 + number), 200, 120.4)
    found = judged(samples)
    assert (found.healthy, found.p95_ms) == (healthy, p95_ms)


def test_latencies_are_rounded_up():
    """120.0 ms is within 120 ms; 120.001 ms is not."""
    assert judged(day(latency_ms=120.0)).healthy
    assert judged(day(latency_ms=120.001)).reasons == ("P95 121 ms is over 120 ms",)


def test_the_warm_up_is_left_out_and_told():
    """Slow answers in the first five minutes do not count for the P95, and the figures say how many were left out."""
    samples = [one._replace(latency_ms=900.0) if number < 30 else one for number, one in enumerate(day())]
    assert judged(samples).p95_ms == 40
    assert judged(samples).cold == 30
    by_count = Demand(SINCE, UNTIL, 10.0, p95_ms=120, warm_up_seconds=0, warm_up_samples=30)
    assert (judged(samples, by_count).p95_ms, judged(samples, by_count).cold) == (40, 30)


def test_the_warm_up_comes_again_after_a_gap_over_the_limit():
    """After a long gap the service is cold again: five minutes are left out once more."""
    samples = [one for number, one in enumerate(day()) if not 1000 <= number < 1040]
    found = judged(samples)
    assert found.cold == 60
    assert found.reasons == ("a gap of 410 s is over 300 s",)
    assert (found.worst_gap_at, found.worst_gap_seconds) == (at(999), 410.0)


def test_a_window_of_cold_samples_has_no_p95():
    """When every sample is warm-up, a P95 that was asked for is missing, not fine."""
    demand = Demand(SINCE, UNTIL, 10.0, p95_ms=120, warm_up_seconds=86_400 * 2)
    assert judged(day(), demand).reasons == ("there is no warm sample to take the P95 of",)
    assert judged(day(), Demand(SINCE, UNTIL, 10.0, warm_up_seconds=86_400 * 2)).healthy


def test_the_gap_limit_is_over_five_minutes():
    """A gap of 300 s is allowed, 310 s is not."""
    assert judged([one for number, one in enumerate(day()) if not 1000 <= number < 1029]).healthy
    assert not judged([one for number, one in enumerate(day()) if not 1000 <= number < 1030]).healthy


@pytest.mark.parametrize("kept", [slice(31, None), slice(None, -31)])
def test_a_gap_at_either_end_counts(kept):
    """A prober that came late or has stopped leaves a gap like any other."""
    assert judged(day()[kept]).reasons[-1].startswith("a gap of 3")


@pytest.mark.parametrize(("every", "healthy"), [(20, True), (19, False)])
def test_coverage_is_95_percent(every, healthy):
    """One sample in twenty may be missing, one in nineteen may not."""
    found = judged([one for number, one in enumerate(day()) if number % every])
    assert found.healthy is healthy
    assert (found.coverage_percent < 95) is not healthy


def test_a_burst_fills_no_hole():
    """Half a day at double speed is half a day."""
    samples = [Sample("a1", SINCE + timedelta(seconds=5 * number), 200, 40.0) for number in range(COUNT)]
    found = judged(samples)
    assert found.seen == 8640
    assert found.coverage_percent == 50.0


def test_jitter_costs_nothing():
    """A prober whose samples wander by a few milliseconds around the window's slots covers all of it."""
    samples = [one._replace(at=one.at + timedelta(milliseconds=(number * 7) % 11)) for number, one in enumerate(day())]
    assert judged(samples).coverage_percent >= 99.9


@pytest.mark.parametrize(
    ("latency_ms", "kind"),
    [
        (math.nan, Anomaly.NOT_A_LATENCY),
        (-0.001, Anomaly.NEGATIVE),
        (-math.inf, Anomaly.INFINITE),
        (math.inf, Anomaly.INFINITE),
    ],
)
def test_a_latency_that_is_none_fills_no_hole_and_is_slow(latency_ms, kind):
    """Such a sample is named, is not seen, and stands among the slowest in the P95."""
    samples = day()
    for number in range(100, 600):
        samples[number] = Sample("a1", at(number), 200, latency_ms)
    found = judged(samples)
    assert dict(found.anomalies) == {kind: 500}
    assert found.seen == 8140
    assert "P95 not measured is over 120 ms" in found.reasons


def test_each_anomaly_is_named():
    """Doubles, clocks that go back, the future, another time and strangers are each counted by name."""
    odd = [
        Sample("a1", at(10), 200, 40.0),
        Sample("a1", at(4), 200, 40.0),
        Sample("a1", UNTIL + timedelta(hours=1), 200, 40.0),
        Sample("a1", SINCE - timedelta(hours=1), 200, 40.0),
        Sample("zz", at(11), 200, 40.0),
        Sample("a3", at(11), 200, 40.0),
    ]
    found = judged([*day()[:11], *odd, *day()[11:]], known=frozenset({"a3"}))
    assert dict(found.anomalies) == {
        Anomaly.DUPLICATE: 1,
        Anomaly.BACKWARDS: 1,
        Anomaly.FUTURE: 1,
        Anomaly.OUTSIDE: 1,
        Anomaly.UNKNOWN_ENDPOINT: 1,
    }
    assert (found.seen, found.healthy) == (8640, True)


def test_a_double_counts_as_its_worse_half():
    """Of two samples of one moment the slower one stands, in either order, and a bad status in either counts."""
    slow, fast = Sample("a1", at(50), 200, 5000.0), Sample("a1", at(50), 200, 1.0)
    demand = Demand(SINCE, SINCE + timedelta(seconds=520), 10.0, p95_ms=120, warm_up_seconds=500)
    for pair in ([slow, fast], [fast, slow]):
        assert judged([*day()[:50], *pair, *day()[51:53]], demand).p95_ms == 5000
    broken = fast._replace(status=500)
    for pair in ([broken, fast], [fast, broken]):
        assert dict(judged([*day()[:50], *pair, *day()[51:53]], demand).bad_statuses) == {500: 1}


def test_a_bad_status_counts_even_out_of_order():
    """A sample from before the last one fills nothing, but what it saw was seen."""
    late = Sample("a1", at(4), 502, 40.0)
    assert judged([*day()[:11], late, *day()[11:]]).reasons == ("1 samples are not 200",)


def test_a_clock_that_jumps_ahead_leaves_a_gap():
    """An hour jumped over is an hour without samples, and what follows after the clock is set back fills nothing."""
    ahead = [
        one._replace(at=one.at + timedelta(hours=1)) if 3000 <= number < 3060 else one
        for number, one in enumerate(day())
    ]
    found = judged(ahead)
    assert not found.healthy
    assert found.worst_gap_seconds == 3610.0
    assert (found.anomalies[Anomaly.BACKWARDS], found.anomalies[Anomaly.DUPLICATE]) == (359, 1)


def test_zones_are_one_clock():
    """Samples of another time zone are the same moments."""
    zone = timezone(timedelta(hours=5, minutes=30))
    assert judged([one._replace(at=one.at.astimezone(zone)) for one in day()]) == judged(day())


def test_every_endpoint_has_its_own_window():
    """One pass judges each endpoint by its samples alone."""
    samples = [one for first in day() for one in (first, Sample("a3", first.at, 503, 1.0))]
    found = check(samples, ["a1", "a3", "a6"], DEMAND, now=UNTIL)
    assert {name: result.healthy for name, result in found.items()} == {"a1": True, "a3": False, "a6": False}


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval_seconds": 0.0},
        {"interval_seconds": math.nan},
        {"interval_seconds": 86_401.0},
        {"until": SINCE},
        {"until": SINCE - timedelta(hours=1)},
        {"since": SINCE.replace(tzinfo=None)},
        {"coverage_min_percent": 0},
        {"coverage_min_percent": 101},
        {"gap_max_seconds": math.inf},
        {"warm_up_seconds": math.nan},
        {"warm_up_samples": -1},
    ],
)
def test_a_demand_that_makes_no_sense_is_refused(wrong):
    """A window shorter than its interval, a share of nothing, a limit that is none: no such demand can be made."""
    with pytest.raises(ValueError, match=r"window|coverage|warm-up"):
        Demand(**{"since": SINCE, "until": UNTIL, "interval_seconds": 10.0, **wrong})


def test_nearest_rank_is_the_textbook_s():
    """The smallest value with at least 95 % at or below it."""
    assert nearest_rank({}) is None
    assert nearest_rank({7: 1}) == 7
    assert nearest_rank(dict.fromkeys(range(1, 21), 1)) == 19
    assert nearest_rank(dict.fromkeys(range(1, 101), 1)) == 95
    assert nearest_rank({15: 1, 20: 1, 35: 1, 40: 1, 50: 1}, 30) == 20


def test_a_percentile_for_a_reader():
    """Nothing, a figure, a figure off the scale, and one that was never measured are told apart."""
    assert [latency_shown(value) for value in (None, 40, 600_000, 600_001)] == [
        "none",
        "40 ms",
        "over 600000 ms",
        "not measured",
    ]
