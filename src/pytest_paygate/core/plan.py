"""The plan of a live run: everything an approval binds, in one canonical form with one hash.

Owns what is bound and how it is shown. What a person approves is re-derived from the plan's own bytes, never from the
configuration of whoever shows it: what is seen is what is signed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, ConfigurationError, Refusal
from pytest_paygate.core.events import Mode
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.model import Field, Model, parse
from pytest_paygate.core.money import Money, MoneyError

PLAN_VERSION = 1
_NEXT_STEP = "Make a new plan with `paygate plan` and have it approved."
_SHA256 = r"^[0-9a-f]{64}$"
_AMOUNT = r"^[A-Z]{3} [0-9]{1,15}(\.[0-9]{1,4})?$"
_NAME = r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,199}$"


class Bound(Model):
    """What a plan is for. One field different, and an approval of it is for something else.

    Amounts are text like `EUR 5.00`, all of one currency; `fee` is what the provider is expected to keep.
    """

    environment: str = Field(pattern=_NAME)
    mode: Mode
    host: str = Field(pattern=_NAME)
    provider: str = Field(pattern=_NAME)
    account: str = Field(pattern=_NAME)
    gate_id: str = Field(pattern=_NAME)
    gate_sha256: str = Field(pattern=_SHA256)
    suite_sha256: str = Field(pattern=_SHA256)
    commit: str = Field(pattern=_NAME)
    product: str = Field(pattern=_NAME)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    gross: str = Field(pattern=_AMOUNT)
    tax: str = Field(pattern=_AMOUNT)
    fee: str = Field(pattern=_AMOUNT)
    cap_per_charge: str = Field(pattern=_AMOUNT)
    cap_per_run: str = Field(pattern=_AMOUNT)
    cap_per_day: str = Field(pattern=_AMOUNT)
    policy: str = Field(pattern=_NAME)
    acknowledged_by: str = Field(pattern=_NAME)
    ground: str = Field(pattern=_NAME)
    refund: str = Field(pattern=_NAME)
    approvals_required: int = Field(ge=1, le=6)
    unsigned_allowed: bool
    capacity: str = Field(default="not counted", pattern=_NAME)

    @property
    def net_cost(self) -> Money:
        """What the run costs when the charge is refunded in full: the provider's fee stays with the provider."""
        return Money.parse(self.fee)


class Plan(Model):
    """A plan file: what is bound, who asks, and the two deadlines (ISO 8601, UTC)."""

    version: int = PLAN_VERSION
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$")
    bound: Bound
    requester: str = Field(pattern=_NAME)
    created_at: str
    approve_by: str
    execute_by: str


def bound_sha256(bound: Bound) -> str:
    """The plan's hash: over the bound fields alone, so that everybody who plans the same thing gets the same one."""
    return hashlib.sha256(canonical(bound)).hexdigest()


def canonical(document: Model) -> bytes:
    """The one form in which plans and approvals are written, hashed and signed."""
    told = document.model_dump()
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def encode_plan(plan: Plan) -> bytes:
    """A plan's file."""
    return canonical(plan)


def read_plan(content: bytes, file: str) -> Plan:
    """Read a plan file, strictly: exactly the bytes that `encode_plan` writes.

    Raises:
        ApprovalError: when it is not such a file.
    """
    plan: Plan = read_document(Plan, content, file, what="a plan file")
    if encode_plan(plan) != content:
        raise damaged(file, "the exact form that `paygate plan` writes", "another spelling of it")
    for key in ("created_at", "approve_by", "execute_by"):
        moment(getattr(plan, key), f"{file}: {key}")
    _check_amounts(plan.bound, file)
    return plan


def read_document(model: type[Any], content: bytes, file: str, *, what: str) -> Any:
    """Parse JSON strictly into a model.

    Raises:
        ApprovalError: for anything else.
    """
    try:
        document = strict_json(content)
        if not isinstance(document, dict):
            raise damaged(file, what, "another JSON value")
        return parse(model, document, file=file, next_step=_NEXT_STEP)
    except (ValueError, RecursionError) as error:
        raise damaged(file, what, str(error)[:80]) from None
    except ConfigurationError as error:
        told = error.refusal
        raise ApprovalError(
            replace(told, refused=f"{file} cannot be used", expected=f"{what}: {told.expected}", observed=told.refused)
        ) from None


def moment(text: str, where: str) -> datetime:
    """Read an ISO 8601 moment with its zone.

    Raises:
        ApprovalError: when it has none or is no moment.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise damaged(where, "a moment like 2026-11-21T09:15:00Z", "something else") from None
    if found.utcoffset() != timedelta(0):
        raise damaged(where, "a moment in UTC", "another zone, or none")
    return found


def plan_lines(bound: Bound) -> tuple[tuple[str, str], ...]:
    """The plan as label and value, in the order in which a person decides."""
    gross = Money.parse(bound.gross)
    return (
        ("environment", f"{bound.environment} ({bound.mode})"),
        ("host", bound.host),
        ("account", f"{bound.account} at {bound.provider}"),
        ("product", bound.product),
        ("gross", f"{gross} ({gross.minor} minor units), tax {bound.tax} in it"),
        ("fee", f"{bound.fee}, which the provider keeps on a refund"),
        ("net cost", f"{bound.net_cost} after the refund"),
        ("cap", f"{bound.cap_per_charge} a charge, {bound.cap_per_run} a run, {bound.cap_per_day} a day"),
        ("capacity", bound.capacity),
        ("policy", f"{bound.policy}, acknowledged by {bound.acknowledged_by}: {bound.ground}"),
        ("refund", bound.refund),
        ("gate", f"{bound.gate_id}, sha256 {bound.gate_sha256[:16]}…, suite {bound.suite_sha256[:16]}…"),
        ("commit", bound.commit),
        ("approvals", _approvals(bound)),
    )


def damaged(where: str, expected: str, observed: str) -> ApprovalError:
    """The refusal of a plan or approval file that is not what it must be."""
    return ApprovalError(
        Refusal(
            refused=f"{where} cannot be used",
            expected=expected,
            observed=observed,
            money=NOTHING_MOVED,
            next_step=_NEXT_STEP,
        )
    )


def _approvals(bound: Bound) -> str:
    kind = "unsigned ones are allowed here" if bound.unsigned_allowed else "signed, the requester not counted"
    return f"{bound.approvals_required} needed, {kind}"


def _check_amounts(bound: Bound, file: str) -> None:
    try:
        amounts = [
            Money.parse(text)
            for text in (
                bound.gross,
                bound.tax,
                bound.fee,
                bound.cap_per_charge,
                bound.cap_per_run,
                bound.cap_per_day,
            )
        ]
    except MoneyError as error:
        raise damaged(file, "amounts of a known currency", str(error)) from None
    if {amount.currency for amount in amounts} != {bound.currency} or amounts[0].minor <= 0:
        raise damaged(file, f"amounts in {bound.currency}, the gross above zero", "something else")
