"""Turns a checkout into HTML and sets the headers that keep the page closed: no scripts, no frames, no caching.

Everything is escaped by the template engine; a template that names an unknown value is an error, not a blank.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pytest_paygate.sandbox.hosted_page.amounts import format_amount
from pytest_paygate.sandbox.hosted_page.tokens import COOKIE

if TYPE_CHECKING:
    from pytest_paygate.sandbox.hosted_page.backend import Checkout

_FOLDER = Path(__file__).parent
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost"})
# A form's redirects are checked against form-action too, and every emulated party is on loopback.
_FORM_TARGETS = "'self' http://127.0.0.1:* http://localhost:*"


@cache
def _style() -> str:
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


@cache
def content_security_policy() -> str:
    """The policy of every page: one inline style sheet, known by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action {_FORM_TARGETS};"
        " frame-ancestors 'none'; base-uri 'none'"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(_style())  # noqa: S704 - our own file, and the policy names its hash
    return environment


def page(template: str, checkout: Checkout | None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template with the checkout it is about; None where there is none."""
    amount = format_amount(checkout.amount_minor, checkout.currency) if checkout else ""
    text = _environment().get_template(template).render(checkout=checkout, amount=amount, **values)
    response = HTMLResponse(text, status_code=status)
    _close(response)
    return response


def message_page(
    state: str, title: str, text: str, checkout: Checkout | None = None, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page that only tells something.

    Values: `link` with `link_text`, `refresh` in seconds with or without a link, `error` for bad news.
    """
    shown = {"link": None, "link_text": "", "refresh": None, "error": False} | values
    return page("message.html", checkout, status=status, state=state, title=title, text=text, **shown)


def is_web_address(url: str | None) -> bool:
    """Whether a URL may be linked to or followed: http or https with a host, nothing a browser would run."""
    if not url or not url.isascii() or any(character <= " " or character in '"<>\\' for character in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def leave(url: str, state: str, checkout: Checkout | None = None) -> Response:
    """Send the browser on: at once within loopback, by a page of its own to anywhere else.

    The form-action policy stops a submitted form from being redirected away from loopback; a page's own refresh is
    not stopped.
    """
    if not is_web_address(url):
        text = "The shop's return address is not a web address, so you stay here."
        return message_page(state, "Return address refused", text, checkout)
    if urlsplit(url).hostname in _LOOPBACK_HOSTS:
        response = RedirectResponse(url, status_code=303)
        _close(response)
        return response
    text = "You are being sent on."
    return message_page(state, "One moment", text, checkout, link=url, link_text="Continue", refresh=0)


def remember_browser(response: Response, browser: str) -> None:
    """Bind the browser to the forms it is shown."""
    response.set_cookie(COOKIE, browser, httponly=True, samesite="lax", path="/")


def _close(response: Response) -> None:
    response.headers["Content-Security-Policy"] = content_security_policy()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
