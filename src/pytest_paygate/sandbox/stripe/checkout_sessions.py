"""Checkout sessions: created open, then complete or expired, never back.

Owns the session object and its line items. Paying one is `hosted`, since a person does it and not the API.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import (
    catalogue,
    confirmation,
    currencies,
    errors,
    events,
    jobs,
    pagination,
    shapes,
    storage,
)
from pytest_paygate.sandbox.stripe.context import EARLY_INTENT_VERSION
from pytest_paygate.sandbox.stripe.parameters import (
    Field,
    Spec,
    address,
    boolean,
    choice,
    integer,
    items,
    merged,
    metadata,
    not_emulated,
    record,
    text,
)
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row

OPEN_SECONDS_DEFAULT = 24 * 60 * 60
OPEN_SECONDS_MIN = 30 * 60


async def _create(call: Call, sent: Json) -> Json:
    if "line_items" not in sent or not sent["line_items"]:
        raise errors.missing("line_items")
    if "success_url" not in sent:
        raise errors.missing("success_url")
    if "customer" in sent and "customer_email" in sent:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise errors.invalid(message, param="customer_email", code="parameters_exclusive")
    customer = None
    if "customer" in sent:
        customer = (await storage.in_parameter(call, "customer", sent["customer"], "customer")).body
    expires_at = _expiry(call, sent)
    lines = [await _line(call, item, f"line_items[{index}]") for index, item in enumerate(sent["line_items"])]
    currency, total = lines[0]["currency"], sum(line["amount_total"] for line in lines)
    if any(line["currency"] != currency for line in lines):
        raise errors.invalid("All line items must have the same currency.", param="line_items")
    _check_total(call, total, currency)
    body = _shape(call, sent, currency, total) | {"expires_at": expires_at}
    email = sent.get("customer_email") or (customer or {}).get("email")
    if email:
        body["customer_details"] = _customer_details(email, (customer or {}).get("name"))
    payment = sent.get("payment_intent_data", {})
    hidden = {"line_items": lines, "payment_intent_data": payment, "payment_intent": None}
    session = await storage.insert(call, body, hidden)
    if call.api_version == EARLY_INTENT_VERSION:
        await make_intent(call, session)
    await jobs.schedule(call, jobs.SESSION_EXPIRES, body["id"], expires_at - call.world.clock.now())
    return body


async def make_intent(call: Call, session: Row) -> Row:
    """Make the payment intent of a session that has none yet; the session's row must be locked or new."""
    body = session.body
    sent = {"amount": body["amount_total"], "currency": body["currency"], "customer": body["customer"]}
    data = session.hidden["payment_intent_data"]
    intent = await storage.insert(
        call,
        shapes.payment_intent(call, {"receipt_email": body["customer_email"]} | data | sent),
        {"checkout_session": session.id},
    )
    session.hidden["payment_intent"] = body["payment_intent"] = intent.id
    await storage.save(call, session)
    await events.emit(call, "payment_intent.created", intent.body)
    return intent


def line_items(row: Row) -> list[Json]:
    """The session's lines, newest first as every list."""
    lines: list[Json] = row.hidden["line_items"]
    return lines


async def complete(call: Call, session: Row, intent: Json, payer: Json) -> None:
    """The session's payment went through; the row must be locked."""
    paid = intent["status"] == "succeeded"
    before = copy.deepcopy(session.body)
    details = session.body["customer_details"] or _customer_details(payer.get("email"), payer.get("name"))
    session.body |= {
        "status": "complete",
        "payment_status": "paid" if paid else "unpaid",
        "payment_intent": intent["id"],
        "url": None,
        "customer_details": details,
    }
    await storage.save(call, session)
    await jobs.forget(call, jobs.SESSION_EXPIRES, session.id)
    if before["status"] == "open":
        await events.emit(call, "checkout.session.completed", session.body)


async def expire(call: Call, session: Row) -> None:
    """Nobody can pay it any more, and its payment intent is cancelled; the row must be locked and open."""
    session.body |= {"status": "expired", "url": None}
    await storage.save(call, session)
    await jobs.forget(call, jobs.SESSION_EXPIRES, session.id)
    await events.emit(call, "checkout.session.expired", session.body)
    known = session.hidden["payment_intent"]
    intent = None if known is None else await storage.find(call, "payment_intent", known, lock=True)
    if intent is not None and intent.body["status"] in confirmation.CANCELABLE:
        await confirmation.cancel(call, intent, None)


def _expiry(call: Call, sent: Json) -> int:
    now = call.now()
    expires_at = int(sent.get("expires_at", now + OPEN_SECONDS_DEFAULT))
    # A second of grace below: the caller computed the time before the request arrived.
    if not now + OPEN_SECONDS_MIN - 5 <= expires_at <= now + OPEN_SECONDS_DEFAULT + 5:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise errors.invalid(message, param="expires_at")
    return expires_at


async def _line(call: Call, item: Json, name: str) -> Json:
    if ("price" in item) == ("price_data" in item):
        message = "You must specify either the `price` or `price_data` parameter when creating a line item."
        raise errors.invalid(message, param=name)
    if "price" in item:
        price = (await storage.in_parameter(call, "price", item["price"], f"{name}[price]")).body
        if not price["active"]:
            raise errors.invalid("The price specified is inactive. This field only accepts active prices.", param=name)
        if price["recurring"] is not None:
            message = (
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or "
                "use only one-time prices."
            )
            raise errors.invalid(message, param=name)
        product = await storage.find(call, "product", price["product"])
    else:
        price, product = await _inline(call, item["price_data"], name)
    quantity = item.get("quantity", 1)
    amount = price["unit_amount"] * quantity
    return {
        "id": call.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": None if product is None else product.body["name"],
        "metadata": item.get("metadata") or {},
        "price": price,
        "quantity": quantity,
    }


async def _inline(call: Call, data: Json, name: str) -> tuple[Json, Row]:
    """A price made for one session: the provider keeps it, inactive."""
    data["currency"] = currencies.known(data["currency"], f"{name}[price_data][currency]")
    if ("product" in data) == ("product_data" in data):
        message = "You must specify exactly one of product, product_data."
        raise errors.invalid(message, param=f"{name}[price_data][product]")
    if "unit_amount" not in data:
        raise errors.missing(f"{name}[price_data][unit_amount]")
    if "product" in data:
        product = await storage.in_parameter(call, "product", data["product"], f"{name}[price_data][product]")
    else:
        product = await catalogue.new_product(call, data["product_data"], active=False)
    return (await catalogue.new_price(call, data, product.id, active=False)).body, product


def _check_total(call: Call, total: int, currency: str) -> None:
    settlement = call.world.settled_in(currency)
    try:
        currencies.check_amount(total, currency, settlement, "line_items")
    except errors.StripeError as error:
        if error.code == "amount_too_small" and currency == settlement:
            least = currencies.shown(currencies.MINIMUM_MINOR_BY_SETTLEMENT.get(settlement, 50), currency)
            message = f"The Checkout Session's total amount due must add up to at least {least} {currency}"
            raise errors.invalid(message, code="amount_too_small") from error
        raise


def _customer_details(email: str | None, name: str | None) -> Json:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _shape(call: Call, sent: Json, currency: str, total: int) -> Json:
    mode = "live" if call.livemode else "test"
    session_id = f"cs_{mode}_a1{call.world.identifiers.token(56)}"
    nothing = (
        "adaptive_pricing", "after_expiration", "client_secret", "collected_information", "consent",
        "consent_collection", "currency_conversion", "customer_account", "customer_details", "discounts",
        "integration_identifier", "invoice", "origin_context", "payment_intent", "payment_link",
        "payment_method_configuration_details", "permissions", "recovered_from", "saved_payment_method_options",
        "setup_intent", "shipping_address_collection", "shipping_cost", "subscription", "wallet_options",
    )  # fmt: skip
    echoed = (
        "allow_promotion_codes", "allowed_payment_method_types", "billing_address_collection", "cancel_url",
        "client_reference_id", "customer", "customer_email", "locale", "submit_type", "success_url",
    )  # fmt: skip
    custom_text = dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"))
    return (
        dict.fromkeys(nothing)
        | {name: sent.get(name) for name in echoed}
        | {
            "id": session_id,
            "object": "checkout.session",
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "created": call.now(),
            "currency": currency,
            "custom_fields": [],
            "custom_text": custom_text,
            "customer_creation": sent.get("customer_creation", "if_required"),
            "invoice_creation": {"enabled": False, "invoice_data": _NO_INVOICE},
            "livemode": call.livemode,
            "managed_payments": {"enabled": False},
            "metadata": merged({}, sent.get("metadata", {})),
            "mode": "payment",
            "payment_method_collection": "if_required",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "phone_number_collection": {"enabled": False},
            "shipping_options": [],
            "status": "open",
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": f"{call.world.addresses.stripe}/c/pay/{session_id}",
        }
    )


_NO_INVOICE: dict[str, object] = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": None,
    "metadata": {},
    "rendering_options": None,
}


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "checkout.session", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "checkout.session", sent["id"], lock=True)
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    return row.body


async def _expire(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "checkout.session", sent["id"], lock=True)
    if row.body["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f'"{row.body["status"]}".'
        )
        raise errors.refused(message)
    await expire(call, row)
    return row.body


async def _line_items(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "checkout.session", sent["id"])
    return pagination.page_of(line_items(row), sent, f"/v1/checkout/sessions/{row.id}/line_items")


async def _list(call: Call, sent: Json) -> Json:
    where = {name: sent.get(name) for name in ("customer", "payment_intent", "status")}
    return await pagination.page(call, "checkout.session", sent, url="/v1/checkout/sessions", where=where)


def shown_line_items(row: Row) -> Json:
    """The first page of the lines, for `expand[]=line_items`."""
    return shapes.listing(
        f"/v1/checkout/sessions/{row.id}/line_items",
        line_items(row)[: pagination.LIMIT_DEFAULT],
        has_more=len(line_items(row)) > pagination.LIMIT_DEFAULT,
    )


_PRICE_DATA = record(
    {
        "currency": text(3).must(),
        "product": text(),
        "product_data": catalogue.PRODUCT_DATA,
        "tax_behavior": choice("exclusive", "inclusive", "unspecified"),
        "unit_amount": integer(0),
        "recurring": not_emulated(),
        "unit_amount_decimal": not_emulated(),
    }
)
_LINE = record({"price": text(), "price_data": _PRICE_DATA, "quantity": integer(1, 999_999), "metadata": metadata()})
_PAYMENT_INTENT_DATA = record(
    {
        "capture_method": choice("automatic", "automatic_async", "manual"),
        "description": text(),
        "metadata": metadata(),
        "receipt_email": text(),
        "statement_descriptor": text(22),
        "statement_descriptor_suffix": text(22),
        "transfer_group": text(),
        "application_fee_amount": not_emulated(),
        "on_behalf_of": not_emulated(),
        "transfer_data": not_emulated(),
    }
)
_OTHERS: dict[str, Field] = {
    name: not_emulated()
    for name in (
        "adaptive_pricing", "after_expiration", "branding_settings", "consent_collection", "custom_fields",
        "custom_text", "customer_account", "customer_update", "discounts", "excluded_payment_method_types",
        "invoice_creation", "name_collection", "optional_items", "payment_method_configuration", "permissions",
        "return_url", "saved_payment_method_options", "setup_intent_data", "shipping_address_collection",
        "shipping_options", "subscription_data", "tax_id_collection", "wallet_options",
    )
}  # fmt: skip
_EXPAND: Spec = {"expand": items(text())}
_CREATE: Spec = (
    _OTHERS
    | _EXPAND
    | {
        "allow_promotion_codes": boolean(),
        "allowed_payment_method_types": items(choice("card")),
        "automatic_tax": record({"enabled": not_emulated()}),
        "billing_address_collection": choice("auto", "required"),
        "cancel_url": address(),
        "client_reference_id": text(200),
        "currency": text(3),
        "customer": text(),
        "customer_creation": choice("always", "if_required"),
        "customer_email": text(800),
        "expires_at": integer(),
        "line_items": items(_LINE),
        "locale": text(),
        "metadata": metadata(),
        "mode": choice("payment"),
        "payment_intent_data": _PAYMENT_INTENT_DATA,
        "phone_number_collection": record({"enabled": not_emulated()}),
        "submit_type": choice("auto", "book", "donate", "pay"),
        "success_url": address(),
        "ui_mode": choice("hosted_page"),
    }
)
_FILTERS: Spec = {"customer": text(), "payment_intent": text(), "status": choice("open", "complete", "expired")}
_ONE = "/v1/checkout/sessions/{id}"
OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", _CREATE, _create),
    Operation("GET", "/v1/checkout/sessions", pagination.SPEC_CREATED | _FILTERS, _list),
    Operation("GET", _ONE, _EXPAND, _retrieve),
    Operation("POST", _ONE, _EXPAND | {"metadata": metadata()}, _update),
    Operation("POST", f"{_ONE}/expire", _EXPAND, _expire),
    Operation("GET", f"{_ONE}/line_items", pagination.SPEC, _line_items),
)
