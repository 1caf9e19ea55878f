"""Events: one row for every change of state, written with the change, and handed to every subscribed endpoint.

Owns the event object and its `pending_webhooks`; signing, sending and retrying belong to the webhook engine.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.stripe import storage
from pytest_paygate.sandbox.stripe.context import API_VERSION
from pytest_paygate.sandbox.stripe.presentation import ordered

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

RETENTION_SECONDS = 30 * 24 * 60 * 60


async def emit(call: Call, kind: str, body: Json, before: Json | None = None) -> Json:
    """Write one event about `body` and enqueue its deliveries.

    Args:
        call: the unit of work that made the change.
        kind: the event type.
        body: the object after the change; a frozen copy is kept.
        before: the object before it, for `previous_attributes` of an update.

    """
    endpoints = await _subscribed(call, kind)
    data: Json = {"object": ordered(copy.deepcopy(body))}
    if before is not None:
        data["previous_attributes"] = {key: value for key, value in before.items() if body.get(key) != value}
    event: Json = {
        "id": call.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": call.now(),
        "data": data,
        "livemode": call.livemode,
        "pending_webhooks": len(endpoints),
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": kind,
    }
    await storage.insert(call, event)
    if endpoints:
        await _deliver(call, event, endpoints)
    return event


async def delivered(call: Call, event_id: str) -> None:
    """Count down `pending_webhooks`: one more endpoint has answered 2xx."""
    row = await storage.find(call, "event", event_id, lock=True)
    if row is not None and row.body["pending_webhooks"] > 0:
        row.body["pending_webhooks"] -= 1
        await storage.save(call, row)


async def _subscribed(call: Call, kind: str) -> list[tuple[str, str, str]]:
    cursor = await call.connection.execute(
        "SELECT id, body->>'url', hidden->>'secret' FROM stripe.objects"
        " WHERE object = 'webhook_endpoint' AND livemode = %s AND body->>'status' = 'enabled'"
        " AND (body->'enabled_events' ? '*' OR body->'enabled_events' ? %s) ORDER BY seq",
        (call.livemode, kind),
    )
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return [(str(row[0]), str(row[1]), str(row[2])) for row in rows]


async def _deliver(call: Call, event: Json, endpoints: list[tuple[str, str, str]]) -> None:
    # Imported here: the webhook engine is another system of this world and may import this one.
    from pytest_paygate.sandbox import webhooks

    body = json.dumps(ordered(event), indent=2).encode()
    for endpoint_id, url, secret in endpoints:
        await webhooks.enqueue(
            call.connection,
            source="stripe",
            endpoint_id=endpoint_id,
            url=url,
            scheme="stripe",
            secret=secret,
            event_id=event["id"],
            body=body,
            now=call.world.clock.now(),
        )
