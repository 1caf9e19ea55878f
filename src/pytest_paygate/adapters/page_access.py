"""Who may see the operator's page and answer on it: whoever was given its address, from this machine, on this page.

Owns the checks, as ASGI around the page's own routes, and the headers of every answer:
- the Host must be this page's own on loopback, so that no foreign name leads here (DNS rebinding);
- the token of the address is good for one visit, which is given a cookie for the page's own, unguessable path;
- an answer must come from this page (Origin), by POST, as a form, within a small body.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Final

from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX = 8_192
_DRAIN_BYTES_MAX = 65_536
_DRAIN_SECONDS = 1.0
_COOKIE_SECONDS = 12 * 3600
_FORM = "application/x-www-form-urlencoded"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    # With `no-referrer` a browser sends `Origin: null` with a form, even to the page the form stands on.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Keys:
    """The address's one-time token, and the cookie it is exchanged for.

    Args:
        port: the page's port, by which two sessions' cookies are told apart.
    """

    def __init__(self, port: int) -> None:
        self.seat = secrets.token_urlsafe(12)
        self._token = Secret(secrets.token_urlsafe(24), "the operator's page, its address")
        self._cookie = Secret(secrets.token_urlsafe(24), "the operator's page, its cookie")
        self._name = f"paygate_{port}"
        self._lock = threading.Lock()
        self._used = False

    def address(self, base: str) -> str:
        """The address to open once."""
        return f"{base}/?token={self._token.reveal()}"

    def exchange(self, token: str) -> str:
        """The cookie for a token, as a `Set-Cookie` header; empty when it is not this page's, or was used before."""
        with self._lock:
            if self._used or not compare_digest(token.encode(), self._token.reveal().encode()):
                return ""
            self._used = True
        return (
            f"{self._name}={self._cookie.reveal()}; Path=/{self.seat}/; Max-Age={_COOKIE_SECONDS}; "
            "HttpOnly; SameSite=Strict"
        )

    def was_used(self, token: str) -> bool:
        """Whether a token is the right one and was used before."""
        return self._used and compare_digest(token.encode(), self._token.reveal().encode())

    def opens(self, cookies: str) -> bool:
        """Whether a `Cookie` header holds this page's cookie."""
        try:
            found = SimpleCookie(cookies).get(self._name)
        except CookieError:
            return False
        return found is not None and compare_digest(found.value.encode(), self._cookie.reveal().encode())


class Access:
    """Lets a request through to the page, or refuses it in a sentence.

    Args:
        app: the page's routes.
        keys: who was given the address.
        port: the page's port.
        refusal: draws a page from a title and a sentence.
    """

    def __init__(self, app: App, keys: Keys, port: int, refusal: Callable[[str, str], str]) -> None:
        self._app = app
        self._keys = keys
        self._hosts = {f"{HOST}:{port}".encode(), f"localhost:{port}".encode()}
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the page serves http only, not {scope['type']}")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [(name, value) for name, value in message["headers"] if name.decode().lower() not in HEADERS]
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*given, *ours]}
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            await self._app(scope, receive, guarded)
            return
        status, title, sentence = refused
        await _drain(receive)
        body = self._refusal(title, sentence).encode()
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        # What is left of a refused body is not read any more.
        headers.append((b"connection", b"close"))
        await guarded({"type": "http.response.start", "status": status, "headers": headers})
        await guarded({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _refused(self, scope: Scope) -> tuple[int, str, str] | None:
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]

        def all_of(wanted: bytes) -> list[bytes]:
            return [value for name, value in headers if name.lower() == wanted]

        hosts = all_of(b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 400, "Not this page", "This page answers under its own name on this machine only."
        if scope["path"].startswith(f"/{self._keys.seat}/") and not self._keys.opens(
            "; ".join(value.decode("latin-1") for value in all_of(b"cookie"))
        ):
            return 403, "Not your page", "Open the address that the terminal shows; it lets one browser in, once."
        if scope["method"] != "POST":
            return None
        return _refused_form(hosts[0], all_of)


async def _drain(receive: Receive) -> None:
    """Read what a refused request still sends, within bounds: cut off in the middle, it would not read our answer."""
    read = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while read <= _DRAIN_BYTES_MAX:
                message = await receive()
                read += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _refused_form(host: bytes, all_of: Callable[[bytes], list[bytes]]) -> tuple[int, str, str] | None:
    if all_of(b"origin") != [b"http://" + host] or any(site != b"same-origin" for site in all_of(b"sec-fetch-site")):
        return 403, "Not from this page", "An answer counts only when it is sent from this page itself."
    kinds = all_of(b"content-type")
    if len(kinds) != 1 or kinds[0].decode("latin-1").partition(";")[0].strip().lower() != _FORM:
        return 415, "Not a form", f"An answer is sent as a form ({_FORM})."
    lengths = all_of(b"content-length")
    if len(lengths) != 1 or not lengths[0].isdigit() or all_of(b"transfer-encoding"):
        return 411, "Of unknown length", "An answer says how long it is."
    if int(lengths[0][:20]) > BODY_BYTES_MAX:
        return 413, "Too long", f"An answer has at most {BODY_BYTES_MAX} bytes."
    return None
