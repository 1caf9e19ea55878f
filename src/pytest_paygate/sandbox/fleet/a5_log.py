"""A5's structured log: one row and one JSON object for each entry, read by trace id.

Takes named fields only, so no request body, token or card detail can reach it by accident. The table is the log; the
file, where one is asked for, is a copy of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

    from pytest_paygate.sandbox.clock import Clock

ENTRIES_MAX = 1_000


class A5Log:
    """The log of one A5.

    Args:
        pool: the fleet's database.
        clock: stamps the entries.
        file: also appended to, or None.
    """

    def __init__(self, pool: AsyncConnectionPool, clock: Clock, file: Path | None) -> None:
        self._pool = pool
        self._clock = clock
        self._file = file

    async def write(
        self,
        event: str,
        trace_id: str,
        *,
        level: str = "info",
        at: datetime | None = None,
        **fields: str | int | None,
    ) -> None:
        """Append one entry.

        Args:
            event: what happened.
            trace_id: whose request caused it.
            level: info, warning or error.
            at: when it happened (aware, UTC); now when left out.
            fields: ids and integer amounts.
        """
        moment = at or self._clock.now_utc()
        async with self._pool.connection() as connection:
            await connection.execute(
                "INSERT INTO a5_log (at, level, event, trace_id, fields) VALUES (%s, %s, %s, %s, %s)",
                (moment, level, event, trace_id, Jsonb(fields)),
            )
        if self._file is not None:
            _append(self._file, _line(moment, level, event, trace_id, fields))

    async def lines(self, trace_id: str | None) -> str:
        """The newest entries as JSON Lines, oldest first, of one trace or of all."""
        query = "SELECT at, level, event, trace_id, fields FROM a5_log"
        where, values = ("", []) if trace_id is None else (" WHERE trace_id = %s", [trace_id])
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"{query}{where} ORDER BY seq DESC LIMIT %s".encode(), [*values, ENTRIES_MAX]
            )
            rows = await cursor.fetchall()
        return "".join(_line(*row) for row in reversed(rows))


def _line(at: datetime, level: str, event: str, trace_id: str, fields: dict[str, str | int | None]) -> str:
    stamp = at.isoformat(timespec="milliseconds")
    return json.dumps({"at": stamp, "level": level, "event": event, "trace_id": trace_id, **fields}) + "\n"


def _append(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as opened:
        opened.write(line)
