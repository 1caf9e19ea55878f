"""Sends what is queued: one loop that sleeps until a commit notifies it or the next retry is due.

- No polling: PostgreSQL's NOTIFY or `wake` ends the sleep, or the known due time of the next delivery.
- No lost wake-up: the flag is cleared before the queue is read, and set by whatever happens after.
- One dispatcher per database; what a previous one left half-sent is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

import httpx
import psycopg

from pytest_paygate.sandbox.ending import end
from pytest_paygate.sandbox.webhooks import queue, signing
from pytest_paygate.sandbox.webhooks.faults import plan_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.webhooks.queue import Delivery
    from pytest_paygate.sandbox.world import World

ATTEMPTS_MAX = 16
RETRY_SECONDS_MAX = 30.0
FIRST_RETRY_SECONDS = 0.2
IN_FLIGHT_MAX = 16
ANSWER_TIMEOUT_SECONDS = 10.0
_KEPT_ANSWER_BYTES = 4096
_RECONNECT_SECONDS = 0.2

_LOG = logging.getLogger(__name__)
_DISPATCHERS: WeakKeyDictionary[AsyncConnectionPool, Dispatcher] = WeakKeyDictionary()


class Dispatcher:
    """The running delivery of one world; use `background` to start and stop it."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self._world = world
        self._client = client
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look at the queue now; safe to call at any time from the loop the dispatcher runs in."""
        self._wake.set()

    async def start(self) -> None:
        """Begin to listen and to deliver; `stop` ends it."""
        await queue.reset_interrupted(self._world)
        self._loops = [asyncio.create_task(self._listen()), asyncio.create_task(self._dispatch())]

    async def stop(self) -> None:
        """End everything that is under way; what was half-sent is sent again by the next dispatcher."""
        try:
            await end(*self._loops)
        finally:
            # A delivery cut off inside a query may end with the driver's word for it.
            with contextlib.suppress(psycopg.Error):
                await end(*self._tasks)

    async def _listen(self) -> None:
        # The pool was opened with a text; it could also have been given a function.
        conninfo = cast("str", self._world.provider_pool.conninfo)
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                # A connection of its own: one that listens for ever is not the pool's to lend.
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {queue.CHANNEL}")
                    # Whatever was committed before LISTEN took effect is found by one look.
                    self._wake.set()
                    async for _ in connection.notifies():
                        self._wake.set()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            free = IN_FLIGHT_MAX - len(self._tasks)
            claimed = await queue.claim(self._world, free) if free > 0 else []
            for delivery in claimed:
                task = asyncio.create_task(self._handle(delivery))
                self._tasks.add(task)
                task.add_done_callback(self._finished)
            if claimed:
                continue
            # With every place taken, only a finished task can make progress, and that sets the flag.
            timeout = await queue.seconds_to_next(self._world) if free > 0 else None
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the event.
                async with asyncio.timeout(timeout):
                    await self._wake.wait()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("a webhook delivery broke down", exc_info=task.exception())

    async def _handle(self, delivery: Delivery) -> None:
        if not delivery.planned:
            plan = plan_for(self._world.faults, source=delivery.source, event_type=delivery.event_type)
            if not await queue.apply_plan(self._world, delivery, plan):
                return
        attempt = await self._post(delivery)
        await queue.settle(self._world, delivery, attempt, self._retry_seconds(delivery.attempts + 1))
        if attempt.accepted and delivery.source == "stripe":
            # Imported here: the emulator imports this package to enqueue.
            from pytest_paygate.sandbox.stripe import hosted

            await hosted.webhook_delivered(self._world, delivery.event_id)

    def _retry_seconds(self, attempts_made: int) -> float | None:
        if attempts_made >= ATTEMPTS_MAX:
            return None
        first = self._world.delays_seconds.get("webhooks.first_retry", FIRST_RETRY_SECONDS)
        return min(first * 2.0 ** (attempts_made - 1), RETRY_SECONDS_MAX)

    async def _post(self, delivery: Delivery) -> queue.Attempt:
        at = self._world.clock.now()
        headers = {"Content-Type": "application/json; charset=utf-8", **_signature_headers(delivery, int(at))}
        try:
            async with (
                asyncio.timeout(ANSWER_TIMEOUT_SECONDS),
                self._client.stream("POST", delivery.url, content=delivery.body, headers=headers) as response,
            ):
                kept = await _beginning(response)
                return queue.Attempt(at, headers, response.status_code, kept, None)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return queue.Attempt(at, headers, None, None, type(error).__name__)


async def _beginning(response: httpx.Response) -> str:
    kept = b""
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) >= _KEPT_ANSWER_BYTES:
            break
    # PostgreSQL text takes no NUL.
    return kept[:_KEPT_ANSWER_BYTES].decode("utf-8", "replace").replace("\x00", "")


def _signature_headers(delivery: Delivery, timestamp: int) -> dict[str, str]:
    """Headers for one attempt: each attempt gets a fresh time and so a fresh signature."""
    if delivery.scheme == "stripe":
        header = signing.stripe_header(delivery.body, delivery.secret.split(","), timestamp)
        return {signing.STRIPE_HEADER: header, "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
    return {
        signing.HYPERSWITCH_HEADER: signing.hyperswitch_signature(delivery.body, delivery.secret),
        "User-Agent": "Hyperswitch-Backend-Server",
    }


def wake(world: World) -> None:
    """Make the dispatcher of `world` look at its queue now; does nothing when none is running."""
    dispatcher = _DISPATCHERS.get(world.provider_pool)
    if dispatcher is not None:
        dispatcher.wake()


@contextlib.asynccontextmanager
async def background(world: World) -> AsyncIterator[Dispatcher]:
    """Run the dispatcher of `world` for as long as the block lasts."""
    limits = httpx.Limits(max_connections=IN_FLIGHT_MAX, max_keepalive_connections=IN_FLIGHT_MAX)
    async with httpx.AsyncClient(
        timeout=ANSWER_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, limits=limits
    ) as client:
        dispatcher = Dispatcher(world, client)
        _DISPATCHERS[world.provider_pool] = dispatcher
        await dispatcher.start()
        try:
            yield dispatcher
        finally:
            _DISPATCHERS.pop(world.provider_pool, None)
            await dispatcher.stop()
