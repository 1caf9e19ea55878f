"""What a payer does: look at a Checkout session, pay it with a card, answer a 3-D Secure challenge.

Owns the payer's side of Checkout and of authentication for the hosted pages; renders nothing. A card lives only in
the arguments of `pay_session`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pytest_paygate.sandbox.stripe import (
    accounts,
    cards,
    checkout_sessions,
    confirmation,
    errors,
    events,
    microcharge_faults,
    payment_methods,
    storage,
)
from pytest_paygate.sandbox.stripe.cards import Card
from pytest_paygate.sandbox.stripe.context import Call, unit_of_work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_paygate.sandbox.stripe.context import Json
    from pytest_paygate.sandbox.stripe.storage import Row
    from pytest_paygate.sandbox.world import World

__all__ = [
    "Card",
    "HostedCheckout",
    "NoSuchPageError",
    "PaymentOutcome",
    "authenticate",
    "describe_challenge",
    "describe_session",
    "pay_session",
    "webhook_delivered",
]


# A session whose page says thanks although nothing was charged, by fault.
_THANKED = "thanked"


class NoSuchPageError(LookupError):
    """The address names no session, or no payment that was ever challenged."""


@dataclass(frozen=True, slots=True)
class HostedCheckout:
    """What the page shows. `amount_minor` is in the provider's minor units of `currency` (lower case)."""

    id: str
    amount_minor: int
    currency: str
    merchant: str
    description: str
    status: str
    success_url: str | None
    cancel_url: str | None


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """How paying went: `paid`, `declined` with a message, or `challenge` with the address to go to.

    `return_url` is where the payer goes next, None while there is nowhere to go.
    """

    status: str
    message: str | None = None
    challenge_url: str | None = None
    return_url: str | None = None


async def describe_session(world: World, session_id: str) -> HostedCheckout:
    """Say what a session sells.

    Raises:
        NoSuchPageError: there is no such session.

    """
    async with _opened(world, "checkout.session", session_id) as call:
        session = await storage.find(call, "checkout.session", session_id)
        if session is None:  # pragma: no cover - sessions are never removed
            raise NoSuchPageError(session_id)
        body = session.body
        names = [
            f"{line['quantity']} x {line['description']}" if line["quantity"] > 1 else str(line["description"])
            for line in checkout_sessions.line_items(session)
        ]
        return HostedCheckout(
            session.id,
            body["amount_total"],
            body["currency"],
            accounts.MERCHANT_NAME,
            ", ".join(names),
            "complete" if _THANKED in session.hidden else body["status"],
            _success_url(body),
            body["cancel_url"],
        )


async def pay_session(world: World, session_id: str, card: Card) -> PaymentOutcome:
    """Pay an open session.

    Raises:
        NoSuchPageError: there is no such session.

    """
    if world.faults.active(microcharge_faults.PAYER_LATE):
        seconds = world.faults.seconds(microcharge_faults.PAYER_LATE, microcharge_faults.PAYER_SECONDS) or 0.0
        await asyncio.sleep(seconds)
    if world.faults.active(microcharge_faults.CARD_DECLINED):
        return PaymentOutcome("declined", "Your card was declined.")
    try:
        async with _opened(world, "checkout.session", session_id) as call:
            session = await storage.find(call, "checkout.session", session_id, lock=True)
            if session is None:  # pragma: no cover - sessions are never removed
                raise NoSuchPageError(session_id)
            if session.body["status"] == "complete":
                return PaymentOutcome("paid", return_url=_success_url(session.body))
            if session.body["status"] != "open":
                return PaymentOutcome("declined", "This checkout session has expired.")
            if world.faults.active(microcharge_faults.NEVER_CHARGED):
                session.hidden[_THANKED] = True
                await storage.save(call, session)
                return PaymentOutcome("paid", return_url=_success_url(session.body))
            return await _pay(call, session, card)
    except errors.StripeError as error:
        # A mistyped or refused card leaves nothing behind: the payer may try again.
        return PaymentOutcome("declined", error.message)


async def describe_challenge(world: World, payment_intent_id: str) -> HostedCheckout:
    """Say what a challenge is about; `status` is open while the intent waits for it, else complete.

    Raises:
        NoSuchPageError: there is no such payment intent.

    """
    async with _opened(world, "payment_intent", payment_intent_id) as call:
        intent = await storage.find(call, "payment_intent", payment_intent_id)
        if intent is None:  # pragma: no cover - intents are never removed
            raise NoSuchPageError(payment_intent_id)
        body = intent.body
        status = "open" if body["status"] == "requires_action" else "complete"
        description = body["description"] or "Payment"
        return HostedCheckout(
            intent.id, body["amount"], body["currency"], accounts.MERCHANT_NAME, description, status, None, None
        )


async def authenticate(world: World, payment_intent_id: str, succeed: bool) -> PaymentOutcome:
    """Finish a 3-D Secure challenge; a second answer to the same challenge changes nothing.

    Raises:
        NoSuchPageError: there is no such payment intent.

    """
    async with _opened(world, "payment_intent", payment_intent_id) as call:
        session = await _session_of(call, payment_intent_id)
        intent = await storage.find(call, "payment_intent", payment_intent_id, lock=True)
        if intent is None:  # pragma: no cover - intents are never removed
            raise NoSuchPageError(payment_intent_id)
        if intent.body["status"] != "requires_action":
            return _settled(intent.body, session, intent.hidden.get("return_url"))
        intent.hidden["return_url"] = intent.body["next_action"]["redirect_to_url"]["return_url"]
        await confirmation.authenticated(call, intent, succeed=succeed)
        if session is not None and intent.body["status"] in ("succeeded", "requires_capture"):
            await checkout_sessions.complete(call, session, intent.body, {})
        return _settled(intent.body, session, intent.hidden["return_url"])


async def webhook_delivered(world: World, event_id: str) -> None:
    """One endpoint has answered 2xx to this event."""
    async with _opened(world, "event", event_id) as call:
        await events.delivered(call, event_id)


async def _pay(call: Call, session: Row, card: Card) -> PaymentOutcome:
    accepted = cards.accept(card, livemode=call.livemode, today=call.world.clock.now_utc())
    method = await payment_methods.from_accepted(call, accepted)
    intent = await _intent(call, session)
    error = await confirmation.confirm(call, intent, confirmation.Attempt(method, _success_url(session.body)))
    if error is not None:
        return PaymentOutcome("declined", error.message)
    if intent.body["status"] == "requires_action":
        return PaymentOutcome("challenge", challenge_url=intent.body["next_action"]["redirect_to_url"]["url"])
    await checkout_sessions.complete(call, session, intent.body, {})
    return PaymentOutcome("paid", return_url=_success_url(session.body))


async def _intent(call: Call, session: Row) -> Row:
    """The session's payment intent, made by its first attempt and reused by later ones."""
    known = session.hidden["payment_intent"]
    if known is not None:
        intent = await storage.find(call, "payment_intent", known, lock=True)
        if intent is not None:
            return intent
    return await checkout_sessions.make_intent(call, session)


async def _session_of(call: Call, payment_intent_id: str) -> Row | None:
    """The session an intent belongs to, locked before the intent as `pay_session` does."""
    intent = await storage.find(call, "payment_intent", payment_intent_id)
    session_id = None if intent is None else intent.hidden.get("checkout_session")
    return None if session_id is None else await storage.find(call, "checkout.session", session_id, lock=True)


def _settled(intent: Json, session: Row | None, return_url: str | None) -> PaymentOutcome:
    paid = intent["status"] in ("succeeded", "requires_capture")
    message = None if paid else (intent["last_payment_error"] or {}).get("message")
    status = "paid" if paid else "declined"
    if session is not None:
        return PaymentOutcome(status, message, return_url=_success_url(session.body) if paid else session.body["url"])
    if return_url is None:
        return PaymentOutcome(status, message)
    parts = urlsplit(return_url)
    added = urlencode(
        {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if paid else "failed",
        }
    )
    query = f"{parts.query}&{added}" if parts.query else added
    return PaymentOutcome(status, message, return_url=urlunsplit(parts._replace(query=query)))


def _success_url(session: Json) -> str | None:
    url = session["success_url"]
    return None if url is None else str(url).replace("{CHECKOUT_SESSION_ID}", quote(session["id"]))


@asynccontextmanager
async def _opened(world: World, object_name: str, object_id: str) -> AsyncIterator[Call]:
    """A unit of work in the mode of the object a page names: a page has no key to tell the mode."""
    async with unit_of_work(world, livemode=False) as call:
        mode = None if "\x00" in object_id else await storage.mode_of(call, object_name, object_id)
        if mode is None:
            raise NoSuchPageError(object_id)
        yield replace(call, livemode=mode)
