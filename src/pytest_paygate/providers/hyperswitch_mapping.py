"""Hyperswitch's objects as the port's values. Pure.

No object of this API tells its mode, so `livemode` is None throughout. What Stripe calls a charge is a charged attempt
here. An unknown status is UNKNOWN, never a success; a partial capture is not a success either.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_paygate.core.currencies import AmountConvention
from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Card, Charge, Payment, PaymentStatus, Refund, RefundStatus
from pytest_paygate.providers.document import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME: Final = "hyperswitch"
_PAYMENT: Mapping[str, PaymentStatus] = MappingProxyType(
    {
        "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT,
        "requires_confirmation": PaymentStatus.REQUIRES_PAYMENT,
        "requires_customer_action": PaymentStatus.REQUIRES_ACTION,
        "requires_merchant_action": PaymentStatus.PROCESSING,
        "processing": PaymentStatus.PROCESSING,
        "requires_capture": PaymentStatus.REQUIRES_CAPTURE,
        "succeeded": PaymentStatus.SUCCEEDED,
        "failed": PaymentStatus.FAILED,
        "cancelled": PaymentStatus.CANCELLED,
        "cancelled_post_capture": PaymentStatus.CANCELLED,
        "expired": PaymentStatus.EXPIRED,
    }
)
_REFUND: Mapping[str, RefundStatus] = MappingProxyType(
    {
        "pending": RefundStatus.PENDING,
        "review": RefundStatus.PENDING,
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
    }
)
_CHARGED: Final = frozenset({"charged", "partial_charged", "partial_charged_and_chargeable", "auto_refunded"})
# Attempts that took money, or tried to: everything else never reached the processor.
_TRIED: Final = _CHARGED | {"authorized", "partially_authorized", "pending", "failure", "capture_failed", "unresolved"}


def document(data: object) -> Document:
    """An object of the API."""
    return Document(data, AmountConvention.ISO)


def payment(data: object) -> Payment:
    """A PaymentsResponse."""
    found = document(data)
    link = found.inner("payment_link")
    return Payment(
        payment_id=found.text("payment_id"),
        status=_PAYMENT.get(found.text("status"), PaymentStatus.UNKNOWN),
        amount=found.money("amount"),
        received=found.money("amount_received", absent_is_zero=True),
        created=found.moment("created"),
        livemode=None,
        processor=found.text_or_empty("connector"),
        card=_card(found),
        connector_payment_id=found.text_or_empty("connector_transaction_id"),
        metadata=found.words("metadata"),
        page=None if link is None else Page(link.text_or_empty("link"), "", None),
    )


def charges(data: object) -> Sequence[Charge]:
    """The attempts of a PaymentsResponse that took or tried to take money, newest first.

    The API books refunds and captures on the payment; both are told of the newest attempt that was charged.
    """
    found = document(data)
    whole = payment(data)
    nothing = Money(0, whole.amount.currency)
    refunded = sum((one.amount for one in refunds(data) if one.status is RefundStatus.SUCCEEDED), nothing)
    tried = [attempt for attempt in found.items("attempts") if attempt.text("status") in _TRIED]
    tried.sort(key=lambda attempt: attempt.moment("created_at"), reverse=True)
    charges: list[Charge] = []
    for attempt in tried:
        succeeded = attempt.text("status") in _CHARGED
        first = succeeded and not any(charge.succeeded for charge in charges)
        charges.append(
            Charge(
                charge_id=attempt.text("attempt_id"),
                payment_id=whole.payment_id,
                amount=attempt.money("amount"),
                captured=whole.received if first else attempt.money("amount") if succeeded else nothing,
                refunded=refunded if first else nothing,
                succeeded=succeeded,
                is_captured=succeeded,
                created=attempt.moment("created_at"),
                livemode=None,
                card=whole.card,
                metadata=whole.metadata,
            )
        )
    return charges


def refunds(data: object) -> Sequence[Refund]:
    """The refunds of a PaymentsResponse, newest first."""
    found = [refund(item) for item in document(data).objects("refunds")]
    return sorted(found, key=lambda one: one.created, reverse=True)


def refund(data: object) -> Refund:
    """A RefundResponse."""
    found = document(data)
    return Refund(
        refund_id=found.text("refund_id"),
        payment_id=found.text("payment_id"),
        charge_id="",
        amount=found.money("amount"),
        status=_REFUND.get(found.text("status"), RefundStatus.UNKNOWN),
        created=found.moment("created_at"),
        failure_reason=found.text_or_empty("error_code"),
    )


def _card(found: Document) -> Card | None:
    details = found.inner("payment_method_data")
    card = None if details is None else details.inner("card")
    if card is None or not card.text_or_empty("last4"):
        return None
    return Card(brand=card.text_or_empty("card_network").lower(), last4=card.text_or_empty("last4"))
