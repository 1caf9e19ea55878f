"""The page's small parts on their own: amounts, tokens, the card that hides itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.sandbox.hosted_page import Card
from pytest_paygate.sandbox.hosted_page.amounts import format_amount
from pytest_paygate.sandbox.hosted_page.tokens import FormTokens

if TYPE_CHECKING:
    from pathlib import Path


def test_card_hides_itself() -> None:
    """A card's repr, as any debugger or log would print it, holds neither number nor code."""
    assert repr(Card("4242424242424242", 12, 2034, "123")) == "Card(exp_month=12, exp_year=2034)"


def test_oldest_forms_are_forgotten_first() -> None:
    """A page loaded over and over cannot fill the memory: old forms lapse, the newest stays good."""
    tokens = FormTokens()
    issued = [tokens.issue("one", "browser") for _ in range(5000)]
    assert not tokens.consume(issued[0], "one", "browser")
    assert tokens.consume(issued[-1], "one", "browser")


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (500, "eur", "EUR 5.00"),
        (5, "USD", "USD 0.05"),
        (500, "jpy", "JPY 500"),
        (1230, "KWD", "KWD 1.230"),
        (500, "isk", "ISK 5.00"),
    ],
)
def test_amount_is_written_with_the_currency_s_decimals(minor: int, currency: str, shown: str) -> None:
    """Five euros are never shown as five hundred."""
    assert format_amount(minor, currency) == shown


def test_decimals_agree_with_the_provider_s_table(contracts: Path) -> None:
    """The page's currencies without and with three decimals are the provider's, special cases included."""
    table = json.loads((contracts / "stripe" / "currencies.json").read_text(encoding="utf-8"))
    # An asterisk marks a listed currency whose amounts are sent times one hundred all the same.
    zero = {code.upper() for code in table["zero_decimal"] if not code.endswith("*")}
    assert {code for code in zero if format_amount(100, code) == f"{code} 100"} == zero
    three = {code.upper() for code in table["three_decimal"]}
    assert {code for code in three if format_amount(1000, code) == f"{code} 1.000"} == three
