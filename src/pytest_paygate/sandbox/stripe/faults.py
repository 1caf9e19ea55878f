"""The ways this emulator can lie about money, registered by name when the package is imported."""

from __future__ import annotations

from pytest_paygate.sandbox.faults import REGISTRY, Fault

CHARGE_AMOUNT_SHORT = "charge_amount_short"
REFUND_FAILS_LATER = "refund_fails_later"
CHARGE_NOT_CAPTURED = "charge_not_captured"
TEST_CARD_SHOWN = "fleet_ledger_test_card"
REFUND_PENDS = "fleet_refund_pends"
REFUND_UNPOSTED = "refund_unposted"
FEE_HIGHER = "provider_fee_higher"
FEE_TENFOLD = "provider_fee_tenfold"
UNWELL = "provider_unwell"

for _fault in (
    Fault(CHARGE_AMOUNT_SHORT, "stripe", "captures one minor unit less than was asked", "pay"),
    Fault(REFUND_FAILS_LATER, "stripe", "a refund that said succeeded fails a moment later", "reversal"),
    Fault(REFUND_UNPOSTED, "stripe", "a refund says succeeded and is not in the balance", "reversal"),
    Fault(CHARGE_NOT_CAPTURED, "stripe", "the payment says succeeded, its charge was never captured", "pay"),
    Fault(
        TEST_CARD_SHOWN, "stripe", "in a rehearsal, a livemode charge shows the test card 4242", "pay", "microcharge"
    ),
    Fault(REFUND_PENDS, "stripe", "a refund stays pending for `seconds`, or for ever", "refund", "microcharge"),
    Fault(UNWELL, "stripe", "two reads (`times`) of a refund or a payment are answered 503; benign", "", times=2),
    Fault(FEE_TENFOLD, "stripe", "the provider keeps ten times its fee", "reversal"),
    Fault(FEE_HIGHER, "stripe", "the provider's fee is 1 minor unit higher; benign", ""),
):
    REGISTRY[_fault.name] = _fault
