"""The ways a database read can fail, each with its refusal.

Pure; keyed by SQLSTATE, which is the same in any language.
"""

from __future__ import annotations

from types import MappingProxyType

from pytest_paygate.core.errors import NOTHING_MOVED, DatabaseError, Refusal

_GRANT = "Give the role SELECT on the tables the gate reads, and nothing else."
_LOGIN = "Correct the reference to the DSN in paygate.toml, or the role's password."
_WORDS = MappingProxyType(
    {
        "dsn": ("the DSN cannot be read", "Write it as postgresql://user@host:port/database or as libpq keywords."),
        "connect_timeout": ("no connection within the time allowed", "Check host, port and network of the DSN."),
        "28P01": ("the password was refused", _LOGIN),
        "28000": ("the login was refused", _LOGIN),
        "3D000": ("there is no such database", "Correct the database name in the DSN."),
        "42501": ("the role may not read this (42501)", _GRANT),
        "25006": ("the statement would write (25006)", "Use a SELECT: a gate only reads the target's database."),
        "57014": ("the statement took too long and was cancelled (57014)", "Add an index or narrow the query."),
        "42P01": ("a table of the statement does not exist (42P01)", "Compare the query with the target's schema."),
        "42703": ("a column of the statement does not exist (42703)", "Compare the query with the target's schema."),
        "53300": ("the server has no connection left (53300)", "Free connections, or give the gate's role its own."),
    }
)
_UNREACHABLE = (
    "the server cannot be reached",
    "Check that the database runs and that the DSN's host and port are right.",
)


def database_error(reason: str | None, *, lost: bool = False, rows_max: int = 0) -> DatabaseError:
    """Build the refusal of a failed read.

    Args:
        reason: a SQLSTATE, one of this module's own words, or None when nothing is known.
        lost: there is no connection (any more).
        rows_max: the cap, for the reason `rows`.
    """
    expected = "a connection and one read-only statement within its timeout"
    if reason == "rows":
        expected = f"at most {rows_max} rows"
        observed, next_step = f"more than {rows_max}", "Narrow the query, or let the database aggregate."
    elif reason is not None and reason in _WORDS:
        observed, next_step = _WORDS[reason]
    elif lost:
        observed, next_step = _UNREACHABLE
    else:
        observed = "the statement failed" + (f" ({reason})" if reason else "")
        next_step = "Run the statement by hand with the same role; its error code is above."
    return DatabaseError(
        Refusal(
            refused="The target's database could not be read",
            expected=expected,
            observed=observed,
            money=NOTHING_MOVED,
            next_step=next_step,
        )
    )
