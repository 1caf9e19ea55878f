"""Payment methods: created from card data or cloned from a published id, attached to customers.

Owns the payment method object. Card data is checked and dropped here; nothing below this module ever sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import card_catalogue, cards, errors, events, pagination, shapes, storage
from pytest_paygate.sandbox.stripe.parameters import (
    Field,
    Spec,
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

_ADDRESS = record({name: text().or_unset() for name in shapes.EMPTY_ADDRESS})
BILLING_DETAILS = record(
    {
        "address": _ADDRESS.or_unset(),
        "email": text().or_unset(),
        "name": text().or_unset(),
        "phone": text().or_unset(),
        "tax_id": text(),
    }
)
_CARD_FIELDS: Spec = {
    "number": text(30).must(),
    "exp_month": integer().must(),
    "exp_year": integer().must(),
    "cvc": text(10),
    "networks": record({"preferred": text()}),
    "token": not_emulated(),
}
PAYMENT_METHOD_DATA: Field = record(
    {
        "type": choice("card").must(),
        "card": record(_CARD_FIELDS),
        "allow_redisplay": text(),
        "billing_details": BILLING_DETAILS,
        "metadata": metadata(),
        "radar_options": record({"session": text()}),
    }
)
_CREATE: Spec = {
    "type": choice("card").must(),
    "card": record(_CARD_FIELDS),
    "allow_redisplay": text(),
    "billing_details": BILLING_DETAILS,
    "metadata": metadata(),
    "customer": not_emulated(),
    "payment_method": not_emulated(),
    "radar_options": record({"session": text()}),
    "expand": items(text()),
}


async def from_data(call: Call, sent: Json) -> Row:
    """Store a payment method made from validated `payment_method_data`.

    Raises:
        StripeError: 400 without card data, 402 for a card that cannot be used.

    """
    if "card" not in sent:
        raise errors.missing("payment_method_data[card]")
    data = sent["card"]
    card = cards.Card(data["number"], data["exp_month"], data["exp_year"], data.get("cvc"))
    accepted = cards.accept(card, livemode=call.livemode, today=call.world.clock.now_utc())
    return await _store(call, accepted, sent)


async def from_accepted(call: Call, accepted: cards.Accepted) -> Row:
    """Store a payment method for a card that was already checked."""
    return await _store(call, accepted, {})


async def resolve(call: Call, method_id: str, param: str = "payment_method") -> Row:
    """The payment method an id names; a published `pm_card_…` id gives a fresh one, as the provider clones it.

    Raises:
        StripeError: 400 resource_missing.

    """
    accepted = cards.accept_published(method_id, call.world.clock.now_utc())
    if accepted is None:
        return await storage.in_parameter(call, "payment_method", method_id, param)
    if call.livemode:
        raise errors.no_such("PaymentMethod", method_id, param=param, status=400, other_mode="test")
    return await _store(call, accepted, {})


def behaviour_of(row: Row) -> card_catalogue.Behaviour:
    """How the card behind a stored payment method behaves."""
    return card_catalogue.BY_NAME[row.hidden["behaviour"]]


async def attach_to(call: Call, row: Row, customer: Row) -> None:
    """Attach a method to a customer.

    Raises:
        StripeError: 402 for a card that declines when it is checked, 400 when it belongs to another customer.

    """
    behaviour = behaviour_of(row)
    if not behaviour.attachable and behaviour.decline is not None:
        raise cards.declined(behaviour.decline)
    if row.body["customer"] not in (None, customer.id):
        raise errors.refused(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    if row.body["customer"] is None:
        row.body["customer"] = customer.id
        await storage.save(call, row)
        await events.emit(call, "payment_method.attached", row.body)


async def _store(call: Call, accepted: cards.Accepted, sent: Json) -> Row:
    body = shapes.payment_method(call, accepted, sent.get("billing_details"), merged({}, sent.get("metadata", {})))
    return await storage.insert(call, body, {"behaviour": accepted.behaviour.name})


async def _create(call: Call, sent: Json) -> Json:
    return (await from_data(call, sent)).body


async def _retrieve(call: Call, sent: Json) -> Json:
    published = cards.accept_published(sent["id"], call.world.clock.now_utc())
    if published is not None and not call.livemode:
        return (await _store(call, published, {})).body
    return (await storage.in_url(call, "payment_method", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "payment_method", sent["id"], lock=True)
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    for name, value in (sent.get("billing_details") or {}).items():
        row.body["billing_details"][name] = shapes.EMPTY_ADDRESS | (value or {}) if name == "address" else value
    await storage.save(call, row)
    return row.body


async def _attach(call: Call, sent: Json) -> Json:
    customer = await storage.in_parameter(call, "customer", sent["customer"], "customer")
    if cards.accept_published(sent["id"], call.world.clock.now_utc()) is not None:
        row = await resolve(call, sent["id"], "payment_method")
    else:
        row = await storage.in_url(call, "payment_method", sent["id"], lock=True)
    await attach_to(call, row, customer)
    return row.body


async def _detach(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "payment_method", sent["id"], lock=True)
    if row.body["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise errors.refused(message)
    row.body["customer"] = None
    await storage.save(call, row)
    await events.emit(call, "payment_method.detached", row.body)
    return row.body


async def _list(call: Call, sent: Json) -> Json:
    customer = sent.get("customer") or sent.get("id")
    return await pagination.page(
        call,
        "payment_method",
        sent,
        where={"customer": customer, "type": sent.get("type")},
        url=f"/v1/customers/{sent['id']}/payment_methods" if "id" in sent else "/v1/payment_methods",
    )


OPERATIONS = (
    Operation("POST", "/v1/payment_methods", _CREATE, _create),
    Operation("GET", "/v1/payment_methods", pagination.SPEC | {"customer": text(), "type": text()}, _list),
    Operation("GET", "/v1/payment_methods/{id}", {"expand": items(text())}, _retrieve),
    Operation(
        "POST",
        "/v1/payment_methods/{id}",
        {"billing_details": BILLING_DETAILS, "metadata": metadata(), "expand": items(text())},
        _update,
    ),
    Operation("POST", "/v1/payment_methods/{id}/attach", {"customer": text().must(), "expand": items(text())}, _attach),
    Operation("POST", "/v1/payment_methods/{id}/detach", {"expand": items(text())}, _detach),
    Operation("GET", "/v1/customers/{id}/payment_methods", pagination.SPEC | {"type": text()}, _list),
)
