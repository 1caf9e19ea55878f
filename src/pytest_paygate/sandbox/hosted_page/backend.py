"""The ports of the hosted page: what a provider must be able to say and do for the page to work."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class PageState(StrEnum):
    """Where a checkout stands when its page is asked for."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"


class OutcomeState(StrEnum):
    """What came of one attempt to pay or to authenticate."""

    PAID = "paid"
    DECLINED = "declined"
    CHALLENGE = "challenge"
    PROCESSING = "processing"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Card:
    """A typed-in card. It lives for one request and its number and code never show in a repr."""

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the page shows.

    `notice` is the message of a decline that happened elsewhere, such as a failed challenge; `continue_url` leads to a
    challenge that still waits for an answer.
    """

    amount_minor: int
    currency: str
    merchant: str
    description: str
    state: PageState
    livemode: bool
    return_url: str | None = None
    cancel_url: str | None = None
    notice: str | None = None
    continue_url: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt, and where the browser goes next (None: it stays on the page)."""

    state: OutcomeState
    message: str = ""
    location: str | None = None


class CheckoutBackend(Protocol):
    """A provider's checkout behind the page."""

    async def describe(self, checkout_id: str) -> Checkout | None:
        """The checkout as it stands now, or None when there is none by that id."""

    async def pay(self, checkout_id: str, card: Card) -> Outcome:
        """Try to pay once with this card."""


class ChallengeBackend(Protocol):
    """A provider's 3-D Secure challenge behind the page."""

    async def describe(self, challenge_id: str) -> Checkout | None:
        """What is being authenticated, or None when there is no such challenge."""

    async def authenticate(self, challenge_id: str, *, succeed: bool) -> Outcome:
        """Finish the challenge the way the person chose."""
