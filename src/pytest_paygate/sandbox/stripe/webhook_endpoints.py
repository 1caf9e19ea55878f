"""Webhook endpoints: where events are sent, and with which secret they are signed.

The secret is shown once, in the answer to the creation, and lives in `hidden` afterwards. Plain http addresses are
taken in both modes: everything here is on loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import errors, pagination, storage
from pytest_paygate.sandbox.stripe.context import API_VERSION, unit_of_work
from pytest_paygate.sandbox.stripe.event_types import EVENT_TYPES
from pytest_paygate.sandbox.stripe.parameters import (
    Spec,
    address,
    boolean,
    choice,
    items,
    merged,
    metadata,
    not_emulated,
    text,
)
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.world import World


async def register_endpoint(
    world: World, *, url: str, secret: str, enabled_events: Sequence[str] = ("*",), livemode: bool | None = None
) -> str:
    """Subscribe an emulated system whose secret is known beforehand; returns the endpoint's id.

    The API cannot do this, it chooses the secret itself. `livemode` defaults to the mode of the world's own key.
    """
    mode = world.keys.livemode if livemode is None else livemode
    async with unit_of_work(world, livemode=mode) as call:
        body = _shape(call, {"url": url, "enabled_events": list(enabled_events)})
        await storage.insert(call, body, {"secret": secret})
        return str(body["id"])


async def _create(call: Call, sent: Json) -> Json:
    _check(sent)
    body = _shape(call, sent)
    secret = f"whsec_{call.world.identifiers.token(32)}"
    await storage.insert(call, body, {"secret": secret})
    return body | {"secret": secret}


def _shape(call: Call, sent: Json) -> Json:
    return {
        "id": call.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": sent.get("api_version"),
        "application": None,
        "created": call.now(),
        "description": sent.get("description"),
        "enabled_events": sent["enabled_events"],
        "livemode": call.livemode,
        "metadata": merged({}, sent.get("metadata", {})),
        "status": "enabled",
        "url": sent["url"],
    }


def _check(sent: Json) -> None:
    for index, name in enumerate(sent.get("enabled_events", [])):
        if name != "*" and name not in EVENT_TYPES:
            raise errors.invalid(
                f"Invalid enabled_events[{index}]: {name[:60]} is not an event type", param=f"enabled_events[{index}]"
            )


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "webhook_endpoint", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    _check(sent)
    row = await storage.in_url(call, "webhook_endpoint", sent["id"], lock=True)
    row.body |= {name: sent[name] for name in ("description", "enabled_events", "url") if name in sent}
    if "disabled" in sent:
        row.body["status"] = "disabled" if sent["disabled"] else "enabled"
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    return row.body


async def _delete(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "webhook_endpoint", sent["id"], lock=True)
    await storage.remove(call, row.id)
    return {"id": row.id, "object": "webhook_endpoint", "deleted": True}


async def _list(call: Call, sent: Json) -> Json:
    return await pagination.page(call, "webhook_endpoint", sent, url="/v1/webhook_endpoints")


_EXPAND: Spec = {"expand": items(text())}
_FIELDS: Spec = _EXPAND | {"description": text().or_unset(), "metadata": metadata()}
_CREATE: Spec = _FIELDS | {
    "url": address().must(),
    "enabled_events": items(text()).must(),
    "api_version": choice(API_VERSION),
    "connect": not_emulated(),
}
_UPDATE: Spec = _FIELDS | {"url": address(), "enabled_events": items(text()), "disabled": boolean()}
_ONE = "/v1/webhook_endpoints/{id}"
OPERATIONS = (
    Operation("POST", "/v1/webhook_endpoints", _CREATE, _create),
    Operation("GET", "/v1/webhook_endpoints", pagination.SPEC, _list),
    Operation("GET", _ONE, _EXPAND, _retrieve),
    Operation("POST", _ONE, _UPDATE, _update),
    Operation("DELETE", _ONE, {}, _delete),
)
