"""Whether a provider's key opens the account that was pinned beforehand, in this run's mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from pytest_paygate.core.ports import Account


@check("The provider's key opens the pinned account")
def account_pinned(account: Account, pinned: str, provider: str, setting: str) -> Finding | None:
    """`pinned` is the account that the setting names."""
    return same(
        f"the account behind the {provider} key",
        observed=account.account_id,
        expected=pinned,
        next_step=f"Take the key of the pinned account, or correct {setting}.",
    )


@check("The provider's key is of this run's mode")
def account_mode(account: Account, provider: str, *, livemode: bool) -> Finding | None:
    """Read off the account itself, whatever the key looks like; a provider that does not say is no finding."""
    return same(
        f"livemode of the {provider} account",
        observed=livemode if account.livemode is None else account.livemode,
        expected=livemode,
        next_step="Take the key of the other mode, or correct the environment's mode.",
    )


@check("The account may take charges, and owes its provider nothing")
def account_in_order(account: Account) -> Finding | None:
    """A restricted account takes nothing; from one that is overdrawn no refund is paid. Silence is no finding."""
    if account.takes_charges is False:
        return Finding(
            "whether the account may take charges", "no", "yes", "Give the provider what it asks of the account."
        )
    return same(
        "the currencies in which the account owes its provider money",
        observed=account.overdrawn_in or "none",
        expected="none",
        next_step="Pay the balance up first: a refund out of an overdrawn account waits, or fails.",
    )
