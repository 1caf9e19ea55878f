"""Exposure: money, or a payable link, not yet proven gone. Its stages, folded from the journal alone.

`PLANNED → APPROVED → FENCED → CHARGE_INTENT → {SEEN | AMBIGUOUS | NOT_SENT}`
`→ REFUND_INTENT → REFUNDED → URL_DEAD → SETTLED`

Rules (each held by a test):
- a purchase is intended once in a run, over all its restarts, and within its cap;
- where real money is concerned (live and rehearsal) plan, approval, fence and the operator's word come first;
- what was sent is told once; only `not_sent` closes an exposure without a look at the ledger;
- a refund is intended before it is asked for, and counts when the provider says `succeeded`;
- settled means: every charge refunded in full, no payment payable, at least one look that saw the ledger.
Pure: events in, state out. `settlement.py` decides what to do about an open exposure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = TypeVar("Value")

SUCCEEDED = "succeeded"
DEAD_ENDS = frozenset({"failed", "cancelled"})


class Stage(StrEnum):
    """How far an exposure has come."""

    NONE = "none"
    PLANNED = "planned"
    APPROVED = "approved"
    FENCED = "fenced"
    CHARGE_INTENT = "charge_intent"
    SEEN = "seen"
    AMBIGUOUS = "ambiguous"
    NOT_SENT = "not_sent"
    REFUND_INTENT = "refund_intent"
    REFUNDED = "refunded"
    URL_DEAD = "url_dead"
    SETTLED = "settled"


class ExposureRuleError(ValueError):
    """An event that may not follow what came before. The message names the rule."""


@dataclass(frozen=True, slots=True)
class RefundState:
    """A refund as last seen. `posted` is the ledger's time, empty until the ledger shows it.

    `succeeded_at` is the wall time at which it was first seen as succeeded: providers tell no time for that.
    """

    refund_id: str
    amount: Money
    status: str
    failure_reason: str = ""
    created: str = ""
    posted: str = ""
    succeeded_at: str = ""


@dataclass(frozen=True, slots=True)
class ChargeState:
    """A charge with everything that was done about it. `asked` names who was asked for a refund, in order."""

    provider: str
    charge_id: str
    payment_id: str
    amount: Money
    created: str
    asked: tuple[ex.Via, ...] = ()
    refused: tuple[str, ...] = ()
    refunds: Mapping[str, RefundState] = field(default_factory=dict)

    @property
    def refunded_minor(self) -> int:
        """Minor units that have come back for certain, in the charge's own currency."""
        mine = [refund for refund in self.refunds.values() if refund.amount.currency == self.amount.currency]
        return sum(refund.amount.minor for refund in mine if refund.status == SUCCEEDED)

    @property
    def is_refunded(self) -> bool:
        """Whether the whole charge has come back."""
        return self.refunded_minor >= self.amount.minor

    @property
    def is_under_way(self) -> bool:
        """Whether a refund exists that may still succeed."""
        return any(refund.status not in DEAD_ENDS | {SUCCEEDED} for refund in self.refunds.values())

    @property
    def has_failed(self) -> bool:
        """Whether every refund of it has come to nothing."""
        return bool(self.refunds) and all(refund.status in DEAD_ENDS for refund in self.refunds.values())


@dataclass(frozen=True, slots=True)
class PaymentState:
    """A payment as last seen."""

    provider: str
    payment_id: str
    status: str
    payable: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a run has exposed, as far as its journal tells.

    `risky_at` is the wall time of the last thing after which a charge may still turn up: the purchase was about to be
    sent, a link could be paid, or was about to be closed.
    """

    planned: ex.ExposurePlanned | None = None
    approval: ex.ApprovalConsumed | None = None
    fence: ex.FenceTaken | None = None
    confirmed: ex.OperatorConfirmed | None = None
    capacity: ex.CapacityTaken | None = None
    intent: ex.ChargeIntended | None = None
    risky_at: str = ""
    sent: ex.ChargeSent | None = None
    payments: Mapping[str, PaymentState] = field(default_factory=dict)
    charges: Mapping[str, ChargeState] = field(default_factory=dict)
    looked: bool = False
    settled: ex.ExposureSettled | None = None

    @property
    def is_open(self) -> bool:
        """Whether money or a payable link may be out there."""
        if self.intent is None or self.settled is not None:
            return False
        return self.sent is None or self.sent.outcome is not SendOutcome.NOT_SENT

    @property
    def unrefunded(self) -> tuple[ChargeState, ...]:
        """Charges that have not come back in full."""
        return tuple(charge for charge in self.charges.values() if not charge.is_refunded)

    @property
    def payable(self) -> tuple[PaymentState, ...]:
        """Payments somebody can still pay."""
        return tuple(payment for payment in self.payments.values() if payment.payable)

    @property
    def stage(self) -> Stage:  # noqa: PLR0911 - one line for each stage, latest first
        """How far it has come; the stage of the charge that is furthest behind."""
        if self.settled is not None:
            return Stage.SETTLED
        if self.intent is not None:
            if self.sent is not None and self.sent.outcome is SendOutcome.NOT_SENT:
                return Stage.NOT_SENT
            if self.charges and not self.unrefunded:
                return Stage.URL_DEAD if not self.payable else Stage.REFUNDED
            if any(charge.asked for charge in self.unrefunded):
                return Stage.REFUND_INTENT
            return Stage.CHARGE_INTENT if self.sent is None else Stage(self.sent.outcome.value)
        if self.fence is not None:
            return Stage.FENCED
        if self.approval is not None:
            return Stage.APPROVED
        return Stage.NONE if self.planned is None else Stage.PLANNED


NOTHING = Exposure()


def refund_key(run_id: str, charge_id: str) -> str:
    """The idempotency key of a refund: the same for every process that ever asks for it."""
    digest = hashlib.sha256(f"pytest-paygate refund {run_id} {charge_id}".encode()).hexdigest()
    return f"paygate-refund-{digest[:40]}"


def apply(before: Exposure, event: ex.ExposureEvent, at: str, *, guarded: bool) -> Exposure:  # noqa: C901, PLR0911, PLR0912 - one case an event
    """Return the exposure after one more event.

    Args:
        before: everything so far.
        event: what happened.
        at: its wall time, for display.
        guarded: the run is live or a rehearsal, so plan, approval, fence and the operator's word must come first.

    Raises:
        ExposureRuleError: when the event may not follow.
    """
    match event:
        case ex.ExposurePlanned():
            _require(before.planned is None, "an exposure is planned once")
            return replace(before, planned=event)
        case ex.ApprovalConsumed():
            planned = _had(before.planned, "an approval is consumed for a plan")
            _require(before.approval is None, "an approval is consumed once in a run")
            _require(planned.plan_sha256 == event.plan_sha256, "the approval is for this plan")
            return replace(before, approval=event)
        case ex.FenceTaken():
            _require(before.fence is None or event.fence > before.fence.fence, "a fence only ever grows")
            return replace(before, fence=event)
        case ex.OperatorConfirmed():
            _require(before.confirmed is None, "the operator confirms once")
            return replace(before, confirmed=event)
        case ex.CapacityTaken():
            _require(before.capacity is None and before.intent is None, "capacity is taken once, before the purchase")
            return replace(before, capacity=event)
        case ex.CapacityReturned():
            unsent = before.intent is None or (before.sent is not None and before.sent.outcome is SendOutcome.NOT_SENT)
            _require(before.capacity is not None and unsent, "capacity is given back when nothing was sent")
            return replace(before, capacity=None)
        case ex.ChargeIntended():
            return _intend(before, event, at, guarded=guarded)
        case ex.ChargeSent():
            _require(before.intent is not None, "what was sent was intended first")
            _require(before.sent is None, "what became of the purchase is told once")
            return replace(before, sent=event)
        case ex.LinkClosing():
            _require(event.payment_id in before.payments, "a link is closed after it was seen")
            return replace(before, risky_at=at)
        case ex.PaymentSeen():
            seen = PaymentState(event.provider, event.payment_id, event.status, event.payable)
            risky_at = at if event.payable else before.risky_at
            after = replace(before, payments=_with(before.payments, event.payment_id, seen), risky_at=risky_at)
            return _open(after)
        case ex.ChargeSeen():
            return _charge_seen(before, event)
        case ex.RefundIntended():
            return _refund_intended(before, event)
        case ex.RefundRefused():
            charge = _charge(before, event.charge_id)
            return _put(before, replace(charge, refused=(*charge.refused, f"{event.via}: {event.reason}")))
        case ex.RefundSeen():
            return _refund_seen(before, event, at)
        case ex.LedgerLooked():
            _require(before.intent is not None, "a ledger is looked at for an intended purchase")
            return replace(before, looked=before.looked or event.reachable)
        case ex.ExposureSettled():
            return _settle(before, event)


def _intend(before: Exposure, event: ex.ChargeIntended, at: str, *, guarded: bool) -> Exposure:
    _require(before.intent is None, "a purchase is intended once in a run")
    _require(0 < event.amount_minor <= event.cap_minor, "a purchase is within its cap")
    if guarded:
        planned = _had(before.planned, "a purchase has a plan")
        _require(before.approval is not None, "a purchase has an approval")
        _require(before.fence is not None, "a purchase holds the environment's lock")
        _require(before.confirmed is not None, "a purchase was confirmed by the operator")
        _require(
            (planned.amount_minor, planned.cap_minor, planned.currency)
            == (event.amount_minor, event.cap_minor, event.currency),
            "a purchase is the planned one",
        )
    return replace(before, intent=event, risky_at=at)


def _charge_seen(before: Exposure, event: ex.ChargeSeen) -> Exposure:
    _require(before.intent is not None, "a charge follows an intended purchase")
    amount = Money(event.amount_minor, event.currency)
    known = before.charges.get(event.charge_id)
    if known is not None:
        _require(known.amount == amount, "a charge keeps its amount")
        return before
    charge = ChargeState(event.provider, event.charge_id, event.payment_id, amount, event.created)
    return _open(_put(before, charge))


def _refund_intended(before: Exposure, event: ex.RefundIntended) -> Exposure:
    charge = _charge(before, event.charge_id)
    _require(event.amount_minor == charge.amount.minor - charge.refunded_minor, "a refund is for what is outstanding")
    return _put(before, replace(charge, asked=(*charge.asked, event.via)))


def _refund_seen(before: Exposure, event: ex.RefundSeen, at: str) -> Exposure:
    charge = _charge(before, event.charge_id)
    known = charge.refunds.get(event.refund_id)
    first_seen = known.succeeded_at if known is not None and known.succeeded_at else at
    refund = RefundState(
        event.refund_id,
        Money(event.amount_minor, event.currency),
        event.status,
        event.failure_reason,
        event.created,
        event.posted,
        first_seen if event.status == SUCCEEDED else "",
    )
    # A refund that was taken back (succeeded, later failed) opens a settled exposure again.
    return _open(_put(before, replace(charge, refunds=_with(charge.refunds, event.refund_id, refund))))


def _settle(before: Exposure, event: ex.ExposureSettled) -> Exposure:
    _require(before.intent is not None, "what is settled was intended")
    _require(before.looked, "what is settled was looked for in the ledger")
    _require(not before.unrefunded, "what is settled is refunded in full")
    _require(not before.payable, "what is settled cannot be paid any more")
    refunded = sum(charge.refunded_minor for charge in before.charges.values())
    _require((event.charges, event.refunded_minor) == (len(before.charges), refunded), "the settlement adds up")
    return replace(before, settled=event)


def _open(exposure: Exposure) -> Exposure:
    """Whatever was found later opens a settled exposure again, when it is not harmless."""
    if exposure.unrefunded or exposure.payable:
        return replace(exposure, settled=None)
    return exposure


def _charge(exposure: Exposure, charge_id: str) -> ChargeState:
    known = exposure.charges.get(charge_id)
    if known is None:
        raise ExposureRuleError(f"charge {charge_id} was not seen before")
    return known


def _put(exposure: Exposure, charge: ChargeState) -> Exposure:
    return replace(exposure, charges=_with(exposure.charges, charge.charge_id, charge))


def _with(mapping: Mapping[str, Value], key: str, value: Value) -> Mapping[str, Value]:
    return MappingProxyType({**mapping, key: value})


def _had(value: Value | None, rule: str) -> Value:
    if value is None:
        raise ExposureRuleError(rule)
    return value


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ExposureRuleError(rule)
