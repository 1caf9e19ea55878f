"""A running emulator with its own PostgreSQL, the official SDK's clients, and a contract check on every answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest_asyncio
import stripe
import uvicorn
from jsonschema import Draft202012Validator
from psycopg_pool import AsyncConnectionPool

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.clock import Clock
from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.identifiers import Identifiers
from pytest_paygate.sandbox.postgres import PostgresServer
from pytest_paygate.sandbox.stripe import timers
from pytest_paygate.sandbox.stripe.routes import app
from pytest_paygate.sandbox.stripe.schema import SCHEMA
from pytest_paygate.sandbox.world import REHEARSAL_STRIPE_KEY, Addresses, Keys, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TEST_KEY = "sk_test_PaygateEmulatorTests000000"
DEADLINE_SECONDS = 20.0


class ContractCheck:
    """ASGI middleware: every answer must be the object the published description says it is."""

    def __init__(self, application: Any, violations: list[str]) -> None:
        self.application = application
        self.violations = violations
        folder = os.environ.get("PAYGATE_CONTRACTS")
        self.definitions: dict[str, Any] = {}
        if folder is not None:
            bundle = json.loads((Path(folder) / "stripe" / "objects.bundle.json").read_text())
            self.definitions = bundle["$defs"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything through and look at the finished body."""
        body, status = bytearray(), 0

        async def watching(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
            await send(message)

        await self.application(scope, receive, watching)
        if scope["type"] == "http" and self.definitions:
            shown = json.loads(bytes(body))
            where = f"{scope['method']} {scope['path']} {status}"
            self.check(shown if status == 200 else {"object": "error"} | shown, where)

    def check(self, shown: dict[str, Any], where: str) -> None:
        """Hold one object, or every member of a list, against its definition."""
        kind = str(shown.get("object"))
        if kind == "list":
            for item in shown["data"]:
                self.check(item, where)
            return
        if shown.get("deleted"):
            kind = "deleted_object"
        definition = self.definitions[kind]
        schema = {"$ref": f"#/$defs/{kind}", "$defs": self.definitions}
        for error in Draft202012Validator(schema).iter_errors(shown):
            path = ".".join(str(part) for part in error.absolute_path)
            self.violations.append(f"{where} {kind}: {path}: {error.message[:300]}")
        if kind not in ("error", "deleted_object"):
            strangers = shown.keys() - definition["properties"].keys()
            self.violations.extend(f"{where} {kind}: unpublished member {name}" for name in strangers)


@dataclass
class Emulator:
    """One emulator and everything a test needs to talk to it."""

    world: World
    url: str
    dsn: str
    test: stripe.StripeClient
    live: stripe.StripeClient
    http: httpx.AsyncClient
    violations: list[str] = field(default_factory=list)

    async def paid(self, amount: int = 500, method: str = "pm_card_visa", **more: Any) -> stripe.PaymentIntent:
        """A payment that was confirmed at once; without redirects, so no return address is needed."""
        params = {"amount": amount, "currency": "eur", "payment_method": method, "confirm": True}
        params |= {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}} | more
        return await self.test.v1.payment_intents.create_async(params)  # type: ignore[arg-type]

    async def until(self, read: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
        """Read again until the answer is as wanted."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not wanted(seen := await read()):  # noqa: ASYNC110 - what is waited for is behind HTTP
                await asyncio.sleep(0.02)
        return seen

    async def event_types(self, *, about: str) -> list[str]:
        """The types of the events about one object, oldest first."""
        found = await self.test.v1.events.list_async({"limit": 100})
        return [event.type for event in reversed(found.data) if event.data.object["id"] == about]


@contextlib.asynccontextmanager
async def _serving(application: Any, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


def _client(key: str, url: str, http: stripe.HTTPXClient) -> stripe.StripeClient:
    bases = {"api": url, "connect": url, "files": url, "meter_events": url}
    return stripe.StripeClient(key, base_addresses=bases, http_client=http)  # type: ignore[arg-type]


def _world(url: str, pool: AsyncConnectionPool[Any]) -> World:
    nowhere = "http://127.0.0.1:1"
    keys = Keys(
        livemode=False,
        stripe_secret=TEST_KEY,
        hyperswitch_api="snd_unused",
        stripe_webhook="whsec_known_beforehand",
        hyperswitch_hash="unused",
        buyer_email="buyer@sandbox.invalid",
        buyer_password="unused",
    )
    return World(
        environment="sandbox",
        addresses=Addresses(marketplace=nowhere, hyperswitch=nowhere, stripe=url, control=nowhere),
        keys=keys,
        clock=Clock(),
        identifiers=Identifiers(),
        faults=Faults(),
        provider_pool=pool,
        marketplace_pool=pool,
        delays_seconds={"stripe.refund_settles": 0.05, "stripe.refund_fails": 0.05},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator of its own for one test module; at the end every answer it gave must have kept the contract."""
    stripe.enable_telemetry = False
    violations: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with PostgresServer.start({"provider": SCHEMA + webhooks.SCHEMA}) as server:
        dsn = server.dsn("provider")
        async with AsyncConnectionPool(dsn, min_size=2, max_size=10, open=False) as pool:
            world = _world(url, pool)
            transport = stripe.HTTPXClient()
            async with (
                timers.background(world),
                _serving(ContractCheck(app(world), violations), listener),
                httpx.AsyncClient(
                    base_url=url, headers={"Authorization": f"Bearer {TEST_KEY}"}, trust_env=False
                ) as http,
            ):
                test, live = _client(TEST_KEY, url, transport), _client(REHEARSAL_STRIPE_KEY, url, transport)
                yield Emulator(world, url, dsn, test, live, http, violations)
            await transport.close_async()
    assert not violations, "\n".join(violations)
