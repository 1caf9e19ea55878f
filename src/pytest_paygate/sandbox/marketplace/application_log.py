"""The marketplace's structured application log: the last entries, in memory, one JSON object each.

Takes named fields only, so no request body, token or card detail can reach it by accident.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.clock import Clock

ENTRIES_MAX = 20_000


class ApplicationLog:
    """A bounded log of events with trace ids; the oldest entries fall out.

    Args:
        clock: stamps the entries.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, object]] = deque(maxlen=ENTRIES_MAX)

    def write(self, event: str, trace_id: str, *, level: str = "info", **fields: str | float | None) -> None:
        """Append one entry with the time now (RFC 3339, UTC)."""
        at = self._clock.now_utc().isoformat(timespec="milliseconds")
        self._entries.append({"at": at, "level": level, "event": event, "trace_id": trace_id, **fields})

    def entries(self, trace_id: str | None = None) -> list[dict[str, object]]:
        """The entries kept, oldest first, of one trace or of all."""
        return [entry for entry in self._entries if trace_id is None or entry["trace_id"] == trace_id]

    def lines(self, trace_id: str | None = None) -> str:
        """The same entries as JSON Lines."""
        return "".join(json.dumps(entry) + "\n" for entry in self.entries(trace_id))
