"""Pays a hosted page by plain HTTP, as a browser without scripts would: forms, cookies, redirects, 3-D Secure.

The card goes to the origin the payment URL names and nowhere else; redirects are followed on that host only. A page
that leaves the host after payment is asked again at its own URL for what became of it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

import httpx

from pytest_paygate.adapters.payer import LOOK_AGAIN_SECONDS, PayerResult, PayerState, TestCard, Visit
from pytest_paygate.adapters.payer_page import Form, HostedPage, read_page

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGES_MAX = 12
_PAGE_BYTES_MAX = 1024 * 1024
_SEE_OTHER = frozenset({301, 302, 303})
_KEEP_METHOD = frozenset({307, 308})


async def pay(url: str, *, card: TestCard, timeout_seconds: float) -> PayerResult:
    """Open a hosted payment page, type the card, pay, answer a 3-D Secure challenge.

    Args:
        url: the payment URL the target handed out.
        card: a published test card.
        timeout_seconds: for the whole visit.

    Returns:
        How the visit ended, by the page's own declaration.

    Raises:
        PayerError: the page cannot be reached or is not a hosted payment page; no card was sent.
        PaymentUnclearError: the card was sent and no clear answer came back.
    """
    visit = _Walk(url, card)
    started = time.monotonic()
    try:
        async with asyncio.timeout(timeout_seconds), _client(url, timeout_seconds) as client:
            state, message = await visit.run(client)
    except TimeoutError:
        visit.refuse(f"the payment page did not finish within {timeout_seconds:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        visit.refuse(f"the payment page cannot be reached: {type(failure).__name__}")
    return PayerResult(state, message, card.last4, card.brand, time.monotonic() - started)


def _client(url: str, timeout_seconds: float) -> httpx.AsyncClient:
    # Plain HTTP needs no certificates; reading the bundle would cost more than the whole visit.
    verify: ssl.SSLContext | bool = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True
    return httpx.AsyncClient(timeout=timeout_seconds, trust_env=False, verify=verify)


class _Walk(Visit):
    """One walk through a hosted page."""

    async def run(self, client: httpx.AsyncClient) -> tuple[PayerState, str]:
        """Walk until the page declares an end."""
        page, at = await self._open(client, "GET", httpx.URL(self.url), None)
        for _ in range(_PAGES_MAX):
            while page.state == "processing":
                # The page says itself that it must be looked at again; the visit's deadline ends this.
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                page, at = await self._open(client, "GET", httpx.URL(self.url), None)
            if page.state in {PayerState.PAID, PayerState.EXPIRED}:
                return PayerState(page.state), page.alert
            challenge = page.challenge_form()
            if challenge is not None:
                fields = {**challenge.hidden, "outcome": self.card.challenge_answer}
                page, at = await self._submit(client, challenge, at, fields)
                continue
            if self.card_sent and page.state == PayerState.DECLINED:
                return PayerState.DECLINED, page.alert
            page, at = await self._type_card(client, page, at)
        return self.refuse(f"the payment page did not end after {_PAGES_MAX} pages")

    async def _type_card(
        self, client: httpx.AsyncClient, page: HostedPage, at: httpx.URL
    ) -> tuple[HostedPage, httpx.URL]:
        form = page.card_form()
        if form is None or self.card_sent:
            self.refuse(f"the page at {_shown(at)} declares state {page.state!r} and has no card form")
        if not _same_origin(at.join(form.action), httpx.URL(self.url)):
            self.refuse(f"the card form at {_shown(at)} sends to another origin, {_shown(at.join(form.action))}")
        typed = self.card.fields()
        fields = form.hidden | {
            name: typed[token] for token, name in form.names_by_autocomplete.items() if token in typed
        }
        self.card_sent = True
        return await self._submit(client, form, at, fields)

    async def _submit(
        self, client: httpx.AsyncClient, form: Form, at: httpx.URL, fields: Mapping[str, str]
    ) -> tuple[HostedPage, httpx.URL]:
        if form.method != "post":
            # A GET form would put the fields into a URL, and so into logs and histories.
            self.refuse(f"the form at {_shown(at)} is sent by {form.method.upper()}, not by POST")
        return await self._open(client, "POST", at.join(form.action), fields)

    async def _open(
        self, client: httpx.AsyncClient, method: str, url: httpx.URL, fields: Mapping[str, str] | None
    ) -> tuple[HostedPage, httpx.URL]:
        """Load one page, following redirects on the host of the payment URL."""
        home = httpx.URL(self.url)
        for _ in range(_PAGES_MAX):
            if url.host != home.host:
                if not self.card_sent:
                    self.refuse(f"the payment page leads to another host, {_shown(url)}")
                # Back at the shop, or anywhere: the payment page itself knows what became of the payment.
                method, url, fields = "GET", home, None
            status, location, html = await _load(client, method, url, fields)
            if status in _KEEP_METHOD and method == "POST":
                self.refuse(f"{_shown(url)} asks to send the form on with status {status}")
            if status in _SEE_OTHER | _KEEP_METHOD and location:
                method, url, fields = "GET", url.join(location), None
                continue
            page = read_page(html)
            if not page.state and not page.challenge_form():
                if self.card_sent and not _same_origin(url, home):
                    # The shop's own page, on another port of the same machine: not for us to read either.
                    method, url, fields = "GET", home, None
                    continue
                self.refuse(f"{_shown(url)} answered {status} and is not a hosted payment page")
            return page, url
        return self.refuse(f"the payment page redirects more than {_PAGES_MAX} times")


async def _load(
    client: httpx.AsyncClient, method: str, url: httpx.URL, fields: Mapping[str, str] | None
) -> tuple[int, str, str]:
    """Read at most a megabyte of one answer: status, redirect target, text."""
    body = bytearray()
    async with client.stream(method, url, data=fields, headers={"Accept": "text/html"}) as answer:
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > _PAGE_BYTES_MAX:
                break
    text = bytes(body[:_PAGE_BYTES_MAX]).decode("utf-8", "replace")
    return answer.status_code, answer.headers.get("location", ""), text


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _shown(url: httpx.URL) -> str:
    """A URL without its query: a payment URL's query can be a secret."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))
