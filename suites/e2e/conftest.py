"""Who acts in the e2e gate: the buyer, who logs in once, orders that nobody pays, and who knocks at the handler.

The buyer's token is never journalled. Probes are sent in dry runs only, and each is journalled before it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pytest_paygate import PaygateError, PaymentStatus, Secret, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from pytest_paygate import Answer, Api, Charge, Money, Payment, Poll, Provider, Run

LOOKS_AGAIN = 8
DELIVERIES_MAX = 3
# How long an order that nobody has paid may take until it can be read, and the pause between two looks at it.
READABLE_SECONDS_MAX = 10.0
PAUSE_SECONDS = 0.2
# How long a completed order is watched after a late event.
STAYS_SECONDS = 0.4
# A read that is answered 5xx says nothing about who may read.
READS_MAX = 4
NOT_FOUND = 404
LOOK_BACK = timedelta(minutes=10)
ENDED = {PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED}


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

    async def stays_completed(self, order_id: str, poll: Poll) -> None:
        """Fail the row when a completed order does not stay so for a moment."""
        seen = await poll.until(
            "stays_completed",
            lambda: self.get(f"/orders/{order_id}"),
            value=lambda answer: pick(answer.data, "status", str),
            goal=(),
            bad={"pending", "failed"},
            deadline_seconds=STAYS_SECONDS,
            floor_seconds=PAUSE_SECONDS,
        )
        self._run.verify(checks.orders.stays_completed, seen.words)

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

    async def probe_refund(self, order_id: str, *, stranger: bool = False) -> Answer:
        """Ask for a refund that must be refused. Dry runs only."""
        path, body = f"/orders/{order_id}/refund", {"reason": "requested_by_customer"}
        return await self._api.post(path, json=body, bearer=None if stranger else self._bearer(), probe=True)

    async def probe_login(self) -> Answer:
        """Try to log in with a password that is not the buyer's, once. Dry runs only."""
        credentials = {"email": self._run.value("buyer_email"), "password": secrets.token_urlsafe(16)}
        return await self._api.post("/auth/login", json=credentials, probe=True)

    async def is_kept_private(self, order_id: str) -> None:
        """Fail the row when the order or the licences are told to somebody without the buyer's token."""
        nobodys = Secret(secrets.token_urlsafe(32), "nobody's token")
        seen = []
        for path, said in ((f"/orders/{order_id}", "GET /orders/:id"), ("/licenses/mine", "GET /licenses/mine")):
            for bearer, whose in ((None, "with no token"), (nobodys, "with a token that is nobody's")):
                for _ in range(READS_MAX):
                    answer = await self._api.request("GET", path, bearer=bearer, once=True)
                    if answer.status < 500:
                        break
                    await asyncio.sleep(PAUSE_SECONDS)
                seen.append((f"{said} {whose}", answer.status))
        self._run.verify(checks.access.nothing_told_to_others, seen)

    async def stays_unpaid(self, order_id: str, poll: Poll, *, seconds: float = 0.0, after: str = "") -> None:
        """Fail the row when an order that nobody has paid completes, or grants something.

        Args:
            order_id: the order.
            poll: looks at it.
            seconds: how long it is watched; 0 looks until it has been read once.
            after: what the target was told before, for the report.
        """
        seen = await poll.until(
            "unpaid",
            lambda: self.get(f"/orders/{order_id}"),
            # An order that is not shown any more, or not yet, is not completed.
            value=lambda answer: "not found" if answer.status == NOT_FOUND else pick(answer.data, "status", str),
            goal=lambda _word: not seconds,
            bad=checks.orders.PAID_STATES,
            deadline_seconds=seconds or READABLE_SECONDS_MAX,
            floor_seconds=PAUSE_SECONDS,
        )
        self._run.verify(checks.orders.unpaid_stays_unpaid, seen.words, after)
        held = [one for one in await self.licences() if one.get("order_id") == order_id]
        self._run.verify(checks.licences.nothing_for_unpaid, len(held))

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


class UnpaidOrders:
    """Orders that nobody will ever pay, for as long as the context is open; what they have opened is closed again.

    Dry runs only. Whatever came back and whatever went wrong, every payment of the run's trace id that was not there
    before is closed at the orchestrator, each one though another could not be.
    """

    def __init__(self, buyer: Buyer, run: Run, orchestrator: Provider) -> None:
        self._buyer, self._run, self._orchestrator = buyer, run, orchestrator
        self._not_ours: frozenset[str] = frozenset()
        self._named: set[str] = set()
        self._closed: set[str] = set()

    async def __aenter__(self) -> Self:
        """Note which payments are not of these orders."""
        self._not_ours = await self.payments()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close whatever is open."""
        failures = []
        try:
            open_now = {one.payment_id for one in await self._listed() if one.status not in ENDED}
            self._named |= open_now - self._not_ours
        except PaygateError as failure:
            failures.append(failure)
        for payment in sorted(self._named - self._closed):
            try:
                await self.close(payment)
            except PaygateError as failure:
                failures.append(failure)
        if failures and error is None:
            raise failures[0]

    async def make(self, body: Mapping[str, object], *, key: str) -> Answer:
        """Ask for one order."""
        answer = await self._buyer.probe_order(body, key=key)
        if 200 <= answer.status < 300:
            self._named.add(self.ids_of(answer)[1])
        return answer

    async def make_at_once(self, body: Mapping[str, object], *, key: str, times: int) -> list[Answer]:
        """Ask for one order that often at once, under one key."""
        tries = (self.make(body, key=key) for _ in range(times))
        came = await asyncio.gather(*tries, return_exceptions=True)
        answers = [one for one in came if not isinstance(one, BaseException)]
        for one in came:
            if isinstance(one, BaseException) and not answers:
                raise one
        return answers

    async def payments(self) -> frozenset[str]:
        """The payments of the run's trace id at the orchestrator."""
        return frozenset(payment.payment_id for payment in await self._listed())

    async def close(self, payment_id: str) -> None:
        """Make one payment unpayable."""
        self._closed.add(payment_id)
        await self._orchestrator.close_payment(payment_id)

    async def _listed(self) -> Sequence[Payment]:
        return await self._orchestrator.payments_since(datetime.now(UTC) - LOOK_BACK, trace_id=self._run.trace_id)

    @staticmethod
    def ids_of(answer: Answer) -> tuple[str, str]:
        """The ids of an order that was made, and of its payment."""
        return pick(answer.data, "order_id", str), pick(answer.data, "hyperswitch_payment_id", str)


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
        right = self.signature(event)
        return list(await asyncio.gather(*(self.send(event, signature=right) for _ in range(times))))

    def signature(self, event: bytes, *, key: str | None = None) -> str:
        """The signature of an event under a key, the right one where none is given."""
        right = "" if self._secret is None else self._secret.reveal()
        return hmac.new((right if key is None else key).encode(), event, hashlib.sha512).hexdigest()

    async def deliver(self, event: bytes) -> int:
        """Deliver an event as its provider would: again, when the handler could not take it. The last status."""
        for _ in range(DELIVERIES_MAX):
            (answer,) = await self.send_signed(event)
            if answer.status < 500:
                break
        return answer.status

    @staticmethod
    def paid_event(
        payment_id: str, amount: Money, *, connector_payment_id: str = "", status: str = "succeeded"
    ) -> bytes:
        """What the orchestrator says when a payment has succeeded, or else come to another status, as a new event."""
        payment = {
            "payment_id": payment_id,
            "status": status,
            "amount": amount.minor,
            "amount_received": amount.minor if status == "succeeded" else None,
            "currency": amount.currency,
            "connector_transaction_id": connector_payment_id,
        }
        event = {
            "event_id": f"evt_{secrets.token_hex(12)}",
            "event_type": f"payment_{status}",
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
def unpaid(buyer: Buyer, run: Run, provider: Callable[[str], Provider]) -> UnpaidOrders:
    """Orders that nobody will pay; nothing is made before the context is entered."""
    return UnpaidOrders(buyer, run, provider("hyperswitch"))


@pytest.fixture
def knocker(run: Run, service: Callable[[str], Api]) -> Knocker:
    """Whoever knocks at the webhook handler; nobody where money is real or the handler is not known."""
    environment = run.environment
    address = environment.services.get("webhooks", "")
    is_targets = urlsplit(address)[:2] == urlsplit(environment.base_url)[:2]
    if not run.may_probe or not is_targets:
        return Knocker(None, None)
    return Knocker(service("webhooks"), environment.secrets.get("webhook_secret"))
