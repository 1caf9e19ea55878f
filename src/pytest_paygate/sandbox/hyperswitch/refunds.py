"""Refunds: asked for once by id, carried out by the connector, settled by its answer, a sync or a webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch import answers, attempts, errors, events, records
from pytest_paygate.sandbox.hyperswitch.connector import Connector, Reply, Verdict
from pytest_paygate.sandbox.hyperswitch.fields import integer, merchant_id, record, text
from pytest_paygate.sandbox.hyperswitch.records import Payment, Refund, Status

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

ATTEMPTS_MAX = 10
AGE_SECONDS_MAX = 365 * 24 * 3600
_FIELDS = frozenset(
    (
        "payment_id", "refund_id", "merchant_id", "amount", "reason", "refund_type", "metadata",
        "merchant_connector_details", "split_refunds", "all_keys_required",
    )
)  # fmt: skip
_REFUNDABLE = (Status.SUCCEEDED, Status.PARTIALLY_CAPTURED)
_UNSETTLED = frozenset({Status.PROCESSING})
_LIST_LIMIT = 10
_LIST_LIMIT_MAX = 100
# A refund that has succeeded can still fail; a failed one never comes back.
_ORDER = {"pending": 0, "succeeded": 1, "failed": 2}


async def create(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Refund a payment, wholly or in part.

    Raises:
        ApiError: bad fields, a used refund id, a payment that cannot be refunded, or more than is left of it.
    """
    for name in body:
        if name not in _FIELDS:
            raise errors.not_deserializable(f"unknown field `{name[:64]}`")
    payment_id = text(body, "payment_id", 64)
    if payment_id is None:
        raise errors.missing("payment_id")
    refund_id = merchant_id(body, "refund_id") or world.identifiers.make("ref", 26)
    asked = integer(body, "amount", 1, 2**53)
    now = world.clock.now()
    async with world.provider_pool.connection() as connection:
        # The payment's lock orders concurrent refunds: each sees what the others have taken.
        payment = await attempts.locked(connection, payment_id)
        if await records.find(connection, Refund, refund_id) is not None:
            raise errors.duplicate_refund()
        earlier = await records.select(connection, Refund, "WHERE payment_id = %s", (payment_id,))
        amount = _allowed_amount(payment, earlier, asked, now)
        refund = Refund(
            refund_id=refund_id,
            payment_id=payment_id,
            amount=amount,
            currency=payment.currency,
            status="pending",
            reason=text(body, "reason", 255),
            metadata=record(body, "metadata"),
            connector_refund_id=None,
            error_code=None,
            error_message=None,
            created_at=now,
            updated_at=now,
        )
        if not await records.insert(connection, refund):
            raise errors.duplicate_refund()
    reply = await Connector(world).refund(refund, str(payment.connector_transaction_id))
    return answers.refund_body(await _settled(world, refund_id, reply, refused_is_final=True))


def _allowed_amount(payment: Payment, earlier: list[Refund], asked: int | None, now: float) -> int:
    if payment.status in _UNSETTLED:
        raise errors.unsettled_payment()
    if payment.status not in _REFUNDABLE:
        raise errors.wrong_state("refund", "status", payment.status, tuple(status.value for status in _REFUNDABLE))
    if now - payment.created_at > AGE_SECONDS_MAX:
        raise errors.refund_too_old()
    if len(earlier) >= ATTEMPTS_MAX:
        raise errors.refunds_exhausted()
    left = (payment.amount_received or 0) - sum(refund.amount for refund in earlier if refund.status != "failed")
    amount = payment.amount if asked is None else asked
    if amount > left:
        raise errors.refund_exceeds()
    return amount


async def retrieve(world: World, refund_id: str, *, force_sync: bool) -> dict[str, Any]:
    """A refund as stored, or as the connector has it when a sync is forced.

    Raises:
        ApiError: unknown refund.
    """
    async with world.provider_pool.connection() as connection:
        refund = await records.find(connection, Refund, refund_id)
        if refund is None:
            raise errors.not_found("Refund")
        payment = await records.find(connection, Payment, refund.payment_id)
    if force_sync and refund.status != "failed" and payment is not None:
        reply = await Connector(world).refund_state(refund, str(payment.connector_transaction_id))
        refund = await _settled(world, refund_id, reply, refused_is_final=False)
    return answers.refund_body(refund)


async def update(world: World, refund_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change a refund's reason or metadata.

    Raises:
        ApiError: unknown refund or bad fields.
    """
    changes = {"reason": text(body, "reason", 255), "metadata": record(body, "metadata")}
    async with world.provider_pool.connection() as connection:
        refund = await records.find(connection, Refund, refund_id, lock=True)
        if refund is None:
            raise errors.not_found("Refund")
        given = {name: value for name, value in changes.items() if value is not None}
        refund = await records.change(connection, refund, world.clock.now(), **given)
    return answers.refund_body(refund)


async def listing(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """A RefundListResponse, newest first, narrowed by payment or refund id.

    Raises:
        ApiError: a filter of the wrong type.
    """
    limit = integer(body, "limit", 1, _LIST_LIMIT_MAX)
    offset = integer(body, "offset", 0, 2**31)
    ids = (text(body, "payment_id", 64), text(body, "refund_id", 64))
    async with world.provider_pool.connection() as connection:
        found = await records.select(
            connection,
            Refund,
            "WHERE (%s::text IS NULL OR payment_id = %s) AND (%s::text IS NULL OR refund_id = %s) ORDER BY seq DESC",
            (ids[0], ids[0], ids[1], ids[1]),
        )
    start = offset or 0
    page = found[start : start + (_LIST_LIMIT if limit is None else limit)]
    return {"count": len(page), "total_count": len(found), "data": [answers.refund_body(refund) for refund in page]}


async def apply(world: World, refund_id: str, state: dict[str, Any]) -> Refund:
    """Store what a Stripe refund object says; states only move forward.

    Raises:
        ApiError: unknown refund.
    """
    return await _settled(world, refund_id, Reply(Verdict.OBJECT, state), refused_is_final=False)


async def _settled(world: World, refund_id: str, reply: Reply, *, refused_is_final: bool) -> Refund:
    async with world.provider_pool.connection() as connection:
        refund = await records.find(connection, Refund, refund_id, lock=True)
        if refund is None:
            raise errors.not_found("Refund")
        changes = _changes(refund, reply, refused_is_final=refused_is_final)
        if not changes:
            return refund
        changed = await records.change(connection, refund, world.clock.now(), **changes)
        if changed.status != refund.status:
            await events.refund_changed(connection, world, changed)
        return changed


def _changes(refund: Refund, reply: Reply, *, refused_is_final: bool) -> dict[str, object]:
    if reply.verdict is Verdict.UNKNOWN:
        return {}
    if reply.verdict is Verdict.REFUSED:
        if not refused_is_final or refund.status != "pending":
            return {}
        return {"status": "failed", "error_code": reply.code, "error_message": reply.message}
    stripe_id = str(reply.body.get("id"))
    changes: dict[str, object] = {} if refund.connector_refund_id == stripe_id else {"connector_refund_id": stripe_id}
    status = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}.get(
        str(reply.body.get("status")), "pending"
    )
    if _ORDER[status] > _ORDER[refund.status]:
        changes["status"] = status
    if changes.get("status") == "failed":
        reason = str(reply.body.get("failure_reason") or "unknown")
        changes |= {"error_code": reason, "error_message": f"The processor could not return the money: {reason}"}
    return changes
