"""The operator on a real terminal that is written to line by line, and what stands in where nobody is."""

from __future__ import annotations

import asyncio
import os
import pty
import time

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.operator_person import PersonOperator
from pytest_paygate.adapters.operator_scripted import ScriptedOperator
from pytest_paygate.adapters.seat_screen import open_seat
from pytest_paygate.core.confirmation import Confirmation
from pytest_paygate.core.environment import Payer
from pytest_paygate.core.errors import Refusal, TargetError
from pytest_paygate.core.ports import HoldPoint
from pytest_paygate.core.seats import Waiting

pytestmark = pytest.mark.asyncio(loop_scope="function")


class Events:
    """Keeps what is journalled."""

    def __init__(self):
        self.bodies = []

    def record(self, body):
        """Keep one event."""
        self.bodies.append(body)
        return len(self.bodies)


@pytest.fixture
def terminal():
    """A pseudo terminal: the person's end, and the device the operator opens."""
    person, device = pty.openpty()
    yield person, os.ttyname(device)
    os.close(person)
    os.close(device)


def point(**changes):
    """A hold point of a short life."""
    values = {
        "hold_id": "pay",
        "title": "Pay EUR 5.00",
        "instructions": ("Expect EUR 5.00.",),
        "deadline_seconds": 5.0,
        "url": "https://pay.example/x",
        **changes,
    }
    return HoldPoint(**values)


async def shown(person, text):
    """Wait until the person's screen shows a text, and return all that was written."""
    loop, screen = asyncio.get_running_loop(), b""
    while text.encode() not in screen:
        arrived = loop.create_future()
        loop.add_reader(person, lambda one=arrived: one.done() or one.set_result(None))
        await asyncio.wait_for(arrived, 5)
        loop.remove_reader(person)
        screen += os.read(person, 65536)
    return screen.decode()


@pytest.fixture
def operator(terminal):
    """The operator on that terminal, with the events it journals."""
    events, clock = Events(), SystemClock()
    seat = open_seat(terminal[1], {"TERM": "dumb"}, clock.elapsed_seconds, plain=False)
    made = PersonOperator([seat], recorder=events, clock=clock)
    yield made, events
    made.close()


async def test_the_person_s_word_ends_the_hold(terminal, operator):
    """The page's URL and the instructions are shown; Enter alone does nothing, `done` answers."""
    person, (made, events) = terminal[0], operator
    holding = asyncio.create_task(made.hold(point()))
    screen = await shown(person, "to give up: ")
    assert "Pay EUR 5.00" in screen
    assert "https://pay.example/x" in screen
    os.write(person, b"\n")
    await shown(person, "to give up: ")
    assert not holding.done()
    os.write(person, b"done\n")
    answer = await holding
    assert (answer.answered, answer.by) == (True, "operator")
    assert [body.kind for body in events.bodies] == ["hold_opened", "seat_answered", "hold_closed"]
    assert events.bodies[-1].answered is True


async def test_fields_are_asked_one_by_one(terminal, operator):
    """What a person reads off elsewhere comes back under the field's name."""
    person, (made, _) = terminal[0], operator
    holding = asyncio.create_task(made.hold(point(fields=("amount", "status"), url="")))
    await shown(person, "amount: ")
    os.write(person, b"EUR 4.50\n")
    await shown(person, "status: ")
    os.write(person, b"paid\n")
    await shown(person, "to give up: ")
    os.write(person, b"done\n")
    assert (await holding).fields == {"amount": "EUR 4.50", "status": "paid"}


async def test_abort_is_no_answer(terminal, operator):
    """`abort` ends the hold point without an answer."""
    person, (made, _) = terminal[0], operator
    holding = asyncio.create_task(made.hold(point()))
    await shown(person, "to give up: ")
    os.write(person, b"abort\n")
    answer = await holding
    assert (answer.answered, answer.note) == (False, "aborted by the operator")


async def test_silence_until_the_deadline_is_no_answer(operator):
    """A hold point that nobody answers closes by itself, unanswered."""
    made, events = operator
    answer = await made.hold(point(deadline_seconds=0.05))
    assert answer.answered is False
    assert events.bodies[-1].answered is False


async def test_control_characters_do_not_reach_the_terminal(terminal, operator):
    """An escape sequence in a target's text is not written to the screen."""
    person, (made, _) = terminal[0], operator
    holding = asyncio.create_task(made.hold(point(url="https://pay.example/\x1b[2J")))
    assert "\x1b" not in await shown(person, "to give up: ")
    os.write(person, b"abort\n")
    await holding


async def test_nobody_answers_a_question():
    """Where nobody is, a hold point without a page stays unanswered; nothing is ever approved by default."""
    events = Events()
    scripted = ScriptedOperator(Payer.HTTP, recorder=events, clock=SystemClock())
    answer = await scripted.hold(point(url=""))
    assert (answer.answered, answer.by) == (False, "nobody")
    assert scripted.attended is False
    assert [body.kind for body in events.bodies] == ["hold_opened", "hold_closed"]


async def test_completion_is_noticed_by_itself(operator):
    """A hold point whose completion is seen ends by itself, and says that nobody had to."""
    made, events = operator

    async def paid():
        await asyncio.sleep(0.05)
        return True

    answer = await made.hold(point(notice=paid))
    assert (answer.answered, answer.by) == (True, "provider")
    assert events.bodies[-1].by == "provider"


async def test_the_person_may_still_say_so(terminal, operator):
    """After the notice the person has a while to confirm; their own time is then journalled."""
    person, (made, events) = terminal[0], operator

    async def paid():
        return True

    holding = asyncio.create_task(made.hold(point(notice=paid, confirm_seconds=5)))
    await shown(person, "Say done too")
    os.write(person, b"done\n")
    assert (await holding).by == "operator"
    assert [body.kind for body in events.bodies] == ["hold_opened", "seat_answered", "hold_closed"]


async def test_what_cannot_be_done_any_more_closes_the_hold(operator):
    """A page that died is no answer, and the person is not kept waiting."""
    made, events = operator

    async def dead():
        return False

    answer = await made.hold(point(notice=dead))
    assert (answer.answered, answer.by, answer.note) == (False, "provider", "it cannot be done any more")
    assert events.bodies[-1].answered is False


async def test_a_look_that_fails_leaves_it_to_the_person(terminal, operator):
    """When nobody can see the payment from here, the person's word still counts."""
    person, (made, _) = terminal[0], operator

    async def broken():
        raise TargetError(Refusal("the target did not answer", "a", "b", "c", "d"))

    holding = asyncio.create_task(made.hold(point(notice=broken)))
    await shown(person, "say so yourself when it is done")
    os.write(person, b"done\n")
    assert (await holding).by == "operator"


async def test_notes_and_action_items_are_kept(terminal, operator):
    """What the person notes is journalled as theirs; an empty note and an unknown word are answered, not taken."""
    person, (made, events) = terminal[0], operator
    holding = asyncio.create_task(made.hold(point()))
    await shown(person, "to give up: ")
    for typed, told in (
        (b"note the page was \t slow\n", "Kept for the report: the page was slow"),
        (b"todo call the bank\n", "Kept for the report: call the bank"),
        (b"note\n", "Nothing to keep: type note and the text behind it."),
        (b"yes\n", "That is none of: done, abort, note, todo."),
    ):
        os.write(person, typed)
        await shown(person, told)
    os.write(person, b"abort\n")
    await holding
    kept = [(body.code, body.detail) for body in events.bodies if body.kind == "anomaly"]
    assert kept == [("operator_note", "the page was slow"), ("action_item", "call the bank")]


def asked(**changes):
    """A confirmation of a short life."""
    values = {
        "headline": "THIS MOVES REAL MONEY.",
        "lines": ("gross EUR 5.00",),
        "amount": "EUR 5.00",
        "word": "amber",
        "deadline_seconds": 5.0,
        **changes,
    }
    return Confirmation(**values)


async def test_enter_alone_is_no_try_and_the_exact_text_approves(terminal, operator):
    """Enter decides nothing and costs no try; a wrong amount costs one; amount and word let money move."""
    person, (made, events) = terminal[0], operator
    asking = asyncio.create_task(made.confirm(asked()))
    await shown(person, "like: EUR 5.00 amber")
    os.write(person, b"\n\n\n\n")
    await shown(person, "> ")
    os.write(person, b"EUR 50.00 amber\n")
    await shown(person, "That is not it. Nothing has been sent. Tries left: 2.")
    os.write(person, b"EUR 5.00 amber\n")
    said = await asking
    assert (said.refusal, said.tries) == ("", 2)
    assert [(body.card, body.seat, body.counted) for body in events.bodies] == [("confirm", "terminal", True)]


async def test_three_wrong_answers_end_it(terminal, operator):
    """The third wrong answer is the last."""
    person, (made, _) = terminal[0], operator
    asking = asyncio.create_task(made.confirm(asked()))
    await shown(person, "like: EUR 5.00 amber")
    os.write(person, b"y\nyes\nEUR 5.00\n")
    assert (await asking).refusal == "the amount and the word were typed wrongly 3 times"


async def test_a_lost_terminal_is_no_answer(operator, terminal):
    """When the terminal is gone the question ends, and nothing was approved."""
    made, _ = operator
    asking = asyncio.create_task(made.confirm(asked()))
    await shown(terminal[0], "> ")
    os.write(terminal[0], b"\x04")
    said = await asking
    assert said.refusal == "the operator cannot be reached: the terminal's input has ended"


async def test_a_countdown_is_told_in_lines(terminal, operator):
    """A countdown is said at once, again with a bell when it is nearly over, and when it is over."""
    person, (made, _) = terminal[0], operator
    now = SystemClock().elapsed_seconds()
    with made.waiting(Waiting("refund of USD 0.50", now - 49.8, now + 10.2, at_end="It fails.", is_countdown=True)):
        screen = await shown(person, "\a")
    assert "refund of USD 0.50: 10 s left of 60 s" in screen
    with made.waiting(Waiting("refund", now - 60, now + 0.05, at_end="It fails.", is_countdown=True)):
        assert "refund: time is up. It fails." in await shown(person, "time is up. It fails.")


async def test_a_short_wait_says_nothing_and_a_long_one_says_how_long():
    """A wait is worth a line after five seconds: how long so far, how long usually, when it is given up."""
    wait = Waiting("payment", 100.0, 400.0, 12.0)
    assert not wait.shown(104.9)
    assert wait.shown(130.0) == "waiting for payment: 30 s so far, usually 12 s, given up in 270 s"


async def test_the_first_of_two_seats_counts_and_the_other_is_told(terminal):
    """Two seats, one match code: the first answer counts, one in the same moment is journalled as late, the other seat hears of it."""
    events, clock = Events(), SystemClock()
    other, device = pty.openpty()
    seats = [
        open_seat(path, {"TERM": "dumb"}, clock.elapsed_seconds, plain=False)
        for path in (terminal[1], os.ttyname(device))
    ]
    seats[1].name = "page"
    made = PersonOperator(seats, recorder=events, clock=clock, match_code=lambda: "0417")
    asking = asyncio.create_task(made.confirm(asked()))
    for person in (terminal[0], other):
        assert "match code 0417" in await shown(person, "like: EUR 5.00 amber")
    for person in (terminal[0], other):
        os.write(person, b"EUR 5.00 amber\n")
    # Both have arrived before the loop looks.
    time.sleep(0.1)  # noqa: ASYNC251
    assert (await asking).refusal == ""
    assert [(body.seat, body.counted) for body in events.bodies] == [("terminal", True), ("page", False)]
    assert "Answered at the terminal at " in await shown(other, " UTC.")
    made.close()
    for handle in (other, device):
        os.close(handle)
