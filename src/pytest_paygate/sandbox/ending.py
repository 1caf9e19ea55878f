"""Ending background tasks for certain: one cancellation can be swallowed by a library on its way, so it is repeated."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Task

_AGAIN_SECONDS = 0.2


async def end(*tasks: Task[Any]) -> None:
    """Cancel tasks until each has ended.

    Raises:
        Exception: whatever a task had already died of.
    """
    while pending := {task for task in tasks if not task.done()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
    for task in tasks:
        with suppress(asyncio.CancelledError):
            task.result()
