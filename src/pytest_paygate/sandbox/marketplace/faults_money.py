"""The ways amounts, pages and logs can be told, and what a refund leaves behind, each with the row it must turn red.

Owns the declarations and the small decisions of these faults; the code that misbehaves asks here where it acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.hyperswitch.faults import page_id

if TYPE_CHECKING:
    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_LAYER = "marketplace"
_BENIGN = ""

_DECLARED = (
    Fault("log_tells_password", _LAYER, "the log's entry of a completed order holds the buyer's password", "reversal"),
    Fault("log_tells_card", _LAYER, "the log's entry of a completed order holds a card number", "reversal"),
    Fault("log_tells_masked_card", _LAYER, "the log's entry of a completed order holds a masked card; benign", _BENIGN),
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


def told_of_completion(marketplace: Marketplace) -> dict[str, str]:
    """What else the log's entry of a completed order says."""
    faults, more = marketplace.world.faults, dict[str, str]()
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
