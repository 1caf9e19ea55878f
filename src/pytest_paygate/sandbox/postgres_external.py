"""Uses a PostgreSQL server that is already there, named by PAYGATE_SANDBOX_DSN, instead of starting one.

Rules:
- It creates databases and one role under random names, and on stop drops exactly those. Nothing else is touched.
- The connection string may hold a password: no message repeats it.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import psycopg
from psycopg import conninfo, sql

from pytest_paygate.sandbox import postgres_errors, postgres_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_SECONDS_MAX = 10
_IDENTIFIER_BYTES_MAX = 63
_READ_ONLY_OPTION = "-c default_transaction_read_only=on"


def _identifier(text: str) -> str:
    """Cut to what PostgreSQL keeps of a name."""
    return text.encode()[:_IDENTIFIER_BYTES_MAX].decode(errors="ignore")


class ExternalPostgres:
    """Our databases inside somebody else's server."""

    def __init__(self, dsn: str, databases: Mapping[str, str]) -> None:
        """Create the databases and, where allowed, a role that can only read them.

        Raises:
            PostgresUnavailableError: the string cannot be read, or the server refuses us or our databases.
            psycopg.Error: a database's DDL is wrong.
        """
        try:
            self._parameters = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            raise postgres_errors.dsn_unreadable() from None
        self._token = secrets.token_hex(5)
        self._names: dict[str, str] = {}
        self._reader: str | None = None
        # A server whose host rules list its roles by name lets no new one in; then ours stays unused until the stop.
        self._reader_works = True
        self._reader_password = secrets.token_urlsafe(18)
        try:
            self._create(databases)
        except BaseException:
            with contextlib.suppress(postgres_errors.PostgresUnavailableError):
                self.stop()
            raise

    def dsn(self, database: str) -> str:
        """The given connection string, with our database of that name."""
        return self._with(dbname=self._names[database])

    def read_only_dsn(self, database: str) -> str:
        """As the reading role, or, where none could be created, as ourselves with read-only transactions by default."""
        if self._reader and self._reader_works:
            return self._with(dbname=self._names[database], user=self._reader, password=self._reader_password)
        options = f"{self._parameters.get('options') or ''} {_READ_ONLY_OPTION}".strip()
        return self._with(dbname=self._names[database], options=options)

    def stop(self) -> None:
        """Drop what was created.

        Raises:
            PostgresUnavailableError: something could not be dropped; the text names it.
        """
        left = [*self._names.values(), *([self._reader] if self._reader else [])]
        if not left:
            return
        try:
            with self._connect() as connection:
                for name, created in list(self._names.items()):
                    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                    connection.execute(drop.format(sql.Identifier(created)))
                    left.remove(self._names.pop(name))
                if self._reader:
                    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(self._reader)))
                    self._reader = None
        except psycopg.Error as error:
            raise postgres_errors.left_behind(self._address(), left, str(error)) from error

    def _create(self, databases: Mapping[str, str]) -> None:
        try:
            with self._connect() as connection:
                self._create_reader(connection)
                for number, name in enumerate(databases):
                    created = _identifier(f"paygate_{self._token}_{number}_{name}")
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(created)))
                    self._names[name] = created
        except psycopg.Error as error:
            raise postgres_errors.dsn_unreachable(self._address(), str(error)) from error
        for name, ddl in databases.items():
            with psycopg.connect(self.dsn(name), autocommit=True) as connection:
                postgres_schema.apply_ddl(connection, name, ddl)
                if self._reader:
                    postgres_schema.grant_reading(connection, self._reader)
        if self._reader and databases:
            self._reader_works = self._reader_gets_in(next(iter(databases)))

    def _create_reader(self, connection: psycopg.Connection) -> None:
        role = f"paygate_read_{self._token}"
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(self._reader_password)
        )
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return
        self._reader = role
        postgres_schema.restrict_to_reading(connection, role)
        # Making a role does not give us its privileges, and dropping a database under its sessions takes those.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))

    def _reader_gets_in(self, database: str) -> bool:
        try:
            psycopg.connect(self.read_only_dsn(database), connect_timeout=_CONNECT_SECONDS_MAX).close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._with(), autocommit=True)

    def _with(self, **changes: str) -> str:
        merged = {"connect_timeout": _CONNECT_SECONDS_MAX, **self._parameters, **changes}
        return conninfo.make_conninfo("", **{key: value for key, value in merged.items() if value is not None})

    def _address(self) -> str:
        host = self._parameters.get("host") or self._parameters.get("hostaddr") or "default host"
        return f"{host}:{self._parameters.get('port') or 5432}"
