"""A client of the fleet as the tests drive one: over HTTP, with a real payer for the hosted page.

Keeps the example gate from being collected itself.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from pytest_paygate.adapters.payer import PayerResult, TestCard
from pytest_paygate.adapters.payer_http import pay
from pytest_paygate.sandbox.server import Sandbox
from pytest_paygate.sandbox.webhooks import signing

DEADLINE_SECONDS = 10.0
collect_ignore = ["examples"]
ORDER = {"credits": 50, "amount": 50}


class Client:
    """Somebody who talks to one sandbox's fleet, under a trace id of their own."""

    def __init__(self, running: Sandbox, card: str = "4242424242424242") -> None:
        self.sandbox = running
        self.card = card
        self.trace_id = f"T-{uuid.uuid4().hex[:12]}"
        self.http = httpx.Client(trust_env=False, timeout=DEADLINE_SECONDS, headers={"X-Trace-Id": self.trace_id})

    def url(self, app: str, path: str) -> str:
        """An address of one app."""
        return f"{self.sandbox.description.services[app]}{path}"

    def get(self, app: str, path: str, **more: Any) -> httpx.Response:
        """Read from one app."""
        return self.http.get(self.url(app, path), **more)

    def post(self, app: str, path: str, body: object, **headers: str) -> httpx.Response:
        """Send to one app."""
        return self.http.post(self.url(app, path), json=body, headers=headers)

    def checkout(self, **headers: str) -> dict[str, Any]:
        """Make a checkout of fifty credits and return it."""
        answer = self.post("a5", "/api/billing/create-checkout", ORDER, **headers)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def pay(self, checkout: dict[str, Any]) -> PayerResult:
        """Pay a checkout's hosted page by plain HTTP."""
        return asyncio.run(pay(checkout["url"], card=TestCard(self.card), timeout_seconds=DEADLINE_SECONDS))

    def paid(self) -> dict[str, Any]:
        """Make and pay a checkout, and wait until A5 knows."""
        made = self.checkout()
        assert self.pay(made).state == "paid"
        intent = made["payment_intent_id"]
        until(
            lambda: self.rows("SELECT status FROM checkouts WHERE payment_intent_id = %s", intent)[0]["status"], "paid"
        )
        return made

    def refund(self, payment_intent_id: str) -> httpx.Response:
        """Ask A5 for a refund."""
        return self.post("a5", "/api/billing/refund", {"payment_intent_id": payment_intent_id})

    def log(self, event: str = "") -> list[dict[str, Any]]:
        """A5's entries of this client's trace."""
        answer = self.get("a5", "/internal/log", params={"trace_id": self.trace_id})
        entries = [json.loads(line) for line in answer.text.splitlines()]
        return [entry for entry in entries if event in {"", entry["event"]}]

    def stripe(self, path: str) -> dict[str, Any]:
        """Read an object at the provider."""
        key = self.sandbox.description.stripe_secret_key
        answer = self.http.get(
            f"{self.sandbox.description.stripe_url}/v1/{path}", headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def charges(self) -> list[dict[str, Any]]:
        """The client's charges at the provider, by the trace in their metadata."""
        listed = self.stripe("charges?limit=100")["data"]
        return [charge for charge in listed if charge["metadata"].get("trace_id") == self.trace_id]

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Read the fleet's database as an outsider may."""
        with psycopg.connect(self.sandbox.description.fleet_read_only_dsn, row_factory=dict_row) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def notify(self, event: dict[str, Any], secret: str = "") -> httpx.Response:
        """Send A5 a webhook of our own making, signed as Stripe signs unless told otherwise."""
        body, now = json.dumps(event).encode(), int(time.time())
        header = signing.stripe_header(body, [secret or self.sandbox.description.fleet_webhook_secret], now)
        return self.http.post(self.url("a5", "/webhooks/stripe"), content=body, headers={signing.STRIPE_HEADER: header})


def until(read: Callable[[], Any], wanted: Any) -> None:
    """Read again and again until it is so, with a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (value := read()) != wanted:
        assert time.monotonic() < deadline, f"still {value!r} after {DEADLINE_SECONDS} s"
        time.sleep(0.005)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """A client of the shared sandbox's fleet."""
    one = Client(sandbox)
    yield one
    one.http.close()


@pytest.fixture
def rehearsing(rehearsal: Sandbox) -> Iterator[Client]:
    """A client of a rehearsal's fleet, with the one card that pays there."""
    one = Client(rehearsal, rehearsal.description.cards["succeeds"])
    rehearsal.faults.clear()
    yield one
    rehearsal.faults.clear()
    one.http.close()


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], Any], Any], None]:
    """Poll with a deadline."""
    return until
