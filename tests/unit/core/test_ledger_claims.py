"""What a journal claims of a ledger: every claim it makes, and every difference, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from pytest_paygate.core.events import Mode
from pytest_paygate.core.exposure import ChargeState, Exposure, PaymentState, RefundState
from pytest_paygate.core.ledger_claims import (
    ChargeClaim,
    PaymentClaim,
    RefundClaim,
    charge_differences,
    claims,
    payment_differences,
    refund_differences,
)
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Charge, Payment, PaymentStatus, Refund, RefundStatus
from pytest_paygate.core.run import RunState
from tests.golden.scenes import begun

AT = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
EUR_5, EUR_4 = Money(500, "EUR"), Money(400, "EUR")
LIVE = begun(Mode.LIVE).state
TRACE = "E2E-1795166042-5eed5eed"
PAID = {"charge_id": "ch_1", "connector_payment_id": "pi_1", "amount_paid": EUR_5}
REFUNDED = {
    "provider_refund_id": "re_1",
    "charge_id": "ch_1",
    "amount_refunded": EUR_4,
    "provider_refund_status": "succeeded",
}
PAYMENT = PaymentState("hyperswitch", "pay_9", "processing", payable=True)
EXPOSED = ChargeState("stripe", "ch_9", "pi_9", EUR_4, "", refunds={"re_9": RefundState("re_9", EUR_5, "pending")})
SETTLING = Exposure(charges={"ch_9": EXPOSED}, payments={"pay_9": PAYMENT})
LEDGER = "stripe"
CHARGE_CLAIM = ChargeClaim(LEDGER, "ch_1", "pi_1", EUR_5, TRACE, livemode=True)
REFUND_CLAIM = RefundClaim(LEDGER, "re_1", "ch_1", EUR_4, "succeeded")


def told(facts=MappingProxyType({}), exposure=None, state: RunState = LIVE):
    """What a live run with these facts and this exposure claims."""
    return claims(replace(state, facts=dict(facts), exposure=exposure or Exposure()))


def test_a_run_without_money_claims_nothing():
    """No fact and no exposure, no claim; a run that never started has none either."""
    assert told() == ()
    assert claims(RunState(facts=PAID)) == ()


def test_the_ledger_of_the_gate_is_the_one_that_is_asked():
    """A fact of a charge names no provider: it is the one that the gate's purchase is booked by."""
    assert LIVE.gate is not None
    assert LIVE.gate.purchase is not None
    assert LIVE.gate.purchase.ledger == LEDGER
    without = replace(LIVE, gate=LIVE.gate.model_copy(update={"purchase": None}))
    assert told(PAID, state=without) == (replace(CHARGE_CLAIM, provider=""),)
    assert told(REFUNDED, state=replace(LIVE, gate=None)) == (replace(REFUND_CLAIM, provider=""),)


def test_every_charge_refund_and_payment_is_a_claim():
    """Charges first, then refunds, then payments; those of facts, and those that settling saw."""
    assert told(PAID) == (CHARGE_CLAIM,)
    assert told(REFUNDED) == (REFUND_CLAIM,)
    assert told({**PAID, **REFUNDED}, SETTLING) == (
        CHARGE_CLAIM,
        ChargeClaim("stripe", "ch_9", "pi_9", EUR_4, TRACE, livemode=True),
        REFUND_CLAIM,
        RefundClaim("stripe", "re_9", "ch_9", EUR_5, "pending"),
        PaymentClaim("hyperswitch", "pay_9", payable=True, livemode=True),
    )


@pytest.mark.parametrize(
    ("facts", "claimed"),
    [
        ({**PAID, "charge_id": None}, ()),
        ({**PAID, "connector_payment_id": None}, ()),
        ({**PAID, "amount_paid": 500}, ()),
        ({**REFUNDED, "provider_refund_id": None}, ()),
        ({**REFUNDED, "amount_refunded": "4.00"}, ()),
        ({**REFUNDED, "charge_id": None}, (replace(REFUND_CLAIM, charge_id=""),)),
        ({**REFUNDED, "provider_refund_status": None}, (replace(REFUND_CLAIM, status=""),)),
    ],
)
def test_half_a_charge_is_no_claim(facts, claimed):
    """A charge has id, payment and amount, a refund id and amount; what else is missing is left empty."""
    assert told({name: value for name, value in facts.items() if value is not None}) == claimed


def test_what_settling_saw_comes_later_than_a_fact():
    """Of two claims about one id the one that settling saw counts: it was seen last."""
    again = Exposure(charges={"ch_1": replace(EXPOSED, charge_id="ch_1", refunds={})})
    assert told(PAID, again) == (ChargeClaim("stripe", "ch_1", "pi_9", EUR_4, TRACE, livemode=True),)


@pytest.mark.parametrize("mode", Mode)
def test_live_and_rehearsal_claim_live_objects(mode):
    """The mode of a claim is the session's: what a live run bought stands among the live objects."""
    state = begun(mode).state
    charge, *_, payment = told(PAID, SETTLING, state)
    guarded = mode in {Mode.LIVE, Mode.REHEARSAL}
    assert isinstance(charge, ChargeClaim)
    assert isinstance(payment, PaymentClaim)
    assert (charge.livemode, payment.livemode) == (guarded, guarded)


def charge(**changed: object) -> Charge:
    """The claimed charge, as the ledger has it, with something changed."""
    known = {
        "charge_id": "ch_1",
        "payment_id": "pi_1",
        "amount": EUR_4,
        "captured": EUR_5,
        "refunded": EUR_4,
        "succeeded": True,
        "is_captured": True,
        "created": AT,
        "livemode": True,
        "metadata": {"trace_id": TRACE},
    }
    return Charge(**{**known, **changed})


@pytest.mark.parametrize(
    ("claim", "found", "said"),
    [
        (CHARGE_CLAIM, charge(), []),
        (CHARGE_CLAIM, charge(livemode=None, metadata={}), []),
        (CHARGE_CLAIM, charge(captured=EUR_4), ["amount is EUR 4.00, the journal says EUR 5.00"]),
        (CHARGE_CLAIM, charge(captured=Money(500, "USD")), ["amount is USD 5.00, the journal says EUR 5.00"]),
        (CHARGE_CLAIM, charge(payment_id="pi_2"), ["payment is pi_2, the journal says pi_1"]),
        (CHARGE_CLAIM, charge(livemode=False), ["mode is test, the journal says live"]),
        (replace(CHARGE_CLAIM, livemode=False), charge(), ["mode is live, the journal says test"]),
        (CHARGE_CLAIM, charge(metadata={"trace_id": "x"}), [f"trace id is x, the journal says {TRACE}"]),
        (
            CHARGE_CLAIM,
            charge(captured=EUR_4, payment_id="pi_2", livemode=False, metadata={"trace_id": "x"}),
            [
                "amount is EUR 4.00, the journal says EUR 5.00",
                "payment is pi_2, the journal says pi_1",
                "mode is test, the journal says live",
                f"trace id is x, the journal says {TRACE}",
            ],
        ),
    ],
)
def test_a_charge_is_compared(claim, found, said):
    """Captured amount, payment, mode and trace; what the ledger does not say is no difference."""
    assert charge_differences(claim, found) == said


def refund(status=RefundStatus.SUCCEEDED, charge_id="ch_1", amount=EUR_4) -> Refund:
    """The claimed refund, as the ledger has it."""
    return Refund("re_1", "pi_1", charge_id, amount, status, AT)


@pytest.mark.parametrize(
    ("claim", "found", "said"),
    [
        (REFUND_CLAIM, refund(), []),
        (REFUND_CLAIM, refund(amount=EUR_5), ["amount is EUR 5.00, the journal says EUR 4.00"]),
        (REFUND_CLAIM, refund(charge_id="ch_2"), ["charge is ch_2, the journal says ch_1"]),
        (REFUND_CLAIM, refund(charge_id=""), []),
        (replace(REFUND_CLAIM, charge_id=""), refund(charge_id="ch_2"), []),
        (replace(REFUND_CLAIM, status="pending"), refund(), []),
        (replace(REFUND_CLAIM, status="requires_action"), refund(), []),
        (replace(REFUND_CLAIM, status="failed"), refund(), ["status is succeeded, the journal says failed"]),
        (replace(REFUND_CLAIM, status="pending"), refund(RefundStatus.PENDING), []),
        (
            replace(REFUND_CLAIM, status="pending"),
            refund(RefundStatus.FAILED),
            ["status is failed, the journal says pending"],
        ),
        (REFUND_CLAIM, refund(RefundStatus.PENDING), ["status is pending, the journal says succeeded"]),
    ],
)
def test_a_refund_is_compared(claim, found, said):
    """Amount, charge and status; from under way to succeeded is the one step that is no difference."""
    assert refund_differences(claim, found) == said


def payment(status: PaymentStatus, *, livemode: bool | None = True) -> Payment:
    """A payment, as the ledger has it."""
    return Payment("pay_9", status, EUR_5, EUR_5, AT, livemode, "stripe")


OPEN = ("requires_payment", "requires_action", "processing", "requires_capture", "unknown")


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_payment_that_can_be_paid_again_is_told(status):
    """Whatever the journal calls over is over in the ledger; what it calls payable may have ended since."""
    dead = PaymentClaim("hyperswitch", "pay_9", payable=False, livemode=True)
    revived = [f"it can be paid ({status}), the journal says it cannot"] if status in OPEN else []
    assert payment_differences(dead, payment(status)) == revived
    assert payment_differences(replace(dead, payable=True), payment(status)) == []


def test_the_mode_of_a_payment_is_compared():
    """A test payment behind a live claim is told; where the provider does not say, nothing is."""
    claim = PaymentClaim("hyperswitch", "pay_9", payable=False, livemode=True)
    over = PaymentStatus.SUCCEEDED
    assert payment_differences(claim, payment(over, livemode=False)) == ["mode is test, the journal says live"]
    assert payment_differences(claim, payment(over, livemode=None)) == []
