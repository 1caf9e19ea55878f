"""A settlement under a clock that is moved by hand: what the tests of settling drive it with."""

from __future__ import annotations

from typing import Any

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import RunEscalated
from pytest_paygate.core.exposure import Exposure, apply, refund_key
from pytest_paygate.core.money import Money
from pytest_paygate.core.settlement import (
    AskProvider,
    AskTarget,
    ChargeSighting,
    Look,
    PaymentSighting,
    Record,
    RefundSighting,
    Settlement,
    SettlePolicy,
    Sightings,
    Wait,
)
from tests.unit.core.test_exposure import ARMED, AT, INTENDED, SENT, fold

EUR_5 = Money(500, "EUR")
RUN = "run-1"
CHARGE = ChargeSighting("stripe", "ch_1", "pi_1", EUR_5, AT)
OTHER = ChargeSighting("stripe", "ch_2", "pi_2", Money(200, "EUR"), AT)
OPEN = PaymentSighting("hyperswitch", "pay_1", "requires_payment", payable=True)
SHUT = PaymentSighting("hyperswitch", "pay_1", "cancelled", payable=False)
KEY = refund_key(RUN, "ch_1")


def with_refunds(*refunds: RefundSighting, charge: ChargeSighting = CHARGE) -> ChargeSighting:
    """The charge with refunds in the ledger."""
    return ChargeSighting(charge.provider, charge.charge_id, charge.payment_id, charge.amount, charge.created, refunds)


def refund(status: str, minor: int = 500, refund_id: str = "re_1", reason: str = "") -> RefundSighting:
    """A refund in the ledger."""
    return RefundSighting(
        refund_id, Money(minor, "EUR"), status, reason, "created", "posted" if status == "succeeded" else ""
    )


def noted(
    status: str, minor: int = 500, refund_id: str = "re_1", reason: str = "", charge: str = "ch_1"
) -> ex.RefundSeen:
    """The journal's line of such a refund."""
    return ex.RefundSeen(
        provider="stripe",
        refund_id=refund_id,
        charge_id=charge,
        amount_minor=minor,
        currency="EUR",
        status=status,
        failure_reason=reason,
        created="created",
        posted="posted" if status == "succeeded" else "",
    )


def looked(charges: int, unrefunded: int, payable: int = 0) -> ex.LedgerLooked:
    """The journal's line of a look."""
    return ex.LedgerLooked(reachable=True, charges=charges, unrefunded=unrefunded, payable=payable)


def intent(via: ex.Via, minor: int = 500, charge: ChargeSighting = CHARGE) -> ex.RefundIntended:
    """The journal's line before a refund is asked for."""
    return ex.RefundIntended(
        via=via,
        provider="stripe",
        charge_id=charge.charge_id,
        payment_id=charge.payment_id,
        amount_minor=minor,
        currency="EUR",
        idempotency_key=refund_key(RUN, charge.charge_id),
    )


def asked(minor: int = 500, charge: ChargeSighting = CHARGE) -> tuple[object, ...]:
    """What the provider is asked for."""
    return ("provider", charge.charge_id, Money(minor, "EUR"), refund_key(RUN, charge.charge_id))


def refused(via: ex.Via, reason: str) -> ex.RefundRefused:
    """The journal's line of a refusal."""
    return ex.RefundRefused(via=via, charge_id="ch_1", reason=reason)


def settled(charges: int, minor: int) -> ex.ExposureSettled:
    """The journal's line of the end."""
    return ex.ExposureSettled(charges=charges, refunded_minor=minor, currency="EUR")


def escalated(reason: str, charge: str = "ch_1", amount: str = "EUR 5.00") -> RunEscalated:
    """The journal's line of what a person must do."""
    return RunEscalated(charge=charge, amount=amount, reason=reason)


class World:
    """One settlement after a purchase that was sent, its exposure and its clock."""

    def __init__(self, *events: ex.ExposureEvent, view: Exposure | None = None, **policy: Any) -> None:
        self.exposure = fold(*ARMED, INTENDED, SENT, *events) if view is None else view
        self.is_journalling = view is None
        self.began = self.now = 1000.0
        self.tick = 0.0
        self.paused = 0.0
        self.settlement = Settlement(RUN, lambda: self.exposure, SettlePolicy(**policy), self.clock)
        self.steps = self.settlement.steps()
        assert next(self.steps) == Look()

    def clock(self) -> float:
        """Now; with a tick, every look at the clock takes some time."""
        self.now += self.tick
        return self.now

    def at(
        self, seconds: float, *charges: ChargeSighting, payments: Any = (), target: str = "", provider: str = ""
    ) -> Any:
        """Look so many seconds after the beginning; everything that is done until the next wait, or until the end."""
        self.now = self.began + seconds
        return self._drive(Sightings(charges, payments), {AskTarget: target, AskProvider: provider})

    def blind(self, seconds: float) -> Any:
        """A look that failed."""
        self.now = self.began + seconds
        return self._drive(None, {})

    def _drive(self, answer: Any, answers: Any) -> Any:
        done: list[object] = []
        try:
            while True:
                step = self.steps.send(answer)
                if isinstance(step, Wait):
                    self.paused = step.seconds
                    assert next(self.steps) == Look()
                    return done
                assert not isinstance(step, Look), "a look follows a wait"
                answer = answers.get(type(step))
                done.append(self._taken(step))
        except StopIteration as end:
            return [*done, end.value]

    def _taken(self, step: object) -> object:
        if isinstance(step, Record):
            if self.is_journalling and not isinstance(step.event, RunEscalated) and step.event.kind != "anomaly":
                self.exposure = apply(self.exposure, step.event, AT, guarded=True)
            return step.event
        if isinstance(step, AskTarget):
            return ("target", step.charge.charge_id)
        if isinstance(step, AskProvider):
            return ("provider", step.charge.charge_id, step.amount, step.idempotency_key)
        return step
