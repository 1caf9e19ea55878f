"""Whether a service was healthy over a whole window: its answers, and whether anybody was looking all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check
from pytest_paygate.core.window import OK, latency_shown

if TYPE_CHECKING:
    from pytest_paygate.core.window import WindowResult


@check("Every sample of the window was answered 200")
def window_answered(result: WindowResult) -> Finding | None:
    """A window without a sample says nothing of its service, and does not do."""
    if not result.seen:
        return Finding(f"the window of {result.endpoint}", "no sample", "samples, each answered 200", _SAMPLE)
    if not result.bad_statuses:
        return None
    told = ", ".join(f"{count} times {status}" for status, count in sorted(result.bad_statuses.items())[:3])
    return Finding(f"what {result.endpoint} answered over the window", told, f"{OK} to every sample", _MEND)


@check("Somebody was looking during nearly all of the window")
def window_covered(result: WindowResult) -> Finding | None:
    """Coverage is time that samples stand for; the demand says how much of the window that must be."""
    least = result.demand.coverage_min_percent
    if result.coverage_percent >= least:
        return None
    return Finding(
        f"how much of its window the samples of {result.endpoint} cover",
        f"{result.coverage_percent:.2f} %",
        f"at least {least} %",
        _SAMPLE,
    )


@check("No stretch of the window went unwatched for long")
def window_unbroken(result: WindowResult) -> Finding | None:
    """A service can have been down in a gap, and nobody would know."""
    longest = result.demand.gap_max_seconds
    if result.worst_gap_seconds <= longest:
        return None
    return Finding(
        f"the longest time without a sample of {result.endpoint}",
        f"{result.worst_gap_seconds:.0f} s",
        f"at most {longest:g} s",
        _SAMPLE,
    )


@check("The warm P95 of the window is within its limit")
def window_fast(result: WindowResult) -> Finding | None:
    """Latencies right after a cold start are left out; a window without a warm sample does not do."""
    limit = result.demand.p95_ms
    if limit is None or (result.p95_ms is not None and result.p95_ms <= limit):
        return None
    seen = latency_shown(result.p95_ms)
    return Finding(f"the warm P95 of {result.endpoint}", seen, f"at most {limit} ms", _MEND)


_MEND = "Mend the service, and wait until the window is full again."
_SAMPLE = "See why `paygate watch` took no samples then, and wait until the window is full again."
