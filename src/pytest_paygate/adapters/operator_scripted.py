"""Nobody at the gate: hold points in an unattended run, with a payer for the hosted page.

Owns what happens without a person: a payment is made by the chosen payer with a published test card, and every other
hold point stays unanswered, which its row turns into PENDING. It never approves anything.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_paygate.adapters.payer import PayerState, TestCard
from pytest_paygate.core import events as ev
from pytest_paygate.core.confirmation import Confirmation, Confirmed
from pytest_paygate.core.environment import Payer
from pytest_paygate.core.events import Mode
from pytest_paygate.core.ports import HoldAnswer, HoldPoint

if TYPE_CHECKING:
    from pytest_paygate.core.ports import Clock, Recorder
    from pytest_paygate.core.seats import Waiting

# Published by the provider for tests; declined in live mode by the provider itself.
PUBLISHED_TEST_CARD = TestCard("4242424242424242", brand="visa")
# Published by the sandbox: the one card that its rehearsal world takes, and nobody else does.
PUBLISHED_REHEARSAL_CARD = TestCard("4000000000000150", brand="visa")
CARDS = {
    Mode.SANDBOX: PUBLISHED_TEST_CARD,
    Mode.STAGING: PUBLISHED_TEST_CARD,
    Mode.REHEARSAL: PUBLISHED_REHEARSAL_CARD,
    # A live page declines it: nothing scripted ever pays with a real card.
    Mode.LIVE: PUBLISHED_TEST_CARD,
}


class ScriptedOperator:
    """Stands in for the operator where nobody is. Implements `core.ports.Operator`.

    Args:
        payer: who pays hosted pages.
        recorder: takes the hold points.
        clock: measures them.
        card: what the payer types.
    """

    attended = False

    def __init__(self, payer: Payer, *, recorder: Recorder, clock: Clock, card: TestCard = PUBLISHED_TEST_CARD) -> None:
        self.name = f"payer:{payer}"
        self._payer = payer
        self._recorder = recorder
        self._clock = clock
        self._card = card

    async def hold(self, point: HoldPoint) -> HoldAnswer:
        """Pay when the hold point has a page to pay on; leave it unanswered otherwise.

        Raises:
            TargetError: when the page cannot be used.
        """
        began = self._clock.elapsed_seconds()
        self._recorder.record(
            ev.HoldOpened(
                hold_id=point.hold_id, title=point.title, deadline_seconds=point.deadline_seconds, attended=False
            )
        )
        answer = HoldAnswer(answered=False, by="nobody")
        try:
            if point.url:
                answer = await self._pay(point)
        finally:
            waited = round(self._clock.elapsed_seconds() - began, 3)
            self._recorder.record(
                ev.HoldClosed(hold_id=point.hold_id, answered=answer.answered, by=answer.by, waited_seconds=waited)
            )
        return answer

    async def confirm(self, asked: Confirmation) -> Confirmed:
        """Never: nobody here may let real money move."""
        del asked
        return Confirmed("nobody is at the terminal: the payer is scripted", 0.0, 0)

    def waiting(self, wait: Waiting) -> contextlib.AbstractContextManager[None]:
        """Nobody watches."""
        del wait
        return contextlib.nullcontext()

    async def _pay(self, point: HoldPoint) -> HoldAnswer:
        if self._payer is Payer.BROWSER:
            from pytest_paygate.adapters.payer_browser import pay
        else:
            from pytest_paygate.adapters.payer_http import pay
        result = await pay(point.url, card=self._card, timeout_seconds=point.deadline_seconds)
        fields = {"state": result.state.value, "last4": result.last4}
        return HoldAnswer(answered=result.state is PayerState.PAID, by=self.name, fields=fields, note=result.message)
