"""PAYGATE_SANDBOX_DSN: the sandbox in a server that is already there, which it leaves as it found it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pytest_paygate.sandbox.postgres import PostgresServer, PostgresUnavailableError

DATABASES = {
    "provider": "CREATE SCHEMA stripe; CREATE TABLE stripe.charges (id text)",
    "marketplace": "CREATE TABLE orders (id text); INSERT INTO orders VALUES ('ord_1')",
}
ROLES = (
    "CREATE ROLE plain LOGIN CREATEDB",
    "CREATE ROLE powerless LOGIN",
)


@pytest.fixture(scope="module")
def host_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of somebody's server: a real one, whose user may create databases and roles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        host = PostgresServer.start({"theirs": "CREATE TABLE precious (id int)"})
    with host:
        with psycopg.connect(host.dsn("theirs"), autocommit=True) as connection:
            for statement in ROLES:
                connection.execute(statement.encode())
            connection.execute("GRANT CONNECT ON DATABASE theirs TO PUBLIC")
        yield host.dsn("theirs")


@pytest.fixture(params=["paygate", "plain"])
def variable(request: pytest.FixtureRequest, host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The variable set, for a user who may create roles and for one who may only create databases."""
    dsn = make_conninfo(host_dsn, user=request.param, options="-c work_mem=5MB")
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", dsn)
    return str(request.param)


def inventory(dsn: str) -> set[str]:
    """The databases and roles of a server."""
    query = "SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles"
    with psycopg.connect(dsn) as connection:
        return {str(row[0]) for row in connection.execute(query.encode()).fetchall()}


def folders_of(dsn: str) -> list[Path]:
    """The folder of our own server at that address, known by its socket."""
    port = conninfo_to_dict(dsn)["port"]
    bases = (Path("/dev/shm"), Path(tempfile.gettempdir()))  # noqa: S108 - only looked at
    return [socket.parent for base in bases for socket in base.glob(f"paygate-pg-*/.s.PGSQL.{port}")]


def lets_in(dsn: str) -> bool:
    """Say whether the server accepts that role."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_databases_are_made_in_that_server_and_dropped(variable: str, host_dsn: str) -> None:
    """The DDL is in databases of our own there; after stop the server holds exactly what it held, clients or not."""
    before = inventory(host_dsn)
    server = PostgresServer.start(DATABASES)
    assert conninfo_to_dict(server.dsn("marketplace"))["user"] == variable
    client = psycopg.connect(server.dsn("marketplace"))
    assert client.execute("SELECT id, current_setting('work_mem') FROM orders").fetchone() == ("ord_1", "5MB")
    reading_client = psycopg.connect(server.read_only_dsn("marketplace"))
    made = inventory(host_dsn) - before
    assert {"provider", "marketplace"} <= {name.rsplit("_", 1)[-1] for name in made}
    server.stop()
    server.stop()
    client.close()
    reading_client.close()
    assert inventory(host_dsn) == before


def test_reading_there_is_only_reading(variable: str) -> None:
    """With a reading role of our own where one may be made, else with read-only transactions, writes are refused."""
    with (
        PostgresServer.start(DATABASES) as server,
        psycopg.connect(server.read_only_dsn("marketplace"), autocommit=True) as connection,
    ):
        assert connection.execute("SELECT id FROM orders").fetchone() == ("ord_1",)
        assert connection.info.user.startswith("paygate_read_") is (variable == "paygate")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM orders")


def test_the_reading_role_there_cannot_switch_back(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a role could be made, its privileges hold even with the read-only default off."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", host_dsn)
    with (
        PostgresServer.start(DATABASES) as server,
        psycopg.connect(server.read_only_dsn("marketplace"), autocommit=True) as connection,
    ):
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM orders")


def test_the_fallback_keeps_the_options_of_the_variable(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read-only transactions are added to the options already there, not put in their place."""
    dsn = make_conninfo(host_dsn, user="plain", options="-c work_mem=5MB")
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", dsn)
    with PostgresServer.start(DATABASES) as server:
        options = conninfo_to_dict(server.read_only_dsn("provider"))["options"]
    assert options == "-c work_mem=5MB -c default_transaction_read_only=on"


def test_a_server_whose_host_rules_refuse_new_roles(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that was made but is not let in stays unused: reading falls back to read-only transactions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
    with PostgresServer.start({"theirs": ""}) as host:
        dsn = host.dsn("theirs")
        (folder,) = folders_of(dsn)
        (folder / "hosts").write_text("local all all trust\nhost all paygate 127.0.0.1/32 trust\n")
        administrator = make_conninfo(dsn, host=str(folder), user="postgres", dbname="template1")
        with psycopg.connect(administrator, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        # New connections meet the old rules until the server has read the new ones.
        deadline = time.monotonic() + 10
        while lets_in(make_conninfo(dsn, user="paygate_read")):
            assert time.monotonic() < deadline, "the server did not read its host rules again"
        before = inventory(dsn)
        monkeypatch.setenv("PAYGATE_SANDBOX_DSN", dsn)
        with (
            PostgresServer.start(DATABASES) as server,
            psycopg.connect(server.read_only_dsn("marketplace"), autocommit=True) as connection,
        ):
            assert connection.info.user == "paygate"
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("DELETE FROM orders")
        assert inventory(dsn) == before


def test_two_sandboxes_share_one_server(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random names keep two runs apart; the end of one is not the end of the other."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", host_dsn)
    with PostgresServer.start(DATABASES) as first:
        with PostgresServer.start(DATABASES) as second:
            assert first.dsn("provider") != second.dsn("provider")
        with psycopg.connect(first.dsn("marketplace")) as connection:
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_a_long_database_name_is_cut_to_what_postgresql_keeps(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of any length work there, and two that share a long beginning stay two."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", host_dsn)
    names = ["d" * 70 + "1", "d" * 70 + "2"]
    with PostgresServer.start(dict.fromkeys(names, "CREATE TABLE a (id int)")) as server:
        made = [conninfo_to_dict(server.dsn(name))["dbname"] for name in names]
        assert len(set(made)) == 2
        assert [len(str(name)) for name in made] == [63, 63]
        with psycopg.connect(server.dsn(names[1])) as connection:
            assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)


def test_a_user_who_may_not_create_databases_is_refused(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal carries PostgreSQL's reason, and nothing was made."""
    before = inventory(host_dsn)
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", make_conninfo(host_dsn, user="powerless"))
    with pytest.raises(PostgresUnavailableError, match="permission denied to create database"):
        PostgresServer.start(DATABASES)
    assert inventory(host_dsn) == before


def test_a_mistake_in_the_ddl_there_drops_what_was_made(host_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed start leaves that server as it was."""
    before = inventory(host_dsn)
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", host_dsn)
    with pytest.raises(psycopg.errors.SyntaxError):
        PostgresServer.start({"good": "CREATE TABLE a (id int)", "bad": "CREATE TABEL a (id int)"})
    assert inventory(host_dsn) == before


def test_what_cannot_be_dropped_is_named(
    host_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """When that server is gone at the end, the text names the databases and the role that may still be in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
    with PostgresServer.start({"theirs": ""}) as host:
        monkeypatch.setenv("PAYGATE_SANDBOX_DSN", host.dsn("theirs"))
        server = PostgresServer.start(DATABASES)
        names = sorted(inventory(host.dsn("theirs")) - inventory(host_dsn) - {"theirs"})
    with pytest.raises(PostgresUnavailableError, match="could not clean up") as caught:
        server.stop()
    assert len(names) == 3
    assert all(name in str(caught.value) for name in names)
