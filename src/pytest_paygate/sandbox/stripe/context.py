"""What one API call carries: the world, its open transaction, its mode, its request id.

Owns the unit of work: everything one call changes is committed together or not at all, and timers it scheduled are
woken only after the commit.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.stripe import microcharge_faults as faults
from pytest_paygate.sandbox.stripe import wakeup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.world import World

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
# Before 2022-08-01 a Checkout session had its payment intent from its creation on, not from its first attempt on.
# Systems pinned to the version before that still hand the intent's id out with the session's. All else is as above.
EARLY_INTENT_VERSION = "2020-08-27"


@dataclass(frozen=True, slots=True)
class Call:
    """One unit of work. `request_id` is None when a timer, not a request, causes the change."""

    world: World
    connection: AsyncConnection[Any]
    livemode: bool
    request_id: str | None = None
    idempotency_key: str | None = None
    api_version: str = API_VERSION
    scheduled: list[float] = field(default_factory=list)

    def now(self) -> int:
        """Whole seconds since the epoch on the emulator's clock."""
        ahead = 0
        if self.world.faults.active(faults.CLOCK_AHEAD):
            ahead = int(self.world.faults.seconds(faults.CLOCK_AHEAD, faults.AHEAD_SECONDS) or 0)
        return self.world.clock.now_seconds() + ahead

    def new_id(self, prefix: str) -> str:
        """A fresh id shaped as Stripe shapes its own."""
        return self.world.identifiers.make(prefix, 24)


@asynccontextmanager
async def unit_of_work(
    world: World,
    *,
    livemode: bool,
    request_id: str | None = None,
    idempotency_key: str | None = None,
    api_version: str = API_VERSION,
) -> AsyncIterator[Call]:
    """Open a transaction, hand out its `Call`, commit on a clean exit, then wake the timers it scheduled."""
    async with world.provider_pool.connection() as connection:
        call = Call(world, connection, livemode, request_id, idempotency_key, api_version)
        async with connection.transaction():
            yield call
    if call.scheduled:
        wakeup.wake(world)
