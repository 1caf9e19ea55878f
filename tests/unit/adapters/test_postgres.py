"""Reading the target's database: one statement, read only, bounded, nothing of the DSN in any text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.postgres import ReadOnlyDatabase
from pytest_paygate.core.errors import DatabaseError
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.secret import Secret
from pytest_paygate.sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.asyncio(loop_scope="function")
DDL = """
CREATE TYPE mood AS ENUM ('paid', 'owed');
CREATE TABLE transfers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), amount_minor bigint NOT NULL, status mood,
                        note text, created_at timestamptz NOT NULL DEFAULT now());
INSERT INTO transfers (amount_minor, status, note) VALUES (450, 'paid', 'a note of the target'), (7, 'owed', '100%');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A real server with two rows."""
    with PostgresServer.start({"target": DDL}) as running:
        yield running


@pytest.fixture
def dsn(server) -> str:
    """The target's database as its owner, who could write."""
    return server.dsn("target")


@pytest.fixture
def build(journal):
    """Build a database on a DSN; the test closes it with `async with`."""

    class Closing(ReadOnlyDatabase):
        async def __aenter__(self) -> ReadOnlyDatabase:
            return self

        async def __aexit__(self, *_: object) -> None:
            await self.aclose()

    def make(dsn: str, **settings: object) -> Closing:
        return Closing(Secret(dsn), recorder=journal, clock=SystemClock(), **settings)

    return make


async def test_rows_are_mappings_and_the_query_is_journalled_by_allow_list(build, dsn, journal) -> None:
    """Values travel as parameters, rows come by name, and only allowed or declared columns reach the journal."""
    sql = "SELECT id, amount_minor, status, note, created_at FROM transfers\n WHERE amount_minor > %s"
    async with build(dsn, extra_fields={"note": FactKind.WORD}) as database:
        [row] = await database.rows(sql, (100,))
    assert (row["amount_minor"], row["status"], row["note"]) == (450, "paid", "a note of the target")
    with pytest.raises(TypeError):
        row["status"] = "x"
    [event] = journal.of("query")
    assert event.statement == "SELECT id, amount_minor, status, note, created_at FROM transfers WHERE amount_minor > %s"
    assert event.row_count == 1
    assert set(event.fields) == {f"0.{name}" for name in ("id", "amount_minor", "status", "note", "created_at")}


async def test_no_rows_is_an_answer_and_a_percent_sign_is_doubled(build, dsn, journal) -> None:
    """An empty result is recorded like any other."""
    async with build(dsn) as database:
        assert len(await database.rows("SELECT 1 AS n FROM transfers WHERE note LIKE '100%%'")) == 1
        assert await database.rows("SELECT 1 AS n FROM transfers WHERE false") == ()
    assert [event.row_count for event in journal.of("query")] == [1, 0]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM transfers",
        "WITH gone AS (DELETE FROM transfers RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM transfers",
        "COMMIT; DELETE FROM transfers",
        "SET TRANSACTION READ WRITE",
        "CREATE TABLE x (y int)",
        "SELECT nextval(pg_get_serial_sequence('t', 'id'))",
        "SELECT lo_create(0)",
    ],
)
async def test_nothing_writes_even_as_the_owner(build, dsn, journal, sql) -> None:
    """Writes, second statements and attempts to leave the read-only transaction are refused by the server."""
    async with build(dsn) as database:
        with pytest.raises(DatabaseError):
            await database.rows(sql)
        [row] = await database.rows("SELECT count(*) AS quantity FROM transfers")
    assert row["quantity"] == 2
    assert len(journal.of("query")) == 1


async def test_each_failure_has_its_own_words(build, dsn) -> None:
    """A write, a missing table, a missing column, a slow statement and broken SQL are told apart by SQLSTATE."""
    async with build(dsn, statement_timeout_ms=100) as database:
        for sql, observed in (
            ("DELETE FROM transfers", "25006"),
            ("SELECT * FROM nowhere", "42P01"),
            ("SELECT nothing FROM transfers", "42703"),
            ("SELECT pg_sleep(5)", "57014"),
            ("SELEC", "42601"),
        ):
            with pytest.raises(DatabaseError) as caught:
                await database.rows(sql)
            assert observed in caught.value.refusal.observed


async def test_more_rows_than_the_cap_is_refused(build, dsn, journal) -> None:
    """Exactly the cap is an answer; one more is a refusal, and the connection still works."""
    async with build(dsn, rows_max=10) as database:
        assert len(await database.rows("SELECT n FROM generate_series(1, 10) AS n")) == 10
        with pytest.raises(DatabaseError) as caught:
            await database.rows("SELECT 1 AS n FROM generate_series(1, 9000) a, generate_series(1, 9000) b")
        assert caught.value.refusal.observed == "more than 10"
        assert len(await database.rows("SELECT 1 AS n")) == 1
    assert len(journal.of("query")) == 2


async def test_a_role_without_rights_is_told_so(build, server, dsn) -> None:
    """A missing grant is told apart from everything else."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS hidden (n int)")
        owner.execute("REVOKE ALL ON hidden FROM paygate_read")
    async with build(server.read_only_dsn("target")) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.rows("SELECT * FROM hidden")
    assert "42501" in caught.value.refusal.observed


async def test_a_wrong_password_is_told_so_and_shown_nowhere(build, server, dsn) -> None:
    """A refused password is named as the cause; neither it nor the DSN stands in the text or the chain of causes."""
    folder = server._databases._scratch.folder
    port = psycopg.conninfo.conninfo_to_dict(dsn)["port"]
    access = folder / "hosts"
    before = access.read_text()
    with psycopg.connect(host=str(folder), port=port, user="postgres", dbname="target", autocommit=True) as superuser:
        try:
            access.write_text("host all paygate 127.0.0.1/32 scram-sha-256\n" + before)
            reloaded(superuser)
            wrong = psycopg.conninfo.make_conninfo(dsn, password="wrong-Password-7")
            async with build(wrong) as database:
                with pytest.raises(DatabaseError) as caught:
                    await database.rows("SELECT 1")
        finally:
            access.write_text(before)
            reloaded(superuser)
    assert caught.value.refusal.observed == "the password was refused"
    assert "wrong-Password-7" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def reloaded(superuser: psycopg.Connection) -> None:
    """Have the access file read again, and wait until the server has."""
    [before] = superuser.execute("SELECT pg_conf_load_time()").fetchone()
    superuser.execute("SELECT pg_reload_conf()")
    while superuser.execute("SELECT pg_conf_load_time()").fetchone() == (before,):
        pass


@pytest.mark.parametrize(
    ("dsn_text", "observed"),
    [
        ("postgresql://u:hunter2-Secret@127.0.0.1:1/x", "the server cannot be reached"),
        ("nonsense hunter2-Secret", "the DSN cannot be read"),
    ],
)
async def test_no_server_and_no_dsn_are_told_apart(build, dsn_text, observed) -> None:
    """Nobody listening and a DSN that cannot be parsed have their own words and show no secret."""
    async with build(dsn_text) as database:
        with pytest.raises(DatabaseError) as caught:
            await database.rows("SELECT 1")
    assert caught.value.refusal.observed == observed
    assert "hunter2" not in str(caught.value)


async def test_a_missing_database_is_told_so(build, dsn) -> None:
    """A wrong database name is refused; libpq hands no code on, so the text may only say it cannot be reached."""
    async with build(psycopg.conninfo.make_conninfo(dsn, dbname="elsewhere")) as database:
        with pytest.raises(DatabaseError):
            await database.rows("SELECT 1")


async def test_a_lost_connection_is_reported_once_and_made_again_for_the_next_query(build, dsn) -> None:
    """A read on a connection that has died is an error, not a silent repetition; the next read connects anew."""
    async with build(dsn) as database:
        [row] = await database.rows("SELECT pg_backend_pid() AS n")
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s, 2000)", (row["n"],))
        with pytest.raises(DatabaseError):
            await database.rows("SELECT 1")
        assert len(await database.rows("SELECT 1")) == 1
