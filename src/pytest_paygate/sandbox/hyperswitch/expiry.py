"""Ends payment sessions when their time is over, also when nobody looks.

Every read expires what is due by itself; this loop makes the event go out in time. It sleeps until the next session
ends or somebody wakes it, and never polls.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import psycopg

from pytest_paygate.sandbox.ending import end
from pytest_paygate.sandbox.hyperswitch import records, settlement
from pytest_paygate.sandbox.hyperswitch.records import Payment, Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.world import World

_LOG = logging.getLogger(__name__)
_WAKERS: WeakKeyDictionary[AsyncConnectionPool, asyncio.Event] = WeakKeyDictionary()
_RETRY_SECONDS = 1.0


def wake(world: World) -> None:
    """Make the loop look again: a session was opened or the clock was moved. Call it in the world's own loop."""
    waker = _WAKERS.get(world.provider_pool)
    if waker is not None:
        waker.set()


@contextlib.asynccontextmanager
async def watching(world: World) -> AsyncIterator[None]:
    """Watch over session ends for as long as the block lasts."""
    waker = _WAKERS[world.provider_pool] = asyncio.Event()
    task = asyncio.create_task(_watch(world, waker), name="hyperswitch-expiry")
    try:
        yield
    finally:
        _WAKERS.pop(world.provider_pool, None)
        await end(task)


async def _watch(world: World, waker: asyncio.Event) -> None:
    while True:
        waker.clear()
        try:
            due = await _expire_all_due(world)
        except psycopg.Error:
            _LOG.exception("the session watch could not look at its payments")
            due = world.clock.now() + _RETRY_SECONDS
        timeout = None if due is None else max(due - world.clock.now(), 0.001)
        with contextlib.suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the event.
            async with asyncio.timeout(timeout):
                await waker.wait()


async def _expire_all_due(world: World) -> float | None:
    """Expire what is due; the next end of a session on the world's clock, or None."""
    async with world.provider_pool.connection() as connection:
        due = await records.select(
            connection,
            Payment,
            "WHERE status = %s AND session_expires_at <= %s ORDER BY seq FOR UPDATE",
            (Status.REQUIRES_PAYMENT_METHOD, world.clock.now()),
        )
        for payment in due:
            await settlement.expire_if_due(connection, world, payment)
        cursor = await connection.execute(
            "SELECT min(session_expires_at) FROM hyperswitch.payments WHERE status = %s",
            (Status.REQUIRES_PAYMENT_METHOD,),
        )
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else float(row[0])
