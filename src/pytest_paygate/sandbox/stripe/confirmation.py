"""The payment intent's state machine: confirm, challenge, approve, decline, capture, cancel.

Owns every change of a payment intent's `status`. The caller holds the intent's row lock, so of two concurrent
confirmations exactly one acts. A decline is returned, not raised: its failed charge and its events must stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import (
    card_catalogue,
    cards,
    charges,
    errors,
    events,
    faults,
    payment_methods,
    storage,
)
from pytest_paygate.sandbox.stripe.card_catalogue import Challenge

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.card_catalogue import Behaviour, Decline
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")
_AUTHENTICATION_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one confirmation is to be made."""

    method: Row
    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False


async def confirm(call: Call, intent: Row, attempt: Attempt) -> errors.StripeError | None:
    """Try to pay; the decline, or None when the intent moved on (succeeded, requires_capture, requires_action)."""
    behaviour = payment_methods.behaviour_of(attempt.method)
    intent.body |= {"payment_method": attempt.method.id, "last_payment_error": None, "next_action": None}
    if behaviour.decline is not None:
        return await _decline(call, intent, attempt.method, behaviour.decline)
    if _challenges(intent.body, behaviour, attempt):
        if attempt.off_session or attempt.error_on_requires_action:
            return await _decline(call, intent, attempt.method, card_catalogue.AUTHENTICATION_REQUIRED)
        await _challenge(call, intent, attempt)
        return None
    await _approve(call, intent, attempt.method, authenticated=False)
    return None


async def authenticated(call: Call, intent: Row, *, succeed: bool) -> errors.StripeError | None:
    """Go on after a 3-D Secure challenge; the refusal, or None when the payment was approved."""
    method = await storage.find(call, "payment_method", str(intent.body["payment_method"]))
    if method is None:  # pragma: no cover - a challenged intent always has its method
        raise errors.api_error()
    intent.body["next_action"] = None
    behaviour = payment_methods.behaviour_of(method)
    if not succeed:
        error = errors.refused(_AUTHENTICATION_FAILED, code="payment_intent_authentication_failure")
        return await _fail(call, intent, method, error)
    if behaviour.after_challenge is not None:
        return await _decline(call, intent, method, behaviour.after_challenge)
    await _approve(call, intent, method, authenticated=True)
    return None


async def capture(call: Call, intent: Row, charge: Row, amount_minor: int) -> None:
    """Capture an authorised intent in part or in full; what is left is released."""
    amount = charges.captured_amount_minor(call, amount_minor)
    await charges.capture(call, charge, amount)
    intent.body |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    await storage.save(call, intent)
    await events.emit(call, "charge.captured", charge.body)
    await events.emit(call, "payment_intent.succeeded", intent.body)


async def cancel(call: Call, intent: Row, reason: str | None) -> None:
    """Cancel an intent; an authorisation it holds is released without money moving."""
    if intent.body["status"] == "requires_capture":
        charge = await storage.find(call, "charge", intent.body["latest_charge"], lock=True)
        if charge is not None:
            charge.body |= {"refunded": True, "amount_refunded": charge.body["amount"]}
            await storage.save(call, charge)
            await events.emit(call, "charge.refunded", charge.body)
    intent.body |= {
        "status": "canceled",
        "canceled_at": call.now(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    await storage.save(call, intent)
    await events.emit(call, "payment_intent.canceled", intent.body)


def _challenges(intent: Json, behaviour: Behaviour, attempt: Attempt) -> bool:
    if behaviour.challenge is Challenge.ALWAYS:
        return True
    if behaviour.challenge is Challenge.ON_SESSION:
        return not attempt.off_session
    if behaviour.challenge is Challenge.ON_REQUEST:
        return intent["payment_method_options"]["card"]["request_three_d_secure"] in ("any", "challenge")
    return False


async def _challenge(call: Call, intent: Row, attempt: Attempt) -> None:
    url = f"{call.world.addresses.stripe}/3ds/{intent.id}"
    intent.body |= {
        "status": "requires_action",
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": attempt.return_url, "url": url},
        },
    }
    await storage.save(call, intent)
    await events.emit(call, "payment_intent.requires_action", intent.body)


async def _approve(call: Call, intent: Row, method: Row, *, authenticated: bool) -> None:
    charge = await charges.authorised(call, intent, method, authenticated=authenticated)
    amount = int(intent.body["amount"])
    intent.body |= {"latest_charge": charge.id, "last_payment_error": None}
    if intent.body["capture_method"] == "manual":
        intent.body |= {"status": "requires_capture", "amount_capturable": amount}
        await storage.save(call, intent)
        await events.emit(call, "charge.succeeded", charge.body)
        await events.emit(call, "payment_intent.amount_capturable_updated", intent.body)
        return
    intent.body |= {"status": "succeeded", "amount_received": amount}
    if not call.world.faults.active(faults.CHARGE_NOT_CAPTURED):
        taken = charges.captured_amount_minor(call, amount)
        await charges.capture(call, charge, taken)
        intent.body["amount_received"] = taken
    await storage.save(call, intent)
    await events.emit(call, "charge.succeeded", charge.body)
    await events.emit(call, "payment_intent.succeeded", intent.body)


async def _decline(call: Call, intent: Row, method: Row, decline: Decline) -> errors.StripeError:
    charge = await charges.declined(call, intent, method, decline)
    intent.body["latest_charge"] = charge.id
    error = cards.declined(decline)
    error.extra["charge"] = charge.id
    return await _fail(call, intent, method, error)


async def _fail(call: Call, intent: Row, method: Row, error: errors.StripeError) -> errors.StripeError:
    """Back to requires_payment_method, with the reason kept on the intent and in the answer."""
    error.extra["payment_method"] = method.body
    intent.body |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error.detail(),
    }
    await storage.save(call, intent)
    await events.emit(call, "payment_intent.payment_failed", intent.body)
    error.extra["payment_intent"] = intent.body
    return error
