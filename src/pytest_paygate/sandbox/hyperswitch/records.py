"""Stored payments, attempts and refunds: typed rows, row locks, and the one way to change them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
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


type_of_table = {Payment: ("payments", "payment_id"), Attempt: ("attempts", "attempt_id"), Refund: ("refunds", "refund_id")}


def _columns(kind: type) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(kind))


async def select[Record: (Payment, Attempt, Refund)](
    connection: AsyncConnection[Any], kind: type[Record], where: str, parameters: tuple[object, ...]
) -> list[Record]:
    """Rows of one kind. `where` is our own SQL, never a caller's text."""
    table, _ = type_of_table[kind]
    query = sql.SQL("SELECT {} FROM {} {}").format(
        _columns(kind), sql.Identifier("hyperswitch", table), sql.SQL(where)  # type: ignore[arg-type]
    )
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()
