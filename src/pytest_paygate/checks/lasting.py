"""Whether what a purchase and its refund have reached stays as it is, by the last looks of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_paygate.core.money import Money


@check("A later look at the order shows the amounts it was made with")
def order_keeps_amounts(told: Mapping[str, object], total: Money, tax: Money) -> Finding | None:
    """`told` is the order as it was read; an amount or a currency that it does not tell is no finding."""
    currency = told.get("currency")
    seen = {
        "total": told.get("total_minor"),
        "tax": told.get("tax_minor"),
        "currency": currency.upper() if isinstance(currency, str) else total.currency,
    }
    for name, made_with in (("total", total.minor), ("tax", tax.minor), ("currency", total.currency)):
        if seen[name] is not None and str(seen[name]) != str(made_with):
            return Finding(
                f"the {name} of the order, when it is read later",
                str(seen[name]),
                str(made_with),
                "See what the buyer is shown, and what the accounts will take over: the charge is not this.",
            )
    return None


@check("A refunded order stays refunded, without any event")
def order_stays_refunded(status: str) -> Finding | None:
    """`status` is the order's when all of the money is back and nothing more was sent to the target."""
    return same(
        "the order's status at the last look",
        observed=status,
        expected="refunded",
        next_step="Look for a job or a stale copy that writes an older state back.",
    )


@check("The licence stays gone")
def licence_stays_gone(count: int) -> Finding | None:
    """`count` are the licences of the refunded order in the buyer's own list, at the last look."""
    return same(
        "the number of licences of the refunded order at the last look",
        observed=count,
        expected=0,
        next_step="Look for a job that grants what was revoked: the buyer has the money and the goods.",
    )


@check("The refund took no licence of another order")
def other_licences_kept(before: int, after: int) -> Finding | None:
    """Both count the buyer's licences that are not of this order, before the purchase and after the refund."""
    if after >= before:
        return None
    return Finding(
        "the number of licences of other orders after the refund",
        after,
        before,
        "Give back what was taken: the refund of one order revokes licences of others.",
    )


@check("The refund that the target names is one that its provider knows")
def refund_known(named: str, known: Collection[str]) -> Finding | None:
    """`known` are the ids of our charge's refunds elsewhere; a target that has ids of its own form says nothing."""
    alike = sorted(one for one in known if _form(one) == _form(named))
    if not alike or named in alike:
        return None
    return Finding(
        "the refund that the target names",
        named,
        " or ".join(alike),
        "See whose refund that is: nobody can look the buyer's refund up by the id they were told.",
    )


def _form(identifier: str) -> tuple[str, int]:
    prefix, joint, rest = identifier.partition("_")
    return prefix + joint, len(rest)
