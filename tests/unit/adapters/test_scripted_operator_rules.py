"""Nobody at the gate: a page is paid by the chosen payer with the published card, and nothing is ever approved."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs

import pytest

from pytest_paygate.adapters import payer_browser
from pytest_paygate.adapters.operator_scripted import CARDS, ScriptedOperator
from pytest_paygate.adapters.payer import PayerError, PayerResult, PayerState, TestCard
from pytest_paygate.core import events as ev
from pytest_paygate.core.confirmation import Confirmation, Confirmed
from pytest_paygate.core.environment import Payer
from pytest_paygate.core.events import Mode
from pytest_paygate.core.ports import HoldAnswer, HoldPoint
from pytest_paygate.core.seats import Waiting
from tests.unit.adapters import wire

TEST_CARD = TestCard("4242424242424242", brand="visa")
REHEARSAL_CARD = TestCard("4000000000000150", brand="visa")
FORM = """<main data-state="open"><form action="/pay" method="post">
<input name="number" autocomplete="cc-number"><button type="submit">Pay</button></form></main>"""
ENDED = '<main data-state="{state}"><p role="alert">{words}</p></main>'


class Stopwatch(wire.ManualClock):
    """A clock that is looked at: each look takes a little more than a second."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0

    def elapsed_seconds(self) -> float:
        """A second later than the last time."""
        self.seconds += 1.23456
        return self.seconds


def hosted(state: str, words: str) -> wire.Talk:
    """A hosted page that takes a card and ends like this."""

    async def talk(_reader, writer, request: bytes) -> None:
        page = ENDED.format(state=state, words=words) if request.startswith(b"POST /pay ") else FORM
        writer.write(wire.answer(page.encode(), headers="Content-Type: text/html"))

    return talk


def scripted(journal: wire.Journal, payer: Payer = Payer.HTTP, **settings: TestCard) -> ScriptedOperator:
    """Nobody, with a payer."""
    return ScriptedOperator(payer, recorder=journal, clock=Stopwatch(), **settings)


def point(url: str) -> HoldPoint:
    """A hold point that asks for a payment."""
    return HoldPoint("pay", "Pay EUR 5.00", ("Expect EUR 5.00.",), 7.5, url=url)


def held(*, answered: bool, by: str) -> list[ev.EventBody]:
    """What is journalled of a hold point: that it was opened for nobody, and how it ended, in thousandths of a second."""
    return [
        ev.HoldOpened(hold_id="pay", title="Pay EUR 5.00", deadline_seconds=7.5, attended=False),
        ev.HoldClosed(hold_id="pay", answered=answered, by=by, waited_seconds=1.235),
    ]


def typed(request: bytes) -> str:
    """The card number that was sent."""
    return parse_qs(request.partition(b"\r\n\r\n")[2].decode())["number"][0]


def test_each_life_has_its_published_card():
    """The card of a rehearsal is of no use elsewhere, and a live page declines the one it is given."""
    assert CARDS == {
        Mode.SANDBOX: TEST_CARD,
        Mode.STAGING: TEST_CARD,
        Mode.REHEARSAL: REHEARSAL_CARD,
        Mode.LIVE: TEST_CARD,
    }


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("payer", [Payer.HTTP, Payer.BROWSER])
async def test_without_a_page_nobody_answers(journal, payer):
    """Whoever pays: a hold point that only a person can answer stays open."""
    operator = scripted(journal, payer)
    assert await operator.hold(point("")) == HoldAnswer(answered=False, by="nobody")
    assert journal.events == held(answered=False, by="nobody")
    assert (operator.attended, operator.name) == (False, f"payer:{payer.value}")


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize(
    ("state", "words", "answered"), [("paid", "Thank you.", True), ("declined", "Your card was declined.", False)]
)
async def test_a_page_is_paid_by_http(journal, state, words, answered):
    """Only a page that says `paid` is an answer; how it ended, its words and the last four digits are kept."""
    async with wire.serve(hosted(state, words)) as shop:
        answer = await scripted(journal).hold(point(f"{shop.base_url}/x"))
    fields = {"state": state, "last4": "4242"}
    assert answer == HoldAnswer(answered=answered, by="payer:http", fields=fields, note=words)
    assert journal.events == held(answered=answered, by="payer:http")
    assert [request.split(b" ", 2)[:2] for request in shop.requests] == [[b"GET", b"/x"], [b"POST", b"/pay"]]
    assert typed(shop.requests[-1]) == "4242424242424242"


@pytest.mark.asyncio(loop_scope="function")
async def test_the_payer_types_the_card_it_is_given(journal):
    """A rehearsal's world takes no other card than its own."""
    async with wire.serve(hosted("paid", "")) as shop:
        answer = await scripted(journal, card=REHEARSAL_CARD).hold(point(f"{shop.base_url}/x"))
    assert typed(shop.requests[-1]) == "4000000000000150"
    assert answer.fields["last4"] == "0150"


@pytest.mark.asyncio(loop_scope="function")
async def test_a_page_that_cannot_be_used_closes_the_hold_point(journal):
    """The refusal is passed on, and the journal says that nobody answered."""
    async with wire.serve(wire.says(wire.answer(b"<p>no page</p>"))) as shop:
        with pytest.raises(PayerError, match="is not a hosted payment page"):
            await scripted(journal).hold(point(f"{shop.base_url}/x"))
    assert journal.events == held(answered=False, by="nobody")


@pytest.mark.asyncio(loop_scope="function")
async def test_a_page_is_paid_in_a_browser(journal, monkeypatch):
    """The browser is given the page, the card and the hold point's time, and what it brings back is the answer."""
    told = []

    async def pay(url: str, *, card: TestCard, timeout_seconds: float) -> PayerResult:
        told.append((url, card, timeout_seconds))
        return PayerResult(PayerState.EXPIRED, "Too late.", card.last4, card.brand, 1.0)

    # A browser does not start within a mutant's bounds of memory; what it does on a page is tested with a real one.
    monkeypatch.setattr(payer_browser, "pay", pay)
    answer = await scripted(journal, Payer.BROWSER).hold(point("https://pay.example/x"))
    assert told == [("https://pay.example/x", TEST_CARD, 7.5)]
    fields = {"state": "expired", "last4": "4242"}
    assert answer == HoldAnswer(answered=False, by="payer:browser", fields=fields, note="Too late.")
    assert journal.events == held(answered=False, by="payer:browser")


@pytest.mark.asyncio(loop_scope="function")
async def test_nobody_lets_real_money_move(journal):
    """Whatever is asked: it is refused at once, without a try, and no wait is shown."""
    operator = scripted(journal)
    asked = Confirmation("LIVE", (), "EUR 5.00", "amber", 60.0)
    assert await operator.confirm(asked) == Confirmed("nobody is at the terminal: the payer is scripted", 0.0, 0)
    assert isinstance(operator.waiting(Waiting("the charge", 0.0, 1.0)), contextlib.nullcontext)
    assert journal.events == []
