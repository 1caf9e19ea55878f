"""Whether the money came back: once, all of it, of our charge, and for good. The provider's ledger is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same
from pytest_paygate.core.ports import RefundStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Charge, Refund

_CAME_TO_NOTHING = frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED})


@check("Exactly one refund of the charge was made")
def one_refund(refunds: Sequence[Refund]) -> Finding | None:
    """`refunds` are all of the charge's payment; those that came to nothing do not count, unless there is no other."""
    counted = [one for one in refunds if one.status not in _CAME_TO_NOTHING] or refunds
    if len(counted) == 1:
        return None
    told = tuple(f"{one.refund_id} of {one.amount} {one.status.value}" for one in counted)
    return Finding("what refunds there are of this charge", told, "one")


@check("The refund is of our charge and of the whole amount, has succeeded, and stays so")
def refund_whole(refund: Refund, charge_id: str, amount: Money) -> Finding | None:
    """`amount` is what was taken. Pending is not refunded, and a refund that said succeeded can fail."""
    succeeded = RefundStatus.SUCCEEDED.value
    return (
        same("the amount refunded", observed=refund.amount, expected=amount)
        or same("the refund's status", observed=refund.status.value, expected=succeeded)
        or same("the refunded charge", observed=refund.charge_id, expected=charge_id)
    )


@check("The refund goes back to where the money came from, not to a balance that the shop keeps")
def refund_leaves(refund: Refund) -> Finding | None:
    """A provider that does not say where it goes is no finding; other methods than cards have names of their own."""
    if "balance" not in refund.goes_to:
        return None
    return Finding(
        "where the refund goes",
        refund.goes_to,
        "the card that paid",
        "Refund to the card: what stands in a balance at the shop is credit, and the buyer has no money back.",
    )


@check("The refund does not call the payment fraudulent")
def refund_blames_nobody(refund: Refund) -> Finding | None:
    """A provider blocks card and e-mail address of whoever paid what is called so; any other reason, and none, pass."""
    if refund.reason != "fraudulent":
        return None
    return Finding(
        "the reason of the refund",
        refund.reason,
        "requested_by_customer, or none",
        "Take card and e-mail address off the provider's block lists: this buyer can buy nothing any more. Have the"
        " target give the buyer's own reason.",
    )


@check("The charge itself says that all of it was given back")
def charge_given_back(charge: Charge) -> Finding | None:
    """Another entry of the ledger than the refund, which must agree with it."""
    return same("how much of the charge is marked refunded", observed=charge.refunded, expected=charge.captured)


@check("A refund of an order that nobody has paid is refused with 409")
def pending_refund_refused(status: int) -> Finding | None:
    """`status` is what the target answered."""
    return same("the status of a refund of an unpaid order", observed=status, expected=409)


@check("A second refund of a refunded order is refused with 409")
def second_refund_refused(status: int) -> Finding | None:
    """`status` is what the target answered."""
    return same("the status of a second refund", observed=status, expected=409)
