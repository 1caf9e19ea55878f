"""The fleet's past as somebody wants it: probe samples of the last hours, written in one go, with chosen blemishes.

Owns the table `probe_samples`. The samples are made inside PostgreSQL: a day of eight endpoints takes a fraction of a
second. Nothing here is random: the same history is the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.fleet.faults import SLOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from pytest_paygate.sandbox.fleet.service import Fleet

SAMPLES_MAX = 1_000_000
ENDPOINTS = ("a1", "a3", "a6", "a8")
_HOURS_MAX = 24 * 31
_NAME_LENGTH_MAX = 40
_SLOW_MS = 300.0
_DOWN_MINUTES = 10.0
_HOUR_AGO = 1.0
_GAP_MINUTES = 10.0
# Each is short enough by itself: together they are more than a twentieth of a day.
_PAUSE_MINUTES = 4.0
_THIN_PAUSES = 60
# A fifth more than the base at most, by the sample's second: spread enough to have percentiles, always the same.
_WRITE = """
INSERT INTO probe_samples (endpoint, at, status, latency_ms)
SELECT endpoint, at, 200, %(latency)s * (1 + 0.2 * (mod(extract(epoch FROM at)::bigint * 7919, 1000) / 1000.0))
FROM unnest(%(endpoints)s::text[]) AS endpoint,
     generate_series(0, %(count)s - 1) AS number,
     LATERAL (SELECT %(until)s::timestamptz - number * make_interval(secs => %(every)s) AS at) AS moment
"""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of one endpoint's history: it begins `hours_ago` before the end and lasts `minutes`.

    In a bad spell `status` is what the endpoint answered; in a slow one `latency_ms` is how long it took.
    """

    endpoint: str
    hours_ago: float
    minutes: float
    status: int = 503
    latency_ms: float = _SLOW_MS


@dataclass(frozen=True, slots=True)
class History:
    """What the past is to look like. Without any spell: every sample 200 and quick, the last one just now.

    `warm_up_minutes` makes the first minutes of every endpoint slow, as after a deployment.
    """

    hours: float = 24.0
    every_seconds: float = 60.0
    latency_ms: float = 40.0
    endpoints: tuple[str, ...] = ENDPOINTS
    gaps: tuple[Spell, ...] = ()
    bad: tuple[Spell, ...] = ()
    slow: tuple[Spell, ...] = ()
    warm_up_minutes: float = 0.0
    warm_up_latency_ms: float = 900.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            SandboxError: for a history that cannot be.
        """
        spells = (*self.gaps, *self.bad, *self.slow)
        _within("hours", self.hours, 0.01, _HOURS_MAX)
        _within("every_seconds", self.every_seconds, 1, 3600)
        _within("warm_up_minutes", self.warm_up_minutes, 0, _HOURS_MAX * 60)
        for latency in (self.latency_ms, self.warm_up_latency_ms, *(spell.latency_ms for spell in spells)):
            _within("latency_ms", latency, 0, 600_000)
        for spell in spells:
            _within("hours_ago", spell.hours_ago, 0, _HOURS_MAX)
            _within("minutes", spell.minutes, 0, _HOURS_MAX * 60)
            _within("status", spell.status, 0, 999)
        for name in (*self.endpoints, *(spell.endpoint for spell in spells)):
            _named(name)
        if self.count * len(self.endpoints) > SAMPLES_MAX:
            message = f"history: more than {SAMPLES_MAX} samples; take fewer hours or endpoints"
            raise SandboxError(message)

    @property
    def count(self) -> int:
        """Samples of each endpoint."""
        return int(self.hours * 3600 / self.every_seconds)


def parse(document: Mapping[str, Any]) -> History:
    """Read a history from JSON; every key of `History` may be left out.

    Raises:
        SandboxError: for unknown keys, wrong types and impossible values.
    """
    known = {field.name for field in fields(History)}
    unknown = sorted(set(document) - known)
    if unknown:
        message = f"history: unknown key {unknown[0]!r}: choose from {', '.join(sorted(known))}"
        raise SandboxError(message)
    try:
        spells = {
            name: tuple(Spell(**one) for one in document[name]) for name in ("gaps", "bad", "slow") if name in document
        }
        listed = {"endpoints": tuple(document["endpoints"])} if "endpoints" in document else {}
        return History(**{**document, **spells, **listed})
    except TypeError:
        raise SandboxError("history: a spell has endpoint, hours_ago, minutes; endpoints is a list") from None


async def write(fleet: Fleet, history: History) -> int:
    """Replace every sample by this history, which ends now; faults that are on have left their marks in it.

    Returns:
        How many samples were written.
    """
    until = fleet.now()
    asked = {
        "latency": history.latency_ms,
        "endpoints": list(history.endpoints),
        "count": history.count,
        "until": until,
        "every": history.every_seconds,
    }
    async with fleet.pool.connection() as connection:
        await connection.execute("TRUNCATE probe_samples")
        await connection.execute(_WRITE, asked)
        for spell in (*history.slow, *_slow_by_fault(fleet, history)):
            await connection.execute(*_over(spell, until, "UPDATE probe_samples SET latency_ms = %s", spell.latency_ms))
        for spell in (*history.bad, *_bad_by_fault(fleet)):
            await connection.execute(*_over(spell, until, "UPDATE probe_samples SET status = %s", spell.status))
        for spell in (*history.gaps, *_gaps_by_fault(fleet)):
            await connection.execute(*_over(spell, until, "DELETE FROM probe_samples"))
        warm = until - timedelta(hours=history.hours) + timedelta(minutes=history.warm_up_minutes)
        await connection.execute(
            "UPDATE probe_samples SET latency_ms = %s WHERE at <= %s AND %s > 0",
            (history.warm_up_latency_ms, warm, history.warm_up_minutes),
        )
        cursor = await connection.execute("SELECT count(*) FROM probe_samples")
        found = await cursor.fetchone()
    return int(found[0]) if found else 0


async def samples(fleet: Fleet, endpoint: str | None = None) -> list[dict[str, Any]]:
    """The samples by time, of one endpoint or of all: `endpoint`, `at` (aware, UTC), `status`, `latency_ms`."""
    async with fleet.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT endpoint, at, status, latency_ms FROM probe_samples"
            " WHERE %(endpoint)s::text IS NULL OR endpoint = %(endpoint)s ORDER BY at, endpoint",
            {"endpoint": endpoint},
        )
        return await cursor.fetchall()


def _over(spell: Spell, until: datetime, statement: str, *values: float) -> tuple[bytes, list[object]]:
    begins = until - timedelta(hours=spell.hours_ago)
    where = " WHERE endpoint = %s AND at >= %s AND at < %s"
    return (statement + where).encode(), [*values, spell.endpoint, begins, begins + timedelta(minutes=spell.minutes)]


def _slow_by_fault(fleet: Fleet, history: History) -> list[Spell]:
    faults = fleet.world.faults
    slow = []
    if faults.active("fleet_history_a3_slow"):
        slow.append(Spell("a3", _HOUR_AGO, 2.0))
    if faults.active("fleet_a1_slow"):
        seconds = faults.seconds("fleet_a1_slow", SLOW_SECONDS) or 0.0
        slow.append(Spell("a1", history.hours, history.hours * 60 + 1, latency_ms=round(seconds * 1000)))
    return slow


def _bad_by_fault(fleet: Fleet) -> list[Spell]:
    faults = fleet.world.faults
    spells = [
        Spell(name, _DOWN_MINUTES / 60, _DOWN_MINUTES + 1)
        for name in ("a3", "a6", "a8")
        if faults.active(f"fleet_{name}_down")
    ]
    if faults.active("fleet_history_bad"):
        spells.append(Spell("a3", _HOUR_AGO, 2.0))
    return spells


def _gaps_by_fault(fleet: Fleet) -> list[Spell]:
    """Stretches that nobody watched: one long one, or many short ones."""
    faults = fleet.world.faults
    gaps = []
    if faults.active("fleet_history_gap"):
        gaps.append(Spell("a6", _HOUR_AGO, float(str(faults.parameter("fleet_history_gap", "minutes", _GAP_MINUTES)))))
    if faults.active("fleet_history_thin"):
        count = int(str(faults.parameter("fleet_history_thin", "pauses", _THIN_PAUSES)))
        gaps += [Spell("a8", _HOUR_AGO + 0.1 * number, _PAUSE_MINUTES) for number in range(count)]
    return gaps


def _named(name: object) -> None:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _NAME_LENGTH_MAX:
        message = f"history: an endpoint has 1 to {_NAME_LENGTH_MAX} printable characters, not {name!r}"
        raise SandboxError(message)


def _within(name: str, value: object, least: float, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not number or not isfinite(value) or not least <= value <= most:
        message = f"history: {name} must be a number from {least:g} to {most:g}, not {value!r}"
        raise SandboxError(message)
