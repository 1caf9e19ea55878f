"""Money: integers of minor units, one currency at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from pytest_paygate.core.currencies import EXPONENTS, ISO_EXPONENTS, AmountConvention, exponent
from pytest_paygate.core.money import Money, MoneyError

amounts = st.builds(Money, st.integers(-(10**12), 10**12), st.sampled_from(sorted(EXPONENTS)))


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (500, "EUR", "EUR 5.00"),
        (5, "EUR", "EUR 0.05"),
        (-500, "EUR", "EUR -5.00"),
        (500, "JPY", "JPY 500"),
        (1234, "KWD", "KWD 1.234"),
        (0, "USD", "USD 0.00"),
        (100, "BGN", "BGN 1.00"),
    ],
)
def test_prints_with_the_currency_s_decimals(minor, currency, text):
    """An amount prints as code, space and exactly the currency's decimals."""
    assert str(Money(minor, currency)) == text


@given(amounts)
def test_what_is_printed_parses_back(money):
    """Printing and parsing are inverse."""
    assert Money.parse(str(money)) == money


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5.00", "'5.00' is not an amount; write it like 'EUR 5.00'"),
        ("EUR 5", "'EUR 5' has 0 decimals; EUR has 2"),
        ("EUR 5.000", "'EUR 5.000' has 3 decimals; EUR has 2"),
        ("JPY 5.00", "'JPY 5.00' has 2 decimals; JPY has 0"),
        ("EUE 5.00", "'EUE' is not an ISO 4217 currency; did you mean EUR?"),
        ("eur 5.00", "'eur 5.00' is not an amount; write it like 'EUR 5.00'"),
        ("EUR 5,00", "'EUR 5,00' is not an amount; write it like 'EUR 5.00'"),
        (" EUR 5.00", "' EUR 5.00' is not an amount; write it like 'EUR 5.00'"),
        ("EUR ٥.٠٠", "'EUR ٥.٠٠' is not an amount; write it like 'EUR 5.00'"),
    ],
)
def test_other_forms_are_refused(text, message):
    """Anything but the one form is refused with the form to write."""
    with pytest.raises(MoneyError) as refused:
        Money.parse(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(("minor", "kind"), [(5.0, "float"), (True, "bool"), ("5", "str"), (None, "NoneType")])
@pytest.mark.parametrize("make", [Money, lambda *told: Money.from_provider(*told, AmountConvention.STRIPE)])
def test_only_integers_are_money(make, minor, kind):
    """Floats, booleans and text are not amounts, and the kind is named; a provider's neither."""
    with pytest.raises(MoneyError) as refused:
        make(minor, "EUR")
    assert str(refused.value) == f"money is an integer number of minor units, not {kind}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("EUE", "'EUE' is not an ISO 4217 currency; did you mean EUR?"),
        ("QQQ", "'QQQ' is not an ISO 4217 currency"),
        ("", "'' is not an ISO 4217 currency"),
    ],
)
@pytest.mark.parametrize("make", [Money, lambda *told: Money.from_provider(*told, AmountConvention.ISO)])
def test_an_unknown_currency_is_named_with_the_nearest_one(make, code, message):
    """A code that is in no table is refused; the nearest is named where there is one."""
    with pytest.raises(MoneyError) as refused:
        make(500, code)
    assert str(refused.value) == message


def test_small_letters_are_no_code():
    """Providers write codes in small letters; money has them in capitals."""
    with pytest.raises(MoneyError) as refused:
        Money(500, "eur")
    assert str(refused.value) == "'eur' is not an ISO 4217 currency; did you mean EUR?"
    assert Money.from_provider(500, "eur", AmountConvention.ISO) == Money(500, "EUR")


def test_sums_differences_and_order():
    """A sum, a difference and each comparison, below, at and above."""
    small, same, great = Money(499, "EUR"), Money(500, "EUR"), Money(501, "EUR")
    assert same + great == Money(1001, "EUR")
    assert great - same == Money(1, "EUR")
    assert small - same == Money(-1, "EUR")
    assert [same < other for other in (small, same, great)] == [False, False, True]
    assert [same <= other for other in (small, same, great)] == [False, True, True]
    assert [same > other for other in (small, same, great)] == [True, False, False]
    assert [same >= other for other in (small, same, great)] == [True, True, False]


def test_money_does_not_mix_with_numbers():
    """A bare number has no currency, and is refused in a sum and in a comparison alike."""
    euro = Money(500, "EUR")
    for meet in (
        lambda: euro + 1,
        lambda: euro - 1,
        lambda: euro < 1,
        lambda: euro <= 1,
        lambda: euro > 1,
        lambda: euro >= 1,
    ):
        with pytest.raises(MoneyError) as refused:
            meet()
        assert str(refused.value) == "money does not mix with int"


def test_currencies_do_not_mix():
    """Two currencies never meet in a sum or a comparison."""
    euro, dollar = Money(500, "EUR"), Money(500, "USD")
    assert euro != dollar
    for meet in (lambda: euro + dollar, lambda: euro - dollar, lambda: euro < dollar, lambda: euro >= dollar):
        with pytest.raises(MoneyError, match=r"EUR 5\.00 and USD 5\.00 are two currencies"):
            meet()
    assert Money(500, "EUR") + Money(1, "EUR") == Money(501, "EUR")
    assert -euro == Money(-500, "EUR")


def test_the_table_is_iso_4217():
    """The table holds exactly the currencies of the ISO list that have minor units, with their exponents."""
    assert dict(ISO_EXPONENTS) == {one.code: one.exponent for one in Currency if one.exponent is not None}


def test_stripe_counts_three_currencies_otherwise():
    """MGA has no decimals at Stripe; ISK and UGX are sent times one hundred."""
    stripe = AmountConvention.STRIPE
    differing = {code for code in EXPONENTS if exponent(code) != exponent(code, stripe)}
    assert differing == {"MGA", "ISK", "UGX"}
    assert Money.from_provider(50000, "isk", stripe) == Money(500, "ISK")
    assert Money(500, "ISK").in_convention(stripe) == 50000
    assert Money.from_provider(5, "mga", stripe) == Money(500, "MGA")
    assert Money.from_provider(500, "eur", stripe) == Money(500, "EUR")
    assert Money(500, "EUR").in_convention(stripe) == 500
    with pytest.raises(MoneyError) as refused:
        Money.from_provider(50001, "isk", stripe)
    assert str(refused.value) == "50001 is not a whole number of ISK minor units in the stripe convention"
    with pytest.raises(MoneyError) as refused:
        Money(501, "MGA").in_convention(stripe)
    assert str(refused.value) == "MGA 5.01 has decimals that the stripe convention cannot express"


@given(st.integers(-(10**9), 10**9), st.sampled_from(sorted(EXPONENTS)))
def test_a_provider_s_integer_comes_back(minor, currency):
    """Reading a provider's integer and sending it again gives the same integer, where it is money at all."""
    try:
        money = Money.from_provider(minor, currency, AmountConvention.STRIPE)
    except MoneyError:
        return
    assert money.in_convention(AmountConvention.STRIPE) == minor
