"""A journal in several files: who carries a run on goes on from its last whole line, alone."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile, read_run
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.events import AnomalyRecorded
from pytest_paygate.core.run import fold
from pytest_paygate.renderers import session_log
from tests.properties.gates import started


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    """A run whose process has gone after two lines."""
    directory = RunDirectory(tmp_path, "demo", "run-1")
    journal = JournalFile(directory, SystemClock(), session_log.line)
    journal.record(started())
    journal.record(AnomalyRecorded(code="odd", detail="something"))
    journal.close()
    return directory


def carried_on(directory, by=ex.Rescuer.RECOVER):
    """Somebody carries the run on."""
    journal = JournalFile.carried_on(directory, SystemClock(), session_log.line)
    journal.record(ex.RescueStarted(by=by, at_line=journal.lines, torn_bytes=journal.torn_bytes))
    return journal


def test_the_chain_goes_on_in_the_next_file(directory):
    """Numbers and hashes go on; the whole folds as one story; the session log repeats it from the first line."""
    carried_on(directory).close()
    carried_on(directory, ex.Rescuer.RESUME).close()
    read = read_run(directory.path)
    assert [entry.seq for entry in read.journal.entries] == [0, 1, 2, 3]
    assert [one.by for one in fold(read.journal.entries).rescues] == ["recover", "resume"]
    assert len((directory.path / "session-2.log").read_text().splitlines()) == 4


@pytest.mark.parametrize("torn", [b"{", b'{"at":"x"', b"\xff\xfe", b" "])
def test_a_torn_tail_stays_and_is_told(directory, torn):
    """What a crash left of a line is neither read nor removed."""
    with (directory.path / "journal.jsonl").open("ab") as file:
        file.write(torn)
    journal = carried_on(directory)
    assert (journal.torn_bytes, journal.lines) == (len(torn), 3)
    journal.close()
    assert (directory.path / "journal.jsonl").read_bytes().endswith(torn)
    assert len(read_run(directory.path).journal.entries) == 3


def test_one_of_two_rescuers_wins(directory):
    """The next file is made exclusively: the second to try is refused, and writes nothing."""
    first = carried_on(directory)
    content = (directory.path / "journal-1.jsonl").read_bytes()
    (directory.path / "journal-2.jsonl").mkdir()
    with pytest.raises(JournalError):
        carried_on(directory)
    assert (directory.path / "journal-1.jsonl").read_bytes() == content
    first.close()


def test_a_line_added_to_the_older_file_breaks_the_chain(directory):
    """A stopped process that wakes up and writes where it left off is found out."""
    late = (directory.path / "journal.jsonl").read_bytes().splitlines(keepends=True)[1]
    carried_on(directory).close()
    with (directory.path / "journal.jsonl").open("ab") as file:
        file.write(late.replace(b'"seq":1', b'"seq":2'))
    with pytest.raises(JournalError, match="cannot be trusted"):
        read_run(directory.path)


@pytest.mark.parametrize("name", ["journal.jsonl", "journal-1.jsonl"])
def test_a_bad_byte_in_the_middle_stops_everything(directory, name):
    """Damage before the last line of any file is never skipped."""
    journal = carried_on(directory)
    journal.record(ex.RescueFinished(settled=True))
    journal.close()
    carried_on(directory).close()
    path = directory.path / name
    content = bytearray(path.read_bytes())
    content[content.index(b'"kind"') + 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(JournalError, match="cannot be trusted"):
        read_run(directory.path)


def test_a_line_that_cannot_be_worded_is_recorded_all_the_same(tmp_path):
    """The readable log is a convenience: wording that fails keeps no event off the disk."""

    def fails(*_: object) -> str:
        raise ValueError

    journal = JournalFile(RunDirectory(tmp_path, "demo", "run-1"), SystemClock(), fails)
    journal.record(started())
    journal.record(AnomalyRecorded(code="odd", detail="x"))
    journal.close()
    assert len(read_run(journal.directory.path).journal.entries) == 2
    assert "this line cannot be shown" in (journal.directory.path / "session.log").read_text()
