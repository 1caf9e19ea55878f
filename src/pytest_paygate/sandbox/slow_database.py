"""A database that answers late: a table is held for a moment, and every reader waits for it.

Owns the lock; whoever wants a slow database says which table, for how long, and when.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

SECONDS_DEFAULT = 0.4


class SlowDatabase:
    """One database whose tables can be held.

    Args:
        pool: connections that own the tables.
    """

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._releasing: set[asyncio.Task[None]] = set()

    async def hold(self, table: str, seconds: float) -> None:
        """Return once the table is held; it is let go `seconds` later."""
        connection = await self._pool.getconn()
        await connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
        task = asyncio.create_task(self._release(connection, seconds))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, connection: AsyncConnection, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            await connection.rollback()
            await self._pool.putconn(connection)
