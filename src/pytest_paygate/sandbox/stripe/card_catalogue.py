"""The published test cards: number, `pm_card_…` id, brand, and how each behaves.

Owns the table only. Numbers here are published by the provider for testing and belong to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from pytest_paygate.sandbox.world import REHEARSAL_CARD_NUMBER


class Challenge(Enum):
    """When a card asks its holder to authenticate."""

    NEVER = "never"
    ALWAYS = "always"
    ON_SESSION = "on_session"
    ON_REQUEST = "on_request"


class RefundCourse(Enum):
    """What becomes of a refund to this card."""

    SUCCEEDS = "succeeds"
    PENDING_FIRST = "pending_first"
    FAILS_LATER = "fails_later"


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal by the issuer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One card's course through a payment. `name` is what is stored instead of the number."""

    name: str
    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    challenge: Challenge = Challenge.NEVER
    after_challenge: Decline | None = None
    refund: RefundCourse = RefundCourse.SUCCEEDS
    available_at_once: bool = False
    attachable: bool = True
    risk_level: str = "normal"
    checks: dict[str, str] = field(default_factory=dict)


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, message)


GENERIC_DECLINE = _declined("generic_decline")
INSUFFICIENT_FUNDS = _declined("insufficient_funds", "Your card has insufficient funds.")
FRAUDULENT = _declined("fraudulent")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
TESTMODE_DECLINE = _declined(
    "testmode_decline", "Your card was declined. Your request was in live mode, but used a known test card."
)
NOT_A_TEST_CARD = _declined(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of valid test "
    "cards, visit: https://stripe.com/docs/testing.",
)
_VELOCITY = _declined(
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
_EXPIRED = Decline("expired_card", None, "Your card has expired.")
_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
_PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)

REHEARSAL = Behaviour("rehearsal", last4="0150")

# (number, payment method id or None, behaviour)
_TABLE: tuple[tuple[str, str | None, Behaviour], ...] = (
    ("4242424242424242", "pm_card_visa", Behaviour("visa")),
    ("4000056655665556", "pm_card_visa_debit", Behaviour("visa_debit", funding="debit")),
    ("5555555555554444", "pm_card_mastercard", Behaviour("mastercard", "mastercard")),
    ("378282246310005", "pm_card_amex", Behaviour("amex", "amex")),
    ("6011111111111117", "pm_card_discover", Behaviour("discover", "discover")),
    ("4000000000000002", "pm_card_visa_chargeDeclined", Behaviour("declined", decline=GENERIC_DECLINE)),
    (
        "4000000000009995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        Behaviour("insufficient_funds", decline=INSUFFICIENT_FUNDS),
    ),
    (
        "4000000000009987",
        "pm_card_visa_chargeDeclinedLostCard",
        Behaviour("lost_card", decline=_declined("lost_card")),
    ),
    (
        "4000000000009979",
        "pm_card_visa_chargeDeclinedStolenCard",
        Behaviour("stolen_card", decline=_declined("stolen_card")),
    ),
    ("4000000000000069", "pm_card_chargeDeclinedExpiredCard", Behaviour("expired_card", decline=_EXPIRED)),
    ("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", Behaviour("incorrect_cvc", decline=_CVC)),
    (
        "4000000000000119",
        "pm_card_chargeDeclinedProcessingError",
        Behaviour("processing_error", decline=_PROCESSING),
    ),
    (
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        Behaviour("velocity", decline=_VELOCITY),
    ),
    (
        "4000000000000341",
        "pm_card_chargeCustomerFail",
        Behaviour("customer_fail", decline=GENERIC_DECLINE),
    ),
    ("4100000000000019", "pm_card_radarBlock", Behaviour("radar_block", decline=FRAUDULENT, risk_level="highest")),
    (
        "4000000000004954",
        "pm_card_riskLevelHighest",
        Behaviour("risk_highest", decline=FRAUDULENT, risk_level="highest"),
    ),
    ("4000000000009235", "pm_card_riskLevelElevated", Behaviour("risk_elevated", risk_level="elevated")),
    ("4000000000000101", "pm_card_cvcCheckFail", Behaviour("cvc_check_fail", checks={"cvc_check": "fail"})),
    (
        "4000000000000036",
        "pm_card_avsZipFail",
        Behaviour("zip_fail", checks={"address_postal_code_check": "fail"}),
    ),
    ("4000000000000028", "pm_card_avsLine1Fail", Behaviour("line1_fail", checks={"address_line1_check": "fail"})),
    (
        "4000000000000010",
        "pm_card_avsFail",
        Behaviour("avs_fail", checks={"address_line1_check": "fail", "address_postal_code_check": "fail"}),
    ),
    ("4000000000007726", "pm_card_pendingRefund", Behaviour("pending_refund", refund=RefundCourse.PENDING_FIRST)),
    ("4000000000005126", "pm_card_refundFail", Behaviour("refund_fail", refund=RefundCourse.FAILS_LATER)),
    ("4000000000000077", "pm_card_bypassPending", Behaviour("bypass_pending", available_at_once=True)),
    (
        "4000003720000278",
        "pm_card_bypassPendingInternational",
        Behaviour("bypass_pending_international", country="IE", available_at_once=True),
    ),
    (
        "4000002500003155",
        "pm_card_authenticationRequiredOnSetup",
        Behaviour("authenticate_unless_set_up", challenge=Challenge.ALWAYS),
    ),
    (
        "4000002760003184",
        "pm_card_authenticationRequired",
        Behaviour("authenticate_always", challenge=Challenge.ALWAYS),
    ),
    (
        "4000003800000446",
        "pm_card_authenticationRequiredSetupForOffSession",
        Behaviour("authenticate_on_session", challenge=Challenge.ON_SESSION),
    ),
    (
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        Behaviour("authenticate_then_insufficient", challenge=Challenge.ALWAYS, after_challenge=INSUFFICIENT_FUNDS),
    ),
    (
        "4000000000003220",
        "pm_card_threeDSecure2Required",
        Behaviour("three_d_secure_2", challenge=Challenge.ALWAYS),
    ),
    (
        "4000008400001629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        Behaviour("authenticate_then_declined", challenge=Challenge.ALWAYS, after_challenge=GENERIC_DECLINE),
    ),
    (
        "4000008400001280",
        "pm_card_threeDSecureRequiredProcessingError",
        Behaviour("authentication_lookup_error", decline=GENERIC_DECLINE),
    ),
    (
        "4000000000003055",
        "pm_card_threeDSecureOptional",
        Behaviour("authentication_optional", challenge=Challenge.ON_REQUEST),
    ),
    # Same number as the plain Amex: only the id tells them apart.
    ("378282246310005", "pm_card_amex_threeDSecureNotSupported", Behaviour("amex_not_enrolled", "amex")),
    (REHEARSAL_CARD_NUMBER, None, REHEARSAL),
)
_ATTACHES_THOUGH_DECLINING = frozenset({"customer_fail"})


def _complete(number: str, behaviour: Behaviour) -> Behaviour:
    declines = behaviour.decline is not None and behaviour.name not in _ATTACHES_THOUGH_DECLINING
    return replace(behaviour, last4=number[-4:], attachable=not declines)


BY_NUMBER: dict[str, Behaviour] = {}
BY_PAYMENT_METHOD: dict[str, Behaviour] = {}
BY_NAME: dict[str, Behaviour] = {}
for _number, _method, _behaviour in _TABLE:
    _finished = _complete(_number, _behaviour)
    BY_NUMBER.setdefault(_number, _finished)
    BY_NAME[_finished.name] = _finished
    if _method is not None:
        BY_PAYMENT_METHOD[_method] = _finished
BY_PAYMENT_METHOD["pm_card_chargeDeclined"] = BY_PAYMENT_METHOD["pm_card_visa_chargeDeclined"]
