"""Whether the books of a provider agree with each other about one payment, and hold nothing else of the run's.

A payment, its charge, their lines in the balance and the list of all charges are entries of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same
from pytest_paygate.core.currencies import exponent
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.ports import BalanceTransaction, Charge, Payment


@check("The payment, its charge and what was recorded of it agree on one amount, and on each other")
def payment_agrees(payment: Payment, charge: Charge, amount: Money) -> Finding | None:
    """`payment` and `charge` as they are now, `amount` as it was captured; a payment that names no charge is silent."""
    return (
        same("the amount of the payment", observed=payment.amount, expected=amount, next_step=_WHICH)
        or same("what the payment says it received", observed=payment.received, expected=amount, next_step=_WHICH)
        or same("what its charge says was captured", observed=charge.captured, expected=amount, next_step=_WHICH)
        or same(
            "the charge that the payment names",
            observed=payment.charge_id or charge.charge_id,
            expected=charge.charge_id,
            next_step=_WHICH,
        )
    )


@check("Charge and refund are posted in the currency that the account settles in")
def posted_unconverted(line: BalanceTransaction, settles_in: str) -> Finding | None:
    """`line` is the balance's of either; `settles_in` is the currency that the account was found to settle in."""
    return same(
        f"the currency of the {line.kind}'s line in the balance",
        observed=line.amount.currency,
        expected=settles_in,
        next_step="Have the money converted nowhere: the rate takes its part when it comes and when it goes back.",
    )


@check("The provider's fee is no more than three times the planned one, and a unit of the currency")
def fee_near_plan(fee: Money, planned: Money) -> Finding | None:
    """`planned` is what the plan says, and whoever approved the run has seen; in another currency it says nothing.

    A finding and no note, because the fee is the one part of the money that no refund brings back. Yet it follows card,
    country and tariff, so that only far more is one: above three times the plan, and above one unit (EUR 1.00), which a
    small purchase can cost anywhere.
    """
    if fee.currency != planned.currency:
        return None
    most = Money(max(planned.minor * 3, 10 ** exponent(planned.currency)), planned.currency)
    if fee <= most:
        return None
    return Finding(
        "the fee that the provider has kept",
        fee,
        f"{planned} as planned, at most {most}",
        "See at the provider what it is made of, such as a conversion or another tariff: no refund brings it back. Have"
        " it mended, or plan with it as it is.",
    )


@check("No other charge of the run stands in the ledger without its trace id, or under one made of it")
def nothing_beside(charges: Sequence[Charge], ours: Charge, trace_id: str) -> Finding | None:
    """`charges` are all of the account's since the run began, whatever they carry, `ours` the one that was meant.

    One that carries our trace id as such is told by another check. One under somebody else's trace id is theirs; one
    without any counts when card and amount are ours.
    """
    beside = [one for one in charges if one.succeeded and _may_be_ours(one, ours, trace_id)]
    if not beside:
        return None
    return Finding(
        "what other charges may be of this run",
        tuple(f"{one.charge_id} of {one.amount}" for one in beside),
        "none",
        "See at the provider whose each of them is, and refund it if it is of this run: its card and amount, or its"
        " metadata, are this run's.",
    )


def _may_be_ours(one: Charge, ours: Charge, trace_id: str) -> bool:
    told = one.metadata.get("trace_id")
    if one.charge_id == ours.charge_id or told == trace_id:
        return False
    if any(value.startswith(trace_id) for value in one.metadata.values()):
        return True
    return not told and one.card is not None and (one.card, one.captured) == (ours.card, ours.captured)


_WHICH = "Look all of them up at the provider: one of its books is wrong, or belongs to another payment."
