"""The JSON of payments, refunds and links as Hyperswitch answers it. Pure: rows in, bodies out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.hyperswitch.records import Status
from pytest_paygate.sandbox.hyperswitch.vocabulary import CONNECTOR, CONNECTOR_ID, MERCHANT_ID, PROFILE_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.sandbox.hyperswitch.records import Attempt, Payment, Refund
    from pytest_paygate.sandbox.world import World

LINK_PREFIX = f"/payment_link/{MERCHANT_ID}"
# Fields upstream always sends and this emulator has nothing to say about.
_UNUSED = (
    "shipping_cost", "customer", "disputes", "captures", "mandate_id", "mandate_data", "setup_future_usage",
    "off_session", "capture_on", "payment_token", "shipping", "billing", "order_details", "name", "phone",
    "statement_descriptor_name", "statement_descriptor_suffix", "unified_code", "unified_message",
    "payment_experience", "connector_label", "business_country", "business_label", "business_sub_label",
    "allowed_payment_method_types", "frm_message", "connector_metadata", "feature_metadata", "surcharge_details",
    "merchant_decision", "incremental_authorization_allowed", "authorization_count", "incremental_authorizations",
    "external_authentication_details", "external_3ds_authentication_attempted", "fingerprint", "browser_info",
    "payment_method_id", "payment_method_status", "split_payments", "frm_metadata", "capture_before",
    "order_tax_amount", "connector_mandate_id", "card_discovery", "issuer_error_code", "issuer_error_message",
)  # fmt: skip


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds, as Hyperswitch writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def link_of(world: World, payment: Payment) -> str:
    """The hosted page's address of a payment."""
    return f"{world.addresses.hyperswitch}{LINK_PREFIX}/{payment.payment_id}"


def payment_body(
    world: World,
    payment: Payment,
    refunds: Sequence[Refund] = (),
    attempts: Sequence[Attempt] | None = None,
) -> dict[str, Any]:
    """A PaymentsResponse. Refunds and attempts are given where the endpoint shows them."""
    tried = payment.attempt_count > 0
    return {
        **dict.fromkeys(_UNUSED),
        "payment_id": payment.payment_id,
        "merchant_id": MERCHANT_ID,
        "processor_merchant_id": MERCHANT_ID,
        "profile_id": PROFILE_ID,
        "status": payment.status,
        "amount": payment.amount,
        "net_amount": payment.amount,
        "amount_capturable": payment.amount_capturable,
        "amount_received": payment.amount_received,
        "currency": payment.currency,
        "capture_method": payment.capture_method,
        "authentication_type": payment.authentication_type,
        "attempt_count": max(1, payment.attempt_count),
        "connector": CONNECTOR if tried else None,
        "merchant_connector_id": CONNECTOR_ID if tried else None,
        "connector_transaction_id": payment.connector_transaction_id,
        "reference_id": payment.connector_transaction_id,
        "client_secret": payment.client_secret,
        "created": timestamp(payment.created_at),
        "modified_at": timestamp(payment.modified_at),
        "updated": timestamp(payment.modified_at),
        "expires_on": timestamp(payment.session_expires_at),
        "customer_id": payment.customer_id,
        "email": payment.email,
        "description": payment.description,
        "metadata": payment.metadata,
        "merchant_order_reference_id": payment.merchant_order_reference_id,
        "return_url": payment.return_url,
        "payment_link": _link(world, payment),
        "payment_method": "card",
        "payment_method_type": _method_type(payment),
        "payment_method_data": None if payment.card is None else {"card": payment.card, "billing": None},
        "next_action": _next_action(payment),
        "cancellation_reason": payment.cancellation_reason,
        "error_code": payment.error_code,
        "error_message": payment.error_message,
        "manual_retry_allowed": payment.status == Status.FAILED,
        "refunds": [refund_body(refund) for refund in refunds] or None,
        "attempts": None if attempts is None else [_attempt_body(payment, attempt) for attempt in attempts],
    }


def _link(world: World, payment: Payment) -> dict[str, Any] | None:
    if payment.payment_link_id is None:
        return None
    return {"link": link_of(world, payment), "secure_link": None, "payment_link_id": payment.payment_link_id}


def _method_type(payment: Payment) -> str | None:
    # Upstream says credit or debit of a card it knows; the emulated connector tells neither, so credit it is.
    return None if payment.card is None else "credit"


def _next_action(payment: Payment) -> dict[str, Any] | None:
    if payment.status != Status.REQUIRES_CUSTOMER_ACTION or payment.redirect_url is None:
        return None
    return {"type": "redirect_to_url", "redirect_to_url": payment.redirect_url}


def _attempt_body(payment: Payment, attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt_id": attempt.attempt_id,
        "status": attempt.status,
        "amount": attempt.amount,
        "currency": payment.currency,
        "connector": CONNECTOR,
        "payment_method": "card",
        "capture_method": payment.capture_method,
        "authentication_type": payment.authentication_type,
        "connector_transaction_id": attempt.connector_transaction_id,
        "reference_id": attempt.connector_transaction_id,
        "error_code": attempt.error_code,
        "error_message": attempt.error_message,
        "created_at": timestamp(attempt.created_at),
        "modified_at": timestamp(attempt.modified_at),
    }


def refund_body(refund: Refund) -> dict[str, Any]:
    """A RefundResponse."""
    return {
        "refund_id": refund.refund_id,
        "payment_id": refund.payment_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status,
        "reason": refund.reason,
        "metadata": refund.metadata,
        "error_code": refund.error_code,
        "error_message": refund.error_message,
        "unified_code": None,
        "unified_message": None,
        "created_at": timestamp(refund.created_at),
        "updated_at": timestamp(refund.updated_at),
        "connector": CONNECTOR,
        "profile_id": PROFILE_ID,
        "merchant_connector_id": CONNECTOR_ID,
        "split_refunds": None,
        "issuer_error_code": None,
        "issuer_error_message": None,
        "raw_connector_response": None,
    }


def link_body(world: World, payment: Payment, *, active: bool) -> dict[str, Any]:
    """A RetrievePaymentLinkResponse."""
    return {
        "payment_link_id": payment.payment_link_id,
        "merchant_id": MERCHANT_ID,
        "link_to_pay": link_of(world, payment),
        "amount": payment.amount,
        "currency": payment.currency,
        "created_at": timestamp(payment.created_at),
        "expiry": timestamp(payment.session_expires_at),
        "description": payment.description,
        "status": "active" if active else "expired",
        "secure_link": None,
    }
