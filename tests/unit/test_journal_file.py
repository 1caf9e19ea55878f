"""The journal on disk: durable before anything is done, closed for good after the first failed write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_paygate.adapters import journal_file, run_directory
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory, replace_whole
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.journal import read
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.renderers import session_log
from tests.properties.gates import whole_run


@pytest.fixture
def journal(tmp_path):
    """A journal in a fresh run folder."""
    opened = JournalFile(RunDirectory(tmp_path, "small", "r1"), SystemClock(), session_log.line)
    yield opened
    opened.close()


def content(journal) -> bytes:
    """What is on disk now."""
    return (journal.directory.path / "journal.jsonl").read_bytes()


def test_each_event_is_on_disk_when_record_returns(journal, monkeypatch):
    """An event is written and forced to disk before its number comes back."""
    synced = []
    monkeypatch.setattr(journal_file.os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    for expected, event in enumerate(whole_run()):
        assert journal.record(event) == expected
        assert synced[-1] == len(content(journal))
    assert len(synced) == len(whole_run())
    assert [entry.event for entry in read(content(journal), "j").entries] == whole_run()


def test_the_session_log_has_one_line_for_each_entry(journal):
    """Line N of the session log is entry N - 1 of the journal."""
    for event in whole_run():
        journal.record(event)
    lines = (journal.directory.path / "session.log").read_text().splitlines()
    assert [int(line[:5]) for line in lines] == list(range(1, len(whole_run()) + 1))


def test_an_illegal_event_is_not_written(journal):
    """What the state machine refuses never reaches the file, and the journal stays usable."""
    journal.record(whole_run()[0])
    before = content(journal)
    with pytest.raises(IllegalEventError):
        journal.record(whole_run()[0])
    assert content(journal) == before
    journal.record(whole_run()[1])


def test_after_one_failed_write_nothing_is_accepted(journal, monkeypatch):
    """A disk that failed once is not trusted again, even if it works."""
    journal.record(whole_run()[0])

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_file.os, "fsync", full)
    with pytest.raises(JournalError, match="the journal cannot be written, so the run stops here") as refused:
        journal.record(whole_run()[1])
    assert refused.value.refusal.observed == "No space left on device"
    assert refused.value.refusal.money == "Nothing more is sent. Up to the last journal line everything is on record."
    monkeypatch.undo()
    with pytest.raises(JournalError) as again:
        journal.record(whole_run()[1])
    assert again.value.refusal.observed == "an earlier write failed"


def test_a_full_disk_leaves_a_readable_journal(tmp_path):
    """When the disk fills up in the middle of a line, what was written before it reads back whole."""
    script = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core.errors import JournalError
from pytest_paygate.renderers import session_log
from tests.properties.gates import whole_run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = JournalFile(RunDirectory(Path({str(tmp_path)!r}), "small", "r1"), SystemClock(), session_log.line)
journal.record(whole_run()[0])
size = (journal.directory.path / "journal.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    journal.record(whole_run()[1])
except JournalError as error:
    print(error.refusal.observed)
journal.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "File too large"
    journal = read((tmp_path / "small" / "r1" / "journal.jsonl").read_bytes(), "j")
    assert len(journal.entries) == 1
    assert journal.torn_bytes == 100


def test_a_run_folder_is_made_once(tmp_path, journal):
    """A second process that wants the same run is refused, and nothing of the first is touched."""
    before = content(journal)
    with pytest.raises(JournalError) as refused:
        JournalFile(RunDirectory(tmp_path, "small", "r1"), SystemClock(), session_log.line)
    assert str(refused.value) == (
        "run folder r1 exists already, so this process does not run the gate\n"
        "  expected  one process per run\n"
        "  observed  a folder that another process made, or one left by a worker that died\n"
        "  money     No money moved. This process sent nothing; the run's own journal tells what the other did.\n"
        "  next      Start the gate again; each start makes a folder of its own."
    )
    assert content(journal) == before


def test_nothing_in_a_run_folder_is_overwritten(journal):
    """A file of a run is created exclusively."""
    journal.directory.write_new("report.md", b"first")
    with pytest.raises(JournalError, match=r"report.md cannot be written in"):
        journal.directory.write_new("report.md", b"second")
    assert (journal.directory.path / "report.md").read_bytes() == b"first"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    """A file where the reports folder should be is a clear refusal."""
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(JournalError, match=r"r1 cannot be written in .*reports/small") as refused:
        RunDirectory(tmp_path / "reports", "small", "r1").create()
    assert refused.value.refusal.expected == "a folder this user may write to, with space left"


def test_index_pages_are_replaced_whole(tmp_path, monkeypatch):
    """A reader sees the old page or the new one; when the new one cannot be written the old one stands."""
    page = tmp_path / "sessions.md"
    replace_whole(page, b"one")
    replace_whole(page, b"two")
    assert page.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [page]

    def refuse(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_directory.Path, "replace", refuse)
    with pytest.raises(JournalError):
        replace_whole(page, b"three")
    assert page.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [page]
