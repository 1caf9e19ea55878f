"""Ending background tasks for certain."""

from __future__ import annotations

import asyncio

import pytest

from pytest_paygate.sandbox.ending import end

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def test_a_swallowed_cancellation_is_repeated():
    """A task that swallows its first cancellation is cancelled again, and has ended when `end` returns."""
    swallowed = []

    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(end(task), 5)
    assert task.cancelled()
    assert swallowed == [1]


async def test_what_a_task_died_of_is_raised():
    """An error that ended a task before is not lost."""

    async def broken():
        raise ValueError("broken before")

    task = asyncio.create_task(broken())
    await asyncio.wait({task})
    with pytest.raises(ValueError, match="broken before"):
        await end(task)
