"""What a payment intent at the connector makes of a payment here. Owns every status change after an attempt began.

- An attempt only moves forward, by rank, so that answers, syncs and webhooks may come in any order, several times.
- A decline on an open payment link leaves the payment payable; anywhere else it ends the payment as failed.
- The event is written with the change, and only when the payment's status or attempt really changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch import events, records
from pytest_paygate.sandbox.hyperswitch.connector import Reply, Verdict
from pytest_paygate.sandbox.hyperswitch.records import AttemptStatus, Payment, Status

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.hyperswitch.records import Attempt
    from pytest_paygate.sandbox.world import World

_RANK = {
    AttemptStatus.PENDING: 0,
    AttemptStatus.AUTHENTICATION_PENDING: 1,
    AttemptStatus.AUTHORIZED: 2,
    AttemptStatus.FAILURE: 3,
    AttemptStatus.VOIDED: 3,
    AttemptStatus.CHARGED: 4,
    AttemptStatus.PARTIAL_CHARGED: 4,
}
_PLAIN = {
    "requires_action": AttemptStatus.AUTHENTICATION_PENDING,
    "processing": AttemptStatus.PENDING,
    "canceled": AttemptStatus.VOIDED,
}
_SETTLED = frozenset({Status.SUCCEEDED, Status.PARTIALLY_CAPTURED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Finding:
    """Where an attempt stands according to the connector."""

    status: AttemptStatus
    transaction_id: str | None
    amount_received: int = 0
    amount_capturable: int = 0
    error_code: str | None = None
    error_message: str | None = None
    card: dict[str, Any] | None = None


def read_reply(reply: Reply) -> Finding | None:
    """What a connector's answer says of an attempt; None when it says nothing."""
    if reply.verdict is Verdict.UNKNOWN:
        return None
    if reply.verdict is Verdict.REFUSED:
        intent_id = reply.body.get("id")
        transaction_id = str(intent_id) if intent_id else None
        return Finding(AttemptStatus.FAILURE, transaction_id, error_code=reply.code, error_message=reply.message)
    return read_intent(reply.body)


def read_intent(intent: dict[str, Any]) -> Finding | None:
    """What a payment intent says of its attempt; None while it says nothing new."""
    status, intent_id = str(intent.get("status")), str(intent.get("id"))
    received, capturable = _count(intent.get("amount_received")), _count(intent.get("amount_capturable"))
    if status in _PLAIN:
        return Finding(_PLAIN[status], intent_id)
    if status == "succeeded":
        manual_part = intent.get("capture_method") == "manual" and received < _count(intent.get("amount"))
        kind = AttemptStatus.PARTIAL_CHARGED if manual_part else AttemptStatus.CHARGED
        return Finding(kind, intent_id, received, 0, card=_card_of(intent))
    if status == "requires_capture":
        return Finding(AttemptStatus.AUTHORIZED, intent_id, 0, capturable, card=_card_of(intent))
    error = intent.get("last_payment_error")
    if isinstance(error, dict):
        code = str(error.get("code") or error.get("type") or "processing_error")
        return Finding(AttemptStatus.FAILURE, intent_id, error_code=code, error_message=str(error.get("message")))
    return None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _card_of(intent: dict[str, Any]) -> dict[str, Any] | None:
    """Brand as the card network saw it, where the charge came along."""
    charge = intent.get("latest_charge")
    details = charge.get("payment_method_details") if isinstance(charge, dict) else None
    card = details.get("card") if isinstance(details, dict) else None
    return {"card_network": str(card["brand"]).title()} if isinstance(card, dict) and card.get("brand") else None


async def settle(
    connection: AsyncConnection[Any], world: World, payment: Payment, attempt: Attempt, finding: Finding
) -> Payment:
    """Bring a locked payment and its attempt to where the connector says they are.

    Returns:
        The payment as it is now.
    """
    now = world.clock.now()
    before, after = _RANK[AttemptStatus(attempt.status)], _RANK[finding.status]
    # Nothing changes at the same rank, but an unanswered capture or first call is resolved by it.
    resolves = after == before and payment.status == Status.PROCESSING and finding.status != AttemptStatus.PENDING
    transaction_id = finding.transaction_id or attempt.connector_transaction_id
    if after <= before and not resolves:
        if attempt.connector_transaction_id is None and transaction_id is not None:
            await records.change(connection, attempt, now, connector_transaction_id=transaction_id)
            return await records.change(connection, payment, now, connector_transaction_id=transaction_id)
        return payment
    await records.change(
        connection,
        attempt,
        now,
        status=finding.status,
        connector_transaction_id=transaction_id,
        error_code=finding.error_code,
        error_message=finding.error_message,
    )
    superseded = attempt.attempt_id != payment.active_attempt_id
    if superseded and finding.status not in {AttemptStatus.CHARGED, AttemptStatus.PARTIAL_CHARGED}:
        return payment
    # A settled payment stays with the intent that settled it, or a refund would go to the wrong one.
    if payment.status in _SETTLED and payment.connector_transaction_id not in {None, transaction_id}:
        return payment
    return await _change_payment(connection, world, payment, attempt, finding)


async def _change_payment(
    connection: AsyncConnection[Any], world: World, payment: Payment, attempt: Attempt, finding: Finding
) -> Payment:
    now = world.clock.now()
    status = _status_after(payment, finding, now)
    redirect_url = None
    if status == Status.REQUIRES_CUSTOMER_ACTION:
        redirect_url = f"{world.addresses.hyperswitch}/payments/redirect/{payment.payment_id}/{attempt.attempt_id}"
    captured = status in {Status.SUCCEEDED, Status.PARTIALLY_CAPTURED}
    changed = await records.change(
        connection,
        payment,
        now,
        status=status,
        connector_transaction_id=finding.transaction_id or attempt.connector_transaction_id,
        amount_received=finding.amount_received if captured else payment.amount_received,
        amount_capturable=_capturable(payment, status, finding),
        error_code=finding.error_code,
        error_message=finding.error_message,
        redirect_url=redirect_url,
        card=None if payment.card is None else payment.card | (finding.card or {}),
    )
    await events.payment_changed(connection, world, changed)
    return changed


def _status_after(payment: Payment, finding: Finding, now: float) -> Status:
    if finding.status is AttemptStatus.FAILURE:
        link_open = payment.payment_link_id is not None and now < payment.session_expires_at
        return Status.REQUIRES_PAYMENT_METHOD if link_open else Status.FAILED
    return {
        AttemptStatus.PENDING: Status.PROCESSING,
        AttemptStatus.AUTHENTICATION_PENDING: Status.REQUIRES_CUSTOMER_ACTION,
        AttemptStatus.AUTHORIZED: Status.REQUIRES_CAPTURE,
        AttemptStatus.CHARGED: Status.SUCCEEDED,
        AttemptStatus.PARTIAL_CHARGED: Status.PARTIALLY_CAPTURED,
        AttemptStatus.VOIDED: Status.CANCELLED,
    }[finding.status]


def _capturable(payment: Payment, status: Status, finding: Finding) -> int:
    if status == Status.REQUIRES_CAPTURE:
        return finding.amount_capturable
    open_still = status in {Status.REQUIRES_PAYMENT_METHOD, Status.REQUIRES_CUSTOMER_ACTION, Status.PROCESSING}
    return payment.amount if open_still else 0


async def expire_if_due(connection: AsyncConnection[Any], world: World, payment: Payment) -> Payment:
    """End a locked payment whose session is over and that nobody is paying right now."""
    now = world.clock.now()
    if payment.status != Status.REQUIRES_PAYMENT_METHOD or now < payment.session_expires_at:
        return payment
    expired = await records.change(connection, payment, now, status=Status.EXPIRED, amount_capturable=0)
    await events.payment_changed(connection, world, expired)
    return expired


async def cancelled(connection: AsyncConnection[Any], world: World, payment: Payment, reason: str | None) -> Payment:
    """End a locked payment that holds nothing at the connector."""
    now = world.clock.now()
    changed = await records.change(
        connection, payment, now, status=Status.CANCELLED, amount_capturable=0, cancellation_reason=reason
    )
    await events.payment_changed(connection, world, changed)
    return changed
