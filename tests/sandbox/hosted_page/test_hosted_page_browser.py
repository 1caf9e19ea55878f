"""A real Chromium types into the page: pays, sees a decline, completes a challenge, in both colour schemes and widths."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, async_playwright

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")
WIDE = ViewportSize(width=1100, height=860)
NARROW = ViewportSize(width=320, height=860)
ARGUMENTS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The installed Chromium; these tests need one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    assert found, "install chromium (apt-get install chromium) to run the browser tests"
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One headless Chromium for this module."""
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser) -> AsyncIterator[Page]:
    """A tab of a browser without scripts, which the page must not need."""
    context = await browser.new_context(java_script_enabled=False, viewport=WIDE)
    yield await context.new_page()
    await context.close()


async def type_card(page: Page, number: str) -> None:
    """Fill the form as an autofilling browser finds its fields, and press Pay."""
    typed = {"cc-number": number, "cc-exp": "12 / 34", "cc-csc": "123", "cc-name": "Ada Lovelace"}
    for token, text in typed.items():
        await page.locator(f"[autocomplete={token}]").press_sequentially(text)
    await page.get_by_role("button", name="Pay EUR 5.00").click()


async def state(page: Page) -> str | None:
    """The state the page declares."""
    return await page.locator("main").get_attribute("data-state")


async def test_person_pays(tab: Page, shop: Any) -> None:
    """Typing the card and pressing Pay ends on the paid page."""
    await tab.goto(f"{shop.base}/pay/one")
    await type_card(tab, "4242424242424242")
    assert await state(tab) == "paid"
    assert shop.charges == [("one", "4242")]


async def test_person_is_sent_back_to_the_shop(tab: Page, shop: Any) -> None:
    """The policy lets the form's redirect reach the shop on another loopback name and port."""
    target = shop.base.replace("127.0.0.1", "localhost") + "/thanks"
    shop.checkouts["one"] = replace(shop.checkouts["one"], return_url=target)
    await tab.goto(f"{shop.base}/pay/one")
    await type_card(tab, "4242424242424242")
    await tab.wait_for_url(target)
    assert "back at the shop" in await tab.locator("body").inner_text()


async def test_person_sees_a_decline_and_pays_with_another_card(tab: Page, shop: Any) -> None:
    """The decline is announced, name and expiry are still there, and the next card pays."""
    await tab.goto(f"{shop.base}/pay/one")
    await type_card(tab, "4000000000000002")
    assert await tab.get_by_role("alert").inner_text() == "Your card was declined."
    assert await tab.locator("[autocomplete=cc-name]").input_value() == "Ada Lovelace"
    assert await tab.locator("[autocomplete=cc-number]").input_value() == ""
    await tab.locator("[autocomplete=cc-number]").fill("4242424242424242")
    await tab.locator("[autocomplete=cc-csc]").fill("123")
    await tab.get_by_role("button", name="Pay EUR 5.00").click()
    assert await state(tab) == "paid"


@pytest.mark.parametrize(("button", "ends"), [("Complete", "paid"), ("Fail", "declined")])
async def test_person_answers_the_challenge(tab: Page, shop: Any, button: str, ends: str) -> None:
    """The 3-D Secure page is reached, answered, and leads back."""
    await tab.goto(f"{shop.base}/pay/one")
    await type_card(tab, "4000002760003184")
    assert await state(tab) == "challenge"
    await tab.get_by_role("button", name=button).click()
    assert await state(tab) == ends


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_page_fits_and_reads(browser: Browser, shop: Any, scheme: Any, viewport: ViewportSize) -> None:
    """Light or dark, wide or 320 px: nothing sticks out sideways, the style is applied, and the console stays quiet."""
    long = "A very long description " * 8 + "x" * 120
    shop.checkouts["one"] = replace(shop.checkouts["one"], description=long)
    complaints: list[str] = []
    context = await browser.new_context(color_scheme=scheme, viewport=viewport)
    try:
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(f"{shop.base}/pay/one")
        overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    finally:
        await context.close()
    assert overflow <= 0
    assert background == {"light": "rgb(244, 245, 247)", "dark": "rgb(16, 21, 28)"}[scheme]
    assert [text for text in complaints if "favicon" not in text] == []


async def test_keyboard_alone_is_enough(tab: Page, shop: Any) -> None:
    """Tab order follows the page, and Enter pays."""
    await tab.goto(f"{shop.base}/pay/one")
    for text in ("4242424242424242", "12 / 34", "123", "Ada Lovelace"):
        await tab.keyboard.press("Tab")
        await tab.keyboard.type(text)
    await tab.keyboard.press("Enter")
    await tab.locator("main[data-state=paid]").wait_for()
    assert shop.charges == [("one", "4242")]
