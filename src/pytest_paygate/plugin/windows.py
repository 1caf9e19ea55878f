"""What a suite asks of a service's past: `await windows.check("a1", hours=24, p95_ms=120)`.

Reads the source that the environment names, judges, and journals every figure before anybody acts on it. The reading
runs in a thread of its own, so that nothing else of the session stands still meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_paygate.adapters.sample_sources import source_of
from pytest_paygate.adapters.settings import store_dsn
from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import Refusal, RowFailedError, configuration, nearest
from pytest_paygate.core.samples import ENDPOINT, SourceKind, place_of
from pytest_paygate.core.window import Anomaly, Demand, WindowResult, check
from pytest_paygate.plugin.row_checks import money_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_paygate.core.samples import SampleSource
    from pytest_paygate.plugin.gate_run import GateRun

# The journal keeps the most frequent ones by name and the rest in one figure.
STATUSES_MAX = 20


class Windows:
    """Windows over the samples of the run's environment, each ending now."""

    def __init__(self, run: GateRun) -> None:
        self._run = run

    async def check(  # noqa: PLR0913 - independent limits, all with a default
        self,
        endpoint: str,
        *,
        hours: float,
        p95_ms: int | None = None,
        coverage_min_percent: int = 95,
        gap_max_seconds: float = 300.0,
        warm_up_seconds: float = 300.0,
        warm_up_samples: int = 0,
    ) -> WindowResult:
        """Judge one service's window, and journal it.

        Args:
            endpoint: the service, as `[env.NAME.services]` and its samples call it.
            hours: the window's length; it ends now.
            p95_ms: the most the warm P95 may be; None for no limit.
            coverage_min_percent: share of the window that samples must stand for.
            gap_max_seconds: longest time without a sample, also at both ends.
            warm_up_seconds: how long after a cold start latencies are left out of the P95.
            warm_up_samples: how many samples are left out then, if that is longer.

        Returns:
            Every figure. `healthy` is False for whatever was missing, late, slow or odd, and `reasons` says why.

        Raises:
            SamplesError: when the source is down, slow, too large, or not what it says it is.
            ConfigurationError: when the environment has no such service, or the window cannot be judged.
        """
        demand = self._demand(
            hours,
            p95_ms=p95_ms,
            coverage_min_percent=coverage_min_percent,
            gap_max_seconds=gap_max_seconds,
            warm_up_seconds=warm_up_seconds,
            warm_up_samples=warm_up_samples,
        )
        return (await self._judged([endpoint], demand))[endpoint]

    async def check_all(
        self, endpoints: Sequence[str], *, hours: float, p95_ms: int | None = None
    ) -> Mapping[str, WindowResult]:
        """Judge the windows of several services in one pass, with the usual limits, and journal each.

        Raises:
            SamplesError: see `check`.
            ConfigurationError: see `check`.
        """
        return await self._judged(endpoints, self._demand(hours, p95_ms=p95_ms))

    async def require(self, *endpoints: str, hours: float, p95_ms: int | None = None) -> Mapping[str, WindowResult]:
        """The same, and the row fails unless every window is healthy.

        Raises:
            RowFailedError: naming the first service that is not, and why.
            SamplesError: see `check`.
            ConfigurationError: see `check`.
        """
        found = await self.check_all(endpoints, hours=hours, p95_ms=p95_ms)
        for result in found.values():
            if not result.healthy:
                raise RowFailedError(self._refusal(result, hours))
        return found

    def _demand(self, hours: float, **limits: float | None) -> Demand:
        now = self._run.clock.now()
        until = now.replace(microsecond=now.microsecond // 1000 * 1000)
        try:
            since = until - timedelta(hours=hours)
            interval_seconds = self._run.environment.samples.interval_seconds
            return Demand(since, until, interval_seconds, **limits)  # type: ignore[arg-type]  # typed where they come from
        except (ValueError, OverflowError) as error:
            raise configuration(
                "windows.check",
                "cannot judge such a window",
                expected="hours of at least one sample interval, and limits that make sense",
                observed=str(error)[:120],
                next_step="Correct the row's hours and limits, or samples.interval_seconds in paygate.toml.",
            ) from None

    async def _judged(self, endpoints: Sequence[str], demand: Demand) -> Mapping[str, WindowResult]:
        services: Mapping[str, str] = getattr(self._run.environment, "services", {})
        for endpoint in endpoints:
            self._known(endpoint, services)
        source = self._source()
        found = await asyncio.to_thread(_read, source, endpoints, demand, frozenset(services))
        for result in found.values():
            self._run.journal.record(_event(result, source.kind))
        return found

    def _source(self) -> SampleSource:
        runs, environment = self._run.runs, self._run.environment
        is_store = place_of(environment.samples.source).kind is SourceKind.STORE
        dsn = store_dsn(runs.settings, runs.settings_file) if is_store else None
        return source_of(environment, root=runs.config.rootpath, reports=runs.choice.reports, dsn=dsn)

    def _known(self, endpoint: str, services: Mapping[str, str]) -> None:
        if ENDPOINT.fullmatch(endpoint) and (not services or endpoint in services):
            return
        raise configuration(
            f"{self._run.runs.settings_file}: env.{self._run.environment.name}.services",
            "has no such service",
            expected=f"a service the row asks for.{nearest(endpoint, services)}",
            observed=f"the row asks for {endpoint[:40]!r}",
            next_step="Add the service, or correct its name in the row.",
        )

    def _refusal(self, result: WindowResult, hours: float) -> Refusal:
        demand = result.demand
        fast = "" if demand.p95_ms is None else f", warm P95 at most {demand.p95_ms} ms"
        return Refusal(
            refused=f"{result.endpoint} was not healthy over the last {hours:g} h",
            expected=f"every sample 200, coverage at least {demand.coverage_min_percent} %, no gap over "
            f"{demand.gap_max_seconds:g} s{fast}",
            observed="; ".join(result.reasons),
            money=money_sentence(self._run),
            next_step="Mend what it names and wait until the window is full again; `paygate watch` takes the samples.",
        )


def _read(
    source: SampleSource, endpoints: Sequence[str], demand: Demand, known: frozenset[str]
) -> Mapping[str, WindowResult]:
    """Read the source to its end and judge; lines that a crash has cut off are counted with every result."""
    samples = source.samples(endpoints, demand.since, demand.until)
    found = check(samples, endpoints, demand, now=demand.until, known=known)
    if not source.torn:
        return found
    return MappingProxyType(
        {
            name: replace(result, anomalies=MappingProxyType({**result.anomalies, Anomaly.TORN: source.torn}))
            for name, result in found.items()
        }
    )


def _event(result: WindowResult, source: SourceKind) -> ev.WindowChecked:
    demand = result.demand
    frequent = sorted(result.bad_statuses.items(), key=lambda item: (-item[1], item[0]))
    statuses = {str(status): count for status, count in frequent[:STATUSES_MAX]}
    others = sum(count for _, count in frequent[STATUSES_MAX:])
    return ev.WindowChecked(
        endpoint=result.endpoint,
        source=source,
        since=_at(demand.since),
        until=_at(demand.until),
        healthy=result.healthy,
        interval_seconds=demand.interval_seconds,
        expected=result.expected,
        seen=result.seen,
        coverage_percent=result.coverage_percent,
        coverage_min_percent=demand.coverage_min_percent,
        worst_gap_seconds=result.worst_gap_seconds,
        worst_gap_at=_at(result.worst_gap_at),
        gap_max_seconds=demand.gap_max_seconds,
        p95_ms=result.p95_ms,
        p95_limit_ms=demand.p95_ms,
        warm=result.warm,
        cold=result.cold,
        warm_up_seconds=demand.warm_up_seconds,
        warm_up_samples=demand.warm_up_samples,
        bad_statuses={**statuses, **({"others": others} if others else {})},
        anomalies={str(kind): count for kind, count in result.anomalies.items()},
        reasons=result.reasons,
    )


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
