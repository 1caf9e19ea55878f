"""The ways amounts, pages and logs can be told, and what a refund leaves behind, each with the row it must turn red.

Owns the declarations and the small decisions of these faults; the code that misbehaves asks here where it acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.hyperswitch.faults import page_id

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_LAYER = "marketplace"
_BENIGN = ""
_SEEN_GONE = "licence seen gone"
# What the log calls an order that was paid.
COMPLETED = "order_completed"

_DECLARED = (
    Fault("log_tells_password", _LAYER, "the log's entry of a completed order holds the buyer's password", "reversal"),
    Fault("log_tells_card", _LAYER, "the log's entry of a completed order holds a card number", "reversal"),
    Fault("log_tells_masked_card", _LAYER, "the log's entry of a completed order holds a masked card; benign", _BENIGN),
    Fault(
        "log_amount_other", _LAYER, "the log's entry of a completed order tells a hundred times its total", "reversal"
    ),
    Fault("log_order_other", _LAYER, "the log's entry of a completed order names another order", "reversal"),
    Fault("log_failed_after", _LAYER, "the log says order_failed after order_completed", "reversal"),
    Fault("log_failed_before", _LAYER, "the log says order_failed, then order_completed; benign", _BENIGN),
    Fault("log_tells_amount", _LAYER, "the log's entry of a completed order tells its total; benign", _BENIGN),
    Fault("order_total_changes", _LAYER, "a completed order is told at a hundred times its total", "completed"),
    Fault("order_reverts", _LAYER, "a refunded order is completed again once its licence was seen gone", "reversal"),
    Fault("licence_returns", _LAYER, "a revoked licence is listed again once it was seen gone", "reversal"),
    Fault(
        "refund_revokes_all", _LAYER, "a refund revokes the licences of the buyer's other orders as well", "reversal"
    ),
    Fault("transfer_row_stays_paid", _LAYER, "a reversed transfer is still called paid in its row", "reversal"),
    Fault("refund_of_nobody", _LAYER, "the refund's answer names a refund that nobody knows", "reversal"),
    Fault("payment_names_no_order", _LAYER, "a payment's metadata holds the trace id and no order; benign", _BENIGN),
    Fault("tax_rate_a_number", _LAYER, "the tax rate is a number, not a text; benign", _BENIGN),
    Fault("currency_in_small_letters", _LAYER, "currencies are told and kept as eur; benign", _BENIGN),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})


def currency(marketplace: Marketplace, code: object) -> str:
    """A currency as the marketplace tells and keeps it."""
    small = marketplace.world.faults.active("currency_in_small_letters")
    return str(code).lower() if small else str(code)


def product(marketplace: Marketplace, shown: Row) -> Row:
    """A product of the list as the faults that are on tell it."""
    shown = {**shown, "currency": currency(marketplace, shown["currency"])}
    if marketplace.world.faults.active("tax_rate_a_number"):
        shown["tax_rate"] = float(str(shown["tax_rate"]))
    return shown


def payment_metadata(marketplace: Marketplace, metadata: dict[str, str]) -> dict[str, str]:
    """What a payment is marked with so that it can be found again."""
    if marketplace.world.faults.active("payment_names_no_order"):
        return {name: value for name, value in metadata.items() if name != "order_id"}
    return metadata


def words_of_completion(marketplace: Marketplace) -> tuple[str, ...]:
    """What the log says has become of a completed order, entry by entry."""
    if marketplace.world.faults.active("log_failed_after"):
        return (COMPLETED, "order_failed")
    return ("order_failed", COMPLETED) if marketplace.world.faults.active("log_failed_before") else (COMPLETED,)


def told_of_completion(marketplace: Marketplace, order: Row) -> dict[str, str | float]:
    """What the log's entry of a completed order says."""
    faults = marketplace.world.faults
    more: dict[str, str | float] = {"order_id": str(order["id"])}
    total_minor, code = int(str(order["total_minor"])), str(order["currency"])
    if faults.active("log_amount_other"):
        more |= {"amount_minor": total_minor * 100, "currency": code}
    if faults.active("log_tells_amount"):
        more |= {"amount_minor": total_minor, "currency": code.lower()}
    if faults.active("log_order_other"):
        more["order_id"] = "ord_somebodyElses000000"
    if faults.active("log_tells_password"):
        more["login"] = f"operator:{marketplace.world.keys.buyer_password}"
    if faults.active("log_tells_card"):
        more["card"] = "4000000000000077"
    if faults.active("log_tells_masked_card"):
        more["card"] = "400000******0077"
    return more


def page(marketplace: Marketplace, url: object) -> object:
    """The address of the hosted page as it is handed out."""
    if not isinstance(url, str):
        return url
    before, slash, payment_id = url.rpartition("/")
    return f"{before}{slash}{page_id(marketplace.world, payment_id)}"


def later(marketplace: Marketplace, order: Row) -> Row:
    """A read order as the faults that are on tell it."""
    faults = marketplace.world.faults
    if order["status"] == "completed" and faults.active("order_total_changes"):
        return {**order, "total_minor": int(str(order["total_minor"])) * 100}
    if order["status"] == "refunded" and _SEEN_GONE in marketplace.shown_orders and faults.active("order_reverts"):
        return {**order, "status": "completed"}
    return order


def revoked_are_listed(marketplace: Marketplace) -> bool:
    """Whether the list of licences holds revoked ones again."""
    return _SEEN_GONE in marketplace.shown_orders and marketplace.world.faults.active("licence_returns")


async def note_revoked(marketplace: Marketplace, connection: AsyncConnection) -> None:
    """Remember that a list of licences was shown after one was revoked, where a fault waits for it."""
    if marketplace.world.faults.is_set("order_reverts") or marketplace.world.faults.is_set("licence_returns"):
        cursor = await connection.execute("SELECT 1 FROM licenses WHERE revoked_at IS NOT NULL")
        if await cursor.fetchone() is not None:
            marketplace.shown_orders[_SEEN_GONE] = 1.0


async def revoke_others(marketplace: Marketplace, connection: AsyncConnection, order_id: str) -> None:
    """Withdraw what the buyer has of other orders too."""
    if marketplace.world.faults.active("refund_revokes_all"):
        await connection.execute(
            "UPDATE licenses SET revoked_at = %s WHERE buyer_id = (SELECT buyer_id FROM orders WHERE id = %s)",
            (marketplace.now(), order_id),
        )
