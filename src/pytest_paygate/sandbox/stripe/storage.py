"""Objects in PostgreSQL: insert, find, lock, save, and the mode rule that keeps test and rehearsal apart.

Owns SQL on `stripe.objects` for single objects; lists are `pagination`. Whoever changes an object locks its row first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from pytest_paygate.sandbox.stripe import errors

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

# The name of an id in Stripe's own errors, where it is not simply "id".
_URL_PARAMETER = {"payment_intent": "intent", "checkout.session": "session", "transfer": "transfer"}
# What Stripe calls the object in "No such …", where it is not the object's name.
_SPOKEN = {
    "payment_method": "PaymentMethod",
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
}


@dataclass(slots=True)
class Row:
    """One stored object: what is shown, and what only the emulator knows."""

    body: Json
    hidden: Json

    @property
    def id(self) -> str:
        """The object's id."""
        return str(self.body["id"])


async def insert(call: Call, body: Json, hidden: Json | None = None) -> Row:
    """Store a new object; an account-level object without `livemode` takes the call's mode."""
    row = Row(body, hidden or {})
    await call.connection.execute(
        "INSERT INTO stripe.objects (id, object, livemode, created, body, hidden) VALUES (%s, %s, %s, %s, %s, %s)",
        (body["id"], body["object"], call.livemode, body.get("created", call.now()), Jsonb(body), Jsonb(row.hidden)),
    )
    return row


async def save(call: Call, row: Row) -> None:
    """Write back a row the caller has locked."""
    await call.connection.execute(
        "UPDATE stripe.objects SET body = %s, hidden = %s WHERE id = %s",
        (Jsonb(row.body), Jsonb(row.hidden), row.id),
    )


async def remove(call: Call, object_id: str) -> None:
    """Delete one object."""
    await call.connection.execute("DELETE FROM stripe.objects WHERE id = %s", (object_id,))


async def find(call: Call, object_name: str | None, object_id: str, *, lock: bool = False) -> Row | None:
    """One object of the call's mode, or None; `lock` holds its row until the end of the unit of work."""
    query = "SELECT body, hidden FROM stripe.objects WHERE id = %s AND livemode = %s"
    values: list[Any] = [object_id, call.livemode]
    if object_name is not None:
        query += " AND object = %s"
        values.append(object_name)
    cursor = await call.connection.execute(query + (" FOR UPDATE" if lock else ""), values)
    found = await cursor.fetchone()
    return None if found is None else Row(found[0], found[1])


async def in_url(call: Call, object_name: str, object_id: str, *, lock: bool = False) -> Row:
    """The object an address names.

    Raises:
        StripeError: 404 resource_missing, with the mode hint when the other mode has it.

    """
    row = await find(call, object_name, object_id, lock=lock)
    if row is None:
        raise await _missing(call, object_name, object_id, _URL_PARAMETER.get(object_name, "id"), 404)
    return row


async def in_parameter(call: Call, object_name: str, object_id: str, param: str, *, lock: bool = False) -> Row:
    """The object a parameter names.

    Raises:
        StripeError: 400 resource_missing with that parameter.

    """
    row = await find(call, object_name, object_id, lock=lock)
    if row is None:
        raise await _missing(call, object_name, object_id, param, 400)
    return row


async def mode_of(call: Call, object_name: str, object_id: str) -> bool | None:
    """The mode an object lives in, whatever the call's own mode; None when there is no such object."""
    cursor = await call.connection.execute(
        "SELECT livemode FROM stripe.objects WHERE id = %s AND object = %s", (object_id, object_name)
    )
    found = await cursor.fetchone()
    return None if found is None else bool(found[0])


async def taken(call: Call, object_id: str) -> bool:
    """Whether any object of any kind and mode has this id."""
    cursor = await call.connection.execute("SELECT 1 FROM stripe.objects WHERE id = %s", (object_id,))
    return await cursor.fetchone() is not None


async def _missing(call: Call, object_name: str, object_id: str, param: str, status: int) -> errors.StripeError:
    mode = await mode_of(call, object_name, object_id)
    other = None if mode is None or mode == call.livemode else ("live" if mode else "test")
    spoken = _SPOKEN.get(object_name, object_name)
    return errors.no_such(spoken, object_id[:255], param=param, status=status, other_mode=other)
