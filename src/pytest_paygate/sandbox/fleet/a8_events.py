"""A8 collects events: each is kept as canonical JSON, with the SHA-256 of exactly those bytes.

Canonical means: keys sorted, no spaces, UTF-8, no number that JSON does not have. Reading back computes the checksum
again from what is stored, so that a changed event shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.fleet.a5_checkout import second_page
from pytest_paygate.sandbox.marketplace.answers import ApiError, text_field

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_paygate.sandbox.fleet.service import Fleet

_APP = re.compile(r"A[1-8]")
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9]{20}")
_LATE_SECONDS = 1.0


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
    faults = fleet.world.faults
    if not faults.active("fleet_event_lost"):
        async with fleet.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO events VALUES (%s, %s, %s, %s, %s)",
                (event_id, trace_id, content.decode(), digest, _readable_from(fleet)),
            )
    await _money_follows(fleet, data, trace_id)
    if faults.active("fleet_checksum_unformed"):
        digest = digest[: len("sha256:") + 8]
    return {"event_id": event_id, "checksum": digest}


async def _money_follows(fleet: Fleet, data: dict[str, object], trace_id: str) -> None:
    """What A5 does, by fault, once the run is told to be complete."""
    if fleet.world.faults.active("fleet_charges_after_event"):
        await fleet.provider.charge_again(str(data["payment_intent_id"]), trace_id)
    if fleet.world.faults.active("fleet_page_after_event"):
        await second_page(fleet, int(str(data["amount_cents"])), trace_id)


async def read(fleet: Fleet, event_id: str) -> dict[str, object]:
    """One event as it is stored, with the checksum of that.

    Raises:
        ApiError: 404 for an id we do not have.
    """
    found = None
    if _EVENT_ID.fullmatch(event_id):
        async with fleet.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT body FROM events WHERE event_id = %s AND received_at <= %s", (event_id, fleet.now())
            )
            found = await cursor.fetchone()
    if found is None:
        raise ApiError(404, "not_found", "there is no such event")
    event: dict[str, object] = json.loads(found[0])
    digest = _checksum_read(fleet, event)
    told = {"event_id": event_id, **event, "checksum": digest}
    if fleet.world.faults.active("fleet_event_of_another_run"):
        told["data"] = {**_data(event), "payment_intent_id": "pi_1AnotherRunsPayment000000"}
    if fleet.world.faults.active("fleet_event_under_another_app"):
        told["app_id"] = "A3"
    if fleet.world.faults.active("fleet_event_told_as_floats"):
        told["data"] = {name: float(value) if isinstance(value, int) else value for name, value in _data(event).items()}
    if fleet.world.faults.active("fleet_event_noted"):
        told["data"] = {**_data(event), "received_at": fleet.now().isoformat()}
    if fleet.world.faults.active("fleet_event_told_otherwise"):
        told["data"] = dict(reversed(list(_data(event).items())))
        return {"received_by": "a8", "previous_checksum": None, **dict(reversed(list(told.items())))}
    return told


def _readable_from(fleet: Fleet) -> datetime:
    """When an event that is kept now can be read: at once, or a little later by fault."""
    faults = fleet.world.faults
    if not faults.active("fleet_event_late"):
        return fleet.now()
    return fleet.now() + timedelta(seconds=faults.seconds("fleet_event_late", _LATE_SECONDS) or 0.0)


def _checksum_read(fleet: Fleet, event: dict[str, object]) -> str:
    """The checksum of what is stored; of something else by fault."""
    faults = fleet.world.faults
    digest = checksum(canonical({**event, "data": {}} if faults.active("fleet_checksum_differs") else event))
    return digest[: len("sha256:") + 8] if faults.active("fleet_checksum_unformed") else digest


def _data(event: dict[str, object]) -> dict[str, object]:
    data = event["data"]
    return data if isinstance(data, dict) else {}
