"""Who acts in the e2e gate: the buyer, who logs in once, and whoever knocks at the target's webhook handler.

The buyer's token is never journalled. Probes are sent in dry runs only, and each is journalled before it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pytest_paygate import PaygateError, Secret, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_paygate import Answer, Api, Charge, Money, Run

LOOKS_AGAIN = 8


class Buyer:
    """The marketplace as its buyer sees it. Every call needs `login` first."""

    def __init__(self, api: Api, run: Run) -> None:
        self._api = api
        self._run = run
        self._token: Secret | None = None

    async def login(self) -> Answer:
        """Exchange e-mail and password for a token and keep it; the answer comes back whatever its status."""
        credentials = {"email": self._run.value("buyer_email"), "password": self._run.secret("buyer_password")}
        answer = await self._api.post("/auth/login", json=credentials)
        if answer.status == 200:
            self._token = Secret(pick(answer.data, "access_token", str), "login")
        return answer

    async def can_log_in(self) -> bool:
        """Log in unless that is done, for rows before row login, which tells why it could not be done."""
        if self._token is None:
            with contextlib.suppress(PaygateError):
                await self.login()
        return self._token is not None

    async def get(self, path: str) -> Answer:
        """Read as the buyer."""
        return await self._api.get(path, bearer=self._bearer())

    async def looks_again(self, order_id: str, words: Sequence[str]) -> Answer:
        """Look at an order some more, as a stale replica may answer every fourth time; its status must not go back.

        Args:
            order_id: the order.
            words: the statuses that were seen before.
        """
        seen = list(words)
        for _ in range(LOOKS_AGAIN):
            answer = await self._api.request("GET", f"/orders/{order_id}", bearer=self._bearer(), once=True)
            seen.append(pick(answer.data, "status", str))
        self._run.verify(checks.orders.only_forward, seen)
        return answer

    async def licences(self) -> list[Mapping[str, object]]:
        """The licences that the buyer holds now."""
        # A connection of its own: one that was kept while a person paid may be closed by now.
        answer = await self._api.request("GET", "/licenses/mine", bearer=self._bearer(), once=True)
        listed = pick(answer.data, "", list)
        return [licence for licence in listed if isinstance(licence, dict)]

    async def order(self, product_id: str, *, price: Money, idempotency_key: str) -> Answer:
        """Buy one product: the one request of a run that can lead to a charge."""
        return await self._api.post(
            "/orders",
            json={"product_id": product_id},
            headers={"Idempotency-Key": idempotency_key},
            bearer=self._bearer(),
            charge=price,
        )

    async def refund(self, order_id: str, charge: Charge | None = None) -> Answer:
        """Ask for the money of an order back; `charge` is what the ledger shows of it, None when that is not known."""
        return await self._api.post(
            f"/orders/{order_id}/refund",
            json={"reason": "requested_by_customer"},
            bearer=self._bearer(),
            once=True,
            refund=charge,
        )

    async def probe_order(self, body: Mapping[str, object], *, key: str, stranger: bool = False) -> Answer:
        """Ask for an order that must be refused, or that nobody will ever pay. Dry runs only."""
        bearer = None if stranger else self._bearer()
        headers = {"Idempotency-Key": key}
        return await self._api.post("/orders", json=dict(body), headers=headers, bearer=bearer, probe=True)

    async def probe_refund(self, order_id: str) -> Answer:
        """Ask for a refund that must be refused. Dry runs only."""
        path, body = f"/orders/{order_id}/refund", {"reason": "requested_by_customer"}
        return await self._api.post(path, json=body, bearer=self._bearer(), probe=True)

    def keeps_quiet(self, answer: Answer) -> None:
        """Fail the row when an answer holds a card number or one of this run's secrets."""
        self._run.verify(checks.replies.no_secret_told, answer.body, self.secrets())
        self._run.verify(checks.replies.no_card_told, answer.body)

    def secrets(self) -> list[Secret]:
        """What nobody may read anywhere: this run's keys and passwords, and the buyer's token."""
        environment = self._run.environment
        keys = (access.key for access in environment.providers.values())
        return [*environment.secrets.values(), *keys, self._bearer()]

    def _bearer(self) -> Secret:
        if self._token is None:
            self._run.fail("the buyer's session", observed="no token", expected="a token from row login")
        return self._token


class Knocker:
    """Sends the target's webhook handler what its provider would, and what it never would. Dry runs only.

    It is there where the environment says where the handler is (`services.webhooks`, on the target's own host), and can
    sign where it has the handler's secret (`secrets.webhook_secret`).
    """

    AT_ONCE = 16

    def __init__(self, handler: Api | None, secret: Secret | None) -> None:
        self._handler = handler
        self._secret = secret

    @property
    def may_knock(self) -> bool:
        """Whether the handler can be reached."""
        return self._handler is not None

    @property
    def can_sign(self) -> bool:
        """Whether the handler's secret is known."""
        return self.may_knock and self._secret is not None

    async def send(self, event: bytes, *, signature: str | None) -> Answer:
        """Deliver an event; None leaves the signature out."""
        if self._handler is None:
            raise RuntimeError("ask may_knock first")
        headers = {"content-type": "application/json"}
        if signature is not None:
            headers["x-webhook-signature-512"] = signature
        return await self._handler.request("POST", "/hyperswitch", content=event, headers=headers, probe=True)

    async def send_signed(self, event: bytes, *, times: int = 1) -> list[Answer]:
        """Deliver an event with the right signature, that often at once."""
        secret = "" if self._secret is None else self._secret.reveal()
        right = hmac.new(secret.encode(), event, hashlib.sha512).hexdigest()
        return list(await asyncio.gather(*(self.send(event, signature=right) for _ in range(times))))

    @staticmethod
    def paid_event(payment_id: str, amount: Money, *, connector_payment_id: str = "") -> bytes:
        """What the orchestrator says when a payment has succeeded, as a new event."""
        payment = {
            "payment_id": payment_id,
            "status": "succeeded",
            "amount": amount.minor,
            "amount_received": amount.minor,
            "currency": amount.currency,
            "connector_transaction_id": connector_payment_id,
        }
        event = {
            "event_id": f"evt_{secrets.token_hex(12)}",
            "event_type": "payment_succeeded",
            "content": {"type": "payment_details", "object": payment},
        }
        return json.dumps(event, separators=(",", ":")).encode()


@pytest.fixture(scope="session")
def buyers() -> dict[str, Buyer]:
    """The buyer of each run, so that the token outlives its row."""
    return {}


@pytest.fixture
def buyer(api: Api, run: Run, buyers: dict[str, Buyer]) -> Buyer:
    """The buyer of this run."""
    return buyers.setdefault(run.run_id, Buyer(api, run))


@pytest.fixture
def knocker(run: Run, service: Callable[[str], Api]) -> Knocker:
    """Whoever knocks at the webhook handler; nobody where money is real or the handler is not known."""
    environment = run.environment
    address = environment.services.get("webhooks", "")
    is_targets = urlsplit(address)[:2] == urlsplit(environment.base_url)[:2]
    if not run.may_probe or not is_targets:
        return Knocker(None, None)
    return Knocker(service("webhooks"), environment.secrets.get("webhook_secret"))
