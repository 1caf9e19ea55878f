"""The operator on a real terminal, and what stands in where nobody is."""

from __future__ import annotations

import asyncio
import os
import pty

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.operator_scripted import ScriptedOperator
from pytest_paygate.adapters.operator_terminal import TerminalOperator
from pytest_paygate.core.environment import Payer
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.ports import HoldPoint

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
        loop.add_reader(person, arrived.set_result, None)
        await asyncio.wait_for(arrived, 5)
        loop.remove_reader(person)
        screen += os.read(person, 65536)
    return screen.decode()


@pytest.fixture
def operator(terminal):
    """The operator on that terminal, with the events it journals."""
    events = Events()
    made = TerminalOperator(recorder=events, clock=SystemClock(), path=terminal[1])
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
    assert [body.kind for body in events.bodies] == ["hold_opened", "hold_closed"]
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


async def test_no_terminal_is_a_refusal():
    """Without a terminal a person cannot be asked, and the refusal says what to do."""
    with pytest.raises(ConfigurationError) as refused:
        TerminalOperator(recorder=Events(), clock=SystemClock(), path="/dev/no-such-terminal")
    assert str(refused.value) == (
        "a person is to pay, but this process has no terminal to ask them on\n"
        "  expected  a controlling terminal\n"
        "  observed  No such file or directory\n"
        "  money     No money moved.\n"
        "  next      Start it from a terminal, or choose --payer=http or --payer=browser for a dry run."
    )


async def test_nobody_answers_a_question():
    """Where nobody is, a hold point without a page stays unanswered; nothing is ever approved by default."""
    events = Events()
    scripted = ScriptedOperator(Payer.HTTP, recorder=events, clock=SystemClock())
    answer = await scripted.hold(point(url=""))
    assert (answer.answered, answer.by) == (False, "nobody")
    assert scripted.attended is False
    assert [body.kind for body in events.bodies] == ["hold_opened", "hold_closed"]
