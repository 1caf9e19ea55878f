"""A buyer of the marketplace as the tests drive one: over HTTP, with a real payer for the hosted page."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from pytest_paygate.adapters.payer import PayerResult, TestCard
from pytest_paygate.adapters.payer_http import pay
from pytest_paygate.sandbox.server import Sandbox

DEADLINE_SECONDS = 10.0


class Buyer:
    """One logged-in buyer of one sandbox."""

    def __init__(self, running: Sandbox, email: str | None = None) -> None:
        self.sandbox = running
        self.client = httpx.Client(base_url=running.description.api_url, trust_env=False, timeout=DEADLINE_SECONDS)
        credentials = {
            "email": email or running.description.buyer_email,
            "password": running.description.buyer_password,
        }
        token = self.client.post("/auth/login", json=credentials).json()["data"]["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def post_order(self, key: str | None = None, product: str | None = None) -> httpx.Response:
        """Ask for an order of the test product."""
        body = {"product_id": product or self.sandbox.description.test_product_id}
        return self.client.post("/orders", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    def order(self) -> dict[str, Any]:
        """Make an order and return it."""
        answer = self.post_order()
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["data"]
        return made

    def pay(self, order: Mapping[str, Any], card: str = "4242424242424242") -> PayerResult:
        """Pay an order's hosted page by plain HTTP."""
        return asyncio.run(pay(order["payment_url"], card=TestCard(card), timeout_seconds=DEADLINE_SECONDS))

    def read(self, order_id: str) -> dict[str, Any]:
        """Read one order."""
        shown: dict[str, Any] = self.client.get(f"/orders/{order_id}").json()["data"]
        return shown

    def wait_for(self, order_id: str, status: str) -> dict[str, Any]:
        """Poll an order until it has a status."""
        order: dict[str, Any] = until(lambda: self.read(order_id), lambda one: one["status"] == status)
        return order

    def completed(self) -> dict[str, Any]:
        """Make and pay an order and wait for its completion."""
        order = self.order()
        assert self.pay(order).state == "paid"
        return self.wait_for(order["order_id"], "completed")

    def refund(self, order_id: str) -> httpx.Response:
        """Ask for a refund."""
        return self.client.post(f"/orders/{order_id}/refund", json={"reason": "acceptance"})

    def licences(self, order_id: str) -> list[dict[str, Any]]:
        """The order's licences in the buyer's list."""
        return [one for one in self.client.get("/licenses/mine").json()["data"] if one["order_id"] == order_id]

    def transfer(self, order_id: str) -> dict[str, Any]:
        """The order's row in seller_transfers, by the read-only DSN."""
        rows = query(self.sandbox, "SELECT * FROM seller_transfers WHERE order_id = %s", order_id)
        return rows[0] if rows else {}


def until(read: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
    """Read again and again until done, with a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not done(value := read()):
        assert time.monotonic() < deadline, f"still {value!r} after {DEADLINE_SECONDS} s"
        time.sleep(0.005)
    return value


def query(running: Sandbox, sql: str, *values: object) -> list[dict[str, Any]]:
    """Read the marketplace's database as an outsider may."""
    with psycopg.connect(running.description.marketplace_read_only_dsn, row_factory=dict_row) as connection:
        return connection.execute(sql.encode(), values).fetchall()


@pytest.fixture
def buyer(sandbox: Sandbox) -> Iterator[Buyer]:
    """The sandbox's buyer, logged in."""
    one = Buyer(sandbox)
    yield one
    one.client.close()


@pytest.fixture
def another_buyer(sandbox: Sandbox) -> Iterator[Buyer]:
    """The sandbox's second buyer, logged in."""
    one = Buyer(sandbox, "other.buyer@example.test")
    yield one
    one.client.close()


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], Any], Callable[[Any], bool]], Any]:
    """Poll with a deadline."""
    return until


@pytest.fixture(name="query")
def _query(sandbox: Sandbox) -> Callable[..., list[dict[str, Any]]]:
    """Read the shared sandbox's marketplace database."""
    return lambda sql, *values: query(sandbox, sql, *values)


@pytest.fixture
def notify(sandbox: Sandbox) -> Callable[..., httpx.Response]:
    """Send the marketplace a webhook of our own making, signed as Hyperswitch signs unless told otherwise."""

    def send(
        event: object, *, signature: str | bytes | None = None, event_bytes: bytes | None = None
    ) -> httpx.Response:
        body = json.dumps(event).encode() if event_bytes is None else event_bytes
        right = hmac.new(sandbox.description.hyperswitch_webhook_secret.encode(), body, hashlib.sha512).hexdigest()
        headers = {"X-Webhook-Signature-512": right if signature is None else signature}
        url = f"{sandbox.description.marketplace_url}/webhooks/hyperswitch"
        return httpx.post(url, content=body, headers=headers, trust_env=False)

    return send
