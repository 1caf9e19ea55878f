"""The capacity log of the embedded world: in memory, of one session, by the same rules as any other.

Owns no rule. It lets a gate that asks for capacity run on a fresh machine; nothing of it outlives its process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core import capacity

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pytest_paygate.core.capacity import Book, CapacityEntry


class MemoryCapacity:
    """Capacity logs of one process. Implements `core.live_ports.CapacityLog`."""

    def __init__(self) -> None:
        self._lines: dict[str, list[bytes]] = {}

    def begin(self, environment: str, entry: CapacityEntry, at: datetime) -> None:
        """Add the first line of an environment, which a world that is made for one session grants itself."""
        self._lines[environment] = [capacity.encode(capacity.Book(environment), entry, at)]

    async def read(self, environment: str) -> Book:
        """Every line there is; see `core.live_ports.CapacityLog`."""
        return capacity.read(self._lines.get(environment, ()), environment)

    async def change(self, environment: str, decide: Callable[[Book], CapacityEntry | None], at: datetime) -> Book:
        """Add one line; see `core.live_ports.CapacityLog`."""
        book = await self.read(environment)
        entry = decide(book)
        if entry is None:
            return book
        line = capacity.encode(book, entry, at)
        after = capacity.follow(book, line)
        self._lines.setdefault(environment, []).append(line)
        return after
