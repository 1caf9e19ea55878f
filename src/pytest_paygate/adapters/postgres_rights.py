"""What a database role could do besides reading, asked of the server's own catalogue; nothing is tried out.

Owns the questions; every one is a SELECT of `ReadOnlyDatabase`. Temporary tables are no finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core.inert import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.ports import Database

_ROLE = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb AS superuser, pg_is_in_recovery() AS standby
FROM pg_roles WHERE rolname = current_user
"""
_TABLES = """
SELECT n.nspname || '.' || c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('information_schema', 'pg_catalog') AND n.nspname !~ '^pg_(toast|temp)'
  AND has_schema_privilege(n.oid, 'USAGE')
  AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
       OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')
       OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
ORDER BY 1 LIMIT 50
"""
_SCHEMAS = """
SELECT nspname AS name FROM pg_namespace
WHERE nspname NOT IN ('information_schema', 'pg_catalog') AND nspname !~ '^pg_(toast|temp)'
  AND has_schema_privilege(oid, 'CREATE')
ORDER BY 1 LIMIT 50
"""


async def rights(database: Database) -> tuple[bool, bool, Sequence[str], Sequence[str]]:
    """Ask what the role may do.

    Args:
        database: the target's, read only.

    Returns:
        Whether the role is a superuser or as good as one, whether the server is a standby, the tables it may write to
        and the schemas in which it may create, fifty of each at most.

    Raises:
        DatabaseError: when the database cannot be read.
    """
    (role,) = await database.rows(_ROLE)
    tables = [inert(str(row["name"])) for row in await database.rows(_TABLES)]
    schemas = [inert(str(row["name"])) for row in await database.rows(_SCHEMAS)]
    return bool(role["superuser"]), bool(role["standby"]), tables, schemas
