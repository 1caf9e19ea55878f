"""A database, a world and a real HTTP receiver for the delivery tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.clock import Clock
from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.identifiers import Identifiers
from pytest_paygate.sandbox.postgres import PostgresServer
from pytest_paygate.sandbox.serving import serving
from pytest_paygate.sandbox.world import Addresses, Keys, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from starlette.requests import Request

DEADLINE_SECONDS = 20.0
SECRET = "whsec_receiver"


@dataclass
class Receiver:
    """A real HTTP endpoint that answers as scripted and keeps every request it got."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    text: bytes = b"noted"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: Request) -> Response:
        """Answer with the next scripted status, 200 when the script is over."""
        body = await request.body()
        status = self.answers.pop(0) if self.answers else 200
        async with self.arrived:
            self.requests.append((dict(request.headers), body))
            self.arrived.notify_all()
        headers = {"location": "http://127.0.0.1:9/elsewhere"} if 300 <= status < 400 else {}
        return Response(self.text, status, headers)

    async def wait_for(self, count: int) -> None:
        """Return once `count` requests have arrived."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    @property
    def bodies(self) -> list[bytes]:
        """The raw bodies in the order of arrival."""
        return [body for _, body in self.requests]


@contextlib.asynccontextmanager
async def serving_at(application: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free loopback port and give its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serving({"one": application}, {"one": listener}):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A database with the delivery tables, on a server of its own."""
    with PostgresServer.start({"provider": webhooks.SCHEMA}) as server:
        yield server.dsn("provider")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listening() -> AsyncIterator[Receiver]:
    """A receiver behind a running server."""
    state = Receiver()
    async with serving_at(Starlette(routes=[Route("/hook", state.handle, methods=["POST"])])) as base:
        state.url = f"{base}/hook"
        yield state


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    """The receiver with an empty script that has seen nothing."""
    listening.answers.clear()
    listening.requests.clear()
    listening.text = b"noted"
    return listening


@pytest_asyncio.fixture(loop_scope="module")
async def world(dsn: str) -> AsyncIterator[World]:
    """A world with empty delivery tables and a quick first retry."""
    async with AsyncConnectionPool(dsn, min_size=2, max_size=8, open=False) as pool:
        async with pool.connection() as connection:
            await connection.execute("TRUNCATE webhooks.deliveries, webhooks.attempts")
        yield World(
            environment="sandbox",
            addresses=Addresses("http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1"),
            keys=Keys(
                livemode=False,
                stripe_secret="sk_test_x",
                hyperswitch_api="snd_x",
                stripe_webhook="whsec_x",
                hyperswitch_hash="hash_x",
                buyer_email="buyer@example.test",
                buyer_password="x",
            ),
            clock=Clock(),
            identifiers=Identifiers(7),
            faults=Faults(),
            provider_pool=pool,
            marketplace_pool=pool,
            delays_seconds={"webhooks.first_retry": 0.02},
        )


@pytest.fixture
def enqueue(world: World, receiver: Receiver) -> Callable[..., Awaitable[None]]:
    """Queue one delivery to the receiver in a transaction of its own."""

    async def put(event_id: str, *, event_type: str = "payment_succeeded", scheme: str = "hyperswitch") -> None:
        body = f'{{"event_id":"{event_id}","event_type":"{event_type}"}}'.encode()
        async with world.provider_pool.connection() as connection:
            await webhooks.enqueue(
                connection,
                source="hyperswitch",
                endpoint_id="we_1",
                url=receiver.url,
                scheme=scheme,
                secret=SECRET,
                event_id=event_id,
                body=body,
                now=world.clock.now(),
            )

    return put


@pytest.fixture
def settled(world: World) -> Callable[..., Awaitable[list[dict[str, object]]]]:
    """Wait until no delivery is pending or under way, then give them all."""

    async def wait() -> list[dict[str, object]]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                rows = await webhooks.deliveries(world)
                if all(row["status"] not in {"pending", "sending"} for row in rows):
                    return rows
                await asyncio.sleep(0.005)

    return wait
