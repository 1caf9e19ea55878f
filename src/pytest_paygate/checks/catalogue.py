"""Whether the target sells what the plan buys, at the plan's price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from pytest_paygate.core.money import Money


@check("The catalogue has at least one product")
def has_products(count: int) -> Finding | None:
    """`count` are the products listed."""
    if count:
        return None
    return Finding("the number of products", "0", "at least 1", "Publish the test product.")


@check("The product of the plan is listed once")
def listed_once(count: int, product_id: str) -> Finding | None:
    """`count` says how often."""
    return same(f"how often product {product_id} is listed", observed=count, expected=1)


@check("The product has the price of the plan")
def price_planned(price: Money, planned: Money) -> Finding | None:
    """`planned` is written in the gate."""
    return same("the price", observed=price, expected=planned)
