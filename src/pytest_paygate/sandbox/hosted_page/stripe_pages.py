"""Stripe's own pages, Checkout at `/c/pay/{id}` and 3-D Secure at `/3ds/{id}`, on top of the Stripe emulator.

Mount them on the Stripe address: `stripe.routes.app(world, extra_routes=stripe_pages.routes(world))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.hosted_page.backend import Card, Checkout, Outcome, OutcomeState, PageState
from pytest_paygate.sandbox.hosted_page.challenge import challenge_routes
from pytest_paygate.sandbox.hosted_page.routes import routes as checkout_routes

if TYPE_CHECKING:
    from starlette.routing import Route

    from pytest_paygate.sandbox.stripe.hosted import HostedCheckout, PaymentOutcome
    from pytest_paygate.sandbox.world import World

_STATES = {"open": PageState.OPEN, "complete": PageState.PAID, "expired": PageState.EXPIRED}


class CheckoutSessions:
    """Stripe Checkout sessions behind the page."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def describe(self, checkout_id: str) -> Checkout | None:
        """The session as it stands."""
        # The emulator is imported on use: it imports the webhook engine, and the assembler imports both.
        from pytest_paygate.sandbox.stripe import hosted

        try:
            return _checkout(self._world, await hosted.describe_session(self._world, checkout_id))
        except hosted.NoSuchPageError:
            return None

    async def pay(self, checkout_id: str, card: Card) -> Outcome:
        """Pay the session."""
        from pytest_paygate.sandbox.stripe import hosted

        stripe_card = hosted.Card(card.number, card.exp_month, card.exp_year, card.cvc)
        return _outcome(await hosted.pay_session(self._world, checkout_id, stripe_card))


class Challenges:
    """3-D Secure challenges of payment intents behind the page."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def describe(self, challenge_id: str) -> Checkout | None:
        """The payment the challenge is about."""
        from pytest_paygate.sandbox.stripe import hosted

        try:
            return _checkout(self._world, await hosted.describe_challenge(self._world, challenge_id))
        except hosted.NoSuchPageError:
            return None

    async def authenticate(self, challenge_id: str, *, succeed: bool) -> Outcome:
        """Finish the challenge."""
        from pytest_paygate.sandbox.stripe import hosted

        return _outcome(await hosted.authenticate(self._world, challenge_id, succeed))


def _checkout(world: World, shown: HostedCheckout) -> Checkout:
    return Checkout(
        amount_minor=shown.amount_minor,
        currency=shown.currency.upper(),
        merchant=shown.merchant,
        description=shown.description,
        state=_STATES[shown.status],
        livemode=world.keys.livemode,
        return_url=shown.success_url,
        cancel_url=shown.cancel_url,
    )


def _outcome(outcome: PaymentOutcome) -> Outcome:
    state = OutcomeState(outcome.status)
    location = outcome.challenge_url if state is OutcomeState.CHALLENGE else outcome.return_url
    return Outcome(state, outcome.message or "", location)


def routes(world: World) -> list[Route]:
    """The routes of both pages."""
    return [*checkout_routes(CheckoutSessions(world), "/c/pay"), *challenge_routes(Challenges(world), "/3ds")]
