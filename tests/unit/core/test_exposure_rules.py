"""Exposure, continued: capacity, what is kept of each event, and when something may still turn up."""

from __future__ import annotations

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.exposure import (
    NOTHING,
    ChargeState,
    ExposureRuleError,
    PaymentState,
    RefundState,
    Stage,
    apply,
    refund_key,
)
from pytest_paygate.core.money import Money
from tests.unit.core.test_exposure import (
    APPROVED,
    ARMED,
    AT,
    CHARGED,
    CLOSED,
    FENCED,
    INTENDED,
    LOOKED,
    PAYABLE,
    PLANNED,
    REFUNDING,
    SENT,
    SETTLED,
    fold,
    refunded,
)

LATER = "2026-11-21T10:00:00Z"
TAKEN = ex.CapacityTaken(line=3, line_sha256="1" * 64, log_sha256="2" * 64, left=4)
RETURNED = ex.CapacityReturned(left=5, reason="nothing was sent")
NOT_SENT = ex.ChargeSent(outcome=ex.SendOutcome.NOT_SENT)
CLOSING = ex.LinkClosing(provider="hyperswitch", payment_id="pay_1")


def later(state, event):
    """One more event, at a later time."""
    return apply(state, event, LATER, guarded=True)


def test_the_stages_are_named_as_journals_and_reports_name_them():
    """A stage is its own name in small letters; journals of earlier runs are read by it."""
    assert [stage.value for stage in Stage] == [stage.name.lower() for stage in Stage]


def test_nothing_is_exposed_at_first():
    """Before the first event everything is empty, nothing is open and no ledger was looked at."""
    assert NOTHING.risky_at == ""
    assert NOTHING.looked is False
    assert NOTHING.capacity is None
    assert not NOTHING.is_open


@pytest.mark.parametrize("events", [(TAKEN, RETURNED), (*ARMED, TAKEN, INTENDED, NOT_SENT, RETURNED)])
def test_capacity_comes_back_when_nothing_was_sent(events):
    """A unit taken is held, and given back before the purchase, or when the purchase was not sent."""
    assert fold(TAKEN).capacity == TAKEN
    assert fold(*events).capacity is None


@pytest.mark.parametrize("events", [(TAKEN, TAKEN), (*ARMED, INTENDED, TAKEN), (*ARMED, TAKEN, INTENDED, TAKEN)])
def test_capacity_is_taken_once_before_the_purchase(events):
    """A second unit, and a unit after the purchase, are refused."""
    with pytest.raises(ExposureRuleError) as refused:
        fold(*events)
    assert str(refused.value) == "capacity is taken once, before the purchase"


@pytest.mark.parametrize(
    "events",
    [
        (RETURNED,),
        (TAKEN, RETURNED, RETURNED),
        (*ARMED, TAKEN, INTENDED, RETURNED),
        (*ARMED, TAKEN, INTENDED, SENT, RETURNED),
        (*ARMED, TAKEN, INTENDED, ex.ChargeSent(outcome=ex.SendOutcome.AMBIGUOUS), RETURNED),
        (*ARMED, INTENDED, NOT_SENT, RETURNED),
    ],
)
def test_capacity_is_kept_when_something_may_have_been_sent(events):
    """Only what was taken comes back, and not once a purchase is intended or may have arrived."""
    with pytest.raises(ExposureRuleError) as refused:
        fold(*events)
    assert str(refused.value) == "capacity is given back when nothing was sent"


def test_a_greater_fence_follows():
    """A run that is carried on takes the lock again, under a greater number."""
    again = FENCED.model_copy(update={"fence": 2})
    assert fold(PLANNED, APPROVED, FENCED, again).fence == again


def test_the_least_amount_is_one_minor_unit():
    """One minor unit is an amount; a purchase of exactly the cap is within it."""
    one = INTENDED.model_copy(update={"amount_minor": 1, "cap_minor": 1})
    assert fold(one, guarded=False).intent == one


def test_a_charge_may_still_turn_up_after_the_last_risky_thing():
    """The purchase, a link that can be paid and a link being closed each start the wait anew; nothing else does."""
    bought = fold(*ARMED, INTENDED, SENT)
    assert fold(*ARMED).risky_at == ""
    assert bought.risky_at == AT
    assert later(bought, PAYABLE).risky_at == LATER
    assert later(bought, CLOSED).risky_at == AT
    assert later(bought, CHARGED).risky_at == AT
    linked = fold(*ARMED, INTENDED, SENT, PAYABLE)
    assert later(linked, CLOSING).risky_at == LATER
    assert later(linked, CLOSING).payments == linked.payments


def test_a_payment_is_kept_as_last_seen():
    """A payment seen again replaces what was known of it, under its id."""
    state = fold(*ARMED, INTENDED, SENT, PAYABLE, CLOSED)
    assert dict(state.payments) == {"pay_1": PaymentState("hyperswitch", "pay_1", "cancelled", payable=False)}


def test_everything_told_of_a_charge_and_its_refund_is_kept():
    """Who, which, how much and when: nothing that a person needs to find the money is lost on the way."""
    told = refunded("failed").model_copy(update={"failure_reason": "lost", "created": "c", "posted": "p"})
    refused = ex.RefundRefused(via=ex.Via.PROVIDER, charge_id="ch_1", reason="no answer")
    target = REFUNDING.model_copy(update={"via": next(via for via in ex.Via if via is not ex.Via.PROVIDER)})
    state = fold(*ARMED, INTENDED, SENT, CHARGED, REFUNDING, refused, target, told)
    assert dict(state.charges) == {
        "ch_1": ChargeState(
            provider="stripe",
            charge_id="ch_1",
            payment_id="pi_1",
            amount=Money(500, "EUR"),
            created=AT,
            asked=(REFUNDING.via, target.via),
            refused=(f"{ex.Via.PROVIDER}: no answer",),
            refunds={"re_1": RefundState("re_1", Money(500, "EUR"), "failed", "lost", "c", "p", "")},
        )
    }


def test_a_charge_that_nothing_happened_to_has_nothing_on_record():
    """A new charge was not asked about, not refused and not refunded; what a provider does not tell stays empty."""
    (charge,) = fold(*ARMED, INTENDED, CHARGED).charges.values()
    assert (charge.asked, charge.refused, dict(charge.refunds)) == ((), (), {})
    refund = RefundState("re_1", Money(500, "EUR"), "pending")
    assert (refund.failure_reason, refund.created, refund.posted, refund.succeeded_at) == ("", "", "", "")


@pytest.mark.parametrize(
    ("statuses", "under_way", "failed"),
    [
        ((), False, False),
        (("pending",), True, False),
        (("a status nobody knows",), True, False),
        (("succeeded",), False, False),
        (("failed",), False, True),
        (("cancelled",), False, True),
        (("failed", "cancelled"), False, True),
        (("failed", "pending"), True, False),
        (("failed", "succeeded"), False, False),
    ],
)
def test_a_refund_is_under_way_or_has_come_to_nothing(statuses, under_way, failed):
    """Failed and cancelled are dead ends, succeeded is done, and anything else may still succeed."""
    refunds = [refunded(status, 1, f"re_{place}") for place, status in enumerate(statuses)]
    (charge,) = fold(*ARMED, INTENDED, SENT, CHARGED, *refunds).charges.values()
    assert (charge.is_under_way, charge.has_failed) == (under_way, failed)


def test_what_is_left_after_a_part_is_what_a_refund_is_for():
    """After two euros came back a refund is for three, no more and no less."""
    state = fold(*ARMED, INTENDED, SENT, CHARGED, refunded(minor=200))
    rest = REFUNDING.model_copy(update={"amount_minor": 300})
    assert later(state, rest).charges["ch_1"].asked == (REFUNDING.via,)
    with pytest.raises(ExposureRuleError, match="what is outstanding"):
        later(state, REFUNDING.model_copy(update={"amount_minor": 700}))


def test_a_refund_that_succeeds_later_has_the_later_time():
    """The time of success is when succeeded was first seen, not when the refund was."""
    state = fold(*ARMED, INTENDED, SENT, CHARGED, refunded("pending"))
    assert state.charges["ch_1"].refunds["re_1"].succeeded_at == ""
    assert later(state, refunded()).charges["ch_1"].refunds["re_1"].succeeded_at == LATER


def test_a_charge_seen_again_is_the_same_charge():
    """Seeing a charge twice changes nothing."""
    state = fold(*ARMED, INTENDED, SENT, CHARGED)
    assert later(state, CHARGED) == state


def test_a_look_that_failed_does_not_undo_one_that_succeeded():
    """Once the ledger was seen it was seen; a look that reached nobody is no look."""
    unseen = LOOKED.model_copy(update={"reachable": False})
    assert fold(*ARMED, INTENDED, unseen).looked is False
    assert fold(*ARMED, INTENDED, LOOKED, unseen).looked is True


@pytest.mark.parametrize("harmless", [CLOSED, CHARGED, refunded(), LOOKED])
def test_what_is_harmless_does_not_open_it_again(harmless):
    """A dead link, the charge that came back and its refund leave a settled exposure settled."""
    settled = fold(*ARMED, INTENDED, SENT, CHARGED, refunded(), LOOKED, SETTLED)
    assert later(settled, harmless).settled == SETTLED


def test_the_refund_key_is_the_one_it_always_was():
    """A key that changes with a new version would let a run that is carried on refund twice."""
    assert refund_key("run-1", "ch_1") == "paygate-refund-a3cddfdcecf4ff2a5ef5ac184f306bd874bc917b"
