"""Which amounts are taken, held against the published tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox.stripe import currencies
from pytest_paygate.sandbox.stripe.errors import StripeError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def published(contracts: Path) -> dict[str, Any]:
    """The published currency rules."""
    values: dict[str, Any] = json.loads((contracts / "stripe" / "currencies.json").read_text())
    return values


def _code(amount: int, currency: str, settlement: str) -> str | None:
    try:
        currencies.check_amount(amount, currency, settlement)
    except StripeError as error:
        return error.code
    return None


def test_tables_equal_the_published_ones(published: dict[str, Any]) -> None:
    """Minimums, zero-decimal and three-decimal currencies and digits are the published ones."""
    assert published["minimum_minor_by_settlement_currency"] == currencies.MINIMUM_MINOR_BY_SETTLEMENT
    assert {name for name in published["zero_decimal"] if not name.endswith("*")} == currencies.ZERO_DECIMAL
    assert set(published["three_decimal"]) == currencies.THREE_DECIMAL
    assert published["max_digits"] == {"default": currencies.DIGITS_MAX_DEFAULT} | currencies.DIGITS_MAX


def test_the_minimum_belongs_to_the_settlement_currency(published: dict[str, Any]) -> None:
    """Each settlement currency takes its minimum and refuses one minor unit less."""
    for currency, least in published["minimum_minor_by_settlement_currency"].items():
        assert _code(least, currency, currency) is None
        assert _code(least - 1, currency, currency) == "amount_too_small"


@pytest.mark.parametrize(
    ("amount", "currency", "settlement", "code"),
    [
        (50, "usd", "aed", "amount_too_small"),
        (55, "usd", "aed", None),
        (50, "usd", "eur", "amount_too_small"),
        (58, "usd", "eur", None),
        (10, "jpy", "usd", "amount_too_small"),
        (80, "jpy", "usd", None),
        (99_999_999, "eur", "eur", None),
        (100_000_000, "eur", "eur", "amount_too_large"),
        (100_000_000, "inr", "eur", None),
        (1_000_000_000, "inr", "eur", "amount_too_large"),
        (999_999_999_999, "idr", "eur", None),
        (5_005, "kwd", "eur", "invalid_charge_amount"),
        (5_010, "kwd", "eur", None),
        (50_050, "isk", "eur", "invalid_charge_amount"),
        (50_000, "isk", "eur", None),
    ],
)
def test_amount_rules(amount: int, currency: str, settlement: str, code: str | None) -> None:
    """Conversion, digits, three-decimal and hundredfold currencies are each held."""
    assert _code(amount, currency, settlement) == code


@pytest.mark.parametrize(
    ("amount", "currency", "settlement", "text"),
    [
        (49, "usd", "usd", "Amount must be at least $0.50 usd"),
        (100, "huf", "huf", "Amount must be at least 175.00 Ft huf"),
        (100, "aed", "eur", "Amount must convert to at least €0.50. AED 1.00 converts to approximately €0.23."),
        (100_000_000, "eur", "eur", "Amount must be no more than €999,999.99"),
        (100_000_000, "jpy", "eur", "Amount must be no more than ¥99,999,999"),
    ],
)
def test_amount_texts(amount: int, currency: str, settlement: str, text: str) -> None:
    """The refusal shows the amounts as the provider does."""
    with pytest.raises(StripeError) as refused:
        currencies.check_amount(amount, currency, settlement)
    assert refused.value.message == text
    assert (refused.value.status, refused.value.param) == (400, "amount")


def test_conversion_knows_decimals() -> None:
    """Amounts convert between currencies of different exponents."""
    assert currencies.converted(1_000, "jpy", "usd") == 649
    assert currencies.converted(1_000, "kwd", "usd") == 326
    assert currencies.converted(100, "usd", "jpy") == 154
    assert currencies.converted(123, "eur", "eur") == 123
