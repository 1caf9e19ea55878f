"""The capacity logs of several machines in one PostgreSQL: a line a row, and a head that is locked while it grows.

Rules:
- whoever adds a line holds the head's row until the line is in: two that want the last unit come one after the other;
- the head names the number of lines and the last one's hash: a table that was cut, edited or put back is refused;
- a connection that fails is a refusal; nothing is repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from pytest_paygate.core import capacity
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, StoreError
from pytest_paygate.core.journal import GENESIS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from pytest_paygate.core.capacity import Book, CapacityEntry
    from pytest_paygate.core.secret import Secret

CONNECT_SECONDS = 5
TOTAL_SECONDS = 15
STATEMENT_MS = 10_000
_SCHEMA: LiteralString = """
CREATE SCHEMA IF NOT EXISTS paygate;
CREATE TABLE IF NOT EXISTS paygate.capacity (
    environment text NOT NULL, seq bigint NOT NULL, line text NOT NULL, PRIMARY KEY (environment, seq));
CREATE TABLE IF NOT EXISTS paygate.capacity_heads (
    environment text PRIMARY KEY, lines bigint NOT NULL, head text NOT NULL);
"""
# Two sessions that make the same schema at once can meet; the second then finds everything there.
_MET = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema, psycopg.errors.DuplicateTable)
_BEGIN: LiteralString = """
INSERT INTO paygate.capacity_heads (environment, lines, head) VALUES (%(environment)s, 0, %(genesis)s)
ON CONFLICT (environment) DO NOTHING
"""
_HEAD: LiteralString = "SELECT lines, head FROM paygate.capacity_heads WHERE environment = %(environment)s FOR UPDATE"
_LINES: LiteralString = "SELECT line FROM paygate.capacity WHERE environment = %(environment)s ORDER BY seq"
_ADD: LiteralString = (
    "INSERT INTO paygate.capacity (environment, seq, line) VALUES (%(environment)s, %(seq)s, %(line)s)"
)
_MOVE: LiteralString = (
    "UPDATE paygate.capacity_heads SET lines = %(lines)s, head = %(head)s WHERE environment = %(environment)s"
)


class PostgresCapacity:
    """Capacity logs in a shared database. Implements `core.live_ports.CapacityLog`.

    Args:
        dsn: a database whose role may make the schema `paygate`, or use it.
    """

    def __init__(self, dsn: Secret) -> None:
        self._dsn = dsn

    async def read(self, environment: str) -> Book:
        """Every line there is; see `core.live_ports.CapacityLog`."""
        return await self.change(environment, lambda _: None, None)

    async def change(
        self, environment: str, decide: Callable[[Book], CapacityEntry | None], at: datetime | None
    ) -> Book:
        """Add one line; see `core.live_ports.CapacityLog`."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS), self._connected() as connection, connection.transaction():
                book = await _book(connection, environment)
                entry = decide(book)
                if entry is None or at is None:
                    return book
                line = capacity.encode(book, entry, at)
                after = capacity.follow(book, line)
                told = {"environment": environment, "seq": len(book.lines), "line": line.decode()}
                await connection.execute(_ADD, told)
                await connection.execute(
                    _MOVE, {"environment": environment, "lines": len(after.lines), "head": after.head}
                )
                return after
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise _unusable(error) from None

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection[dict[str, Any]]]:
        connection = await psycopg.AsyncConnection.connect(
            self._dsn.reveal(),
            autocommit=True,
            row_factory=dict_row,
            # A pooler in transaction mode keeps no prepared statements.
            prepare_threshold=None,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_MS}",
        )
        try:
            try:
                await connection.execute(_SCHEMA)
            except _MET:
                await connection.execute(_SCHEMA)
            yield connection
        finally:
            await connection.close()


async def _book(connection: psycopg.AsyncConnection[dict[str, Any]], environment: str) -> Book:
    """The log, with its head locked until the transaction ends."""
    named = {"environment": environment, "genesis": GENESIS}
    await connection.execute(_BEGIN, named)
    head = await (await connection.execute(_HEAD, named)).fetchone()
    rows = await (await connection.execute(_LINES, named)).fetchall()
    book = capacity.read([str(row["line"]).encode() for row in rows], environment)
    if head is None or (head["lines"], head["head"]) != (len(book.lines), book.head):
        raise capacity.damaged(
            environment, len(book.lines), "the number of lines and the end that its head names", "another end"
        )
    return book


def _unusable(error: Exception) -> StoreError:
    # The message of a driver may carry the DSN; its class and the server's code do not.
    code = getattr(error, "sqlstate", None)
    return StoreError(
        Refusal(
            refused="the shared capacity log cannot be asked, so nothing counts as left",
            expected="the database behind [store] dsn",
            observed=f"{type(error).__name__}{f' ({code})' if code else ''}",
            money=f"{NOTHING_MOVED} How many charges were taken is not known.",
            next_step="Bring the database back, or correct [store] dsn.",
        )
    )
