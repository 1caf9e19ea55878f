"""The operator's page as a seat: the bridge between the page's thread and the session's event loop.

Owns crossing over: what is said on the page arrives on the loop of whoever asked, however busy that is. What stands on
the page is `page_board`'s business, who may open it `page_access`'s, and what an answer is worth the operator's.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from pytest_paygate.adapters.page_board import NAME
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.seats import Card, Said, SeatLostError, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_paygate.adapters.page_board import Board

Heard = TypeVar("Heard")


class PageSeat:
    """A person at a page in their browser. Implements `core.seats.Seat` and `core.seats.LateAnswers`.

    Args:
        board: what stands on the page; several seats can share one, as several runs share a session.
    """

    name = NAME

    def __init__(self, board: Board) -> None:
        self._board = board
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: asyncio.Queue[Said | SeatLostError] = asyncio.Queue()
        self._shown = False
        self._on_late: Callable[[Said], None] | None = None

    def on_late(self, told: Callable[[Said], None]) -> None:
        """Name who is to be told of an answer that came too late."""
        self._on_late = told

    def show(self, card: Card) -> None:
        """Put the card on the page; called on the loop that will wait for the answer."""
        if self._board.gone:
            raise SeatLostError(self._board.gone)
        self._loop = asyncio.get_running_loop()
        self._left_over()
        self._shown = True
        self._board.show(card, self)

    async def said(self) -> Said:
        """Wait for the next thing that is sent from the page."""
        if self._board.gone and self._heard.empty():
            raise SeatLostError(self._board.gone)
        said = await self._heard.get()
        if isinstance(said, SeatLostError):
            raise said
        return said

    def tell(self, sentence: str) -> None:
        """Put a sentence below the card."""
        self._board.tell(sentence)

    def take_away(self, sentence: str) -> None:
        """Close the card; what was sent to it and not yet heard came too late."""
        self._board.take_away(sentence, self)
        self._shown = False
        self._left_over()

    @contextlib.contextmanager
    def waiting(self, wait: Waiting) -> Iterator[None]:
        """Show a wait for as long as the context is open."""
        self._board.add_wait(wait)
        try:
            yield
        finally:
            self._board.remove_wait(wait)

    def close(self) -> None:
        """Give the seat up; the page itself stays open for the session's other runs and its end."""
        self.take_away("")

    def heard(self, said: Said) -> None:
        """Carry an answer over to the loop of whoever asked."""
        self._over(self._arrived, said)

    def heard_late(self, said: Said) -> None:
        """Carry an answer that came too late over, so that it is journalled on the session's own thread."""
        self._over(self._late, said)

    def lost(self, reason: str) -> None:
        """Wake whoever waits for an answer that cannot come any more."""
        self._over(self._heard.put_nowait, SeatLostError(reason))

    def _arrived(self, said: Said) -> None:
        # Between being sent and being heard the question may have been answered elsewhere.
        if self._shown:
            self._heard.put_nowait(said)
        else:
            self._late(said)

    def _late(self, said: Said) -> None:
        if self._on_late is not None:
            # A journal that fails says so itself, at its next line.
            with contextlib.suppress(JournalError):
                self._on_late(said)

    def _left_over(self) -> None:
        while not self._heard.empty():
            said = self._heard.get_nowait()
            if isinstance(said, Said):
                self._late(said)

    def _over(self, take: Callable[[Heard], None], said: Heard) -> None:
        if self._loop is not None:
            # A loop that has ended has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(take, said)
