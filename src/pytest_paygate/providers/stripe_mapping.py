"""Stripe's objects as the port's values. Pure.

Mode is read off objects that carry it; refunds and balance transactions do not. An unknown status is UNKNOWN, never a
success. Amounts follow Stripe's own count of minor units.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_paygate.core.currencies import AmountConvention
from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import (
    BalanceTransaction,
    Card,
    Charge,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    Transfer,
)
from pytest_paygate.providers.document import Document

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "stripe"
_ON_BEHALF: Final = "a sale on behalf of another account"
_PAYMENT: Mapping[str, PaymentStatus] = MappingProxyType(
    {
        "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT,
        "requires_confirmation": PaymentStatus.REQUIRES_PAYMENT,
        "requires_action": PaymentStatus.REQUIRES_ACTION,
        "processing": PaymentStatus.PROCESSING,
        "requires_capture": PaymentStatus.REQUIRES_CAPTURE,
        "succeeded": PaymentStatus.SUCCEEDED,
        "canceled": PaymentStatus.CANCELLED,
    }
)
SESSION_PREFIX = "cs_"
_SESSION: Mapping[str, PaymentStatus] = MappingProxyType(
    {
        "open": PaymentStatus.REQUIRES_PAYMENT,
        "complete": PaymentStatus.PROCESSING,
        "expired": PaymentStatus.EXPIRED,
    }
)
_REFUND: Mapping[str, RefundStatus] = MappingProxyType(
    {
        "pending": RefundStatus.PENDING,
        "requires_action": RefundStatus.REQUIRES_ACTION,
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.CANCELLED,
    }
)


def settles_in(balance: Document) -> tuple[str, ...]:
    """The currencies an account keeps a balance in (ISO 4217): charges in them are settled as they are."""
    funds = (*balance.items("available"), *balance.items("pending"))
    return tuple(dict.fromkeys(one.text("currency").upper() for one in funds))


def overdrawn_in(balance: Document) -> tuple[str, ...]:
    """The currencies (ISO 4217) whose available balance is below zero: what is owed is taken from what comes in."""
    return tuple(one.text("currency").upper() for one in balance.items("available") if one.money("amount").minor < 0)


def document(data: object) -> Document:
    """An object of the API."""
    return Document(data, AmountConvention.STRIPE)


def payment(data: object) -> Payment:
    """A payment intent, its latest charge expanded where there is one."""
    intent = document(data).require("object", "payment_intent")
    charge = intent.inner("latest_charge")
    return Payment(
        payment_id=intent.text("id"),
        status=_PAYMENT.get(intent.text("status"), PaymentStatus.UNKNOWN),
        amount=intent.money("amount"),
        received=intent.money("amount_received"),
        created=intent.moment("created"),
        livemode=intent.flag("livemode"),
        processor=NAME,
        card=None if charge is None else _card(charge),
        charge_id=intent.text_or_empty("latest_charge"),
        metadata=intent.words("metadata"),
        besides=_besides(intent),
    )


def _besides(found: Document) -> tuple[str, ...]:
    """What is to happen with a payment intent or a charge besides this account being paid, in plain words."""
    fee = found.money_or_none("application_fee_amount")
    told = {
        "money for another account": found.inner("transfer_data") is not None,
        _ON_BEHALF: bool(found.text_or_empty("on_behalf_of")),
        "an application fee": fee is not None and fee.minor != 0,
        "a card kept for later": bool(found.text_or_empty("setup_future_usage")),
    }
    return tuple(name for name, is_so in told.items() if is_so)


def is_unpaid_session(data: object) -> bool:
    """Whether a Checkout session can still be paid and has no payment intent that would be listed by itself."""
    found = document(data)
    return found.text_or_empty("status") == "open" and not found.text_or_empty("payment_intent")


def intent_of(data: object) -> str:
    """The payment intent of a Checkout session; empty while nobody has begun to pay."""
    return document(data).require("object", "checkout.session").text_or_empty("payment_intent")


def is_expired_session(data: object) -> bool:
    """Whether a Checkout session's link is dead without having been paid, whatever its payment intent says."""
    return document(data).text_or_empty("status") == "expired"


def page(data: object) -> Page:
    """A Checkout session as the page it is."""
    found = document(data).require("object", "checkout.session")
    return Page(
        url=found.text_or_empty("url"), sells=found.text_or_empty("mode"), amount=found.money_or_none("amount_total")
    )


def session(data: object) -> Payment:
    """A Checkout session without a payment intent, as the payment it may become. Its id starts with `cs_`."""
    found = document(data).require("object", "checkout.session")
    amount = found.money("amount_total")
    return Payment(
        payment_id=found.text("id"),
        status=_SESSION.get(found.text("status"), PaymentStatus.UNKNOWN),
        amount=amount,
        received=Money(0, amount.currency),
        created=found.moment("created"),
        livemode=found.flag("livemode"),
        processor=NAME,
        metadata=found.words("metadata"),
        page=page(data),
    )


def charge(data: object) -> Charge:
    """A charge."""
    found = document(data).require("object", "charge")
    return Charge(
        charge_id=found.text("id"),
        payment_id=found.text_or_empty("payment_intent"),
        amount=found.money("amount"),
        captured=found.money("amount_captured"),
        refunded=found.money("amount_refunded"),
        succeeded=found.text("status") == "succeeded",
        is_captured=found.flag("captured"),
        created=found.moment("created"),
        livemode=found.flag("livemode"),
        card=_card(found),
        balance_transaction_id=found.text_or_empty("balance_transaction"),
        metadata=found.words("metadata"),
        disputed=found.flag_or_none("disputed") or False,
        # On whose behalf it is says who sells, and with transfers of their own the money stays here: no finding.
        besides=tuple(one for one in _besides(found) if one != _ON_BEHALF),
    )


def refund(data: object) -> Refund:
    """A refund."""
    found = document(data).require("object", "refund")
    destination = found.inner("destination_details")
    return Refund(
        refund_id=found.text("id"),
        payment_id=found.text_or_empty("payment_intent"),
        charge_id=found.text_or_empty("charge"),
        amount=found.money("amount"),
        status=_REFUND.get(found.text_or_empty("status"), RefundStatus.UNKNOWN),
        created=found.moment("created"),
        failure_reason=found.text_or_empty("failure_reason") or found.text_or_empty("pending_reason"),
        balance_transaction_id=found.text_or_empty("balance_transaction"),
        goes_to="" if destination is None else destination.text_or_empty("type"),
        reason=found.text_or_empty("reason"),
    )


def transfer(data: object) -> Transfer:
    """A transfer to a connected account."""
    found = document(data).require("object", "transfer")
    return Transfer(
        transfer_id=found.text("id"),
        amount=found.money("amount"),
        reversed_amount=found.money("amount_reversed"),
        destination=found.text_or_empty("destination"),
        source_charge_id=found.text_or_empty("source_transaction"),
        created=found.moment("created"),
        livemode=found.flag("livemode"),
        group=found.text_or_empty("transfer_group"),
        metadata=found.words("metadata"),
    )


def balance_transaction(data: object) -> BalanceTransaction:
    """A line of the ledger, in the settlement currency."""
    found = document(data).require("object", "balance_transaction")
    return BalanceTransaction(
        balance_transaction_id=found.text("id"),
        kind=found.text("type"),
        amount=found.money("amount"),
        fee=found.money("fee"),
        net=found.money("net"),
        created=found.moment("created"),
        status=found.text("status"),
    )


def _card(found: Document) -> Card | None:
    details = found.inner("payment_method_details")
    card = None if details is None else details.inner("card")
    return None if card is None else Card(brand=card.text_or_empty("brand"), last4=card.text_or_empty("last4"))
