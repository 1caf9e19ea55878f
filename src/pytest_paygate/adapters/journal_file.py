"""The journal on disk: every event is checked, chained, written and forced to disk before anybody acts on it.

Owns the files a run grows while it goes: `journal.jsonl` (the record), `session.log` (one readable line for each of its
lines), and the numbered ones of whoever carries a run on. After one failed write it never tries again: a disk that lost
data once cannot be trusted with an intent.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pytest_paygate.adapters.run_directory import RunDirectory, sync_folder
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.events import Entry
from pytest_paygate.core.journal import GENESIS, Journal, encode, line_hash, read, read_as_far
from pytest_paygate.core.run import RunState, apply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        self._set_up(directory, clock, readable)
        self._open(JOURNAL, SESSION_LOG, b"")

    @classmethod
    def carried_on(
        cls,
        directory: RunDirectory,
        clock: Clock,
        readable: Callable[[Entry, RunState], str],
        *,
        into: RunDirectory | None = None,
    ) -> JournalFile:
        """Carry on the journal of a run whose process has gone, in a file of its own.

        Of several processes that try, one gets the file; a torn last line of the file before is left as it is.

        Args:
            directory: the run's folder.
            clock: stamps the entries.
            readable: as for a new journal; the new session log repeats every line from the first.
            into: another folder for the new files, when the run's own cannot be written.

        Raises:
            JournalError: when the run cannot be read, the files cannot be made, or somebody else carries it on.
        """
        read = read_run(directory.path)
        self = cls.__new__(cls)
        self._set_up(directory if into is None else into, clock, readable)
        self._seq, self._head = len(read.journal.entries), read.journal.head
        told = []
        for entry in read.journal.entries:
            self.state = apply(self.state, entry.event, entry.seq, entry.at)
            told.append(readable(entry, self.state))
        if read.journal.entries:
            self._began_seconds -= read.journal.entries[-1].elapsed_seconds
        self.torn_bytes = read.journal.torn_bytes
        number = read.files
        self._open(
            _numbered(JOURNAL, number), _numbered(SESSION_LOG, number), "".join(f"{line}\n" for line in told).encode()
        )
        return self

    def _set_up(self, directory: RunDirectory, clock: Clock, readable: Callable[[Entry, RunState], str]) -> None:
        self.directory = directory
        self.state = RunState()
        self.torn_bytes = 0
        self._clock = clock
        self._readable = readable
        self._began_seconds = clock.elapsed_seconds()
        self._seq = 0
        self._head = GENESIS
        self._broken = False
        # Told of each event once it is on disk. Whatever it does, the journal has its line and the caller goes on.
        self.after: Callable[[EventBody], None] | None = None

    def _open(self, journal: str, log: str, told: bytes) -> None:
        self._journal = _open_new(self.directory, journal)
        self._log = _open_new(self.directory, log, told)
        sync_folder(self.directory.path)

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
        except OSError as error:
            raise self._break(error) from None
        self.state = state
        self._head = line_hash(line)
        self._seq += 1
        self._tell(entry, state)
        if self.after is not None:
            with contextlib.suppress(Exception):
                self.after(entry.event)
        return self._seq - 1

    def _tell(self, entry: Entry, state: RunState) -> None:
        """Add the readable line. It is a convenience: the event is on disk, and nothing here may keep money out."""
        try:
            told = self._readable(entry, state)
        except Exception:  # noqa: BLE001 - a line that cannot be worded must not stop a refund
            told = f"{entry.seq + 1:05d} {entry.at} {entry.event.kind}: this line cannot be shown; see the journal"
        try:
            self._log.write(told.encode() + b"\n")
            self._log.flush()
        except OSError as error:
            raise self._break(error) from None

    @property
    def lines(self) -> int:
        """How many lines the whole journal has."""
        return self._seq

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

    def _break(self, error: OSError) -> JournalError:
        self._broken = True
        return self._failure(error.strerror or type(error).__name__)

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


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run as its files hold it: the whole journal, and in how many files it stands.

    `damage` says what is wrong after the last line that could be believed; `read_run` never returns such a run.
    """

    journal: Journal
    files: int
    damage: str = ""


def read_run(folder: Path) -> ReadRun:
    """Read a run's journal from all its files, strictly.

    Raises:
        JournalError: when a file cannot be read, or is damaged before its last line.
    """
    journal = Journal((), GENESIS)
    contents = _contents(folder)
    for number, content in enumerate(contents):
        journal = read(content, f"{folder.name}/{_numbered(JOURNAL, number)}", journal)
    return ReadRun(journal, len(contents))


def read_run_as_far(folder: Path) -> ReadRun:
    """Read a run's journal up to its first damage, for whoever has to show what is known of it.

    Raises:
        JournalError: when a file cannot be read at all.
    """
    journal, damage = Journal((), GENESIS), ""
    contents = _contents(folder)
    for number, content in enumerate(contents):
        if not damage:
            name = f"{folder.name}/{_numbered(JOURNAL, number)}"
            journal, damage = read_as_far(content, name, journal)
    return ReadRun(journal, len(contents), damage)


def _contents(folder: Path) -> list[bytes]:
    """The bytes of each journal file of a run, up to the first number that is missing; the first must be there.

    Raises:
        JournalError: when one cannot be read.
    """
    path = folder / JOURNAL
    try:
        contents = [path.read_bytes()]
        # No run has more journals than files.
        for number in range(1, len(list(folder.iterdir()))):
            path = folder / _numbered(JOURNAL, number)
            if not path.exists():
                break
            contents.append(path.read_bytes())
    except OSError as error:
        raise JournalError(
            Refusal(
                refused=f"the journal {path.name} of run {folder.name} cannot be read",
                expected="a readable journal",
                observed=error.strerror or type(error).__name__,
                money="What this run moved must be read from the provider's ledger.",
                next_step="Make the file readable, or look with `paygate orphans`, which needs no journal.",
            )
        ) from None
    return contents


def _numbered(name: str, number: int) -> str:
    """`journal.jsonl`, then `journal-1.jsonl`, and so on."""
    return name.replace(".", f"-{number}.") if number else name


def _open_new(directory: RunDirectory, name: str, content: bytes = b"") -> BinaryIO:
    directory.write_new(name, content)
    return (directory.path / name).open("ab")
