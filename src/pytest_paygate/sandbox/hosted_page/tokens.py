"""One-time form tokens: a form can be submitted once, by the browser it was given to, for the checkout it shows."""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict

COOKIE = "paygate_checkout"
_CAPACITY = 4096
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def browser_of(cookie: str | None) -> str:
    """The browser's id from its cookie, or a fresh one."""
    return cookie if cookie is not None and _BROWSER.match(cookie) else secrets.token_urlsafe(32)


class FormTokens:
    """The tokens handed out and not yet used, newest kept. They are gone after a restart: the page then asks again."""

    def __init__(self) -> None:
        self._issued: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def issue(self, subject: str, browser: str) -> str:
        """Make a token for one form of `subject` shown to `browser`."""
        token = secrets.token_urlsafe(32)
        self._issued[token] = (subject, browser)
        while len(self._issued) > _CAPACITY:
            self._issued.popitem(last=False)
        return token

    def consume(self, token: str, subject: str, browser: str | None) -> bool:
        """Use a token up; True only if it was issued for this subject and this browser."""
        issued_for = self._issued.pop(token, None)
        if issued_for is None or browser is None:
            return False
        same_browser = hmac.compare_digest(issued_for[1].encode(), browser.encode("utf-8", "replace"))
        return issued_for[0] == subject and same_browser
