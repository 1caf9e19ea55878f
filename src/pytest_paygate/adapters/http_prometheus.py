"""Samples out of a Prometheus, through `query_range`, each counted once and with the time at which it was scraped.

Rules:
- a range query repeats a sample for minutes after the scrapes have stopped; `timestamp()` beside each value tells which
  sample it is, so what is repeated fills no hole;
- the grid is half an interval, and `count_over_time` at the end tells whether samples lay between its points;
- a request asks for far fewer points than the 11,000 that are allowed, so answers stay small;
- an answer that is late, large, an error, a warning, or of another form is a refusal. Nothing of it enters a text.
"""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx

from pytest_paygate.adapters import tls
from pytest_paygate.adapters.http_limits import NotStrictJsonError, parse_json
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, SamplesError
from pytest_paygate.core.samples import SAMPLES_MAX, SourceKind, StatusKind
from pytest_paygate.core.window import OK, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_paygate.core.samples import SampleSettings
    from pytest_paygate.core.secret import Secret

# Prometheus allows 11,000 points a series; small answers are read, checked and forgotten sooner.
POINTS_MAX: Final = 2_000
BODY_BYTES_MAX: Final = 32 * 1_048_576
SERIES_MAX: Final = 500
DEADLINE_SECONDS: Final = 30.0
_FLOAT: Final = re.compile(r"[+-]?(\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?|Inf|NaN)", re.ASCII)
Points = dict[float, float]


@dataclass(slots=True)
class _Series:
    """What is known of one endpoint so far: when its last sample was scraped, and how many there were."""

    last: float = -math.inf
    seen: int = 0
    found: list[Sample] = field(default_factory=list)


class PrometheusSamples:
    """A `SampleSource` on the HTTP API of a Prometheus.

    Args:
        base_url: without `/api/v1`.
        settings: queries, label and interval.
        token: sent as bearer token, or None.
        ca_file: trusted authorities instead of the public ones.
        deadline_seconds: each request ends by then, whatever the server does.
    """

    kind = SourceKind.PROMETHEUS
    torn = 0

    def __init__(
        self,
        base_url: str,
        settings: SampleSettings,
        *,
        token: Secret | None = None,
        ca_file: Path | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._base_url, self._settings, self._token = base_url, settings, token
        self._ca_file, self._deadline_seconds = ca_file, deadline_seconds

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of these endpoints in the window.

        Raises:
            SamplesError: when Prometheus is down, slow, or answers anything but what was asked for.
        """
        if (until - since).total_seconds() / self._settings.interval_seconds * len(endpoints) > SAMPLES_MAX:
            raise _wrong("a window of more samples than can be judged")
        series = {endpoint: _Series() for endpoint in endpoints}
        headers = {"Accept-Encoding": "identity", "User-Agent": "paygate"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        client = httpx.AsyncClient(
            base_url=f"{self._base_url}/api/v1/",
            headers=headers,
            timeout=self._deadline_seconds,
            verify=tls.context(self._ca_file, needed=self._base_url.startswith("https")),
            trust_env=False,
            follow_redirects=False,
        )
        # A loop of its own, because only an event loop can end a request that trickles in for ever.
        with asyncio.Runner() as runner:
            try:
                for start, end in self._chunks(since, until):
                    runner.run(self._read(client, series, start, end, since))
                    for known in series.values():
                        yield from known.found
                        known.found.clear()
                runner.run(self._complete(client, series, since, until))
            finally:
                runner.run(client.aclose())

    def _chunks(self, since: datetime, until: datetime) -> Iterator[tuple[float, float]]:
        """The window's grid in pieces, seconds since the epoch. Its last point is the window's end."""
        step = self._step_seconds
        count = math.ceil((until - since).total_seconds() / step)
        end = until.timestamp()
        for first in range(0, count + 1, POINTS_MAX):
            last = min(first + POINTS_MAX - 1, count)
            yield end - (count - first) * step, end - (count - last) * step

    @property
    def _step_seconds(self) -> float:
        return self._settings.interval_seconds / 2

    async def _read(
        self, client: httpx.AsyncClient, series: Mapping[str, _Series], start: float, end: float, since: datetime
    ) -> None:
        settings = self._settings
        names = set(series)
        times = await self._range(client, f"timestamp({settings.status_query})", names, start, end)
        statuses = await self._range(client, settings.status_query, names, start, end)
        lasted_times = await self._range(client, f"timestamp({settings.duration_query})", names, start, end)
        lasted = await self._range(client, settings.duration_query, names, start, end)
        for name, known in series.items():
            for point, at in times.get(name, {}).items():
                if at <= known.last:
                    continue
                if not 0 < at < 1e11:
                    raise _wrong("a timestamp that is none")
                known.last = at
                if at < since.timestamp():
                    continue
                known.seen += 1
                status = self._status(statuses.get(name, {}).get(point, math.nan))
                fresh = abs(lasted_times.get(name, {}).get(point, -math.inf) - at) < settings.interval_seconds
                seconds = lasted.get(name, {}).get(point, math.nan) if fresh else math.nan
                moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(at * 1000))
                known.found.append(Sample(name, moment, status, seconds * 1000))

    def _status(self, value: float) -> int:
        """A status as the window knows it; whatever is none is 0, as if no answer had come."""
        if self._settings.status_kind is StatusKind.SUCCESS:
            return OK if value == 1 else 0
        return int(value) if 0 <= value <= 999 and value == int(value) else 0

    async def _complete(
        self, client: httpx.AsyncClient, series: Mapping[str, _Series], since: datetime, until: datetime
    ) -> None:
        """Refuse when Prometheus holds samples that lay between the points of the grid."""
        milliseconds = round((until - since).total_seconds() * 1000)
        query = f"count_over_time({self._settings.status_query}[{milliseconds}ms])"
        found = await self._asked(client, "query", {"query": query, "time": f"{until.timestamp():.3f}"}, "vector")
        for name, item in self._by_endpoint(found, set(series)).items():
            count = _point(item.get("value"))[1]
            # Whether the sample at either end belongs to a range differs between releases.
            if not count <= series[name].seen + 2:
                raise _wrong("more samples than one in each interval: interval_seconds is not the scrape interval")

    async def _range(
        self, client: httpx.AsyncClient, query: str, names: set[str], start: float, end: float
    ) -> dict[str, Points]:
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{self._step_seconds:.3f}"}
        found = self._by_endpoint(await self._asked(client, "query_range", asked, "matrix"), names)
        return {name: self._points(item.get("values")) for name, item in found.items()}

    @staticmethod
    def _points(values: object) -> Points:
        if not isinstance(values, list) or len(values) > POINTS_MAX + 1:
            raise _wrong("a series of more points than were asked for, or of none")
        points = dict(map(_point, values))
        if len(points) != len(values):
            raise _wrong("two values at one moment")
        return points

    def _by_endpoint(self, result: object, names: set[str]) -> dict[str, dict[str, Any]]:
        """The series of an answer by the endpoint each is of; strangers are left out."""
        if not isinstance(result, list) or len(result) > SERIES_MAX:
            raise _wrong(f"a result of more than {SERIES_MAX} series, or none")
        found: dict[str, dict[str, Any]] = {}
        for item in result:
            metric = item.get("metric") if isinstance(item, dict) else None
            if not isinstance(metric, dict):
                raise _wrong("a series without labels")
            name = metric.get(self._settings.endpoint_label)
            if not isinstance(name, str) or name not in names:
                continue
            if name in found:
                raise _wrong(f"two series of endpoint {name}: narrow the queries down")
            found[name] = item
        return found

    async def _asked(self, client: httpx.AsyncClient, call: str, parameters: dict[str, str], kind: str) -> object:
        """The result of one query, after everything about its answer was checked."""
        status, body = await self._fetched(client, call, parameters)
        try:
            document = parse_json(body)
        except NotStrictJsonError:
            raise _wrong(f"status {status} with a body that is not JSON") from None
        if status != OK or not isinstance(document, dict) or document.get("status") != "success":
            raise _wrong(f"status {status} and not a success")
        if document.get("warnings"):
            raise _wrong("a result with warnings, which may be a part of the whole")
        data = document.get("data")
        if not isinstance(data, dict) or data.get("resultType") != kind:
            raise _wrong(f"another result than a {kind}")
        return data.get("result")

    async def _fetched(self, client: httpx.AsyncClient, call: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of one request, within its deadline and its size."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._deadline_seconds), client.stream("POST", call, data=parameters) as answer:
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise _wrong("a compression that nobody asked for")
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > BODY_BYTES_MAX:
                        raise _wrong(f"an answer of more than {BODY_BYTES_MAX} bytes")
                return answer.status_code, bytes(body)
        except (TimeoutError, httpx.TimeoutException):
            raise _down(f"no whole answer within {self._deadline_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _down(type(error).__name__) from None


def _point(value: object) -> tuple[float, float]:
    """A moment and a value: `[1795262400.5, "200"]`."""
    match value:
        case [int() | float() as at, str() as text] if _FLOAT.fullmatch(text):
            return float(at), float(text)
        case _:
            raise _wrong("a point that is not a moment and a number")


def _wrong(observed: str) -> SamplesError:
    return _refused("did not answer with the samples of this window", observed)


def _down(observed: str) -> SamplesError:
    return _refused("cannot be asked for samples", observed)


def _refused(what: str, observed: str) -> SamplesError:
    return SamplesError(
        Refusal(
            refused=f"Prometheus {what}",
            expected="two series for each endpoint, status and duration, as [env.NAME.samples] names them",
            observed=observed,
            money=NOTHING_MOVED,
            next_step="Look at the address, the queries and the label in paygate.toml, and at Prometheus itself.",
        )
    )
