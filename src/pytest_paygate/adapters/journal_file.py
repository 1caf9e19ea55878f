"""The journal on disk: every event is checked, chained, written and forced to disk before anybody acts on it.

Owns the two files a run grows while it goes: `journal.jsonl` (the record) and `session.log` (one readable line for each
journal line). After one failed write it never tries again: a disk that lost data once cannot be trusted with an intent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from pytest_paygate.adapters.run_directory import RunDirectory, sync_folder
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.events import Entry
from pytest_paygate.core.journal import GENESIS, encode, line_hash
from pytest_paygate.core.run import RunState, apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.core.events import EventBody
    from pytest_paygate.core.ports import Clock

JOURNAL = "journal.jsonl"
SESSION_LOG = "session.log"


class JournalFile:
    """Appends events of one run. Implements `core.ports.Recorder`.

    Args:
        directory: the run's folder; created here, exclusively.
        clock: stamps the entries.
        readable: turns an entry into its line of the session log.
    """

    def __init__(self, directory: RunDirectory, clock: Clock, readable: Callable[[Entry, RunState], str]) -> None:
        directory.create()
        self.directory = directory
        self.state = RunState()
        self._clock = clock
        self._readable = readable
        self._began_seconds = clock.elapsed_seconds()
        self._seq = 0
        self._head = GENESIS
        self._broken = False
        self._journal = _open_new(directory, JOURNAL)
        self._log = _open_new(directory, SESSION_LOG)
        sync_folder(directory.path)

    def record(self, body: EventBody) -> int:
        """Append one event; when this returns, it is on disk.

        Raises:
            IllegalEventError: when the event may not follow; nothing is written.
            JournalError: when it could not be written; nothing will be accepted any more.
        """
        if self._broken:
            raise self._failure("an earlier write failed")
        at = self._clock.now()
        elapsed = self._clock.elapsed_seconds() - self._began_seconds
        line = encode(self._seq, self._head, at, elapsed, body)
        # Folding what will be read back, not what was meant, keeps the writer from trusting its own objects.
        entry = Entry.model_validate_json(line)
        state = apply(self.state, entry.event, self._seq, entry.at)
        try:
            self._journal.write(line + b"\n")
            self._journal.flush()
            os.fsync(self._journal.fileno())
            self._log.write(self._readable(entry, state).encode() + b"\n")
            self._log.flush()
        except OSError as error:
            self._broken = True
            raise self._failure(error.strerror or type(error).__name__) from None
        self.state = state
        self._head = line_hash(line)
        self._seq += 1
        return self._seq - 1

    @property
    def head(self) -> str:
        """Hash of the last line written."""
        return self._head

    def close(self) -> None:
        """Release the files; the journal stays as it is."""
        for file in (self._journal, self._log):
            try:
                file.close()
            except OSError:
                # A full disk also fails the flush that close does; what was forced to disk before stands.
                self._broken = True

    def _failure(self, observed: str) -> JournalError:
        return JournalError(
            Refusal(
                refused="the journal cannot be written, so the run stops here",
                expected="every event on disk before anything is sent",
                observed=observed,
                money="Nothing more is sent. Up to the last journal line everything is on record.",
                next_step=f"Free the disk and read {self.directory.path / JOURNAL} before a new run.",
            )
        )


def _open_new(directory: RunDirectory, name: str) -> BinaryIO:
    directory.write_new(name, b"")
    return (directory.path / name).open("ab")
