"""Drives the real engine in the small world, one life after another, and forks at every point where it could die.

A life is the code between two crashes: first the purchase and the settling after it, then any number of recoveries. The
journal is the folded exposure plus what a crash may take from it: the append that was in flight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core import exposure as exposures
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core import purchase as buying
from pytest_paygate.core import settlement as steps
from pytest_paygate.core.events import RunEscalated
from pytest_paygate.core.money import Money
from tests.sweep.world import AMOUNT_MINOR, LATENESS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_paygate.core.exposure import Exposure
    from tests.sweep.world import World

RUN_ID = "20261121T091500123Z-1a2b3c4d"
AMOUNT = Money(AMOUNT_MINOR, "EUR")
NETWORK_CALLS = 6
_SHA = "0" * 64


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """One call, counted over the whole life of the run, that goes wrong: the request is lost, or its answer."""

    call: int
    processed: bool


@dataclass(slots=True)
class Life:
    """What is left of a run at some moment: the world, the durable journal, and how it came there.

    `unsynced` is the exposure as far as the disk has certainly kept it; the right design keeps it equal to `exposure`.
    """

    world: World
    exposure: Exposure
    certain: Exposure
    escalated: tuple[str, ...] = ()
    calls: int = 0
    crashes: int = 0

    def copy(self) -> Life:
        """The same, to go on differently."""
        return Life(self.world.copy(), self.exposure, self.certain, self.escalated, self.calls, self.crashes)


def armed() -> Exposure:
    """The exposure as arming leaves it."""
    state = exposures.NOTHING
    for event in (
        ex.ExposurePlanned(
            plan_sha256=_SHA,
            account="acct_1",
            host="shop.example",
            product="prod_1",
            amount_minor=AMOUNT_MINOR,
            cap_minor=AMOUNT_MINOR,
            currency="EUR",
            policy="drive",
            late_charge_seconds=60.0,
        ),
        ex.ApprovalConsumed(nonce="n", plan_sha256=_SHA, requester="a", approvers=("b",), signed=True, attempt=1),
        ex.FenceTaken(store="file", fence=1, holder="h", lease_seconds=30.0),
        ex.OperatorConfirmed(amount="EUR 5.00", waited_seconds=3.0, tries=1),
    ):
        state = exposures.apply(state, event, "", guarded=True)
    return state


def _buy() -> Generator[object, object, object]:
    return buying.purchase(AMOUNT, AMOUNT, method="POST", path="/orders", body_sha256=_SHA)


def _make(life: Life, policy: steps.SettlePolicy) -> steps.Settlement:
    return steps.Settlement(RUN_ID, lambda: life.exposure, policy, lambda: life.world.t)


def _as_it_is(seen: steps.Sightings) -> steps.Sightings:
    return seen


@dataclass(slots=True)
class Design:
    """How the engine is put together. The defaults are the product; `wrong_designs` changes one thing at a time."""

    name: str = "the product"
    buy: Callable[[], Generator[object, object, object]] = _buy
    make: Callable[[Life, steps.SettlePolicy], steps.Settlement] = _make
    look: Callable[[steps.Sightings], steps.Sightings] = _as_it_is
    syncs: bool = True
    resends: bool = False
    horizon: bool = True
    passes_after_recovery: bool = False
    strict: bool = True


class Run:
    """One life, driven step by step. `forks` collects every state in which it could have died, when asked to.

    Args:
        life: where it begins; it is changed.
        design: the engine.
        fault: the call that goes wrong.
        forking: whether to collect forks.
    """

    __slots__ = ("design", "fault", "forking", "forks", "life", "recovering", "settled")

    def __init__(self, life: Life, design: Design, fault: NetworkFault | None, *, forking: bool) -> None:
        self.life = life
        self.design = design
        self.fault = fault
        self.forking = forking
        self.forks: list[Life] = []
        self.settled = False
        self.recovering = life.crashes > 0

    def first(self) -> None:
        """The first life: buy, let the payer pay and the rows look, then settle."""
        self._drive(self.design.buy())
        self.life.world.pass_time(3.0)
        self._settle()

    def recover(self) -> None:
        """A later life: settle whatever the journal says is open; nothing else."""
        life = self.life
        life.world.pass_time(life.world.traits.restart_seconds)
        if self.design.resends and life.exposure.intent is not None and life.exposure.sent is None:
            life.world.sent += 1
            life.world.buy()
        self._settle()

    def _settle(self) -> None:
        life = self.life
        if not life.exposure.is_open:
            self.settled = True
            return
        lateness = LATENESS_SECONDS[life.world.traits.paying] if self.design.horizon else 0.0
        ago = life.world.t - float(life.exposure.risky_at) if life.exposure.risky_at else 0.0
        policy = steps.SettlePolicy(
            late_charge_seconds=lateness,
            quiet_seconds=ago,
            repeat_seconds=10.0,
            give_up_seconds=4_000.0,
            look_floor_seconds=max(2.0, lateness / 8),
            look_cap_seconds=max(8.0, lateness / 4),
        )
        outcome = self._drive(self.design.make(life, policy).steps())
        self.settled = outcome is steps.SettleOutcome.SETTLED

    def _drive(self, running: Generator[object, object, object]) -> object:
        life = self.life
        world = life.world
        answer: object = None
        while True:
            try:
                step = running.send(answer)
            except StopIteration as end:
                return end.value
            answer = None
            kind = type(step)
            if kind is steps.Record:
                self._record(step.event)
            elif kind is steps.Look:
                lost = self._call(lambda: None)
                answer = None if lost else self.design.look(_sightings(world))
            elif kind is steps.Wait:
                world.pass_time(step.seconds)
            elif kind is steps.AskProvider:
                answer = self._refund(step)
            elif kind is steps.Close:
                self._call(world.close)
            elif kind is buying.HoldsLock:
                answer = True
            elif kind is buying.Send:
                answer = self._send()
            else:
                raise AssertionError(step)

    def _refund(self, step: steps.AskProvider) -> str:
        said: list[str] = []

        def act() -> None:
            said.append(self.life.world.refund(step.charge.charge_id, step.amount.minor, step.idempotency_key))

        return "no answer: timeout" if self._call(act) else said[0]

    def _send(self) -> buying.Sent:
        world = self.life.world
        world.sent += 1
        lost = self._call(world.buy)
        return buying.Sent(0, "timeout_before_answer") if lost else buying.Sent(201)

    def _call(self, act: Callable[[], None]) -> bool:
        """One call to another party, with a crash possible before and after it; True when its answer is lost."""
        life = self.life
        life.calls += 1
        if self.forking:
            self.forks.append(self._dead(life.exposure))
        fault = self.fault
        hit = fault is not None and fault.call == life.calls
        if not hit or (fault is not None and fault.processed):
            act()
        if self.forking:
            self.forks.append(self._dead(life.exposure))
        return hit

    def _record(self, event: object) -> None:
        life = self.life
        if type(event) is RunEscalated:
            life.escalated = (*life.escalated, event.charge)
        elif type(event).__name__ not in _OTHER:
            try:
                after = exposures.apply(life.exposure, event, str(life.world.t), guarded=True)
            except exposures.ExposureRuleError:
                if self.design.strict:
                    raise
                return
            if self.forking:
                # The append in flight is lost, torn (and then dropped on reading), or kept.
                before = life.exposure if self.design.syncs else life.certain
                self.forks += [self._dead(before), self._dead(before), self._dead(after)]
            life.exposure = after
            if self.design.syncs:
                life.certain = after

    def _dead(self, journal: Exposure) -> Life:
        life = self.life
        kept = journal if self.design.syncs else life.certain
        return Life(life.world.copy(), kept, life.certain, life.escalated, life.calls, life.crashes + 1)


_OTHER = frozenset({"AnomalyRecorded"})


def _sightings(world: World) -> steps.Sightings:
    charges = tuple(
        steps.ChargeSighting(
            "stripe",
            charge.charge_id,
            "pay_1",
            AMOUNT,
            "",
            tuple(
                steps.RefundSighting(refund.refund_id, Money(refund.amount_minor, "EUR"), world.status(refund))
                for refund in world.shown_refunds_of(charge.charge_id)
            ),
        )
        for charge in world.charges
    )
    if world.purchases == 0:
        return steps.Sightings(charges, ())
    return steps.Sightings(charges, (steps.PaymentSighting("hyperswitch", "pay_1", "", world.is_payable()),))
