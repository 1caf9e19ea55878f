"""Pays a hosted page in headless Chromium: the same page, the same buttons, a real browser.

Playwright is imported only when a browser is asked for; the machine's own Chromium is used, none is downloaded.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from pytest_paygate.adapters.payer import (
    LOOK_AGAIN_SECONDS,
    PayerError,
    PayerResult,
    PayerState,
    TestCard,
    Visit,
    refusal,
)

if TYPE_CHECKING:
    from playwright.async_api import Page

_EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome")
_ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PAGES_MAX = 12


async def pay(url: str, *, card: TestCard, timeout_seconds: float) -> PayerResult:
    """Open a hosted payment page in Chromium, type the card, pay, answer a 3-D Secure challenge.

    Args:
        url: the payment URL the target handed out.
        card: a published test card.
        timeout_seconds: for the whole visit, the browser's start included.

    Returns:
        How the visit ended, by the page's own declaration.

    Raises:
        PayerError: no browser here, or the page is not a hosted payment page; no card was sent.
        PaymentUnclearError: the card was sent and no clear answer came back.
    """
    executable = find_browser(os.environ.get("PATH", os.defpath))
    visit = _Walk(url, card)
    started = time.monotonic()
    try:
        from playwright.async_api import Error as BrowserError
        from playwright.async_api import async_playwright
    except ImportError:
        visit.refuse("playwright is not installed: pip install 'pytest-paygate[browser]'")
    try:
        async with asyncio.timeout(timeout_seconds), async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=executable, args=list(_arguments()))
            try:
                state, message = await visit.run(await browser.new_page())
            finally:
                await browser.close()
    except TimeoutError:
        visit.refuse(f"the payment page did not finish within {timeout_seconds:g} s")
    except BrowserError as failure:
        # Only the first line: the rest is a call log that can repeat what was typed.
        visit.refuse(f"the browser gave up: {failure.message.splitlines()[0]}")
    return PayerResult(state, message, card.last4, card.brand, time.monotonic() - started)


async def browser_version(*, timeout_seconds: float) -> str:
    """Start the browser, ask its version, and end it.

    Raises:
        PayerError: no browser here, none that starts, or no Playwright to start it with.
    """
    executable = find_browser(os.environ.get("PATH", os.defpath))
    try:
        from playwright.async_api import Error as BrowserError
        from playwright.async_api import async_playwright
    except ImportError:
        raise PayerError(refusal("playwright is not installed: pip install 'pytest-paygate[browser]'")) from None
    try:
        async with asyncio.timeout(timeout_seconds), async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=executable, args=list(_arguments()))
            try:
                return browser.version
            finally:
                await browser.close()
    except (TimeoutError, BrowserError) as failure:
        told = getattr(failure, "message", "").splitlines() or [f"it did not start within {timeout_seconds:g} s"]
        raise PayerError(refusal(f"the browser gave up: {told[0]}")) from None


def find_browser(search_path: str) -> str:
    """The Chromium or Chrome of this machine.

    Args:
        search_path: folders to look in, as in `PATH`.

    Raises:
        PayerError: when there is none.
    """
    for name in _EXECUTABLES:
        found = shutil.which(name, path=search_path)
        if found is not None:
            return found
    raise PayerError(refusal(f"no browser: none of {', '.join(_EXECUTABLES)} is on PATH"))


def _arguments() -> tuple[str, ...]:
    # Chromium refuses to start its sandbox as root; for everybody else it stays on.
    return (*_ARGUMENTS, "--no-sandbox") if os.geteuid() == 0 else _ARGUMENTS


class _Walk(Visit):
    """One walk through a hosted page in a browser."""

    async def run(self, page: Page) -> tuple[PayerState, str]:
        """Walk until the page declares an end."""
        await page.goto(self.url)
        for _ in range(_PAGES_MAX):
            if urlsplit(page.url).hostname != urlsplit(self.url).hostname:
                if not self.card_sent:
                    self.refuse("the payment page leads to another host")
                # Back at the shop, or anywhere: the payment page itself knows what became of the payment.
                await page.goto(self.url)
            while (state := await self._state(page)) == "processing":
                # The page says itself that it must be looked at again; the visit's deadline ends this.
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                await page.goto(self.url)
            if state in {PayerState.PAID, PayerState.EXPIRED}:
                return PayerState(state), await self._alert(page)
            challenge = page.locator(f"button[name=outcome][value={self.card.challenge_answer}]")
            if await challenge.count():
                await self._press(page, "button[name=outcome][value=" + self.card.challenge_answer + "]")
            elif self.card_sent and state == PayerState.DECLINED:
                return PayerState.DECLINED, await self._alert(page)
            elif self.card_sent and not state and not _same_origin(page.url, self.url):
                # The shop's own page, on another port of the same machine: not for us to read either.
                await page.goto(self.url)
            else:
                await self._type_card(page, state)
        return self.refuse(f"the payment page did not end after {_PAGES_MAX} pages")

    async def _type_card(self, page: Page, state: str) -> None:
        form = page.locator("form", has=page.locator("[autocomplete~=cc-number]"))
        if self.card_sent or await form.count() != 1:
            self.refuse(f"the payment page declares state {state!r} and has no card form")
        if not _same_origin(urljoin(page.url, await form.get_attribute("action") or ""), self.url):
            self.refuse("the card form sends to another origin")
        for token, value in self.card.fields().items():
            field = form.locator(f"[autocomplete~={token}]")
            if await field.count():
                await field.fill(value)
        self.card_sent = True
        await self._press(page, "form:has([autocomplete~=cc-number]) button[type=submit]")

    @staticmethod
    async def _press(page: Page, selector: str) -> None:
        async with page.expect_navigation():
            await page.locator(selector).first.click()

    @staticmethod
    async def _state(page: Page) -> str:
        main = page.locator("main[data-state]")
        return await main.first.get_attribute("data-state") or "" if await main.count() else ""

    @staticmethod
    async def _alert(page: Page) -> str:
        alert = page.locator("[role=alert]")
        return " ".join((await alert.first.inner_text()).split()) if await alert.count() else ""


def _same_origin(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)
