"""The payments API: create, retrieve, update, capture, cancel, list. Confirming is in `attempts`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch import answers, attempts, errors, expiry, records, settlement
from pytest_paygate.sandbox.hyperswitch.connector import Connector
from pytest_paygate.sandbox.hyperswitch.fields import PaymentRequest, integer, text
from pytest_paygate.sandbox.hyperswitch.records import Attempt, AttemptStatus, Payment, Refund, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.sandbox.world import World

_ID_LENGTH = 26
_LIST_LIMIT = 10
_LIST_LIMIT_MAX = 100
_CANCELLABLE = frozenset({Status.REQUIRES_PAYMENT_METHOD, Status.REQUIRES_CUSTOMER_ACTION, Status.REQUIRES_CAPTURE})
_TIME_FILTERS = {"created": "=", "created_lt": "<", "created_gt": ">", "created_lte": "<=", "created_gte": ">="}


async def create(world: World, sent: PaymentRequest) -> dict[str, Any]:
    """Create a payment, and confirm it when asked to.

    Raises:
        ApiError: a missing field, a used payment id, or a combination that makes no sense.
    """
    if sent.amount is None:
        raise errors.missing("amount")
    if sent.currency is None:
        raise errors.missing("currency")
    if sent.confirm and sent.payment_link:
        raise errors.invalid_data("cannot confirm a payment while creating a payment link")
    if sent.confirm and sent.card is None:
        raise errors.missing("payment_method_data")
    if sent.card is not None and not sent.confirm:
        raise errors.not_emulated("Keeping a card for a later confirmation")
    payment = _new(world, sent, sent.amount, sent.currency)
    async with world.provider_pool.connection() as connection:
        if not await records.insert(connection, payment):
            raise errors.duplicate_payment()
    expiry.wake(world)
    if sent.confirm:
        payment = await attempts.confirm(world, payment.payment_id, sent.card)
    return answers.payment_body(world, payment)


def _new(world: World, sent: PaymentRequest, amount: int, currency: str) -> Payment:
    now = world.clock.now()
    payment_id = sent.payment_id or world.identifiers.make("pay", _ID_LENGTH)
    return Payment(
        payment_id=payment_id,
        status=Status.REQUIRES_PAYMENT_METHOD,
        amount=amount,
        currency=currency,
        capture_method=sent.capture_method or "automatic",
        authentication_type=sent.authentication_type or "no_three_ds",
        metadata=sent.metadata,
        description=sent.description,
        return_url=sent.return_url,
        customer_id=sent.customer_id,
        email=sent.email,
        merchant_order_reference_id=sent.merchant_order_reference_id,
        client_secret=f"{payment_id}_secret_{world.identifiers.token(20)}",
        payment_link_id=world.identifiers.make("plink", 20) if sent.payment_link else None,
        session_expires_at=now + sent.session_expiry_seconds,
        attempt_count=0,
        active_attempt_id=None,
        connector_transaction_id=None,
        amount_received=None,
        amount_capturable=amount,
        card=None,
        error_code=None,
        error_message=None,
        redirect_url=None,
        cancellation_reason=None,
        created_at=now,
        modified_at=now,
    )


async def current(world: World, payment_id: str) -> Payment:
    """A payment as stored, expired first if its session is over.

    Raises:
        ApiError: unknown payment.
    """
    async with world.provider_pool.connection() as connection:
        payment = await attempts.locked(connection, payment_id)
        return await settlement.expire_if_due(connection, world, payment)


async def retrieve(world: World, payment_id: str, *, force_sync: bool, expand_attempts: bool) -> dict[str, Any]:
    """A payment as stored, or as the connector has it when a sync is forced.

    Raises:
        ApiError: unknown payment.
    """
    payment = await current(world, payment_id)
    if force_sync:
        payment = await attempts.sync(world, payment_id)
    async with world.provider_pool.connection() as connection:
        refunds = await records.select(connection, Refund, "WHERE payment_id = %s ORDER BY seq", (payment_id,))
        tried = None
        if expand_attempts:
            tried = await records.select(connection, Attempt, "WHERE payment_id = %s ORDER BY number", (payment_id,))
    return answers.payment_body(world, payment, refunds, tried)


async def update(world: World, payment_id: str, sent: PaymentRequest) -> dict[str, Any]:
    """Change an unpaid payment, and confirm it when asked to.

    Raises:
        ApiError: unknown payment or a state past changing.
    """
    await current(world, payment_id)
    async with world.provider_pool.connection() as connection:
        payment = await attempts.locked(connection, payment_id)
        if payment.status != Status.REQUIRES_PAYMENT_METHOD:
            raise errors.precondition(f"You cannot update this payment because it has status {payment.status}")
        names = (
            "amount",
            "currency",
            "metadata",
            "description",
            "return_url",
            "customer_id",
            "email",
            "capture_method",
        )
        changes = {name: getattr(sent, name) for name in names if getattr(sent, name) is not None}
        if sent.amount is not None:
            changes["amount_capturable"] = sent.amount
        payment = await records.change(connection, payment, world.clock.now(), **changes)
    if sent.confirm:
        payment = await attempts.confirm(world, payment_id, sent.card)
    return answers.payment_body(world, payment)


async def confirm(world: World, payment_id: str, sent: PaymentRequest) -> dict[str, Any]:
    """Confirm a payment with the card in the body.

    Raises:
        ApiError: unknown payment, a foreign client secret, or a state past confirming.
    """
    payment = await current(world, payment_id)
    if sent.client_secret is not None and sent.client_secret != payment.client_secret:
        text_of_refusal = "The client_secret provided does not match the client_secret associated with the Payment"
        raise errors.ApiError(400, "invalid_request", "IR_09", text_of_refusal)
    confirmed = await attempts.confirm(world, payment_id, sent.card, manual_retry=sent.manual_retry)
    return answers.payment_body(world, confirmed)


async def capture(world: World, payment_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Capture an authorised payment, wholly or in part.

    Raises:
        ApiError: unknown payment, another state, or more than was authorised.
    """
    asked = integer(body, "amount_to_capture", 1, 2**53)
    async with world.provider_pool.connection() as connection:
        payment = await attempts.locked(connection, payment_id)
        attempt = await attempts.active_attempt(connection, payment)
        if payment.status != Status.REQUIRES_CAPTURE or attempt is None:
            raise errors.wrong_state("captured", "payment.status", payment.status, ("requires_capture",))
        amount = payment.amount_capturable if asked is None else asked
        if amount > payment.amount_capturable:
            raise errors.invalid_data("amount_to_capture is greater than amount")
        await records.change(connection, payment, world.clock.now(), status=Status.PROCESSING)
    finding = settlement.read_reply(await Connector(world).capture(attempt, amount))
    if finding is not None and finding.status is AttemptStatus.FAILURE:
        # The connector would not capture: the authorisation still stands, and what it was is told.
        finding = replace(
            finding,
            status=AttemptStatus.AUTHORIZED,
            amount_capturable=payment.amount_capturable,
            transaction_id=attempt.connector_transaction_id,
        )
    if finding is None:
        return answers.payment_body(world, await current(world, payment_id))
    return answers.payment_body(world, await attempts.apply(world, attempt.attempt_id, finding))


async def cancel(world: World, payment_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Cancel a payment that has not been captured; one at the connector is cancelled there.

    Raises:
        ApiError: unknown payment or a state past cancelling.
    """
    reason = text(body, "cancellation_reason", 255)
    await current(world, payment_id)
    async with world.provider_pool.connection() as connection:
        payment = await attempts.locked(connection, payment_id)
        if payment.status not in _CANCELLABLE:
            raise errors.precondition(f"You cannot cancel this payment because it has status {payment.status}")
        attempt = await attempts.active_attempt(connection, payment)
        held = attempt is not None and attempt.status in {
            AttemptStatus.AUTHORIZED,
            AttemptStatus.AUTHENTICATION_PENDING,
        }
        if attempt is None or not held:
            return answers.payment_body(world, await settlement.cancelled(connection, world, payment, reason))
    finding = settlement.read_reply(await Connector(world).cancel(attempt, reason))
    if finding is None or finding.status is AttemptStatus.FAILURE:
        # Refused or unanswered: what the connector has is what counts.
        return answers.payment_body(world, await attempts.sync(world, payment_id))
    payment = await attempts.apply(world, attempt.attempt_id, finding)
    if payment.status == Status.CANCELLED and reason is not None:
        async with world.provider_pool.connection() as connection:
            payment = await records.change(connection, payment, world.clock.now(), cancellation_reason=reason)
    return answers.payment_body(world, payment)


async def listing(world: World, query: Mapping[str, str]) -> dict[str, Any]:
    """A PaymentListResponse, newest first.

    Raises:
        ApiError: a filter that cannot be read.
    """
    conditions: dict[str, object] = {}
    for name, operator in _TIME_FILTERS.items():
        if name in query:
            conditions[f"created_at {operator} %s"] = _seconds(name, query[name])
    if "customer_id" in query:
        conditions["customer_id = %s"] = query["customer_id"].replace("\x00", "")
    seq_of = "(SELECT seq FROM hyperswitch.payments WHERE payment_id = %s)"
    if "starting_after" in query:
        conditions[f"seq < {seq_of}"] = query["starting_after"].replace("\x00", "")
    if "ending_before" in query:
        conditions[f"seq > {seq_of}"] = query["ending_before"].replace("\x00", "")
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    limit = _limit(query.get("limit"))
    async with world.provider_pool.connection() as connection:
        found = await records.select(
            connection, Payment, f"{where}ORDER BY seq DESC LIMIT %s", (*conditions.values(), limit)
        )
    return {"size": len(found), "data": [answers.payment_body(world, payment) for payment in found]}


def _limit(given: str | None) -> int:
    if given is None:
        return _LIST_LIMIT
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= _LIST_LIMIT_MAX):
        raise errors.invalid_data(f"limit should be in between 1 and {_LIST_LIMIT_MAX}")
    return int(given[:9])


def _seconds(name: str, given: str) -> float:
    try:
        when = datetime.fromisoformat(given)
        return when.timestamp() if when.tzinfo else when.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise errors.bad_format(name, "an ISO 8601 date and time") from None
