"""Refunds: accepted once per completed order, written down before the provider is asked.

The order is refunded only when the provider's webhook says so; this module ends at `refund_pending`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import orders
from pytest_paygate.sandbox.marketplace.answers import ApiError
from pytest_paygate.sandbox.marketplace.provider import ProviderError

if TYPE_CHECKING:
    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_REFUND_ID_LENGTH = 30


async def request(marketplace: Marketplace, buyer_id: str, order_id: str, reason: str, trace_id: str) -> Row:
    """Accept a buyer's refund and ask the provider for it.

    Returns:
        `refund_id` and the order's `status`.

    Raises:
        ApiError: 404 unknown order; 409 not completed; 422 or 502 when the provider refuses.
    """
    order, to_send = await _accept(marketplace, buyer_id, order_id, reason)
    if not to_send:
        return {"refund_id": order["refund_id"], "status": "refund_pending"}
    try:
        if marketplace.world.faults.active("refund_not_sent"):
            await _send_later(marketplace, order_id)
        else:
            await send(marketplace, order, trace_id)
    except ProviderError as failure:
        marketplace.log.write("refund_not_taken", trace_id, level="error", order_id=order_id, error=str(failure))
        if failure.final:
            await _take_back(marketplace, order_id, str(failure))
            raise ApiError(502, "refund_refused", "the payment provider refused the refund") from None
        # Nobody knows whether the provider took it: the worker asks again, under the same refund id.
        async with marketplace.world.marketplace_pool.connection() as connection:
            await marketplace.add_job(connection, order_id, "send_refund")
        marketplace.wake()
    if marketplace.world.faults.active("refund_of_nobody"):
        order["refund_id"] = marketplace.world.identifiers.make("ref", _REFUND_ID_LENGTH - len("ref_"))
    marketplace.log.write("refund_requested", trace_id, order_id=order_id, refund_id=str(order["refund_id"]))
    return {"refund_id": order["refund_id"], "status": "refund_pending"}


async def send(marketplace: Marketplace, order: Row, trace_id: str) -> None:
    """Ask the provider for the whole amount back.

    Raises:
        ProviderError: when it refuses or does not answer.
    """
    await marketplace.provider.create_refund(
        str(order["refund_id"]),
        str(order["hyperswitch_payment_id"]),
        _refunded_minor(marketplace, int(str(order["total_minor"]))),
        orders.metadata(order, trace_id),
    )


def _refunded_minor(marketplace: Marketplace, total_minor: int) -> int:
    faults = marketplace.world.faults
    if not faults.active("refund_partial"):
        return total_minor
    return total_minor - int(str(faults.parameter("refund_partial", "short_minor", 1)))


async def _send_later(marketplace: Marketplace, order_id: str) -> None:
    seconds = marketplace.world.faults.seconds("refund_not_sent")
    if seconds is None:
        return
    async with marketplace.world.marketplace_pool.connection() as connection:
        await marketplace.add_job(connection, order_id, "send_refund", seconds)
    marketplace.wake()


async def _accept(marketplace: Marketplace, buyer_id: str, order_id: str, reason: str) -> tuple[Row, bool]:
    """The order, and whether its refund is to be sent."""
    faults = marketplace.world.faults
    async with marketplace.world.marketplace_pool.connection() as connection:
        order = await orders.locked(connection, orders.OrderKey.ID_OF_BUYER, order_id, buyer_id)
        if order is None:
            raise ApiError(404, "order_not_found", "there is no such order")
        failed_before = order["status"] == "refund_pending" and order["refund_failure"] is not None
        if order["status"] == "pending" and faults.active("pending_order_refunded"):
            return {**order, "refund_id": marketplace.world.identifiers.make("ref", 26)}, False
        if order["status"] == "refunded" and faults.active("refund_accepted_twice"):
            return order, False
        if order["status"] != "completed" and not failed_before:
            raise ApiError(409, "order_not_refundable", f"the order is {order['status']}, not completed")
        if marketplace.world.faults.active("refund_refused"):
            raise ApiError(422, "refund_refused", "refunds are not available")
        order["refund_id"] = marketplace.world.identifiers.make("ref", _REFUND_ID_LENGTH - len("ref_"))
        await connection.execute(
            "UPDATE orders SET status = 'refund_pending', refund_id = %s, refund_reason = %s, refund_failure = NULL"
            " WHERE id = %s",
            (order["refund_id"], reason, order_id),
        )
    return order, True


async def _take_back(marketplace: Marketplace, order_id: str, failure: str) -> None:
    # The provider has definitely refused, nobody has seen `refund_pending` confirmed: the order stays completed.
    async with marketplace.world.marketplace_pool.connection() as connection:
        await connection.execute(
            "UPDATE orders SET status = 'completed', refund_id = NULL, refund_failure = %s WHERE id = %s"
            " AND status = 'refund_pending'",
            (failure, order_id),
        )
