"""Outgoing webhooks: one event for each change of state, written in the transaction that makes the change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.hyperswitch import answers, errors
from pytest_paygate.sandbox.hyperswitch.records import Status
from pytest_paygate.sandbox.hyperswitch.vocabulary import MERCHANT_ID, PROFILE_ID

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.hyperswitch.records import Payment, Refund
    from pytest_paygate.sandbox.world import World

WEBHOOK_PATH = "/webhooks/hyperswitch"
_PAYMENT_EVENTS = {
    Status.SUCCEEDED: "payment_succeeded",
    Status.PARTIALLY_CAPTURED: "payment_captured",
    Status.REQUIRES_CAPTURE: "payment_authorized",
    Status.REQUIRES_CUSTOMER_ACTION: "action_required",
    Status.REQUIRES_PAYMENT_METHOD: "payment_failed",
    Status.FAILED: "payment_failed",
    Status.CANCELLED: "payment_cancelled",
    Status.EXPIRED: "payment_expired",
    Status.PROCESSING: "payment_processing",
}
_LIST_LIMIT_MAX = 100


async def payment_changed(connection: AsyncConnection[Any], world: World, payment: Payment) -> None:
    """Announce the state a payment has just come to."""
    event_type = _PAYMENT_EVENTS[Status(payment.status)]
    body = answers.payment_body(world, payment)
    await _announce(connection, world, event_type, "payments", payment.payment_id, "payment_details", body)


async def refund_changed(connection: AsyncConnection[Any], world: World, refund: Refund) -> None:
    """Announce that a refund has succeeded or failed; there is no event for a pending one."""
    if refund.status not in {"succeeded", "failed"}:
        return
    body = answers.refund_body(refund)
    event_type = f"refund_{refund.status}"
    await _announce(connection, world, event_type, "refunds", refund.refund_id, "refund_details", body)


async def _announce(  # noqa: PLR0913, PLR0917 - the members of one event
    connection: AsyncConnection[Any],
    world: World,
    event_type: str,
    event_class: str,
    object_id: str,
    content_type: str,
    content: dict[str, Any],
) -> None:
    now = world.clock.now()
    event_id = world.identifiers.make("evt")
    event = {
        "merchant_id": MERCHANT_ID,
        "event_id": event_id,
        "event_type": event_type,
        "content": {"type": content_type, "object": content},
        "timestamp": answers.timestamp(now),
    }
    await connection.execute(
        "INSERT INTO hyperswitch.events (event_id, event_type, event_class, object_id, created_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (event_id, event_type, event_class, object_id, now),
    )
    await webhooks.enqueue(
        connection,
        source="hyperswitch",
        endpoint_id=PROFILE_ID,
        url=f"{world.addresses.marketplace}{WEBHOOK_PATH}",
        scheme="hyperswitch",
        secret=world.keys.hyperswitch_hash,
        event_id=event_id,
        body=json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(),
        now=now,
    )


async def listing(world: World, body: dict[str, Any], limit: int | None, offset: int | None) -> dict[str, Any]:
    """A TotalEventsResponse, newest first, narrowed by object, event id or types."""
    object_id, event_id = body.get("object_id"), body.get("event_id")
    types = body.get("event_types")
    if not all(value is None or isinstance(value, str) for value in (object_id, event_id)) or not (
        types is None or (isinstance(types, list) and all(isinstance(one, str) for one in types))
    ):
        raise errors.not_deserializable("invalid type in the event constraints")
    where = (
        " WHERE (%(object_id)s::text IS NULL OR object_id = %(object_id)s)"
        " AND (%(event_id)s::text IS NULL OR event_id = %(event_id)s)"
        " AND (%(types)s::text[] IS NULL OR event_type = ANY(%(types)s))"
    )
    parameters = {
        "object_id": object_id,
        "event_id": event_id,
        "types": types,
        "limit": min(_LIST_LIMIT_MAX, _LIST_LIMIT_MAX if limit is None else limit),
        "offset": offset or 0,
    }
    delivered = "EXISTS (SELECT FROM webhooks.deliveries d WHERE d.event_id = e.event_id AND d.status = 'delivered')"
    async with world.provider_pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT count(*) AS total FROM hyperswitch.events e{where}", parameters)  # noqa: S608 - constants
        counted = await cursor.fetchone()
        await cursor.execute(
            f"SELECT e.*, {delivered} AS delivered FROM hyperswitch.events e{where}"  # noqa: S608 - constants
            " ORDER BY seq DESC LIMIT %(limit)s OFFSET %(offset)s",
            parameters,
        )
        rows = await cursor.fetchall()
    return {"events": [_item(row) for row in rows], "total_count": counted["total"] if counted else 0}


async def attempts(world: World, event_id: str) -> list[dict[str, Any]]:
    """The delivery attempts of one event, oldest first.

    Raises:
        ApiError: there is no such event.
    """
    async with world.provider_pool.connection() as connection:
        event = await _event(connection, event_id)
        tries = await webhooks.attempts_of(connection, event_id)
    return [
        {
            **_item(event),
            "is_delivery_successful": one["status_code"] is not None and 200 <= one["status_code"] < 300,
            "request": {
                "body": one["body"].decode(),
                "headers": [list(pair) for pair in one["request_headers"].items()],
            },
            "response": {
                "body": one["response_body"],
                "headers": None,
                "status_code": one["status_code"],
                "error_message": one["error"],
            },
            "delivery_attempt": "initial_attempt" if place == 0 else "automatic_retry",
        }
        for place, one in enumerate(tries)
    ]


async def retry(world: World, event_id: str) -> dict[str, Any]:
    """Send an event again now; the answer describes the request, its outcome is in the attempts later.

    Raises:
        ApiError: there is no such event.
    """
    async with world.provider_pool.connection() as connection:
        event = await _event(connection, event_id)
        await webhooks.redeliver(connection, event_id)
        cursor = await connection.execute(
            "SELECT body FROM webhooks.deliveries WHERE event_id = %s ORDER BY id LIMIT 1", (event_id,)
        )
        row = await cursor.fetchone()
    return {
        **_item(event),
        "request": {"body": row[0].decode() if row else "", "headers": []},
        "response": {"body": None, "headers": None, "status_code": None, "error_message": None},
        "delivery_attempt": "manual_retry",
    }


async def _event(connection: AsyncConnection[Any], event_id: str) -> dict[str, Any]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT *, NULL AS delivered FROM hyperswitch.events WHERE event_id = %s", (event_id,))
        row = await cursor.fetchone()
    if row is None:
        raise errors.not_found("Event")
    return row


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": row["event_id"],
        "merchant_id": MERCHANT_ID,
        "profile_id": PROFILE_ID,
        "object_id": row["object_id"],
        "event_type": row["event_type"],
        "event_class": row["event_class"],
        "is_delivery_successful": row["delivered"],
        "initial_attempt_id": row["event_id"],
        "created": answers.timestamp(row["created_at"]),
    }
