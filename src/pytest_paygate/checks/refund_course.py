"""How a refund came about: by whom, under which name, when, and whether the ledger has posted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import BalanceTransaction


@check("The target gave the money back itself")
def refunded_by_target(by: str, target: str) -> Finding | None:
    """`by` is who made the refund that the ledger shows; a provider that had to be asked directly is not the target."""
    return same("who gave the money back", observed=by, expected=target)


@check("The refund that the target names is the ledger's")
def refund_named(named: str, refund_id: str) -> Finding | None:
    """`named` is the id in the target's answer, `refund_id` that of the one refund the ledger shows."""
    return same(
        "the refund that the target names",
        observed=named or "none",
        expected=refund_id,
        next_step="See whose refund that is: the target may have given somebody else's money back.",
    )


@check("The refund is posted to the ledger, for the amount that was taken")
def refund_posted(posted: BalanceTransaction | None, taken: Money) -> Finding | None:
    """`posted` is the ledger's line of the refund, None when there is none; `taken` is the amount in its currency.

    Accepted, succeeded and posted are three states. A line in another currency was converted and is compared by its
    sign alone.
    """
    if posted is None:
        return Finding("the ledger's line of the refund", "none", f"a line of minus {taken}", _ASK)
    moved = posted.amount
    whole = -moved.minor == taken.minor if moved.currency == taken.currency else moved.minor < 0
    return None if whole else Finding("the amount of the ledger's line of the refund", moved, f"minus {taken}", _ASK)


@check("The money came back after it was taken, and within its time")
def refund_in_time(latency_seconds: int, bound_seconds: float, limit_seconds: int) -> Finding | None:
    """Whole seconds of the provider's clock hide up to one: at exactly the limit our own clock must agree.

    Args:
        latency_seconds: from charge to refund on the provider's clock.
        bound_seconds: from the last look that saw no payment until the refund was seen, on ours: never less.
        limit_seconds: how long it may take.
    """
    if 0 <= latency_seconds < limit_seconds or (latency_seconds == limit_seconds and bound_seconds <= limit_seconds):
        return None
    on_its_clock = f"{latency_seconds} s on the clock of the provider"
    if latency_seconds < 0:
        on_its_clock = f"a refund {-latency_seconds} s before its charge on the clock of the provider"
    return Finding(
        "how long the money was away",
        on_its_clock,
        f"at most {limit_seconds} s, and at exactly {limit_seconds} s our own clock must agree",
    )


_ASK = "Look at the balance of the account: a refund that is not posted has not left it."
