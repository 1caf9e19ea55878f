"""Customers: created, updated, deleted, listed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import events, pagination, payment_methods, shapes, storage
from pytest_paygate.sandbox.stripe.parameters import (
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

_ADDRESS = record({name: text().or_unset() for name in shapes.EMPTY_ADDRESS})
_SHIPPING = record({"address": _ADDRESS.must(), "name": text().must(), "phone": text()})
_PLAIN = ("balance", "description", "email", "name", "phone", "preferred_locales", "tax_exempt")
_FIELDS: Spec = {
    "address": _ADDRESS.or_unset(),
    "balance": integer(),
    "description": text().or_unset(),
    "email": text(512).or_unset(),
    "name": text(256).or_unset(),
    "phone": text(20).or_unset(),
    "preferred_locales": items(text()),
    "shipping": _SHIPPING.or_unset(),
    "tax_exempt": choice("none", "exempt", "reverse").or_unset(),
    "invoice_settings": record({"default_payment_method": text().or_unset()}),
    "metadata": metadata(),
    "source": not_emulated(),
    "expand": items(text()),
}


async def _create(call: Call, sent: Json) -> Json:
    body: Json = {
        "id": call.world.identifiers.make("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": call.world.identifiers.token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": call.livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(body, sent)
    row = await storage.insert(call, body)
    if sent.get("payment_method"):
        method = await payment_methods.resolve(call, sent["payment_method"])
        await payment_methods.attach_to(call, method, row)
    await events.emit(call, "customer.created", body)
    return body


def _apply(body: Json, sent: Json) -> None:
    body |= {name: sent[name] for name in _PLAIN if name in sent}
    if "address" in sent:
        body["address"] = None if sent["address"] is None else shapes.EMPTY_ADDRESS | sent["address"]
    if "shipping" in sent:
        body["shipping"] = shapes.shipping_shape(sent["shipping"])
    if "metadata" in sent:
        body["metadata"] = merged(body["metadata"], sent["metadata"])
    body["invoice_settings"] |= sent.get("invoice_settings") or {}


async def _retrieve(call: Call, sent: Json) -> Json:
    row = await storage.find(call, "deleted_customer", sent["id"])
    if row is not None:
        return {"id": row.id, "object": "customer", "deleted": True}
    return (await storage.in_url(call, "customer", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "customer", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    _apply(row.body, sent)
    await storage.save(call, row)
    await events.emit(call, "customer.updated", row.body, before)
    return row.body


async def _delete(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "customer", sent["id"], lock=True)
    await call.connection.execute("UPDATE stripe.objects SET object = 'deleted_customer' WHERE id = %s", (row.id,))
    await events.emit(call, "customer.deleted", row.body)
    return {"id": row.id, "object": "customer", "deleted": True}


async def _list(call: Call, sent: Json) -> Json:
    return await pagination.page(call, "customer", sent, url="/v1/customers", where={"email": sent.get("email")})


_ONE = "/v1/customers/{id}"
OPERATIONS = (
    Operation("POST", "/v1/customers", _FIELDS | {"payment_method": text(), "test_clock": not_emulated()}, _create),
    Operation("GET", "/v1/customers", pagination.SPEC_CREATED | {"email": text()}, _list),
    Operation("GET", _ONE, {"expand": items(text())}, _retrieve),
    Operation("POST", _ONE, _FIELDS, _update),
    Operation("DELETE", _ONE, {}, _delete),
)
