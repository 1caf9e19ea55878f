"""Payment links: the hosted page's backend, the way to a challenge and the way back to the merchant."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pytest_paygate.sandbox.hosted_page import Checkout, Outcome, OutcomeState, PageState
from pytest_paygate.sandbox.hosted_page.render import leave
from pytest_paygate.sandbox.hosted_page.routes import unknown_page
from pytest_paygate.sandbox.hyperswitch import answers, attempts, errors, faults, payments, records
from pytest_paygate.sandbox.hyperswitch.connector import Connector, Verdict
from pytest_paygate.sandbox.hyperswitch.edge import path_id
from pytest_paygate.sandbox.hyperswitch.records import Attempt, Payment, Status

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.hosted_page import Card
    from pytest_paygate.sandbox.world import World

MERCHANT_NAME = "Paygate Market"
_PAGE_STATES = {
    Status.REQUIRES_PAYMENT_METHOD: PageState.OPEN,
    Status.REQUIRES_CUSTOMER_ACTION: PageState.PROCESSING,
    Status.PROCESSING: PageState.PROCESSING,
    Status.REQUIRES_CAPTURE: PageState.PAID,
    Status.SUCCEEDED: PageState.PAID,
    Status.PARTIALLY_CAPTURED: PageState.PAID,
}


class LinkBackend:
    """The hosted page's view of payment links."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def describe(self, checkout_id: str) -> Checkout | None:
        """The payment as its page shows it; a payment without a link has no page."""
        try:
            named = faults.page_id(self._world, checkout_id.replace("\x00", ""))
            payment = await payments.current(self._world, named)
        except errors.ApiError:
            return None
        if payment.payment_link_id is None:
            return None
        if payment.status in {Status.PROCESSING, Status.REQUIRES_CUSTOMER_ACTION}:
            # A person waiting on the page sees what the connector knows, not what was stored last.
            payment = await attempts.sync(self._world, payment.payment_id)
        return Checkout(
            amount_minor=payment.amount,
            currency=payment.currency,
            merchant=MERCHANT_NAME,
            description=payment.description or "",
            state=_PAGE_STATES.get(Status(payment.status), PageState.EXPIRED),
            livemode=self._world.keys.livemode,
            return_url=return_url_of(self._world, payment),
            notice=payment.error_message,
            continue_url=payment.redirect_url if payment.status == Status.REQUIRES_CUSTOMER_ACTION else None,
        )

    async def pay(self, checkout_id: str, card: Card) -> Outcome:
        """Confirm the payment with the card from the page."""
        try:
            payment = await attempts.confirm(self._world, faults.page_id(self._world, checkout_id), card)
        except errors.ApiError:
            # Somebody else was quicker, or the session has just ended: the page shows which.
            return Outcome(OutcomeState.PROCESSING)
        if payment.status in {Status.SUCCEEDED, Status.REQUIRES_CAPTURE, Status.PARTIALLY_CAPTURED}:
            return Outcome(OutcomeState.PAID, location=return_url_of(self._world, payment))
        if payment.status == Status.REQUIRES_CUSTOMER_ACTION:
            return Outcome(OutcomeState.CHALLENGE, location=payment.redirect_url)
        if payment.status == Status.REQUIRES_PAYMENT_METHOD:
            return Outcome(OutcomeState.DECLINED, payment.error_message or "Your card was declined.")
        return Outcome(OutcomeState.PROCESSING)


def return_url_of(world: World, payment: Payment) -> str | None:
    """The merchant's return address with the outcome and its signature, None when there is none.

    The signature is the hex HMAC-SHA512 of the sorted `key=value` pairs joined by `&`, under the response hash key.
    """
    if payment.return_url is None:
        return None
    parts = urlsplit(payment.return_url)
    pairs = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("status", payment.status),
        ("payment_id", payment.payment_id),
        ("payment_intent_client_secret", payment.client_secret),
        ("amount", str(payment.amount)),
        ("manual_retry_allowed", "true" if payment.status == Status.FAILED else "false"),
    ]
    signed = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    signature = hmac.new(world.keys.hyperswitch_hash.encode(), signed.encode(), hashlib.sha512).hexdigest()
    pairs += [("signature", signature), ("signature_algorithm", "HMAC-SHA512")]
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote)))


async def retrieve(world: World, payment_link_id: str) -> dict[str, Any]:
    """A payment link by its id.

    Raises:
        ApiError: unknown link.
    """
    async with world.provider_pool.connection() as connection:
        found = await records.select(connection, Payment, "WHERE payment_link_id = %s", (payment_link_id,))
    if not found:
        raise errors.not_found("Payment Link")
    payment = await payments.current(world, found[0].payment_id)
    return answers.link_body(world, payment, active=world.clock.now() < payment.session_expires_at)


async def to_challenge(world: World, request: Request) -> Response:
    """`/payments/redirect/{payment_id}/{attempt_id}`: on to the challenge the processor asks for."""
    attempt_id = path_id(request, "attempt_id", "Payment")
    async with world.provider_pool.connection() as connection:
        attempt = await records.find(connection, Attempt, attempt_id)
    if attempt is None or attempt.payment_id != request.path_params["payment_id"]:
        return unknown_page()
    if attempt.connector_transaction_id is not None:
        reply = await Connector(world).intent(attempt.connector_transaction_id)
        action = reply.body.get("next_action") if reply.verdict is Verdict.OBJECT else None
        if isinstance(action, dict) and isinstance(action.get("redirect_to_url"), dict):
            return leave(str(action["redirect_to_url"].get("url")), "challenge")
    return await _back(world, attempt.payment_id)


async def from_challenge(world: World, request: Request) -> Response:
    """The processor's return address: look at the outcome and send the person on."""
    return await _back(world, path_id(request, "payment_id", "Payment"))


async def _back(world: World, payment_id: str) -> Response:
    try:
        payment = await attempts.sync(world, payment_id)
    except errors.ApiError:
        return unknown_page()
    link = answers.link_of(world, payment) if payment.payment_link_id is not None else None
    merchant = return_url_of(world, payment)
    over = payment.status != Status.REQUIRES_PAYMENT_METHOD
    target = merchant if merchant is not None and (over or link is None) else link
    return unknown_page() if target is None else leave(target, "paid" if over else "declined")
