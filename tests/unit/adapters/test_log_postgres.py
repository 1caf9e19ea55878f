"""A log in a table of a real PostgreSQL: one parameterised SELECT by a role that may only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.adapters import logs
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.log_postgres import PostgresLog
from pytest_paygate.adapters.logs import LogEntry, WatchedLog
from pytest_paygate.adapters.postgres import ReadOnlyDatabase
from pytest_paygate.core.errors import DatabaseError, TargetError
from pytest_paygate.core.log_settings import LogFields
from pytest_paygate.core.secret import Secret
from pytest_paygate.sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.asyncio(loop_scope="function")
TRACE = "MICRO-1795262400-abc123"
OTHER = "MICRO-1795262400-ffffff"
NAMES = LogFields()
DDL = f"""
CREATE TABLE a5_log (event text, at timestamptz, trace_id text, note text);
INSERT INTO a5_log VALUES ('paid', '2026-11-21 13:00:01+01', '{TRACE}', 'sk_live_Abcdef123456'),
    ('created', '2026-11-21 12:00:00+00', '{TRACE}', NULL), ('paid', now(), '{OTHER}', NULL),
    (E'<b>\\n', NULL, '{TRACE}', NULL);
CREATE SCHEMA audit;
CREATE VIEW audit."Log" AS SELECT event AS what, at::timestamp AS "when", trace_id AS "Trace" FROM a5_log;
CREATE TABLE flood AS SELECT 'x' || n AS event, now() AS at, '{TRACE}' AS trace_id
    FROM generate_series(1, {logs.ENTRIES_MAX + 1}) AS n;
CREATE VIEW slow AS SELECT event, at, trace_id FROM a5_log, pg_sleep(30);
"""  # noqa: S608 - constants of this file


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A real server with a log."""
    with PostgresServer.start({"target": DDL}) as running:
        yield running


@pytest.fixture
def read(server, journal):
    """Read one table for a trace."""

    async def entries(table="a5_log", names=NAMES, trace_id=TRACE, dsn=None, **settings):
        database = ReadOnlyDatabase(
            Secret(dsn or server.dsn("target")),
            recorder=journal,
            clock=SystemClock(),
            rows_max=logs.ENTRIES_MAX,
            **settings,
        )
        log = WatchedLog(PostgresLog(database, table, names), journal, 10.0)
        try:
            return await log.entries(trace_id)
        finally:
            await log.aclose()

    return entries


async def test_entries_of_the_trace_only(read, journal) -> None:
    """Rows come oldest first, typed, in UTC; a hostile event and no time leave empty fields; nothing else comes over."""
    assert await read() == [
        LogEntry("", "", TRACE),
        LogEntry("created", "2026-11-21T12:00:00+00:00", TRACE),
        LogEntry("paid", "2026-11-21T12:00:01+00:00", TRACE),
    ]
    [query] = journal.of("query")
    assert TRACE not in query.statement
    assert "sk_live" not in str(journal.events)


async def test_a_trace_id_is_a_parameter(read) -> None:
    """A trace id made to break out of the statement finds nothing."""
    assert await read(trace_id="' OR true --") == []


async def test_another_schema_and_other_names(read) -> None:
    """Table and columns may be called anything plain; a time without its zone is not read."""
    found = await read("audit.Log", LogFields("what", "when", "Trace"))
    assert {entry.event for entry in found} == {"", "created", "paid"}
    assert {entry.at for entry in found} == {""}


async def test_a_flood_is_refused(read) -> None:
    """More rows than the cap are refused: half a log is no log."""
    with pytest.raises(DatabaseError) as refused:
        await read("flood")
    assert refused.value.refusal.observed == f"more than {logs.ENTRIES_MAX}"


async def test_a_slow_database_is_refused(read) -> None:
    """The server cancels a look that takes too long."""
    with pytest.raises((DatabaseError, TargetError)) as refused:
        await read("slow", statement_timeout_ms=200)
    assert "57014" in refused.value.refusal.observed


async def test_a_database_that_is_down_is_refused(read) -> None:
    """Nobody listens: a refusal, not an empty log."""
    with pytest.raises(DatabaseError) as refused:
        await read(dsn="postgresql://nobody@127.0.0.1:9/target")
    assert refused.value.refusal.observed == "the server cannot be reached"


async def test_no_such_table_is_refused(read) -> None:
    """A table that is not there is a refusal that says so."""
    with pytest.raises(DatabaseError) as refused:
        await read("a6_log")
    assert "42P01" in refused.value.refusal.observed


async def test_a_log_is_never_written(server, read) -> None:
    """Looking leaves the table as it was, also when the role could write."""
    await read()
    with psycopg.connect(server.dsn("target")) as connection:
        [count] = connection.execute("SELECT count(*) FROM a5_log").fetchone()
    assert count == 4
