"""The marketplace's side of the payment provider: Hyperswitch for payments and refunds, Stripe for seller transfers.

HTTP only. Every write carries a key that makes a repetition harmless, and the trace id in its metadata.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.sandbox.world import Addresses, Keys

TIMEOUT_SECONDS = 10.0
_HEALTH_TIMEOUT_SECONDS = 1.0
_STRIPE_VERSION = "2026-10-28.endive"
_SESSION_EXPIRY_SECONDS = 900


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
    """The HTTP client of one marketplace."""

    def __init__(self, addresses: Addresses, keys: Keys) -> None:
        self._addresses = addresses
        self._hyperswitch_headers = {"api-key": keys.hyperswitch_api}
        self._stripe_headers = {"Authorization": f"Bearer {keys.stripe_secret}", "Stripe-Version": _STRIPE_VERSION}
        # Loopback is plain HTTP: an empty TLS context saves reading the certificate bundle, and trusts nobody.
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def healthy(self) -> bool:
        """Whether Hyperswitch answers its health question."""
        url = f"{self._addresses.hyperswitch}/health"
        try:
            return (await self._client.get(url, timeout=_HEALTH_TIMEOUT_SECONDS)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def create_payment(
        self, payment_id: str, amount_minor: int, currency: str, description: str, metadata: Mapping[str, str]
    ) -> dict[str, object]:
        """Open a hosted payment, or find the one opened before under the same id.

        Returns:
            Hyperswitch's payment object.

        Raises:
            ProviderError: when Hyperswitch refuses or does not answer.
        """
        body = {
            "payment_id": payment_id,
            "amount": amount_minor,
            "currency": currency,
            "confirm": False,
            "capture_method": "automatic",
            "payment_link": True,
            "session_expiry": _SESSION_EXPIRY_SECONDS,
            "description": description,
            "metadata": dict(metadata),
        }
        try:
            return await self._hyperswitch("POST", "/payments", body)
        except ProviderError as failure:
            if failure.code != "HE_01":
                raise
            return await self._hyperswitch("GET", f"/payments/{payment_id}", None)

    async def cancel_payment(self, payment_id: str) -> None:
        """Make an unpaid payment unpayable.

        Raises:
            ProviderError: when Hyperswitch refuses or does not answer.
        """
        await self._hyperswitch("POST", f"/payments/{payment_id}/cancel", {"cancellation_reason": "abandoned"})

    async def create_refund(
        self, refund_id: str, payment_id: str, amount_minor: int, metadata: Mapping[str, str]
    ) -> dict[str, object]:
        """Ask for a refund, or find the one asked for before under the same id.

        Raises:
            ProviderError: when Hyperswitch refuses or does not answer.
        """
        body = {
            "refund_id": refund_id,
            "payment_id": payment_id,
            "amount": amount_minor,
            # The buyer's own words stay here: the card network's provider knows three reasons only.
            "reason": "requested_by_customer",
            "metadata": dict(metadata),
        }
        try:
            return await self._hyperswitch("POST", "/refunds", body)
        except ProviderError as failure:
            if failure.code != "HE_01":
                raise
            return await self._hyperswitch("GET", f"/refunds/{refund_id}", None)

    async def charge_of(self, payment_intent_id: str) -> str:
        """The id of the charge that paid a payment intent.

        Raises:
            ProviderError: when Stripe refuses, does not answer, or knows no charge yet.
        """
        path = f"/v1/payment_intents/{payment_intent_id}"
        call = f"GET {path}"
        charge = (await self._stripe("GET", path, None, None)).get("latest_charge")
        if not isinstance(charge, str):
            raise ProviderError(call, None, "no_charge")
        return charge

    async def create_transfer(self, key: str, fields: Mapping[str, str]) -> str:
        """Send the seller's share; the key makes a repetition harmless.

        Returns:
            The transfer's id.
        """
        return str((await self._stripe("POST", "/v1/transfers", fields, key))["id"])

    async def reverse_transfer(self, key: str, transfer_id: str, fields: Mapping[str, str]) -> None:
        """Take the whole seller's share back."""
        await self._stripe("POST", f"/v1/transfers/{transfer_id}/reversals", fields, key)

    async def _hyperswitch(self, method: str, path: str, body: dict[str, object] | None) -> dict[str, object]:
        request = self._client.build_request(
            method, self._addresses.hyperswitch + path, json=body, headers=self._hyperswitch_headers
        )
        return await self._send(f"{method} {path}", request)

    async def _stripe(
        self, method: str, path: str, fields: Mapping[str, str] | None, key: str | None
    ) -> dict[str, object]:
        headers = dict(self._stripe_headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        request = self._client.build_request(method, self._addresses.stripe + path, data=fields, headers=headers)
        return await self._send(f"{method} {path}", request)

    async def _send(self, call: str, request: httpx.Request) -> dict[str, object]:
        try:
            answer = await self._client.send(request)
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
