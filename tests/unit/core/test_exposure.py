"""Exposure: what may follow what, and when something counts as open, refunded and settled."""

from __future__ import annotations

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.exposure import NOTHING, ExposureRuleError, Stage, apply, refund_key

SHA = "0" * 64
AT = "2026-11-21T09:15:00Z"
PLANNED = ex.ExposurePlanned(
    plan_sha256=SHA,
    account="acct_1",
    host="shop.example",
    product="prod_1",
    amount_minor=500,
    cap_minor=500,
    currency="EUR",
    policy="drive",
    late_charge_seconds=60.0,
)
APPROVED = ex.ApprovalConsumed(nonce="n", plan_sha256=SHA, requester="ann", approvers=("bob",), signed=True, attempt=1)
FENCED = ex.FenceTaken(store="file", fence=1, holder="h", lease_seconds=30.0)
CONFIRMED = ex.OperatorConfirmed(amount="EUR 5.00", waited_seconds=3.0, tries=1)
INTENDED = ex.ChargeIntended(
    amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/orders", body_sha256=SHA
)
SENT = ex.ChargeSent(outcome=ex.SendOutcome.SEEN, status=201)
PAYABLE = ex.PaymentSeen(provider="hyperswitch", payment_id="pay_1", status="requires_payment", payable=True)
CLOSED = ex.PaymentSeen(provider="hyperswitch", payment_id="pay_1", status="cancelled", payable=False)
CHARGED = ex.ChargeSeen(
    provider="stripe", charge_id="ch_1", payment_id="pi_1", amount_minor=500, currency="EUR", created=AT
)
REFUNDING = ex.RefundIntended(
    via=ex.Via.PROVIDER,
    provider="stripe",
    charge_id="ch_1",
    payment_id="pi_1",
    amount_minor=500,
    currency="EUR",
    idempotency_key="k",
)
LOOKED = ex.LedgerLooked(reachable=True, charges=1, unrefunded=0, payable=0)
SETTLED = ex.ExposureSettled(charges=1, refunded_minor=500, currency="EUR")
ARMED = (PLANNED, APPROVED, FENCED, CONFIRMED)


def refunded(status="succeeded", minor=500, refund_id="re_1"):
    """A refund of the charge."""
    return ex.RefundSeen(
        provider="stripe", refund_id=refund_id, charge_id="ch_1", amount_minor=minor, currency="EUR", status=status
    )


def fold(*events, guarded=True):
    """The exposure after some events."""
    state = NOTHING
    for event in events:
        state = apply(state, event, AT, guarded=guarded)
    return state


@pytest.mark.parametrize(
    ("events", "stage", "is_open"),
    [
        ((), Stage.NONE, False),
        ((PLANNED,), Stage.PLANNED, False),
        ((PLANNED, APPROVED), Stage.APPROVED, False),
        (ARMED, Stage.FENCED, False),
        ((*ARMED, INTENDED), Stage.CHARGE_INTENT, True),
        ((*ARMED, INTENDED, SENT), Stage.SEEN, True),
        ((*ARMED, INTENDED, ex.ChargeSent(outcome=ex.SendOutcome.AMBIGUOUS)), Stage.AMBIGUOUS, True),
        ((*ARMED, INTENDED, ex.ChargeSent(outcome=ex.SendOutcome.NOT_SENT)), Stage.NOT_SENT, False),
        ((*ARMED, INTENDED, SENT, CHARGED, REFUNDING), Stage.REFUND_INTENT, True),
        ((*ARMED, INTENDED, SENT, CHARGED, REFUNDING, refunded("pending")), Stage.REFUND_INTENT, True),
        ((*ARMED, INTENDED, SENT, PAYABLE, CHARGED, refunded()), Stage.REFUNDED, True),
        ((*ARMED, INTENDED, SENT, CLOSED, CHARGED, refunded()), Stage.URL_DEAD, True),
        ((*ARMED, INTENDED, SENT, CHARGED, refunded(), LOOKED, SETTLED), Stage.SETTLED, False),
    ],
)
def test_stages(events, stage, is_open):
    """Every stage of an exposure, and whether something is open in it."""
    state = fold(*events)
    assert (state.stage, state.is_open) == (stage, is_open)


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ((PLANNED, PLANNED), "an exposure is planned once"),
        ((APPROVED,), "an approval is consumed for a plan"),
        ((PLANNED, APPROVED, APPROVED), "an approval is consumed once in a run"),
        ((PLANNED, APPROVED.model_copy(update={"plan_sha256": "1" * 64})), "the approval is for this plan"),
        ((PLANNED, FENCED, FENCED), "a fence only ever grows"),
        ((CONFIRMED, CONFIRMED), "the operator confirms once"),
        ((*ARMED, INTENDED, INTENDED), "a purchase is intended once in a run"),
        ((INTENDED,), "a purchase has a plan"),
        ((PLANNED, INTENDED), "a purchase has an approval"),
        ((PLANNED, APPROVED, INTENDED), "a purchase holds the environment's lock"),
        ((PLANNED, APPROVED, FENCED, INTENDED), "a purchase was confirmed by the operator"),
        ((*ARMED, INTENDED.model_copy(update={"amount_minor": 501})), "a purchase is within its cap"),
        ((*ARMED, INTENDED.model_copy(update={"amount_minor": 0})), "a purchase is within its cap"),
        ((*ARMED, INTENDED.model_copy(update={"amount_minor": 499})), "a purchase is the planned one"),
        ((*ARMED, INTENDED.model_copy(update={"currency": "USD"})), "a purchase is the planned one"),
        ((SENT,), "what was sent was intended first"),
        ((*ARMED, INTENDED, SENT, SENT), "what became of the purchase is told once"),
        ((CHARGED,), "a charge follows an intended purchase"),
        (
            (*ARMED, INTENDED, CHARGED, CHARGED.model_copy(update={"amount_minor": 400})),
            "a charge keeps its amount",
        ),
        ((*ARMED, INTENDED, REFUNDING), "charge ch_1 was not seen before"),
        (
            (*ARMED, INTENDED, CHARGED, REFUNDING.model_copy(update={"amount_minor": 250})),
            "a refund is for what is outstanding",
        ),
        ((*ARMED, INTENDED, CHARGED, refunded(), REFUNDING), "a refund is for what is outstanding"),
        ((LOOKED,), "a ledger is looked at for an intended purchase"),
        ((SETTLED,), "what is settled was intended"),
        ((*ARMED, INTENDED, CHARGED, refunded(), SETTLED), "what is settled was looked for in the ledger"),
        ((*ARMED, INTENDED, CHARGED, LOOKED, SETTLED), "what is settled is refunded in full"),
        ((*ARMED, INTENDED, CHARGED, refunded("pending"), LOOKED, SETTLED), "what is settled is refunded in full"),
        ((*ARMED, INTENDED, CHARGED, refunded(minor=499), LOOKED, SETTLED), "what is settled is refunded in full"),
        ((*ARMED, INTENDED, PAYABLE, CHARGED, refunded(), LOOKED, SETTLED), "what is settled cannot be paid any more"),
        (
            (*ARMED, INTENDED, CHARGED, refunded(), LOOKED, SETTLED.model_copy(update={"refunded_minor": 0})),
            "the settlement adds up",
        ),
        ((ex.LinkClosing(provider="hyperswitch", payment_id="pay_1"),), "a link is closed after it was seen"),
    ],
)
def test_what_may_not_follow(events, rule):
    """Each rule refuses the event that breaks it, by its own words."""
    with pytest.raises(ExposureRuleError) as refused:
        fold(*events)
    assert str(refused.value) == rule


def test_a_dry_run_needs_no_plan():
    """In sandbox and staging a purchase needs its cap and nothing else."""
    assert fold(INTENDED, SENT, guarded=False).is_open


@pytest.mark.parametrize(
    "later",
    [
        PAYABLE,
        CHARGED.model_copy(update={"charge_id": "ch_2"}),
        refunded("failed"),
    ],
    ids=["a payable link", "another charge", "a refund taken back"],
)
def test_what_turns_up_later_opens_it_again(later):
    """A link, a charge or a refund that failed after all makes a settled exposure open again."""
    settled = fold(*ARMED, INTENDED, SENT, CHARGED, refunded(), LOOKED, SETTLED)
    assert not settled.is_open
    assert apply(settled, later, AT, guarded=True).is_open


def test_two_refunds_that_add_up_are_a_refund():
    """What counts is how much has come back for certain."""
    state = fold(*ARMED, INTENDED, CHARGED, refunded(minor=200), refunded("pending", 300, "re_2"))
    assert not state.charges["ch_1"].is_refunded
    state = apply(state, refunded("succeeded", 300, "re_2"), AT, guarded=True)
    assert state.charges["ch_1"].is_refunded


def test_the_refund_key_follows_from_run_and_charge():
    """Every process that asks for one refund uses one key, and no other refund has it."""
    assert refund_key("run-1", "ch_1") == refund_key("run-1", "ch_1")
    assert len({refund_key(run, charge) for run in ("a", "b") for charge in ("c", "d")}) == 4


def test_the_time_of_success_is_when_it_was_first_seen():
    """Seeing a refund again does not make it younger; one that fails has no such time."""
    state = fold(*ARMED, INTENDED, CHARGED, refunded())
    later = apply(state, refunded(), "2026-11-21T10:00:00Z", guarded=True)
    assert later.charges["ch_1"].refunds["re_1"].succeeded_at == AT
    failed = apply(later, refunded("failed"), "2026-11-21T11:00:00Z", guarded=True)
    assert failed.charges["ch_1"].refunds["re_1"].succeeded_at == ""


def test_another_currency_is_no_refund():
    """Five hundred yen that came back are no part of five euros that went out."""
    yen = refunded().model_copy(update={"currency": "JPY"})
    state = fold(*ARMED, INTENDED, SENT, CHARGED, REFUNDING, yen, LOOKED)
    (charge,) = state.unrefunded
    assert charge.refunded_minor == 0
    with pytest.raises(ExposureRuleError, match="refunded in full"):
        apply(state, SETTLED, AT, guarded=True)
