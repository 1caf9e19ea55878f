"""The marketplace's work list: done in order of time, again after a failure, by one event-driven worker.

Nothing polls: the worker sleeps until the next piece of work is due or `Marketplace.wake` says that something changed.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from psycopg import Error as DatabaseError
from psycopg_pool import PoolTimeout

from pytest_paygate.sandbox.ending import end
from pytest_paygate.sandbox.marketplace import fulfilment
from pytest_paygate.sandbox.marketplace.provider import ProviderError
from pytest_paygate.sandbox.marketplace.seed import seed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_paygate.sandbox.marketplace.service import Marketplace

RETRY_FIRST_SECONDS = 0.2
RETRY_SECONDS_MAX = 30.0


@asynccontextmanager
async def background(marketplace: Marketplace) -> AsyncIterator[None]:
    """Seed the catalogue and run the worker for as long as the context is open."""
    await seed(marketplace)
    task = asyncio.create_task(_run(marketplace), name="marketplace-worker")
    try:
        yield
    finally:
        await end(task)
        await marketplace.provider.close()


async def _run(marketplace: Marketplace) -> None:
    while True:
        marketplace.work_added.clear()
        try:
            wait_seconds = await _work_off(marketplace)
        except (DatabaseError, PoolTimeout) as failure:
            # Only a database that went away gets here; the work stays on its list.
            marketplace.log.write("worker_stopped", "worker", level="error", error=type(failure).__name__)
            wait_seconds = RETRY_SECONDS_MAX
        with suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the event.
            async with asyncio.timeout(wait_seconds):
                await marketplace.work_added.wait()


async def _work_off(marketplace: Marketplace) -> float | None:
    """Do everything that is due.

    Returns:
        Seconds until the next piece of work is due, or None when the list is empty.
    """
    while True:
        async with marketplace.world.marketplace_pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT id, order_id, kind, attempts, due_at FROM jobs WHERE done_at IS NULL"
                " ORDER BY due_at, id LIMIT 1"
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        job_id, order_id, kind, attempts, due_at = row
        wait_seconds = due_at - marketplace.world.clock.now()
        if wait_seconds > 0:
            return float(wait_seconds)
        await _attempt(marketplace, job_id, order_id, kind, attempts)


async def _attempt(marketplace: Marketplace, job_id: int, order_id: str, kind: str, attempts: int) -> None:
    try:
        await fulfilment.ACTS[kind](marketplace, order_id)
    except ProviderError as failure:
        retry_seconds = min(RETRY_SECONDS_MAX, RETRY_FIRST_SECONDS * 2.0 ** min(attempts, 10))
        async with marketplace.world.marketplace_pool.connection() as connection:
            await connection.execute(
                "UPDATE jobs SET attempts = attempts + 1, last_error = %s, due_at = %s WHERE id = %s",
                (str(failure), marketplace.world.clock.now() + retry_seconds, job_id),
            )
        marketplace.log.write(
            "work_failed", "worker", level="warning", order_id=order_id, kind=kind, error=str(failure)
        )
        return
    async with marketplace.world.marketplace_pool.connection() as connection:
        await connection.execute("UPDATE jobs SET done_at = %s WHERE id = %s", (marketplace.now(), job_id))
