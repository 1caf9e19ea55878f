"""What follows a payment or a refund: completion, licence, seller transfer, and their reversal.

Each act may run again after a failure: it looks at what is done already, and calls at Stripe carry a key of the order.
An order becomes `completed` together with its licence and its transfer; when Stripe does not take the transfer, the
buyer does not wait for it: the order completes and the transfer is made later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import faults_fulfilment, faults_money, orders, refunds
from pytest_paygate.sandbox.marketplace.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

PLATFORM_FEE_PERCENT = 10


def seller_share_minor(total_minor: int) -> int:
    """What the seller gets of a gross price, in minor units; the platform's fee is rounded down."""
    return total_minor - total_minor * PLATFORM_FEE_PERCENT // 100


async def complete(marketplace: Marketplace, order_id: str) -> None:
    """Complete a paid order: licence, seller transfer, status."""
    order = await _read(marketplace, order_id)
    if order["status"] not in {"pending", "failed"}:
        return
    transfer_id: str | None = None
    retry, later_seconds = False, 0.0
    if marketplace.world.faults.active("transfer_id_null"):
        seconds = marketplace.world.faults.seconds("transfer_id_null")
        retry, later_seconds = seconds is not None, seconds or 0.0
    else:
        try:
            transfer_id = await _transfer(marketplace, order)
        except ProviderError as failure:
            retry = True
            marketplace.log.write(
                "transfer_failed", str(order["trace_id"]), level="error", order_id=order_id, error=str(failure)
            )
    async with marketplace.world.marketplace_pool.connection() as connection:
        await _issue_licence(marketplace, connection, order)
        await _record_transfer(marketplace, connection, order, transfer_id)
        await connection.execute(
            "UPDATE orders SET status = 'completed', completed_at = %s, failure_reason = NULL"
            " WHERE id = %s AND status IN ('pending', 'failed')",
            (marketplace.now(), order_id),
        )
        if retry:
            await marketplace.add_job(connection, order_id, "transfer", later_seconds)
    told = faults_money.told_of_completion(marketplace, order)
    for word in faults_money.words_of_completion(marketplace):
        marketplace.log.write(word, str(order["trace_id"]), level="info", transfer_id=transfer_id, **told)


async def transfer(marketplace: Marketplace, order_id: str) -> None:
    """Make a seller transfer that Stripe did not take at completion.

    Raises:
        ProviderError: when Stripe still does not take it.
    """
    order = await _read(marketplace, order_id)
    if order["status"] == "refunded":
        return
    transfer_id = await _transfer(marketplace, order)
    async with marketplace.world.marketplace_pool.connection() as connection:
        await connection.execute(
            "UPDATE seller_transfers SET stripe_transfer_id = %s, status = 'paid' WHERE order_id = %s"
            " AND status = 'pending'",
            (transfer_id, order_id),
        )


async def send_refund(marketplace: Marketplace, order_id: str) -> None:
    """Ask again for a refund whose first request had no clear answer.

    Raises:
        ProviderError: when the provider does not take it this time either.
    """
    order = await _read(marketplace, order_id)
    if order["status"] == "refund_pending":
        await refunds.send(marketplace, order, str(order["trace_id"]))


async def reverse(marketplace: Marketplace, order_id: str) -> None:
    """Finish a refund: licence withdrawn, seller transfer reversed, status."""
    order = await _read(marketplace, order_id)
    if order["status"] == "refunded":
        return
    retry, later_seconds = False, 0.0
    try:
        if marketplace.world.faults.active("transfer_not_reversed"):
            seconds = marketplace.world.faults.seconds("transfer_not_reversed")
            retry, later_seconds = seconds is not None, seconds or 0.0
        else:
            await _reverse_transfer(marketplace, order)
    except ProviderError as failure:
        retry = True
        marketplace.log.write(
            "transfer_not_reversed", str(order["trace_id"]), level="error", order_id=order_id, error=str(failure)
        )
    async with marketplace.world.marketplace_pool.connection() as connection:
        if not marketplace.world.faults.active("licence_kept_after_refund"):
            await _revoke(marketplace, connection, order_id)
        elif (kept_seconds := marketplace.world.faults.seconds("licence_kept_after_refund")) is not None:
            await marketplace.add_job(connection, order_id, "revoke", kept_seconds)
        await connection.execute(
            "UPDATE orders SET status = 'refunded', refunded_at = %s WHERE id = %s", (marketplace.now(), order_id)
        )
        if retry:
            await marketplace.add_job(connection, order_id, "reverse_transfer", later_seconds)
        elif not marketplace.world.faults.active("transfer_row_stays_paid"):
            await _mark_reversed(connection, order_id)
    marketplace.log.write("order_refunded", str(order["trace_id"]), order_id=order_id)


async def revoke(marketplace: Marketplace, order_id: str) -> None:
    """Withdraw a licence that outlived its order's refund."""
    async with marketplace.world.marketplace_pool.connection() as connection:
        await _revoke(marketplace, connection, order_id)


async def _revoke(marketplace: Marketplace, connection: AsyncConnection, order_id: str) -> None:
    await connection.execute("UPDATE licenses SET revoked_at = %s WHERE order_id = %s", (marketplace.now(), order_id))
    await faults_money.revoke_others(marketplace, connection, order_id)


async def reverse_transfer(marketplace: Marketplace, order_id: str) -> None:
    """Take back a seller transfer that Stripe did not reverse with the refund.

    Raises:
        ProviderError: when Stripe still does not reverse it.
    """
    await _reverse_transfer(marketplace, await _read(marketplace, order_id))
    async with marketplace.world.marketplace_pool.connection() as connection:
        await _mark_reversed(connection, order_id)


ACTS: dict[str, Callable[[Marketplace, str], Awaitable[None]]] = {
    "complete": complete,
    "transfer": transfer,
    "send_refund": send_refund,
    "reverse": reverse,
    "reverse_transfer": reverse_transfer,
    "revoke": revoke,
}


async def _read(marketplace: Marketplace, order_id: str) -> Row:
    async with marketplace.world.marketplace_pool.connection() as connection:
        order = await orders.locked(connection, orders.OrderKey.ID, order_id)
    if order is None:
        message = f"work for an order that does not exist: {order_id}"
        raise RuntimeError(message)
    return order


async def _transfer(marketplace: Marketplace, order: Row) -> str:
    _reachable(marketplace, "POST /v1/transfers")
    charge = await marketplace.provider.charge_of(str(order["connector_transaction_id"]))
    order_id, trace_id = str(order["id"]), str(order["trace_id"])
    return await marketplace.provider.create_transfer(
        f"transfer-{order_id}",
        {
            "amount": str(seller_share_minor(int(str(order["total_minor"])))),
            "currency": str(order["currency"]).lower(),
            "destination": marketplace.world.seller_account_id,
            "source_transaction": charge,
            "transfer_group": order_id,
            "metadata[order_id]": order_id,
            "metadata[trace_id]": trace_id,
        },
    )


async def _reverse_transfer(marketplace: Marketplace, order: Row) -> None:
    order_id = str(order["id"])
    async with marketplace.world.marketplace_pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT stripe_transfer_id FROM seller_transfers WHERE order_id = %s AND status = 'paid'", (order_id,)
        )
        row = await cursor.fetchone()
    if row is not None and row[0] is not None:
        _reachable(marketplace, "POST /v1/transfers/…/reversals")
        fields = {"metadata[order_id]": order_id, "metadata[trace_id]": str(order["trace_id"])}
        await marketplace.provider.reverse_transfer(f"reversal-{order_id}", row[0], fields)


def _reachable(marketplace: Marketplace, call: str) -> None:
    if marketplace.world.faults.active("transfer_unavailable"):
        raise ProviderError(call, None, None)


async def _mark_reversed(connection: AsyncConnection, order_id: str) -> None:
    await connection.execute("UPDATE seller_transfers SET status = 'reversed' WHERE order_id = %s", (order_id,))


async def _issue_licence(marketplace: Marketplace, connection: AsyncConnection, order: Row) -> None:
    faults = marketplace.world.faults
    if faults.active("licence_missing"):
        return
    await connection.execute(
        "INSERT INTO licenses (id, order_id, buyer_id, type, rights, issued_at)"
        " SELECT %s, %s, %s, CASE WHEN %s THEN 'extended' ELSE licence_type END, licence_rights[%s:], %s"
        " FROM products WHERE id = %s ON CONFLICT (order_id, copy) DO NOTHING",
        (
            marketplace.world.identifiers.make("lic", 20),
            order["id"],
            faults_fulfilment.OTHER_BUYER if faults.active("licence_of_other_buyer") else order["buyer_id"],
            faults.active("licence_type_wrong"),
            2 if faults.active("licence_rights_wrong") else 1,
            marketplace.now(),
            order["product_id"],
        ),
    )
    await faults_fulfilment.more_licences(marketplace, connection, order)


async def _record_transfer(
    marketplace: Marketplace, connection: AsyncConnection, order: Row, transfer_id: str | None
) -> None:
    amount_minor = seller_share_minor(int(str(order["total_minor"])))
    if marketplace.world.faults.active("transfer_amount_wrong"):
        amount_minor -= 1
    if transfer_id is not None and marketplace.world.faults.active("transfer_id_unknown"):
        transfer_id = marketplace.world.identifiers.make("tr", 24)
    await connection.execute(
        "INSERT INTO seller_transfers VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (order_id) DO NOTHING",
        (
            marketplace.world.identifiers.make("str", 20),
            order["id"],
            amount_minor,
            faults_money.currency(marketplace, order["currency"]),
            transfer_id,
            "pending" if transfer_id is None else "paid",
            marketplace.now(),
        ),
    )
