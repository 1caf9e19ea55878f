"""From card data to a stored payment method: checks, refusals, and what little of a card is kept.

A number and a CVC live in local variables only. What is stored is brand, last four, expiry, a keyed fingerprint and
the name of the card's behaviour.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import card_catalogue as catalogue
from pytest_paygate.sandbox.stripe import errors

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_paygate.sandbox.stripe.card_catalogue import Behaviour

_FINGERPRINT_KEY = secrets.token_bytes(32)
_NUMBER_LENGTHS = range(12, 20)


@dataclass(frozen=True, slots=True)
class Card:
    """Card data on its way to a token. Its repr never shows number or CVC."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A card that may be stored: its behaviour, expiry and fingerprint."""

    behaviour: Behaviour
    exp_month: int
    exp_year: int
    fingerprint: str
    cvc_given: bool


def accept(card: Card, *, livemode: bool, today: datetime) -> Accepted:
    """Check card data as the issuer's gateway does.

    Raises:
        StripeError: 402 for a mistyped, expired or unknown card; a test card in a rehearsal is a `testmode_decline`.

    """
    digits = "".join(character for character in card.number if character not in " -")
    if not digits.isascii() or not digits.isdigit() or len(digits) not in _NUMBER_LENGTHS or not _luhn(digits):
        raise errors.card_error("Your card number is incorrect.", "incorrect_number", param="number")
    _check_expiry(card, today)
    if card.cvc is not None and not (card.cvc.isascii() and card.cvc.isdigit() and len(card.cvc) in (3, 4)):
        raise errors.card_error("Your card's security code is invalid.", "invalid_cvc", param="cvc")
    behaviour = catalogue.BY_NUMBER.get(digits)
    refusal = _refusal(behaviour, livemode=livemode)
    if behaviour is None or refusal is not None:
        raise declined(refusal or catalogue.NOT_A_TEST_CARD)
    month, year = card.exp_month, card.exp_year if card.exp_year > 99 else 2000 + card.exp_year
    return Accepted(behaviour, month, year, fingerprint(digits), card.cvc is not None)


def accept_published(payment_method: str, today: datetime) -> Accepted | None:
    """The card behind a published `pm_card_…` id, or None for any other id."""
    behaviour = catalogue.BY_PAYMENT_METHOD.get(payment_method)
    if behaviour is None:
        return None
    return Accepted(behaviour, 12, today.year + 3, fingerprint(behaviour.name), cvc_given=True)


def declined(decline: catalogue.Decline) -> errors.StripeError:
    """The 402 for an issuer's refusal."""
    return errors.card_error(decline.message, decline.code, decline_code=decline.decline_code)


def fingerprint(digits: str) -> str:
    """A keyed digest that is equal for equal cards and tells nothing else."""
    return hmac.new(_FINGERPRINT_KEY, digits.encode(), hashlib.sha256).hexdigest()[:16]


def _refusal(behaviour: Behaviour | None, *, livemode: bool) -> catalogue.Decline | None:
    if livemode:
        if behaviour is None:
            return catalogue.GENERIC_DECLINE
        return None if behaviour.name == catalogue.REHEARSAL.name else catalogue.TESTMODE_DECLINE
    if behaviour is None or behaviour.name == catalogue.REHEARSAL.name:
        return catalogue.NOT_A_TEST_CARD
    return None


def _check_expiry(card: Card, today: datetime) -> None:
    if card.exp_month not in range(1, 13):
        raise errors.card_error("Your card's expiration month is invalid.", "invalid_expiry_month", param="exp_month")
    year = card.exp_year if card.exp_year > 99 else 2000 + card.exp_year
    if not today.year <= year <= today.year + 50:
        raise errors.card_error("Your card's expiration year is invalid.", "invalid_expiry_year", param="exp_year")
    if year == today.year and card.exp_month < today.month:
        raise errors.card_error("Your card's expiration month is invalid.", "invalid_expiry_month", param="exp_month")


def _luhn(digits: str) -> bool:
    total = 0
    for index, character in enumerate(reversed(digits)):
        value = int(character) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
