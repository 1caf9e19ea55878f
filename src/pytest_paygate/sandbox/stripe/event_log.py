"""The events API: the last 30 days, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import errors, events, pagination, storage
from pytest_paygate.sandbox.stripe.parameters import Spec, boolean, items, text
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

TYPES_MAX = 20


async def _retrieve(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "event", sent["id"])
    if row.body["created"] < call.now() - events.RETENTION_SECONDS:
        raise errors.no_such("event", row.id, param="id", status=404, other_mode=None)
    return row.body


async def _list(call: Call, sent: Json) -> Json:
    if "type" in sent and "types" in sent:
        raise errors.invalid("You may pass only one of type and types.", param="types", code="parameters_exclusive")
    types = sent.get("types")
    if types is not None and len(types) > TYPES_MAX:
        raise errors.invalid(f"You may pass at most {TYPES_MAX} types.", param="types")
    where: Json = {"type": tuple(types) if types is not None else sent.get("type")}
    if sent.get("delivery_success"):
        where["pending_webhooks"] = "0"
    since = call.now() - events.RETENTION_SECONDS
    return await pagination.page(call, "event", sent, url="/v1/events", where=where, created_since=since)


_FILTERS: Spec = {"type": text(), "types": items(text()), "delivery_success": boolean()}
OPERATIONS = (
    Operation("GET", "/v1/events", pagination.SPEC_CREATED | _FILTERS, _list),
    Operation("GET", "/v1/events/{id}", {"expand": items(text())}, _retrieve),
)
