"""Puts the emulated world together inside a running asyncio loop: pools, apps, servers, background work.

Owns the order of starting and stopping. Everything is entered on one stack, so whatever fails half-way takes down
exactly what was up before it.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from psycopg_pool import AsyncConnectionPool

from pytest_paygate.sandbox import control, webhooks
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.fleet import history as fleet_history
from pytest_paygate.sandbox.fleet import routes as fleet_routes
from pytest_paygate.sandbox.fleet import service as fleet_service
from pytest_paygate.sandbox.fleet.service import Fleet
from pytest_paygate.sandbox.hosted_page.stripe_pages import routes as stripe_page_routes
from pytest_paygate.sandbox.hyperswitch import expiry as hyperswitch_expiry
from pytest_paygate.sandbox.hyperswitch import routes as hyperswitch_routes
from pytest_paygate.sandbox.marketplace import routes as marketplace_routes
from pytest_paygate.sandbox.marketplace import worker
from pytest_paygate.sandbox.marketplace.service import Marketplace
from pytest_paygate.sandbox.serving import serving
from pytest_paygate.sandbox.stripe import ledger as stripe_ledger
from pytest_paygate.sandbox.stripe import routes as stripe_routes
from pytest_paygate.sandbox.stripe import timers
from pytest_paygate.sandbox.stripe import wakeup as stripe_wakeup
from pytest_paygate.sandbox.world import World

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from pytest_paygate.sandbox.clock import Clock
    from pytest_paygate.sandbox.faults import Faults
    from pytest_paygate.sandbox.fleet.history import History
    from pytest_paygate.sandbox.identifiers import Identifiers
    from pytest_paygate.sandbox.world import Addresses, Keys

_POOL_SIZE_MIN = 2
_POOL_SIZE_MAX = 24
# The fleet's connections are made when they are needed: most sandboxes serve another system.
_FLEET_POOL_SIZE_MIN = 0
_FLEET_POOL_SIZE_MAX = 12
_ANSWER_TIMEOUT_SECONDS = 10.0
# A charge in dollars settles in dollars: the fleet's fifty cents would be too little for a balance in euros.
_OWN_CURRENCIES = ("usd",)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything decided before the loop starts."""

    environment: str
    addresses: Addresses
    keys: Keys
    clock: Clock
    identifiers: Identifiers
    faults: Faults
    delays_seconds: dict[str, float]
    sockets: Mapping[str, socket.socket]
    provider_dsn: str
    marketplace_dsn: str
    fleet_dsn: str
    fleet_log: Path | None = None


@dataclass(frozen=True, slots=True)
class RunningWorld:
    """A world that answers, and the views its owner may take of it. Coroutines belong to the world's own loop."""

    world: World
    marketplace: Marketplace
    fleet: Fleet
    # The sandbox's own description as JSON, once it is known, under its only key.
    told: dict[str, str] = field(default_factory=dict)

    async def ledger(self) -> list[dict[str, Any]]:
        """Every movement of money, oldest first."""
        return await stripe_ledger.ledger(self.world)

    async def deliveries(self) -> list[dict[str, Any]]:
        """Every webhook delivery, oldest first."""
        return await webhooks.deliveries(self.world)

    async def write_history(self, history: History) -> int:
        """Replace the fleet's probe samples; returns how many there are."""
        return await fleet_history.write(self.fleet, history)

    async def samples(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """The fleet's probe samples by time, of one endpoint or of all."""
        return await fleet_history.samples(self.fleet, endpoint)

    def wake(self) -> None:
        """Make everybody who waits look again, after time or a delay has changed."""
        stripe_wakeup.wake(self.world)
        webhooks.wake(self.world)
        hyperswitch_expiry.wake(self.world)
        self.marketplace.wake()


@asynccontextmanager
async def running(plan: Plan) -> AsyncIterator[RunningWorld]:
    """Run the whole world for as long as the context is open; it answers when this yields.

    Raises:
        SandboxError: when a part does not answer.
    """
    async with (
        _pool(plan.provider_dsn) as provider_pool,
        _pool(plan.marketplace_dsn) as marketplace_pool,
        _pool(plan.fleet_dsn, _FLEET_POOL_SIZE_MIN, _FLEET_POOL_SIZE_MAX) as fleet_pool,
    ):
        world = World(
            environment=plan.environment,
            addresses=plan.addresses,
            keys=plan.keys,
            clock=plan.clock,
            identifiers=plan.identifiers,
            faults=plan.faults,
            provider_pool=provider_pool,
            marketplace_pool=marketplace_pool,
            delays_seconds=plan.delays_seconds,
            own_currencies=_OWN_CURRENCIES,
        )
        shop = Marketplace(world)
        fleet = Fleet(world, fleet_pool, plan.fleet_log)
        whole = RunningWorld(world, shop, fleet)
        apps = {
            "marketplace": marketplace_routes.app(shop),
            "hyperswitch": hyperswitch_routes.app(world),
            "stripe": stripe_routes.app(world, stripe_page_routes(world)),
            "control": control.app(
                world,
                control.Views(
                    whole.ledger,
                    whole.deliveries,
                    shop.log,
                    whole.wake,
                    whole.told,
                    whole.write_history,
                    whole.samples,
                ),
            ),
            **fleet_routes.apps(fleet),
        }
        async with (
            serving(apps, plan.sockets),
            # Stripe first: Hyperswitch registers its webhook endpoint there when it starts.
            timers.background(world),
            webhooks.background(world),
            hyperswitch_routes.background(world),
            worker.background(shop),
            fleet_service.background(fleet),
        ):
            await _answers(plan.addresses)
            yield whole


def _pool(dsn: str, size_min: int = _POOL_SIZE_MIN, size_max: int = _POOL_SIZE_MAX) -> AsyncConnectionPool:
    return AsyncConnectionPool(dsn, min_size=size_min, max_size=size_max, open=False)


async def _answers(addresses: Addresses) -> None:
    """Ask each party one question, so that whoever is told the addresses finds everybody at home."""
    questions = (
        f"{addresses.marketplace}/api/v1/status",
        f"{addresses.stripe}/v1/balance",
        f"{addresses.control}/_sandbox/health",
        f"{addresses.a5}/api/status",
    )
    async with httpx.AsyncClient(
        trust_env=False, timeout=_ANSWER_TIMEOUT_SECONDS, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ) as client:
        for question in questions:
            try:
                answer = await client.get(question)
            except httpx.HTTPError as failure:
                message = f"The sandbox was not started: {question} did not answer ({type(failure).__name__})"
                raise SandboxError(message) from None
            if answer.status_code not in {200, 401}:
                message = f"The sandbox was not started: {question} answered {answer.status_code}"
                raise SandboxError(message)
