"""Confirming a payment: one attempt at the connector, begun and ended in transactions of their own.

The call to the connector is made between the two, with no lock held. A payment under way is `processing`, which
refuses a second confirmation; if no answer comes it stays so until a sync or a webhook tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch import errors, records, settlement
from pytest_paygate.sandbox.hyperswitch.connector import Connector
from pytest_paygate.sandbox.hyperswitch.records import Attempt, AttemptStatus, Payment, Status
from pytest_paygate.sandbox.hyperswitch.vocabulary import CONNECTOR, MERCHANT_ID

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.hosted_page import Card
    from pytest_paygate.sandbox.world import World

_SYNCED = frozenset({Status.PROCESSING, Status.REQUIRES_CUSTOMER_ACTION, Status.REQUIRES_CAPTURE})
# What the network can be told apart by, from the first digits of a number.
_NETWORKS = (
    ("4", "Visa"),
    ("34", "AmericanExpress"),
    ("37", "AmericanExpress"),
    ("5", "Mastercard"),
    ("2", "Mastercard"),
)


async def confirm(world: World, payment_id: str, card: Card | None, *, manual_retry: bool = False) -> Payment:
    """Try to pay once with a card.

    Raises:
        ApiError: unknown payment, a state that cannot be confirmed, or no card.
    """
    payment, attempt = await _begin(world, payment_id, card, manual_retry=manual_retry)
    if card is None or attempt is None:
        raise not_confirmable(payment)
    reply = await Connector(world).pay(payment, attempt, card, _return_url(world, payment))
    finding = settlement.read_reply(reply)
    async with world.provider_pool.connection() as connection:
        payment = await locked(connection, payment_id)
        current = await records.find(connection, Attempt, attempt.attempt_id)
        if finding is None or current is None:
            return payment
        return await settlement.settle(connection, world, payment, current, finding)


async def _begin(
    world: World, payment_id: str, card: Card | None, *, manual_retry: bool
) -> tuple[Payment, Attempt | None]:
    now = world.clock.now()
    async with world.provider_pool.connection() as connection:
        payment = await settlement.expire_if_due(connection, world, await locked(connection, payment_id))
        retried = payment.status == Status.FAILED and manual_retry
        if payment.status == Status.EXPIRED:
            # Refused below, outside the transaction, so that the expiry itself is kept.
            return payment, None
        if payment.status != Status.REQUIRES_PAYMENT_METHOD and not retried:
            raise not_confirmable(payment)
        if card is None:
            raise errors.missing("payment_method_data")
        number = payment.attempt_count + 1
        attempt = Attempt(
            attempt_id=f"{payment_id}_{number}",
            payment_id=payment_id,
            number=number,
            status=AttemptStatus.PENDING,
            amount=payment.amount,
            connector_transaction_id=None,
            error_code=None,
            error_message=None,
            created_at=now,
            modified_at=now,
        )
        await records.insert(connection, attempt)
        payment = await records.change(
            connection,
            payment,
            now,
            status=Status.PROCESSING,
            attempt_count=number,
            active_attempt_id=attempt.attempt_id,
            connector_transaction_id=None,
            error_code=None,
            error_message=None,
            redirect_url=None,
            card=_shown(card),
        )
        return payment, attempt


def not_confirmable(payment: Payment) -> errors.ApiError:
    """The refusal of a confirmation that comes too late."""
    hint = ""
    if payment.status == Status.FAILED:
        hint = ". You can pass `retry_action` as `manual_retry` to try this payment again"
    return errors.precondition(f"You cannot confirm this payment because it has status {payment.status}{hint}")


def _shown(card: Card) -> dict[str, object]:
    """What may be kept of a card: last four, expiry, network."""
    network = next((name for prefix, name in _NETWORKS if card.number.startswith(prefix)), None)
    return {
        "last4": card.number[-4:],
        "card_type": None,
        "card_network": network,
        "card_issuer": None,
        "card_issuing_country": None,
        "card_isin": None,
        "card_extended_bin": None,
        "card_exp_month": f"{card.exp_month:02d}",
        "card_exp_year": str(card.exp_year),
        "card_holder_name": None,
        "payment_checks": None,
        "authentication_data": None,
    }


def _return_url(world: World, payment: Payment) -> str:
    return f"{world.addresses.hyperswitch}/payments/{payment.payment_id}/{MERCHANT_ID}/redirect/complete/{CONNECTOR}"


async def sync(world: World, payment_id: str) -> Payment:
    """Ask the connector how an unfinished payment stands, and store what it says.

    Raises:
        ApiError: unknown payment.
    """
    async with world.provider_pool.connection() as connection:
        payment = await locked(connection, payment_id)
        attempt = await active_attempt(connection, payment)
    if attempt is None or payment.status not in _SYNCED:
        return payment
    connector = Connector(world)
    if attempt.connector_transaction_id is None:
        reply = await connector.find_intent(attempt)
    else:
        reply = await connector.intent(attempt.connector_transaction_id)
    finding = settlement.read_reply(reply)
    if finding is None or (finding.status is AttemptStatus.FAILURE and finding.transaction_id is None):
        # A refusal to show the intent is not a refusal of the payment.
        return payment
    return await apply(world, attempt.attempt_id, finding)


async def apply(world: World, attempt_id: str, finding: settlement.Finding) -> Payment:
    """Store a finding about an attempt, whoever brought it.

    Raises:
        ApiError: unknown attempt.
    """
    async with world.provider_pool.connection() as connection:
        known = await records.find(connection, Attempt, attempt_id)
        if known is None:
            raise errors.not_found("Payment")
        payment = await locked(connection, known.payment_id)
        attempt = await records.find(connection, Attempt, attempt_id)
        if attempt is None:  # pragma: no cover - attempts are never removed
            raise errors.not_found("Payment")
        return await settlement.settle(connection, world, payment, attempt, finding)


async def active_attempt(connection: AsyncConnection[Any], payment: Payment) -> Attempt | None:
    """The attempt a payment is on."""
    if payment.active_attempt_id is None:
        return None
    return await records.find(connection, Attempt, payment.active_attempt_id)


async def locked(connection: AsyncConnection[Any], payment_id: str) -> Payment:
    """A payment, locked until the transaction ends.

    Raises:
        ApiError: unknown payment.
    """
    payment = await records.find(connection, Payment, payment_id, lock=True)
    if payment is None:
        raise errors.not_found("Payment")
    return payment
