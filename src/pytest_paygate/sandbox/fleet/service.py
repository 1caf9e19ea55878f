"""What the eight apps share: their world, their database, A5's log and provider client, and work left for later.

Owns the wiring; no rules of business stand here.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.ending import end
from pytest_paygate.sandbox.fleet.a5_log import A5Log
from pytest_paygate.sandbox.fleet.a5_status import REPLICAS
from pytest_paygate.sandbox.fleet.provider import EVENTS, Provider
from pytest_paygate.sandbox.stripe.webhook_endpoints import register_endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.world import World

WEBHOOK_PATH = "/webhooks/stripe"


class Fleet:
    """The state of the eight apps.

    Args:
        world: the emulated world they stand in.
        pool: the fleet's own database.
        log_file: where A5's log is appended as JSON Lines as well, or None.
    """

    def __init__(self, world: World, pool: AsyncConnectionPool, log_file: Path | None = None) -> None:
        self.world = world
        self.pool = pool
        self.log = A5Log(pool, world.clock, log_file)
        self.provider = Provider(world.addresses, world.keys)
        self._left: set[asyncio.Task[None]] = set()
        self._replicas = itertools.cycle(range(REPLICAS))

    def next_replica(self) -> int:
        """Which of A5's replicas answers next: each in turn."""
        return next(self._replicas)

    def now(self) -> datetime:
        """The time as the apps stamp their rows."""
        return self.world.clock.now_utc()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the answer; it ends with the fleet."""
        task = asyncio.create_task(work)
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def close(self) -> None:
        """End what was left for later, and the provider's connections."""
        await end(*self._left)
        await self.provider.close()


@asynccontextmanager
async def background(fleet: Fleet) -> AsyncIterator[None]:
    """Subscribe A5 to the provider's webhooks for as long as the context is open.

    The provider's API chooses a webhook secret itself, so the endpoint is put in place through the Stripe emulator's
    own door, with the secret the world was given.
    """
    world = fleet.world
    url = f"{world.addresses.a5}{WEBHOOK_PATH}"
    try:
        await register_endpoint(world, url=url, secret=world.keys.fleet_webhook, enabled_events=EVENTS)
        yield
    finally:
        await fleet.close()
