"""What live runs share when several machines run them: lock, used approvals and exposures in one PostgreSQL.

Rules:
- one row for each environment is its lock, with a fence that only grows and a lease on the database's clock;
- taking, renewing and checking are one statement each, which either changes the row or does not;
- no session lock is used: those vanish silently behind a pooler, with a lost connection or on a failover;
- a connection that fails is a refusal; nothing is repeated.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from pytest_paygate.adapters.capacity_postgres import PostgresCapacity
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, StoreError
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord, Lease
from pytest_paygate.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_paygate.core.secret import Secret

CONNECT_SECONDS = 5
STATEMENT_MS = 5_000
_SCHEMA: LiteralString = """
CREATE SCHEMA IF NOT EXISTS paygate;
CREATE TABLE IF NOT EXISTS paygate.locks (
    environment text PRIMARY KEY, holder text NOT NULL, fence bigint NOT NULL, lease_until timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS paygate.approvals (
    nonce text PRIMARY KEY, environment text NOT NULL, gate_id text NOT NULL, commit_id text NOT NULL,
    run_id text NOT NULL, used_at timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS paygate.exposures (
    environment text NOT NULL, run_id text NOT NULL, gate_id text NOT NULL, trace_id text NOT NULL,
    amount text NOT NULL, opened_at timestamptz NOT NULL, settled_at timestamptz, PRIMARY KEY (environment, run_id));
"""
_TAKE: LiteralString = """
INSERT INTO paygate.locks AS held (environment, holder, fence, lease_until)
VALUES (%(environment)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (environment) DO UPDATE
   SET holder = excluded.holder, fence = held.fence + 1, lease_until = excluded.lease_until
 WHERE held.lease_until < clock_timestamp()
RETURNING fence
"""
_RENEW: LiteralString = """
UPDATE paygate.locks SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE environment = %(environment)s AND fence = %(fence)s AND lease_until > clock_timestamp()
RETURNING fence
"""
_HOLDS: LiteralString = """
SELECT fence FROM paygate.locks
 WHERE environment = %(environment)s AND fence = %(fence)s AND lease_until > clock_timestamp() FOR UPDATE
"""
_RELEASE: LiteralString = """
UPDATE paygate.locks SET lease_until = '-infinity' WHERE environment = %(environment)s AND fence = %(fence)s
"""
# Two sessions that make the same schema at once can meet; the second then finds everything there.
_MET = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema, psycopg.errors.DuplicateTable)


class PostgresStore:
    """The shared store. Implements `core.live_ports.LiveStore`.

    Args:
        dsn: a database whose role may make the schema `paygate`, or use it.
    """

    kind = "postgres"

    def __init__(self, dsn: Secret) -> None:
        self._dsn = dsn
        self.capacity = PostgresCapacity(dsn)
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._using = asyncio.Lock()

    async def take_lock(self, environment: str, holder: str, lease_seconds: float) -> Lease:
        """Take the lock if its lease has lapsed or was given back.

        Raises:
            StoreError: when somebody else holds it, or the database cannot be asked.
        """
        given = {"environment": environment, "holder": holder, "seconds": lease_seconds}
        rows = await self._rows(_TAKE, given)
        if not rows:
            held = await self._rows("SELECT holder FROM paygate.locks WHERE environment = %(environment)s", given)
            raise _held(environment, str(held[0]["holder"]) if held else "somebody who has just left")
        return Lease(environment, holder, int(rows[0]["fence"]), lease_seconds)

    async def renew(self, lease: Lease) -> bool:
        """Prolong the lease, unless it has lapsed or the lock was taken."""
        return bool(await self._rows(_RENEW, _of(lease)))

    async def holds(self, lease: Lease) -> bool:
        """Whether the lock is ours at this moment, by the database's clock."""
        return bool(await self._rows(_HOLDS, _of(lease)))

    async def release(self, lease: Lease) -> None:
        """Give the lock back, if it is still ours; its fence number stays used."""
        await self._rows(_RELEASE, _of(lease))

    async def consume(self, use: ApprovalUse) -> bool:
        """Use an approval up; False when it has been used before."""
        rows = await self._rows(
            "INSERT INTO paygate.approvals (nonce, environment, gate_id, commit_id, run_id, used_at)"
            " VALUES (%(nonce)s, %(environment)s, %(gate_id)s, %(commit)s, %(run_id)s, %(used_at)s)"
            " ON CONFLICT (nonce) DO NOTHING RETURNING nonce",
            {
                "nonce": use.nonce,
                "environment": use.environment,
                "gate_id": use.gate_id,
                "commit": use.commit,
                "run_id": use.run_id,
                "used_at": use.used_at,
            },
        )
        return bool(rows)

    async def uses(self, environment: str, gate_id: str, commit: str) -> Sequence[ApprovalUse]:
        """Every approval used so far for one gate at one commit, oldest first."""
        rows = await self._rows(
            "SELECT * FROM paygate.approvals WHERE environment = %(environment)s AND gate_id = %(gate_id)s"
            " AND commit_id = %(commit)s ORDER BY used_at",
            {"environment": environment, "gate_id": gate_id, "commit": commit},
        )
        return [
            ApprovalUse(
                row["nonce"], row["environment"], row["gate_id"], row["commit_id"], row["run_id"], row["used_at"]
            )
            for row in rows
        ]

    async def open_exposure(self, record: ExposureRecord) -> None:
        """Note that a run is about to expose money.

        Raises:
            StoreError: when it was noted before.
        """
        await self._rows(
            "INSERT INTO paygate.exposures (environment, run_id, gate_id, trace_id, amount, opened_at)"
            " VALUES (%(environment)s, %(run_id)s, %(gate_id)s, %(trace_id)s, %(amount)s, %(opened_at)s)",
            {
                "environment": record.environment,
                "run_id": record.run_id,
                "gate_id": record.gate_id,
                "trace_id": record.trace_id,
                "amount": str(record.amount),
                "opened_at": record.opened_at,
            },
        )

    async def settle_exposure(self, environment: str, run_id: str, at: datetime) -> None:
        """Note that nothing of the run is open any more; noting it again changes nothing."""
        await self._rows(
            "UPDATE paygate.exposures SET settled_at = %(at)s"
            " WHERE environment = %(environment)s AND run_id = %(run_id)s AND settled_at IS NULL",
            {"environment": environment, "run_id": run_id, "at": at},
        )

    async def exposures(self, environment: str) -> Sequence[ExposureRecord]:
        """Every exposure of an environment, oldest first."""
        rows = await self._rows(
            "SELECT * FROM paygate.exposures WHERE environment = %(environment)s ORDER BY opened_at",
            {"environment": environment},
        )
        return [
            ExposureRecord(
                run_id=row["run_id"],
                environment=environment,
                gate_id=row["gate_id"],
                trace_id=row["trace_id"],
                amount=Money.parse(row["amount"]),
                opened_at=row["opened_at"],
                settled_at=row["settled_at"],
            )
            for row in rows
        ]

    async def aclose(self) -> None:
        """Release the connection. A lock that was not given back lapses with its lease."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _rows(self, statement: LiteralString, values: dict[str, object]) -> list[dict[str, Any]]:
        """Run one statement in a transaction of its own."""
        async with self._using:
            try:
                connection = await self._connected()
                async with asyncio.timeout(CONNECT_SECONDS), connection.cursor() as cursor:
                    await cursor.execute(statement, values)
                    return await cursor.fetchall() if cursor.description else []
            except (psycopg.Error, OSError, TimeoutError) as error:
                await self._dropped()
                raise _unusable(error) from None

    async def _connected(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._dsn.reveal(),
                autocommit=True,
                row_factory=dict_row,
                # A pooler in transaction mode keeps no prepared statements.
                prepare_threshold=None,
                connect_timeout=CONNECT_SECONDS,
                options=f"-c statement_timeout={STATEMENT_MS}",
            )
            try:
                await self._connection.execute(_SCHEMA)
            except _MET:
                await self._connection.execute(_SCHEMA)
        return self._connection

    async def _dropped(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def _of(lease: Lease) -> dict[str, object]:
    return {"environment": lease.environment, "fence": lease.fence, "seconds": lease.seconds}


def _held(environment: str, holder: str) -> StoreError:
    return StoreError(
        Refusal(
            refused=f"environment {environment} is in use by another live run",
            expected="one live run for each environment at a time, on whatever machine",
            observed=f"the lock is held by {holder}",
            money=f"{NOTHING_MOVED} This process sent nothing.",
            next_step="Wait for it to end. A run that died gives its lock up when its lease lapses.",
        )
    )


def _unusable(error: Exception) -> StoreError:
    # The message of a driver may carry the DSN; its class and the server's code do not.
    code = getattr(error, "sqlstate", None)
    return StoreError(
        Refusal(
            refused="the shared store of live runs cannot be asked, so no money moves",
            expected="the database behind [store] dsn",
            observed=f"{type(error).__name__}{f' ({code})' if code else ''}",
            money=f"{NOTHING_MOVED} Whether another machine has something open is not known.",
            next_step="Bring the database back, or correct [store] dsn; `paygate orphans` needs neither.",
        )
    )
