"""What an answer on the operator's page is worth: forms sent over HTTP to a real server, a terminal beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import httpx
import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.operator_person import PersonOperator
from pytest_paygate.adapters.seat_page import PageSeat
from pytest_paygate.adapters.seat_screen import open_seat
from pytest_paygate.core.page import Ending, RowLine
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.seats import Waiting
from pytest_paygate.core.verdict import Verdict
from tests.attack.payloads import PAYLOADS
from tests.page.scene import Browser, Events, asked, point, served, tables

pytestmark = pytest.mark.asyncio(loop_scope="function")


@contextlib.contextmanager
def beside_a_terminal():
    """A page and a terminal that is written to in lines; the person's end of it, and the run's."""
    person, device = pty.openpty()
    clock = SystemClock()
    seat = open_seat(os.ttyname(device), {"TERM": "dumb"}, clock.elapsed_seconds, plain=False)
    try:
        with served(seat) as scene:
            yield scene, person, device
    finally:
        os.close(person)
        os.close(device)


def written(person):
    """What the terminal shows so far."""
    os.set_blocking(person, False)
    shown = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(person, 65536):
            shown += chunk
    return shown.decode()


async def journalled(events, answers):
    """Wait until that many answers stand in the journal, counted or not."""
    for _ in range(3000):
        if len(events.answers()) >= answers:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{answers} answers were awaited, journalled: {events.answers()}")


async def test_the_amount_and_the_word_let_money_move(browser, scene):
    """The plan stands there, the field is empty, and the exact text confirms."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    page = await browser.until("THIS MOVES REAL MONEY")
    assert "acct_1" in page
    assert 'value="EUR' not in page
    answer = await browser.send(text="EUR 5.00 amber")
    assert (await asking).refusal == ""
    assert scene.events.answers() == [("confirm", "page", True)]
    assert "Answered here, on the page, at " in answer.text


async def test_three_wrong_texts_end_it(browser, scene):
    """Nothing typed costs no try; three wrong texts are the end, and each is told."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    assert "Nothing was typed" in (await browser.send(text="  ")).text
    for left in (2, 1, 0):
        answer = await browser.send(text="yes")
        assert f"Tries left: {left}." in answer.text
    assert (await asking).refusal == "the amount and the word were typed wrongly 3 times"
    assert "Nothing is asked of you now" in await browser.look()
    assert scene.events.answers() == []


async def test_a_form_counts_once(browser, scene):
    """The same form sent twice, as a double click does, is one try."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    form = await browser.form()
    await browser.send(form, text="wrong")
    await browser.send(form, text="wrong")
    page = await browser.look()
    assert "Tries left: 2." in page
    assert "Tries left: 1." not in page
    asking.cancel()


async def test_a_form_nobody_was_given_is_nothing(browser, scene):
    """A made-up token is 409, and neither an answer nor a late one."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    await browser.form()
    answer = await browser.send("made-up", text="EUR 5.00 amber")
    assert answer.status_code == 409
    assert not asking.done()
    asking.cancel()
    assert scene.events.answers() == []


async def test_done_abort_and_notes(browser, scene):
    """At a hold point: a note is kept and the card stays, `done` ends it, and fields must be filled in before."""
    holding = asyncio.create_task(scene.operator.hold(point(fields=("amount", "status"))))
    page = await browser.until("Pay EUR 5.00")
    assert '<a href="https://pay.example/x?id=1" target="_blank" rel="noreferrer noopener">' in page
    assert '<svg viewBox="' in page
    assert "Kept for the report: odd" in (await browser.send(word="note", text="odd")).text
    assert "Fill in every field first: amount, status." in (await browser.send(word="done", field_1="EUR 4.50")).text
    assert "Press a button." in (await browser.send(word="yes")).text
    assert not holding.done()
    await browser.send(word="done", field_1="EUR 4.50", field_2="paid")
    held = await holding
    assert (held.answered, held.fields) == (True, {"amount": "EUR 4.50", "status": "paid"})
    holding = asyncio.create_task(scene.operator.hold(point()))
    await browser.send(word="abort")
    assert (await holding).note == "aborted by the operator"


async def test_silence_closes_the_card(browser, scene):
    """A deadline that passes closes the card by itself, and the form that was drawn is late."""
    holding = asyncio.create_task(scene.operator.hold(point(deadline_seconds=0.3)))
    form = await browser.form()
    assert (await holding).answered is False
    assert "No answer within 0.3 s: the hold point is closed." in await browser.look()
    assert "That came too late and does not count." in (await browser.send(form, word="done")).text
    await asyncio.sleep(0.05)
    assert scene.events.answers() == [("pay", "page", False)]


async def test_an_answer_at_the_terminal_takes_the_page_s_card_away(browser):
    """Both show one match code; the terminal counts, the page says so, and its stale form is journalled as late."""
    with beside_a_terminal() as (scene, person, _):
        client = Browser(scene)
        await client.enter()
        asking = asyncio.create_task(scene.operator.confirm(asked()))
        form = await client.form()
        assert "4711" in await client.look()
        assert "match code 4711" in written(person)
        os.write(person, b"EUR 5.00 amber\n")
        assert (await asking).refusal == ""
        assert "Answered at the terminal at " in await client.look()
        assert 'name="form"' not in await client.look()
        await client.send(form, text="EUR 5.00 amber")
        await asyncio.sleep(0.05)
        assert scene.events.answers() == [("confirm", "terminal", True), ("confirm", "page", False)]
        await client.close()


async def test_an_answer_on_the_page_takes_the_terminal_s_card_away():
    """The page counts, and the terminal says where and when it was answered."""
    with beside_a_terminal() as (scene, person, _):
        client = Browser(scene)
        await client.enter()
        holding = asyncio.create_task(scene.operator.hold(point()))
        await client.send(word="done")
        assert (await holding).answered is True
        assert "Answered at the page at " in written(person)
        assert scene.events.answers() == [("pay", "page", True)]
        await client.close()


async def test_two_answers_at_one_moment_are_one_that_counts():
    """Terminal and page in the same turn of the loop: one counts, the other is journalled as late, none is lost."""
    with beside_a_terminal() as (scene, person, device):
        client = Browser(scene)
        await client.enter()
        holding = asyncio.create_task(scene.operator.hold(point()))
        form = await client.form()
        # Both arrive while the loop is busy with something else.
        os.write(person, b"done\n")
        assert select.select([device], [], [], 30)[0]
        scene.board.send(form, "done", "")
        assert (await holding).answered is True
        await journalled(scene.events, 2)
        assert sorted(counted for _, _, counted in scene.events.answers()) == [False, True]
        await client.close()


async def test_a_late_answer_is_journalled_under_its_own_card(browser, scene):
    """A form of an earlier card that is sent while the next one is open names the earlier one, and answers neither."""
    first = asyncio.create_task(scene.operator.hold(point(deadline_seconds=0.3)))
    form = await browser.form()
    await first
    second = asyncio.create_task(scene.operator.hold(point(hold_id="next")))
    await browser.until('name="form"')
    await browser.send(form, word="done")
    await journalled(scene.events, 1)
    assert not second.done()
    assert scene.events.answers() == [("pay", "page", False)]
    await browser.send(word="abort")
    await second
    assert scene.events.answers()[1:] == [("next", "page", True)]


async def test_a_late_answer_between_rows_says_nothing(browser, scene):
    """Where nothing may be journalled, a late answer is only told on the page."""
    holding = asyncio.create_task(scene.operator.hold(point()))
    form = await browser.form()
    await browser.send(form, word="done")
    await holding
    holding = asyncio.create_task(scene.operator.hold(point(hold_id="next", deadline_seconds=0.2)))
    late = await browser.form()
    await holding

    def closed(_body):
        raise IllegalEventError("no row is open")

    scene.events.record = closed
    assert "That came too late" in (await browser.send(late, word="done")).text


async def test_two_runs_of_one_session_share_the_page(browser, scene):
    """Each run has a seat of its own at the one page: what ends at one neither closes nor answers the other's card."""
    other = PageSeat(scene.board)
    events = Events()
    second = PersonOperator([other], recorder=events, clock=SystemClock())
    holding = asyncio.create_task(scene.operator.hold(point(title="Pay the first", deadline_seconds=3)))
    early = await browser.form()
    later = asyncio.create_task(second.hold(point(hold_id="second", title="Pay the second")))
    await browser.until("Pay the second")
    assert (await holding).answered is False
    assert "Pay the second" in await browser.look()
    await browser.send(early, word="done")
    await journalled(scene.events, 1)
    assert not later.done()
    await browser.send(word="done")
    assert (await later).answered is True
    assert (scene.events.answers(), events.answers()) == ([("pay", "page", False)], [("second", "page", True)])


async def test_a_server_that_ends_is_a_lost_seat(browser, scene):
    """When the page can no longer be served, the question ends unanswered instead of waiting for its deadline."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    await browser.form()
    await asyncio.to_thread(scene.server.close)
    async with asyncio.timeout(5):
        assert (await asking).refusal == "the operator cannot be reached: the page's server has ended"
    assert (await scene.operator.hold(point())).note.endswith("the page's server has ended")


async def test_the_page_answers_while_the_session_is_busy(browser, scene):
    """A row that blocks the session's loop does not keep the page from being seen, nor an answer from being taken."""
    holding = asyncio.create_task(scene.operator.hold(point()))
    form = await browser.form()
    home, base, cookies = browser.home, scene.base, dict(browser._client.cookies)

    def meanwhile():
        with httpx.Client(base_url=base, cookies=cookies, trust_env=False, timeout=10) as client:
            body = {"form": form, "word": "done"}
            answer = client.post(f"{home}answer", data=body, headers={"origin": base})
            return answer.status_code, client.get(home).text

    with ThreadPoolExecutor() as pool:
        # On purpose: the loop stands still.
        status, page = pool.submit(meanwhile).result(10)
    assert status == 303
    assert "Sent. The run takes it as soon as it can." in page
    assert not holding.done()
    assert (await holding).answered is True


async def test_waits_and_countdowns_stand_on_the_page(browser, scene):
    """A countdown is shown at once, a wait after five seconds, and each goes when it is over."""
    now = SystemClock().elapsed_seconds()
    with scene.operator.waiting(Waiting("refund of USD 0.50", now, now + 60, at_end="It fails.", is_countdown=True)):
        with scene.operator.waiting(Waiting("payment", now - 30, now + 270, 12.0)):
            page = await browser.look()
            assert "refund of USD 0.50: 60 s left of 60 s" in page or "refund of USD 0.50: 59 s left" in page
            assert "waiting for payment: 30 s so far, usually 12 s" in page
        assert "waiting for payment" not in await browser.look()
    assert "refund of" not in await browser.look()


async def test_rows_show_a_word_beside_their_sign(browser):
    """Each row of the gate stands there with its number, title and status as a word."""
    page = await browser.look()
    for told in ("Keys are live", "Buy one thing", "RUNNING", "NOT_RUN", "LIVE", "20261121T120000000Z-1a2b3c4d"):
        assert told in page


async def test_hostile_texts_stay_text():
    """Whatever a suite, a target or a person says: the page's own tags are the only ones, and no link leads elsewhere."""
    gates = tables()
    with served(gates=gates) as scene:
        client = Browser(scene)
        await client.enter()
        clean = tags((await client.now())["parts"]["gates"])
        assert len(PAYLOADS) > 100
        for name, text in PAYLOADS.items():
            gates[:] = tables(title=text, environment=text, rows=[RowLine(text, text, "PASS", "✓")])
            shown = point(title=text, instructions=(text,), url=text, fields=(text,))
            holding = asyncio.create_task(scene.operator.hold(shown))
            await client.form()
            scene.seat.tell(text)
            now = await client.now()
            for part, html in now["parts"].items():
                assert tags(html) <= OURS, f"{name} in {part}"
                assert not {"onerror", "onload", "onfocus", "onmouseover", "style", "srcdoc"} & attributes(html), name
            assert tags(now["parts"]["gates"]) == clean, name
            followed = {link.partition(":")[0] for link in links(now) if link != "./"}
            assert followed <= {"http", "https"}, name
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        await client.close()


OURS = {
    *("div", "h1", "h2", "h3", "p", "strong", "ul", "li", "span", "a", "br", "svg", "path", "section"),
    *("form", "input", "button", "label", "table", "caption", "thead", "tbody", "tr", "th", "td"),
}


def _parsed(html):
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Reader().feed(html)
    return found


def tags(html):
    """Every kind of element."""
    return {tag for tag, _ in _parsed(html)}


def attributes(html):
    """Every kind of attribute."""
    return {name for _, attrs in _parsed(html) for name in attrs}


def links(now):
    """Every address that can be followed."""
    return [attrs["href"] for part in now["parts"].values() for tag, attrs in _parsed(part) if tag == "a"]


async def test_the_last_page_says_how_each_gate_ended(browser, scene):
    """At the end the verdict stands there, with its sign; nothing is asked or advised any more, and the server stops."""
    scene.seat.tell("Say done too, or it goes on in 20 s.")
    endings = [Ending("SANDBOX · gate e2e: PASS", Verdict.PASS), Ending("LIVE · gate m: ESCALATED", Verdict.ESCALATED)]
    ending = asyncio.create_task(asyncio.to_thread(scene.server.end, endings, linger_seconds=5))
    page = await browser.until("The session has ended")
    assert "✓</span> SANDBOX · gate e2e: PASS" in page
    assert "‼</span> LIVE · gate m: ESCALATED" in page
    assert "Say done too" not in page
    async with asyncio.timeout(4):
        await ending
    with pytest.raises(httpx.ConnectError):
        await browser.look()


async def test_a_page_that_nobody_looks_at_is_not_waited_for(scene):
    """Where no browser looked lately, the end of the session does not wait for one."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.to_thread(scene.server.end, [], linger_seconds=30)
    assert loop.time() - began < 10
