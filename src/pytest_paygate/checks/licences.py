"""Whether the buyer got what was bought, nothing else, and has it no longer once the money is back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Sequence


@check("Exactly one licence of the order is visible to its buyer")
def one_licence(count: int) -> Finding | None:
    """`count` are the licences of the order in the buyer's own list."""
    return same("the number of licences of this order", observed=count, expected=1)


@check("The buyer got no licence of another order")
def nothing_else_granted(before: int, after: int) -> Finding | None:
    """Both count the buyer's licences that are not of this order, before the purchase and after it."""
    return same("the number of licences of other orders", observed=after, expected=before)


@check("An order that nobody has paid grants no licence")
def nothing_for_unpaid(count: int) -> Finding | None:
    """`count` are the licences of the order in the buyer's own list, before anybody has paid."""
    return same(
        "the number of licences of an order that nobody has paid",
        observed=count,
        expected=0,
        next_step="Do not pay: whoever orders owns the goods. Have licences issued when the order completes.",
    )


@check("The licence is of the type that was bought")
def licence_type(seen: str, expected: str) -> Finding | None:
    """`expected` is the plan's."""
    return same("the licence's type", observed=seen, expected=expected)


@check("The licence has exactly the rights that were bought")
def licence_rights(seen: Sequence[str], expected: Sequence[str]) -> Finding | None:
    """In any order."""
    return same("the licence's rights", observed=_told(seen), expected=_told(expected))


@check("The licence is recorded as our buyer's")
def licence_owner(rows: Sequence[tuple[str, str]]) -> Finding | None:
    """`rows` are, from the target's database, each licence of the order: its owner, and the order's buyer."""
    others = [owner for owner, buyer in rows if owner != buyer]
    return same("the number of licences of this order with another owner", observed=len(others), expected=0)


def _told(rights: Sequence[str]) -> object:
    return tuple(sorted(rights)) or "none"
