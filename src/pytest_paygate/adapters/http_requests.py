"""What a request is made of before it is sent: address, headers, body.

Pure. Secrets are revealed here, at the last step before the wire, and nowhere kept.
"""

from __future__ import annotations

import hashlib
import json as json_text
import secrets
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from pytest_paygate.adapters.http_date import date_of
from pytest_paygate.core.errors import configuration
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.ports import Desk
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from pytest_paygate.adapters.answers import Answer
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Charge, Outgoing


def traceparent(trace_id: str) -> str:
    """The W3C header for a trace id of our form: one trace per run, a new span for every request."""
    return f"00-{hashlib.sha256(trace_id.encode()).hexdigest()[:32]}-{secrets.token_hex(8)}-01"


def checked_base_url(base_url: str) -> str:
    """Return the base URL without a trailing slash.

    Raises:
        ConfigurationError: when it is not plain http(s).
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise configuration(
            "base_url",
            "cannot be used",
            expected="http:// or https://, a host, perhaps a port and a path; no user, query or fragment",
            observed=f"scheme {parts.scheme or 'none'}, host {parts.hostname or 'none'}",
            next_step="Correct base_url in paygate.toml.",
        )
    return base_url.rstrip("/")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def content_type(json: object, form: Mapping[str, str | Secret] | None) -> str:
    """The content type of what will be sent; empty for none, or for bytes the caller describes itself."""
    if json is not None:
        return "application/json"
    return "" if form is None else "application/x-www-form-urlencoded"


def encoded_body(json: object, form: Mapping[str, str | Secret] | None, content: bytes | None) -> bytes | None:
    """The bytes to send.

    Raises:
        ValueError: when more than one body is given.
        TypeError: for a value without a JSON form.
    """
    if sum(part is not None for part in (json, form, content)) > 1:
        raise ValueError("a request has one body: json, form or content")
    if json is not None:
        return json_text.dumps(
            json, default=_revealed, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    if form is not None:
        return urlencode([(name, _revealed(v) if isinstance(v, Secret) else v) for name, v in form.items()]).encode()
    return content


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def request_id(headers: Mapping[str, str]) -> str:
    """The party's own id of the exchange, when it gave one in the shape of an id."""
    for name in ("request-id", "x-request-id"):
        try:
            return str(to_json(FactKind.IDENTIFIER, headers.get(name)))
        except FactShapeError:
            continue
    return ""


def clock_offset_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How far our wall clock is ahead of a party's, as its `Date` header tells; None without a readable one."""
    at = date_of(headers)
    # The header is cut to whole seconds, so half a second is the best guess of what is missing.
    return None if at is None else (now - at).total_seconds() - 0.5


class RowDesk(Desk, Protocol):
    """A desk that also knows which row is running."""

    def check_row(self, request: Outgoing) -> None:
        """Refuse a write from a row that moves money, unless it says what it moves; raises `InterlockError`."""


async def declared(
    desk: RowDesk | None, outgoing: Outgoing, send: Callable[[], Awaitable[Answer]], *, once: bool
) -> Answer:
    """Send a request that says to move nothing, unless the desk knows that it may.

    Raises:
        InterlockError: when it may; nothing was sent.
    """
    if desk is not None:
        if once:
            desk.check_undeclared(outgoing)
        desk.check_row(outgoing)
    return await send()


async def over_the_desk(  # noqa: PLR0913 - what is sent, and what it says of itself
    desk: Desk | None,
    outgoing: Outgoing,
    send: Callable[[], Awaitable[Answer]],
    charge: Money | None,
    refund: Charge | None,
    *,
    probe: bool,
) -> Answer:
    """Send a request that moves money, or must not, by way of the desk.

    Raises:
        InterlockError: when money may not move; nothing was sent.
        RuntimeError: where a client has no desk, or is told of two of them at once.
    """
    if desk is not None and probe and charge is None and refund is None:
        return await desk.probe(outgoing, send)
    if desk is not None and charge is not None and refund is None and not probe:
        return await desk.buy(charge, outgoing, send)
    if desk is not None and refund is not None and charge is None and not probe:
        return await desk.refund(refund, outgoing, send)
    raise RuntimeError("charge, refund or probe, one of the three, and only where the gate's own target is asked")
