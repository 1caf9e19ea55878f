"""Fresh bodies of payment intents, charges, refunds and payment methods, with every always-present field.

Owns shapes only: no storage, no rules. A field the sandbox has no use for is null, never left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.stripe import microcharge_faults as faults

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.cards import Accepted
    from pytest_paygate.sandbox.stripe.context import Call, Json

EMPTY_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
NO_BILLING_DETAILS = {"address": EMPTY_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}


def listing(url: str, data: list[Any], *, has_more: bool = False) -> Json:
    """A list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def payment_intent(call: Call, sent: Json) -> Json:
    """A payment intent without a payment method, from validated parameters."""
    intent_id = call.new_id("pi")
    allowed = sent.get("allowed_payment_method_types")
    automatic = sent.get("automatic_payment_methods") or ({"enabled": True} if allowed is None else None)
    if automatic is not None:
        automatic = {"allow_redirects": "always"} | automatic
    shipping = sent.get("shipping")
    created = call.now()
    if call.world.faults.active(faults.PAYMENT_OLDER):
        created -= int(call.world.faults.seconds(faults.PAYMENT_OLDER, faults.OLDER_SECONDS) or 0)
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": allowed,
        "amount": sent["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": sent.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{call.world.identifiers.token(25)}",
        "confirmation_method": sent.get("confirmation_method", "automatic"),
        "created": created,
        "currency": sent["currency"],
        "customer": sent.get("customer"),
        "customer_account": None,
        "description": sent.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": call.livemode,
        "managed_payments": {"enabled": False},
        "metadata": sent.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": sent.get("request_three_d_secure", "automatic"),
            }
        },
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": sent.get("receipt_email"),
        "review": None,
        "setup_future_usage": sent.get("setup_future_usage"),
        "shipping": shipping_shape(shipping),
        "source": None,
        "statement_descriptor": sent.get("statement_descriptor"),
        "statement_descriptor_suffix": sent.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": sent.get("transfer_group"),
    }


def shipping_shape(shipping: Json | None) -> Json | None:
    """Shipping as shown: every member of the address present."""
    if shipping is None:
        return None
    return {
        "address": EMPTY_ADDRESS | (shipping.get("address") or {}),
        "carrier": shipping.get("carrier"),
        "name": shipping.get("name", ""),
        "phone": shipping.get("phone"),
        "tracking_number": shipping.get("tracking_number"),
    }


def payment_method(call: Call, accepted: Accepted, billing_details: Json | None, metadata: Json | None) -> Json:
    """A card payment method."""
    behaviour = accepted.behaviour
    billing = billing_details or {}
    address = EMPTY_ADDRESS | (billing.get("address") or {})
    return {
        "id": call.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NO_BILLING_DETAILS | billing | {"address": address},
        "card": {
            "brand": behaviour.brand,
            "checks": _checks(accepted, address),
            "country": behaviour.country,
            "display_brand": behaviour.brand,
            "exp_month": accepted.exp_month,
            "exp_year": accepted.exp_year,
            "fingerprint": accepted.fingerprint,
            "funding": behaviour.funding,
            "generated_from": None,
            "last4": behaviour.last4,
            "networks": {"available": [behaviour.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": behaviour.name != "amex_not_enrolled"},
            "wallet": None,
        },
        "created": call.now(),
        "customer": None,
        "customer_account": None,
        "livemode": call.livemode,
        "metadata": metadata or {},
        "type": "card",
    }


def _checks(accepted: Accepted, address: Json) -> Json:
    shown = {
        "address_line1_check": "pass" if address.get("line1") else None,
        "address_postal_code_check": "pass" if address.get("postal_code") else None,
        "cvc_check": "pass" if accepted.cvc_given else None,
    }
    failing = accepted.behaviour.checks
    # A check can only fail on something that was given.
    return {name: failing.get(name, result) if result else result for name, result in shown.items()}


def charge(call: Call, intent: Json, method: Json) -> Json:
    """A charge attempt for an intent; the caller sets how it went."""
    charge_id = call.new_id("ch")
    card = method["card"]
    descriptor = intent["statement_descriptor"] or "PAYGATE SANDBOX"
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": descriptor,
        "captured": False,
        "created": call.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": call.livemode,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _charged_card(intent, card), "type": "card"},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{call.world.addresses.stripe}/receipts/{charge_id}",
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _charged_card(intent: Json, card: Json) -> Json:
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {name: card[name] for name in kept} | {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "electronic_commerce_indicator": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "transaction_link_id": None,
    }


def refund(call: Call, charge: Json, amount_minor: int, sent: Json) -> Json:
    """A refund of part or all of a charge; the caller sets its status."""
    return {
        "id": call.new_id("re"),
        "object": "refund",
        "amount": amount_minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": _refunded_at(call, charge),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": sent.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": sent.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }


def _refunded_at(call: Call, charge: Json) -> int:
    set_faults = call.world.faults
    at = call.now()
    if set_faults.active(faults.REFUND_AT_LIMIT):
        at = int(charge["created"]) + int(set_faults.seconds(faults.REFUND_AT_LIMIT, faults.LIMIT_SECONDS) or 0)
    if set_faults.active(faults.REFUND_LATE):
        at = int(charge["created"]) + int(set_faults.seconds(faults.REFUND_LATE, faults.LATE_SECONDS) or 0)
    if set_faults.active(faults.REFUND_BEFORE_CHARGE):
        at -= int(set_faults.seconds(faults.REFUND_BEFORE_CHARGE, faults.BEFORE_SECONDS) or 0)
    return at
