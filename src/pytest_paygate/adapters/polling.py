"""Waiting for a state: read-only, deadline first. The only module that knows tenacity.

Rules:
- the pause is a fixed share of the time already waited, between a floor and a cap, so that a change is seen within 5 %
  of the wait at every scale;
- a terminal bad state ends the wait at once; the deadline is met by a last look, never passed by a pause;
- 429 and `Retry-After` are obeyed; server errors and failed connections are counted, not fatal;
- a status that goes backwards is an anomaly in the journal;
- never around a call that moves money.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from pytest_paygate.core.errors import DatabaseError, ProviderError, TargetError
from pytest_paygate.core.events import AnomalyRecorded, PollFinished, PollRead
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.retry_after import retry_after_seconds
from pytest_paygate.core.seats import Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Sequence
    from contextlib import AbstractContextManager

    from pytest_paygate.core.ports import Clock, Recorder

T = TypeVar("T")

WAITED_SHARE: Final = 0.05
# With this floor a state that turns within three seconds costs at most 60 looks, however fast the target answers.
FLOOR_SECONDS: Final = 0.0225
CAP_SECONDS: Final = 5.0
# 429 without a Retry-After: some providers send none.
TOO_MANY_PAUSE_SECONDS: Final = 1.0
# A look that begins by the deadline may end this much after it.
LAST_LOOK_SECONDS: Final = 1.0
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_UNREADABLE: Final = "unreadable"


class PollOutcome(StrEnum):
    """How a poll ended."""

    REACHED = "reached"
    BAD_STATE = "bad_state"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class PollResult(Generic[T]):
    """What a poll saw.

    `value` is the last word read, empty when there was none; `words` are all that were read, each run of one once.
    `worst_status` is the highest HTTP status, 0 when none
    arrived; `server_errors` how many looks brought a 5xx, no answer, or an answer without the word.
    """

    value: str
    last: T | None
    attempts: int
    waited_seconds: float
    worst_status: int
    server_errors: int
    outcome: PollOutcome
    words: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether the goal was seen."""
        return self.outcome is PollOutcome.REACHED

    @property
    def told(self) -> str:
        """The last word for a reader; where no look brought one, how many there were and the worst status of them."""
        if self.value:
            return self.value
        looks = "1 look" if self.attempts == 1 else f"{self.attempts} looks"
        return f"no usable answer in {looks}" + (f", the worst status {self.worst_status}" if self.worst_status else "")


@dataclass(frozen=True, slots=True)
class _Look(Generic[T]):
    """One read: its object, its word, and what it asks of the next pause."""

    last: T | None
    value: str
    good: bool
    status: int
    pause_seconds: float
    outcome: PollOutcome | None = None


class Poll:
    """Polls on one clock into one journal.

    Args:
        recorder: takes every look.
        clock: measures them.
        shown: shows a wait to whoever sits at the terminal while it lasts.
        usual_seconds: how long it usually takes, as far as earlier runs tell.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        clock: Clock,
        shown: Callable[[Waiting], AbstractContextManager[None]] = lambda _wait: contextlib.nullcontext(),
        usual_seconds: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._shown = shown
        self._usual_seconds = usual_seconds

    async def until(  # noqa: PLR0913 - the parts of a wait, most with a default
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        *,
        value: Callable[[T], str],
        goal: Container[str] | Callable[[str], bool],
        bad: Container[str] = (),
        order: Sequence[str] = (),
        deadline_seconds: float,
        floor_seconds: float = FLOOR_SECONDS,
        cap_seconds: float = CAP_SECONDS,
    ) -> PollResult[T]:
        """Read until a goal, a bad state or the deadline.

        Args:
            name: what is waited for, in the journal.
            read: one look; it may raise, or return an answer that carries `status` and `headers`.
            value: the word of a look, such as an order's status; it may raise `TargetError`.
            goal: the words that end the wait well, or a test of a word.
            bad: the words from which the goal cannot be reached any more; they win over the goal.
            order: the words in the only direction they may go.
            deadline_seconds: from now.
            floor_seconds: the shortest pause.
            cap_seconds: the longest pause that is not asked for by the target.

        Returns:
            What was seen; reaching the deadline is a result, not an error.

        Raises:
            JournalError: when a look could not be recorded.
        """
        wait = _Wait(self._recorder, self._clock, name, read, value, goal, bad, order, deadline_seconds)
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=lambda state: wait.pause_seconds(state, floor_seconds, cap_seconds),
            stop=lambda _state: wait.remaining_seconds() <= 0,
            retry=retry_if_result(lambda look: look.outcome is None),
            retry_error_callback=lambda _state: None,
        )
        now = self._clock.elapsed_seconds()
        with self._shown(Waiting(name, now, now + deadline_seconds, self._usual_seconds())):
            await retrying(wait.look)
        return wait.finished()

    def noticing(  # noqa: PLR0913 - as `until`
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        *,
        value: Callable[[T], str],
        goal: Container[str] | Callable[[str], bool],
        bad: Container[str] = (),
        deadline_seconds: float,
    ) -> Callable[[], Awaitable[bool]]:
        """What a hold point needs to notice its completion by itself: `until`, as a look that a `HoldPoint` can start.

        Returns:
            A function to hand over as `HoldPoint.notice`: True once a goal is reached, False when it no longer can be.
        """

        async def look() -> bool:
            seen = await self.until(name, read, value=value, goal=goal, bad=bad, deadline_seconds=deadline_seconds)
            return seen.reached

        return look


class _Wait(Generic[T]):
    """One wait under way."""

    def __init__(  # noqa: PLR0913, PLR0917 - the arguments of `Poll.until`
        self,
        recorder: Recorder,
        clock: Clock,
        name: str,
        read: Callable[[], Awaitable[T]],
        value: Callable[[T], str],
        goal: Container[str] | Callable[[str], bool],
        bad: Container[str],
        order: Sequence[str],
        deadline_seconds: float,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._name = name
        self._read = read
        self._value = value
        self._reaches = goal if callable(goal) else goal.__contains__
        self._bad = bad
        self._order = order
        self._deadline_seconds = deadline_seconds
        self._started_seconds = clock.elapsed_seconds()
        self._attempts = 0
        self._worst_status = 0
        self._server_errors = 0
        self._last: T | None = None
        self._word = ""
        self._words: list[str] = []
        self._place = 0
        self._outcome: PollOutcome | None = None

    def waited_seconds(self) -> float:
        """Seconds since the wait began."""
        return self._clock.elapsed_seconds() - self._started_seconds

    def remaining_seconds(self) -> float:
        """Seconds to the deadline, negative after it."""
        return self._deadline_seconds - self.waited_seconds()

    def pause_seconds(self, state: RetryCallState, floor_seconds: float, cap_seconds: float) -> float:
        """The pause before the next look: our pace or what the target asked for, never past the deadline."""
        look: _Look[T] | None = None if state.outcome is None else state.outcome.result()
        pace = min(max(self.waited_seconds() * WAITED_SHARE, floor_seconds), cap_seconds)
        asked = 0.0 if look is None else look.pause_seconds
        return max(0.0, min(max(pace, asked), self.remaining_seconds()))

    async def look(self) -> _Look[T]:
        """Read once, write it down, and say whether the wait is over."""
        self._attempts += 1
        look = await self._looked()
        self._worst_status = max(self._worst_status, look.status)
        self._server_errors += not look.good and look.status != _TOO_MANY
        self._recorder.record(
            PollRead(
                poll=self._name,
                attempt=self._attempts,
                waited_ms=round(self.waited_seconds() * 1000),
                value=_word(look.value),
                good=look.good,
            )
        )
        if look.good:
            self._check_order(look.value)
            self._last, self._word = look.last, look.value
            if self._words[-1:] != [look.value]:
                self._words.append(look.value)
        self._outcome = look.outcome
        return look

    def finished(self) -> PollResult[T]:
        """Write the end down and return what was seen."""
        outcome = self._outcome or PollOutcome.DEADLINE
        waited_seconds = self.waited_seconds()
        self._recorder.record(
            PollFinished(
                poll=self._name,
                outcome=outcome.value,
                attempts=self._attempts,
                waited_seconds=round(waited_seconds, 3),
                server_errors=self._server_errors,
                worst_status=self._worst_status,
                value=_word(self._word),
            )
        )
        return PollResult(
            self._word,
            self._last,
            self._attempts,
            waited_seconds,
            self._worst_status,
            self._server_errors,
            outcome,
            tuple(self._words),
        )

    async def _looked(self) -> _Look[T]:
        try:
            async with asyncio.timeout(max(self.remaining_seconds(), LAST_LOOK_SECONDS)):
                last = await self._read()
        except TimeoutError:
            return _Look(None, "no_answer", good=False, status=0, pause_seconds=0.0)
        except ProviderError as error:
            word = f"http_{error.status}" if error.status else "no_answer"
            pause_seconds = TOO_MANY_PAUSE_SECONDS if error.status == _TOO_MANY else 0.0
            return _Look(None, word, good=False, status=error.status, pause_seconds=pause_seconds)
        except (TargetError, DatabaseError):
            return _Look(None, "no_answer", good=False, status=0, pause_seconds=0.0)
        return self._judged(last)

    def _judged(self, last: T) -> _Look[T]:
        given = getattr(last, "status", None)
        status = given if type(given) is int else 0
        if status == _TOO_MANY or status >= _SERVER_ERROR:
            asked = retry_after_seconds(getattr(last, "headers", {}).get("retry-after"), self._clock.now())
            fallback = TOO_MANY_PAUSE_SECONDS if status == _TOO_MANY else 0.0
            return _Look(
                last,
                f"http_{status}",
                good=False,
                status=status,
                pause_seconds=fallback if asked is None else asked,
            )
        try:
            word = self._value(last)
        except TargetError:
            return _Look(last, _UNREADABLE, good=False, status=status, pause_seconds=0.0)
        return _Look(last, word, good=True, status=status, pause_seconds=0.0, outcome=self._verdict(word))

    def _verdict(self, word: str) -> PollOutcome | None:
        if word in self._bad:
            return PollOutcome.BAD_STATE
        return PollOutcome.REACHED if self._reaches(word) else None

    def _check_order(self, word: str) -> None:
        """Compare with the last word that has a place in the order; a word without one says nothing."""
        if word not in self._order:
            return
        place = self._order.index(word)
        if place < self._place:
            before = self._order[self._place]
            self._recorder.record(
                AnomalyRecorded(
                    code="status_went_backwards",
                    detail=f"{self._name}: {_word(before)}, then {_word(word)}",
                )
            )
        self._place = place


def _word(text: str) -> str:
    """A word as the journal may keep it; what a target says is kept only in the shape of a short plain phrase."""
    try:
        return str(to_json(FactKind.WORD, text)) if text else ""
    except FactShapeError:
        return _UNREADABLE
