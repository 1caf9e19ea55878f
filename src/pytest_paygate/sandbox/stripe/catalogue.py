"""Products and prices: the catalogue a checkout session sells from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import currencies, errors, events, pagination, storage
from pytest_paygate.sandbox.stripe.parameters import (
    Spec,
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

_RECURRING = record(
    {
        "interval": choice("day", "week", "month", "year").must(),
        "interval_count": integer(1),
        "usage_type": choice("licensed"),
        "trial_period_days": integer(1),
    }
)
_TAX_BEHAVIOR = choice("exclusive", "inclusive", "unspecified")
PRODUCT_DATA = record(
    {
        "name": text().must(),
        "description": text(),
        "images": items(text()),
        "metadata": metadata(),
        "tax_code": text(),
        "unit_label": text(),
    }
)
_PRODUCT: Spec = {
    "name": text(),
    "active": boolean(),
    "description": text().or_unset(),
    "images": items(text()).or_unset(),
    "metadata": metadata(),
    "shippable": boolean(),
    "statement_descriptor": text(22),
    "unit_label": text().or_unset(),
    "url": text().or_unset(),
    "tax_code": text().or_unset(),
    "expand": items(text()),
}
_PLAIN = ("name", "active", "description", "shippable", "statement_descriptor", "unit_label", "url", "tax_code")
_PRICE_CREATE: Spec = {
    "currency": text(3).must(),
    "active": boolean(),
    "billing_scheme": choice("per_unit"),
    "lookup_key": text(200),
    "metadata": metadata(),
    "nickname": text(),
    "product": text(),
    "product_data": PRODUCT_DATA,
    "recurring": _RECURRING,
    "tax_behavior": _TAX_BEHAVIOR,
    "unit_amount": integer(0),
    "unit_amount_decimal": not_emulated(),
    "currency_options": not_emulated(),
    "custom_unit_amount": not_emulated(),
    "tiers": not_emulated(),
    "tiers_mode": not_emulated(),
    "transform_quantity": not_emulated(),
    "expand": items(text()),
}


async def new_product(call: Call, sent: Json, *, active: bool = True) -> Row:
    """Store a product from validated parameters."""
    body: Json = {
        "id": sent.get("id") or call.world.identifiers.make("prod", 14),
        "object": "product",
        "active": active,
        "created": call.now(),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": call.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "tax_details": None,
        "type": "service",
        "unit_label": None,
        "updated": call.now(),
        "url": None,
    }
    if await storage.taken(call, body["id"]):
        raise errors.refused("Product already exists.", code="resource_already_exists", param="id")
    _apply(body, sent)
    row = await storage.insert(call, body)
    await events.emit(call, "product.created", body)
    return row


async def new_price(call: Call, sent: Json, product_id: str, *, active: bool = True) -> Row:
    """Store a price from validated parameters."""
    if "unit_amount" not in sent:
        message = "You must specify either `unit_amount` or `unit_amount_decimal` when `billing_scheme` is `per_unit`."
        raise errors.invalid(message, param="unit_amount", code="parameter_missing")
    recurring = sent.get("recurring")
    body: Json = {
        "id": call.new_id("price"),
        "object": "price",
        "active": active,
        "billing_scheme": "per_unit",
        "created": call.now(),
        "currency": sent["currency"],
        "custom_unit_amount": None,
        "livemode": call.livemode,
        "lookup_key": sent.get("lookup_key"),
        "metadata": merged({}, sent.get("metadata", {})),
        "nickname": sent.get("nickname"),
        "product": product_id,
        "recurring": None if recurring is None else _recurring(recurring),
        "tax_behavior": sent.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": sent["unit_amount"],
        "unit_amount_decimal": str(sent["unit_amount"]),
    }
    row = await storage.insert(call, body)
    await events.emit(call, "price.created", body)
    return row


def _recurring(sent: Json) -> Json:
    defaults = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
    return defaults | sent


def _apply(body: Json, sent: Json) -> None:
    body |= {name: sent[name] for name in _PLAIN if name in sent}
    if "images" in sent:
        body["images"] = sent["images"] or []
    if "metadata" in sent:
        body["metadata"] = merged(body["metadata"], sent["metadata"])


async def _create_product(call: Call, sent: Json) -> Json:
    row = await new_product(call, sent, active=sent.get("active", True))
    if "default_price_data" in sent:
        data = sent["default_price_data"]
        price = await new_price(call, data | {"currency": currencies.known(data["currency"])}, row.id)
        row.body["default_price"] = price.id
        await storage.save(call, row)
    return row.body


async def _update_product(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "product", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    if "default_price" in sent:
        price = await storage.in_parameter(call, "price", sent["default_price"], "default_price")
        row.body["default_price"] = price.id
    _apply(row.body, sent)
    row.body["updated"] = call.now()
    await storage.save(call, row)
    await events.emit(call, "product.updated", row.body, before)
    return row.body


async def _delete_product(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "product", sent["id"], lock=True)
    cursor = await call.connection.execute(
        "SELECT 1 FROM stripe.objects WHERE object = 'price' AND body->>'product' = %s LIMIT 1", (row.id,)
    )
    if await cursor.fetchone() is not None:
        raise errors.refused("This product cannot be deleted because it has one or more user-created prices.")
    await storage.remove(call, row.id)
    await events.emit(call, "product.deleted", row.body)
    return {"id": row.id, "object": "product", "deleted": True}


async def _create_price(call: Call, sent: Json) -> Json:
    sent["currency"] = currencies.known(sent["currency"])
    if ("product" in sent) == ("product_data" in sent):
        message = "You must specify exactly one of product, product_data."
        code = "parameters_exclusive" if "product" in sent else "parameter_missing"
        raise errors.invalid(message, param="product", code=code)
    if "product" in sent:
        product = await storage.in_parameter(call, "product", sent["product"], "product")
    else:
        product = await new_product(call, sent["product_data"])
    return (await new_price(call, sent, product.id, active=sent.get("active", True))).body


async def _update_price(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "price", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    row.body |= {name: sent[name] for name in ("active", "lookup_key", "nickname", "tax_behavior") if name in sent}
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    await events.emit(call, "price.updated", row.body, before)
    return row.body


async def _product(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "product", sent["id"])).body


async def _price(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "price", sent["id"])).body


async def _products(call: Call, sent: Json) -> Json:
    where = {"active": sent.get("active"), "url": sent.get("url"), "id": _any_of(sent.get("ids"))}
    return await pagination.page(call, "product", sent, url="/v1/products", where=where)


async def _prices(call: Call, sent: Json) -> Json:
    where = {name: sent.get(name) for name in ("active", "currency", "product", "type")}
    where["lookup_key"] = _any_of(sent.get("lookup_keys"))
    return await pagination.page(call, "price", sent, url="/v1/prices", where=where)


def _any_of(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


_DEFAULT_PRICE = record(
    {
        "currency": text(3).must(),
        "unit_amount": integer(0),
        "recurring": _RECURRING,
        "metadata": metadata(),
        "tax_behavior": _TAX_BEHAVIOR,
    }
)
_EXPAND: Spec = {"expand": items(text())}
_PRODUCT_CREATE = _PRODUCT | {"name": text().must(), "id": text(255), "default_price_data": _DEFAULT_PRICE}
_PRODUCT_FILTERS: Spec = {"active": boolean(), "ids": items(text()), "url": text()}
_PRICE_UPDATE: Spec = _EXPAND | {
    "active": boolean(),
    "lookup_key": text(200),
    "nickname": text(),
    "tax_behavior": _TAX_BEHAVIOR,
    "metadata": metadata(),
}
_PRICE_FILTERS: Spec = {
    "active": boolean(),
    "currency": text(3),
    "lookup_keys": items(text()),
    "product": text(),
    "type": choice("one_time", "recurring"),
}
OPERATIONS = (
    Operation("POST", "/v1/products", _PRODUCT_CREATE, _create_product),
    Operation("GET", "/v1/products", pagination.SPEC_CREATED | _PRODUCT_FILTERS, _products),
    Operation("GET", "/v1/products/{id}", _EXPAND, _product),
    Operation("POST", "/v1/products/{id}", _PRODUCT | {"default_price": text()}, _update_product),
    Operation("DELETE", "/v1/products/{id}", {}, _delete_product),
    Operation("POST", "/v1/prices", _PRICE_CREATE, _create_price),
    Operation("GET", "/v1/prices", pagination.SPEC_CREATED | _PRICE_FILTERS, _prices),
    Operation("GET", "/v1/prices/{id}", _EXPAND, _price),
    Operation("POST", "/v1/prices/{id}", _PRICE_UPDATE, _update_price),
)
