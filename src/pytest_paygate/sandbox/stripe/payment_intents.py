"""Payment intents over the API: create, confirm, retrieve, update, capture, cancel, list.

Owns the parameters and the refusals of these endpoints; what a confirmation does to money is `confirmation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import (
    confirmation,
    currencies,
    errors,
    events,
    microcharge_faults,
    pagination,
    payment_methods,
    shapes,
    storage,
)
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
from pytest_paygate.sandbox.stripe.routing import Operation, Refusal

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row

_EXPAND = {"expand": items(text())}
_SHIPPING = record(
    {
        "address": record({name: text() for name in shapes.EMPTY_ADDRESS}).must(),
        "carrier": text(),
        "name": text().must(),
        "phone": text(),
        "tracking_number": text(),
    }
)
_CAPTURE_METHOD = choice("automatic", "automatic_async", "manual")


def _refused(*names: str) -> dict[str, Field]:
    """Parameters of an endpoint that this sandbox has not."""
    return {name: not_emulated() for name in names}


_AMOUNTS = ("amount_details", "hooks", "payment_details")
_MANDATE = ("confirmation_token", "mandate", "mandate_data", "radar_options")
_ROUTING = ("application_fee_amount", "transfer_data")
_WHOSE = ("customer_account", "payment_method_configuration")
_CARD_OPTIONS = record({"card": record({"request_three_d_secure": choice("any", "automatic", "challenge")})})
_SETTINGS: Spec = {
    "capture_method": _CAPTURE_METHOD,
    "payment_method": text(),
    "payment_method_data": payment_methods.PAYMENT_METHOD_DATA,
    "payment_method_options": _CARD_OPTIONS,
    "receipt_email": text().or_unset(),
    "setup_future_usage": choice("off_session", "on_session").or_unset(),
    "shipping": _SHIPPING.or_unset(),
    "allowed_payment_method_types": items(choice("card")),
}
_CONFIRM: Spec = (
    _refused(*_AMOUNTS, *_MANDATE, "excluded_payment_method_types")
    | _SETTINGS
    | _EXPAND
    | {
        "error_on_requires_action": boolean(),
        "off_session": boolean(),
        "return_url": address(),
        "use_stripe_sdk": boolean(),
    }
)
_DESCRIPTIVE: Spec = {
    "description": text().or_unset(),
    "metadata": metadata(),
    "statement_descriptor": text(22).or_unset(),
    "statement_descriptor_suffix": text(22).or_unset(),
    "transfer_group": text(),
}
_CREATE: Spec = (
    _CONFIRM
    | _refused(*_ROUTING, *_WHOSE, "on_behalf_of")
    | _DESCRIPTIVE
    | {
        "amount": integer(1).must(),
        "currency": text(3).must(),
        "automatic_payment_methods": record(
            {"enabled": boolean().must(), "allow_redirects": choice("always", "never")}
        ),
        "confirm": boolean(),
        "confirmation_method": choice("automatic", "manual"),
        "customer": text(),
    }
)
_UPDATE: Spec = (
    _refused(*_AMOUNTS, *_ROUTING, *_WHOSE, "excluded_payment_method_types")
    | _SETTINGS
    | _DESCRIPTIVE
    | _EXPAND
    | {
        "amount": integer(1),
        "currency": text(3),
        "customer": text(),
    }
)
_CAPTURE: Spec = (
    _refused(*_AMOUNTS, *_ROUTING)
    | _EXPAND
    | {
        "amount_to_capture": integer(1),
        "final_capture": boolean(),
        "metadata": metadata(),
        "statement_descriptor": text(22),
        "statement_descriptor_suffix": text(22),
    }
)
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
# Members that say how much, of what and by whom: fixed once the money is on its way.
_FIXED_LATER = ("amount", "currency", "customer", "capture_method", "payment_method", "payment_method_data")
_RETURN_URL_MISSING = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
    "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want "
    "to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)
_METHOD_MISSING = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method "
    "or ConfirmationToken."
)


async def _create(call: Call, sent: Json) -> Json | Refusal:
    sent["currency"] = currencies.known(sent["currency"])
    currencies.check_amount(sent["amount"], sent["currency"], call.world.settled_in(sent["currency"]))
    for name in ("off_session", "error_on_requires_action", "return_url"):
        if name in sent and not sent.get("confirm"):
            message = f"You cannot provide `{name}` without setting `confirm` to true."
            raise errors.invalid(message, param=name)
    if sent.get("customer"):
        await storage.in_parameter(call, "customer", sent["customer"], "customer")
    sent["metadata"] = merged({}, sent.get("metadata", {}))
    options = sent.get("payment_method_options", {}).get("card", {})
    sent |= {name: value for name, value in options.items() if name == "request_three_d_secure"}
    intent = storage.Row(shapes.payment_intent(call, sent), {})
    method = await _method(call, sent)
    if method is not None:
        intent.body |= {"payment_method": method.id, "status": "requires_confirmation"}
    if sent.get("confirm"):
        _check_return_url(intent.body, sent)
        if method is None:
            raise errors.unexpected_state(_METHOD_MISSING, intent.body)
    await storage.insert(call, intent.body, intent.hidden)
    await events.emit(call, "payment_intent.created", intent.body)
    if not sent.get("confirm") or method is None:
        return intent.body
    return await _confirmed(call, intent, method, sent)


async def _confirm(call: Call, sent: Json) -> Json | Refusal:
    intent = await storage.in_url(call, "payment_intent", sent["id"], lock=True)
    status = intent.body["status"]
    if status not in confirmation.CONFIRMABLE:
        because = (
            "it has already succeeded after being previously confirmed."
            if status == "succeeded"
            else f"it has a status of {status}. Only a PaymentIntent with one of the following statuses may be "
            "confirmed: requires_confirmation, requires_action."
        )
        raise errors.unexpected_state(f"You cannot confirm this PaymentIntent because {because}", intent.body)
    _apply_settings(intent, sent)
    _check_return_url(intent.body, sent)
    method = await _method(call, sent)
    if method is None and intent.body["payment_method"] is not None:
        method = await storage.find(call, "payment_method", intent.body["payment_method"])
    if method is None:
        raise errors.unexpected_state(_METHOD_MISSING, intent.body)
    return await _confirmed(call, intent, method, sent)


async def _confirmed(call: Call, intent: Row, method: Row, sent: Json) -> Json | Refusal:
    attempt = confirmation.Attempt(
        method,
        sent.get("return_url"),
        off_session=bool(sent.get("off_session")),
        error_on_requires_action=bool(sent.get("error_on_requires_action")),
    )
    error = await confirmation.confirm(call, intent, attempt)
    return intent.body if error is None else Refusal(error)


async def _method(call: Call, sent: Json) -> Row | None:
    if "payment_method_data" in sent and "payment_method" in sent:
        message = "You can only provide one of `payment_method` and `payment_method_data`."
        raise errors.invalid(message, param="payment_method_data", code="parameters_exclusive")
    if "payment_method_data" in sent:
        return await payment_methods.from_data(call, sent["payment_method_data"])
    if "payment_method" in sent:
        return await payment_methods.resolve(call, sent["payment_method"])
    return None


def _check_return_url(intent: Json, sent: Json) -> None:
    automatic = intent["automatic_payment_methods"]
    redirects = automatic is not None and automatic["enabled"] and automatic["allow_redirects"] == "always"
    if redirects and not sent.get("return_url") and not sent.get("off_session"):
        raise errors.invalid(_RETURN_URL_MISSING, param="return_url")


def _apply_settings(intent: Row, sent: Json) -> None:
    for name in ("capture_method", "receipt_email", "setup_future_usage"):
        if name in sent:
            intent.body[name] = sent[name]
    if "shipping" in sent:
        intent.body["shipping"] = shapes.shipping_shape(sent["shipping"])
    if "allowed_payment_method_types" in sent:
        intent.body |= {"allowed_payment_method_types": sent["allowed_payment_method_types"]}
        intent.body["automatic_payment_methods"] = None
    intent.body["payment_method_options"]["card"] |= sent.get("payment_method_options", {}).get("card", {})


async def _retrieve(call: Call, sent: Json) -> Json:
    body = (await storage.in_url(call, "payment_intent", sent["id"])).body
    unpaid = body["status"] != "succeeded"
    if (unpaid and call.world.faults.active(microcharge_faults.PAYMENT_LIVE)) or call.world.faults.active(
        microcharge_faults.OTHER_MODE
    ):
        return body | {"livemode": not call.livemode}
    return body


async def _list(call: Call, sent: Json) -> Json:
    where = {"customer": sent.get("customer")}
    return await pagination.page(call, "payment_intent", sent, url="/v1/payment_intents", where=where)


async def _update(call: Call, sent: Json) -> Json:
    intent = await storage.in_url(call, "payment_intent", sent["id"], lock=True)
    status = intent.body["status"]
    for name in _FIXED_LATER:
        if name in sent and status not in confirmation.CONFIRMABLE:
            message = (
                f"This PaymentIntent's {name} could not be updated because it has a status of {status}. You may only "
                f"update the {name} of a PaymentIntent with one of the following statuses: "
                f"{', '.join(confirmation.CONFIRMABLE)}."
            )
            raise errors.unexpected_state(message, intent.body)
    if "currency" in sent:
        intent.body["currency"] = currencies.known(sent["currency"])
    intent.body["amount"] = sent.get("amount", intent.body["amount"])
    if "amount" in sent or "currency" in sent:
        settlement = call.world.settled_in(intent.body["currency"])
        currencies.check_amount(intent.body["amount"], intent.body["currency"], settlement)
    if sent.get("customer"):
        await storage.in_parameter(call, "customer", sent["customer"], "customer")
    for name in ("description", "statement_descriptor", "statement_descriptor_suffix", "transfer_group", "customer"):
        if name in sent:
            intent.body[name] = sent[name]
    if "metadata" in sent:
        intent.body["metadata"] = merged(intent.body["metadata"], sent["metadata"])
    _apply_settings(intent, sent)
    method = await _method(call, sent)
    if method is not None:
        intent.body |= {"payment_method": method.id, "status": "requires_confirmation", "next_action": None}
    await storage.save(call, intent)
    return intent.body


async def _capture(call: Call, sent: Json) -> Json:
    intent = await storage.in_url(call, "payment_intent", sent["id"], lock=True)
    if intent.body["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of {intent.body['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise errors.unexpected_state(message, intent.body)
    amount: int = sent.get("amount_to_capture") or intent.body["amount_capturable"]
    if amount > intent.body["amount_capturable"]:
        message = (
            f"The provided `amount_to_capture` ({amount}) is greater than the remaining amount capturable "
            f"({intent.body['amount_capturable']})."
        )
        raise errors.refused(message, code="amount_too_large", param="amount_to_capture")
    if "metadata" in sent:
        intent.body["metadata"] = merged(intent.body["metadata"], sent["metadata"])
    charge = await storage.find(call, "charge", intent.body["latest_charge"], lock=True)
    if charge is None:  # pragma: no cover - an authorised intent always has its charge
        raise errors.api_error()
    await confirmation.capture(call, intent, charge, amount)
    return intent.body


async def _cancel(call: Call, sent: Json) -> Json:
    intent = await storage.in_url(call, "payment_intent", sent["id"], lock=True)
    if intent.body["status"] not in confirmation.CANCELABLE:
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {intent.body['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(confirmation.CANCELABLE)}."
        )
        raise errors.unexpected_state(message, intent.body)
    await _check_session(call, intent)
    await confirmation.cancel(call, intent, sent.get("cancellation_reason"))
    return intent.body


async def _check_session(call: Call, intent: Row) -> None:
    """Refuse to cancel under an open Checkout session: its page would still take a card."""
    session_id = intent.hidden.get("checkout_session")
    session = None if session_id is None else await storage.find(call, "checkout.session", session_id)
    if session is not None and session.body["status"] == "open":
        message = (
            f"You cannot cancel this PaymentIntent because it belongs to the open Checkout Session {session.id}. "
            "Expire the Checkout Session instead."
        )
        raise errors.unexpected_state(message, intent.body)


_ONE = "/v1/payment_intents/{id}"
OPERATIONS = (
    Operation("POST", "/v1/payment_intents", _CREATE, _create),
    Operation("GET", "/v1/payment_intents", pagination.SPEC_CREATED | {"customer": text()}, _list),
    Operation("GET", _ONE, _EXPAND | {"client_secret": text()}, _retrieve),
    Operation("POST", _ONE, _UPDATE, _update),
    Operation("POST", f"{_ONE}/confirm", _CONFIRM, _confirm),
    Operation("POST", f"{_ONE}/capture", _CAPTURE, _capture),
    Operation("POST", f"{_ONE}/cancel", _EXPAND | {"cancellation_reason": choice(*_REASONS)}, _cancel),
)
