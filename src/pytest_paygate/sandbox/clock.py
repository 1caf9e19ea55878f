"""The sandbox's clock: real by default, fixed or moved by hand when a test needs the same seconds twice.

Only this module reads the wall clock for the sandbox; everything else asks a `Clock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Time as the emulated world sees it: the machine's wall clock plus an offset, or a frozen instant.

    Args:
        frozen_at: seconds since the epoch at which the clock stands still, or None for a running clock.
    """

    def __init__(self, frozen_at: float | None = None) -> None:
        self._frozen_at = frozen_at
        self._offset_seconds = 0.0

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        base = time.time() if self._frozen_at is None else self._frozen_at
        return base + self._offset_seconds

    def now_seconds(self) -> int:
        """Whole seconds since the epoch, as Stripe stamps its objects."""
        return int(self.now())

    def now_utc(self) -> datetime:
        """The same instant as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock forward; a clock never runs backwards.

        Raises:
            ValueError: for a negative step.
        """
        if seconds < 0:
            message = f"the sandbox clock only moves forward, not by {seconds} s"
            raise ValueError(message)
        self._offset_seconds += seconds
