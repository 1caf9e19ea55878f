"""The products on sale. Prices are gross, in minor units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import faults_money
from pytest_paygate.sandbox.marketplace.orders import DEARER_BY_MINOR

if TYPE_CHECKING:
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_WRONG_PRICE_MINOR = 550


async def products(marketplace: Marketplace, *, is_stranger: bool = False) -> list[dict[str, object]]:
    """Every product as the API shows it."""
    async with marketplace.world.marketplace_pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, title, price_minor, currency, tax_rate FROM products ORDER BY position"
        )
        rows = await cursor.fetchall()
    faults = marketplace.world.faults
    if faults.active("catalogue_empty") or (is_stranger and faults.active("catalogue_empty_to_strangers")):
        return []
    listed: list[dict[str, object]] = [
        {"id": row[0], "title": row[1], "price_minor": row[2], "currency": row[3], "tax_rate": f"{row[4]:.2f}"}
        for row in rows
    ]
    if faults.active("product_price_wrong"):
        listed[0]["price_minor"] = faults.parameter("product_price_wrong", "price_minor", _WRONG_PRICE_MINOR)
    if faults.active("product_dearer"):
        listed[0]["price_minor"] = rows[0][2] + DEARER_BY_MINOR
    if faults.active("product_listed_twice"):
        listed.append(listed[0])
    if faults.active("catalogue_longer"):
        dearer = {**listed[0], "id": "prod_archived_bundle", "title": "An archived bundle", "price_minor": 50_000}
        listed.insert(0, dearer)
    return [faults_money.product(marketplace, one) for one in listed]
