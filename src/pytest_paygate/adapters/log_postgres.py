"""An application log in a table of a PostgreSQL database, read through the read-only database adapter.

Owns the one statement. Table and columns come from the settings, which allow plain identifiers only; they are quoted
all the same, and the trace id travels as a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters.logs import ENTRIES_MAX, entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.adapters.logs import LogEntry
    from pytest_paygate.core.log_settings import LogFields
    from pytest_paygate.core.ports import Database


class PostgresLog:
    """A log in a table with a column each for event, time (`timestamptz`) and trace id.

    Args:
        database: connects read-only; its row cap and timeouts bound a look.
        table: name of the table or view, with its schema if need be, such as `audit.a5_log`.
        names: the columns.
    """

    def __init__(self, database: Database, table: str, names: LogFields) -> None:
        self._database = database
        self._names = names
        event, at, trace_id = (_quoted(name) for name in (names.event, names.at, names.trace_id))
        self._statement = (
            f"SELECT {event}, {at}, {trace_id} FROM {'.'.join(_quoted(part) for part in table.split('.'))}"  # noqa: S608 - quoted identifiers of the settings
            f" WHERE {trace_id} = %s ORDER BY {at} LIMIT {ENTRIES_MAX + 1}"
        )

    async def read(self, trace_id: str) -> Sequence[LogEntry]:
        """Everything the table holds of a trace.

        Raises:
            DatabaseError: unreachable, refused, too slow, no such table or column, or more rows than the cap.
        """
        return [entry_of(row, self._names) for row in await self._database.rows(self._statement, [trace_id])]

    async def aclose(self) -> None:
        """Release the connection."""
        await self._database.aclose()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
