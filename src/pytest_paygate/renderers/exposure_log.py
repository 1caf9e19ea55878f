"""The lines of the session log that tell of exposure: plan, approval, lock, purchase, charges, refunds, settling.

Owns their wording. Amounts are shown with their currency, keys and hashes shortened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from pytest_paygate.core.events import EventBody

_SHORT = 12


def told(event: EventBody) -> str:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of event reads best as a table
    """One event of exposure as text."""
    match event:
        case ex.PhaseStarted():
            return " — ".join(part for part in (f"{event.phase} begins", event.cause) if part)
        case ex.PhaseFinished():
            return f"{event.phase} ends: {event.outcome}"
        case ex.ExposurePlanned():
            amount, cap = Money(event.amount_minor, event.currency), Money(event.cap_minor, event.currency)
            return (
                f"PLANNED {amount} (cap {cap}) for {event.product} at {event.host}, account {event.account}, "
                f"policy {event.policy}, plan {event.plan_sha256[:_SHORT]}…"
            )
        case ex.OperatorConfirmed():
            return f"the operator typed {event.amount} after {event.waited_seconds:.1f} s, try {event.tries}"
        case ex.ApprovalConsumed():
            kind = "signed" if event.signed else "UNSIGNED"
            by = ", ".join(event.approvers)
            return f"APPROVED by {by} ({kind}), attempt {event.attempt}; the approval is used up"
        case ex.FenceTaken():
            return f"FENCED: {event.store} lock number {event.fence}, lease {event.lease_seconds:g} s"
        case ex.CapacityTaken():
            by = f", in a safety pause that {event.override_by} has overridden" if event.override_by else ""
            return f"CAPACITY TAKEN: {event.left} left{by}, line {event.line} of the capacity log"
        case ex.CapacityReturned():
            return f"CAPACITY RETURNED: {event.left} left, {event.reason}"
        case ex.ChargeIntended():
            amount, cap = Money(event.amount_minor, event.currency), Money(event.cap_minor, event.currency)
            return f"CHARGE INTENDED: {event.method} {event.path} for {amount}, cap {cap}"
        case ex.ChargeSent():
            how = str(event.status) if event.status else event.failure
            return f"the purchase was sent: {event.outcome.upper()} ({how})"
        case ex.PaymentSeen():
            open_or_not = "can still be paid" if event.payable else "cannot be paid any more"
            return f"payment {event.payment_id} at {event.provider} is {event.status}: {open_or_not}"
        case ex.LinkClosing():
            return f"LINK CLOSING: payment {event.payment_id} at {event.provider}"
        case ex.ChargeSeen():
            amount = Money(event.amount_minor, event.currency)
            return f"CHARGE {event.charge_id} of {amount} at {event.provider}, created {event.created}"
        case ex.RefundIntended():
            amount = Money(event.amount_minor, event.currency)
            key = event.idempotency_key[: len("paygate-refund-") + _SHORT]
            return f"REFUND INTENDED: {amount} of {event.charge_id} through the {event.via}, key {key}…"
        case ex.RefundSeen():
            return _refund(event)
        case ex.RefundRefused():
            return f"the {event.via} did not refund {event.charge_id}: {event.reason}"
        case ex.LedgerLooked():
            if not event.reachable:
                return "the ledger could not be read"
            return f"ledger: {event.charges} charges, {event.unrefunded} not refunded, {event.payable} links payable"
        case ex.ExposureSettled():
            returned = Money(event.refunded_minor, event.currency)
            return f"SETTLED: {event.charges} charges, {returned} returned, no link payable"
        case ex.RescueStarted():
            torn = f", {event.torn_bytes} torn bytes left where they are" if event.torn_bytes else ""
            return f"{event.by} carries the run on after line {event.at_line}{torn}"
        case ex.RescueFinished():
            return "the rescue ends: " + ("nothing is open" if event.settled else "something is STILL OPEN")
        case _:
            return event.kind


def _refund(event: ex.RefundSeen) -> str:
    amount = Money(event.amount_minor, event.currency)
    why = f" ({event.failure_reason})" if event.failure_reason else ""
    times = f", created {event.created}" if event.created else ""
    times += f", posted {event.posted}" if event.posted else ""
    return f"refund {event.refund_id} of {event.charge_id}: {amount} {event.status}{why}{times}"
