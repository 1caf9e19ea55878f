"""Stored payments, attempts and refunds: typed rows, row locks, and the one way to change them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from psycopg import AsyncConnection


class Status(StrEnum):
    """The intent statuses this emulator uses."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CUSTOMER_ACTION = "requires_customer_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    PARTIALLY_CAPTURED = "partially_captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class AttemptStatus(StrEnum):
    """The attempt statuses this emulator uses."""

    PENDING = "pending"
    AUTHENTICATION_PENDING = "authentication_pending"
    AUTHORIZED = "authorized"
    CHARGED = "charged"
    PARTIAL_CHARGED = "partial_charged"
    FAILURE = "failure"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Payment:
    """One row of hyperswitch.payments; amounts in minor units, times in seconds since the epoch."""

    payment_id: str
    status: str
    amount: int
    currency: str
    capture_method: str
    authentication_type: str
    metadata: dict[str, Any] | None
    description: str | None
    return_url: str | None
    customer_id: str | None
    email: str | None
    merchant_order_reference_id: str | None
    client_secret: str
    payment_link_id: str | None
    session_expires_at: float
    attempt_count: int
    active_attempt_id: str | None
    connector_transaction_id: str | None
    amount_received: int | None
    amount_capturable: int
    card: dict[str, Any] | None
    error_code: str | None
    error_message: str | None
    redirect_url: str | None
    cancellation_reason: str | None
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of hyperswitch.attempts."""

    attempt_id: str
    payment_id: str
    number: int
    status: str
    amount: int
    connector_transaction_id: str | None
    error_code: str | None
    error_message: str | None
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True)
class Refund:
    """One row of hyperswitch.refunds."""

    refund_id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    reason: str | None
    metadata: dict[str, Any] | None
    connector_refund_id: str | None
    error_code: str | None
    error_message: str | None
    created_at: float
    updated_at: float


Record = TypeVar("Record", Payment, Attempt, Refund)
_TABLES: dict[type, tuple[str, str, str]] = {
    Payment: ("payments", "payment_id", "modified_at"),
    Attempt: ("attempts", "attempt_id", "modified_at"),
    Refund: ("refunds", "refund_id", "updated_at"),
}


def _columns(kind: type[Record]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(kind))


def _table(kind: type[Record]) -> sql.Identifier:
    return sql.Identifier("hyperswitch", _TABLES[kind][0])


async def select(
    connection: AsyncConnection[Any], kind: type[Record], where: LiteralString, parameters: Sequence[object] = ()
) -> list[Record]:
    """Rows of one kind; `where` is everything after the table's name."""
    query = sql.SQL("SELECT {} FROM {} ").format(_columns(kind), _table(kind)) + sql.SQL(where)
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def find(
    connection: AsyncConnection[Any], kind: type[Record], record_id: str, *, lock: bool = False
) -> Record | None:
    """One row by its id, locked until the transaction ends if asked."""
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
        _columns(kind), _table(kind), sql.Identifier(_TABLES[kind][1])
    )
    if lock:
        query += sql.SQL(" FOR UPDATE")
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(query, (record_id,))
        return await cursor.fetchone()


async def insert(connection: AsyncConnection[Any], record: Record) -> bool:
    """Store a new row; False when its id is taken."""
    kind = type(record)
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING").format(
        _table(kind),
        _columns(kind),
        sql.SQL(", ").join([sql.Placeholder()] * len(fields(kind))),
        sql.Identifier(_TABLES[kind][1]),
    )
    values = [_stored(getattr(record, field.name)) for field in fields(kind)]
    cursor = await connection.execute(query, values)
    return cursor.rowcount == 1


async def change(connection: AsyncConnection[Any], record: Record, now: float, **columns: object) -> Record:
    """Write some columns of a locked row and the time of the change; gives the row as it is now."""
    kind = type(record)
    _, key, changed_at = _TABLES[kind]
    columns[changed_at] = now
    query = sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(
        _table(kind),
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns),
        sql.Identifier(key),
    )
    stored: list[object] = [_stored(value) for value in columns.values()]
    await connection.execute(query, [*stored, getattr(record, key)])
    return replace(record, **columns)  # type: ignore[arg-type]  # the names are checked by `replace` itself


def _stored(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict) else value
