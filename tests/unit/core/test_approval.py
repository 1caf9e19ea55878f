"""Approvals: for exactly one plan, in time, by enough people who did not ask for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core.approval import (
    Held,
    Sufficient,
    approve,
    check,
    differences,
    encode_approval,
    read_approval,
)
from pytest_paygate.core.errors import ApprovalError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.plan import Bound, Plan, bound_sha256, encode_plan, plan_lines, read_plan

NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
BOUND = Bound(
    environment="prod",
    mode=Mode.LIVE,
    host="shop.example",
    provider="stripe",
    account="acct_1",
    gate_id="e2e",
    gate_sha256="1" * 64,
    suite_sha256="2" * 64,
    commit="3" * 40,
    product="prod_1",
    currency="EUR",
    gross="EUR 5.00",
    tax="EUR 0.83",
    fee="EUR 0.33",
    cap_per_charge="EUR 5.00",
    cap_per_run="EUR 5.00",
    cap_per_day="EUR 15.00",
    policy="drive",
    acknowledged_by="ann",
    ground="the provider asks for it",
    refund="through the target",
    approvals_required=2,
    unsigned_allowed=False,
)
PLAN = Plan(
    nonce="a" * 32,
    bound=BOUND,
    requester="ann@example.test",
    created_at="2026-11-21T09:00:00Z",
    approve_by="2026-11-21T13:00:00Z",
    execute_by="2026-11-21T17:00:00Z",
)
OTHER: dict[str, tuple[object, ...]] = {
    "environment": ("staging", "prod2", "Prod", "prod ", "p"),
    "mode": (Mode.REHEARSAL, Mode.STAGING, Mode.SANDBOX),
    "host": ("shop.example:443", "shop.example.evil", "127.0.0.1", "SHOP.example", "shop"),
    "provider": ("hyperswitch", "Stripe", "stripe2", "s", "-"),
    "account": ("acct_2", "acct_11", "ACCT_1", "acct_", "acct_1x"),
    "gate_id": ("microcharge", "e2e2", "E2E", "e", "e2e_"),
    "gate_sha256": ("4" * 64, "1" * 63 + "2", "0" * 64, "a" * 64, "f" * 64),
    "suite_sha256": ("4" * 64, "2" * 63 + "1", "0" * 64, "a" * 64, "f" * 64),
    "commit": ("4" * 40, "3" * 39 + "4", "unknown", "3" * 40 + "-dirty", "3"),
    "product": ("prod_2", "prod_11", "PROD_1", "p", "prod_1b"),
    "currency": ("USD", "GBP", "CHF", "SEK", "JPY"),
    "gross": ("EUR 5.01", "EUR 4.99", "EUR 50.00", "EUR 0.05", "USD 5.00"),
    "tax": ("EUR 0.00", "EUR 0.84", "EUR 5.00", "USD 0.83", "EUR 8.30"),
    "fee": ("EUR 0.00", "EUR 0.34", "EUR 3.30", "USD 0.33", "EUR 0.03"),
    "cap_per_charge": ("EUR 5.01", "EUR 50.00", "EUR 4.99", "USD 5.00", "EUR 500.00"),
    "cap_per_run": ("EUR 5.01", "EUR 50.00", "EUR 4.99", "USD 5.00", "EUR 500.00"),
    "cap_per_day": ("EUR 15.01", "EUR 150.00", "EUR 14.99", "USD 15.00", "EUR 1500.00"),
    "policy": ("observe", "Drive", "drive!", "d", "-"),
    "acknowledged_by": ("bob", "Ann", "ann ", "a", "nobody"),
    "ground": ("another ground", "none", "x", "the provider asks for it.", "The provider asks for it"),
    "refund": ("by hand", "none", "Through the target", "through the target.", "x"),
    "approvals_required": (1, 3, 4, 5, 6),
    "unsigned_allowed": (True,),
    "capacity": ("25 charges in 30 d, pause below 5", "none is written", "x", "Not counted", "not counted."),
}


def held(approver="bob@example.test", *, plan=PLAN, verified=True, at=NOW, **changes):
    """An approval as it would be found."""
    made = approve(plan, approver=approver, typed=plan.bound.gross, at=at).model_copy(update=changes)
    return Held(made, f"{approver}.json", verified)


BOTH = [held(), held("cem@example.test")]


def test_two_people_who_did_not_ask_are_enough():
    """A plan with its approvals, carried out as planned, is sufficient and says who approved."""
    result = check(PLAN, BOTH, BOUND, now=NOW)
    assert isinstance(result, Sufficient)
    assert (result.approvers, result.signed) == (("bob@example.test", "cem@example.test"), True)


def test_every_bound_field_is_in_the_table():
    """No field of a plan escapes the test below."""
    assert set(OTHER) == set(Bound.model_fields)


@pytest.mark.parametrize(("field", "value"), [(name, value) for name, values in OTHER.items() for value in values])
def test_one_field_different_is_refused(field, value):
    """What is about to be done differs from the plan in one field: refused, naming the field."""
    intended = BOUND.model_copy(update={field: value})
    result = check(PLAN, BOTH, intended, now=NOW)
    assert isinstance(result, tuple)
    assert any(field in reason for reason in result)
    assert differences(BOUND, intended)
    assert bound_sha256(BOUND) != bound_sha256(intended)


@pytest.mark.parametrize(("field", "value"), [(name, values[0]) for name, values in OTHER.items()])
def test_an_approval_that_says_something_else_is_refused(field, value):
    """An approval whose own text differs from its plan counts for nothing."""
    odd = held(bound=BOUND.model_copy(update={field: value}))
    assert isinstance(check(PLAN, [odd, BOTH[1]], BOUND, now=NOW), tuple)


@pytest.mark.parametrize(
    ("approvals", "now", "said"),
    [
        ([], NOW, "0 of 2 approvals"),
        (BOTH[:1], NOW, "1 of 2 approvals"),
        ([BOTH[0], BOTH[0]], NOW, "this approver is counted already"),
        ([held("ann@example.test"), BOTH[0]], NOW, "the requester does not approve"),
        ([held(verified=False), BOTH[1]], NOW, "its signature is not bob@example.test's"),
        ([held(verified=None), BOTH[1]], NOW, "it is not signed"),
        ([held(typed="EUR 5"), BOTH[1]], NOW, "the amount typed is not the plan's"),
        ([held(plan_sha256="0" * 64), BOTH[1]], NOW, "it is an approval of another plan"),
        ([held(nonce="b" * 32), BOTH[1]], NOW, "it is an approval of another plan"),
        ([held(requester="eve@example.test"), BOTH[1]], NOW, "it says something else than the plan it names"),
        ([held(execute_by="2027-11-21T17:00:00Z"), BOTH[1]], NOW, "it has other deadlines than the plan"),
        ([held(at=NOW - timedelta(hours=1)), BOTH[1]], NOW, "it was not given between"),
        ([held(at=NOW + timedelta(hours=5)), BOTH[1]], NOW + timedelta(hours=6), "it was not given between"),
        ([held(at=NOW + timedelta(minutes=1)), BOTH[1]], NOW, "it was not given between"),
        (BOTH, NOW + timedelta(hours=7, minutes=45, seconds=1), "the plan had to be carried out by"),
        (BOTH, NOW - timedelta(hours=1), "a clock is wrong"),
    ],
)
def test_why_it_is_not_enough(approvals, now, said):
    """Too few, twice the same, the requester, unsigned, wrongly typed, of another plan, too early, too late."""
    result = check(PLAN, approvals, BOUND, now=now)
    assert isinstance(result, tuple)
    assert any(said in reason for reason in result), result


def test_a_one_person_team_says_so():
    """Where the plan allows it, an unsigned approval by the requester counts, and is told as unsigned."""
    bound = BOUND.model_copy(update={"approvals_required": 1, "unsigned_allowed": True})
    plan = PLAN.model_copy(update={"bound": bound})
    result = check(plan, [held("ann@example.test", plan=plan, verified=None)], bound, now=NOW)
    assert isinstance(result, Sufficient)
    assert not result.signed


def test_files_come_back_as_they_were():
    """Plan and approval survive being written and read."""
    assert read_plan(encode_plan(PLAN), "plan.json") == PLAN
    assert read_approval(encode_approval(BOTH[0].approval), "bob.json") == BOTH[0].approval


def test_every_changed_byte_of_a_plan_is_refused_or_another_plan():
    """Flipping any bit of a plan's file makes it unreadable, or a plan that its approvals are not for."""
    content = encode_plan(PLAN)
    for place in range(len(content)):
        for bit in range(8):
            changed = content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
            try:
                plan = read_plan(changed, "plan.json")
            except ApprovalError:
                continue
            assert isinstance(check(plan, BOTH, BOUND, now=NOW), tuple), changed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"nonce":"a","nonce":"b"}',
        encode_plan(PLAN).replace(b'"nonce"', b'"nonse"'),
        encode_plan(PLAN) + b"\n",
        json.dumps(PLAN.model_dump(mode="json")).encode(),
        encode_plan(PLAN).replace(b"09:00:00Z", b"09:00:00"),
        encode_plan(PLAN).replace(b'"gross":"EUR 5.00"', b'"gross":"USD 5.00"'),
        encode_plan(PLAN).replace(b'"gross":"EUR 5.00"', b'"gross":"EUR 0.00"'),
    ],
)
def test_what_is_no_plan_is_refused(content):
    """A plan is exactly what `paygate plan` writes."""
    with pytest.raises(ApprovalError):
        read_plan(content, "plan.json")


def test_a_damaged_plan_word_for_word():
    """The refusal of a plan that is not one, whole."""
    with pytest.raises(ApprovalError) as refused:
        read_plan(b"[]", "plan.json")
    assert refused.value.refusal.text() == (
        "plan.json cannot be used\n"
        "  expected  a plan file\n"
        "  observed  another JSON value\n"
        "  money     No money moved.\n"
        "  next      Make a new plan with `paygate plan` and have it approved."
    )


def test_a_plan_shows_what_leaves_and_what_stays():
    """The person who decides reads the amount in words and minor units, the fee that is lost, and who may do what."""
    shown = dict(plan_lines(BOUND))
    assert shown["gross"] == "EUR 5.00 (500 minor units), tax EUR 0.83 in it"
    assert shown["net cost"] == "EUR 0.33 after the refund"
    assert shown["approvals"] == "2 needed, signed, the requester not counted"
