"""The page over real HTTP in front of a small provider that keeps its books in memory."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pytest_paygate.sandbox.hosted_page import (
    Card,
    Checkout,
    Outcome,
    OutcomeState,
    PageState,
    challenge_routes,
    routes,
)
from pytest_paygate.sandbox.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

DECLINING = "4000000000000002"
CHALLENGING = "4000002760003184"


@dataclass
class Shop:
    """A provider small enough to be obvious: checkouts by id, the last four digits of every charge, one challenge."""

    base: str = ""
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    charges: list[tuple[str, str]] = field(default_factory=list)
    breaks: bool = False
    returns: bool = True

    async def describe(self, checkout_id: str) -> Checkout | None:
        """The checkout as it stands."""
        return self.checkouts.get(checkout_id)

    async def pay(self, checkout_id: str, card: Card) -> Outcome:
        """Charge, decline or challenge, by the published number."""
        if self.breaks:
            message = f"crashed while holding {card!r}"
            raise RuntimeError(message)
        if card.number == DECLINING:
            return Outcome(OutcomeState.DECLINED, "Your card was declined.")
        if card.number == CHALLENGING:
            return Outcome(OutcomeState.CHALLENGE, location=f"{self.base}/3ds/{checkout_id}")
        return self._paid(checkout_id, card.number[-4:])

    async def authenticate(self, challenge_id: str, *, succeed: bool) -> Outcome:
        """Finish a challenge and go back to the checkout page."""
        if self.breaks:
            raise RuntimeError("crashed")
        back = f"{self.base}/pay/{challenge_id}" if self.returns else None
        if succeed:
            self._paid(challenge_id, "3184")
            return Outcome(OutcomeState.PAID, location=back)
        failed = replace(self.checkouts[challenge_id], notice="We are unable to authenticate your payment method.")
        self.checkouts[challenge_id] = failed
        return Outcome(OutcomeState.DECLINED, location=back)

    def _paid(self, checkout_id: str, last4: str) -> Outcome:
        self.charges.append((checkout_id, last4))
        checkout = self.checkouts[checkout_id]
        self.checkouts[checkout_id] = replace(checkout, state=PageState.PAID, notice=None)
        return Outcome(OutcomeState.PAID, location=checkout.return_url)


def checkout(**changes: object) -> Checkout:
    """An open checkout over five euros."""
    plain = Checkout(500, "EUR", "Paygate Market", "Commercial licence: Aurora", PageState.OPEN, livemode=False)
    return replace(plain, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving_at(application: Starlette) -> AsyncIterator[str]:
    """Serve an application on a free loopback port and give its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serving({"one": application}, {"one": listener}):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def arrived(request: Request) -> PlainTextResponse:
    """The shop's own page after payment."""
    return PlainTextResponse(f"back at the shop {request.url.query}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Shop]:
    """A shop behind a running server."""
    state = Shop()
    application = Starlette(
        routes=[*routes(state, "/pay"), *challenge_routes(state, "/3ds"), Route("/thanks", arrived, methods=["GET"])]
    )
    async with serving_at(application) as base:
        state.base = base
        yield state


@pytest.fixture
def shop(served: Shop) -> Shop:
    """The shop with clean books and one open checkout, `one`."""
    served.checkouts = {"one": checkout()}
    served.charges = []
    served.breaks = False
    served.returns = True
    return served


@pytest_asyncio.fixture(loop_scope="module")
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A browser-like client with its own cookies, at the shop's address."""
    async with httpx.AsyncClient(base_url=shop.base, trust_env=False) as one:
        yield one
