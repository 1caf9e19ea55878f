"""The hosted payment page: what a person or a browser sees when it is time to pay.

Owns HTML, forms and their protection. It knows no provider: a `CheckoutBackend` describes the checkout and takes the
card. Card data goes from the form to the backend and nowhere else: not stored, not logged, never in a URL.
"""

from __future__ import annotations

from pytest_paygate.sandbox.hosted_page.backend import (
    Card,
    ChallengeBackend,
    Checkout,
    CheckoutBackend,
    Outcome,
    OutcomeState,
    PageState,
)
from pytest_paygate.sandbox.hosted_page.challenge import challenge_routes
from pytest_paygate.sandbox.hosted_page.routes import routes

__all__ = [
    "Card",
    "ChallengeBackend",
    "Checkout",
    "CheckoutBackend",
    "Outcome",
    "OutcomeState",
    "PageState",
    "challenge_routes",
    "routes",
]
