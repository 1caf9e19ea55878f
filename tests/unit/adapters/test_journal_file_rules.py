"""The journal on disk, rule by rule: the bytes of each line, what is forced to disk when, and what happens once a write fails."""

from __future__ import annotations

import os
import resource
import stat
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.journal import GENESIS, encode, line_hash, read
from pytest_paygate.core.run import IllegalEventError, RunState, fold
from tests.golden.scenes import BEGAN
from tests.properties.gates import whole_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.events import Entry

EVENTS = whole_run()
REFUSAL = """the journal cannot be written, so the run stops here
  expected  every event on disk before anything is sent
  observed  {}
  money     Nothing more is sent. Up to the last journal line everything is on record.
  next      Free the disk and read {} before a new run."""


class Steps:
    """A clock that moves when it is told to; it began long before the run."""

    seconds = 100.0

    def now(self):
        """The day of the run, and the seconds since the clock began."""
        return BEGAN + timedelta(seconds=self.seconds)

    def elapsed_seconds(self) -> float:
        """The seconds since the clock began."""
        return self.seconds


def worded(entry: Entry, state: RunState) -> str:
    """A readable line: which event, and where the run stands after it."""
    return f"{entry.seq} {entry.event.kind} {sorted(state.rows)} {state.open_row} {state.ended_at}"


@pytest.fixture
def clock() -> Steps:
    """A clock at its start."""
    return Steps()


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    """Where the run will be."""
    return RunDirectory(tmp_path, "small", "r1")


@pytest.fixture
def journal(directory, clock) -> Iterator[JournalFile]:
    """A journal in a fresh folder."""
    opened = JournalFile(directory, clock, worded)
    yield opened
    opened.close()


def written(directory: RunDirectory, name: str = "journal.jsonl") -> bytes:
    """What is on disk now."""
    return (directory.path / name).read_bytes()


def refused(journal: JournalFile, event=EVENTS[1]) -> str:
    """What is said of an event that cannot be written."""
    with pytest.raises(JournalError) as error:
        journal.record(event)
    return error.value.refusal.text()


def refusal(directory: RunDirectory, observed: str) -> str:
    """What is to be said."""
    return REFUSAL.format(observed, directory.path / "journal.jsonl")


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A disk that is full at so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_journal_is_empty(journal, directory):
    """Two files without a line, a state without a run, and nobody who is told."""
    assert sorted(path.name for path in directory.path.iterdir()) == ["journal.jsonl", "session.log"]
    assert (written(directory), written(directory, "session.log")) == (b"", b"")
    assert (journal.lines, journal.head, journal.torn_bytes) == (0, GENESIS, 0)
    assert (journal.state, journal.after, journal.directory) == (RunState(), None, directory)


def test_each_line_follows_from_the_one_before(journal, directory, clock):
    """Number, hash of the line before, wall time, seconds since the journal began: byte for byte what is hashed."""
    head, lines = GENESIS, []
    for seq, event in enumerate(EVENTS):
        clock.seconds += 0.75
        assert journal.record(event) == seq
        lines.append(encode(seq, head, BEGAN + timedelta(seconds=clock.seconds), 0.75 * (seq + 1), event))
        head = line_hash(lines[-1])
        assert (journal.lines, journal.head) == (seq + 1, head)
    assert written(directory) == b"".join(line + b"\n" for line in lines)


def test_the_state_is_that_of_the_lines(journal, directory, clock):
    """After each event the state is what folding the lines on disk gives."""
    for event in EVENTS:
        journal.record(event)
        clock.seconds += 1
        assert journal.state == fold(read(written(directory), "j").entries)


def test_the_readable_log_tells_each_line_with_the_state_after_it(journal, directory, clock):
    """One line for each event, worded with the entry as it is on disk and the run as it then is."""
    for event in EVENTS:
        journal.record(event)
        clock.seconds += 1
    entries = read(written(directory), "j").entries
    told = [worded(entry, fold(entries[: entry.seq + 1])) for entry in entries]
    assert written(directory, "session.log").decode().splitlines() == told
    assert len(set(told)) == len(EVENTS)


def test_a_line_that_cannot_be_worded_says_so(directory, clock):
    """The journal has the event; the readable line has number, time and kind, and points to the journal."""

    def fails(*_: object) -> str:
        raise LookupError

    journal = JournalFile(directory, clock, fails)
    for event in EVENTS[:2]:
        journal.record(event)
    journal.close()
    assert written(directory, "session.log").decode() == (
        "00001 2026-11-20T09:15:42.250Z run_started: this line cannot be shown; see the journal\n"
        "00002 2026-11-20T09:15:42.250Z row_started: this line cannot be shown; see the journal\n"
    )


def test_what_is_told_afterwards_is_on_disk(journal, directory):
    """Whoever asked is told of each event once its line is on disk, and may fail without keeping the run up."""
    told = []

    def after(event) -> None:
        told.append((event, written(directory).count(b"\n"), written(directory, "session.log").count(b"\n")))
        raise LookupError

    journal.after = after
    assert [journal.record(event) for event in EVENTS[:3]] == [0, 1, 2]
    assert told == [(EVENTS[0], 1, 1), (EVENTS[1], 2, 2), (EVENTS[2], 3, 3)]


def test_every_line_is_forced_to_disk(directory, clock, monkeypatch):
    """The new files' names are forced to disk, and each line whole before its number is told."""
    synced: list[object] = []

    def noted(handle: int) -> None:
        status = os.fstat(handle)
        synced.append(status.st_ino if stat.S_ISDIR(status.st_mode) else status.st_size)

    monkeypatch.setattr(os, "fsync", noted)
    journal = JournalFile(directory, clock, worded)
    assert synced[-1] == directory.path.stat().st_ino
    for event in EVENTS[:3]:
        journal.record(event)
        assert synced[-1] == len(written(directory))
    journal.close()


def test_an_event_that_may_not_follow_changes_nothing(journal, directory):
    """Neither a byte, nor the state, nor the count; and the next one that may follow is written."""
    journal.record(EVENTS[0])
    before = (written(directory), journal.state, journal.lines, journal.head)
    with pytest.raises(IllegalEventError):
        journal.record(EVENTS[0])
    assert (written(directory), journal.state, journal.lines, journal.head) == before
    assert journal.record(EVENTS[1]) == 1


def test_after_a_full_disk_nothing_is_accepted(journal, directory):
    """What could not be written is no part of the run; even with room again nothing is written any more."""
    journal.record(EVENTS[0])
    before = (journal.state, journal.lines, journal.head)
    with no_file_larger_than(len(written(directory)) + 50):
        assert refused(journal) == refusal(directory, "File too large")
    assert (journal.state, journal.lines, journal.head) == before
    size = len(written(directory))
    assert refused(journal) == refusal(directory, "an earlier write failed")
    assert len(written(directory)) == size


def test_a_readable_log_that_cannot_be_written_stops_the_run(directory, clock):
    """The event is on record, and nothing after it is accepted."""
    journal = JournalFile(directory, clock, lambda *_: "x" * 20_000)
    with no_file_larger_than(10_000):
        assert refused(journal, EVENTS[0]) == refusal(directory, "File too large")
    assert refused(journal) == refusal(directory, "an earlier write failed")
    assert written(directory).count(b"\n") == 1
    journal.close()


def test_a_failure_without_a_word_is_told_by_its_kind(journal, directory, monkeypatch):
    """Where the system says nothing, the kind of error is what was observed."""

    def fails(_handle: int) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "fsync", fails)
    assert refused(journal, EVENTS[0]) == refusal(directory, "TimeoutError")


def test_a_closed_journal_takes_nothing(directory, clock):
    """Closing releases the files; what is recorded afterwards is an error of ours."""
    journal = JournalFile(directory, clock, worded)
    journal.record(EVENTS[0])
    journal.close()
    before = written(directory)
    with pytest.raises(ValueError, match="closed file"):
        journal.record(EVENTS[1])
    assert written(directory) == before


def test_closing_on_a_full_disk_is_no_failure(journal, directory):
    """The bytes that closing cannot write were no line; and nothing is accepted afterwards."""
    journal.record(EVENTS[0])
    size = len(written(directory))
    journal._journal.write(b"torn")
    with no_file_larger_than(size):
        journal.close()
    assert len(written(directory)) == size
    assert refused(journal) == refusal(directory, "an earlier write failed")


def test_a_run_is_written_by_one_process(journal, directory, clock):
    """Where the folder stands already nobody else begins the run."""
    journal.record(EVENTS[0])
    with pytest.raises(JournalError, match="run folder r1 exists already"):
        JournalFile(directory, clock, worded)
    assert journal.record(EVENTS[1]) == 1
