"""The machine's clock: wall time for display, and seconds that go on counting while the machine sleeps.

Owns the only reads of the machine's time outside the sandbox. Verdict times come from the provider's clock, never
from here.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` port on the machine itself."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        return datetime.now(UTC)

    def elapsed_seconds(self) -> float:
        """Seconds from an arbitrary start.

        They run through suspend where the system has such a clock (Linux); elsewhere they may stand still meanwhile.
        """
        return _elapsed_seconds()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds; nothing for zero or less."""
        await asyncio.sleep(max(0.0, seconds))


def _elapsed_seconds() -> float:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)
