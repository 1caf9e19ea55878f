"""The target's database, read only. The only module that knows psycopg.

Rules:
- every statement runs alone, in a READ ONLY transaction, under a statement timeout; values travel as parameters;
- the server, not a look at the text, refuses writes and second statements;
- more rows than the cap is a refusal: half an answer is no answer;
- neither the DSN nor a message of the server enters a text.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from pytest_paygate.adapters.postgres_failures import database_error
from pytest_paygate.core.events import QueryRecorded
from pytest_paygate.core.redaction import keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.core.facts import FactKind
    from pytest_paygate.core.ports import Clock, Recorder
    from pytest_paygate.core.secret import Secret

ROWS_MAX: Final = 1_000
_CONNECT_TIMEOUT_MIN_SECONDS: Final = 2


class ReadOnlyDatabase:
    """The `Database` port on PostgreSQL; connects at the first query, on the loop that asks.

    Args:
        dsn: libpq URL or keywords.
        recorder: takes one `QueryRecorded` for every query that was answered.
        clock: measures.
        extra_fields: column names a gate declared, kept besides the general allow-list.
        statement_timeout_ms: the server cancels a statement after this.
        connect_timeout_seconds: to get a connection.
        rows_max: a longer result is refused.
    """

    def __init__(  # noqa: PLR0913 - independent settings, most with a default
        self,
        dsn: Secret,
        *,
        recorder: Recorder,
        clock: Clock,
        extra_fields: Mapping[str, FactKind] = MappingProxyType({}),
        statement_timeout_ms: int = 5_000,
        connect_timeout_seconds: int = 5,
        rows_max: int = ROWS_MAX,
    ) -> None:
        self._dsn = dsn
        self._recorder = recorder
        self._clock = clock
        self._extra_fields = extra_fields
        self._statement_timeout_ms = statement_timeout_ms
        self._connect_timeout_seconds = max(connect_timeout_seconds, _CONNECT_TIMEOUT_MIN_SECONDS)
        self._rows_max = rows_max
        self._connection: psycopg.AsyncConnection[dict[str, object]] | None = None

    async def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Mapping[str, object]]:
        """Run one SELECT and return its rows by column name.

        Args:
            sql: one statement of the suite's own, with `%s` for each value (and `%%` for a percent sign).
            parameters: the values.

        Raises:
            DatabaseError: unreachable, refused, too slow, a write, a broken statement, or more rows than the cap.
            JournalError: when the query could not be recorded.
        """
        started_seconds = self._clock.elapsed_seconds()
        connection = await self._connected()
        try:
            # The server's timeout does not help when the network is gone.
            async with asyncio.timeout(self._statement_timeout_ms / 1000 + self._connect_timeout_seconds):
                found = await self._selected(connection, sql, parameters)
        except TimeoutError:
            await self.aclose()
            raise database_error("57014") from None
        except psycopg.Error as error:
            if connection.closed:
                self._connection = None
            raise database_error(error.sqlstate, lost=bool(connection.closed)) from None
        if len(found) > self._rows_max:
            raise database_error("rows", rows_max=self._rows_max)
        self._record(sql, found, started_seconds)
        return tuple(MappingProxyType(row) for row in found)

    async def aclose(self) -> None:
        """Release the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> psycopg.AsyncConnection[dict[str, object]]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            connection: psycopg.AsyncConnection[dict[str, object]] = await psycopg.AsyncConnection.connect(
                self._dsn.reveal(),
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=self._connect_timeout_seconds,
                application_name="paygate",
            )
        except psycopg.Error as error:
            raise database_error(_connect_reason(error), lost=True) from None
        self._connection = connection
        await connection.execute("SET default_transaction_read_only = on")
        await connection.set_read_only(True)
        return connection

    async def _selected(
        self, connection: psycopg.AsyncConnection[dict[str, object]], sql: str, parameters: Sequence[object]
    ) -> list[dict[str, object]]:
        """Stream the rows: streaming uses the protocol that refuses a second statement, and it can stop early."""
        found: list[dict[str, object]] = []
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(self._statement_timeout_ms),))
            stream = cursor.stream(sql, tuple(parameters))
            async for row in stream:
                found.append(row)
                if len(found) > self._rows_max:
                    break
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator behind its wider type
        return found

    def _record(self, sql: str, found: list[dict[str, object]], started_seconds: float) -> None:
        kept = keep([{name: _plain(value) for name, value in row.items()} for row in found], self._extra_fields)
        self._recorder.record(
            QueryRecorded(
                statement=" ".join(sql.split()),
                row_count=len(found),
                elapsed_ms=max(0, round((self._clock.elapsed_seconds() - started_seconds) * 1000)),
                fields=dict(kept.fields),
                dropped=kept.dropped,
            )
        )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value


def _connect_reason(error: psycopg.Error) -> str | None:
    """Why no connection came about: the server's code where libpq hands it on, else what the attempt itself shows."""
    if error.sqlstate is not None:
        return error.sqlstate
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return "connect_timeout"
    if isinstance(error, psycopg.ProgrammingError):
        return "dsn"
    attempt = error.pgconn
    # libpq gives no code for a refused login; that a password was asked for tells it in any language.
    if attempt is not None and (attempt.used_password or attempt.needs_password):
        return "28P01"
    return None
