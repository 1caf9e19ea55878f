"""Puts a database's tables in place and lets one role read them, the same way in our own server and in somebody else's.

It is given open connections and makes none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

_SCHEMAS = "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
# SELECT only. The read-only default also stops what no privilege covers, such as large objects.
_ROLE = "ALTER ROLE {role} SET default_transaction_read_only = on"
_DATABASE = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {role}",
)
_SCHEMA = (
    "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
)
STATEMENTS = (_ROLE, *_DATABASE, *_SCHEMA)


def apply_ddl(connection: psycopg.Connection, database: str, ddl: str) -> None:
    """Run one database's DDL, all of it or nothing.

    Raises:
        psycopg.Error: the DDL is wrong; a note names the database.
    """
    try:
        with connection.transaction():
            connection.execute(ddl.encode())
    except Exception as error:
        error.add_note(f"while making the tables of the sandbox database {database!r}")
        raise


def restrict_to_reading(connection: psycopg.Connection, role: str) -> None:
    """Give a fresh login role its read-only default. The connection is that of the role's creator.

    Raises:
        psycopg.Error: this user may not change that role.
    """
    connection.execute(sql.SQL(_ROLE).format(role=sql.Identifier(role)))


def grant_reading(connection: psycopg.Connection, role: str) -> None:
    """Let `role` read every table there is or will be in the connection's database, and do nothing else there.

    Raises:
        psycopg.Error: this user may not grant that.
    """
    names = {"role": sql.Identifier(role), "database": sql.Identifier(connection.info.dbname)}
    for statement in _DATABASE:
        connection.execute(sql.SQL(statement).format(**names))
    for (schema,) in connection.execute(_SCHEMAS).fetchall():
        for statement in _SCHEMA:
            connection.execute(sql.SQL(statement).format(**names, schema=sql.Identifier(schema)))
