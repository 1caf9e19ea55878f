"""One running marketplace: its world, its log, its provider client, and the wake-up of its worker.

Owns what the marketplace's modules share; no rules of business stand here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace.application_log import ApplicationLog
from pytest_paygate.sandbox.marketplace.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.world import World


class Marketplace:
    """The state of one marketplace process.

    Args:
        world: the emulated world it stands in.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.log = ApplicationLog(world.clock)
        self.provider = Provider(world.addresses, world.keys)
        self.work_added = asyncio.Event()
        # Events whose first delivery was answered 500 by fault.
        self.refused_webhooks: set[str] = set()
        # What faults must remember: looks at orders, answers of /status, deliveries of one event or requests of one key
        # under way, signatures that were right, and orders that are shown as failed.
        self.shown_orders: dict[str, float] = {}
        self.answered_status = 0
        self.under_way: Counter[str] = Counter()
        self.right_signatures: set[str] = set()
        self.demoted_orders: set[str] = set()

    def now(self) -> datetime:
        """The time as this marketplace stamps its rows."""
        return self.world.clock.now_utc()

    def delay_seconds(self, name: str) -> float:
        """How long the marketplace waits before an act, zero unless somebody asked for a delay."""
        return self.world.delays_seconds.get(f"marketplace.{name}", 0.0)

    async def add_job(self, connection: AsyncConnection, order_id: str, kind: str, delay_seconds: float = 0.0) -> None:
        """Put work on the list inside the caller's transaction; call `wake` once that is committed."""
        await connection.execute(
            "INSERT INTO jobs (order_id, kind, due_at) VALUES (%s, %s, %s)",
            (order_id, kind, self.world.clock.now() + delay_seconds),
        )

    @contextmanager
    def delivering(self, event_id: str) -> Iterator[None]:
        """Count a webhook's event, or a request by its key, as under way for as long as the context is open."""
        self.under_way[event_id] += 1
        try:
            yield
        finally:
            self.under_way[event_id] -= 1

    def wake(self) -> None:
        """Tell the worker that the list, the clock or a delay has changed."""
        self.work_added.set()
