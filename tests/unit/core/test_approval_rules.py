"""Approvals, continued: every reason word for word, every bound of time, and the form of the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import approval as approvals
from pytest_paygate.core.approval import (
    Approval,
    Held,
    Sufficient,
    approve,
    check,
    differences,
    encode_approval,
    file_sha256,
    read_approval,
)
from pytest_paygate.core.errors import ApprovalError
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.plan import canonical, encode_plan
from tests.unit.core.test_approval import BOTH, BOUND, NOW, PLAN, held

BOB, CEM = BOTH
CREATED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
APPROVE_BY = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
EXECUTE_BY = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
ONE_OF_TWO = "1 of 2 approvals"
MADE = {
    "version": 1,
    "plan_sha256": file_sha256(encode_plan(PLAN)),
    "nonce": "a" * 32,
    "bound": BOUND,
    "requester": "ann@example.test",
    "approver": "bob@example.test",
    "typed": "EUR 5.00",
    "approved_at": "2026-11-21T09:15:00Z",
    "approve_by": "2026-11-21T13:00:00Z",
    "execute_by": "2026-11-21T17:00:00Z",
}


def alone(**changes):
    """A plan that one approval is enough for, and that approval."""
    bound = BOUND.model_copy(update={"approvals_required": 1, **changes})
    return PLAN.model_copy(update={"bound": bound})


def test_an_approval_repeats_what_it_approves():
    """The plan's hash, nonce, bound fields and deadlines, who asked, who approves, what was typed, and when in UTC."""
    made = approve(PLAN, approver="bob@example.test", typed="EUR 5.00", at=NOW.replace(microsecond=999_999))
    assert {name: getattr(made, name) for name in Approval.model_fields} == MADE
    assert Approval(**{name: value for name, value in MADE.items() if name != "version"}) == made
    assert encode_approval(made) == canonical(made)
    assert read_approval(encode_approval(made), "bob.json") == made
    assert approvals.SIGNATURE_NAMESPACE == "paygate-approval-v1"


def test_a_file_is_known_by_its_sha_256():
    """Hexadecimal, over the whole content."""
    assert file_sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("plan_sha256", text) for text in ("", "1" * 63, "1" * 65, "A" * 64)),
        *(("nonce", text) for text in ("", "a" * 31, "a" * 33, "A" * 32)),
        *(("approver", text) for text in ("", "x" * 81)),
    ],
)
def test_an_approval_of_another_form_is_refused(field, wrong):
    """Hash, nonce and approver have their form; the longest approver is within it."""
    assert Approval(**{**MADE, "approver": "x"}).approver == "x"
    assert Approval(**{**MADE, "approver": "x" * 80}).approver == "x" * 80
    with pytest.raises(ValidationError):
        Approval(**{**MADE, field: wrong})


@pytest.mark.parametrize("field", [name for name in MADE if name != "version"])
def test_an_approval_says_everything(field):
    """Nothing but the version may be left out."""
    with pytest.raises(ValidationError, match="Field required"):
        Approval(**{name: value for name, value in MADE.items() if name != field})


@pytest.mark.parametrize(
    ("content", "expected", "observed"),
    [
        (b"[]", "an approval file", "another JSON value"),
        (b"{}", "an approval file: a value for this key", "bob.json: plan_sha256: is missing"),
        (
            encode_approval(BOB.approval) + b"\n",
            "the exact form that `paygate approve` writes",
            "another spelling of it",
        ),
    ],
)
def test_what_is_no_approval_file_is_told(content, expected, observed):
    """An approval is exactly what `paygate approve` writes."""
    with pytest.raises(ApprovalError) as refused:
        read_approval(content, "bob.json")
    assert refused.value.refusal.text() == (
        "bob.json cannot be used\n"
        f"  expected  {expected}\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      Make a new plan with `paygate plan` and have it approved."
    )


def test_what_differs_is_told_field_by_field():
    """Each field that differs with both of its values, in the plan's order; of the same thing nothing."""
    other = BOUND.model_copy(update={"gross": "EUR 6.00", "host": "evil.example"})
    assert differences(BOUND, other) == ("host: shop.example → evil.example", "gross: EUR 5.00 → EUR 6.00")
    assert differences(BOUND, BOUND) == ()


@pytest.mark.parametrize("now", [CREATED, NOW, EXECUTE_BY])
def test_a_plan_is_carried_out_in_its_time(now):
    """From the moment it was made until its deadline, both within."""
    both = [held(one.approval.approver, at=min(now, NOW)) for one in BOTH]
    assert check(PLAN, both, BOUND, now=now) == Sufficient(PLAN, ("bob@example.test", "cem@example.test"), signed=True)


def test_too_late_and_too_early():
    """After its deadline, and before it was made, a plan is carried out by nobody."""
    assert check(PLAN, BOTH, BOUND, now=EXECUTE_BY + timedelta(seconds=1)) == (
        "the plan had to be carried out by 2026-11-21T17:00:00Z",
    )
    early = CREATED - timedelta(seconds=1)
    assert check(alone(), [], alone().bound, now=early) == (
        "the plan was made in the future, at 2026-11-21T09:00:00Z: a clock is wrong",
        "0 of 1 approvals",
    )


@pytest.mark.parametrize("at", [CREATED, NOW, APPROVE_BY])
def test_an_approval_is_given_in_its_time(at):
    """From the moment the plan was made until its own deadline, both within, and not after now."""
    assert isinstance(check(PLAN, [held(at=at), held("cem@example.test", at=at)], BOUND, now=max(at, NOW)), Sufficient)


@pytest.mark.parametrize(
    ("odd", "now", "said"),
    [
        (held(plan_sha256="0" * 64), NOW, "it is an approval of another plan"),
        (held(nonce="b" * 32), NOW, "it is an approval of another plan"),
        (
            held(bound=BOUND.model_copy(update={"host": "evil.example"})),
            NOW,
            "it says something else than the plan it names",
        ),
        (held(requester="eve@example.test"), NOW, "it says something else than the plan it names"),
        (held(approve_by="2026-11-21T13:00:01Z"), NOW, "it has other deadlines than the plan"),
        (held(execute_by="2026-11-21T17:00:01Z"), NOW, "it has other deadlines than the plan"),
        (held(typed="EUR 5.0"), NOW, "the amount typed is not the plan's"),
        (held(at=CREATED - timedelta(seconds=1)), NOW, "TIME"),
        (held(at=APPROVE_BY + timedelta(seconds=1)), EXECUTE_BY, "TIME"),
        (held(at=NOW + timedelta(seconds=1)), NOW, "TIME"),
        (held(verified=False), NOW, "its signature is not bob@example.test's"),
        (held(verified=None), NOW, "it is not signed"),
        (held("ann@example.test"), NOW, "the requester does not approve"),
        (CEM, NOW, "this approver is counted already"),
    ],
)
def test_one_wrong_approval_spoils_the_plan(odd, now, said):
    """Whatever is wrong with it is told with its file, beside how many are left that count."""
    said = said.replace("TIME", "it was not given between 2026-11-21T09:00:00Z and 2026-11-21T13:00:00Z")
    assert check(PLAN, [CEM, odd], BOUND, now=now) == (f"{odd.file}: {said}", ONE_OF_TWO)


def test_a_third_approval_that_is_refused_spoils_two_good_ones():
    """Somebody must look; adding another approval does not help."""
    odd = held("dan@example.test", verified=False)
    assert check(PLAN, [*BOTH, odd], BOUND, now=NOW) == (
        "dan@example.test.json: its signature is not dan@example.test's",
    )


def test_a_plan_for_something_else_says_what():
    """What is about to be done differs: refused, however many have approved the plan."""
    intended = BOUND.model_copy(update={"gross": "EUR 6.00"})
    assert check(PLAN, BOTH, intended, now=NOW) == ("the plan is for something else: gross: EUR 5.00 → EUR 6.00",)


@pytest.mark.parametrize(
    ("approver", "verified", "signed"),
    [("ann@example.test", None, False), ("bob@example.test", None, False), ("bob@example.test", True, True)],
)
def test_where_unsigned_ones_are_allowed(approver, verified, signed):
    """One person may approve their own plan there, without a signature, and it is told as unsigned."""
    plan = alone(unsigned_allowed=True)
    one = held(approver, plan=plan, verified=verified)
    assert check(plan, [one], plan.bound, now=NOW) == Sufficient(plan, (approver,), signed=signed)


def test_a_wrong_signature_is_wrong_everywhere():
    """Where unsigned approvals are allowed, one with somebody else's signature is not."""
    plan = alone(unsigned_allowed=True)
    said = ("bob@example.test.json: its signature is not bob@example.test's", "0 of 1 approvals")
    assert check(plan, [held(plan=plan, verified=False)], plan.bound, now=NOW) == said


def test_more_than_enough_is_enough():
    """Everybody who counts is named; signed is told only when each of them signed."""
    plan = alone(unsigned_allowed=True)
    found = check(plan, [held(plan=plan), held("cem@example.test", plan=plan, verified=None)], plan.bound, now=NOW)
    assert found == Sufficient(plan, ("bob@example.test", "cem@example.test"), signed=False)
    assert not isinstance(check(alone(), [held(plan=alone()), CEM], alone().bound, now=NOW), Sufficient)


@pytest.mark.parametrize(
    ("plan", "one", "where"),
    [
        (PLAN.model_copy(update={"created_at": "soon"}), BOB, "created_at"),
        (PLAN.model_copy(update={"execute_by": "soon"}), BOB, "execute_by"),
        (PLAN, held(approved_at="soon"), "approved_at"),
    ],
)
def test_a_moment_that_cannot_be_read_is_named(plan, one, where):
    """A file whose time is no time cannot be used, and the key is named."""
    with pytest.raises(ApprovalError) as refused:
        check(plan, [one], BOUND, now=NOW)
    assert refused.value.refusal.refused == f"{where} cannot be used"


def test_a_deadline_that_cannot_be_read_is_named():
    """The deadline of approvals is read where an approval is for that very plan."""
    plan = PLAN.model_copy(update={"approve_by": "soon"})
    one = Held(approve(plan, approver="bob@example.test", typed="EUR 5.00", at=NOW), "bob.json", verified=True)
    with pytest.raises(ApprovalError) as refused:
        check(plan, [one], BOUND, now=NOW)
    assert refused.value.refusal.refused == "approve_by cannot be used"
