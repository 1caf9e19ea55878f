"""One axis for everything a run waited for: requests, queries, polls, the target's log, and the person. Pure.

Owns the geometry of the chart: seconds of the journal become whole units of a fixed width, so that marks which fall on
one place are drawn once and two thousand polls stay small. Laid out by the template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.gate import Gate

WIDTH = 1000
LANE_HEIGHT = 24
TOP = 22
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)
OPERATOR, DATABASE, POLLS, LOG = "operator", "database", "polls", "target's log"


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the chart: its SVG paths, and the same in words. `y` is its upper edge."""

    name: str
    y: int
    good: str
    bad: str
    count: int
    failed: int
    total_seconds: float
    slowest_seconds: float


@dataclass(frozen=True, slots=True)
class Band:
    """The stretch of one row on the axis."""

    number: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole chart. `ticks` are places on the axis with their labels."""

    height: int
    seconds: float
    lanes: tuple[Lane, ...]
    bands: tuple[Band, ...]
    ticks: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _Marks:
    """What one lane has collected: start and end in seconds, and whether it went well."""

    spans: list[tuple[float, float, bool]] = field(default_factory=list)


def timeline(entries: Sequence[ev.Entry], gate: Gate) -> Timeline | None:
    """The chart of a run, or None when it waited for nothing.

    Args:
        entries: the whole journal.
        gate: the run's gate, for the numbers of its rows.
    """
    lanes: dict[str, _Marks] = {}
    for entry in entries:
        mark = _mark(entry, entries[0])
        if mark is not None:
            name, start, end, good = mark
            lanes.setdefault(name, _Marks()).spans.append((max(start, 0.0), max(end, 0.0), good))
    if not lanes:
        return None
    seconds = max(entries[-1].elapsed_seconds, *(end for marks in lanes.values() for _, end, _ in marks.spans), 0.001)
    drawn = tuple(
        _lane(name, TOP + index * LANE_HEIGHT, lanes[name], seconds)
        for index, name in enumerate(sorted(lanes, key=_rank))
    )
    return Timeline(
        TOP + len(drawn) * LANE_HEIGHT + 20, seconds, drawn, tuple(_bands(entries, gate, seconds)), _ticks(seconds)
    )


def _mark(entry: ev.Entry, first: ev.Entry) -> tuple[str, float, float, bool] | None:  # noqa: PLR0911 - one case an event
    """Lane, start and end in seconds, and whether it went well; None for an event that nobody waited for."""
    end = entry.elapsed_seconds
    match entry.event:
        case ev.ExchangeRecorded() as call:
            return call.party, end - call.elapsed_ms / 1000, end, 0 < call.status < 400
        case ev.QueryRecorded() as query:
            return DATABASE, end - query.elapsed_ms / 1000, end, True
        case ev.PollRead() as read:
            return POLLS, end, end, read.good
        case ev.HoldClosed() as hold:
            return OPERATOR, end - hold.waited_seconds, end, hold.answered
        case ex.OperatorConfirmed() as word:
            return OPERATOR, end - word.waited_seconds, end, True
        case ev.LogSeen() as seen:
            at = _seconds_between(first.at, seen.logged_at)
            return None if at is None else (LOG, at, at, True)
        case _:
            return None


def _seconds_between(first: str, second: str) -> float | None:
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return None


def _rank(name: str) -> tuple[int, str]:
    """The person first, then the target, the providers by name, the database, polls and the log."""
    order = {OPERATOR: 0, "target": 1, DATABASE: 3, POLLS: 4, LOG: 5}
    return order.get(name, 2), name


def _lane(name: str, y: int, marks: _Marks, seconds: float) -> Lane:
    good, bad = (
        {(_x(start, seconds), _x(end, seconds)) for start, end, fine in marks.spans if fine is wanted}
        for wanted in (True, False)
    )
    lengths = [end - start for start, end, _ in marks.spans]
    return Lane(
        name=name,
        y=y,
        good=_path(good, y),
        bad=_path(bad, y),
        count=len(marks.spans),
        failed=sum(not fine for _, _, fine in marks.spans),
        total_seconds=sum(lengths),
        slowest_seconds=max(lengths),
    )


def _path(spans: set[tuple[int, int]], y: int) -> str:
    """Bars as one path; each is at least two units wide, so that a short request can still be seen."""
    return "".join(f"M{start} {y + 4}h{max(end - start, 2)}v15h-{max(end - start, 2)}z" for start, end in sorted(spans))


def _x(seconds: float, whole: float) -> int:
    return min(round(seconds / whole * (WIDTH - 2)), WIDTH - 2)


def _bands(entries: Sequence[ev.Entry], gate: Gate, seconds: float) -> list[Band]:
    began: dict[str, float] = {}
    bands = []
    for entry in entries:
        if isinstance(entry.event, ev.RowStarted):
            began[entry.event.row] = entry.elapsed_seconds
        elif isinstance(entry.event, ev.RowFinished) and entry.event.row in began:
            x = _x(began[entry.event.row], seconds)
            width = max(_x(entry.elapsed_seconds, seconds) - x, 1)
            bands.append(Band(gate.number(entry.event.row) if width > 16 else "", x, width))
    return bands


def _ticks(seconds: float) -> tuple[tuple[int, str], ...]:
    """About eight round places on the axis."""
    step = next((step for step in _STEPS if seconds / step <= 8), _STEPS[-1])
    count = min(int(seconds / step), 12)
    return tuple((_x(number * step, seconds), f"{number * step:g} s") for number in range(count + 1))
