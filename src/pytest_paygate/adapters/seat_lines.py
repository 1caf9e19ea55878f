"""The operator's terminal as lines: for screen readers, `TERM=dumb`, CI and whoever asks for it. No redraw, no colour.

Owns reading and writing a terminal device in its own line mode. It talks to the device itself, whatever pytest
captures; keys typed before a question cannot be its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import threading
import time
from typing import TYPE_CHECKING

from pytest_paygate.core.seats import BELL_SECONDS, QUIET_SECONDS, Card, Said, SeatLostError, Waiting, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A line this often while something is waited for; more often is noise for whoever has it read aloud.
EVERY_SECONDS = 15.0
_LINE_BYTES = 4096


class LineSeat:
    """A person at a terminal that is written to line by line. Implements `core.seats.Seat`.

    Args:
        handle: an open terminal device; it is closed with the seat.
        elapsed_seconds: the clock that waits are measured on.
    """

    name = "terminal"

    def __init__(self, handle: int, elapsed_seconds: Callable[[], float]) -> None:
        self._handle = handle
        self._elapsed_seconds = elapsed_seconds
        self._card: Card | None = None
        self._fields: dict[str, str] = {}

    def close(self) -> None:
        """Release the terminal."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def show(self, card: Card) -> None:
        """Write the card; what was typed before it is thrown away."""
        self._card, self._fields = card, {}
        lines = [card.title, *(f"  {line}" for line in card.lines)]
        if card.url:
            lines.append(f"  open  {card.url}")
        if card.match_code:
            lines.append(f"  match code {card.match_code}: the page must show the same")
        lines += [f"  {word.value:<6} {meaning}" for word, meaning in card.words.items()]
        try:
            termios.tcflush(self._handle, termios.TCIFLUSH)
            self._write("\n" + "".join(f"  {line}\n" for line in lines))
        except (OSError, termios.error) as error:
            raise _lost(error) from None

    async def said(self) -> Said:
        """Ask for the fields first, then for the word or the text that is wanted."""
        card = self._card
        if card is None:
            raise SeatLostError("nothing was asked")
        for name in card.fields:
            while not self._fields.get(name):
                self._fields[name] = await self._line(f"  {name}: ")
        if card.wanted:
            return Said(self.name, await self._line(_wanted(card)))
        word, _, text = (await self._line(f"  type {Word.DONE} when it is done, {Word.ABORT} to give up: ")).partition(
            " "
        )
        return Said(self.name, word, text, dict(self._fields))

    def tell(self, sentence: str) -> None:
        """Write a line."""
        with contextlib.suppress(OSError):
            self._write(f"  {sentence}\n")

    def take_away(self, sentence: str) -> None:
        """Say why the card is gone; lines stay where they are."""
        if self._card is not None and sentence:
            self.tell(f"\n  {sentence}" if self._card.words else sentence)
        self._card = None

    @contextlib.contextmanager
    def waiting(self, wait: Waiting) -> Iterator[None]:
        """A line now and then, from a thread: a blocked event loop must not hide that time runs out."""
        over = threading.Event()
        thread = threading.Thread(target=self._lines, args=(wait, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _lines(self, wait: Waiting, over: threading.Event) -> None:
        for at_seconds, bell in _moments(wait, self._elapsed_seconds()):
            if over.wait(max(0.0, at_seconds - self._elapsed_seconds())):
                return
            line = wait.shown(max(at_seconds, self._elapsed_seconds()))
            # A hold point has its own deadline in sight; two of them confuse.
            if line and self._card is None:
                with contextlib.suppress(OSError):
                    self._write(f"  {line}\n", bell=bell)

    async def _line(self, prompt: str) -> str:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[str] = loop.create_future()

        def read() -> None:
            if arrived.done():
                return
            try:
                typed = os.read(self._handle, _LINE_BYTES)
            except OSError as error:
                arrived.set_exception(_lost(error))
                return
            if typed:
                arrived.set_result(typed.decode("utf-8", "replace").strip())
            else:
                arrived.set_exception(SeatLostError("the terminal's input has ended"))

        try:
            self._write(prompt)
            loop.add_reader(self._handle, read)
        except OSError as error:
            raise _lost(error) from None
        try:
            return await arrived
        finally:
            loop.remove_reader(self._handle)

    def _write(self, text: str, *, bell: str = "") -> None:
        # Control characters in a target's text must not reach the terminal; a terminal shows a direction it likes.
        plain = "".join(char for char in text if char == "\n" or char.isprintable())
        rest = (plain + bell).encode()
        stop = time.monotonic() + 5.0
        while rest and time.monotonic() < stop:
            rest = rest[os.write(self._handle, rest) :]


def _moments(wait: Waiting, now_seconds: float) -> list[tuple[float, str]]:
    """When a line is worth it, from now on, and whether it rings: now and then, near the end, and at the end."""
    first = now_seconds if wait.is_countdown else wait.began_seconds + QUIET_SECONDS
    steps = int(max(0.0, wait.ends_seconds - first) // EVERY_SECONDS) + 1
    moments = [(first + step * EVERY_SECONDS, "") for step in range(steps)]
    if wait.is_countdown:
        moments += [(wait.ends_seconds - BELL_SECONDS, "\a"), (wait.ends_seconds, "\a")]
    return sorted(moment for moment in moments if moment[0] >= now_seconds)


def _wanted(card: Card) -> str:
    word = card.wanted.rpartition(" ")[2]
    return f"  to go on type the amount and the word {word!r}, like: {card.wanted}\n  > "


def _lost(error: OSError | termios.error) -> SeatLostError:
    reason = getattr(error, "strerror", None) or (error.args[-1] if error.args else type(error).__name__)
    return SeatLostError(f"the terminal is gone ({reason})")
