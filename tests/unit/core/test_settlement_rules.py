"""Settling, step by step: what is journalled, asked, closed and escalated, and from which second on."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import AnomalyRecorded
from pytest_paygate.core.exposure import Exposure, PaymentState
from pytest_paygate.core.exposure_events import Via
from pytest_paygate.core.settlement import (
    ChargeSighting,
    Close,
    Record,
    RefundSighting,
    SettleOutcome,
    SettlePolicy,
    Sightings,
    is_final,
)
from tests.unit.core.settling import (
    CHARGE,
    EUR_5,
    OPEN,
    OTHER,
    SHUT,
    World,
    asked,
    escalated,
    intent,
    looked,
    noted,
    refund,
    refused,
    settled,
    with_refunds,
)
from tests.unit.core.test_exposure import CHARGED, CLOSED, INTENDED, PAYABLE

CHARGED_2 = CHARGED.model_copy(update={"charge_id": "ch_2", "payment_id": "pi_2", "amount_minor": 200})
OVER, STUCK = SettleOutcome.SETTLED, SettleOutcome.ESCALATED
REFUNDED = with_refunds(refund("succeeded"))
UNDER_WAY = with_refunds(refund("pending"))
FAILED = with_refunds(refund("failed", reason="lost_or_stolen_card"))
CLOSING = ex.LinkClosing(provider="hyperswitch", payment_id="pay_1")
UNREAD = "the provider's ledger could not be read for 300 s"
STILL_PAYABLE = "it can still be paid at hyperswitch (requires_payment) and could not be closed"


def test_how_patiently_it_is_settled_when_nobody_says_otherwise():
    """Every default, in seconds; and what a sighting leaves open."""
    assert asdict(SettlePolicy()) == {
        "late_charge_seconds": 60.0,
        "quiet_seconds": 0.0,
        "through_target": False,
        "target_seconds": 20.0,
        "repeat_seconds": 5.0,
        "slow_seconds": 60.0,
        "give_up_seconds": 300.0,
        "look_floor_seconds": 0.25,
        "look_cap_seconds": 5.0,
    }
    plain = RefundSighting("re_1", EUR_5, "pending")
    assert (plain.failure_reason, plain.created, plain.posted) == ("", "", "")
    assert ChargeSighting("stripe", "ch_1", "pi_1", EUR_5, "").refunds == ()
    assert [outcome.value for outcome in SettleOutcome] == ["settled", "escalated"]


@pytest.mark.parametrize(("elapsed", "pause"), [(0, 0.25), (5, 0.25), (10, 0.5), (40, 2.0), (100, 5.0), (200, 5.0)])
def test_looks_grow_rarer_with_the_time_that_has_passed(elapsed, pause):
    """A twentieth of it, between a floor and a cap."""
    world = World(late_charge_seconds=1000)
    world.at(elapsed)
    assert world.paused == pytest.approx(pause)


@pytest.mark.parametrize(("quiet", "free"), [(0.0, 60.0), (20.0, 40.0), (-5.0, 60.0), (60.0, 0.0), (500.0, 0.0)])
def test_nothing_is_settled_before_the_time_for_late_charges_has_passed(quiet, free):
    """What is known to have been quiet already counts; a clock that was put back does not."""
    world = World(quiet_seconds=quiet)
    if free:
        assert world.at(0) == [looked(0, 0)]
        assert world.at(free - 0.01) == []
        assert world.at(free) == [settled(0, 0), OVER]
    else:
        assert world.at(0) == [looked(0, 0), settled(0, 0), OVER]


def test_every_charge_is_refunded_at_the_provider_under_its_own_key():
    """Intent first; each in full; asked again only when nothing became visible; settled when all is back."""
    world = World()
    assert world.at(0, CHARGE, OTHER) == [
        CHARGED,
        CHARGED_2,
        looked(2, 2),
        intent(Via.PROVIDER),
        asked(),
        intent(Via.PROVIDER, 200, OTHER),
        asked(200, OTHER),
    ]
    assert world.at(4.99, CHARGE, OTHER) == []
    assert world.at(5, REFUNDED, OTHER) == [
        noted("succeeded"),
        looked(2, 1),
        intent(Via.PROVIDER, 200, OTHER),
        asked(200, OTHER),
    ]
    back = with_refunds(refund("succeeded", 200, "re_2"), charge=OTHER)
    assert world.at(59.99, REFUNDED, back) == [noted("succeeded", 200, "re_2", charge="ch_2"), looked(2, 0)]
    assert world.at(60, REFUNDED, back) == [settled(2, 700), OVER]


def test_what_is_outstanding_is_asked_for():
    """A part that is back already is not asked for again, nor escalated."""
    world = World()
    part = with_refunds(refund("succeeded", 200))
    assert world.at(0, part) == [CHARGED, noted("succeeded", 200), looked(1, 1), intent(Via.PROVIDER, 300), asked(300)]
    world.at(300, part)
    world = World(CHARGED)
    refusal = "permission denied"
    assert world.at(0, part, provider=refusal)[-2:] == [
        refused(Via.PROVIDER, refusal),
        escalated(refusal, amount="EUR 3.00"),
    ]


def test_the_target_is_asked_first_and_once():
    """It has its time; then the provider is asked directly."""
    world = World(through_target=True)
    assert world.at(1, CHARGE) == [CHARGED, looked(1, 1), intent(Via.TARGET), ("target", "ch_1")]
    assert world.at(20.99, CHARGE) == []
    assert world.at(21, CHARGE) == [intent(Via.PROVIDER), asked()]
    assert world.at(25.99, CHARGE) == []
    assert world.at(26, CHARGE) == [intent(Via.PROVIDER), asked()]


def test_a_target_that_refuses_is_passed_by_at_once():
    """Its reason is journalled, and the provider is asked."""
    world = World(through_target=True)
    assert world.at(0, CHARGE, target="HTTP 409") == [
        CHARGED,
        looked(1, 1),
        intent(Via.TARGET),
        ("target", "ch_1"),
        refused(Via.TARGET, "HTTP 409"),
        intent(Via.PROVIDER),
        asked(),
    ]


def test_a_refund_of_the_targets_that_failed_is_tried_directly():
    """Once; when that fails as well, a person has to act."""
    world = World(CHARGED, intent(Via.TARGET), through_target=True)
    assert world.at(1, FAILED) == [
        noted("failed", reason="lost_or_stolen_card"),
        looked(1, 1),
        intent(Via.PROVIDER),
        asked(),
    ]
    assert world.at(2, FAILED) == [escalated("every refund of it failed: lost_or_stolen_card")]


@pytest.mark.parametrize("through_target", [True, False])
def test_what_an_earlier_process_asked_for_has_its_time(through_target):
    """Whether the target or the provider was asked: as if it had been a moment ago."""
    world = World(CHARGED, intent(Via.TARGET), through_target=through_target)
    assert world.at(19.99, CHARGE) == [looked(1, 1)]
    assert world.at(20, CHARGE) == [intent(Via.PROVIDER), asked()]
    world = World(CHARGED, intent(Via.PROVIDER), through_target=through_target)
    assert world.at(4.99, CHARGE) == [looked(1, 1)]
    assert world.at(5, CHARGE) == [intent(Via.PROVIDER), asked()]


def test_what_the_target_refused_earlier_is_not_waited_for():
    """The journal tells it; a refusal of somebody else's does not count."""
    world = World(CHARGED, intent(Via.TARGET), refused(Via.TARGET, "HTTP 409"))
    assert world.at(0, CHARGE) == [looked(1, 1), intent(Via.PROVIDER), asked()]
    world = World(CHARGED, intent(Via.TARGET), refused(Via.PROVIDER, "HTTP 500"))
    assert world.at(0, CHARGE) == [looked(1, 1)]


def test_a_refund_that_never_becomes_visible_is_escalated():
    """With the last refusal, or with what was not seen; from the second on at which it is given up."""
    world = World(CHARGED, repeat_seconds=400)
    assert world.at(0, CHARGE) == [looked(1, 1), intent(Via.PROVIDER), asked()]
    assert world.at(299.99, CHARGE) == []
    assert world.at(300, CHARGE) == [escalated("no refund of it became visible at the provider"), STUCK]
    world = World(CHARGED, repeat_seconds=400)
    assert world.at(0, CHARGE, provider="HTTP 500")[-1] == refused(Via.PROVIDER, "HTTP 500")
    assert world.at(300, CHARGE) == [escalated("provider: HTTP 500"), STUCK]


def test_a_final_refusal_is_escalated_at_once_and_waited_out():
    """Asking again cannot help; a late charge may still turn up, and is refunded."""
    world = World()
    assert world.at(0, CHARGE, provider="not refundable") == [
        CHARGED,
        looked(1, 1),
        intent(Via.PROVIDER),
        asked(),
        refused(Via.PROVIDER, "not refundable"),
        escalated("not refundable"),
    ]
    assert world.at(30, CHARGE, OTHER) == [CHARGED_2, looked(2, 2), intent(Via.PROVIDER, 200, OTHER), asked(200, OTHER)]
    back = with_refunds(refund("succeeded", 200, "re_2"), charge=OTHER)
    assert world.at(59.99, CHARGE, back) == [noted("succeeded", 200, "re_2", charge="ch_2"), looked(2, 1)]
    assert world.at(60, CHARGE, back) == [STUCK]


@pytest.mark.parametrize(
    ("reason", "final"),
    [
        ("permission denied", True),
        ("not refundable: disputed", True),
        ("unauthorised", True),
        ("no permission", False),
        ("HTTP 500", False),
        ("", False),
    ],
)
def test_which_refusals_are_final(reason, final):
    """The key lacks the right, or the charge cannot be refunded; everything else may pass."""
    assert is_final(reason) is final


def test_a_refund_under_way_is_told_as_slow_and_later_escalated():
    """Told once; given up from its second on; never asked for again."""
    world = World(slow_seconds=90)
    world.at(0, CHARGE)
    assert world.at(1, UNDER_WAY) == [noted("pending")]
    assert world.at(89.99, UNDER_WAY) == []
    slow = AnomalyRecorded(code="refund_slow", detail="refund of ch_1 is not through after 90 s")
    assert world.at(90, UNDER_WAY) == [slow]
    assert world.at(299.99, UNDER_WAY) == []
    assert world.at(300, UNDER_WAY) == [escalated("a refund is under way for 300 s and not through"), STUCK]


def test_why_every_refund_failed_is_told_in_order():
    """Each reason once; one without a reason says so."""
    world = World()
    world.at(0, CHARGE)
    failed = with_refunds(
        refund("failed", reason="unknown", refund_id="re_1"),
        refund("cancelled", refund_id="re_2"),
        refund("failed", reason="unknown", refund_id="re_3"),
    )
    assert world.at(1, failed) == [
        noted("failed", reason="unknown"),
        noted("cancelled", refund_id="re_2"),
        noted("failed", reason="unknown", refund_id="re_3"),
        escalated("every refund of it failed: no reason given, unknown"),
    ]


def test_a_link_is_closed_and_the_time_for_late_charges_runs_anew():
    """Intent first; somebody may be paying at that very moment."""
    world = World()
    assert world.at(10, payments=(OPEN,)) == [PAYABLE, looked(0, 0, 1), CLOSING, Close("hyperswitch", "pay_1")]
    assert world.at(11, payments=(SHUT,)) == [CLOSED, looked(0, 0)]
    assert world.at(69.99, payments=(SHUT,)) == []
    assert world.at(70, payments=(SHUT,)) == [settled(0, 0), OVER]


def test_only_what_can_be_paid_is_closed():
    """Of two payments the dead one is left alone, whichever comes first."""
    other = replace(SHUT, payment_id="pay_2")
    world = World()
    done = world.at(0, payments=(other, OPEN))
    assert [step for step in done if isinstance(step, Close)] == [Close("hyperswitch", "pay_1")]
    assert looked(0, 0, 1) in done


def test_a_link_that_cannot_be_closed_is_given_up():
    """From its second on, told once, without waiting for the time of late charges, which runs for ever."""
    world = World(PAYABLE)
    assert world.at(299.99, payments=(OPEN,)) == [looked(0, 0, 1), CLOSING, Close("hyperswitch", "pay_1")]
    told = escalated(STILL_PAYABLE, "payment pay_1")
    assert world.at(300, payments=(OPEN,)) == [CLOSING, Close("hyperswitch", "pay_1"), told, STUCK]


def test_a_link_that_was_given_up_stops_nothing_else():
    """A late charge is still refunded; a payment that is dead is nobody's work."""
    world = World(PAYABLE)
    other = replace(OPEN, payment_id="pay_2")
    closing = [CLOSING.model_copy(update={"payment_id": "pay_2"}), Close("hyperswitch", "pay_2")]
    assert world.at(300, CHARGE, payments=(SHUT, other)) == [
        CLOSED,
        PAYABLE.model_copy(update={"payment_id": "pay_2"}),
        CHARGED,
        looked(1, 1, 1),
        *closing,
        escalated(STILL_PAYABLE, "payment pay_2"),
        intent(Via.PROVIDER),
        asked(),
    ]


def test_nothing_that_can_be_paid_is_settled():
    """Not even where no charge is ever late."""
    world = World(late_charge_seconds=0)
    assert world.at(0, payments=(OPEN,)) == [PAYABLE, looked(0, 0, 1), CLOSING, Close("hyperswitch", "pay_1")]
    assert world.at(0, payments=(SHUT,)) == [CLOSED, looked(0, 0), settled(0, 0), OVER]


def test_nobody_is_called_while_nothing_is_given_up():
    """Whenever the clock is read: what is over a moment later is settled with the next look."""
    world = World()
    world.tick = 0.01
    assert world.at(59.965) == [looked(0, 0)]
    assert world.at(60) == [settled(0, 0), OVER]


def test_a_charge_is_waited_for_while_a_link_is_given_up():
    """What is under way is not a person's work yet."""
    world = World(PAYABLE, give_up_seconds=10, slow_seconds=500)
    world.at(0, CHARGE, payments=(OPEN,), provider="unauthorised")
    done = world.at(10, CHARGE, OTHER, payments=(OPEN,))
    assert done[-1] == asked(200, OTHER)
    assert escalated(STILL_PAYABLE, "payment pay_1") in done
    back = with_refunds(refund("succeeded", 200, "re_2"), charge=OTHER)
    done = world.at(11, CHARGE, back, payments=(OPEN,))
    assert done[-1] is STUCK
    assert escalated(STILL_PAYABLE, "payment pay_1") not in done


def test_a_ledger_that_cannot_be_read_is_escalated():
    """From its second on, counted from the last time it could be read; every charge that is not back is named."""
    world = World(CHARGED, CHARGED_2)
    assert world.blind(299.99) == []
    assert world.blind(300) == [
        ex.LedgerLooked(reachable=False, charges=2, unrefunded=0, payable=0),
        escalated(UNREAD, "ch_1, ch_2"),
        STUCK,
    ]
    world = World(late_charge_seconds=1000)
    world.at(100)
    assert world.blind(399.99) == []
    assert world.blind(400) == [
        ex.LedgerLooked(reachable=False, charges=0, unrefunded=0, payable=0),
        escalated(UNREAD, "not known"),
        STUCK,
    ]


def test_only_what_is_new_is_journalled():
    """A payment, a charge, a refund and the sums of a look: each when it has changed, and only then."""
    world = World(late_charge_seconds=1000, repeat_seconds=1000)
    assert world.at(0, CHARGE, payments=(SHUT,))[:3] == [CLOSED, CHARGED, looked(1, 1)]
    assert world.at(1, CHARGE, payments=(SHUT,)) == []
    failed = replace(SHUT, status="failed")
    assert world.at(2, CHARGE, payments=(failed,)) == [CLOSED.model_copy(update={"status": "failed"})]
    opened = replace(failed, payable=True)
    assert world.at(3, CHARGE, payments=(opened,))[:2] == [
        CLOSED.model_copy(update={"status": "failed", "payable": True}),
        looked(1, 1, 1),
    ]
    assert world.at(4, UNDER_WAY, payments=(opened,))[0] == noted("pending")
    posted = with_refunds(replace(refund("pending"), posted="later"))
    assert world.at(5, posted, payments=(opened,))[0] == noted("pending").model_copy(update={"posted": "later"})
    assert world.at(6, posted, payments=(opened,)) == [CLOSING, Close("hyperswitch", "pay_1")]


def test_what_a_look_has_shown_can_be_journalled_alone():
    """Nothing is asked for and nothing is closed."""
    world = World()
    steps = world.settlement.sighting_steps(Sightings((UNDER_WAY,), (OPEN,)))
    done = []
    for step in steps:
        assert isinstance(step, Record)
        done.append(world._taken(step))
    assert done == [PAYABLE, CHARGED, noted("pending"), looked(1, 1, 1)]


def test_without_an_intended_purchase_no_amount_is_told():
    """A view that knows of none names no amount, and settles nothing in the currency of the gate."""
    payment = PaymentState("hyperswitch", "pay_1", "requires_payment", payable=True)
    world = World(view=Exposure(payments={"pay_1": payment}))
    assert escalated(STILL_PAYABLE, "payment pay_1", "") in world.at(300, payments=(OPEN,))
    world = World(view=Exposure())
    assert world.blind(300)[1] == escalated(UNREAD, "not known", "")
    assert World(view=Exposure()).at(60) == [looked(0, 0), settled(0, 0), OVER]
    dollars = World(view=Exposure(intent=INTENDED.model_copy(update={"currency": "USD"})))
    assert dollars.at(60)[-2:] == [settled(0, 0).model_copy(update={"currency": "USD"}), OVER]
