"""The Stripe connector: real HTTP to the Stripe emulator, and what its answers mean to an orchestrator.

- Every write carries an Idempotency-Key derived from the attempt or refund, so that nothing is charged twice.
- No answer, a 5xx or a conflict says nothing about the money: that is UNKNOWN, never a failure.
- The card is in the request body only; nothing here logs or keeps it.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx

from pytest_paygate.sandbox.hyperswitch import faults

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.hosted_page import Card
    from pytest_paygate.sandbox.hyperswitch.records import Attempt, Payment, Refund
    from pytest_paygate.sandbox.world import World

API_VERSION = "2026-10-28.endive"
TIMEOUT_SECONDS = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
_REFUND_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
_CANCEL_REASONS = frozenset({"abandoned", "duplicate", "fraudulent", "requested_by_customer"})
_CLIENTS: WeakKeyDictionary[AsyncConnectionPool, httpx.AsyncClient] = WeakKeyDictionary()
_PAGE = 100
_CLOCK_SLACK_SECONDS = 5


class Verdict(Enum):
    """What an answer says: an object, a definite refusal, or nothing that can be relied on."""

    OBJECT = "object"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the connector. `body` is the object; on a refusal the one Stripe sent along, or empty."""

    verdict: Verdict
    body: dict[str, Any]
    code: str | None = None
    message: str | None = None


UNKNOWN = Reply(Verdict.UNKNOWN, {})


class Connector:
    """Calls to Stripe on behalf of one world's merchant."""

    def __init__(self, world: World) -> None:
        self._world = world
        client = _CLIENTS.get(world.provider_pool)
        if client is None:
            # Loopback is plain HTTP: an empty TLS context saves reading the certificate bundle, and trusts nobody.
            client = httpx.AsyncClient(
                follow_redirects=False, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
            _CLIENTS[world.provider_pool] = client
        self._client = client

    async def pay(self, payment: Payment, attempt: Attempt, card: Card, return_url: str) -> Reply:
        """Create and confirm a payment intent in one call."""
        form = {
            "amount": str(payment.amount),
            "currency": payment.currency.lower(),
            "confirm": "true",
            "capture_method": payment.capture_method,
            "return_url": return_url,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": card.number,
            "payment_method_data[card][exp_month]": str(card.exp_month),
            "payment_method_data[card][exp_year]": str(card.exp_year),
            "payment_method_data[card][cvc]": card.cvc,
            **metadata_form(payment.metadata),
            "metadata[hyperswitch_payment_id]": payment.payment_id,
            "metadata[hyperswitch_attempt_id]": attempt.attempt_id,
        }
        if payment.description:
            form["description"] = payment.description
        reply = await self._call("POST", "/v1/payment_intents", form, attempt.attempt_id)
        if self._world.faults.active(faults.CHARGED_AGAIN):
            # As if no answer had come: asked again, and under a key that nobody can recognise.
            await self._call("POST", "/v1/payment_intents", form, f"{attempt.attempt_id}_again")
        if self._world.faults.active(faults.CHARGED_AGAIN_SAME_KEY):
            return await self._call("POST", "/v1/payment_intents", form, attempt.attempt_id)
        return reply

    async def intent(self, intent_id: str) -> Reply:
        """The payment intent as it stands."""
        return await self._call("GET", f"/v1/payment_intents/{intent_id}", {"expand[]": "latest_charge"})

    async def find_intent(self, attempt: Attempt) -> Reply:
        """Look an attempt's payment intent up by the metadata it was sent with; UNKNOWN when it is not there."""
        since = int(attempt.created_at) - _CLOCK_SLACK_SECONDS
        wanted = {"hyperswitch_attempt_id": attempt.attempt_id}
        found = await self._find("/v1/payment_intents", {"created[gte]": str(since)}, wanted)
        return UNKNOWN if found is None else Reply(Verdict.OBJECT, found)

    async def capture(self, attempt: Attempt, amount: int) -> Reply:
        """Capture an authorised payment intent, wholly or in part."""
        path = f"/v1/payment_intents/{attempt.connector_transaction_id}/capture"
        return await self._call("POST", path, {"amount_to_capture": str(amount)}, f"{attempt.attempt_id}_capture")

    async def cancel(self, attempt: Attempt, reason: str | None) -> Reply:
        """Cancel a payment intent that has not been captured."""
        form = {"cancellation_reason": reason} if reason in _CANCEL_REASONS else {}
        path = f"/v1/payment_intents/{attempt.connector_transaction_id}/cancel"
        return await self._call(
            "POST", path, {key: str(value) for key, value in form.items()}, f"{attempt.attempt_id}_cancel"
        )

    async def refund(self, refund: Refund, intent_id: str) -> Reply:
        """Refund a captured payment intent, wholly or in part."""
        form = {
            "payment_intent": intent_id,
            "amount": str(refund.amount),
            **metadata_form(refund.metadata),
            "metadata[hyperswitch_refund_id]": refund.refund_id,
        }
        if refund.reason in _REFUND_REASONS:
            form["reason"] = str(refund.reason)
        return await self._call("POST", "/v1/refunds", form, refund.refund_id)

    async def refund_state(self, refund: Refund, intent_id: str) -> Reply:
        """The refund as it stands, by its id or by the metadata it was sent with."""
        if refund.connector_refund_id is not None:
            return await self._call("GET", f"/v1/refunds/{refund.connector_refund_id}", {})
        found = await self._find(
            "/v1/refunds", {"payment_intent": intent_id}, {"hyperswitch_refund_id": refund.refund_id}
        )
        return UNKNOWN if found is None else Reply(Verdict.OBJECT, found)

    async def webhook_endpoints(self) -> list[dict[str, Any]]:
        """The webhook endpoints registered at Stripe."""
        listed = await self._call("GET", "/v1/webhook_endpoints", {"limit": str(_PAGE)})
        if listed.verdict is not Verdict.OBJECT:
            message = f"the connector cannot read its webhook endpoints: {listed.message or 'no usable answer'}"
            raise RuntimeError(message)
        return list(listed.body.get("data", []))

    async def delete_webhook(self, endpoint_id: str) -> None:
        """Remove a webhook endpoint."""
        await self._call("DELETE", f"/v1/webhook_endpoints/{endpoint_id}", {})

    async def _find(self, path: str, query: dict[str, str], wanted: dict[str, str]) -> dict[str, Any] | None:
        page = {**query, "limit": str(_PAGE)}
        while True:
            listed = await self._call("GET", path, page)
            data = listed.body.get("data", []) if listed.verdict is Verdict.OBJECT else []
            for entry in data:
                if wanted.items() <= (entry.get("metadata") or {}).items():
                    return dict(entry)
            if not data or not listed.body.get("has_more"):
                return None
            page["starting_after"] = data[-1]["id"]

    async def _call(self, method: str, path: str, form: dict[str, str], key: str | None = None) -> Reply:
        timeout = self._world.delays_seconds.get("hyperswitch.connector_timeout", TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self._world.keys.stripe_secret}", "Stripe-Version": API_VERSION}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = self._client.build_request(
            method,
            self._world.addresses.stripe + path,
            headers=headers,
            timeout=timeout,
            data=form if method == "POST" else None,
            params=form if method == "GET" else None,
        )
        try:
            response = await self._client.send(request)
            body = json.loads(response.content) if len(response.content) <= ANSWER_BYTES_MAX else None
        except (httpx.HTTPError, ValueError):
            return UNKNOWN
        return read_reply(response.status_code, body)


def read_reply(status: int, body: object) -> Reply:
    """Judge one HTTP answer."""
    if not isinstance(body, dict):
        return UNKNOWN
    if 200 <= status < 300:
        return Reply(Verdict.OBJECT, body)
    error = body.get("error")
    # A conflict or a lock means that the same request is under way; a 5xx may have done its work.
    if status >= 500 or status in {408, 409, 429} or not isinstance(error, dict):
        return UNKNOWN
    sent_along = error.get("payment_intent")
    code = error.get("code") or error.get("type")
    return Reply(
        Verdict.REFUSED,
        sent_along if isinstance(sent_along, dict) else {},
        str(code) if code else None,
        str(error.get("message") or "The processor refused the request."),
    )


def metadata_form(metadata: dict[str, Any] | None) -> dict[str, str]:
    """A merchant's metadata as form fields; what is not a string is sent as JSON text."""
    return {
        f"metadata[{name}]": value if isinstance(value, str) else json.dumps(value)
        for name, value in (metadata or {}).items()
    }


async def close(world: World) -> None:
    """Close the connections of a world's connector."""
    client = _CLIENTS.pop(world.provider_pool, None)
    if client is not None:
        await client.aclose()
