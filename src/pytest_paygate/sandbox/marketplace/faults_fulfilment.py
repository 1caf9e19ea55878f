"""The ways licences, transfers, refunds and webhooks can go wrong, each with the row it must turn red.

Owns the declarations and the rows of the database that only a fault writes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_LAYER = "marketplace"
_BENIGN = ""
OTHER_BUYER = "buyer_other"

_DECLARED = (
    Fault("licence_twice", _LAYER, "an order gets two licences", "licence"),
    Fault("licence_besides", _LAYER, "the buyer also gets a licence of an order that nobody made", "licence"),
    Fault("licence_of_other_buyer", _LAYER, "the licence is recorded as another buyer's, and shown to ours", "licence"),
    Fault("licence_type_wrong", _LAYER, "the licence is of another type", "licence"),
    Fault("licence_rights_wrong", _LAYER, "the licence lacks a right", "licence"),
    Fault("licence_told_otherwise", _LAYER, "a licence tells more, its rights in another order; benign", _BENIGN),
    Fault("other_buyers_order", _LAYER, "another buyer has an order with licence and transfer; benign", _BENIGN),
    Fault("transfer_id_unknown", _LAYER, "the recorded transfer id is unknown to the provider", "transfer"),
    Fault(
        "transfer_not_reversed", _LAYER, "the seller keeps the money, made up for `seconds` later or never", "reversal"
    ),
    Fault("refund_partial", _LAYER, "1 minor unit (short_minor) less is refunded, and called all", "reversal"),
    Fault("webhook_unsigned_taken", _LAYER, "a webhook without a signature is taken", "webhooks"),
    Fault("webhook_forged_taken", _LAYER, "a webhook with a wrong signature is taken", "webhooks"),
    Fault("webhook_secret_other", _LAYER, "no signature is right: every webhook is refused", "webhooks"),
    Fault("webhook_refusals_told_otherwise", _LAYER, "a webhook is refused with 400, not 401; benign", _BENIGN),
    Fault("webhook_repeated_grants", _LAYER, "a webhook that comes again, later, grants a second licence", "licence"),
    Fault("webhook_race_grants", _LAYER, "webhooks that come at once each grant a licence", "licence"),
    Fault("webhook_conflict_told", _LAYER, "a webhook that comes again answers 200 with a conflict; benign", _BENIGN),
    Fault(
        "payment_event_revives", _LAYER, "a payment's webhook after the refund completes the order again", "reversal"
    ),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})


async def more_licences(marketplace: Marketplace, connection: AsyncConnection, order: Row) -> None:
    """Issue what nobody bought, as the faults that are on say."""
    faults = marketplace.world.faults
    if faults.active("licence_twice"):
        await second_licence(marketplace, connection, order)
    if faults.active("licence_besides"):
        other = await _other_order(marketplace, connection, str(order["buyer_id"]))
        await _licence(marketplace, connection, other, str(order["buyer_id"]))
    if faults.active("other_buyers_order"):
        other = await _other_order(marketplace, connection, OTHER_BUYER)
        await _licence(marketplace, connection, other, OTHER_BUYER)
        await connection.execute(
            "INSERT INTO seller_transfers SELECT %s, id, 630, currency, %s, 'paid', %s FROM orders WHERE id = %s",
            (marketplace.world.identifiers.make("str", 20), "tr_somebodyElses000000000", marketplace.now(), other),
        )


async def second_licence(marketplace: Marketplace, connection: AsyncConnection, order: Row) -> None:
    """Issue one more licence of an order; the database lets it pass, as one without the right constraint would."""
    await connection.execute(
        "INSERT INTO licenses (id, order_id, copy, buyer_id, type, rights, issued_at)"
        " SELECT %s, order_id, (SELECT max(copy) + 1 FROM licenses WHERE order_id = %s), buyer_id, type, rights, %s"
        " FROM licenses WHERE order_id = %s ORDER BY copy LIMIT 1",
        (marketplace.world.identifiers.make("lic", 20), order["id"], marketplace.now(), order["id"]),
    )


async def _other_order(marketplace: Marketplace, connection: AsyncConnection, buyer_id: str) -> str:
    make, then = marketplace.world.identifiers.make, marketplace.now() - timedelta(minutes=1)
    order_id = make("ord", 20)
    await connection.execute(
        "INSERT INTO orders (id, buyer_id, product_id, idempotency_key, trace_id, status, total_minor, tax_minor,"
        " currency, hyperswitch_payment_id, created_at, completed_at)"
        " SELECT %s, %s, id, %s, %s, 'completed', 700, 117, currency, %s, %s, %s FROM products ORDER BY position"
        " LIMIT 1",
        (order_id, buyer_id, order_id, order_id, make("pay", 26), then, then),
    )
    return order_id


async def _licence(marketplace: Marketplace, connection: AsyncConnection, order_id: str, buyer_id: str) -> None:
    await connection.execute(
        "INSERT INTO licenses (id, order_id, buyer_id, type, rights, issued_at)"
        " SELECT %s, %s, %s, licence_type, licence_rights, %s FROM products ORDER BY position LIMIT 1",
        (marketplace.world.identifiers.make("lic", 20), order_id, buyer_id, marketplace.now()),
    )
