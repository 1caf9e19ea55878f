"""An application log in a JSON Lines file, whole or growing.

Owns reading it: regular files only, at most `FILE_BYTES_MAX`, from where the last look ended. A last line without its
newline is still being written and waits for the next look. Only lines that hold the trace id are parsed.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_paygate.adapters.logs import ENTRIES_MAX, entry_of, object_of, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pytest_paygate.adapters.logs import LogEntry
    from pytest_paygate.core.log_settings import LogFields

FILE_BYTES_MAX = 256 * 1024 * 1024
LINE_BYTES_MAX = 1024 * 1024
_ROTATE = "Point `path` at the log of one application, and rotate it before the run."


@dataclass(slots=True)
class _Read:
    """What was read of one file for one trace: where the next look begins, and the entries so far."""

    file: tuple[int, int]
    offset: int = 0
    entries: list[LogEntry] = field(default_factory=list)


class FileLog:
    """A log in a file on this machine.

    Args:
        path: the file; it is opened anew for each look, so that a rotated log is read from its start.
        names: under which names an entry keeps event, time and trace id.
    """

    def __init__(self, path: Path, names: LogFields) -> None:
        self._path = path
        self._names = names
        self._known: dict[str, _Read] = {}
        # A look that was given up goes on in its thread; the next one waits for it rather than read beside it.
        self._reading = threading.Lock()

    async def read(self, trace_id: str) -> Sequence[LogEntry]:
        """Everything the file holds of a trace.

        Raises:
            TargetError: when it is not there, no regular file, too large, or a line of the trace is no JSON object.
        """
        return await asyncio.to_thread(self._read, trace_id)

    async def aclose(self) -> None:
        """Nothing stays open between looks."""

    def _read(self, trace_id: str) -> Sequence[LogEntry]:
        try:
            # Without O_NONBLOCK a pipe in the file's place would hold the run until somebody writes into it.
            handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                with self._reading, open(handle, "rb", closefd=False) as file:
                    return tuple(self._read_on(file, os.fstat(handle), trace_id))
            finally:
                os.close(handle)
        except IsADirectoryError:
            raise unreadable("something other than a regular file") from None
        except OSError as error:
            raise unreadable(f"the file cannot be read: {type(error).__name__}") from None

    def _read_on(self, file: BinaryIO, status: os.stat_result, trace_id: str) -> Sequence[LogEntry]:
        if not stat.S_ISREG(status.st_mode):
            raise unreadable("something other than a regular file")
        if status.st_size > FILE_BYTES_MAX:
            raise unreadable(f"a file of more than {FILE_BYTES_MAX} bytes", _ROTATE)
        identity = (status.st_dev, status.st_ino)
        known = self._known.get(trace_id)
        if known is None or known.file != identity or known.offset > status.st_size:
            known = self._known[trace_id] = _Read(identity)
        file.seek(known.offset)
        wanted = trace_id.encode()
        # Up to the size that was checked: a log that is written faster than it is read does not hold the run.
        while known.offset < status.st_size:
            line = file.readline(LINE_BYTES_MAX + 1)
            if len(line) > LINE_BYTES_MAX:
                raise unreadable(f"a line of more than {LINE_BYTES_MAX} bytes", _ROTATE)
            if not line.endswith(b"\n"):
                break
            if wanted in line:
                known.entries.append(entry_of(object_of(line), self._names))
                if len(known.entries) > ENTRIES_MAX:
                    raise unreadable(f"more than {ENTRIES_MAX} entries of one trace")
            known.offset += len(line)
        return known.entries
