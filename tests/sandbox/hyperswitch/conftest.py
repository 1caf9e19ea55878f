"""The Hyperswitch emulator in front of the real Stripe emulator, with a wire between them that can lose answers."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
import jsonschema
import pytest
import pytest_asyncio
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.clock import Clock
from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.hosted_page import stripe_pages
from pytest_paygate.sandbox.hyperswitch import expiry
from pytest_paygate.sandbox.hyperswitch import routes as hyperswitch
from pytest_paygate.sandbox.hyperswitch.schema import SCHEMA
from pytest_paygate.sandbox.identifiers import Identifiers
from pytest_paygate.sandbox.postgres import PostgresServer
from pytest_paygate.sandbox.serving import serving
from pytest_paygate.sandbox.stripe import ledger, timers, wakeup
from pytest_paygate.sandbox.stripe import routes as stripe
from pytest_paygate.sandbox.stripe.schema import SCHEMA as STRIPE_SCHEMA
from pytest_paygate.sandbox.world import Addresses, Keys, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.requests import Request

DEADLINE_SECONDS = 20.0
KEY = "snd_" + "k" * 64


@dataclass
class Wire:
    """What stands between Hyperswitch and Stripe: passes everything on, notes it, and can lose the next answer."""

    target: str = ""
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False))
    seen: list[tuple[str, str, dict[str, list[str]], str | None]] = field(default_factory=list)
    lose_answer_to: str | None = None
    refuse_with: int | None = None
    lose_request: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: Request) -> Response:
        """Forward one request; lose or spoil its answer if told to."""
        body = await request.body()
        path = request.url.path
        self.seen.append((request.method, path, parse_qs(body.decode()), request.headers.get("idempotency-key")))
        passed = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
        url = f"{self.target}{path}" + (f"?{request.url.query}" if request.url.query else "")
        if self.lose_answer_to == path and self.lose_request:
            self.lose_answer_to = None
            return Response('{"error": {"type": "api_error"}}', 503)
        answer = await self.client.request(request.method, url, content=body, headers=passed)
        if self.lose_answer_to == path:
            self.lose_answer_to = None
            if self.refuse_with is not None:
                return Response('{"error": {"type": "api_error", "message": "spoiled"}}', self.refuse_with)
            await self.closed.wait()
        return Response(answer.content, answer.status_code, {"content-type": "application/json"})

    def writes(self, path: str) -> list[tuple[dict[str, list[str]], str | None]]:
        """Forms and idempotency keys of the POSTs to a path."""
        return [(form, key) for method, seen_path, form, key in self.seen if (method, seen_path) == ("POST", path)]


@dataclass
class Merchant:
    """The merchant's webhook endpoint: answers 200 and keeps what came."""

    events: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: Request) -> Response:
        """Take one webhook."""
        body = await request.body()
        async with self.arrived:
            self.raw.append((dict(request.headers), body))
            self.events.append(json.loads(body))
            self.arrived.notify_all()
        return Response("ok")

    def about(self, object_id: str) -> list[str]:
        """The event types that arrived about one payment or refund."""
        found = []
        for event in self.events:
            subject = event["content"]["object"]
            if subject.get("refund_id", subject["payment_id"]) == object_id:
                found.append(event["event_type"])
        return found

    async def wait_for(self, object_id: str, event_type: str) -> dict[str, Any]:
        """The newest event of a type about an object, once it has arrived."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.arrived:
            await self.arrived.wait_for(lambda: event_type in self.about(object_id))
        return next(
            event
            for event in reversed(self.events)
            if event["event_type"] == event_type
            and object_id in {event["content"]["object"].get("refund_id"), event["content"]["object"]["payment_id"]}
        )


@dataclass
class Setting:
    """A running world with everything a test may look at."""

    world: World
    wire: Wire
    merchant: Merchant
    http: httpx.AsyncClient

    async def post(self, path: str, body: object | None = None, **headers: str) -> httpx.Response:
        """POST JSON with the merchant's key."""
        return await self.http.post(path, json=body, headers={"api-key": KEY} | headers)

    async def get(self, path: str, **query: str) -> httpx.Response:
        """GET with the merchant's key."""
        return await self.http.get(path, params=query, headers={"api-key": KEY})

    async def create(self, **fields: object) -> dict[str, Any]:
        """A new payment of five euros."""
        answer = await self.post("/payments", {"amount": 500, "currency": "EUR"} | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def paid(self, number: str = "4242424242424242", **fields: object) -> dict[str, Any]:
        """A payment confirmed at creation with a published card."""
        return await self.create(confirm=True, payment_method="card", payment_method_data=card(number), **fields)

    async def stripe(self, path: str, **form: str) -> dict[str, Any]:
        """Act at Stripe directly, behind Hyperswitch's back."""
        headers = {"authorization": f"Bearer {self.world.keys.stripe_secret}"}
        answer = await self.wire.client.post(f"{self.wire.target}{path}", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def money(self, payment: dict[str, Any], kind: str) -> list[int]:
        """Amounts of one kind in the independent ledger, for the payment's intent."""
        rows = await ledger.ledger(self.world)
        intent = payment["connector_transaction_id"]
        return [row["amount_minor"] for row in rows if row["kind"] == kind and row["payment_intent"] == intent]

    def advance(self, seconds: float) -> None:
        """Move the world's clock and wake whoever waits on it."""
        self.world.clock.advance(seconds)
        expiry.wake(self.world)
        wakeup.wake(self.world)


def card(number: str = "4242424242424242", **changes: str) -> dict[str, Any]:
    """`payment_method_data` with a card."""
    plain = {"card_number": number, "card_exp_month": "12", "card_exp_year": "34", "card_cvc": "123"}
    return {"card": plain | {"card_holder_name": "Ada Lovelace"} | changes}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server with the providers' tables."""
    with PostgresServer.start({"provider": STRIPE_SCHEMA + webhooks.SCHEMA + SCHEMA}) as server:
        yield server.dsn("provider")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(postgres: str) -> AsyncIterator[Setting]:
    """Stripe, the wire, Hyperswitch and the merchant's endpoint, all served on loopback."""
    names = ("stripe", "wire", "hyperswitch", "marketplace")
    async with AsyncExitStack() as stack:
        sockets = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
        at = {name: f"http://127.0.0.1:{one.getsockname()[1]}" for name, one in sockets.items()}
        pool = await stack.enter_async_context(AsyncConnectionPool(postgres, min_size=2, max_size=24, open=False))
        stripe_world = World(
            environment="sandbox",
            addresses=Addresses(at["marketplace"], at["hyperswitch"], at["stripe"], "http://127.0.0.1:1"),
            keys=Keys(False, "sk_test_" + "s" * 24, KEY, "whsec_" + "w" * 24, "hash" * 16, "buyer@example.test", "x"),
            clock=Clock(),
            identifiers=Identifiers(11),
            faults=Faults(),
            provider_pool=pool,
            marketplace_pool=pool,
            delays_seconds={"webhooks.first_retry": 0.02},
        )
        world = replace(stripe_world, addresses=replace(stripe_world.addresses, stripe=at["wire"]))
        wire, merchant = Wire(at["stripe"]), Merchant()
        await stack.enter_async_context(wire.client)
        stack.callback(wire.closed.set)
        methods = ["GET", "POST", "DELETE"]
        apps = {
            "stripe": stripe.app(stripe_world, stripe_pages.routes(stripe_world)),
            "wire": Starlette(routes=[Route("/{path:path}", wire.handle, methods=methods)]),
            "hyperswitch": hyperswitch.app(world),
            "marketplace": Starlette(routes=[Route("/webhooks/hyperswitch", merchant.handle, methods=["POST"])]),
        }
        await stack.enter_async_context(serving(apps, sockets))
        await stack.enter_async_context(timers.background(stripe_world))
        await stack.enter_async_context(webhooks.background(world))
        await stack.enter_async_context(hyperswitch.background(world))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=at["hyperswitch"], trust_env=False))
        yield Setting(world, wire, merchant, http)
        wire.closed.set()


@pytest.fixture
def setting(running: Setting) -> Iterator[Setting]:
    """The running world with no fault on, no delay set and a wire that has seen nothing."""
    running.wire.seen.clear()
    running.wire.lose_answer_to = running.wire.refuse_with = None
    running.wire.lose_request = False
    yield running
    running.world.faults.clear()
    running.world.delays_seconds.pop("hyperswitch.connector_timeout", None)


# Upstream's description says at least 100 here; its code answers 0 for what is captured, and refunds smaller amounts.
_MINIMUM_NOT_HELD_UPSTREAM = {("PaymentsResponse", "amount_capturable"), ("RefundResponse", "amount")}


class Conformance:
    """Checks answers against Hyperswitch's published description."""

    def __init__(self, folder: Path) -> None:
        published = json.loads((folder / "hyperswitch" / "openapi-subset.json").read_text(encoding="utf-8"))
        self.schemas: dict[str, Any] = published["components"]["schemas"]
        for schema, name in _MINIMUM_NOT_HELD_UPSTREAM:
            del self.schemas[schema]["properties"][name]["minimum"]
        self._root = _json_schema({"components": {"schemas": self.schemas}})

    def check(self, body: object, name: str) -> None:
        """Fail unless the body is what the named schema describes, and has no member it does not know."""
        validator = jsonschema.Draft202012Validator(self._root | {"$ref": f"#/components/schemas/{name}"})
        problems = [f"{problem.json_path}: {problem.message}" for problem in validator.iter_errors(body)]
        assert problems == []
        properties = self.schemas[name].get("properties")
        if properties and isinstance(body, dict):
            assert body.keys() <= properties.keys()


def _json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a second possibility."""
    if isinstance(node, list):
        return [_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _json_schema(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


@pytest.fixture(scope="session")
def conformance(contracts: Path) -> Conformance:
    """The published description."""
    return Conformance(contracts)
