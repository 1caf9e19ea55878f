"""Whether the seller got the share: recorded, known at the provider, of our charge, and taken back on a refund."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Transfer


@check("The recorded transfer is the seller's share of the price")
def transfer_amount(amount: Money, due: Money) -> Finding | None:
    """`due` is worked out from the plan."""
    return same("the amount of the transfer", observed=amount, expected=due)


@check("The provider knows the recorded transfer")
def transfer_known(*, known: bool) -> Finding | None:
    """`known` is False where the provider has no transfer of that id."""
    return same("whether the provider knows the transfer", observed=known, expected=True)


@check("The provider's transfer is the seller's share of the price")
def transfer_at_provider(transfer: Transfer, due: Money) -> Finding | None:
    """Another ledger than the target's own table."""
    return same("the transfer's amount at the provider", observed=transfer.amount, expected=due)


@check("The transfer was made from our charge")
def transfer_source(transfer: Transfer, charge_id: str) -> Finding | None:
    """A transfer that names no charge was made from the balance, and says nothing here."""
    seen = transfer.source_charge_id or charge_id
    return same("the charge that the transfer was made from", observed=seen, expected=charge_id)


@check("The transfer went to the seller's account")
def transfer_destination(transfer: Transfer, account: str) -> Finding | None:
    """`account` is the seller's, from the environment's settings."""
    return same("the account that the transfer went to", observed=transfer.destination, expected=account)


@check("The transfer is of this run's mode")
def transfer_mode(transfer: Transfer, *, livemode: bool) -> Finding | None:
    """A provider that does not say is no finding."""
    return same(
        "livemode of the transfer",
        observed=livemode if transfer.livemode is None else transfer.livemode,
        expected=livemode,
    )


@check("The recorded transfer is the only one of our charge and our order that was not taken back")
def no_other_transfer(transfers: Sequence[Transfer], recorded: Transfer, order_id: str) -> Finding | None:
    """`transfers` are all of the account's since the order; `recorded` is the one of the target's own table."""
    others = [
        one
        for one in transfers
        if one.transfer_id != recorded.transfer_id
        and one.reversed_amount != one.amount
        and (
            order_id in {one.group, one.metadata.get("order_id")}
            or one.source_charge_id == (recorded.source_charge_id or None)
        )
    ]
    if not others:
        return None
    return Finding(
        "what other transfers there are of this charge or this order",
        tuple(f"{one.transfer_id} of {one.amount}" for one in others),
        "none",
        "Reverse each of them at the provider: the seller was paid more than once, and a refund takes back only one.",
    )


@check("The target's own row no longer calls a transfer paid that was taken back")
def transfer_row_follows(status: str) -> Finding | None:
    """`status` is the row's, in the target's own words; only `paid` is against it."""
    if status.strip().lower() != "paid":
        return None
    return Finding(
        "the status of the seller_transfers row after the refund",
        status,
        "anything but paid",
        "Mend the row: the next payout and the accounts count on it.",
    )


@check("The transfer is reversed in full with the refund")
def transfer_reversed(transfer: Transfer, due: Money) -> Finding | None:
    """`due` is the whole of it. Else the seller keeps what the buyer got back, and the platform has paid it."""
    return same(
        "how much of the transfer is reversed",
        observed=transfer.reversed_amount,
        expected=due,
        next_step="Reverse the transfer at the provider, and find out why the target did not.",
    )
