"""What happens on its own: refunds settle or fail, sessions expire, waiting refunds get their funds.

Owns the loop that acts on due jobs. It sleeps until the next one is due or somebody wakes it; it never polls.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.ending import end
from pytest_paygate.sandbox.stripe import checkout_sessions, jobs, refunds, storage, wakeup
from pytest_paygate.sandbox.stripe.context import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pytest_paygate.sandbox.world import World

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


@asynccontextmanager
async def background(world: World) -> AsyncIterator[None]:
    """Run the timer loop while the block runs."""
    event = wakeup.attach(world)
    task = asyncio.create_task(_loop(world, event), name="stripe-timers")
    try:
        yield
    finally:
        await end(task)
        wakeup.detach(world)


async def run_due(world: World) -> float | None:
    """Act on every job that is due; return when the next one will be, on the world's clock, or None."""
    while await _run_one(world):
        pass
    async with world.provider_pool.connection() as connection:
        cursor = await connection.execute("SELECT min(due) FROM stripe.jobs")
        found = await cursor.fetchone()
    return None if found is None or found[0] is None else float(found[0])


async def _loop(world: World, event: asyncio.Event) -> None:
    while True:
        event.clear()
        try:
            due = await run_due(world)
        except Exception:  # noqa: BLE001 - the loop must outlive one bad moment of the database
            _LOG.exception("the timers of the Stripe emulator could not look at their jobs")
            due = world.clock.now() + _RETRY_SECONDS
        wait_seconds = None if due is None else max(due - world.clock.now(), 0.001)
        with suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the event.
            async with asyncio.timeout(wait_seconds):
                await event.wait()


async def _run_one(world: World) -> bool:
    async with world.provider_pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            "SELECT id, kind, object_id, livemode FROM stripe.jobs WHERE due <= %s"
            " ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED",
            (world.clock.now(),),
        )
        job = await cursor.fetchone()
        if job is None:
            return False
        call = Call(world, connection, bool(job[3]))
        try:
            async with connection.transaction():
                await _ACTIONS[job[1]](call, job[2])
        except Exception:  # noqa: BLE001 - one failing job must not stop the others
            _LOG.exception("job %s of the Stripe emulator failed and will be tried again", job[1])
            later = world.clock.now() + _RETRY_SECONDS
            await connection.execute("UPDATE stripe.jobs SET due = %s WHERE id = %s", (later, job[0]))
        else:
            await connection.execute("DELETE FROM stripe.jobs WHERE id = %s", (job[0],))
    return True


async def _expire_session(call: Call, session_id: str) -> None:
    session = await storage.find(call, "checkout.session", session_id, lock=True)
    if session is not None and session.body["status"] == "open":
        await checkout_sessions.expire(call, session)


async def _funds_arrived(call: Call, _object_id: str) -> None:
    await refunds.settle_waiting(call)


_ACTIONS: dict[str, Callable[[Call, str], Awaitable[None]]] = {
    jobs.REFUND_SETTLES: refunds.settle,
    jobs.REFUND_FAILS: refunds.fail,
    jobs.SESSION_EXPIRES: _expire_session,
    jobs.FUNDS_ARRIVED: _funds_arrived,
}
