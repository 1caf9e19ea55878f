"""A5's side of the payment provider: Checkout sessions, refunds, and the second charge that a fault asks for.

HTTP only. Every write carries a key that makes a repetition harmless, and the trace id in its metadata. A5 is pinned
to the version under which a session has its payment intent from the start, because it hands that out.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.sandbox.world import Addresses, Keys

EVENTS = ("checkout.session.completed", "charge.refunded", "refund.failed")
TIMEOUT_SECONDS = 10.0
_STRIPE_VERSION = "2020-08-27"
# The provider takes no less than half an hour, on its own clock.
_OPEN_SECONDS = 35 * 60


class ProviderError(Exception):
    """The provider refused or could not be reached.

    Args:
        call: method and path.
        status: the HTTP status, or None when there was no complete answer.
        code: the provider's error code, where it gave one.
    """

    def __init__(self, call: str, status: int | None, code: str | None) -> None:
        super().__init__(f"{call}: {status or 'no answer'}" + (f" {code}" if code else ""))
        self.status = status
        self.code = code

    @property
    def final(self) -> bool:
        """Whether the provider has definitely refused, so that the same request need not be sent again."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in {408, 409, 429}


class Provider:
    """The HTTP client of one A5."""

    def __init__(self, addresses: Addresses, keys: Keys) -> None:
        self._stripe = addresses.stripe
        # By another host name than the provider's, as every shop is: who pays sees the provider's page end.
        self._home = addresses.a5.replace("//127.0.0.1:", "//localhost:")
        self._headers = {"Authorization": f"Bearer {keys.stripe_secret}", "Stripe-Version": _STRIPE_VERSION}
        # Loopback is plain HTTP: an empty TLS context saves reading the certificate bundle, and trusts nobody.
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def create_session(  # noqa: PLR0913 - what a session sells, all by keyword
        self, key: str, *, credits_bought: int, amount_minor: int, currency: str, trace_id: str, now_seconds: int
    ) -> dict[str, object]:
        """Create a hosted checkout page for some credits, open for a little over half an hour.

        Returns:
            The provider's Checkout session, with the id of its payment intent.

        Raises:
            ProviderError: when Stripe refuses or does not answer.
        """
        form = {
            "mode": "payment",
            "success_url": f"{self._home}/credits/thanks",
            "expires_at": str(now_seconds + _OPEN_SECONDS),
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": str(amount_minor),
            "line_items[0][price_data][product_data][name]": f"{credits_bought} credits",
            "metadata[trace_id]": trace_id,
            "payment_intent_data[metadata][trace_id]": trace_id,
            "payment_intent_data[description]": f"{credits_bought} credits",
        }
        return await self._call("POST", "/v1/checkout/sessions", form, key)

    async def refund(
        self, payment_intent_id: str, trace_id: str, *, amount_minor: int | None = None
    ) -> dict[str, object]:
        """Give a payment back: all of it, or so much.

        Raises:
            ProviderError: when Stripe refuses or does not answer.
        """
        form = {
            "payment_intent": payment_intent_id,
            "reason": "requested_by_customer",
            "metadata[trace_id]": trace_id,
        }
        if amount_minor is not None:
            form["amount"] = str(amount_minor)
        return await self._call("POST", "/v1/refunds", form, f"a5_refund_{payment_intent_id}")

    async def charge_again(self, payment_intent_id: str, trace_id: str) -> None:
        """Charge the card of a payment once more, as a broken shop does, under a trace id or, when it is empty, none.

        Raises:
            ProviderError: when Stripe refuses or does not answer.
        """
        paid = await self._call("GET", f"/v1/payment_intents/{payment_intent_id}", {}, None)
        form = {
            "amount": str(paid["amount"]),
            "currency": str(paid["currency"]),
            "payment_method": str(paid["payment_method"]),
            "confirm": "true",
            "off_session": "true",
            "metadata[trace_id]": trace_id,
        }
        if not trace_id:
            del form["metadata[trace_id]"]
        await self._call("POST", "/v1/payment_intents", form, f"a5_again_{payment_intent_id}")

    async def _call(self, method: str, path: str, form: Mapping[str, str], key: str | None) -> dict[str, object]:
        call = f"{method} {path}"
        headers = dict(self._headers) if key is None else {**self._headers, "Idempotency-Key": key}
        data = form if method == "POST" else None
        try:
            answer = await self._client.request(method, self._stripe + path, data=data, headers=headers)
            content = answer.json()
        except (httpx.HTTPError, ValueError):
            raise ProviderError(call, None, None) from None
        if not isinstance(content, dict):
            raise ProviderError(call, None, "not_an_object")
        if not answer.is_success:
            refusal = content.get("error")
            code = refusal.get("code") if isinstance(refusal, dict) else None
            raise ProviderError(call, answer.status_code, str(code) if code else None)
        return content
