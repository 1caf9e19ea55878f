"""Orders: made once per idempotency key, shown to their buyer only.

Must not move an order forward: that is the webhook's and the worker's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pytest_paygate.sandbox.marketplace import faults_money, faults_unpaid
from pytest_paygate.sandbox.marketplace.answers import ApiError
from pytest_paygate.sandbox.marketplace.provider import ProviderError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.service import Marketplace

_WRONG_TOTAL_ADDED_MINOR = 50
DEARER_BY_MINOR = 50
TEST_PRODUCT_ID = "prod_test_licence"
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
    # Believed only while a fault says so: prices are the catalogue's.
    price_minor: int | None = None


async def create(marketplace: Marketplace, wanted: OrderRequest) -> tuple[Row, bool]:
    """Make an order with a hosted payment, or return the one made before under the same key.

    Returns:
        The order as the API shows it, and whether it is new.

    Raises:
        ApiError: 404 unknown product; 409 the key belongs to another product's order; 502 no payment could be opened
            (the same key may be sent again).
    """
    with marketplace.delivering(wanted.idempotency_key):
        return await _create(marketplace, await faults_unpaid.raced(marketplace, wanted))


async def _create(marketplace: Marketplace, wanted: OrderRequest) -> tuple[Row, bool]:
    faults, make = marketplace.world.faults, marketplace.world.identifiers
    async with marketplace.world.marketplace_pool.connection() as connection:
        wanted = await faults_unpaid.kept(marketplace, connection, wanted)
        if faults.is_set("order_key_ignored") and await _is_repeated(connection, wanted):
            faults.active("order_key_ignored")
            wanted = replace(wanted, idempotency_key=make.make("key", 40))
        if faults.is_set("order_product_unknown") and not await _is_sold(connection, wanted.product_id):
            faults.active("order_product_unknown")
            wanted = replace(wanted, product_id=TEST_PRODUCT_ID)
        # Committed before the provider is asked: whatever happens then, the payment's id is known here.
        is_new = await _insert(marketplace, connection, wanted)
        await connection.commit()
        order = await locked(connection, OrderKey.IDEMPOTENCY, wanted.buyer_id, wanted.idempotency_key)
        is_other = order is None or order["product_id"] != wanted.product_id
        if order is None or (is_other and not faults.active("order_key_taken_for_another")):
            raise ApiError(409, "idempotency_key_reused", "this Idempotency-Key was used for another product")
        if order["payment_url"] is None and order["status"] == "pending":
            order["payment_url"] = await _open_payment(marketplace, connection, order, wanted.trace_id)
        if is_new:
            await faults_unpaid.given_at_once(marketplace, connection, order)
        elif faults.active("replay_opens_second"):
            await _open_another(marketplace, order, wanted.trace_id)
    marketplace.wake()
    shown = _told(marketplace, order)
    shown["payment_url"] = faults_money.page(marketplace, shown["payment_url"])
    if marketplace.world.faults.active("order_without_payment_url"):
        shown["payment_url"] = None
    if faults.active("order_called_completed"):
        shown["status"] = "completed"
    return shown, is_new


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
    return faults_money.later(marketplace, _told(marketplace, order))


async def licences(marketplace: Marketplace, buyer_id: str) -> list[Row]:
    """The licences this buyer holds now."""
    async with (
        marketplace.world.marketplace_pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute(
            "SELECT l.id AS license_id, order_id, type, rights FROM licenses l JOIN orders o ON o.id = l.order_id"
            " WHERE (l.buyer_id = %s OR o.buyer_id = %s AND %s) AND (revoked_at IS NULL OR %s)"
            " ORDER BY issued_at, l.id",
            # With the fault on, the list goes by the order's buyer, and hides whose the licence is.
            (
                buyer_id,
                buyer_id,
                marketplace.world.faults.is_set("licence_of_other_buyer"),
                faults_money.revoked_are_listed(marketplace),
            ),
        )
        found = await cursor.fetchall()
        await faults_money.note_revoked(marketplace, connection)
    if not marketplace.world.faults.active("licence_told_otherwise"):
        return found
    return [{"seats": 1, "label": "extended", **one, "rights": list(reversed(one["rights"]))} for one in found]


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
    shown["currency"] = faults_money.currency(marketplace, order["currency"])
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


async def _is_repeated(connection: AsyncConnection, wanted: OrderRequest) -> bool:
    cursor = await connection.execute(
        "SELECT 1 FROM orders WHERE buyer_id = %s AND idempotency_key = %s AND product_id = %s",
        (wanted.buyer_id, wanted.idempotency_key, wanted.product_id),
    )
    return await cursor.fetchone() is not None


async def _is_sold(connection: AsyncConnection, product_id: str) -> bool:
    cursor = await connection.execute("SELECT 1 FROM products WHERE id = %s", (product_id,))
    return await cursor.fetchone() is not None


async def _insert(marketplace: Marketplace, connection: AsyncConnection, wanted: OrderRequest) -> bool:
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
    if faults.active("product_dearer"):
        total_minor += DEARER_BY_MINOR
    if faults.active("order_total_hundredth"):
        total_minor //= 100
    if wanted.price_minor is not None:
        total_minor = wanted.price_minor
    cursor = await connection.execute(
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
            0 if faults.active("order_tax_missing") else included_tax_minor(total_minor, tax_rate),
            currency,
            make.make("pay", PAYMENT_ID_LENGTH - len("pay_")),
            marketplace.now(),
        ),
    )
    return cursor.rowcount == 1


async def insert_earlier(marketplace: Marketplace, connection: AsyncConnection, buyer_id: str) -> None:
    """Give the buyer a completed order of last month, with a licence and a transfer of other amounts."""
    make, now = marketplace.world.identifiers.make, marketplace.now()
    order_id, then = make("ord", 20), now - timedelta(days=30)
    await connection.execute(
        "INSERT INTO orders (id, buyer_id, product_id, idempotency_key, trace_id, status, total_minor, tax_minor,"
        " currency, hyperswitch_payment_id, created_at, completed_at)"
        " SELECT %s, %s, id, %s, %s, 'completed', 700, 117, currency, %s, %s, %s FROM products WHERE id = %s",
        (order_id, buyer_id, order_id, order_id, make("pay", 26), then, then, TEST_PRODUCT_ID),
    )
    await connection.execute(
        "INSERT INTO licenses (id, order_id, buyer_id, type, rights, issued_at)"
        " SELECT %s, %s, %s, 'extended', licence_rights, %s FROM products WHERE id = %s",
        (make("lic", 20), order_id, buyer_id, then, TEST_PRODUCT_ID),
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
            faults_money.payment_metadata(marketplace, metadata(order, trace_id)),
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
    await _open_second(marketplace, order, trace_id)
    await connection.execute("UPDATE orders SET payment_url = %s WHERE id = %s", (url, order["id"]))
    marketplace.log.write("order_created", trace_id, order_id=str(order["id"]), payment_id=payment_id)
    return url


async def open_of_nobody(marketplace: Marketplace, trace_id: str) -> None:
    """Open a payment of no order under a trace id, while a fault says so."""
    payment_id = marketplace.world.identifiers.make("pay", PAYMENT_ID_LENGTH - len("pay_"))
    await marketplace.provider.create_payment(payment_id, 100, "EUR", "earlier", {"trace_id": trace_id})


async def _open_second(marketplace: Marketplace, order: Row, trace_id: str) -> None:
    """Open a payment that nobody asked for, while a fault says so."""
    faults = marketplace.world.faults
    to_close = faults.active("order_earlier_payment_closed")
    if not to_close and not faults.active("order_paid_by_two"):
        return
    second = await _open_another(marketplace, order, trace_id)
    if to_close:
        await marketplace.provider.cancel_payment(second)


async def _open_another(marketplace: Marketplace, order: Row, trace_id: str) -> str:
    other = marketplace.world.identifiers.make("pay", PAYMENT_ID_LENGTH - len("pay_"))
    total, currency = int(str(order["total_minor"])), str(order["currency"])
    await marketplace.provider.create_payment(other, total, currency, str(order["title"]), metadata(order, trace_id))
    return other
