"""What a report says of plan, approval, exposure and refund clock, as label and value. Pure.

The clock is the provider's where the provider tells a time; the moment at which a refund was first seen as succeeded is
ours, and is named so.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.core.exposure import SUCCEEDED
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.exposure import ChargeState, RefundState
    from pytest_paygate.core.run import RunState

REFUND_SECONDS_MAX = 60


def lines(state: RunState) -> tuple[tuple[str, str], ...]:
    """Label and value of everything known; empty for a run that exposed nothing and planned nothing."""
    return tuple(_lines(state))


def latency_seconds(charge: ChargeState, refund: RefundState) -> int | None:
    """Whole seconds from charge to refund on the provider's own clock; None when it does not tell both times."""
    try:
        return round((datetime.fromisoformat(refund.created) - datetime.fromisoformat(charge.created)).total_seconds())
    except (TypeError, ValueError):
        return None


def _lines(state: RunState) -> Iterator[tuple[str, str]]:
    exposure = state.exposure
    if exposure.planned is not None:
        planned = exposure.planned
        amount, cap = Money(planned.amount_minor, planned.currency), Money(planned.cap_minor, planned.currency)
        yield (
            "plan",
            f"{amount} for {planned.product}, cap {cap}, policy {planned.policy}, sha256 {planned.plan_sha256}",
        )
        yield "account", planned.account
        if planned.acknowledgement:
            yield "acknowledged by", planned.acknowledgement
    if exposure.approval is not None:
        approval = exposure.approval
        kind = "signed" if approval.signed else "UNSIGNED: nobody's signature stands behind it"
        yield "approved by", f"{', '.join(approval.approvers)} ({kind}), asked for by {approval.requester}"
        yield "attempt", str(approval.attempt)
    if exposure.intent is not None and state.is_guarded:
        yield "exposure", f"{exposure.stage}{'' if exposure.is_open else ': nothing is open'}"
    for charge in exposure.charges.values():
        for refund in charge.refunds.values():
            yield f"refund of {charge.charge_id}", _clock(charge, refund)


def _clock(charge: ChargeState, refund: RefundState) -> str:
    seconds = latency_seconds(charge, refund)
    parts = [f"{refund.amount} {refund.status}", f"accepted {refund.created or 'at an unknown time'}"]
    if refund.succeeded_at:
        parts.append(f"seen as succeeded {refund.succeeded_at} (our clock)")
    parts.append(f"posted {refund.posted}" if refund.posted else "not seen as posted")
    if seconds is not None:
        parts.append(f"{seconds} s after the charge{'' if seconds <= REFUND_SECONDS_MAX else ': OVER 60 s'}")
    if refund.status != SUCCEEDED and refund.failure_reason:
        parts.append(f"reason {refund.failure_reason}")
    return ", ".join(parts)
