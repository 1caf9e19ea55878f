"""What a fresh marketplace holds: two buyers and three products.

The second buyer exists so that anybody can see that one buyer's orders are not another's.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace.identity import hash_password
from pytest_paygate.sandbox.marketplace.orders import TEST_PRODUCT_ID

if TYPE_CHECKING:
    from pytest_paygate.sandbox.marketplace.service import Marketplace

OTHER_BUYER_EMAIL = "other.buyer@example.test"

_RIGHTS = ("download", "commercial_use", "updates_1_year")
# Prices are gross: tax is included in them.
_PRODUCTS = (
    (TEST_PRODUCT_ID, "Acceptance test licence", 500, "EUR", Decimal("0.20"), "standard", list(_RIGHTS)),
    ("prod_font_family", "Font family Meridian", 4900, "EUR", Decimal("0.20"), "standard", list(_RIGHTS)),
    ("prod_sound_library", "Sound library Fieldnotes", 12900, "EUR", Decimal("0.20"), "extended", list(_RIGHTS)),
)


async def seed(marketplace: Marketplace) -> None:
    """Write buyers and products; harmless on a database that has them."""
    keys = marketplace.world.keys
    async with marketplace.world.marketplace_pool.connection() as connection, connection.cursor() as cursor:
        for buyer_id, email in (("buyer_operator", keys.buyer_email), ("buyer_other", OTHER_BUYER_EMAIL)):
            salt = os.urandom(16)
            await cursor.execute(
                "INSERT INTO buyers VALUES (%s, lower(%s), %s, %s) ON CONFLICT DO NOTHING",
                (buyer_id, email, salt, hash_password(keys.buyer_password, salt)),
            )
        for position, (product_id, *rest) in enumerate(_PRODUCTS):
            await cursor.execute(
                "INSERT INTO products VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (product_id, position, *rest),
            )
