"""Waking the timer loop of a world: one event per running loop, set when something was scheduled or time was moved.

Owns the events only; the loop itself is in `timers`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

# Keyed by identity: a World holds a dict, so it has no hash.
_EVENTS: dict[int, asyncio.Event] = {}


def attach(world: World) -> asyncio.Event:
    """Make the event the timer loop of this world waits on."""
    event = asyncio.Event()
    _EVENTS[id(world)] = event
    return event


def detach(world: World) -> None:
    """Forget the event of a loop that has ended."""
    _EVENTS.pop(id(world), None)


def wake(world: World) -> None:
    """Make the timer loop look at its jobs now; called in the world's own loop, also after the clock was moved."""
    event = _EVENTS.get(id(world))
    if event is not None:
        event.set()
