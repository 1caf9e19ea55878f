"""Samples at rest: where an environment's samples are, the one line of a sample, and the ports to read and keep them.

Owns the `[env.NAME.samples]` table and the spelling of a sample in JSON Lines. Opens nothing.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.window import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# More than a week of eight services every second: beyond it a source is not what it says.
SAMPLES_MAX = 5_000_000
LINE_BYTES_MAX = 512
ENDPOINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_FIX = "Correct the file; its keys are listed in docs/reference/paygate-toml.md."
_KEYS = {"at", "endpoint", "latency_ms", "status"}
# The spelling `encode` writes; anything else that is a sample in JSON is read more slowly.
_SPELLED = re.compile(
    r'\{"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)","endpoint":"([A-Za-z0-9][A-Za-z0-9_.-]{0,39})",'
    r'"latency_ms":((?:0|[1-9]\d{0,8})(?:\.\d{1,6})?),"status":(0|[1-9]\d{0,2})\}',
    re.ASCII,
)
_SPELLED_LINE = re.compile(f"^{_SPELLED.pattern}\n", re.ASCII | re.MULTILINE)
_TABLE = re.compile(r"([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,62}")
_SELECTOR = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}\[\]()\n]{0,400}\})?")


class SourceKind(StrEnum):
    """Where samples come from."""

    STORE = "store"
    FILE = "file"
    PROMETHEUS = "prometheus"
    DATABASE = "database"


class StatusKind(StrEnum):
    """What Prometheus keeps of an answer: its HTTP status, or 1 for success and 0 for failure."""

    CODE = "code"
    SUCCESS = "success"


class SampleSettings(Model):
    """The `[env.NAME.samples]` table. `token` is a reference; queries are plain selectors."""

    source: str = "store"
    interval_seconds: float = Field(default=10.0, ge=0.05, le=3_600)
    path: str = Field(default="/health", pattern=r"^(/[A-Za-z0-9_.~/-]{0,200})?$")
    status_query: str = "probe_http_status_code"
    status_kind: StatusKind = StatusKind.CODE
    duration_query: str = "probe_duration_seconds"
    endpoint_label: str = Field(default="service", pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,60}$")
    token: str = ""

    def fault(self) -> tuple[str, str] | None:
        """The key that cannot be used, and what is expected of it; None when all can."""
        try:
            place_of(self.source)
        except ValueError as error:
            return "source", str(error)
        for key, query in (("status_query", self.status_query), ("duration_query", self.duration_query)):
            if not _SELECTOR.fullmatch(query):
                return key, "a plain selector such as probe_http_status_code{job='fleet'}, without functions or ranges"
        return None


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A source as the settings name it. `where` is a path or a base URL; empty for the store."""

    kind: SourceKind
    where: str = ""


def place_of(source: str) -> SourcePlace:
    """Read `store`, `file:PATH`, `prometheus:http(s)://host[:port][/path]` or `database:[schema.]table`.

    Raises:
        ValueError: for anything else; the message says what would do and holds nothing of the text.
    """
    kind, _, where = source.partition(":")
    if source == SourceKind.STORE:
        return SourcePlace(SourceKind.STORE)
    if kind == SourceKind.FILE and where and "\0" not in where:
        return SourcePlace(SourceKind.FILE, where)
    if kind == SourceKind.PROMETHEUS and is_base_url(where):
        return SourcePlace(SourceKind.PROMETHEUS, where.rstrip("/"))
    if kind == SourceKind.DATABASE and _TABLE.fullmatch(where):
        return SourcePlace(SourceKind.DATABASE, where)
    raise ValueError(
        "'store', 'file:PATH', 'prometheus:http(s)://host[:port][/path]' without user or query, or 'database:TABLE'"
    )


class SampleSource(Protocol):
    """Samples that somebody has taken.

    `torn` is how many lines a crash has cut off in what was read. `SamplesError` is raised, at any point of the
    reading, when the source is down, slow, too large, or not what it says it is.
    """

    kind: SourceKind

    @property
    def torn(self) -> int:
        """How many lines were cut off."""

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of these endpoints in the window, in the order in which each was taken.

        Samples of other endpoints and times may be among them.
        """


class SampleSink(Protocol):
    """Where a prober keeps what it sees."""

    def append(self, samples: Sequence[Sample]) -> None:
        """Keep some samples, all or none as far as a reader can tell.

        Raises:
            SamplesError: when they could not be kept; the same samples may be given again.
        """

    def close(self) -> None:
        """Release what is held; what was kept stays."""


def encode(sample: Sample) -> bytes:
    """The one line of a sample, with its newline."""
    at = sample.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {
        "at": at,
        "endpoint": sample.endpoint,
        "latency_ms": round(sample.latency_ms, 3),
        "status": sample.status,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(line: str) -> Sample:
    """Read one line, without its newline.

    A latency that is no number comes back as NaN, to be counted; everything else that is wrong is refused.

    Raises:
        ValueError: when it is not a sample. The message holds nothing of the line.
    """
    match = _SPELLED.fullmatch(line)
    if match is not None:
        at, endpoint, latency, status = match.groups()
        return Sample(endpoint, datetime.fromisoformat(at), int(status), float(latency))
    return _loosely(line)


def decode_lines(lines: str) -> Iterator[Sample] | None:
    """Read many whole lines at once, when each is in the spelling of `encode`; None when one is not.

    Args:
        lines: each with its newline.

    Raises:
        ValueError: while iterating, at the first time that no calendar has.
    """
    found = _SPELLED_LINE.findall(lines)
    if len(found) != lines.count("\n"):
        return None
    parse = datetime.fromisoformat
    return (Sample(endpoint, parse(at), int(status), float(latency)) for at, endpoint, latency, status in found)


def _loosely(line: str) -> Sample:
    try:
        document = json.loads(line, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(document, dict) or set(document) != _KEYS:
        raise ValueError("it is not an object with the keys at, endpoint, latency_ms and status")
    at, endpoint, status = document["at"], document["endpoint"], document["status"]
    if not isinstance(endpoint, str) or not ENDPOINT.fullmatch(endpoint):
        raise ValueError("its endpoint is not a plain name")
    if type(status) is not int or not 0 <= status <= 999:
        raise ValueError("its status is not one of HTTP, or 0")
    moment = datetime.fromisoformat(at) if isinstance(at, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError("its time is not a moment with a zone")
    return Sample(endpoint, moment, status, number(document["latency_ms"]))


def number(value: object) -> float:
    """A number from outside as a float; NaN for what is none."""
    if type(value) is float:
        return value
    if type(value) is int and abs(value) < 1 << 53:
        return float(value)
    return math.nan


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def is_base_url(url: str) -> bool:
    """Whether a text is `http(s)://host[:port][/path]` and nothing more: no user or password, no query, no fragment."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and not (parts.query or parts.fragment or "@" in parts.netloc)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False


def check(where: str, settings: SampleSettings) -> None:
    """Refuse settings of samples that cannot be used.

    Args:
        where: file and table.
        settings: what stands there.

    Raises:
        ConfigurationError: naming the key; its value is not repeated, it could be a secret in the wrong place.
    """
    fault = settings.fault()
    if fault is not None:
        key, expected = fault
        observed = f"{len(getattr(settings, key))} characters of another form"
        raise configuration(f"{where}.{key}", "cannot be used", expected=expected, observed=observed, next_step=_FIX)
