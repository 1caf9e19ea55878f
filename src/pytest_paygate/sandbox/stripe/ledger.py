"""Reading the independent money ledger: what really moved, whatever the API says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World


async def ledger(world: World) -> list[dict[str, Any]]:
    """Every movement, oldest first.

    `amount_minor` is always positive, in the currency of the charge or transfer, and `kind` says which way it went:
    `charge`, `refund_failure` and `transfer_reversal` bring money in, `refund`, `transfer` and `fee` take it out.
    `signed_settled_minor` is the same movement with its sign, in `settlement_currency`. `at` is an aware UTC datetime.
    """
    async with world.provider_pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM stripe.ledger ORDER BY seq")
        return await cursor.fetchall()
