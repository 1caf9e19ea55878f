"""The sandbox's own PostgreSQL: what it holds, who may do what in it, and that nothing stays after it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pytest_paygate.sandbox.postgres import PostgresServer

DATABASES = {
    "provider": "CREATE SCHEMA stripe; CREATE TABLE stripe.charges (id text PRIMARY KEY, amount_minor bigint);",
    "marketplace": (
        "CREATE TABLE orders (id text PRIMARY KEY, status text NOT NULL);\n"
        "INSERT INTO orders VALUES ('ord_1', 'completed');\n"
        "CREATE FUNCTION always() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 100 % 7; END $$;"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep these tests out of the user's own cache, and off a server the environment may name."""
    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
        yield home


@pytest.fixture(scope="module")
def server(cache_home: Path) -> Iterator[PostgresServer]:
    """One running server for the tests that only look."""
    assert cache_home.is_dir()
    with PostgresServer.start(DATABASES) as started:
        yield started


@pytest.fixture
def temp_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A system temp folder of this test's own, open to everybody as `/tmp` is, with a name that needs quoting."""
    folder = Path(tempfile.mkdtemp(prefix='a "b" ', dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def value(dsn: str, query: str) -> object:
    """The first value of the first row."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def port_of(server: PostgresServer) -> int:
    """The TCP port a server listens on."""
    return int(psycopg.conninfo.conninfo_to_dict(server.dsn("marketplace"))["port"])


def accepts(port: int) -> bool:
    """Say whether anything listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_each_database_holds_what_its_ddl_made(server: PostgresServer) -> None:
    """The DDL of every database is in place, several statements, data, functions and percent signs included."""
    assert value(server.dsn("marketplace"), "SELECT status FROM orders") == "completed"
    assert value(server.dsn("marketplace"), "SELECT always()") == 2
    assert value(server.dsn("provider"), "SELECT count(*) FROM stripe.charges") == 0


def test_the_server_is_a_current_postgresql_on_tcp_loopback(server: PostgresServer) -> None:
    """Any tool can connect: the DSN names 127.0.0.1 and the server is PostgreSQL 18 or newer, in UTF-8 and UTC."""
    assert "127.0.0.1" in server.dsn("provider")
    with psycopg.connect(server.dsn("provider")) as connection:
        assert connection.info.server_version >= 180000
        assert connection.info.parameter_status("server_encoding") == "UTF8"
        assert connection.info.parameter_status("TimeZone") == "UTC"


def test_a_pgsslmode_for_another_server_does_no_harm(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DSN says itself that there is no TLS, so that the user's own PGSSLMODE cannot break the sandbox."""
    monkeypatch.setenv("PGSSLMODE", "require")
    assert value(server.dsn("provider"), "SELECT 1") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO orders VALUES ('ord_2', 'pending')",
        "UPDATE orders SET status = 'refunded'",
        "DELETE FROM orders",
        "TRUNCATE orders",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "DROP TABLE orders",
    ],
)
def test_the_reading_role_cannot_write(server: PostgresServer, statement: str) -> None:
    """Privileges refuse every write, even after the session has switched its read-only default off."""
    with psycopg.connect(server.read_only_dsn("marketplace"), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_the_reading_role_starts_read_only(server: PostgresServer) -> None:
    """What no privilege covers, such as a large object, is stopped by the role's read-only default."""
    with (
        psycopg.connect(server.read_only_dsn("marketplace"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("SELECT lo_create(0)")


def test_the_reading_role_sees_every_table(server: PostgresServer) -> None:
    """It reads every schema, and tables made after the start too."""
    assert value(server.read_only_dsn("marketplace"), "SELECT count(*) FROM orders") == 1
    assert value(server.read_only_dsn("provider"), "SELECT count(*) FROM stripe.charges") == 0
    with psycopg.connect(server.dsn("provider")) as connection:
        connection.execute("CREATE TABLE stripe.refunds (id text)")
    assert value(server.read_only_dsn("provider"), "SELECT count(*) FROM stripe.refunds") == 0


def test_nobody_on_loopback_is_superuser(server: PostgresServer) -> None:
    """Another user of this machine may reach the port, so no role that runs programs can log in there."""
    assert value(server.dsn("provider"), "SELECT current_setting('is_superuser')") == "off"
    dsn = psycopg.conninfo.make_conninfo(server.dsn("provider"), user="postgres")
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        psycopg.connect(dsn)


def test_an_unknown_database_is_named_with_the_known_ones(server: PostgresServer) -> None:
    """Asking for a database that was not started is the caller's mistake, and the text says which there are."""
    with pytest.raises(ValueError, match="no database 'ledger'; it was started with: marketplace, provider"):
        server.dsn("ledger")
    with pytest.raises(ValueError, match="no database 'ledger'"):
        server.read_only_dsn("ledger")


def test_cold_and_warm_start_hold_the_same(cache_home: Path) -> None:
    """The first start fills the cache with one cluster; the second uses it and leaves it as it is."""
    databases = {"cold": "CREATE TABLE a (id int)"}
    before = set(cache_home.rglob("*.cluster"))
    with PostgresServer.start(databases) as server:
        assert value(server.dsn("cold"), "SELECT count(*) FROM a") == 0
    (made,) = set(cache_home.rglob("*.cluster")) - before
    identity = made.stat().st_ino
    with PostgresServer.start(databases) as server:
        assert value(server.dsn("cold"), "SELECT count(*) FROM a") == 0
    assert made.stat().st_ino == identity


def test_other_ddl_is_another_cluster() -> None:
    """A changed DDL is never served from the cluster of the old one."""
    for ddl, expected in (("CREATE VIEW v AS SELECT 1", 1), ("CREATE VIEW v AS SELECT 2", 2)):
        with PostgresServer.start({"d": ddl}) as server:
            assert value(server.dsn("d"), "TABLE v") == expected


def test_a_mistake_in_the_ddl_names_the_database(cache_home: Path, temp_folder: Path) -> None:
    """Wrong DDL is PostgreSQL's own error with the database named; nothing is cached and nothing stays."""
    before = set(cache_home.rglob("*.cluster"))
    with pytest.raises(psycopg.errors.SyntaxError) as caught:
        PostgresServer.start({"wallet": "CREATE TABEL a (id int)"})
    assert caught.value.__notes__ == ["while making the tables of the sandbox database 'wallet'"]
    assert set(cache_home.rglob("*.cluster")) == before
    assert list(temp_folder.iterdir()) == []


def test_two_servers_live_side_by_side() -> None:
    """Each has its own port and data; stopping one leaves the other."""
    with PostgresServer.start(DATABASES) as first:
        with PostgresServer.start(DATABASES) as second:
            with psycopg.connect(second.dsn("marketplace")) as connection:
                connection.execute("DELETE FROM orders")
            assert value(first.dsn("marketplace"), "SELECT count(*) FROM orders") == 1
        assert value(first.dsn("marketplace"), "SELECT count(*) FROM orders") == 1


def test_stop_leaves_nothing_and_may_be_repeated(temp_folder: Path) -> None:
    """After stop there is no file, no port; with clients connected and in a folder whose name needs quoting."""
    server = PostgresServer.start(DATABASES)
    port = port_of(server)
    client = psycopg.connect(server.dsn("marketplace"))
    assert len(list(temp_folder.iterdir())) == 1
    server.stop()
    server.stop()
    client.close()
    assert list(temp_folder.iterdir()) == []
    assert not accepts(port)


def test_a_server_started_in_a_thread_outlives_the_thread() -> None:
    """Start and stop may come from any thread, and from different ones."""
    started: list[PostgresServer] = []
    thread = threading.Thread(target=lambda: started.append(PostgresServer.start(DATABASES)))
    thread.start()
    thread.join()
    (server,) = started
    assert value(server.dsn("provider"), "SELECT 1") == 1
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    stopper.join()
    assert not accepts(port_of(server))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_cannot_stop_its_parents_server(server: PostgresServer) -> None:
    """A child made by fork carries the object, but the server is its parent's."""
    child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert value(server.dsn("provider"), "SELECT 1") == 1


@pytest.mark.parametrize("name", ["d" * 110, "a,b"])
def test_a_temp_folder_that_cannot_hold_a_socket_is_passed_over(
    temp_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A socket's path has about a hundred bytes, and clients split it at commas; then the server uses /tmp instead."""
    unfit = temp_folder / name
    unfit.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(unfit))
    monkeypatch.setenv("TMPDIR", str(unfit))
    with PostgresServer.start(DATABASES) as server:
        assert value(server.dsn("provider"), "SELECT 1") == 1
        assert list(unfit.iterdir()) == []


def test_without_any_cache_a_server_still_starts(monkeypatch: pytest.MonkeyPatch, temp_folder: Path) -> None:
    """Neither cache nor fallback can be written: the start is slower, not refused."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    (temp_folder / f"pytest-paygate-uid-{os.geteuid()}").write_text("in the way")
    with PostgresServer.start({"d": "CREATE TABLE a (id int)"}) as server:
        assert value(server.dsn("d"), "SELECT count(*) FROM a") == 0
