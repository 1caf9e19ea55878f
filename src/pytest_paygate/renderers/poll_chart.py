"""Each poll of a run as a chart: what was read, when, and how it ended. Pure.

Owns the geometry only. A long poll keeps its first and last read, every change of value, and an even share of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 1000
LEVEL_HEIGHT = 22
POINTS_MAX = 200
LEVELS_MAX = 8
_LABEL = 28


@dataclass(frozen=True, slots=True)
class PollChart:
    """One poll. `line` is the SVG path of the values over time, `dots` that of its reads, `odd` of the bad ones."""

    name: str
    outcome: str
    reads: int
    seconds: float
    server_errors: int
    levels: tuple[tuple[int, str], ...]
    height: int
    line: str
    dots: str
    odd: str

    @property
    def is_drawn(self) -> bool:
        """Whether there is more to see than one read."""
        return self.reads > 1


def poll_charts(entries: Iterable[ev.Entry]) -> tuple[PollChart, ...]:
    """A chart for every poll that was read at least once, in the order they began.

    Args:
        entries: the whole journal.
    """
    reads: dict[str, list[ev.PollRead]] = {}
    ended: dict[str, ev.PollFinished] = {}
    for entry in entries:
        if isinstance(entry.event, ev.PollRead):
            reads.setdefault(entry.event.poll, []).append(entry.event)
        elif isinstance(entry.event, ev.PollFinished):
            ended[entry.event.poll] = entry.event
    return tuple(_chart(name, found, ended.get(name)) for name, found in reads.items())


def _chart(name: str, reads: Sequence[ev.PollRead], end: ev.PollFinished | None) -> PollChart:
    values = list(dict.fromkeys(_short(read.value) for read in reads))
    if len(values) > LEVELS_MAX:
        # A poll over free values, such as a count: the last of them stand for the rest.
        values = ["other", *values[-(LEVELS_MAX - 1) :]]
    y_of = {value: 10 + index * LEVEL_HEIGHT for index, value in enumerate(reversed(values))}
    whole_ms = max(reads[-1].waited_ms, 1)
    points = [
        (round(read.waited_ms / whole_ms * (WIDTH - 8)) + 4, y_of.get(_short(read.value), y_of[values[0]]), read.good)
        for read in _thinned(reads)
    ]
    return PollChart(
        name=name,
        outcome="cut off" if end is None else end.outcome.replace("_", " "),
        reads=len(reads) if end is None else end.attempts,
        seconds=whole_ms / 1000 if end is None else end.waited_seconds,
        server_errors=0 if end is None else end.server_errors,
        levels=tuple((y, value) for value, y in y_of.items()),
        height=10 + len(values) * LEVEL_HEIGHT,
        line=_steps(points),
        dots=_dots({(x, y) for x, y, good in points if good}),
        odd=_dots({(x, y) for x, y, good in points if not good}),
    )


def _thinned(reads: Sequence[ev.PollRead]) -> list[ev.PollRead]:
    if len(reads) <= POINTS_MAX:
        return list(reads)
    share = len(reads) // (POINTS_MAX // 2) + 1
    kept = [
        read
        for number, read in enumerate(reads)
        if number in {0, len(reads) - 1}
        or number % share == 0
        or (read.value, read.good) != (reads[number - 1].value, reads[number - 1].good)
    ]
    # Values that change with every read would all be kept: then an even share of them has to do.
    return kept if len(kept) <= POINTS_MAX else [*kept[:: len(kept) // POINTS_MAX + 1], reads[-1]]


def _steps(points: Sequence[tuple[int, int, bool]]) -> str:
    x, y, _ = points[0]
    path = f"M{x} {y}"
    for next_x, next_y, _ in points[1:]:
        path += f"H{next_x}" + (f"V{next_y}" if next_y != y else "")
        y = next_y
    return path


def _dots(places: set[tuple[int, int]]) -> str:
    return "".join(f"M{x - 2} {y - 3}h4v6h-4z" for x, y in sorted(places))


def _short(value: str) -> str:
    return value if len(value) <= _LABEL else value[: _LABEL - 1] + "…"
