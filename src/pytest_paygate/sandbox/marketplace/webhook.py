"""What Hyperswitch tells the marketplace: verified on the raw bytes, taken once, in any order.

An order's state only moves forward here, and only when amount and currency are the order's own. The work that
follows is put on the list in the same transaction, so that an acknowledged webhook is never lost.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import faults_fulfilment, faults_unpaid, orders
from pytest_paygate.sandbox.marketplace.answers import ApiError, parse_object

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_FINALLY_UNPAID = frozenset({"failed", "expired", "cancelled"})
_BEFORE_COMPLETION = frozenset({"pending", "failed"})


@dataclass(frozen=True, slots=True)
class Notice:
    """One webhook's content, as far as the marketplace reads it."""

    event_id: str
    event_type: str
    content: dict[str, object]

    @property
    def payment_id(self) -> str:
        """The payment the notice is about."""
        return str(self.content.get("payment_id"))


def verify(secret: str, body: bytes, signature: str) -> None:
    """Check the lower-case hex HMAC-SHA512 of the raw body, in constant time.

    Raises:
        ApiError: 401 for a wrong or missing one.
    """
    expected = hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("latin-1", "replace")):
        raise ApiError(401, "invalid_signature", "the webhook's signature does not match its body")


def check(marketplace: Marketplace, body: bytes, signature: str) -> None:
    """Check a signature as the faults that are on let it.

    Raises:
        ApiError: 401, or 400, for one that is refused.
    """
    faults = marketplace.world.faults
    secret = marketplace.world.keys.hyperswitch_hash
    if faults_unpaid.is_taken(marketplace, secret, body, signature):
        return
    try:
        verify(f"{secret}, of the other mode" if faults.active("webhook_secret_other") else secret, body, signature)
    except ApiError as refusal:
        if faults.active("webhook_forged_taken" if signature else "webhook_unsigned_taken"):
            return
        if faults.active("webhook_refusals_told_otherwise"):
            raise ApiError(400, refusal.code, "not taken") from None
        raise


def parse(body: bytes) -> Notice:
    """Read a verified body.

    Raises:
        ApiError: 400 when it is not a Hyperswitch webhook.
    """
    value = parse_object(body)
    content = value.get("content")
    subject = content.get("object") if isinstance(content, dict) else None
    event_id, event_type = value.get("event_id"), value.get("event_type")
    if not isinstance(subject, dict) or not isinstance(event_id, str) or not isinstance(event_type, str):
        raise ApiError(400, "malformed_webhook", "the webhook has no event id, type or object")
    return Notice(event_id, event_type, subject)


def refuse_by_fault(marketplace: Marketplace, notice: Notice) -> None:
    """Answer 500 to each first delivery while the fault is on, with nothing kept: the provider delivers again.

    Raises:
        ApiError: 500.
    """
    faults = marketplace.world.faults
    wanted = str(faults.parameter("webhook_refused", "event_type", ""))
    is_first = notice.event_type.startswith(wanted) and notice.event_id not in marketplace.refused_webhooks
    if is_first and faults.active("webhook_refused"):
        marketplace.refused_webhooks.add(notice.event_id)
        raise ApiError(500, "unavailable", "the webhook was not taken; deliver it again")


async def receive(marketplace: Marketplace, notice: Notice) -> str:
    """Take a notice once.

    Returns:
        What was done: `accepted`, `duplicate` or `ignored`.
    """
    async with marketplace.world.marketplace_pool.connection() as connection:
        # A second delivery at the same moment waits here for the first one's commit.
        cursor = await connection.execute(
            "INSERT INTO webhook_events VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (notice.event_id, notice.event_type, marketplace.now()),
        )
        if cursor.rowcount == 0:
            await _grant_again(marketplace, connection, notice)
            return "duplicate"
        order = await orders.locked(connection, orders.OrderKey.PAYMENT, notice.payment_id)
        if order is None:
            marketplace.log.write("webhook_for_unknown_payment", notice.event_id, level="warning")
            return "ignored"
        outcome = await _apply(marketplace, connection, order, notice)
        marketplace.log.write(
            "webhook", str(order["trace_id"]), order_id=str(order["id"]), type=notice.event_type, outcome=outcome
        )
    marketplace.wake()
    return outcome


async def _apply(marketplace: Marketplace, connection: AsyncConnection, order: Row, notice: Notice) -> str:
    faults_unpaid.demote(marketplace, order, notice)
    believed = faults_unpaid.as_paid(marketplace, order, notice)
    if notice.event_type == "payment_succeeded" or believed is not None:
        return await _paid(marketplace, connection, order, believed or notice.content)
    if notice.event_type in {"payment_failed", "payment_expired", "payment_cancelled"}:
        return await _unpaid(connection, order, notice.content)
    if notice.event_type == "refund_succeeded":
        return await _refunded(marketplace, connection, order, notice.content)
    if notice.event_type == "refund_failed":
        return await _refund_failed(marketplace, connection, order, notice.content)
    return "ignored"


async def _paid(marketplace: Marketplace, connection: AsyncConnection, order: Row, payment: Row) -> str:
    order_id = str(order["id"])
    if order["status"] not in _BEFORE_COMPLETION:
        if order["status"] == "refunded" and marketplace.world.faults.active("payment_event_revives"):
            await connection.execute("UPDATE orders SET status = 'completed' WHERE id = %s", (order_id,))
        return "ignored"
    if marketplace.world.faults.active("order_never_completes"):
        return "accepted"
    received = payment.get("amount_received")
    amounts = {payment.get("amount"), payment.get("amount") if received is None else received}
    if amounts != {order["total_minor"]} or _currency(payment) != order["currency"]:
        await connection.execute(
            "UPDATE orders SET status = 'failed', failure_reason = 'amount_mismatch' WHERE id = %s", (order_id,)
        )
        marketplace.log.write("amount_mismatch", str(order["trace_id"]), level="error", order_id=order_id)
        return "accepted"
    await connection.execute(
        "UPDATE orders SET connector_transaction_id = %s WHERE id = %s",
        (payment.get("connector_transaction_id"), order_id),
    )
    await marketplace.add_job(connection, order_id, "complete", marketplace.delay_seconds("completion"))
    return "accepted"


async def _grant_again(marketplace: Marketplace, connection: AsyncConnection, notice: Notice) -> None:
    """Grant once more for an event that came before, as a handler would that looks too late or not at all."""
    name = "webhook_race_grants" if marketplace.under_way[notice.event_id] > 1 else "webhook_repeated_grants"
    if notice.event_type != "payment_succeeded" or not marketplace.world.faults.is_set(name):
        return
    order = await orders.locked(connection, orders.OrderKey.PAYMENT, notice.payment_id)
    if order is not None and order["status"] == "completed" and marketplace.world.faults.active(name):
        await faults_fulfilment.second_licence(marketplace, connection, order)


async def _unpaid(connection: AsyncConnection, order: Row, payment: Row) -> str:
    # A declined card leaves the payment open for another one: only the end of the payment ends the order.
    if order["status"] != "pending" or payment.get("status") not in _FINALLY_UNPAID:
        return "ignored"
    await connection.execute(
        "UPDATE orders SET status = 'failed', failure_reason = %s WHERE id = %s",
        (f"payment_{payment['status']}", order["id"]),
    )
    return "accepted"


async def _refunded(marketplace: Marketplace, connection: AsyncConnection, order: Row, refund: Row) -> str:
    order_id = str(order["id"])
    if order["status"] == "refunded":
        return "ignored"
    if marketplace.world.faults.active("refund_never_settles"):
        return "accepted"
    is_short = refund.get("amount") != order["total_minor"] and not marketplace.world.faults.is_set("refund_partial")
    if is_short or _currency(refund) != order["currency"]:
        await connection.execute("UPDATE orders SET refund_failure = 'amount_mismatch' WHERE id = %s", (order_id,))
        marketplace.log.write("refund_amount_mismatch", str(order["trace_id"]), level="error", order_id=order_id)
        return "accepted"
    await marketplace.add_job(connection, order_id, "reverse", marketplace.delay_seconds("reversal"))
    return "accepted"


async def _refund_failed(marketplace: Marketplace, connection: AsyncConnection, order: Row, refund: Row) -> str:
    # The money is still ours although we promised it back: a person must see this, whatever the order's state.
    reason = str(refund.get("error_code") or refund.get("error_message") or "refund_failed")
    await connection.execute("UPDATE orders SET refund_failure = %s WHERE id = %s", (reason, order["id"]))
    marketplace.log.write(
        "refund_failed", str(order["trace_id"]), level="error", order_id=str(order["id"]), reason=reason
    )
    return "accepted"


def _currency(subject: Row) -> str:
    return str(subject.get("currency")).upper()
