"""What a prober knows of its endpoints while it runs: the last look at each, and figures since its start. Pure.

Owns the tally and the words for it. Memory: one counter for each distinct millisecond of each endpoint.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.window import OK, latency_shown, nearest_rank, whole_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_paygate.core.window import Sample


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint as it stands. `last` is None before the first look; `p95_ms` is of good answers since the start."""

    endpoint: str
    last: Sample | None
    samples: int
    bad: int
    p95_ms: int | None

    @property
    def status(self) -> str:
        """The last answer in a word."""
        if self.last is None:
            return "—"
        return status_shown(self.last.status)


class Board:
    """The endpoints of one prober.

    Args:
        endpoints: their names, in the order in which they are shown.
    """

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._last: dict[str, Sample | None] = dict.fromkeys(endpoints)
        self._counts: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._latencies: dict[str, Counter[int]] = {name: Counter() for name in self._last}

    def take(self, sample: Sample) -> str:
        """Take one look; a sentence when the endpoint's answer is another than before, or first and bad."""
        before = self._last[sample.endpoint]
        self._last[sample.endpoint] = sample
        self._counts[sample.endpoint] += 1
        if sample.status == OK:
            self._latencies[sample.endpoint][whole_ms(sample.latency_ms)] += 1
        else:
            self._bad[sample.endpoint] += 1
        if sample.status == (OK if before is None else before.status):
            return ""
        was = "" if before is None else f" (was {status_shown(before.status)})"
        return f"{sample.endpoint}: {status_shown(sample.status)} after {sample.latency_ms:.0f} ms{was}"

    @property
    def bad(self) -> int:
        """How many looks brought another answer than 200."""
        return sum(self._bad.values())

    def lines(self) -> tuple[Line, ...]:
        """Every endpoint as it stands."""
        return tuple(
            Line(name, last, self._counts[name], self._bad[name], nearest_rank(self._latencies[name]))
            for name, last in self._last.items()
        )

    def summary(self) -> str:
        """All endpoints in one line."""
        parts = []
        for line in self.lines():
            bad = f", {line.bad} bad" if line.bad else ""
            parts.append(f"{line.endpoint} {line.status} p95 {latency_shown(line.p95_ms)} of {line.samples}{bad}")
        return " · ".join(parts)


def status_shown(status: int) -> str:
    """A status for a reader."""
    return str(status) if status else "no answer"
