"""Currencies: the decimals of each, in the counting of ISO and of the providers that count otherwise."""

from __future__ import annotations

import pytest
from iso4217 import Currency

from pytest_paygate.core import currencies
from pytest_paygate.core.currencies import EXPONENTS, ISO_EXPONENTS, AmountConvention, exponent

STRIPE = {"MGA": 0, "ISK": 2, "UGX": 2}


def test_the_table_is_iso_s_and_what_left_it():
    """Every currency with minor units stands in it with its decimals, and the lev, in which prices are still listed."""
    assert dict(ISO_EXPONENTS) == {one.code: one.exponent for one in Currency if one.exponent is not None}
    assert dict(EXPONENTS) == {**ISO_EXPONENTS, "BGN": 2}


def test_conventions_are_named_as_settings_name_them():
    """The name of a convention is part of messages and settings."""
    assert [one.value for one in AmountConvention] == ["iso", "stripe"]


@pytest.mark.parametrize("code", EXPONENTS)
def test_a_convention_is_iso_s_but_for_its_overrides(code):
    """Without a convention it is ISO's; Stripe's differs for three currencies and no other."""
    assert exponent(code) == exponent(code, AmountConvention.ISO) == EXPONENTS[code]
    assert exponent(code, AmountConvention.STRIPE) == STRIPE.get(code, EXPONENTS[code])


def test_what_is_in_no_table_is_no_currency():
    """An unknown code has no decimals in any convention."""
    for convention in AmountConvention:
        with pytest.raises(KeyError):
            exponent("EUE", convention)


def test_no_table_can_be_changed():
    """A run counts in the decimals it was started with."""
    for table in (EXPONENTS, ISO_EXPONENTS, currencies._OVERRIDES, *currencies._OVERRIDES.values()):
        with pytest.raises(TypeError):
            table["EUR"] = 3
