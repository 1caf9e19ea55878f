"""Orders: made once per idempotency key, shown to their buyer only.

Must not move an order forward: that is the webhook's and the worker's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pytest_paygate.sandbox.marketplace.answers import ApiError
from pytest_paygate.sandbox.marketplace.provider import ProviderError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.service import Marketplace

_WRONG_TOTAL_ADDED_MINOR = 50
# Hyperswitch takes a merchant's own payment id only at exactly this length.
PAYMENT_ID_LENGTH = 30

Row = dict[str, object]

_LOCKED = "SELECT o.*, p.title FROM orders o JOIN products p ON p.id = o.product_id WHERE "


class OrderKey(Enum):
    """How an order is looked up to be locked."""

    ID = _LOCKED + "o.id = %s FOR UPDATE OF o"
    ID_OF_BUYER = _LOCKED + "o.id = %s AND o.buyer_id = %s FOR UPDATE OF o"
    IDEMPOTENCY = _LOCKED + "o.buyer_id = %s AND o.idempotency_key = %s FOR UPDATE OF o"
    PAYMENT = _LOCKED + "o.hyperswitch_payment_id = %s FOR UPDATE OF o"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a buyer asks for, and under which keys."""

    buyer_id: str
    product_id: str
    idempotency_key: str
    trace_id: str


async def create(marketplace: Marketplace, wanted: OrderRequest) -> Row:
    """Make an order with a hosted payment, or return the one made before under the same key.

    Returns:
        The order as the API shows it.

    Raises:
        ApiError: 404 unknown product; 409 the key belongs to another product's order; 502 no payment could be opened
            (the same key may be sent again).
    """
    async with marketplace.world.marketplace_pool.connection() as connection:
        # Committed before the provider is asked: whatever happens then, the payment's id is known here.
        await _insert(marketplace, connection, wanted)
        await connection.commit()
        order = await locked(connection, OrderKey.IDEMPOTENCY, wanted.buyer_id, wanted.idempotency_key)
        if order is None or order["product_id"] != wanted.product_id:
            raise ApiError(409, "idempotency_key_reused", "this Idempotency-Key was used for another product")
        if order["payment_url"] is None and order["status"] == "pending":
            order["payment_url"] = await _open_payment(marketplace, connection, order, wanted.trace_id)
    shown = _told(marketplace, order)
    if marketplace.world.faults.active("order_without_payment_url"):
        shown["payment_url"] = None
    return shown


async def show(marketplace: Marketplace, buyer_id: str, order_id: str) -> Row:
    """One order of this buyer.

    Raises:
        ApiError: 404 when there is none, or it is another buyer's.
    """
    async with (
        marketplace.world.marketplace_pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute("SELECT * FROM orders WHERE id = %s AND buyer_id = %s", (order_id, buyer_id))
        order = await cursor.fetchone()
    if order is None:
        raise ApiError(404, "order_not_found", "there is no such order")
    return _told(marketplace, order)


async def licences(marketplace: Marketplace, buyer_id: str) -> list[Row]:
    """The licences this buyer holds now."""
    async with (
        marketplace.world.marketplace_pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute(
            "SELECT id AS license_id, order_id, type, rights FROM licenses"
            " WHERE buyer_id = %s AND revoked_at IS NULL ORDER BY issued_at, id",
            (buyer_id,),
        )
        return await cursor.fetchall()


async def locked(connection: AsyncConnection, key: OrderKey, *values: str) -> Row | None:
    """Read one order and hold its row until the caller's transaction ends."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(key.value, values)
        return await cursor.fetchone()


def public(order: Row) -> Row:
    """The fields of an order its buyer may see."""
    shown: Row = {
        "order_id": order["id"],
        **{
            name: order[name]
            for name in (
                "status",
                "product_id",
                "hyperswitch_payment_id",
                "payment_url",
                "total_minor",
                "tax_minor",
                "currency",
                "refund_id",
            )
        },
    }
    for name in ("created_at", "completed_at", "refunded_at"):
        moment = order[name]
        shown[name] = moment if moment is None else moment.isoformat()  # type: ignore[attr-defined]  # a timestamptz column
    return shown


def _told(marketplace: Marketplace, order: Row) -> Row:
    shown = public(order)
    if not marketplace.world.faults.active("order_told_otherwise"):
        return shown
    net = int(str(order["total_minor"])) - int(str(order["tax_minor"]))
    more: Row = {"net_minor": net, "amount": f"{net / 100:.2f}", "display_currency": str(order["currency"]).lower()}
    return {**more, **dict(reversed(list(shown.items())))}


def included_tax_minor(total_minor: int, tax_rate: Decimal) -> int:
    """The tax contained in a gross price, in minor units, rounded half up."""
    return int((total_minor * tax_rate / (1 + tax_rate)).quantize(Decimal(1), ROUND_HALF_UP))


def metadata(order: Row, trace_id: str) -> dict[str, str]:
    """What every object at the provider carries so that it can be found again."""
    return {"trace_id": trace_id, "order_id": str(order["id"])}


async def _insert(marketplace: Marketplace, connection: AsyncConnection, wanted: OrderRequest) -> None:
    cursor = await connection.execute(
        "SELECT price_minor, currency, tax_rate FROM products WHERE id = %s", (wanted.product_id,)
    )
    product = await cursor.fetchone()
    if product is None:
        raise ApiError(404, "product_not_found", "there is no such product")
    total_minor, currency, tax_rate = product
    faults, make = marketplace.world.faults, marketplace.world.identifiers
    if faults.active("order_total_wrong"):
        total_minor += int(str(faults.parameter("order_total_wrong", "added_minor", _WRONG_TOTAL_ADDED_MINOR)))
    if faults.active("earlier_order"):
        await _insert_earlier(marketplace, connection, wanted)
    await connection.execute(
        "INSERT INTO orders (id, buyer_id, product_id, idempotency_key, trace_id, total_minor, tax_minor, currency,"
        " hyperswitch_payment_id, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (buyer_id, idempotency_key) DO NOTHING",
        (
            make.make("ord", 20),
            wanted.buyer_id,
            wanted.product_id,
            wanted.idempotency_key,
            wanted.trace_id,
            total_minor,
            included_tax_minor(total_minor, tax_rate),
            currency,
            make.make("pay", PAYMENT_ID_LENGTH - len("pay_")),
            marketplace.now(),
        ),
    )


async def _insert_earlier(marketplace: Marketplace, connection: AsyncConnection, wanted: OrderRequest) -> None:
    """Give the buyer a completed order of last month, with a licence and a transfer of other amounts."""
    make, now = marketplace.world.identifiers.make, marketplace.now()
    order_id, then = make("ord", 20), now - timedelta(days=30)
    await connection.execute(
        "INSERT INTO orders (id, buyer_id, product_id, idempotency_key, trace_id, status, total_minor, tax_minor,"
        " currency, hyperswitch_payment_id, created_at, completed_at)"
        " SELECT %s, %s, id, %s, %s, 'completed', 700, 117, currency, %s, %s, %s FROM products WHERE id = %s",
        (order_id, wanted.buyer_id, order_id, order_id, make("pay", 26), then, then, wanted.product_id),
    )
    await connection.execute(
        "INSERT INTO licenses (id, order_id, buyer_id, type, rights, issued_at)"
        " SELECT %s, %s, %s, 'extended', licence_rights, %s FROM products WHERE id = %s",
        (make("lic", 20), order_id, wanted.buyer_id, then, wanted.product_id),
    )
    await connection.execute(
        "INSERT INTO seller_transfers SELECT %s, id, 630, currency, %s, 'paid', %s FROM orders WHERE id = %s",
        (make("str", 20), make("tr", 24), then, order_id),
    )


async def _open_payment(marketplace: Marketplace, connection: AsyncConnection, order: Row, trace_id: str) -> str:
    payment_id = str(order["hyperswitch_payment_id"])
    try:
        payment = await marketplace.provider.create_payment(
            payment_id,
            int(str(order["total_minor"])),
            str(order["currency"]),
            str(order["title"]),
            metadata(order, trace_id),
        )
    except ProviderError as failure:
        marketplace.log.write(
            "payment_not_opened", trace_id, level="error", order_id=str(order["id"]), error=str(failure)
        )
        raise ApiError(502, "payment_unavailable", "no payment could be opened; the order may be sent again") from None
    link = payment.get("payment_link")
    if not isinstance(link, dict) or not isinstance(link.get("link"), str):
        raise ApiError(502, "payment_unavailable", "the payment has no page; the order may be sent again")
    url = str(link["link"])
    await connection.execute("UPDATE orders SET payment_url = %s WHERE id = %s", (url, order["id"]))
    marketplace.log.write("order_created", trace_id, order_id=str(order["id"]), payment_id=payment_id)
    return url
