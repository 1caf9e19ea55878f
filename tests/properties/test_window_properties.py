"""The window check beside a naive reference that keeps every sample, and the rule that nothing wrong helps."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_paygate.core.window import Demand, Sample, check

SINCE = datetime(2026, 11, 20, 8, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=20)
NOW = UNTIL + timedelta(seconds=30)
DEMAND = Demand(SINCE, UNTIL, 10.0, p95_ms=120, gap_max_seconds=60.0, warm_up_seconds=60.0)

latencies = st.one_of(st.floats(0, 300), st.sampled_from([0.0, 119.9, 120.0, 120.1, 5e9]))
sound = st.builds(
    Sample,
    st.just("a1"),
    st.integers(0, 1_200_000).map(lambda ms: SINCE + timedelta(milliseconds=ms)),
    st.sampled_from([200, 200, 200, 200, 500, 0]),
    latencies,
)
# Mostly regular windows, so that both verdicts come up; irregular ones for the figures.
regular = st.builds(
    lambda phase, drops, slow, count: [
        Sample("a1", SINCE + timedelta(seconds=phase + 10 * number), 200, 150.0 if number in slow else 40.0)
        for number in range(count)
        if number not in drops
    ],
    st.floats(0, 9.9),
    st.sets(st.integers(0, 119), max_size=8),
    st.sets(st.integers(0, 119), max_size=8),
    st.sampled_from([120, 120, 120, 100]),
)
streams = st.one_of(regular, st.lists(sound, max_size=60).map(lambda found: sorted(found, key=lambda one: one.at)))


def naive(samples: list[Sample]) -> dict[str, object]:
    """The definitions, word for word, for samples in order and sound ones only."""
    bad = [sample.status for sample in samples if sample.status != 200]
    distinct: list[Sample] = []
    for sample in samples:
        if distinct and sample.at == distinct[-1].at:
            if distinct[-1].status == sample.status == 200 and sample.latency_ms > distinct[-1].latency_ms:
                distinct[-1] = sample
        else:
            distinct.append(sample)
    times = [sample.at for sample in distinct]
    gaps = [(b - a).total_seconds() for a, b in zip([SINCE, *times], [*times, UNTIL], strict=True)]
    cold_starts = [SINCE, *(at for at, gap in zip(times, gaps[:-1], strict=True) if gap > 60)]
    warm = [one for one in distinct if all(not 0 <= (one.at - cold).total_seconds() < 60 for cold in cold_starts)]
    values = sorted(min(math.ceil(one.latency_ms), 600_000) for one in warm if one.status == 200)
    p95 = values[math.ceil(len(values) * 0.95 - 1e-9) - 1] if values else None
    covered = sum(min(round(gap * 1e6), 10_000_000) for gap in gaps) if times else 0
    share = min(covered * 10_000 // 1_200_000_000, len(times) * 10_000 // 120, 10_000)
    return {
        "seen": len(times),
        "coverage": share / 100,
        "worst_gap": max(gaps),
        "p95": p95,
        "warm": len(warm) - sum(one.status != 200 for one in warm),
        "bad": len(bad),
        "healthy": bool(times) and not bad and share >= 9_500 and max(gaps) <= 60 and p95 is not None and p95 <= 120,
    }


@settings(max_examples=400, deadline=None)
@given(streams)
def test_it_says_what_a_naive_reference_says(samples):
    """Every figure and the verdict are those of a reference that keeps all samples."""
    found = check(samples, ["a1"], DEMAND, now=NOW)["a1"]
    expected = naive(samples)
    assert {
        "seen": found.seen,
        "coverage": found.coverage_percent,
        "worst_gap": found.worst_gap_seconds,
        "p95": found.p95_ms,
        "warm": found.warm,
        "bad": sum(found.bad_statuses.values()),
        "healthy": found.healthy,
    } == expected


broken = st.one_of(
    st.builds(
        Sample,
        st.just("a1"),
        sound.map(lambda one: one.at),
        st.just(200),
        st.sampled_from([math.nan, -1.0, math.inf, -math.inf]),
    ),
    st.builds(
        Sample, st.just("a1"), st.integers(1, 9).map(lambda h: UNTIL + timedelta(hours=h)), st.just(200), latencies
    ),
    st.builds(
        Sample, st.just("a1"), st.integers(1, 9).map(lambda h: SINCE - timedelta(hours=h)), st.just(200), latencies
    ),
    st.builds(Sample, st.sampled_from(["b1", "A1", ""]), sound.map(lambda one: one.at), st.just(200), latencies),
)


@settings(max_examples=400, deadline=None)
@given(streams, broken, st.integers(0, 130))
def test_nothing_wrong_makes_a_window_healthier(samples, wrong, place):
    """A sample with a bad latency, of another time or of nobody is counted, and an unhealthy window stays unhealthy."""
    before = check(samples, ["a1"], DEMAND, now=NOW)["a1"]
    after = check([*samples[:place], wrong, *samples[place:]], ["a1"], DEMAND, now=NOW)["a1"]
    assert sum(after.anomalies.values()) == sum(before.anomalies.values()) + 1
    assert before.healthy or not after.healthy
    assert after.seen == before.seen
    assert after.worst_gap_seconds == before.worst_gap_seconds


@settings(max_examples=400, deadline=None)
@given(regular, st.integers(0, 119), st.integers(0, 30), latencies)
def test_a_repeated_or_late_sample_never_helps(samples, place, back, latency_ms):
    """A sample written twice, or after the clock went back, is counted and makes nothing better."""
    original = samples[min(place, len(samples) - 1)]
    again = Sample("a1", max(original.at - timedelta(seconds=10 * back), SINCE), 200, latency_ms)
    mixed = [*samples[: min(place, len(samples) - 1) + 1], again, *samples[min(place, len(samples) - 1) + 1 :]]
    before, after = (check(stream, ["a1"], DEMAND, now=NOW)["a1"] for stream in (samples, mixed))
    assert sum(after.anomalies.values()) == 1
    assert before.healthy or not after.healthy
    assert after.seen == before.seen
    assert (after.p95_ms or 0) >= (before.p95_ms or 0)
