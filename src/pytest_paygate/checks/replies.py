"""Whether the target's answers keep to themselves what nobody may read: card numbers, tokens, keys, passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same
from pytest_paygate.core.leaks import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_paygate.core.secret import Secret

# Thirteen to nineteen digits that begin as a card network's numbers do, alone, perhaps in groups.
_CARD = re.compile(rb"(?<![\w.-])[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}(?![\w.-])")

# What a provider calls secret: whole and restricted keys, and those of webhooks.
_KEY = re.compile(r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{6,}|whsec_[A-Za-z0-9+/=_-]{6,}")


@check("No answer holds one of the run's secrets")
def no_secret_told(body: bytes, secrets: Iterable[Secret]) -> Finding | None:
    """`secrets` are the run's keys and passwords and the buyer's token, searched for in every encoding."""
    found = Scanner(secrets).scan(body)
    return same(
        "how many secrets of this run the answer holds",
        observed=len(found),
        expected=0,
        next_step="Rotate what was told, and have the target answer without it.",
    )


@check("No answer holds a card number")
def no_card_told(body: bytes) -> Finding | None:
    """A masked number is none."""
    numbers = [one for one in _CARD.findall(body) if _passes_luhn(one)]
    return same(
        "how many card numbers the answer holds",
        observed=len(numbers),
        expected=0,
        next_step="Have the target answer with brand and last four digits at most; the answer was not kept here.",
    )


@check("Neither what the target says of itself nor the headers of its answers hold a secret key")
def no_key_told(question: str, texts: Iterable[str]) -> Finding | None:
    """`texts` are headers and body of the answer to the question; a key that is published on purpose is none."""
    found = sum(_KEY.search(text) is not None for text in texts)
    return same(
        f"how many headers and bodies of {question} hold a key of the provider",
        observed=found,
        expected=0,
        next_step="Rotate the key now: whoever can ask has it. Have the target answer without it.",
    )


def _passes_luhn(number: bytes) -> bool:
    digits = [int(chr(one)) for one in number if chr(one).isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0
