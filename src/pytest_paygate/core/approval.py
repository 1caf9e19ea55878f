"""Approvals: who allows which plan until when, and whether that is enough for what is about to be done.

Rules (each held by a test):
- an approval repeats what it approves; one field different from what is about to be done, and it is refused;
- it is for the bytes of one plan file, typed with the amount, in time, used in time, and used once;
- the requester never counts, nobody counts twice; a signature must verify, unless the plan allows unsigned ones.
Pure: signatures are checked by an adapter, which says of each approval whether its own verified.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.plan import Bound, Plan, canonical, damaged, encode_plan, moment, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

APPROVAL_VERSION = 1
SIGNATURE_NAMESPACE = "paygate-approval-v1"


class Approval(Model):
    """An approval file. What is signed is this file's bytes, so the signed text itself says what is allowed."""

    version: int = APPROVAL_VERSION
    plan_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    nonce: str = Field(pattern=r"^[0-9a-f]{32}$")
    bound: Bound
    requester: str
    approver: str = Field(min_length=1, max_length=80)
    typed: str
    approved_at: str
    approve_by: str
    execute_by: str


@dataclass(frozen=True, slots=True)
class Held:
    """An approval as found. `verified` is None without a signature, else whether that is its approver's."""

    approval: Approval
    file: str
    verified: bool | None


@dataclass(frozen=True, slots=True)
class Sufficient:
    """A plan with enough approvals."""

    plan: Plan
    approvers: tuple[str, ...]
    signed: bool


def file_sha256(content: bytes) -> str:
    """Hash of a whole file, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def approve(plan: Plan, *, approver: str, typed: str, at: datetime) -> Approval:
    """Make the approval of a plan. Whether the approver may and typed the right thing is checked by `check`."""
    return Approval(
        plan_sha256=file_sha256(encode_plan(plan)),
        nonce=plan.nonce,
        bound=plan.bound,
        requester=plan.requester,
        approver=approver,
        typed=typed,
        approved_at=at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        approve_by=plan.approve_by,
        execute_by=plan.execute_by,
    )


def encode_approval(approval: Approval) -> bytes:
    """An approval's file, which is also what is signed."""
    return canonical(approval)


def read_approval(content: bytes, file: str) -> Approval:
    """Read an approval file, strictly.

    Raises:
        ApprovalError: when it is not exactly such a file.
    """
    approval: Approval = read_document(Approval, content, file, what="an approval file")
    if encode_approval(approval) != content:
        raise damaged(file, "the exact form that `paygate approve` writes", "another spelling of it")
    return approval


def differences(approved: Bound, intended: Bound) -> tuple[str, ...]:
    """What differs between what was approved and what is about to be done, as `field: approved → now`."""
    was, now = approved.model_dump(), intended.model_dump()
    return tuple(f"{name}: {was[name]} → {now[name]}" for name in was if was[name] != now[name])


def check(plan: Plan, held: Sequence[Held], intended: Bound, *, now: datetime) -> Sufficient | tuple[str, ...]:
    """Say whether a plan is approved well enough for what is about to be done.

    Args:
        plan: the plan file.
        held: the approvals found for it.
        intended: what is about to be done, gathered afresh.
        now: the present moment, aware.

    Returns:
        The approvers that count, or every reason why it is not enough.
    """
    problems = [f"the plan is for something else: {one}" for one in differences(plan.bound, intended)]
    created = moment(plan.created_at, "created_at")
    if now > moment(plan.execute_by, "execute_by"):
        problems.append(f"the plan had to be carried out by {plan.execute_by}")
    if now < created:
        problems.append(f"the plan was made in the future, at {plan.created_at}: a clock is wrong")
    counted: list[Held] = []
    for one in held:
        problem = next(_problems(plan, one, counted, created, now), None)
        if problem is None:
            counted.append(one)
        else:
            problems.append(f"{one.file}: {problem}")
    required = plan.bound.approvals_required
    if len(counted) < required:
        problems.append(f"{len(counted)} of {required} approvals")
    # An approval that is refused for any reason spoils the plan: somebody must look, not just add another.
    if problems:
        return tuple(problems)
    return Sufficient(plan, tuple(one.approval.approver for one in counted), all(one.verified for one in counted))


def _problems(plan: Plan, held: Held, counted: Sequence[Held], created: datetime, now: datetime) -> Iterator[str]:
    """Every reason why an approval does not count, the gravest first."""
    approval = held.approval
    if approval.plan_sha256 != file_sha256(encode_plan(plan)) or approval.nonce != plan.nonce:
        yield "it is an approval of another plan"
    if differences(approval.bound, plan.bound) or approval.requester != plan.requester:
        yield "it says something else than the plan it names"
    if (approval.approve_by, approval.execute_by) != (plan.approve_by, plan.execute_by):
        yield "it has other deadlines than the plan"
    if approval.typed != plan.bound.gross:
        yield "the amount typed is not the plan's"
    at = moment(approval.approved_at, "approved_at")
    if not created <= at <= min(now, moment(plan.approve_by, "approve_by")):
        yield f"it was not given between {plan.created_at} and {plan.approve_by}"
    if held.verified is False:
        yield f"its signature is not {approval.approver}'s"
    if held.verified is None and not plan.bound.unsigned_allowed:
        yield "it is not signed"
    if approval.approver == plan.requester and not plan.bound.unsigned_allowed:
        yield "the requester does not approve"
    if any(other.approval.approver == approval.approver for other in counted):
        yield "this approver is counted already"
