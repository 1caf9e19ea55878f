"""The target's log of a run, whichever kind its environment declares.

Owns making the reader of each kind, bounded within the deadline of one look. Clients are imported on first use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.core.log_settings import LogKind

if TYPE_CHECKING:
    from pytest_paygate.adapters.http import Api
    from pytest_paygate.adapters.logs import EntryReader, WatchedLog
    from pytest_paygate.core.log_settings import LogAccess
    from pytest_paygate.plugin.gate_run import GateRun

# The reader's own deadline comes before that of the whole look, so that its more exact refusal is the one that is told.
_READER_SHARE = 0.9


def log_of(run: GateRun) -> WatchedLog | None:
    """The log of a run's environment, or None when it declares none.

    Raises:
        ConfigurationError: for a URL or a `ca_file` that cannot be used.
    """
    access = run.environment.log_access
    if access is None:
        return None
    from pytest_paygate.adapters.logs import WatchedLog as Log

    return Log(_reader(run, access), run.journal, access.deadline_seconds)


def _reader(run: GateRun, access: LogAccess) -> EntryReader:
    match access.kind:
        case LogKind.FILE:
            from pytest_paygate.adapters.log_file import FileLog

            return FileLog(Path(access.path), access.names)
        case LogKind.POSTGRES:
            return _postgres(run, access)
        case LogKind.LOKI:
            from pytest_paygate.adapters.log_loki import LokiLog

            return LokiLog(_client(run, access.url, access), access, run.clock)
        case LogKind.HTTP:
            from pytest_paygate.adapters.log_http import HttpLog

            parts = urlsplit(access.url)
            client = _client(run, f"{parts.scheme}://{parts.netloc}", access)
            return HttpLog(client, parts.path or "/", access.names, access.token)


def _postgres(run: GateRun, access: LogAccess) -> EntryReader:
    from pytest_paygate.adapters.log_postgres import PostgresLog
    from pytest_paygate.adapters.logs import ENTRIES_MAX
    from pytest_paygate.adapters.postgres import ReadOnlyDatabase

    if access.dsn is None:
        raise RuntimeError("the settings of a log in PostgreSQL were checked for their dsn")
    seconds = access.deadline_seconds * _READER_SHARE
    database = ReadOnlyDatabase(
        access.dsn,
        recorder=run.journal,
        clock=run.clock,
        statement_timeout_ms=round(seconds * 1000),
        connect_timeout_seconds=round(seconds),
        rows_max=ENTRIES_MAX,
    )
    return PostgresLog(database, access.table, access.names)


def _client(run: GateRun, base_url: str, access: LogAccess) -> Api:
    from pytest_paygate.adapters.http import Api as Client

    return Client(
        base_url,
        party="log",
        recorder=run.journal,
        clock=run.clock,
        trace_id=run.trace_id,
        deadline_seconds=access.deadline_seconds * _READER_SHARE,
        ca_file=Path(run.environment.ca_file) if run.environment.ca_file else None,
        # Asking for a trace must not leave that trace in the log that is asked.
        first_party=False,
    )
