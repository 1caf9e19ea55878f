"""The checkout page's routes: show it, take the card, say what came of it.

- A form counts once, from the browser it was shown to; anything else is shown the page again, uncharged.
- After a decline, name and expiry stay; number and code must be typed again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from pytest_paygate.sandbox.hosted_page.backend import OutcomeState, PageState
from pytest_paygate.sandbox.hosted_page.form import CardForm, FormError, read_card, read_fields
from pytest_paygate.sandbox.hosted_page.render import (
    is_web_address,
    leave,
    message_page,
    page,
    remember_browser,
)
from pytest_paygate.sandbox.hosted_page.tokens import COOKIE, FormTokens, browser_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.hosted_page.backend import Checkout, CheckoutBackend, Outcome

_LOG = logging.getLogger(__name__)
_EMPTY = CardForm("", "", None, {})
_PROCESSING_REFRESH_SECONDS = 2


class CheckoutPages:
    """The page of one provider's checkouts."""

    def __init__(self, backend: CheckoutBackend) -> None:
        self._backend = backend
        self._tokens = FormTokens()

    async def show(self, request: Request) -> Response:
        """GET: the checkout as it stands."""
        checkout_id = request.path_params["checkout_id"]
        checkout = await self._backend.describe(checkout_id)
        if checkout is None:
            return unknown_page()
        if checkout.state is not PageState.OPEN:
            return settled_page(checkout)
        return self._form(request, checkout, _EMPTY, alert=checkout.notice or "")

    async def submit(self, request: Request) -> Response:
        """POST: try to pay once."""
        checkout_id = request.path_params["checkout_id"]
        try:
            fields = await read_fields(request)
        except FormError as error:
            return message_page("open", "Form refused", f"Nothing was charged: {error}.", status=400, error=True)
        checkout = await self._backend.describe(checkout_id)
        if checkout is None:
            return unknown_page()
        if checkout.state is not PageState.OPEN:
            return settled_page(checkout)
        return await self._pay(request, checkout, fields)

    async def _pay(self, request: Request, checkout: Checkout, fields: dict[str, str]) -> Response:
        checkout_id = request.path_params["checkout_id"]
        form = read_card(fields)
        cross_site = request.headers.get("sec-fetch-site") == "cross-site"
        token = fields.get("form_token", "")
        if cross_site or not self._tokens.consume(token, checkout_id, request.cookies.get(COOKIE)):
            alert = "This form was already used or is too old. Nothing was charged; please try again."
            return self._form(request, checkout, form, alert=alert, status=403)
        if form.card is None:
            return self._form(request, checkout, form, alert=" ".join(form.errors.values()), status=422)
        try:
            outcome = await self._backend.pay(checkout_id, form.card)
        except Exception as error:  # noqa: BLE001 - a person gets a page, whatever broke; the trace could hold the card
            _LOG.error("paying %s broke down: %s", checkout_id, type(error).__name__)
            text = "We cannot say whether the payment went through. Do not pay again before you have checked."
            return message_page("processing", "Something went wrong", text, checkout, status=500, error=True)
        return await self._after(request, checkout, form, outcome)

    async def _after(self, request: Request, checkout: Checkout, form: CardForm, outcome: Outcome) -> Response:
        if outcome.state is OutcomeState.DECLINED:
            return self._form(request, checkout, form, alert=outcome.message, status=402)
        if outcome.location is not None and outcome.state in {OutcomeState.PAID, OutcomeState.CHALLENGE}:
            return leave(outcome.location, outcome.state, checkout)
        current = await self._backend.describe(request.path_params["checkout_id"])
        return unknown_page() if current is None else settled_page(current)

    def _form(self, request: Request, checkout: Checkout, form: CardForm, *, alert: str, status: int = 200) -> Response:
        browser = browser_of(request.cookies.get(COOKIE))
        cancel_url = checkout.cancel_url if is_web_address(checkout.cancel_url) else None
        response = page(
            "pay.html",
            checkout,
            status=status,
            form=form,
            alert=alert,
            cancel_url=cancel_url,
            token=self._tokens.issue(request.path_params["checkout_id"], browser),
        )
        remember_browser(response, browser)
        return response


def unknown_page() -> Response:
    """There is no such checkout."""
    return message_page(
        "expired", "Page not found", "This payment page does not exist. Please return to the shop.", status=404
    )


def settled_page(checkout: Checkout) -> Response:
    """A checkout that takes no card: paid, under way or over."""
    link = checkout.return_url if is_web_address(checkout.return_url) else None
    values: dict[str, Any] = {"link": link, "link_text": "Return to the shop"}
    if checkout.state is PageState.PAID:
        return message_page(
            "paid", "Payment complete", "Thank you. Your payment has been received.", checkout, **values
        )
    if checkout.state is PageState.PROCESSING and is_web_address(checkout.continue_url):
        text = "Your bank still asks you to confirm this payment."
        return message_page(
            "processing", "Confirmation needed", text, checkout, link=checkout.continue_url, link_text="Continue"
        )
    if checkout.state is PageState.PROCESSING:
        text = "Your payment is being processed. This page looks again by itself."
        return message_page("processing", "Payment under way", text, checkout, refresh=_PROCESSING_REFRESH_SECONDS)
    text = "This payment page can no longer be used. Nothing will be charged here."
    return message_page("expired", "Payment page expired", text, checkout, status=410, **values)


def routes(backend: CheckoutBackend, prefix: str) -> list[Route]:
    """Routes of the checkout page at `{prefix}/{checkout_id}`."""
    pages = CheckoutPages(backend)
    path = f"{prefix}/{{checkout_id}}"
    return [Route(path, pages.show, methods=["GET"]), Route(path, pages.submit, methods=["POST"])]
