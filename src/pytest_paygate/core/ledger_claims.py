"""What a run's journal says stands in a provider's ledger: its claims, and how each compares with what is read there.

Rules (each held by a test):
- every charge, refund and payment that the journal names is a claim, whether it came from settling or from a fact;
- amount, currency, mode, the charge a refund belongs to and its status are compared; one difference is one too many;
- a refund that has moved on from pending to succeeded since is no difference; the other way round it is.
Pure: a folded run and typed answers in, findings out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import PaymentStatus, RefundStatus
from pytest_paygate.core.run import GUARDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.ports import Charge, Payment, Refund
    from pytest_paygate.core.run import RunState

    Claim: TypeAlias = "ChargeClaim | RefundClaim | PaymentClaim"

# The names under which a gate records ids of the ledger's, with the amount and the status that belong to them.
_CHARGE_FACTS = ("charge_id", "connector_payment_id", "amount_paid")
_REFUND_FACTS = ("provider_refund_id", "charge_id", "amount_refunded", "provider_refund_status")
_UNDER_WAY = frozenset({RefundStatus.PENDING.value, RefundStatus.REQUIRES_ACTION.value})
_OVER = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class ChargeClaim:
    """A charge the journal names, with what was captured."""

    provider: str
    charge_id: str
    payment_id: str
    amount: Money
    trace_id: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class RefundClaim:
    """A refund the journal names, as it was last seen. `charge_id` is empty when the journal does not say of which."""

    provider: str
    refund_id: str
    charge_id: str
    amount: Money
    status: str


@dataclass(frozen=True, slots=True)
class PaymentClaim:
    """A payment the journal names, and whether somebody could still pay it."""

    provider: str
    payment_id: str
    payable: bool
    livemode: bool


def claims(state: RunState) -> tuple[Claim, ...]:
    """Everything a run's journal says stands in a ledger: charges, refunds, payments."""
    if state.started is None:
        return ()
    charges = {claim.charge_id: claim for claim in _charges(state, state.started.trace_id)}
    refunds = {claim.refund_id: claim for claim in _refunds(state)}
    payments = [
        PaymentClaim(one.provider, one.payment_id, one.payable, state.mode in GUARDED)
        for one in state.exposure.payments.values()
    ]
    return (*charges.values(), *refunds.values(), *payments)


def charge_differences(claim: ChargeClaim, found: Charge) -> list[str]:
    """In what a charge of the ledger differs from what the journal says."""
    return [
        *_differs("amount", claim.amount, found.captured),
        *_differs("payment", claim.payment_id, found.payment_id),
        *_mode(claim.livemode, found.livemode),
        *_differs("trace id", claim.trace_id, found.metadata.get("trace_id", claim.trace_id)),
    ]


def refund_differences(claim: RefundClaim, found: Refund) -> list[str]:
    """In what a refund of the ledger differs from what the journal says."""
    moved_on = claim.status in _UNDER_WAY and found.status is RefundStatus.SUCCEEDED
    return [
        *_differs("amount", claim.amount, found.amount),
        *_differs("charge", claim.charge_id or found.charge_id, found.charge_id or claim.charge_id),
        *([] if moved_on else _differs("status", claim.status, found.status.value)),
    ]


def payment_differences(claim: PaymentClaim, found: Payment) -> list[str]:
    """In what a payment differs from what the journal says."""
    revived = not claim.payable and found.status not in _OVER
    return [
        *([f"it can be paid ({found.status}), the journal says it cannot"] if revived else []),
        *_mode(claim.livemode, found.livemode),
    ]


def _charges(state: RunState, trace_id: str) -> Iterator[ChargeClaim]:
    livemode = state.mode in GUARDED
    charge_id, payment_id, amount = (state.facts.get(name) for name in _CHARGE_FACTS)
    if isinstance(charge_id, str) and isinstance(payment_id, str) and isinstance(amount, Money):
        yield ChargeClaim(_ledger(state), charge_id, payment_id, amount, trace_id, livemode)
    for charge in state.exposure.charges.values():
        yield ChargeClaim(charge.provider, charge.charge_id, charge.payment_id, charge.amount, trace_id, livemode)


def _refunds(state: RunState) -> Iterator[RefundClaim]:
    refund_id, charge_id, amount, status = (state.facts.get(name) for name in _REFUND_FACTS)
    if isinstance(refund_id, str) and isinstance(amount, Money):
        yield RefundClaim(_ledger(state), refund_id, str(charge_id or ""), amount, str(status or ""))
    for charge in state.exposure.charges.values():
        for refund in charge.refunds.values():
            yield RefundClaim(charge.provider, refund.refund_id, charge.charge_id, refund.amount, refund.status)


def _ledger(state: RunState) -> str:
    purchase = None if state.gate is None else state.gate.purchase
    return "" if purchase is None else purchase.ledger


def _mode(claimed: bool, found: bool | None) -> list[str]:
    if found is None:
        return []
    return _differs("mode", "live" if claimed else "test", "live" if found else "test")


def _differs(what: str, claimed: object, found: object) -> list[str]:
    return [] if claimed == found else [f"{what} is {found}, the journal says {claimed}"]
