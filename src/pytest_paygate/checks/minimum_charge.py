"""The smallest charge a Stripe account takes, by the currency it settles in. Pure.

Source: Stripe's published table of minimum charge amounts. The minimum belongs to the settlement currency, after
conversion; what a converted amount will be nobody knows beforehand, so another currency is not compared at all.
"""

from __future__ import annotations

from pytest_paygate.checks.check import Finding, check
from pytest_paygate.core.money import Money

# Minor units.
_MINIMUM_MINOR = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50,
    "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip


def minimum_charge(settlement_currency: str, currency: str) -> Money | None:
    """The smallest charge in a currency, or None when it is not known.

    Args:
        settlement_currency: what the account settles in, as the provider says it.
        currency: what is charged (ISO 4217).
    """
    settled = settlement_currency.upper()
    if settled != currency.upper() or settled not in _MINIMUM_MINOR:
        return None
    return Money(_MINIMUM_MINOR[settled], settled)


@check("The account's settlement currency allows a charge this small")
def reaches_minimum(amount: Money, settles_in: str) -> Finding | None:
    """A minimum in another currency cannot be compared: nobody knows beforehand what is converted to how much."""
    least = minimum_charge(settles_in, amount.currency)
    if least is None:
        return Finding(
            "the smallest charge the account takes",
            f"a minimum in {settles_in or 'unknown'} that cannot be compared",
            f"an account that settles in {amount.currency}",
        )
    if amount.minor >= least.minor:
        return None
    return Finding("the amount of the charge", amount, f"at least {least}")
