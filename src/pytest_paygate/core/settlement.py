"""Settling: what to do about an open exposure until no charge and no payable link is left. Without doing any of it.

A settlement is a generator of steps. Whoever drives it (the test process, the guardian, `paygate recover`) carries a
step out and sends back what came of it; everything it knows between two steps is in the journal.

Rules (each held by the crash sweep):
- nothing is bought here: a purchase is looked up, never sent again;
- every charge with the run's trace is refunded, in full, not just the first;
- intent first: a refund is journalled before it is asked for, under a key derived from run and charge;
- `pending` is not refunded; a refund that failed is tried directly at the provider once, then escalated;
- one empty look is no proof: looking goes on until the time for late charges has passed since the purchase was sent and
  since the last link was closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import AnomalyRecorded, RunEscalated
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.exposure_events import Via
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_paygate.core.events import EventBody
    from pytest_paygate.core.exposure import ChargeState, Exposure

    Step: TypeAlias = "Record | Look | AskTarget | AskProvider | Close | Wait"
    Steps: TypeAlias = Generator[Step, Any, None]


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How patiently to settle. All in seconds.

    Args:
        late_charge_seconds: how long after the purchase, or after its link was closed, a charge may still turn up.
        quiet_seconds: how long ago the last thing was after which a charge may turn up, as far as is known for certain.
        through_target: whether the target can be asked to refund from here.
        target_seconds: how long the target has for a refund it was asked for.
        repeat_seconds: how long a refund that was asked for directly may stay invisible before it is asked for again,
            under the same key.
        slow_seconds: from when a refund under way is told as slow.
        give_up_seconds: when a refund under way, or a ledger that cannot be read, is escalated.
        look_floor_seconds: the shortest wait between two looks.
        look_cap_seconds: the longest.
    """

    late_charge_seconds: float = 60.0
    quiet_seconds: float = 0.0
    through_target: bool = False
    target_seconds: float = 20.0
    repeat_seconds: float = 5.0
    slow_seconds: float = 60.0
    give_up_seconds: float = 300.0
    look_floor_seconds: float = 0.25
    look_cap_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class RefundSighting:
    """A refund in a provider's ledger."""

    refund_id: str
    amount: Money
    status: str
    failure_reason: str = ""
    created: str = ""
    posted: str = ""


@dataclass(frozen=True, slots=True)
class ChargeSighting:
    """A charge with this run's trace in a provider's ledger, with its refunds."""

    provider: str
    charge_id: str
    payment_id: str
    amount: Money
    created: str
    refunds: tuple[RefundSighting, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentSighting:
    """A payment with this run's trace, and whether it can still be paid."""

    provider: str
    payment_id: str
    status: str
    payable: bool


@dataclass(frozen=True, slots=True)
class Sightings:
    """One complete look at every provider of the gate. Half a look is no look: then there is None instead."""

    charges: tuple[ChargeSighting, ...]
    payments: tuple[PaymentSighting, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Journal an event, durably, before the next step."""

    event: EventBody


@dataclass(frozen=True, slots=True)
class Look:
    """Read every charge and payment with the run's trace. Comes back as `Sightings`, or None when a read failed."""


@dataclass(frozen=True, slots=True)
class AskTarget:
    """Ask the target to refund. Comes back as "" when it agreed, else why not."""

    charge: ChargeState


@dataclass(frozen=True, slots=True)
class AskProvider:
    """Refund at the provider under a key. Comes back as "" when it agreed, else why not."""

    charge: ChargeState
    amount: Money
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Close:
    """Make a payment unpayable. Comes back as None; the next look tells whether it worked."""

    provider: str
    payment_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float


class SettleOutcome(StrEnum):
    """How a settlement ended."""

    SETTLED = "settled"
    ESCALATED = "escalated"


class Settlement:
    """One attempt to settle one run's exposure.

    Args:
        run_id: the run; refund keys are derived from it.
        view: the exposure as the journal now tells it.
        policy: how patiently.
        seconds: a count of seconds that only moves forward.
    """

    def __init__(
        self, run_id: str, view: Callable[[], Exposure], policy: SettlePolicy, seconds: Callable[[], float]
    ) -> None:
        self.run_id, self.view, self.policy, self.seconds = run_id, view, policy, seconds
        self._asked_at: dict[tuple[str, Via], float] = {}
        self._told_slow: set[str] = set()
        self._given_up: set[str] = set()
        self._told: tuple[int, int, int] | None = None

    def steps(self) -> Generator[Step, Any, SettleOutcome]:
        """Run until nothing is open, or until only a person can go on."""
        self._began = self._read_at = self.seconds()
        self._free_at = self._began + max(0.0, self.policy.late_charge_seconds - max(0.0, self.policy.quiet_seconds))
        while True:
            seen: Sightings | None = yield Look()
            if seen is None:
                if self.seconds() - self._read_at >= self.policy.give_up_seconds:
                    yield from self._escalate_unread()
                    return SettleOutcome.ESCALATED
            else:
                self._read_at = self.seconds()
                yield from self._note(seen)
                yield from self._close_payable(seen)
                yield from self._give_links_up(seen)
                yield from self._refund_all()
                if self._is_over(seen):
                    yield from self._conclude()
                    return SettleOutcome.SETTLED
                if self._is_stuck(seen):
                    return SettleOutcome.ESCALATED
            yield Wait(self._pause())

    def sighting_steps(self, seen: Sightings) -> Steps:
        """Journal what one look has shown, and do nothing about it."""
        yield from self._note(seen)

    def _note(self, seen: Sightings) -> Steps:
        """Journal what is new since the last look."""
        known = self.view()
        for payment in seen.payments:
            before = known.payments.get(payment.payment_id)
            if before is None or (before.status, before.payable) != (payment.status, payment.payable):
                yield Record(ex.PaymentSeen(**_fields(payment, "provider", "payment_id", "status", "payable")))
        for charge in seen.charges:
            if charge.charge_id not in known.charges:
                yield Record(
                    ex.ChargeSeen(
                        **_fields(charge, "provider", "charge_id", "payment_id", "created"),
                        amount_minor=charge.amount.minor,
                        currency=charge.amount.currency,
                    )
                )
            for refund in charge.refunds:
                yield from self._note_refund(charge, refund)
        counts = (len(seen.charges), len(self.view().unrefunded), sum(payment.payable for payment in seen.payments))
        if counts != self._told:
            self._told = counts
            yield Record(ex.LedgerLooked(reachable=True, charges=counts[0], unrefunded=counts[1], payable=counts[2]))

    def _note_refund(self, charge: ChargeSighting, refund: RefundSighting) -> Steps:
        before = self.view().charges[charge.charge_id].refunds.get(refund.refund_id)
        if before is not None and (before.status, before.posted) == (refund.status, refund.posted):
            return
        yield Record(
            ex.RefundSeen(
                **_fields(refund, "refund_id", "status", "failure_reason", "created", "posted"),
                provider=charge.provider,
                charge_id=charge.charge_id,
                amount_minor=refund.amount.minor,
                currency=refund.amount.currency,
            )
        )

    def _close_payable(self, seen: Sightings) -> Steps:
        for payment in seen.payments:
            if payment.payable:
                yield Record(ex.LinkClosing(provider=payment.provider, payment_id=payment.payment_id))
                yield Close(payment.provider, payment.payment_id)
                # Somebody may be paying at this very moment: from here the time for late charges runs anew.
                self._free_at = self.seconds() + self.policy.late_charge_seconds

    def _give_links_up(self, seen: Sightings) -> Steps:
        """A link that cannot be closed is a person's work: some providers keep a payment in the air for hours."""
        if self.seconds() - self._began < self.policy.give_up_seconds:
            return
        for payment in seen.payments:
            if payment.payable and payment.payment_id not in self._given_up:
                self._given_up.add(payment.payment_id)
                intent = self.view().intent
                amount = "" if intent is None else str(Money(intent.amount_minor, intent.currency))
                reason = f"it can still be paid at {payment.provider} ({payment.status}) and could not be closed"
                yield Record(RunEscalated(charge=f"payment {payment.payment_id}", amount=amount, reason=reason))

    def _refund_all(self) -> Steps:
        for charge_id in tuple(self.view().charges):
            charge = self.view().charges[charge_id]
            if charge.is_refunded or charge_id in self._given_up:
                continue
            if charge.is_under_way:
                yield from self._watch(charge)
            elif Via.PROVIDER in charge.asked and charge.has_failed:
                yield from self._escalate(charge, _why_failed(charge))
            else:
                yield from self._ask(charge)

    def _ask(self, charge: ChargeState) -> Steps:
        """Ask whoever's turn it is: the target once, then the provider, again only after a while and under one key."""
        for via in charge.asked:
            # An earlier process may have asked a moment ago: it is given the same time as if we had.
            self._asked_at.setdefault((charge.charge_id, via), self._began)
        if self.policy.through_target and not charge.asked:
            yield from self._ask_target(charge)
            return
        if Via.PROVIDER not in charge.asked:
            asked_at = self._asked_at.get((charge.charge_id, Via.TARGET))
            is_trying = asked_at is not None and self.seconds() - asked_at < self.policy.target_seconds
            refused = any(reason.startswith(Via.TARGET) for reason in charge.refused)
            if refused or charge.has_failed or not is_trying:
                yield from self._ask_provider(charge)
            return
        if self.seconds() - self._began >= self.policy.give_up_seconds:
            yield from self._escalate(charge, _why_refused(charge))
        elif self.seconds() - self._asked_at[charge.charge_id, Via.PROVIDER] >= self.policy.repeat_seconds:
            yield from self._ask_provider(charge)

    def _ask_target(self, charge: ChargeState) -> Steps:
        yield Record(self._intent(charge, Via.TARGET))
        self._asked_at[charge.charge_id, Via.TARGET] = self.seconds()
        refused: str = yield AskTarget(charge)
        if refused:
            yield Record(ex.RefundRefused(via=Via.TARGET, charge_id=charge.charge_id, reason=refused))
            yield from self._ask_provider(self.view().charges[charge.charge_id])

    def _ask_provider(self, charge: ChargeState) -> Steps:
        intent = self._intent(charge, Via.PROVIDER)
        yield Record(intent)
        self._asked_at[charge.charge_id, Via.PROVIDER] = self.seconds()
        amount = Money(intent.amount_minor, intent.currency)
        refused: str = yield AskProvider(charge, amount, intent.idempotency_key)
        if refused:
            yield Record(ex.RefundRefused(via=Via.PROVIDER, charge_id=charge.charge_id, reason=refused))
            if is_final(refused):
                yield from self._escalate(self.view().charges[charge.charge_id], refused)

    def _intent(self, charge: ChargeState, via: Via) -> ex.RefundIntended:
        return ex.RefundIntended(
            via=via,
            provider=charge.provider,
            charge_id=charge.charge_id,
            payment_id=charge.payment_id,
            amount_minor=charge.amount.minor - charge.refunded_minor,
            currency=charge.amount.currency,
            idempotency_key=refund_key(self.run_id, charge.charge_id),
        )

    def _watch(self, charge: ChargeState) -> Steps:
        """A refund is under way: say so when it is slow, escalate when it does not end."""
        waited = self.seconds() - self._began
        if waited >= self.policy.give_up_seconds:
            yield from self._escalate(charge, f"a refund is under way for {waited:.0f} s and not through")
        elif waited >= self.policy.slow_seconds and charge.charge_id not in self._told_slow:
            self._told_slow.add(charge.charge_id)
            detail = f"refund of {charge.charge_id} is not through after {self.policy.slow_seconds:.0f} s"
            yield Record(AnomalyRecorded(code="refund_slow", detail=detail))

    def _escalate(self, charge: ChargeState, reason: str) -> Steps:
        self._given_up.add(charge.charge_id)
        amount = Money(charge.amount.minor - charge.refunded_minor, charge.amount.currency)
        yield Record(RunEscalated(charge=charge.charge_id, amount=str(amount), reason=reason))

    def _escalate_unread(self) -> Steps:
        known = self.view()
        intent = known.intent
        amount = "" if intent is None else str(Money(intent.amount_minor, intent.currency))
        named = ", ".join(charge.charge_id for charge in known.unrefunded) or "not known"
        reason = f"the provider's ledger could not be read for {self.policy.give_up_seconds:.0f} s"
        yield Record(ex.LedgerLooked(reachable=False, charges=len(known.charges), unrefunded=0, payable=0))
        yield Record(RunEscalated(charge=named, amount=amount, reason=reason))

    def _is_over(self, seen: Sightings) -> bool:
        settled = not self.view().unrefunded and not any(payment.payable for payment in seen.payments)
        return settled and self.seconds() >= self._free_at

    def _is_stuck(self, seen: Sightings) -> bool:
        """Whether all that is left open waits for a person, and nothing more can turn up."""
        left = {charge.charge_id for charge in self.view().unrefunded}
        links = {payment.payment_id for payment in seen.payments if payment.payable}
        if not self._given_up or (left | links) - self._given_up:
            return False
        # A link that cannot be closed keeps the time for late charges running for ever.
        return bool(links) or self.seconds() >= self._free_at

    def _conclude(self) -> Steps:
        known = self.view()
        refunded = sum(charge.refunded_minor for charge in known.charges.values())
        intent = known.intent
        currency = intent.currency if intent is not None else "EUR"
        yield Record(ex.ExposureSettled(charges=len(known.charges), refunded_minor=refunded, currency=currency))

    def _pause(self) -> float:
        share = 0.05 * (self.seconds() - self._began)
        return min(self.policy.look_cap_seconds, max(self.policy.look_floor_seconds, share))


# What a provider says when asking again cannot help: the key lacks the right, or the charge cannot be refunded.
_FINAL = ("permission", "not refundable", "unauthorised")


def is_final(refused: str) -> bool:
    """Whether a refusal will stay one however often it is asked."""
    return refused.startswith(_FINAL)


def _why_failed(charge: ChargeState) -> str:
    reasons = {refund.failure_reason or "no reason given" for refund in charge.refunds.values()}
    return f"every refund of it failed: {', '.join(sorted(reasons))}"


def _why_refused(charge: ChargeState) -> str:
    return charge.refused[-1] if charge.refused else "no refund of it became visible at the provider"


def _fields(source: object, *names: str) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
