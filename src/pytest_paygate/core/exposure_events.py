"""The journal's vocabulary of exposure: from the plan to the last look at the provider's ledger.

Owns the shapes only. What may follow what is decided in `exposure.py`. Amounts are minor units with their currency.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pytest_paygate.core.model import Model


class SendOutcome(StrEnum):
    """What is known of the one purchase request. Only NOT_SENT means that nothing can have been charged."""

    SEEN = "seen"
    AMBIGUOUS = "ambiguous"
    NOT_SENT = "not_sent"


class Via(StrEnum):
    """Who is asked to give money back."""

    TARGET = "target"
    PROVIDER = "provider"


class Rescuer(StrEnum):
    """Who carries on a run that its own process left."""

    GUARDIAN = "guardian"
    RECOVER = "recover"
    RESUME = "resume"


class PhaseStarted(Model):
    """Work outside the rows begins: the interlock's checks, or settling what is open."""

    kind: Literal["phase_started"] = "phase_started"
    phase: Literal["interlock", "settling"]
    cause: str = ""


class PhaseFinished(Model):
    """That work has ended."""

    kind: Literal["phase_finished"] = "phase_finished"
    phase: Literal["interlock", "settling"]
    outcome: str = ""


class ExposurePlanned(Model):
    """What this run may expose, as planned. `plan_sha256` is the hash over the plan's bound fields."""

    kind: Literal["exposure_planned"] = "exposure_planned"
    plan_sha256: str
    account: str
    host: str
    product: str
    amount_minor: int
    cap_minor: int
    currency: str
    policy: str
    acknowledgement: str = ""
    late_charge_seconds: float


class ApprovalConsumed(Model):
    """The approval is used up; the durable record of that was made before this line."""

    kind: Literal["approval_consumed"] = "approval_consumed"
    nonce: str
    plan_sha256: str
    requester: str
    approvers: tuple[str, ...]
    signed: bool
    attempt: int


class FenceTaken(Model):
    """The run holds the environment's lock, under a number that only ever grows."""

    kind: Literal["fence_taken"] = "fence_taken"
    store: str
    fence: int
    holder: str
    lease_seconds: float


class OperatorConfirmed(Model):
    """The operator typed the amount and the run's word."""

    kind: Literal["operator_confirmed"] = "operator_confirmed"
    amount: str
    waited_seconds: float
    tries: int


class CapacityTaken(Model):
    """A unit of the environment's capacity is taken; the capacity log's line that says so was made before this one.

    `line` and `line_sha256` are that line's number and hash, `log_sha256` is the hash of the log's first line: a log
    that does not hold them has been put back.
    """

    kind: Literal["capacity_taken"] = "capacity_taken"
    line: int
    line_sha256: str
    log_sha256: str
    left: int
    override_by: str = ""


class CapacityReturned(Model):
    """The unit is given back, because nothing can have been sent."""

    kind: Literal["capacity_returned"] = "capacity_returned"
    left: int
    reason: str


class ChargeIntended(Model):
    """The one purchase is about to be sent. From here on money can move."""

    kind: Literal["charge_intended"] = "charge_intended"
    amount_minor: int
    cap_minor: int
    currency: str
    method: str
    path: str
    body_sha256: str


class ChargeSent(Model):
    """What became of the one purchase request."""

    kind: Literal["charge_sent"] = "charge_sent"
    outcome: SendOutcome
    status: int = 0
    failure: str = ""


class PaymentSeen(Model):
    """A payment of this run at a provider, and whether somebody can still pay it."""

    kind: Literal["payment_seen"] = "payment_seen"
    provider: str
    payment_id: str
    status: str
    payable: bool


class LinkClosing(Model):
    """A payment is about to be made unpayable. Whoever is paying at this moment may still get through."""

    kind: Literal["link_closing"] = "link_closing"
    provider: str
    payment_id: str


class ChargeSeen(Model):
    """A charge of this run in a provider's ledger."""

    kind: Literal["charge_seen"] = "charge_seen"
    provider: str
    charge_id: str
    payment_id: str
    amount_minor: int
    currency: str
    created: str


class RefundIntended(Model):
    """A refund is about to be asked for. The key is derived from run and charge."""

    kind: Literal["refund_intended"] = "refund_intended"
    via: Via
    provider: str
    charge_id: str
    payment_id: str
    amount_minor: int
    currency: str
    idempotency_key: str


class RefundSeen(Model):
    """A refund as its provider tells it. Only `succeeded` is refunded; the times are the provider's."""

    kind: Literal["refund_seen"] = "refund_seen"
    provider: str
    refund_id: str
    charge_id: str
    amount_minor: int
    currency: str
    status: str
    failure_reason: str = ""
    created: str = ""
    posted: str = ""


class RefundRefused(Model):
    """A refund could not be asked for, or the answer did not arrive."""

    kind: Literal["refund_refused"] = "refund_refused"
    via: Via
    charge_id: str
    reason: str


class LedgerLooked(Model):
    """One look at the providers for everything with this run's trace."""

    kind: Literal["ledger_looked"] = "ledger_looked"
    reachable: bool
    charges: int
    unrefunded: int
    payable: int


class ExposureSettled(Model):
    """Every charge is refunded in full, no payment can be paid any more, and the time for late charges has passed."""

    kind: Literal["exposure_settled"] = "exposure_settled"
    charges: int
    refunded_minor: int
    currency: str


class RescueStarted(Model):
    """Somebody other than the run's own process carries on. Such a run never passes."""

    kind: Literal["rescue_started"] = "rescue_started"
    by: Rescuer
    at_line: int
    torn_bytes: int


class RescueFinished(Model):
    """That work has ended; `settled` says whether anything is still open."""

    kind: Literal["rescue_finished"] = "rescue_finished"
    settled: bool


ExposureEvent = (
    ExposurePlanned
    | ApprovalConsumed
    | FenceTaken
    | OperatorConfirmed
    | CapacityTaken
    | CapacityReturned
    | ChargeIntended
    | ChargeSent
    | PaymentSeen
    | LinkClosing
    | ChargeSeen
    | RefundIntended
    | RefundSeen
    | RefundRefused
    | LedgerLooked
    | ExposureSettled
)
