"""What stands on the operator's page, shared by the thread that serves it and the session that asks.

Owns the state: the open card with the one-time token of its form, what was said below it, the waits. What is sent from
the page is taken once, under the token of the card that was shown; what comes too late is told as that, and what
carries a token nobody was given is nothing at all. Knows neither HTTP nor HTML.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from pytest_paygate.core.page import PageView, Question, Told
from pytest_paygate.core.seats import Card, Said, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pytest_paygate.core.page import Ending, GateTable
    from pytest_paygate.core.ports import Clock
    from pytest_paygate.core.seats import Waiting

NAME: Final = "page"
TEXT_LENGTH = 400
FIELD_LENGTH = 200
# The person sees the newest; the journal has all of them.
_TOLD_MAX = 30
_FORMS_MAX = 400
_DECISIVE = frozenset({Word.DONE, Word.ABORT})


class Taken(StrEnum):
    """What became of something that was sent from the page."""

    TAKEN = "taken"
    REPEATED = "repeated"
    LATE = "late"
    UNKNOWN = "unknown"
    INCOMPLETE = "incomplete"


class Listener(Protocol):
    """Who asked, and hears what was said, on whatever thread it is said."""

    def heard(self, said: Said) -> None:
        """Take what was said to the card that is open."""

    def heard_late(self, said: Said) -> None:
        """Take what was said to a card that was gone already."""

    def lost(self, reason: str) -> None:
        """Nobody can be heard here any more."""


@dataclass(slots=True)
class _Open:
    number: int
    card: Card
    listener: Listener
    ends_seconds: float
    ends_at: datetime
    form: str = ""
    sent_at: str = ""
    sent: str = ""
    decides: bool = False


class Board:
    """The page's state. Every method can be called from any thread.

    Args:
        clock: stamps what is told, and measures deadlines.
        gates: the gates of the session as they stand, read whenever the page is drawn.
    """

    def __init__(self, clock: Clock, gates: Callable[[], Sequence[GateTable]]) -> None:
        self._clock = clock
        self._gates = gates
        self._lock = threading.RLock()
        self._open: _Open | None = None
        self._shown = 0
        self._forms: dict[str, tuple[_Open, bool]] = {}
        self._last = ""
        self._told: deque[Told] = deque(maxlen=_TOLD_MAX)
        self._waits: list[Waiting] = []
        self._endings: tuple[Ending, ...] = ()
        self._over = False
        self._gone = ""

    @property
    def gone(self) -> str:
        """Why nobody can be reached here any more; empty while somebody can."""
        return self._gone

    def show(self, card: Card, listener: Listener) -> None:
        """Open a card in the place of whatever stood there; forms drawn before do not answer it."""
        with self._lock:
            now = self._clock.now()
            ends = timedelta(seconds=card.deadline_seconds)
            self._shown += 1
            ends_seconds = self._clock.elapsed_seconds() + card.deadline_seconds
            self._open = _Open(self._shown, card, listener, ends_seconds, now + ends)
            self._last = ""
            self._told.clear()
            self._renew(self._open)

    def tell(self, sentence: str) -> None:
        """Put a sentence below the card; what was sent before it has been dealt with."""
        with self._lock:
            self._told.append(Told(self._clock.now(), sentence))
            if self._open is not None:
                self._open.sent = ""

    def take_away(self, sentence: str, listener: Listener) -> None:
        """Close the card of one who asked, saying why; without a reason, what was sent from here is the reason."""
        with self._lock:
            opened = self._open
            if opened is None or opened.listener is not listener:
                return
            self._open = None
            here = f"Answered here, on the page, at {opened.sent_at} UTC: {opened.sent}." if opened.decides else ""
            self._last = sentence or here or "The question is closed."

    def add_wait(self, wait: Waiting) -> None:
        """Show a wait."""
        with self._lock:
            self._waits.append(wait)

    def remove_wait(self, wait: Waiting) -> None:
        """Show a wait no longer."""
        with self._lock:
            self._waits.remove(wait)

    def end(self, endings: Sequence[Ending]) -> None:
        """Say that the session is over, and how each gate ended."""
        with self._lock:
            self._endings, self._over = tuple(endings), True

    def lose(self, reason: str) -> None:
        """Say that nobody can be reached here any more."""
        with self._lock:
            self._gone = reason
            opened = self._open
        if opened is not None:
            opened.listener.lost(reason)

    def send(self, form: str, word: str, text: str, fields: Sequence[str] = ()) -> Taken:
        """Take what was sent from the page.

        Args:
            form: the token of the form it was sent with.
            word: the button that was pressed; empty for a card that wants a text typed.
            text: what was typed.
            fields: what was typed in the card's fields, in their order.

        Returns:
            What became of it; only what is `TAKEN` reaches whoever asked, and only `LATE` is journalled besides.
        """
        with self._lock:
            asked, used = self._forms.get(form, (None, False))
            if asked is None:
                return Taken.UNKNOWN
            if used:
                return Taken.REPEATED
            said = _said(asked.card, word, text, fields)
            if asked is self._open and said is None:
                self._told.append(Told(self._clock.now(), _missing(asked.card, word)))
                return Taken.INCOMPLETE
            self._forms[form] = (asked, True)
            is_late = asked is not self._open
            if is_late:
                self._told.append(Told(self._clock.now(), "That came too late and does not count."))
            else:
                self._renew(asked)
                asked.sent = said.word if said is not None else ""
                asked.sent_at = f"{self._clock.now():%H:%M:%S}"
                asked.decides = asked.sent in _DECISIVE or (bool(asked.card.wanted) and asked.sent == asked.card.wanted)
        if said is not None:
            (asked.listener.heard_late if is_late else asked.listener.heard)(said)
        return Taken.LATE if is_late else Taken.TAKEN

    @property
    def is_taking(self) -> bool:
        """Whether something was sent that whoever asked has not yet dealt with."""
        opened = self._open
        return opened is not None and bool(opened.sent)

    def view(self) -> PageView:
        """The page as it stands now."""
        with self._lock:
            now, seconds, opened = self._clock.now(), self._clock.elapsed_seconds(), self._open
            question = None
            if opened is not None:
                left = max(0.0, opened.ends_seconds - seconds)
                form = "" if opened.sent else opened.form
                question = Question(opened.number, opened.card, form, left, opened.ends_at)
            lines = [line for line in (wait.shown(seconds) for wait in self._waits) if line]
            return PageView(
                now=now,
                question=question,
                last=self._last,
                told=tuple(self._told),
                waits=lines,
                gates=self._gates(),
                endings=self._endings,
                is_over=self._over,
            )

    def _renew(self, opened: _Open) -> None:
        opened.form = secrets.token_urlsafe(18)
        self._forms[opened.form] = (opened, False)
        while len(self._forms) > _FORMS_MAX:
            del self._forms[next(iter(self._forms))]


def _said(card: Card, word: str, text: str, fields: Sequence[str]) -> Said | None:
    """What was said, as far as the card takes it; None when something is missing."""
    text = text.strip()[:TEXT_LENGTH]
    if card.wanted:
        return Said(NAME, text, card=card.card_id) if text else None
    if word not in card.words:
        return None
    given = [*fields, *[""] * len(card.fields)]
    typed = {name: text.strip()[:FIELD_LENGTH] for name, text in zip(card.fields, given, strict=False)}
    if word == Word.DONE and not all(typed.values()):
        return None
    if word in {Word.NOTE, Word.TODO} and not text:
        return None
    return Said(NAME, word, text, typed, card.card_id)


def _missing(card: Card, word: str) -> str:
    if card.wanted:
        return "Nothing was typed, so nothing was answered."
    if word == Word.DONE:
        return f"Fill in every field first: {', '.join(card.fields)}."
    return f"Nothing to keep: type the text first, then press {word}." if word in card.words else "Press a button."
