"""The guards of one run: how each is read, every look at them in the journal, and the stop when one is breached.

Owns the order of the last seconds before a purchase: every guard read again, then a unit of capacity taken. What a
breach is stands in `core.guards`.

Rules (each held by a test):
- a guard that nobody has said how to read, whose reader fails or takes too long, is breached;
- a breach is journalled before anybody hears of it, and the first one ends the looking: nothing is sent;
- a unit is taken before the intent, and given back only when nothing can have been sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from pytest_paygate.core import events as ev
from pytest_paygate.core.capacity_rules import CONDITION
from pytest_paygate.core.errors import (
    NOTHING_MOVED,
    GuardBreachError,
    InterlockError,
    PaygateError,
    Refusal,
    StoreError,
    configuration,
    nearest,
)
from pytest_paygate.core.guards import Guard, GuardSource, Looked, Unreadable, look
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.ports import Recorder
    from pytest_paygate.core.run import RunState
    from pytest_paygate.exposure.capacity import Capacity

# How a suite reads a guard: a function that returns the value, or something to wait for that does.
GuardReader: TypeAlias = Callable[[], object] | Callable[[], Awaitable[object]]
READ_SECONDS = 30.0


class Watch:
    """The guards of one run, and the capacity it takes. Implements `exposure.desk.Preconditions`.

    Args:
        run_id: the run.
        gate: the gate it is bound to.
        recorder: the run's journal.
        state: the run as its journal tells it.
        capacity: the environment's capacity.
    """

    def __init__(
        self, run_id: str, gate: Gate, *, recorder: Recorder, state: Callable[[], RunState], capacity: Capacity
    ) -> None:
        self._run_id = run_id
        self._gate = gate
        self._recorder = recorder
        self._state = state
        self._capacity = capacity
        self._readers: dict[str, GuardReader] = {}

    def watch(self, guard_id: str, reader: GuardReader) -> None:
        """Say how a guard is read; the last word counts.

        Raises:
            ConfigurationError: when the gate has no such guard.
        """
        self._guard(guard_id)
        self._readers[guard_id] = reader

    def check(self, guard_id: str, observed: object) -> None:
        """Look at one guard with a value in hand, and journal what came of it.

        Raises:
            ConfigurationError: when the gate has no such guard.
            GuardBreachError: when it does not hold; the run is stopped.
        """
        self._weigh(self._guard(guard_id), observed)

    async def read(self, guard_id: str) -> None:
        """Look at one guard as it will be looked at before money moves: through its reader, or the project's own.

        Raises:
            ConfigurationError: when the gate has no such guard.
            GuardBreachError: when it does not hold, or cannot be read; the run is stopped.
        """
        guard = self._guard(guard_id)
        self._weigh(guard, await self._observed(guard))

    def require_readers(self) -> None:
        """Before a money row: every guard that will be read again has somebody who says how.

        Raises:
            GuardBreachError: at the first that has nobody; the run is stopped.
        """
        for guard in self._gate.guards_of_money:
            if guard.id not in self._readers and guard.source is None:
                self._weigh(guard, _nobody())

    async def look_again(self) -> None:
        """Read every guard again, in the gate's order; see `exposure.desk.Preconditions`."""
        for guard in self._gate.guards_of_money:
            self._weigh(guard, await self._observed(guard))

    async def take_capacity(self) -> None:
        """Take a unit where the gate asks for one; see `exposure.desk.Preconditions`."""
        if not self._gate.capacity.required:
            return
        try:
            taken = await self._capacity.take(self._run_id, self._gate.id)
        except (InterlockError, StoreError) as error:
            refusal = error.refusal
            self._recorder.record(ev.RunStopped(guard=CONDITION, threshold=refusal.expected, observed=refusal.observed))
            raise
        self._recorder.record(taken)

    async def return_capacity(self, reason: str) -> None:
        """Give the unit back; see `exposure.desk.Preconditions`. Where that fails it stays taken, which is safe."""
        if self._gate.capacity.required:
            with contextlib.suppress(PaygateError):
                self._recorder.record(await self._capacity.give_back(self._run_id, reason))

    async def _observed(self, guard: Guard) -> object:
        reader = self._readers.get(guard.id)
        if reader is None and guard.source is GuardSource.CAPACITY:
            reader = self._capacity.standing
        if reader is None:
            return _nobody()
        try:
            async with asyncio.timeout(READ_SECONDS):
                found = reader()
                return await found if inspect.isawaitable(found) else found
        except Exception as error:  # noqa: BLE001 - whatever keeps a guard from being read is a breach
            return Unreadable(type(error).__name__)

    def _weigh(self, guard: Guard, observed: object) -> None:
        looked = look(guard, observed, self._gate.thresholds)
        if looked.held:
            self._recorder.record(
                ev.GuardRead(guard=guard.id, threshold=looked.threshold, observed=looked.observed, by=looked.by)
            )
            return
        if guard.escalates:
            self._escalate(guard, looked)
        self._recorder.record(ev.RunStopped(guard=guard.id, threshold=looked.threshold, observed=looked.observed))
        raise _breach(guard, looked, self._state())

    def _escalate(self, guard: Guard, looked: Looked) -> None:
        """Call for a person: money has moved, and what must bring it back did not hold."""
        exposure = self._state().exposure
        reason = f"guard {guard.id}: {looked.observed}, threshold {looked.threshold}"
        for charge in exposure.unrefunded:
            self._recorder.record(ev.RunEscalated(charge=charge.charge_id, amount=str(charge.amount), reason=reason))
        if not exposure.unrefunded and exposure.settled is None:
            started, intent = self._state().started, exposure.intent
            trace = "" if started is None else started.trace_id
            amount = "what was paid" if intent is None else str(Money(intent.amount_minor, intent.currency))
            self._recorder.record(ev.RunEscalated(charge=f"of trace {trace}", amount=amount, reason=reason))

    def _guard(self, guard_id: str) -> Guard:
        guard = self._gate.guard(guard_id)
        if guard is None:
            known = [one.id for one in self._gate.guards]
            raise configuration(
                f"{self._gate.id}/gate.toml: guards.{guard_id}",
                "is not declared",
                expected=f"every guard in [[guards]] with its threshold.{nearest(guard_id, known)}",
                observed=f"a row used {guard_id!r}",
                next_step="Declare the guard, or correct its name in the test.",
            )
        return guard


def _nobody() -> Unreadable:
    return Unreadable("no row has said how it is read")


def _breach(guard: Guard, looked: Looked, state: RunState) -> GuardBreachError:
    moved = state.exposure.intent is not None
    return GuardBreachError(
        Refusal(
            refused=f"guard {guard.id} stops the run: {guard.title}",
            expected=looked.threshold,
            observed=looked.observed,
            money="Money may have moved before: see the run's exposure." if moved else NOTHING_MOVED,
            next_step="Nothing after this runs. Mend what the guard saw, and start a new run.",
        )
    )
