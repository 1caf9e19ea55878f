"""The operator on the controlling terminal: reads and writes `/dev/tty` itself, whatever pytest captures.

Owns asking, not deciding: Enter alone is never an answer, and silence until the deadline is no answer. The session's
event loop keeps running while the person thinks.
"""

from __future__ import annotations

import asyncio
import os
import termios
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, Refusal
from pytest_paygate.core.ports import Confirmation, Confirmed, HoldAnswer, HoldPoint

if TYPE_CHECKING:
    from pytest_paygate.core.ports import Clock, Recorder

TERMINAL = "/dev/tty"
DONE = "done"
ABORT = "abort"


class TerminalOperator:
    """A person at the terminal. Implements `core.ports.Operator`.

    Args:
        recorder: takes the hold points.
        clock: measures them.
        path: the terminal device.

    Raises:
        ConfigurationError: when this process has no terminal.
    """

    name = "operator"
    attended = True

    def __init__(self, *, recorder: Recorder, clock: Clock, path: str = TERMINAL) -> None:
        self._recorder = recorder
        self._clock = clock
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            raise ConfigurationError(
                Refusal(
                    refused="a person is to pay, but this process has no terminal to ask them on",
                    expected="a controlling terminal",
                    observed=error.strerror or type(error).__name__,
                    money=NOTHING_MOVED,
                    next_step="Start it from a terminal, or choose --payer=http or --payer=browser for a dry run.",
                )
            ) from None

    def close(self) -> None:
        """Release the terminal."""
        os.close(self._handle)

    async def hold(self, point: HoldPoint) -> HoldAnswer:
        """Show the hold point and wait for the person's fields and the word `done`, at most until the deadline."""
        began = self._clock.elapsed_seconds()
        self._recorder.record(
            ev.HoldOpened(
                hold_id=point.hold_id, title=point.title, deadline_seconds=point.deadline_seconds, attended=True
            )
        )
        answer = HoldAnswer(answered=False, by=self.name)
        try:
            async with asyncio.timeout(point.deadline_seconds):
                answer = await self._ask(point)
        except TimeoutError:
            self._say(f"\n  No answer within {point.deadline_seconds:g} s: the hold point is closed.\n")
        finally:
            waited = round(self._clock.elapsed_seconds() - began, 3)
            self._recorder.record(
                ev.HoldClosed(hold_id=point.hold_id, answered=answer.answered, by=answer.by, waited_seconds=waited)
            )
        return answer

    async def confirm(self, asked: Confirmation) -> Confirmed:
        """Show the plan; the person types the amount and the run's word, within the deadline and a few tries."""
        began = self._clock.elapsed_seconds()
        tries = 0
        refusal = f"nobody typed the amount within {asked.deadline_seconds:g} s"
        try:
            async with asyncio.timeout(asked.deadline_seconds):
                termios.tcflush(self._handle, termios.TCIFLUSH)
                self._say(f"\n  {asked.headline}\n" + "".join(f"    {line}\n" for line in asked.lines))
                wanted = f"{asked.amount} {asked.word}"
                while tries < asked.tries_max:
                    tries += 1
                    typed = await self._line(
                        f"  to go on type the amount and the word {asked.word!r}, like: {wanted}\n  > "
                    )
                    if typed == wanted:
                        refusal = ""
                        break
                    refusal = f"the amount and the word were typed wrongly {tries} times"
                    self._say("  That is not it. Nothing has been sent.\n")
        except TimeoutError:
            self._say("\n  Nobody answered in time: nothing has been sent.\n")
        except OSError as error:
            refusal = f"the terminal is gone ({error.strerror})"
        return Confirmed(refusal, self._clock.elapsed_seconds() - began, tries)

    async def _ask(self, point: HoldPoint) -> HoldAnswer:
        # Keys typed before the question cannot be its answer.
        termios.tcflush(self._handle, termios.TCIFLUSH)
        lines = [f"HOLD POINT — {point.title}", *point.instructions]
        if point.url:
            lines.append(f"open  {point.url}")
        self._say("\n" + "\n".join(f"  {line}" for line in lines) + "\n")
        fields: dict[str, str] = {}
        for name in point.fields:
            fields[name] = await self._line(f"  {name}: ")
        while True:
            word = await self._line(f"  type {DONE!r} when it is done, {ABORT!r} to give up: ")
            if word == DONE:
                return HoldAnswer(answered=True, by=self.name, fields=fields)
            if word == ABORT:
                return HoldAnswer(answered=False, by=self.name, fields=fields, note="aborted by the operator")

    async def _line(self, prompt: str) -> str:
        self._say(prompt)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[str] = loop.create_future()

        def read() -> None:
            if not arrived.done():
                try:
                    arrived.set_result(os.read(self._handle, 4096).decode("utf-8", "replace").strip())
                except OSError as error:
                    arrived.set_exception(error)

        loop.add_reader(self._handle, read)
        try:
            return await arrived
        finally:
            loop.remove_reader(self._handle)

    def _say(self, text: str) -> None:
        # Control characters in a target's text must not reach the terminal.
        plain = "".join(char for char in text if char == "\n" or char.isprintable())
        os.write(self._handle, plain.encode())
