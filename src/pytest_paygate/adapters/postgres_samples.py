"""Samples in the shared PostgreSQL of `[store] dsn`, for probers and gates on several machines.

Rules:
- rows are only ever added; their order is the order in which they were kept, so a clock that jumps shows;
- one append is one transaction: all of it or none;
- a window is streamed through a cursor on the server, a block at a time;
- a database that is down or slow is a refusal, and neither the DSN nor a message of the server enters a text.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg
import psycopg.sql

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, SamplesError
from pytest_paygate.core.samples import SAMPLES_MAX, SourceKind, number
from pytest_paygate.core.window import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.core.secret import Secret

CONNECT_SECONDS: Final = 5
STATEMENT_MS: Final = 20_000
_BLOCK_ROWS: Final = 5_000
_SCHEMA: LiteralString = """
CREATE SCHEMA IF NOT EXISTS paygate;
CREATE TABLE IF NOT EXISTS paygate.samples (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, environment text NOT NULL, endpoint text NOT NULL,
    at timestamptz NOT NULL, status smallint NOT NULL, latency_ms double precision NOT NULL);
CREATE INDEX IF NOT EXISTS samples_by_time ON paygate.samples (environment, at);
"""
_INSERT: LiteralString = (
    "INSERT INTO paygate.samples (environment, endpoint, at, status, latency_ms) VALUES (%s, %s, %s, %s, %s)"
)
# No upper end: samples from the future are counted by whoever judges the window.
_SELECT: LiteralString = """
SELECT endpoint, at, status, latency_ms FROM paygate.samples
 WHERE environment = %s AND endpoint = ANY(%s) AND at >= %s ORDER BY id LIMIT %s
"""
_SELECT_TABLE: LiteralString = (
    "SELECT endpoint, at, status, latency_ms FROM {} WHERE endpoint = ANY(%s) AND at >= %s ORDER BY at LIMIT %s"
)
# Two sessions that make the same schema at once can meet; the second then finds everything there.
_MET = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema, psycopg.errors.DuplicateTable)


class PostgresSamples:
    """The samples of one environment: a `SampleSource` and a `SampleSink`. Connects on first use.

    Args:
        dsn: a database whose role may make the schema `paygate`, or use it.
        environment: its name.
        samples_max: more than these in one window are a refusal.
    """

    kind = SourceKind.STORE
    torn = 0

    def __init__(self, dsn: Secret, environment: str, samples_max: int = SAMPLES_MAX) -> None:
        self._dsn, self._environment, self._samples_max = dsn, environment, samples_max
        self._connection: psycopg.Connection[Any] | None = None

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of these endpoints since the window's beginning, in the order in which they were kept.

        Raises:
            SamplesError: when the database is down, slow, or holds more than a window can.
        """
        del until
        asked = (self._environment, list(endpoints), since, self._samples_max + 1)
        try:
            with contextlib.closing(self._connect()) as connection:
                yield from _streamed(connection, psycopg.sql.SQL(_SELECT), asked, self._samples_max)
        except (psycopg.Error, OSError) as error:
            raise _unusable(error) from None

    def append(self, samples: Sequence[Sample]) -> None:
        """Keep some samples, in one transaction.

        Raises:
            SamplesError: when the database is down or refuses; nothing of them is kept then.
        """
        rows = [(self._environment, one.endpoint, one.at, one.status, one.latency_ms) for one in samples]
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(_INSERT, rows)
        except (psycopg.Error, OSError) as error:
            self.close()
            raise _unusable(error) from None

    def close(self) -> None:
        """Release the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        connection = _connected(self._dsn)
        try:
            _make_table(connection)
        except BaseException:
            connection.close()
            raise
        return connection


class TableSamples:
    """Samples that somebody else keeps in the target's own database: a `SampleSource`, read with its read-only role.

    Args:
        dsn: `env.NAME.database`, or None where the environment names none.
        table: a table or view with `endpoint`, `at`, `status` and `latency_ms`; `schema.table` where it has one.
        samples_max: more than these in one window are a refusal.
    """

    kind = SourceKind.DATABASE
    torn = 0

    def __init__(self, dsn: Secret | None, table: str, samples_max: int = SAMPLES_MAX) -> None:
        self._dsn, self._table, self._samples_max = dsn, table, samples_max

    def samples(self, endpoints: Sequence[str], since: datetime, until: datetime) -> Iterator[Sample]:
        """Every sample of these endpoints since the window's beginning, by its own time.

        Raises:
            SamplesError: when the database is not named, is down, slow, or holds more than a window can, or the table
                is not what it should be.
        """
        del until
        if self._dsn is None:
            raise _failed("a database of the environment, for samples in a table of it", "none")
        query = psycopg.sql.SQL(_SELECT_TABLE).format(psycopg.sql.Identifier(*self._table.split(".")))
        asked = (list(endpoints), since, self._samples_max + 1)
        try:
            with contextlib.closing(_connected(self._dsn)) as connection:
                connection.execute("SET default_transaction_read_only = on")
                yield from _streamed(connection, query, asked, self._samples_max)
        except (psycopg.Error, OSError) as error:
            raise _unusable(error, "the table of samples in the target's database") from None


def _connected(dsn: Secret) -> psycopg.Connection[Any]:
    return psycopg.connect(
        dsn.reveal(),
        autocommit=True,
        # A pooler in transaction mode keeps no prepared statements.
        prepare_threshold=None,
        connect_timeout=CONNECT_SECONDS,
        application_name="paygate watch",
        # The server stops a slow statement; a network that is gone is noticed by the kernel.
        options=f"-c statement_timeout={STATEMENT_MS}",
        tcp_user_timeout=STATEMENT_MS,
    )


def _streamed(
    connection: psycopg.Connection[Any],
    query: psycopg.sql.SQL | psycopg.sql.Composed,
    asked: tuple[object, ...],
    samples_max: int,
) -> Iterator[Sample]:
    """The rows of a query as samples, a block at a time."""
    with connection.transaction(), connection.cursor(name="paygate_samples") as cursor:
        cursor.itersize = _BLOCK_ROWS
        # All rows are read: without this the server may walk years of samples in the order of their ids.
        connection.execute("SET LOCAL cursor_tuple_fraction = 1.0")
        cursor.execute(query, asked)
        for count, (endpoint, at, status, latency_ms) in enumerate(cursor):
            if count >= samples_max:
                raise _failed(f"a window of at most {samples_max} samples", "more than that")
            if not isinstance(at, datetime) or at.tzinfo is None or type(status) is not int:
                raise _failed("times with their zone and whole statuses", "a table of another shape")
            yield Sample(str(endpoint), at, status, number(latency_ms))


def _make_table(connection: psycopg.Connection[Any]) -> None:
    """Make the table where it is missing; a role that may only use it is not asked to."""
    found = connection.execute("SELECT to_regclass('paygate.samples') IS NOT NULL").fetchone()
    if found is not None and found[0]:
        return
    try:
        connection.execute(_SCHEMA)
    except _MET:
        connection.execute(_SCHEMA)


def _unusable(error: Exception, expected: str = "the database behind [store] dsn") -> SamplesError:
    # The message of a driver may carry the DSN; its class and the server's code do not.
    code = getattr(error, "sqlstate", None)
    return _failed(expected, f"{type(error).__name__}{f' ({code})' if code else ''}")


def _failed(expected: str, observed: str) -> SamplesError:
    return SamplesError(
        Refusal(
            refused="the shared store of samples cannot be used",
            expected=expected,
            observed=observed,
            money=NOTHING_MOVED,
            next_step="Bring the database back, or correct [store] dsn.",
        )
    )
