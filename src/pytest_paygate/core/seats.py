"""Where the operator sits: the terminal, or a page in their browser. What is put before them, and what they say to it.

Owns the shapes that cross between the person's seat and whoever asks; what an answer is worth is decided by the asker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

# A wait that is over sooner than this is not worth a line.
QUIET_SECONDS = 5.0
# Before a countdown ends the person is called.
BELL_SECONDS = 10.0
# Under these codes what a person notes at the gate stands in the journal.
OPERATOR_NOTE = "operator_note"
OPERATOR_ACTION = "action_item"


class Word(StrEnum):
    """What a person can say at a hold point. Typed words, not keys: a stray key decides nothing."""

    DONE = "done"
    ABORT = "abort"
    NOTE = "note"
    TODO = "todo"


@dataclass(frozen=True, slots=True)
class Card:
    """One screen for the person.

    Args:
        card_id: the hold point's id, or `confirm` for the amount.
        title: what it is about, in one line.
        lines: what to know before answering.
        deadline_seconds: how long it may stay open, from when it is shown.
        words: what can be said, with what each means; none when `wanted` must be typed.
        wanted: the exact text to type, for a card that lets money move.
        fields: what the person reads off elsewhere and types in.
        url: a page to open.
        match_code: shown at every seat, so that the person knows the two belong together; empty with one seat.
        is_live: whether real money moves.
    """

    card_id: str
    title: str
    lines: Sequence[str]
    deadline_seconds: float
    words: Mapping[Word, str] = field(default_factory=dict)
    wanted: str = ""
    fields: Sequence[str] = ()
    url: str = ""
    match_code: str = ""
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said at a seat: a word with its text, or the text they typed where one was wanted.

    `card` is the id of the card it answers, where the seat knows that; empty for the card that was shown last.
    """

    seat: str
    word: str
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    card: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait the person should see: a poll that takes long, or a countdown.

    Args:
        title: what is waited for.
        began_seconds: when it began, on the clock that runs through suspend.
        ends_seconds: when it is given up, on the same clock.
        usual_seconds: how long it took in earlier runs, None when that is not known.
        at_end: what happens when the time is up.
        is_countdown: whether time is running out for the money; shown at once, with a bell near the end.
    """

    title: str
    began_seconds: float
    ends_seconds: float
    usual_seconds: float | None = None
    at_end: str = ""
    is_countdown: bool = False

    def shown(self, now_seconds: float) -> str:
        """The wait as one line, at a moment of the same clock; empty while it is not worth one."""
        waited, left = now_seconds - self.began_seconds, self.ends_seconds - now_seconds
        if self.is_countdown:
            if left <= 0:
                return f"{self.title}: time is up. {self.at_end}".rstrip()
            return f"{self.title}: {left:.0f} s left of {self.ends_seconds - self.began_seconds:.0f} s"
        if waited < QUIET_SECONDS:
            return ""
        usual = "" if self.usual_seconds is None else f", usually {self.usual_seconds:.0f} s"
        return f"waiting for {self.title}: {waited:.0f} s so far{usual}, given up in {max(0.0, left):.0f} s"

    def over(self, now_seconds: float) -> str:
        """What is left to say of the wait once it has ended, at a moment of the same clock."""
        if not self.is_countdown:
            return f"waited {max(0.0, now_seconds - self.began_seconds):.0f} s for {self.title}"
        left = self.ends_seconds - now_seconds
        return self.shown(now_seconds) if left <= 0 else f"{self.title}: over with {left:.0f} s left"


class SeatLostError(Exception):
    """The seat is gone: the terminal was closed, the page's server has ended."""


class Seat(Protocol):
    """One place where the operator sits."""

    name: str

    def show(self, card: Card) -> None:
        """Put a card before the person; whatever they did before does not answer it.

        Raises:
            SeatLostError: when nobody can be reached here any more.
        """

    async def said(self) -> Said:
        """Wait for the next thing the person says to the card.

        Raises:
            SeatLostError: when nobody can be reached here any more.
        """

    def tell(self, sentence: str) -> None:
        """Say something below the card. It never raises: what cannot be shown decides nothing."""

    def take_away(self, sentence: str) -> None:
        """End the card, saying why: answered here, answered elsewhere, too late. It never raises."""

    def waiting(self, wait: Waiting) -> AbstractContextManager[None]:
        """Show a wait for as long as the context is open."""

    def close(self) -> None:
        """Give the seat up."""


class LateAnswers(Protocol):
    """A seat at which an answer can still arrive after another seat's has counted."""

    def on_late(self, told: Callable[[Said], None]) -> None:
        """Name who is to be told of an answer that came too late."""
