"""Which store live runs share: a folder below the reports, or a database where several machines meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.live_ports import LiveStore
    from pytest_paygate.core.secret import Secret

FOLDER = ".live"


def store_of(reports: Path, dsn: Secret | None) -> LiveStore:
    """Make the store.

    Args:
        reports: the reports folder, where the local store lives.
        dsn: the shared database, or None.

    Raises:
        StoreError: when it cannot be used.
    """
    if dsn is not None:
        from pytest_paygate.adapters.store_postgres import PostgresStore

        return PostgresStore(dsn)
    from pytest_paygate.adapters.store_file import FileStore

    return FileStore(reports / FOLDER)
