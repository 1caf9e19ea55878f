"""What the probes of this gate are made of: checkouts that nobody pays, and who knocks at A5's webhook handler.

Dry runs only: every request here is a probe, journalled before it is sent. Which row sends it stands in the rows.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate import PaygateError, PaymentStatus, pick

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_paygate import Answer, Api, Provider, Run, Secret
    from suites.microcharge.conftest import Student

LOOK_BACK = timedelta(minutes=30)
ENDED = {PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED}


class UnpaidCheckouts:
    """Checkouts that nobody will ever pay, for as long as the context is open; what they have opened is closed again.

    Whatever came back and whatever went wrong, each payment that an answer named, and every open one of the run's trace
    id that was not there before, is closed at the provider, each though another could not be.
    """

    def __init__(self, student: Student, run: Run, ledger: Provider) -> None:
        self._student, self._run, self._ledger = student, run, ledger
        self._not_ours: frozenset[str] = frozenset()
        self._named: set[str] = set()

    async def __aenter__(self) -> Self:
        """Note which payments are not of these checkouts."""
        self._not_ours = await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close whatever is open."""
        failures = []
        try:
            await self.opened()
        except PaygateError as failure:
            failures.append(failure)
        for payment in sorted(self._named):
            try:
                await self._ledger.close_payment(payment)
            except PaygateError as failure:
                failures.append(failure)
        if failures and error is None:
            raise failures[0]

    async def make(self, credits_bought: int, amount_minor: int, *, key: str) -> str:
        """Ask for one checkout: the payment that the answer names, empty where it makes none or names none."""
        answer = await self._student.probe_checkout(credits_bought, amount_minor, idempotency_key=key)
        payment = ""
        if 200 <= answer.status < 300:
            # What an answer must name is asked of that of row checkout.
            with contextlib.suppress(PaygateError):
                payment = pick(answer.json(), "payment_intent_id", str)
        if payment:
            self._named.add(payment)
        return payment

    async def opened(self) -> frozenset[str]:
        """The payments that these checkouts have opened so far, by the answers and by the provider's own list."""
        self._named |= await self._open() - self._not_ours
        return frozenset(self._named)

    async def _open(self) -> frozenset[str]:
        listed = await self._ledger.payments_since(datetime.now(UTC) - LOOK_BACK, trace_id=self._run.trace_id)
        return frozenset(one.payment_id for one in listed if one.status not in ENDED)


class Knocker:
    """Sends A5's webhook handler what its provider never would.

    It is there where the environment says where the handler is (`webhook_url`, at A5 itself), and can sign where it has
    the handler's secret (`secrets.webhook_secret`).
    """

    def __init__(self, a5: Api, path: str, secret: Secret | None) -> None:
        self._a5, self._path, self._secret = a5, path, secret

    @property
    def may_knock(self) -> bool:
        """Whether the handler can be reached."""
        return bool(self._path)

    @property
    def can_sign(self) -> bool:
        """Whether the handler's secret is known."""
        return self._secret is not None

    async def send(self, event: bytes, *, signature: str | None) -> Answer:
        """Deliver an event; None leaves the signature out."""
        headers = {"content-type": "application/json"}
        if signature is not None:
            headers["stripe-signature"] = signature
        return await self._a5.request("POST", self._path, content=event, headers=headers, probe=True)

    def signature(self, event: bytes, *, key: str | None = None, age_seconds: int = 0) -> str:
        """The signature of an event under a key, the right one where none is given, as of so long ago."""
        right = "" if self._secret is None else self._secret.reveal()
        at = int(datetime.now(UTC).timestamp()) - age_seconds
        signed = f"{at}.".encode() + event
        return f"t={at},v1={hmac.new((right if key is None else key).encode(), signed, hashlib.sha256).hexdigest()}"

    @staticmethod
    def paid_event() -> bytes:
        """What the provider says when a checkout was paid, as a new event about a payment that nobody has."""
        session = {
            "id": f"cs_test_{secrets.token_hex(24)}",
            "object": "checkout.session",
            "payment_intent": f"pi_{secrets.token_hex(12)}",
            "payment_status": "paid",
            "status": "complete",
        }
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "type": "checkout.session.completed",
            "livemode": False,
            "data": {"object": session},
        }
        return json.dumps(event, separators=(",", ":")).encode()
