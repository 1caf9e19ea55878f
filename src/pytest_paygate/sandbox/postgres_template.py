"""Makes the cluster that is kept in the cache: initdb, two roles, the databases with their tables, a clean stop.

The result has no `template0` and no `postgres` database: each is three hundred files that every start would copy.
"""

from __future__ import annotations

import hashlib
import json
import platform
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pytest_paygate.sandbox import postgres_errors, postgres_schema
from pytest_paygate.sandbox.postgres_cache import pack
from pytest_paygate.sandbox.postgres_process import SERVER_OPTIONS, SUPERUSER, Scratch, Supervised, launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_paygate.sandbox.postgres_binaries import Account, Binaries

OWNER = "paygate"
READER = "paygate_read"

_INITDB_SECONDS_MAX = 120.0
_INITDB_OPTIONS = (
    *("--username", SUPERUSER, "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
    *("--builtin-locale=C.UTF-8", "--auth=trust", "--wal-segsize=1", "--no-sync", "--no-instructions"),
    *("--no-data-checksums", "-c", "dynamic_shared_memory_type=mmap", "-c", "min_wal_size=2MB"),
)
# Neither role is a superuser: anybody on loopback may log in as them, and only a superuser can run programs.
_ROLES = (
    "CREATE ROLE {owner} LOGIN CREATEDB CREATEROLE",
    "CREATE ROLE {reader} LOGIN",
)
_NEW_DATABASE = "CREATE DATABASE {database} OWNER {owner} STRATEGY file_copy"
_SLIMMING = (
    "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'template0'",
    "DROP DATABASE template0",
    "DROP DATABASE postgres",
)


def template_key(binaries: Binaries, databases: Mapping[str, str]) -> str:
    """A file name for the cluster these binaries, settings and databases give; any difference changes it."""
    described = {
        "options": [SERVER_OPTIONS, _INITDB_OPTIONS],
        "statements": [_ROLES, _NEW_DATABASE, _SLIMMING, postgres_schema.STATEMENTS],
        "databases": {name: hashlib.sha256(ddl.encode()).hexdigest() for name, ddl in databases.items()},
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
    return f"postgres-{binaries.version}-{platform.machine()}-{digest[:32]}"


def build_template(binaries: Binaries, account: Account | None, databases: Mapping[str, str]) -> bytes:
    """Make a cluster with these databases and return it packed; takes about a second.

    Raises:
        PostgresUnavailableError: initdb or the server failed.
        psycopg.Error: a database's DDL is wrong.
    """
    with Scratch(account) as scratch:
        scratch.open_to_server()
        _initdb(binaries, scratch, account)
        server, port = launch(binaries, scratch, account)
        try:
            _fill(scratch.folder, port, databases)
        finally:
            status = server.stop()
        if status:
            reason = f"it did not stop cleanly ({status}).\n{server.log_tail()}"
            raise postgres_errors.cannot_start(reason)
        return pack(scratch.folder / "data")


def _initdb(binaries: Binaries, scratch: Scratch, account: Account | None) -> None:
    command = [str(binaries.initdb), "-D", str(scratch.folder / "data"), *_INITDB_OPTIONS]
    run = Supervised(command, scratch, account)
    try:
        ended = run.wait_ended(_INITDB_SECONDS_MAX)
    finally:
        status = run.stop()
    if status or not ended:
        reason = f"initdb failed ({status}).\n{run.log_tail()}"
        raise postgres_errors.cannot_start(reason)


def _fill(folder: Path, port: int, databases: Mapping[str, str]) -> None:
    def connect(database: str, user: str) -> psycopg.Connection:
        return psycopg.connect(host=str(folder), port=port, dbname=database, user=user, autocommit=True)

    roles = {"owner": sql.Identifier(OWNER), "reader": sql.Identifier(READER)}
    with connect("template1", SUPERUSER) as connection:
        for statement in _ROLES:
            connection.execute(sql.SQL(statement).format(**roles))
        postgres_schema.restrict_to_reading(connection, READER)
        for name in databases:
            connection.execute(sql.SQL(_NEW_DATABASE).format(database=sql.Identifier(name), **roles))
        for slimming in _SLIMMING:
            connection.execute(slimming)
    for name, ddl in databases.items():
        with connect(name, OWNER) as connection:
            postgres_schema.apply_ddl(connection, name, ddl)
            postgres_schema.grant_reading(connection, READER)
