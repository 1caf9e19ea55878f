"""The operator's page in a real browser: answering with and without its script, keyboard, and what axe-core says."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from pytest_paygate.core.seats import Waiting
from tests.browser import NAMES
from tests.page.scene import asked, point, served, tables
from tests.page.test_page_answers import beside_a_terminal, written

pytestmark = pytest.mark.asyncio(loop_scope="module")
# A folder for pictures of each state, for whoever wants to look at them.
PICTURES = os.environ.get("PAYGATE_PICTURES", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    """One browser for the module."""
    path = next((found for found in map(shutil.which, NAMES) if found), None)
    assert path, "install chromium (apt-get install chromium) to run the browser tests"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


async def entered(chromium, scene, **how):
    """A tab that opened the address; what it complained about is kept on it."""
    context = await chromium.new_context(**how)
    tab = await context.new_page()
    tab.set_default_timeout(10_000)
    tab.complaints = []
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    await tab.goto(scene.server.address)
    return tab


async def shut(tab):
    """Close a tab that has nothing to complain about."""
    await tab.context.close()
    assert tab.complaints == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_confirming(chromium, scene, script):
    """The amount is typed on the page, wrongly first; the address bar holds no token; both ways work without a script."""
    tab = await entered(chromium, scene, java_script_enabled=script)
    assert "token" not in tab.url
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    if not script:
        await tab.get_by_role("link", name="Look again").click()
    field = tab.get_by_label("type the amount and the word exactly like this")
    await expect(field).to_be_visible()
    await expect(field).to_have_value("")
    await field.fill("EUR 50.00 amber")
    await tab.get_by_role("button", name="Move real money").click()
    await expect(tab.get_by_text("Tries left: 2.")).to_be_visible()
    await field.fill("EUR 5.00 amber")
    await field.press("Enter")
    assert (await asking).refusal == ""
    await expect(tab.get_by_text("Answered here, on the page, at")).to_be_visible()
    await shut(tab)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_three_wrong_texts(chromium, scene, script):
    """The third wrong text ends it, and the form is gone."""
    tab = await entered(chromium, scene, java_script_enabled=script)
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    await asyncio.sleep(0)
    await tab.reload()
    for _ in range(3):
        await tab.get_by_label("type the amount").fill("yes")
        await tab.get_by_role("button", name="Move real money").click()
    await expect(tab.get_by_text("Tries left: 0.")).to_be_visible()
    await expect(tab.locator("form")).to_have_count(0)
    assert "typed wrongly 3 times" in (await asking).refusal
    await shut(tab)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_holding(chromium, scene, script):
    """A note, then fields by keyboard: Enter in a field decides nothing, the button does."""
    tab = await entered(chromium, scene, java_script_enabled=script)
    holding = asyncio.create_task(scene.operator.hold(point(fields=("amount",))))
    await asyncio.sleep(0)
    await tab.reload()
    await expect(tab.get_by_role("img", name="QR code")).to_be_visible()
    await tab.get_by_label("For the report").fill("the page was slow")
    await tab.get_by_role("button", name="note").click()
    await expect(tab.get_by_text("Kept for the report: the page was slow")).to_be_visible()
    await tab.get_by_label("amount", exact=True).fill("EUR 4.50")
    await tab.get_by_label("amount", exact=True).press("Enter")
    await asyncio.sleep(0.3)
    assert not holding.done()
    await tab.get_by_role("button", name="done").focus()
    await tab.keyboard.press("Enter")
    assert (await holding).fields == {"amount": "EUR 4.50"}
    await shut(tab)


async def test_a_question_arrives_by_itself(chromium, scene):
    """With the script: title, focus and a live region tell that something is asked; typed text survives the looks."""
    tab = await entered(chromium, scene)
    await expect(tab).to_have_title("Nothing is asked · LIVE · e2e")
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    await expect(tab.get_by_label("type the amount")).to_be_visible()
    await expect(tab).to_have_title("● You are asked: THIS MOVES REAL MONEY. Read the plan: · LIVE · e2e")
    assert await tab.evaluate("document.activeElement.id") == "question"
    await expect(tab.locator("#announced[role=status]")).to_have_text("THIS MOVES REAL MONEY. Read the plan:")
    await tab.get_by_label("type the amount").fill("EUR 5")
    left = await tab.locator("#left").inner_text()
    scene.seat.tell("Something was said.")
    await expect(tab.get_by_text("Something was said.")).to_be_visible()
    await expect(tab.get_by_label("type the amount")).to_have_value("EUR 5")
    assert await tab.locator("#left").inner_text() < left
    asking.cancel()
    await shut(tab)


async def test_the_other_place(chromium):
    """Answered at the terminal while the page stands open: it says where and when. And the other way round."""
    with beside_a_terminal() as (scene, person, _):
        tab = await entered(chromium, scene)
        asking = asyncio.create_task(scene.operator.confirm(asked()))
        await expect(tab.get_by_text("Match code 4711: the terminal must show the same.")).to_be_visible()
        os.write(person, b"EUR 5.00 amber\n")
        assert (await asking).refusal == ""
        await expect(tab.get_by_text("Answered at the terminal at")).to_be_visible()
        await expect(tab.locator("form")).to_have_count(0)
        holding = asyncio.create_task(scene.operator.hold(point()))
        await tab.get_by_role("button", name="done").click()
        assert (await holding).answered is True
        assert "Answered at the page at" in written(person)
        await shut(tab)


async def test_another_page_cannot_answer(chromium, scene):
    """A form on a foreign page of this machine, sent by the operator's own browser, answers nothing."""
    tab = await entered(chromium, scene)
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    await expect(tab.get_by_label("type the amount")).to_be_visible()
    form = await tab.locator("input[name=form]").first.input_value()
    foreign = await tab.context.new_page()
    await foreign.set_content(
        f'<form method=post action="{tab.url.partition("#")[0]}answer"><input name=form value="{form}">'
        '<input name=text value="EUR 5.00 amber"><button>go</button></form>'
    )
    async with foreign.expect_navigation() as navigated:
        await foreign.get_by_role("button").click()
    assert (await navigated.value).status == 403
    assert not asking.done()
    asking.cancel()
    await tab.context.close()


async def test_a_page_whose_run_is_gone_says_so(chromium, scene):
    """When the server has ended, the page sends the person to the terminal."""
    tab = await entered(chromium, scene)
    await asyncio.to_thread(scene.server.close)
    await expect(tab.get_by_text("The run cannot be reached from this page: look at the terminal.")).to_be_visible()
    await tab.context.close()


STATES = ("idle", "confirm", "hold", "sent", "countdown", "refused")
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("state", STATES)
async def test_axe_finds_nothing(chromium, scene, state, look):
    """Every state of the page, light, dark and 320 px wide, is clean by axe-core, and nothing runs out of the window."""
    tab = await entered(chromium, scene, java_script_enabled=True, **LOOKS[look])
    holding = None
    if state in {"confirm", "sent"}:
        holding = asyncio.create_task(scene.operator.confirm(asked()))
    if state == "hold":
        holding = asyncio.create_task(scene.operator.hold(point(fields=("amount", "status"))))
    if state == "countdown":
        now = scene.board._clock.elapsed_seconds()
        scene.board.add_wait(Waiting("refund of USD 0.50", now, now + 60, is_countdown=True))
    await asyncio.sleep(0)
    if state == "sent":
        await tab.reload()
        await tab.get_by_label("type the amount").fill("yes")
        await tab.get_by_role("button", name="Move real money").click()
        await expect(tab.get_by_text("Tries left: 2.")).to_be_visible()
    elif state == "refused":
        await tab.goto(scene.base)
    else:
        await tab.reload()
    if PICTURES:
        await tab.screenshot(path=Path(PICTURES) / f"page-{state}-{look}.png", full_page=True)
    # The policy keeps axe out as it keeps every script out; it is put in by the browser itself.
    found = await Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    wide, shown = await tab.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= shown
    if holding is not None:
        holding.cancel()
    await tab.context.close()


async def test_modes_look_different(chromium):
    """Each mode's badge says its word; a live one stands out by colour too."""
    gates = tables()
    with served(gates=gates) as scene:
        await _badges(await entered(chromium, scene), gates)


async def _badges(tab, gates):
    assert await tab.locator(".badge").inner_text() == "LIVE"
    assert await tab.locator(".badge").evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(164, 14, 38)"
    for mode in ("rehearsal", "staging", "sandbox"):
        gates[:] = tables(mode=mode)
        await tab.reload()
        assert await tab.locator(".badge").inner_text() == mode.upper()
    await shut(tab)
