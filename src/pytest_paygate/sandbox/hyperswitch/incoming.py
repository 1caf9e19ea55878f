"""Webhooks that Stripe sends to the orchestrator: verified on the raw bytes, applied forward only.

An event about something that is not ours is acknowledged and left alone: other systems share the Stripe account.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch import attempts, errors, records, refunds, settlement
from pytest_paygate.sandbox.hyperswitch.records import Attempt, Refund
from pytest_paygate.sandbox.webhooks import signing

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

PATH = "/webhooks/stripe"
PAYMENT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.amount_capturable_updated",
    "payment_intent.processing",
    "payment_intent.canceled",
)
REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")


async def receive(world: World, body: bytes, signature: str) -> dict[str, Any]:
    """Take one webhook.

    Raises:
        ApiError: 401 for a bad signature or time, 400 for a body that is no event, 404 for one of ours we lost.
    """
    try:
        signing.verify_stripe(signature, body, [world.keys.stripe_webhook], world.clock.now())
    except signing.SignatureError:
        raise errors.webhook_not_authentic() from None
    event_type, subject = _parse(body)
    metadata = subject.get("metadata")
    tags = metadata if isinstance(metadata, dict) else {}
    if event_type in PAYMENT_EVENTS:
        await _payment_event(world, subject, tags.get("hyperswitch_attempt_id"))
    elif event_type in REFUND_EVENTS:
        await _refund_event(world, subject, tags.get("hyperswitch_refund_id"))
    return {"received": True}


def _parse(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise errors.webhook_malformed() from None
    data = event.get("data") if isinstance(event, dict) else None
    subject = data.get("object") if isinstance(data, dict) else None
    if not isinstance(subject, dict):
        raise errors.webhook_malformed()
    return str(event.get("type")), subject


async def _payment_event(world: World, intent: dict[str, Any], attempt_id: object) -> None:
    async with world.provider_pool.connection() as connection:
        found = await records.select(
            connection,
            Attempt,
            "WHERE connector_transaction_id = %s OR attempt_id = %s",
            (_text(intent.get("id")), _text(attempt_id)),
        )
    if not found:
        if attempt_id is not None:
            raise errors.webhook_resource_unknown()
        return
    finding = settlement.read_intent(intent)
    if finding is not None:
        await attempts.apply(world, found[0].attempt_id, finding)


async def _refund_event(world: World, refund: dict[str, Any], refund_id: object) -> None:
    async with world.provider_pool.connection() as connection:
        found = await records.select(
            connection,
            Refund,
            "WHERE connector_refund_id = %s OR refund_id = %s",
            (_text(refund.get("id")), _text(refund_id)),
        )
    if not found:
        if refund_id is not None:
            raise errors.webhook_resource_unknown()
        return
    await refunds.apply(world, found[0].refund_id, refund)


def _text(value: object) -> str:
    return str(value).replace("\x00", "")
