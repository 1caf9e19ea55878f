"""The durable queue of deliveries: written in the caller's transaction, claimed and settled by the dispatcher.

A delivery is never lost by a crash: what was being sent when the process ended goes out again (at least once).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.webhooks.faults import Plan
    from pytest_paygate.sandbox.world import World

CHANNEL = "paygate_webhooks"
SCHEMES = frozenset({"stripe", "hyperswitch"})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint, as claimed: `attempts` counts those already made."""

    id: int
    source: str
    endpoint_id: str
    url: str
    scheme: str
    secret: str
    event_id: str
    event_type: str
    body: bytes
    attempts: int
    planned: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one HTTP try came to; a missing status code means that no answer arrived."""

    at: float
    request_headers: dict[str, str]
    status_code: int | None
    response_body: str | None
    error: str | None

    @property
    def accepted(self) -> bool:
        """Only a 2xx acknowledges; a redirect does not."""
        return self.status_code is not None and 200 <= self.status_code < 300


async def enqueue(  # noqa: PLR0913 - the wire facts of one delivery, all by keyword
    connection: AsyncConnection[Any],
    *,
    source: str,
    endpoint_id: str,
    url: str,
    scheme: str,
    secret: str,
    event_id: str,
    body: bytes,
    now: float,
) -> None:
    """Queue one delivery in the caller's transaction; the dispatcher is woken when that commits.

    Args:
        connection: the transaction the event itself is written in: both happen or neither.
        source: which emulator sends, `stripe` or `hyperswitch`.
        endpoint_id: the receiver's id at that emulator.
        url: where the bytes are posted.
        scheme: how they are signed, `stripe` or `hyperswitch`.
        secret: the signing secret; several, separated by commas, during a Stripe secret roll.
        event_id: the event's id, the key a receiver deduplicates on.
        body: the exact bytes to send.
        now: the sandbox clock, seconds since the epoch.

    Raises:
        ValueError: for an unknown scheme or a URL that is not http or https.
    """
    if scheme not in SCHEMES:
        message = f"unknown signature scheme {scheme!r}"
        raise ValueError(message)
    if not url.startswith(("http://", "https://")):
        message = f"a webhook needs an http or https URL, not {url!r}"
        raise ValueError(message)
    await connection.execute(
        "INSERT INTO webhooks.deliveries"
        " (source, endpoint_id, url, scheme, secret, event_id, event_type, body, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (source, endpoint_id, url, scheme, secret, event_id, _event_type(body), body, now),
    )
    await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _event_type(body: bytes) -> str:
    try:
        event = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(event, dict):
        return ""
    return str(event.get("event_type") or event.get("type") or "").replace("\x00", "")


async def reset_interrupted(world: World) -> None:
    """Put back what an earlier dispatcher was sending when it ended."""
    async with world.provider_pool.connection() as connection:
        await connection.execute(
            "UPDATE webhooks.deliveries SET status = 'pending', next_attempt_at = clock_timestamp()"
            " WHERE status = 'sending'"
        )


async def claim(world: World, limit: int) -> list[Delivery]:
    """Take up to `limit` due deliveries, oldest first."""
    async with world.provider_pool.connection() as connection, connection.cursor(row_factory=class_row(Delivery)) as c:
        await c.execute(
            "UPDATE webhooks.deliveries SET status = 'sending' WHERE id IN ("
            " SELECT id FROM webhooks.deliveries WHERE status = 'pending' AND next_attempt_at <= clock_timestamp()"
            " ORDER BY next_attempt_at, id LIMIT %s FOR UPDATE SKIP LOCKED)"
            " RETURNING id, source, endpoint_id, url, scheme, secret, event_id, event_type, body, attempts, planned",
            (limit,),
        )
        return sorted(await c.fetchall(), key=lambda delivery: delivery.id)


async def seconds_to_next(world: World) -> float | None:
    """Seconds until the next pending delivery is due; None when nothing is pending."""
    async with world.provider_pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT extract(epoch FROM min(next_attempt_at) - clock_timestamp())::float8"
            " FROM webhooks.deliveries WHERE status = 'pending'"
        )
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else max(0.0, float(row[0]))


async def apply_plan(world: World, delivery: Delivery, plan: Plan) -> bool:
    """Carry out a plan on a claimed delivery; True when it may be sent now."""
    async with world.provider_pool.connection() as connection:
        if plan.lost:
            await connection.execute(
                "UPDATE webhooks.deliveries SET status = 'lost', planned = true WHERE id = %s", (delivery.id,)
            )
            return False
        wait_seconds = plan.delay_seconds + plan.hold_seconds
        if plan.duplicated:
            await connection.execute(
                "INSERT INTO webhooks.deliveries (source, endpoint_id, url, scheme, secret, event_id, event_type, body,"
                " created_at, planned, copy_of, next_attempt_at)"
                " SELECT source, endpoint_id, url, scheme, secret, event_id, event_type, body, created_at, true, id,"
                " clock_timestamp() + make_interval(secs => %s) FROM webhooks.deliveries WHERE id = %s",
                (wait_seconds, delivery.id),
            )
        status = "pending" if wait_seconds else "sending"
        await connection.execute(
            "UPDATE webhooks.deliveries SET planned = true, held = %s, status = %s,"
            " next_attempt_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
            (plan.hold_seconds > 0, status, wait_seconds, delivery.id),
        )
    return not wait_seconds


async def settle(world: World, delivery: Delivery, attempt: Attempt, retry_seconds: float | None) -> None:
    """Record an attempt: delivered, to be retried after `retry_seconds`, or exhausted when that is None."""
    refused = "exhausted" if retry_seconds is None else "pending"
    status = "delivered" if attempt.accepted else refused
    number = delivery.attempts + 1
    async with world.provider_pool.connection() as connection:
        await connection.execute(
            "INSERT INTO webhooks.attempts (delivery_id, number, at, request_headers, status_code,"
            " response_body, error)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                delivery.id,
                number,
                attempt.at,
                Jsonb(attempt.request_headers),
                attempt.status_code,
                attempt.response_body,
                attempt.error,
            ),
        )
        await connection.execute(
            "UPDATE webhooks.deliveries SET status = %s, attempts = %s, held = false, last_status_code = %s,"
            " last_error = %s, next_attempt_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
            (status, number, attempt.status_code, attempt.error, retry_seconds or 0.0, delivery.id),
        )
        if attempt.accepted:
            # Somebody has overtaken: what was held back for this endpoint may go now.
            await connection.execute(
                "UPDATE webhooks.deliveries SET held = false, next_attempt_at = clock_timestamp()"
                " WHERE endpoint_id = %s AND held AND status = 'pending'",
                (delivery.endpoint_id,),
            )


async def redeliver(connection: AsyncConnection[Any], event_id: str) -> bool:
    """Send an event once more to every endpoint it went to; False when the event was never queued."""
    cursor = await connection.execute(
        "UPDATE webhooks.deliveries SET status = 'pending', planned = true, next_attempt_at = clock_timestamp()"
        " WHERE event_id = %s AND copy_of IS NULL AND status <> 'sending' RETURNING id",
        (event_id,),
    )
    found = await cursor.fetchone() is not None
    if found:
        await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return found


async def deliveries(world: World) -> list[dict[str, Any]]:
    """Every delivery without its body and secret, oldest first, for the control endpoint."""
    async with world.provider_pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT id, source, endpoint_id, url, scheme, event_id, event_type, status, attempts, copy_of,"
            " last_status_code, last_error, created_at FROM webhooks.deliveries ORDER BY id"
        )
        return await cursor.fetchall()


async def attempts_of(connection: AsyncConnection[Any], event_id: str) -> list[dict[str, Any]]:
    """Every HTTP try made for one event, oldest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT a.delivery_id, a.number, a.at, a.request_headers, a.status_code, a.response_body, a.error, d.body"
            " FROM webhooks.attempts a JOIN webhooks.deliveries d ON d.id = a.delivery_id"
            " WHERE d.event_id = %s ORDER BY a.at, a.delivery_id, a.number",
            (event_id,),
        )
        return await cursor.fetchall()
