"""What every unattended payer shares: the test card it types, the result it brings back, how it refuses.

A payer stands in for the person at a hosted payment page, in sandbox and staging only. It must never show, keep or log
a card number or CVC: a result names the last four digits at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NoReturn

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, TargetError

_MAY_HAVE_MOVED = "The card was sent: it may have been charged."
_LOOK_UP = "Look the payment up at the provider before anything else; do not pay again."
_PAY_OTHERWISE = "Open the payment URL yourself, or choose another payer with --payer."

# How long to leave a page alone that says the payment is under way.
LOOK_AGAIN_SECONDS = 0.2


class PayerState(StrEnum):
    """How the visit to a hosted page ended."""

    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class TestCard:
    """A provider's published test card, as a person would type it. Number and CVC never appear in its repr.

    Args:
        number: digits only.
        exp_month: 1 to 12.
        exp_year: four digits.
        cvc: three or four digits.
        name: the holder's name to type.
        brand: where the caller knows it; a payer never guesses one.
        challenge: what to answer if the bank asks for 3-D Secure: True completes it, False fails it.
    """

    # pytest would take a class of this name for a test.
    __test__: ClassVar[bool] = False

    number: str = field(repr=False)
    exp_month: int = 12
    exp_year: int = 2034
    cvc: str = field(default="123", repr=False)
    name: str = "Paygate Acceptance"
    brand: str | None = None
    challenge: bool = True

    @property
    def last4(self) -> str:
        """The last four digits, all that may be kept."""
        return self.number[-4:]

    def fields(self) -> dict[str, str]:
        """What goes into the page's fields, by their `autocomplete` token."""
        return {
            "cc-number": self.number,
            "cc-exp": f"{self.exp_month:02d} / {self.exp_year % 100:02d}",
            "cc-csc": self.cvc,
            "cc-name": self.name,
        }

    @property
    def challenge_answer(self) -> str:
        """The value of the challenge button to press."""
        return "complete" if self.challenge else "fail"


@dataclass(frozen=True, slots=True)
class PayerResult:
    """What came of one visit: how it ended, the page's own words, what may be known of the card, how long it took."""

    state: PayerState
    message: str
    last4: str
    brand: str | None
    seconds: float


class PayerError(TargetError):
    """The page could not be used as a hosted payment page. No card was sent."""


class PaymentUnclearError(PayerError):
    """The card was sent and no clear answer came back: it may have been charged, so look the payment up first."""


class Visit:
    """One walk through a hosted page: where to, with which card, and whether the card has left yet.

    Args:
        url: the payment URL.
        card: the card to type.
    """

    def __init__(self, url: str, card: TestCard) -> None:
        self.url = url
        self.card = card
        self.card_sent = False

    def refuse(self, text: str) -> NoReturn:
        """End the visit with the refusal that is right for this moment.

        Raises:
            PayerError: before the card left.
            PaymentUnclearError: after it.
        """
        money = _MAY_HAVE_MOVED if self.card_sent else NOTHING_MOVED
        kind = PaymentUnclearError if self.card_sent else PayerError
        raise kind(refusal(text, money)) from None


def refusal(observed: str, money: str = NOTHING_MOVED) -> Refusal:
    """Say why a payer stopped."""
    return Refusal(
        refused="The hosted payment page was not paid by the unattended payer.",
        expected="a hosted payment page that takes a card and says how the payment ended",
        observed=observed,
        money=money,
        next_step=_LOOK_UP if money == _MAY_HAVE_MOVED else _PAY_OTHERWISE,
    )
