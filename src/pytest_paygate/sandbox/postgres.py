"""The sandbox's PostgreSQL: a real server of our own for one run, or databases in one that is already there.

Owns the choice between the two and the life of the first. How a server is found, kept, made and watched stands in
`postgres_binaries`, `postgres_cache`, `postgres_template` and `postgres_process`; the second in `postgres_external`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import quote

from pytest_paygate.sandbox import postgres_cache, postgres_errors
from pytest_paygate.sandbox.postgres_binaries import Account, find_binaries, reachable_binaries
from pytest_paygate.sandbox.postgres_errors import DSN_VARIABLE, PostgresUnavailableError
from pytest_paygate.sandbox.postgres_external import ExternalPostgres
from pytest_paygate.sandbox.postgres_process import Scratch, launch
from pytest_paygate.sandbox.postgres_template import OWNER, READER, build_template, template_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["PostgresServer", "PostgresUnavailableError"]


class _Databases(Protocol):
    """What either kind of server offers."""

    def dsn(self, database: str) -> str: ...
    def read_only_dsn(self, database: str) -> str: ...
    def stop(self) -> None: ...


class PostgresServer:
    """The databases of one sandbox, from `start` to `stop`. Every method may be called from any thread.

    Our own server listens on a free port of 127.0.0.1 without a password and ends with this process, however that ends.
    """

    def __init__(self, databases: _Databases, names: frozenset[str]) -> None:
        self._databases = databases
        self._names = names
        self._stopping = threading.Lock()
        self._stopped = False
        self._process_id = os.getpid()

    @classmethod
    def start(cls, databases: Mapping[str, str]) -> PostgresServer:
        """Start a server holding `databases`, or create them in the server PAYGATE_SANDBOX_DSN names.

        Args:
            databases: database name -> the DDL that makes its tables.

        Raises:
            PostgresUnavailableError: no server can be had; the text says why and what to do.
            psycopg.Error: a database's DDL is wrong.
        """
        external = os.environ.get(DSN_VARIABLE)
        chosen: _Databases = ExternalPostgres(external, databases) if external else _EmbeddedPostgres(databases)
        return cls(chosen, frozenset(databases))

    def dsn(self, database: str) -> str:
        """A libpq connection string for `database`, as the owner of its tables.

        Raises:
            ValueError: no database of that name was asked for at the start.
        """
        self._require(database)
        return self._databases.dsn(database)

    def read_only_dsn(self, database: str) -> str:
        """A libpq connection string for `database`, as a role that can only SELECT.

        Raises:
            ValueError: no database of that name was asked for at the start.
        """
        self._require(database)
        return self._databases.read_only_dsn(database)

    def stop(self) -> None:
        """End the server and remove its files, or drop the databases; a second call does nothing.

        In a forked child it does nothing either: the databases are its parent's.

        Raises:
            PostgresUnavailableError: something is left in the server PAYGATE_SANDBOX_DSN names; the text names it.
        """
        with self._stopping:
            if not self._stopped and self._process_id == os.getpid():
                self._stopped = True
                self._databases.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _require(self, database: str) -> None:
        if database not in self._names:
            known = ", ".join(sorted(self._names)) or "none"
            message = f"the sandbox has no database {database!r}; it was started with: {known}"
            raise ValueError(message)


class _EmbeddedPostgres:
    """Our own server on a private copy of a cached cluster."""

    def __init__(self, databases: Mapping[str, str]) -> None:
        try:
            self._start(databases)
        except OSError as error:
            raise postgres_errors.cannot_start(str(error)) from error

    def dsn(self, database: str) -> str:
        return self._url(OWNER, database)

    def read_only_dsn(self, database: str) -> str:
        return self._url(READER, database)

    def stop(self) -> None:
        self._server.stop()
        self._scratch.close()

    def _start(self, databases: Mapping[str, str]) -> None:
        account = Account.to_drop_to()
        found = find_binaries()
        binaries = reachable_binaries(found, account)
        folder, key = postgres_cache.cache_folder(), template_key(found, databases)
        image = postgres_cache.load(folder, key)
        if image is None:
            image = build_template(binaries, account, databases)
            postgres_cache.store(folder, key, image)
        self._scratch = Scratch(account)
        try:
            postgres_cache.unpack(image, self._scratch.folder / "data", account)
            self._scratch.open_to_server()
            self._server, self._port = launch(binaries, self._scratch, account)
        except BaseException:
            self._scratch.close()
            raise

    def _url(self, user: str, database: str) -> str:
        # The server speaks no TLS, and a PGSSLMODE meant for another server must not be asked of it.
        return f"postgresql://{user}@127.0.0.1:{self._port}/{quote(database, safe='')}?sslmode=disable"
