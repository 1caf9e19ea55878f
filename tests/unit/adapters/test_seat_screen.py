"""The operator's terminal as a screen, in an emulator: what stands on it, and what the person's keys do."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.seat_lines import LineSeat
from pytest_paygate.adapters.seat_screen import ScreenSeat, open_seat
from pytest_paygate.core.seats import Card, SeatLostError, Waiting, Word
from tests.emulated_terminal import EmulatedTerminal

pytestmark = pytest.mark.asyncio(loop_scope="function")
SCREEN = {"TERM": "xterm-256color"}
WORDS = {Word.DONE: "it is done", Word.ABORT: "give up"}


def card(**changes):
    """A hold point with a page."""
    values = {
        "card_id": "pay",
        "title": "Pay EUR 5.00",
        "lines": ("Expect EUR 5.00.",),
        "deadline_seconds": 90.0,
        "words": WORDS,
        "url": "https://pay.example/x",
        **changes,
    }
    return Card(**values)


@pytest.fixture
def terminal():
    """A window of 80 by 24."""
    made = EmulatedTerminal()
    yield made
    made.close()


@pytest.fixture
def seat(terminal):
    """The screen seat in it."""
    made = open_seat(terminal.path, SCREEN, SystemClock().elapsed_seconds, plain=False)
    yield made
    made.close()


async def said(seat, terminal, keys, prompt="done, abort >"):
    """Type at the prompt and return what the seat makes of it."""
    asking = asyncio.create_task(seat.said())
    await terminal.until(prompt)
    terminal.type(keys)
    while not asking.done():
        await terminal.pump(0.05)
    return asking.result()


@pytest.mark.parametrize(
    ("environ", "plain", "kind"),
    [
        (SCREEN, False, ScreenSeat),
        (SCREEN, True, LineSeat),
        ({"TERM": "dumb"}, False, LineSeat),
        ({}, False, LineSeat),
        ({**SCREEN, "CI": "true"}, False, LineSeat),
        ({**SCREEN, "NO_COLOR": "1"}, False, ScreenSeat),
    ],
)
async def test_the_terminal_and_its_owner_decide_the_form(terminal, environ, plain, kind):
    """Lines for `TERM=dumb`, for no TERM, for CI and for whoever asks; a screen elsewhere, without colour too."""
    made = open_seat(terminal.path, environ, SystemClock().elapsed_seconds, plain=plain)
    assert type(made) is kind
    made.close()


async def test_the_card_stands_on_the_screen_with_time_left(seat, terminal):
    """Title, lines, the address, a code when it fits, what can be said, and a deadline that moves."""
    terminal.resize(80, 40)
    seat.show(card())
    asking = asyncio.create_task(seat.said())
    screen = await terminal.until("done, abort >")
    for part in ("Pay EUR 5.00", "Expect EUR 5.00.", "https://pay.example/x", "▄▄▄▄▄", "done  it is done", "[1:2"):
        assert part in screen, screen
    await terminal.until("[1:27]", 5)
    asking.cancel()


async def test_a_code_that_does_not_fit_says_which_window_it_needs(seat, terminal):
    """In 24 rows the QR code is left out, the address is not, and an address is never broken by a frame."""
    url = f"https://pay.example/{'a' * 120}"
    seat.show(card(url=url))
    screen = await terminal.until("no QR code: it needs a window of")
    assert url in screen.replace("\n", "")


async def test_what_the_person_types_is_the_answer(seat, terminal):
    """A word with its text; editing works, as anybody expects of a prompt."""
    seat.show(card())
    answer = await said(seat, terminal, "dune\x7f\x7f\x7fone it said ok\n")
    assert (answer.word, answer.text, answer.seat) == ("done", "it said ok", "terminal")


async def test_fields_come_first(seat, terminal):
    """What is read off elsewhere is asked by name, and an empty field is asked again."""
    seat.show(card(fields=("amount",), url=""))
    asking = asyncio.create_task(seat.said())
    await terminal.until("amount:")
    terminal.type("\n")
    await terminal.pump(0.3)
    terminal.type("EUR 4.50\n")
    await terminal.until("done, abort >")
    terminal.type("done\n")
    while not asking.done():
        await terminal.pump(0.05)
    assert asking.result().fields == {"amount": "EUR 4.50"}


async def test_keys_typed_before_a_card_do_not_answer_it(seat, terminal):
    """A `done` typed while nothing was asked is thrown away."""
    terminal.type("done\n")
    await asyncio.sleep(0.1)
    seat.show(card())
    asking = asyncio.create_task(seat.said())
    await terminal.until("done, abort >")
    await terminal.pump(0.5)
    assert not asking.done()
    asking.cancel()


async def test_the_end_of_input_is_no_answer(seat, terminal):
    """Ctrl-D rings and decides nothing."""
    seat.show(card())
    asking = asyncio.create_task(seat.said())
    await terminal.until("done, abort >")
    terminal.type("\x04")
    await terminal.pump(0.3)
    assert not asking.done()
    assert b"\x07" in terminal.raw
    asking.cancel()


async def test_ctrl_c_is_the_interrupt_that_everything_settles_on(seat, terminal):
    """Ctrl-C at a prompt is SIGINT, as it is everywhere else."""
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(True))
    try:
        seat.show(card())
        asking = asyncio.create_task(seat.said())
        await terminal.until("done, abort >")
        terminal.type("\x03")
        await terminal.pump(0.3)
        assert caught == [True]
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_sentence_comes_above_the_prompt(seat, terminal):
    """What is told while a question is open does not disturb what is being typed."""
    seat.show(card())
    asking = asyncio.create_task(seat.said())
    await terminal.until("done, abort >")
    terminal.type("do")
    await terminal.until("> do")
    seat.tell("The page was seen.")
    screen = await terminal.until("The page was seen.")
    assert screen.splitlines()[-1].endswith("> do")
    terminal.type("ne\n")
    while not asking.done():
        await terminal.pump(0.05)
    assert asking.result().word == "done"


async def test_a_resized_window_keeps_the_question(seat, terminal):
    """Dragging the window's corner loses neither the prompt nor what was typed."""
    seat.show(card())
    asking = asyncio.create_task(seat.said())
    await terminal.until("done, abort >")
    terminal.type("do")
    terminal.resize(60, 20)
    os.kill(os.getpid(), signal.SIGWINCH)
    await terminal.pump(1.0)
    terminal.type("ne\n")
    while not asking.done():
        await terminal.pump(0.05)
    assert asking.result().word == "done"


@pytest.mark.parametrize("text", ["\x1b[2J", "\x1b]0;title\x07", "\u202eEUR 00.5", "a\rb", "[bold]x[/bold]", ":smile:"])
async def test_hostile_text_does_nothing(seat, terminal, text):
    """Escape sequences, directions, carriage returns and markup in a target's text are shown or dropped, never obeyed."""
    seat.show(card(title=f"Pay {text}", lines=(f"Expect {text}",), url=f"https://pay.example/{text}"))
    seat.tell(text)
    await terminal.pump(0.3)
    raw = terminal.raw.decode()
    for active in ("\x1b[2J", "\x1b]0;", "\u202e", "a\rb"):
        assert active not in raw
    if text.isprintable():
        assert text in terminal.text()


async def test_text_from_right_to_left_and_wide_text_keep_their_line(seat, terminal):
    """Arabic, Hebrew, Chinese and accents are shown as they are."""
    for text in ("طلب رقم", "הזמנה", "订单 支付", "naïve café"):
        seat.show(card(lines=(f"{text}",), url=""))
        await terminal.pump(0.3)
        # The emulator puts a wide character into two cells.
        assert text.replace(" ", "") in terminal.text().replace(" ", "")


async def test_without_colour_there_is_none(terminal):
    """`NO_COLOR` means no colour sequence at all."""
    made = open_seat(terminal.path, {**SCREEN, "NO_COLOR": "1"}, SystemClock().elapsed_seconds, plain=False)
    made.show(card(is_live=True, wanted="EUR 5.00 amber", words={}))
    now = SystemClock().elapsed_seconds()
    with made.waiting(Waiting("refund", now, now + 5, is_countdown=True)):
        await terminal.pump(0.3)
    made.close()
    for number in range(30, 48):
        assert f"\x1b[{number}m".encode() not in terminal.raw
        assert f";{number}m".encode() not in terminal.raw


async def test_a_countdown_moves_and_says_how_it_ended(seat, terminal):
    """The seconds left are redrawn in one line, the bell rings once near the end, and the last line says what was left."""
    now = SystemClock().elapsed_seconds()
    with seat.waiting(Waiting("refund of USD 0.50", now - 49, now + 11, at_end="It fails.", is_countdown=True)):
        await terminal.until("refund of USD 0.50: 11 s left of 60 s")
        await terminal.until("refund of USD 0.50: 9 s left of 60 s")
    screen = await terminal.until("refund of USD 0.50: over with")
    assert screen.count("refund of USD 0.50") == 1
    assert terminal.raw.count(b"\x07") == 1


async def test_a_countdown_leads_and_a_question_hides_both(seat, terminal):
    """One wait is shown at a time: the countdown before the poll inside it; none while a question is open."""
    now = SystemClock().elapsed_seconds()
    with (
        seat.waiting(Waiting("refund", now, now + 60, is_countdown=True)),
        seat.waiting(Waiting("poll", now - 9, now + 60)),
    ):
        await terminal.until("refund: 60 s left")
        await terminal.pump(1.2)
        assert "waiting for poll" not in terminal.text()
    seat.show(card())
    with seat.waiting(Waiting("other", now - 9, now + 60)):
        await terminal.pump(1.2)
        assert "waiting for other" not in terminal.text()


async def test_a_terminal_that_is_gone_is_a_lost_seat():
    """When the device is closed under the question, the seat says so instead of waiting for ever."""
    terminal = EmulatedTerminal()
    made = open_seat(terminal.path, SCREEN, SystemClock().elapsed_seconds, plain=False)
    made.show(card())
    asking = asyncio.create_task(made.said())
    await terminal.until("done, abort >")
    terminal.close()
    with pytest.raises(SeatLostError):
        await asyncio.wait_for(asking, 5)
    made.tell("nobody sees this")
    made.take_away("nor this")
    made.close()
