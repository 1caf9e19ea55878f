"""The operator as a person: asks at every seat they have, counts the first answer, and journals each.

Owns what an answer is worth: Enter alone is never one, silence until the deadline is none, three wrong ones end the
question, and a person is never asked for what the provider already shows. The session's event loop keeps running while
the person thinks. How a seat looks is not its business.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core.confirmation import Confirmation, Confirmed
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.inert import inert
from pytest_paygate.core.ports import HoldAnswer, HoldPoint
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.seats import OPERATOR_ACTION, OPERATOR_NOTE, Card, Said, Seat, SeatLostError, Waiting, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_paygate.core.ports import Clock, Recorder

CONFIRM = "confirm"
NOTE_LENGTH = 200
_CODES = {Word.NOTE: OPERATOR_NOTE, Word.TODO: OPERATOR_ACTION}
_HOLD_WORDS = {
    Word.DONE: "it is done",
    Word.ABORT: "give up: what was bought is refunded, and nothing more is asked of you",
    Word.NOTE: "note TEXT: something odd, for the report",
    Word.TODO: "todo TEXT: something to do afterwards, for the report",
}
_SPACES = re.compile(r"\s+")


class PersonOperator:
    """A person at one seat or more. Implements `core.ports.Operator`.

    Args:
        seats: where they sit; at least one.
        recorder: takes hold points, answers and notes.
        clock: measures them.
        told: makes a person's own text safe to keep: one printable line, and no secret in it.
        called: is told of each card that was put before the person.
        match_code: four digits for a card, shown at each seat when there are several.
    """

    name = "operator"
    attended = True

    def __init__(  # noqa: PLR0913 - one keyword for each independent part of an operator
        self,
        seats: Sequence[Seat],
        *,
        recorder: Recorder,
        clock: Clock,
        told: Callable[[str], str] = inert,
        match_code: Callable[[], str] = str,
        called: Callable[[Card], None] = lambda _card: None,
    ) -> None:
        self._seats = seats
        self._recorder = recorder
        self._clock = clock
        self._told = told
        self._match_code = match_code
        self._called = called
        self._card = ""
        self._shown_seconds = 0.0
        self._asking: dict[Seat, asyncio.Future[Said]] = {}
        self._lost: dict[Seat, SeatLostError] = {}
        for seat in seats:
            if hasattr(seat, "on_late"):
                seat.on_late(self._late)

    def close(self) -> None:
        """Give the seats up."""
        for seat in self._seats:
            seat.close()

    def tell(self, sentence: str) -> None:
        """Say something at every seat; it asks nothing."""
        for seat in self._seats:
            seat.tell(sentence)

    @contextlib.contextmanager
    def waiting(self, wait: Waiting) -> Iterator[None]:
        """Show a wait at every seat for as long as the context is open."""
        with contextlib.ExitStack() as stack:
            for seat in self._seats:
                stack.enter_context(seat.waiting(wait))
            yield

    async def hold(self, point: HoldPoint) -> HoldAnswer:
        """Show the hold point and wait: for the person's word, or until its completion is noticed by itself."""
        began = self._clock.elapsed_seconds()
        self._recorder.record(
            ev.HoldOpened(
                hold_id=point.hold_id, title=point.title, deadline_seconds=point.deadline_seconds, attended=True
            )
        )
        answer = HoldAnswer(answered=False, by=self.name)
        card = Card(
            card_id=point.hold_id,
            title=point.title,
            lines=point.instructions,
            deadline_seconds=point.deadline_seconds,
            words=_HOLD_WORDS,
            fields=point.fields,
            url=point.url,
            match_code=self._code(),
        )
        try:
            async with asyncio.timeout(point.deadline_seconds):
                answer = await self._held(card, point)
        except TimeoutError:
            self._take_away(f"No answer within {point.deadline_seconds:g} s: the hold point is closed.")
        except SeatLostError as lost:
            answer = HoldAnswer(answered=False, by=self.name, note=f"the operator cannot be reached: {lost}")
        finally:
            await self._stop_asking()
            self._take_away("")
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
        wanted = f"{asked.amount} {asked.word}"
        card = Card(
            card_id=CONFIRM,
            title=asked.headline,
            lines=asked.lines,
            deadline_seconds=asked.deadline_seconds,
            wanted=wanted,
            match_code=self._code(),
            is_live=asked.is_live,
        )
        try:
            async with asyncio.timeout(asked.deadline_seconds):
                self._show(card)
                while tries < asked.tries_max:
                    said = await self._said()
                    if not said.word:
                        continue
                    tries += 1
                    if said.word == wanted:
                        self._answered(said)
                        refusal = ""
                        break
                    refusal = f"the amount and the word were typed wrongly {tries} times"
                    left = asked.tries_max - tries
                    self.tell(f"That is not it. Nothing has been sent. Tries left: {left}.")
        except TimeoutError:
            self._take_away("Nobody answered in time: nothing has been sent.")
        except SeatLostError as lost:
            refusal = f"the operator cannot be reached: {lost}"
        finally:
            await self._stop_asking()
            self._take_away("")
        return Confirmed(refusal, self._clock.elapsed_seconds() - began, tries)

    async def _held(self, card: Card, point: HoldPoint) -> HoldAnswer:
        self._show(card)
        asking = asyncio.ensure_future(self._decided())
        noticing = None if point.notice is None else asyncio.ensure_future(self._noticed(point))
        tasks = [task for task in (asking, noticing) if task is not None]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if noticing is None or not noticing.done() or noticing.result() is None:
                return await asking
            return await self._after_notice(asking, point, is_done=noticing.result() is True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _noticed(self, point: HoldPoint) -> bool | None:
        """What looking by itself has brought; None when it cannot tell, and the person's word is all there is."""
        look = point.notice
        if look is None:
            return None
        try:
            return await look()
        except PaygateError as error:
            self.tell(f"It cannot be seen from here ({inert(error.refusal.refused)}): say so yourself when it is done.")
            return None

    async def _after_notice(self, asking: asyncio.Future[HoldAnswer], point: HoldPoint, *, is_done: bool) -> HoldAnswer:
        if asking.done():
            return asking.result()
        if not is_done:
            self._take_away("It cannot be done any more: the hold point is closed.")
            return HoldAnswer(answered=False, by="provider", note="it cannot be done any more")
        if point.confirm_seconds > 0:
            self.tell(f"It is seen to be done. Say {Word.DONE} too, or it goes on in {point.confirm_seconds:g} s.")
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(asking), point.confirm_seconds)
        self._take_away("It is seen to be done. The run goes on.")
        return HoldAnswer(answered=True, by="provider")

    async def _decided(self) -> HoldAnswer:
        while True:
            said = await self._said()
            match said.word:
                case Word.DONE:
                    self._answered(said)
                    return HoldAnswer(answered=True, by=self.name, fields=said.fields)
                case Word.ABORT:
                    self._answered(said)
                    return HoldAnswer(answered=False, by=self.name, fields=said.fields, note="aborted by the operator")
                case Word.NOTE | Word.TODO:
                    self._note(Word(said.word), said.text)
                case "":
                    continue
                case _:
                    self.tell(f"That is none of: {', '.join(_HOLD_WORDS)}.")

    async def _said(self) -> Said:
        """The next thing said at any seat. What somebody is typing at another goes on; a lost seat leaves the others.

        Raises:
            SeatLostError: when none is left.
        """
        while True:
            for seat in self._seats:
                if seat not in self._lost and seat not in self._asking:
                    self._asking[seat] = asyncio.ensure_future(seat.said())
            if not self._asking:
                raise next(iter(self._lost.values()), SeatLostError("there is no seat"))
            await asyncio.wait(self._asking.values(), return_when=asyncio.FIRST_COMPLETED)
            for seat, task in [(seat, task) for seat, task in self._asking.items() if task.done()]:
                del self._asking[seat]
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, SeatLostError):
                    raise error
                self._lost[seat] = error

    async def _stop_asking(self) -> None:
        tasks = list(self._asking.values())
        self._asking.clear()
        for task in tasks:
            # Said in the same moment as what counted, at another seat.
            if task.done() and not task.cancelled() and task.exception() is None:
                self._late(task.result())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _show(self, card: Card) -> None:
        self._card, self._shown_seconds = card.card_id, self._clock.elapsed_seconds()
        self._lost.clear()
        for seat in self._seats:
            try:
                seat.show(card)
            except SeatLostError as error:
                self._lost[seat] = error
        if len(self._lost) < len(self._seats):
            self._called(card)

    def _answered(self, said: Said) -> None:
        self._journal(said, counted=True)
        at = self._clock.now().strftime("%H:%M:%S")
        for seat in self._seats:
            seat.take_away("" if seat.name == said.seat else f"Answered at the {said.seat} at {at} UTC.")

    def _late(self, said: Said) -> None:
        # Between rows nothing may be journalled; an answer that late has nothing left to say.
        with contextlib.suppress(IllegalEventError):
            self._journal(said, counted=False)

    def _journal(self, said: Said, *, counted: bool) -> None:
        waited = round(self._clock.elapsed_seconds() - self._shown_seconds, 3)
        card = said.card or self._card
        self._recorder.record(ev.SeatAnswered(card=card, seat=said.seat, counted=counted, waited_seconds=waited))

    def _note(self, word: Word, text: str) -> None:
        kept = self._told(_SPACES.sub(" ", text).strip()[:NOTE_LENGTH])
        if not kept:
            self.tell(f"Nothing to keep: type {word} and the text behind it.")
            return
        self._recorder.record(ev.AnomalyRecorded(code=_CODES[word], detail=kept))
        self.tell(f"Kept for the report: {kept}")

    def _code(self) -> str:
        return self._match_code() if len(self._seats) > 1 else ""

    def _take_away(self, sentence: str) -> None:
        for seat in self._seats:
            seat.take_away(sentence)
