"""A8 collects events: each is kept as canonical JSON, with the SHA-256 of exactly those bytes.

Canonical means: keys sorted, no spaces, UTF-8, no number that JSON does not have. Reading back computes the checksum
again from what is stored, so that a changed event shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace.answers import ApiError, text_field

if TYPE_CHECKING:
    from pytest_paygate.sandbox.fleet.service import Fleet

_APP = re.compile(r"A[1-8]")
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9]{20}")


def canonical(event: object) -> bytes:
    """The bytes a checksum is taken over.

    Raises:
        ValueError: for NaN, infinity or text that is no Unicode.
    """
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def checksum(content: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def keep(fleet: Fleet, sent: dict[str, object], trace_id: str) -> dict[str, object]:
    """Keep one event.

    Returns:
        `event_id` and `checksum`.

    Raises:
        ApiError: 422 for an event without type, app or data, or one that cannot be kept.
    """
    event_type, app_id, data = text_field(sent, "event_type", 80), text_field(sent, "app_id", 2), sent.get("data")
    if _APP.fullmatch(app_id) is None or not isinstance(data, dict):
        raise ApiError(422, "invalid_event", "app_id must be A1 to A8 and data an object")
    try:
        content = canonical({"event_type": event_type, "app_id": app_id, "data": data})
    except (ValueError, RecursionError):
        raise ApiError(422, "invalid_event", "the event holds what JSON cannot") from None
    event_id, digest = fleet.world.identifiers.make("evt", 20), checksum(content)
    if not fleet.world.faults.active("fleet_event_lost"):
        async with fleet.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO events VALUES (%s, %s, %s, %s, %s)",
                (event_id, trace_id, content.decode(), digest, fleet.now()),
            )
    return {"event_id": event_id, "checksum": digest}


async def read(fleet: Fleet, event_id: str) -> dict[str, object]:
    """One event as it is stored, with the checksum of that.

    Raises:
        ApiError: 404 for an id we do not have.
    """
    found = None
    if _EVENT_ID.fullmatch(event_id):
        async with fleet.pool.connection() as connection:
            cursor = await connection.execute("SELECT body FROM events WHERE event_id = %s", (event_id,))
            found = await cursor.fetchone()
    if found is None:
        raise ApiError(404, "not_found", "there is no such event")
    event: dict[str, object] = json.loads(found[0])
    if fleet.world.faults.active("fleet_checksum_differs"):
        event["data"] = {}
    told = {"event_id": event_id, **event, "checksum": checksum(canonical(event))}
    if fleet.world.faults.active("fleet_event_told_otherwise"):
        told["data"] = dict(reversed(list(event["data"].items())))  # type: ignore[attr-defined]  # an object when kept
        return {"received_by": "a8", "previous_checksum": None, **dict(reversed(list(told.items())))}
    return told
