"""A recorder for reads outside any run, such as the account behind a key: nothing there moves money."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.core.events import EventBody


class Unjournalled:
    """Counts events and forgets them. Implements `core.ports.Recorder`; never give it to a client that moves money."""

    def __init__(self) -> None:
        self._count = 0

    def record(self, body: EventBody) -> int:
        """Count one event."""
        del body
        self._count += 1
        return self._count - 1
