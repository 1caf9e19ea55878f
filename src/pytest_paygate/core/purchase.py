"""The one purchase: what must be on disk before its first byte leaves, and what is known once it has.

Like `settlement.py`, a generator of steps that somebody else carries out, so that the crash sweep runs the same code as
the operator's run.

Rules (each held by the crash sweep and the interlock's truth table):
- the intent is durable before the request is sent; when it cannot be written, nothing is sent;
- the lock is looked at last, after the intent: a process that slept past its lease sends nothing;
- the request is sent once; whatever comes back, it is never sent again;
- only a connection that never came about means that nothing was sent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.settlement import Record

if TYPE_CHECKING:
    from pytest_paygate.core.money import Money


@dataclass(frozen=True, slots=True)
class HoldsLock:
    """Ask, as the last thing before the send, whether the lock is still ours. Comes back as True or False."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request, once. Comes back as `Sent`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a send: `status` 0 when no complete answer arrived, `connected` False when nothing can have left."""

    status: int
    failure: str = ""
    connected: bool = True


PurchaseStep: TypeAlias = Record | HoldsLock | Send


def outcome_of(sent: Sent) -> SendOutcome:
    """What one send proves. A refusal of the target does not prove that nothing was charged."""
    if not sent.connected:
        return SendOutcome.NOT_SENT
    return SendOutcome.SEEN if 200 <= sent.status < 300 else SendOutcome.AMBIGUOUS


def purchase(
    amount: Money, cap: Money, *, method: str, path: str, body_sha256: str
) -> Generator[PurchaseStep, Any, SendOutcome]:
    """Carry out the one purchase of a run.

    Args:
        amount: what is bought for.
        cap: the most it may be.
        method: HTTP method of the request.
        path: its path, already reduced to what may be journalled.
        body_sha256: hash of the bytes about to be sent.

    Returns:
        What is known of the purchase; it is in the journal.
    """
    yield Record(
        ex.ChargeIntended(
            amount_minor=amount.minor,
            cap_minor=cap.minor,
            currency=amount.currency,
            method=method,
            path=path,
            body_sha256=body_sha256,
        )
    )
    held: bool = yield HoldsLock()
    if not held:
        yield Record(ex.ChargeSent(outcome=SendOutcome.NOT_SENT, failure="lock_lost"))
        return SendOutcome.NOT_SENT
    sent: Sent = yield Send()
    outcome = outcome_of(sent)
    yield Record(ex.ChargeSent(outcome=outcome, status=sent.status, failure=sent.failure))
    return outcome
