"""Whether a service was healthy over a whole window, from samples in the order they were taken. Pure, one pass.

Definitions (each held by a test; docs/reference/windows.md has them in full):
- healthy means that no rule is broken and that there was something to judge: no data is never healthy;
- coverage is time: a sample stands for one interval after it, so a burst cannot fill a hole, and never more than the
  samples seen are of those expected;
- the P95 is nearest-rank over whole milliseconds, each latency rounded up, of warm samples answered 200;
- what is wrong with a sample is counted by name and can only count against the window.
Memory: one counter for each distinct millisecond of each endpoint, whatever the number of samples.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OK = 200
PERCENTILE = 95
# A latency over this is slow beyond any limit; it keeps hostile numbers from costing memory.
SLOWEST_MS = 600_000
UNMEASURED_MS = SLOWEST_MS + 1


class Sample(NamedTuple):
    """One look at one endpoint. A tuple, because windows hold hundreds of thousands of them.

    Args:
        endpoint: the service's name.
        at: when the request was sent, aware.
        status: the HTTP status; 0 when no answer came.
        latency_ms: from sending to the end of the answer, or to giving up.
    """

    endpoint: str
    at: datetime
    status: int
    latency_ms: float


class Anomaly(StrEnum):
    """What can be wrong with a sample. None of these makes a window healthier."""

    NOT_A_LATENCY = "latency is not a number"
    NEGATIVE = "negative latency"
    INFINITE = "infinite latency"
    DUPLICATE = "duplicate"
    BACKWARDS = "clock went backwards"
    FUTURE = "from the future"
    OUTSIDE = "outside the window"
    UNKNOWN_ENDPOINT = "unknown endpoint"
    TORN = "line cut off"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a window must hold.

    Args:
        since: its beginning, aware; itself inside.
        until: its end, aware; itself inside.
        interval_seconds: how often a sample is expected.
        p95_ms: the most the warm P95 may be; None for no limit.
        coverage_min_percent: share of the window that samples must stand for.
        gap_max_seconds: longest time without a sample, also at both ends.
        warm_up_seconds: how long after a cold start (the window's beginning, or a gap over the limit) latencies are
            left out of the P95.
        warm_up_samples: how many samples after a cold start are left out, if that is longer.

    Raises:
        ValueError: when the window is no longer than one interval, or a number makes no sense.
    """

    since: datetime
    until: datetime
    interval_seconds: float
    p95_ms: int | None = None
    coverage_min_percent: int = 95
    gap_max_seconds: float = 300.0
    warm_up_seconds: float = 300.0
    warm_up_samples: int = 0

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("a window's ends are aware times")
        seconds = (self.until - self.since).total_seconds()
        if not 0 < self.interval_seconds <= seconds:
            raise ValueError("a window is at least one interval long")
        if not 0 < self.coverage_min_percent <= 100 or not 0 < self.gap_max_seconds < math.inf:
            raise ValueError("coverage is a share over 0 and up to 100 percent, and the longest gap a time over 0")
        if not 0 <= self.warm_up_seconds < math.inf or self.warm_up_samples < 0:
            raise ValueError("a warm-up is no less than nothing")

    @property
    def expected(self) -> int:
        """How many samples a prober that misses none takes in the window."""
        return (self.until - self.since) // timedelta(seconds=self.interval_seconds)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One endpoint's window with every figure. `reasons` says why it is not healthy, a clause each.

    `coverage_percent` is rounded down. `p95_ms` is None without a warm sample, and over `SLOWEST_MS` when it falls on
    a latency that was not measured. `cold` samples were left out of the P95, `warm` ones are what it is taken over.
    """

    endpoint: str
    demand: Demand
    expected: int
    seen: int
    coverage_percent: float
    worst_gap_seconds: float
    worst_gap_at: datetime
    p95_ms: int | None
    warm: int
    cold: int
    bad_statuses: Mapping[int, int] = field(default_factory=dict)
    anomalies: Mapping[Anomaly, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether every rule holds."""
        return not self.reasons


def check(
    samples: Iterable[Sample],
    endpoints: Sequence[str],
    demand: Demand,
    *,
    now: datetime,
    known: frozenset[str] = frozenset(),
) -> Mapping[str, WindowResult]:
    """Judge the windows of some endpoints in one pass.

    Args:
        samples: in the order in which they were taken.
        endpoints: whose windows.
        demand: what each must hold.
        now: the present moment; a later sample is from the future.
        known: other endpoints whose samples may be among them; any further one is an anomaly.

    Returns:
        A result for each endpoint, also for one without a sample.
    """
    tallies = {name: _Tally(demand, now) for name in endpoints}
    unknown = 0
    for sample in samples:
        tally = tallies.get(sample[0])
        if tally is not None:
            tally.add(sample)
        elif sample[0] not in known:
            unknown += 1
    return MappingProxyType({name: tally.result(name, unknown) for name, tally in tallies.items()})


def whole_ms(latency_ms: float) -> int:
    """A latency as the histogram keeps it: rounded up, and `SLOWEST_MS` at most."""
    return min(math.ceil(latency_ms), SLOWEST_MS)


def nearest_rank(histogram: Mapping[int, int], percent: int = PERCENTILE) -> int | None:
    """The smallest value with at least this percentage of all at or below it; None for no values.

    Args:
        histogram: how often each value stands.
        percent: 1 to 100.
    """
    rank = -(-sum(histogram.values()) * percent // 100)
    for value in sorted(histogram):
        rank -= histogram[value]
        if rank <= 0:
            return value
    return None


class _Tally:
    """What is known of one endpoint so far."""

    def __init__(self, demand: Demand, now: datetime) -> None:
        self.demand, self.now = demand, now
        self.interval = timedelta(seconds=demand.interval_seconds)
        self.gap_max = timedelta(seconds=demand.gap_max_seconds)
        self.warm_up = timedelta(seconds=demand.warm_up_seconds)
        self.last: datetime | None = None
        self.last_ms: int | None
        self.covered = timedelta(0)
        self.seen = 0
        self.cold = 0
        self.since_cold = 0
        self.warm_from = demand.since + self.warm_up
        self.worst_gap, self.worst_gap_at = timedelta(0), demand.since
        self.histogram: Counter[int] = Counter()
        self.unmeasured = 0
        self.bad: Counter[int] = Counter()
        self.anomalies: Counter[Anomaly] = Counter()

    def add(self, sample: Sample) -> None:
        """Take one more sample."""
        _, at, status, latency_ms = sample
        if not self.demand.since <= at <= self.demand.until:
            self.anomalies[Anomaly.FUTURE if at > self.now else Anomaly.OUTSIDE] += 1
            return
        if status != OK:
            self.bad[status] += 1
        if not 0 <= latency_ms < math.inf:
            self._unmeasured(latency_ms)
            return
        last = self.last
        if last is not None and at <= last:
            self._not_newer(at, status, latency_ms)
            return
        gap = at - (self.demand.since if last is None else last)
        if gap > self.worst_gap:
            self.worst_gap, self.worst_gap_at = gap, at - gap
        if gap > self.gap_max:
            self.warm_from, self.since_cold = at + self.warm_up, 0
        self.covered += min(gap, self.interval)
        self.last = at
        self.seen += 1
        self.since_cold += 1
        self._measure(at, status, latency_ms)

    def _measure(self, at: datetime, status: int, latency_ms: float) -> None:
        self.last_ms = None
        if at < self.warm_from or self.since_cold <= self.demand.warm_up_samples:
            self.cold += 1
        elif status == OK:
            self.last_ms = value = min(math.ceil(latency_ms), SLOWEST_MS)
            self.histogram[value] += 1

    def _unmeasured(self, latency_ms: float) -> None:
        """A latency that is none: it fills no hole, and stands among the slowest."""
        if math.isnan(latency_ms):
            self.anomalies[Anomaly.NOT_A_LATENCY] += 1
        else:
            self.anomalies[Anomaly.INFINITE if math.isinf(latency_ms) else Anomaly.NEGATIVE] += 1
        self.unmeasured += 1

    def _not_newer(self, at: datetime, status: int, latency_ms: float) -> None:
        """A second sample of one moment counts only where it is slower; one from before counts for its status alone."""
        if at != self.last:
            self.anomalies[Anomaly.BACKWARDS] += 1
            return
        self.anomalies[Anomaly.DUPLICATE] += 1
        if status == OK and self.last_ms is not None:
            value = max(whole_ms(latency_ms), self.last_ms)
            self.histogram[self.last_ms] -= 1
            self.histogram[value] += 1
            self.last_ms = value

    def result(self, endpoint: str, unknown: int) -> WindowResult:
        """The figures and the reasons, with the gap at the window's end."""
        demand = self.demand
        last = demand.since if self.last is None else self.last
        tail = demand.until - last
        if tail > self.worst_gap:
            self.worst_gap, self.worst_gap_at = tail, last
        covered = self.covered + min(tail, self.interval)
        window = demand.until - demand.since
        if unknown:
            self.anomalies[Anomaly.UNKNOWN_ENDPOINT] = unknown
        warm = sum(self.histogram.values())
        p95_ms = nearest_rank({**self.histogram, UNMEASURED_MS: self.unmeasured}) if warm else None
        # Gaps are parts of the window, so what is covered is never more than all of it.
        share = min(covered * 10_000 // window, self.seen * 10_000 // demand.expected)
        return WindowResult(
            endpoint=endpoint,
            demand=demand,
            expected=demand.expected,
            seen=self.seen,
            coverage_percent=share / 100,
            worst_gap_seconds=self.worst_gap.total_seconds(),
            worst_gap_at=self.worst_gap_at,
            p95_ms=p95_ms,
            warm=warm,
            cold=self.cold,
            bad_statuses=MappingProxyType(dict(sorted(self.bad.items()))),
            anomalies=MappingProxyType({kind: self.anomalies[kind] for kind in Anomaly if self.anomalies[kind]}),
            reasons=tuple(self._reasons(share, p95_ms)),
        )

    def _reasons(self, share: int, p95_ms: int | None) -> list[str]:
        demand, found = self.demand, []
        if not self.seen:
            found.append("there is no data")
        if self.bad:
            found.append(f"{sum(self.bad.values())} samples are not {OK}")
        if share < demand.coverage_min_percent * 100:
            found.append(f"coverage {share / 100:.2f} % is under {demand.coverage_min_percent} %")
        if self.worst_gap > self.gap_max:
            found.append(f"a gap of {self.worst_gap.total_seconds():.0f} s is over {demand.gap_max_seconds:g} s")
        if demand.p95_ms is not None:
            if p95_ms is None:
                found.append("there is no warm sample to take the P95 of")
            elif p95_ms > demand.p95_ms:
                found.append(f"P95 {latency_shown(p95_ms)} is over {demand.p95_ms} ms")
        return found


def latency_shown(milliseconds: int | None) -> str:
    """A percentile for a reader."""
    if milliseconds is None:
        return "none"
    if milliseconds >= UNMEASURED_MS:
        return "not measured"
    return f"over {SLOWEST_MS} ms" if milliseconds == SLOWEST_MS else f"{milliseconds} ms"
