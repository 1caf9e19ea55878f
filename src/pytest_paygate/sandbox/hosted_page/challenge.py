"""The 3-D Secure page: the cardholder's bank asks, the person completes or fails the challenge."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.routing import Route

from pytest_paygate.sandbox.hosted_page.backend import OutcomeState, PageState
from pytest_paygate.sandbox.hosted_page.form import FormError, read_fields
from pytest_paygate.sandbox.hosted_page.render import leave, message_page, page, remember_browser
from pytest_paygate.sandbox.hosted_page.routes import settled_page, unknown_page
from pytest_paygate.sandbox.hosted_page.tokens import COOKIE, FormTokens, browser_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.hosted_page.backend import ChallengeBackend, Checkout, Outcome

_LOG = logging.getLogger(__name__)
_OUTCOMES = {"complete": True, "fail": False}


class ChallengePages:
    """The challenge page of one provider."""

    def __init__(self, backend: ChallengeBackend) -> None:
        self._backend = backend
        self._tokens = FormTokens()

    async def show(self, request: Request) -> Response:
        """GET: the question, or what has become of it."""
        checkout = await self._backend.describe(request.path_params["challenge_id"])
        if checkout is None:
            return unknown_page()
        if checkout.state is not PageState.OPEN:
            return settled_page(checkout)
        return self._form(request, checkout)

    async def submit(self, request: Request) -> Response:
        """POST: the person's choice."""
        challenge_id = request.path_params["challenge_id"]
        try:
            fields = await read_fields(request)
        except FormError as error:
            return message_page("challenge", "Form refused", f"Nothing has changed: {error}.", status=400, error=True)
        checkout = await self._backend.describe(challenge_id)
        if checkout is None:
            return unknown_page()
        if checkout.state is not PageState.OPEN:
            return settled_page(checkout)
        succeed = _OUTCOMES.get(fields.get("outcome", ""))
        browser = request.cookies.get(COOKIE)
        if succeed is None or not self._tokens.consume(fields.get("form_token", ""), challenge_id, browser):
            return self._form(request, checkout, alert="Please choose again.", status=403)
        try:
            outcome = await self._backend.authenticate(challenge_id, succeed=succeed)
        except Exception as error:  # noqa: BLE001 - a person gets a page, whatever broke; the trace could hold the card
            _LOG.error("authenticating %s broke down: %s", challenge_id, type(error).__name__)
            text = "We cannot say whether the payment went through. Do not pay again before you have checked."
            return message_page("processing", "Something went wrong", text, checkout, status=500, error=True)
        return _after(outcome, checkout)

    def _form(self, request: Request, checkout: Checkout, *, alert: str = "", status: int = 200) -> Response:
        browser = browser_of(request.cookies.get(COOKIE))
        token = self._tokens.issue(request.path_params["challenge_id"], browser)
        response = page("challenge.html", checkout, status=status, alert=alert, token=token)
        remember_browser(response, browser)
        return response


def _after(outcome: Outcome, checkout: Checkout) -> Response:
    if outcome.location is not None:
        return leave(outcome.location, outcome.state, checkout)
    if outcome.state is OutcomeState.PAID:
        return message_page("paid", "Payment complete", "Thank you. Your payment has been received.", checkout)
    text = outcome.message or "The payment was not authenticated."
    return message_page("declined", "Payment declined", text, checkout, status=402, error=True)


def challenge_routes(backend: ChallengeBackend, prefix: str) -> list[Route]:
    """Routes of the challenge page at `{prefix}/{challenge_id}`."""
    pages = ChallengePages(backend)
    path = f"{prefix}/{{challenge_id}}"
    return [Route(path, pages.show, methods=["GET"]), Route(path, pages.submit, methods=["POST"])]
