"""A run's journal in its files: read strictly, read as far as it goes, and carried on in a file of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.journal_file import JournalFile, ReadRun, read_run, read_run_as_far
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.journal import GENESIS, Journal, encode, line_hash, read
from pytest_paygate.core.run import RunState, fold
from tests.golden.scenes import BEGAN
from tests.properties.gates import whole_run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.events import Entry, EventBody

EVENTS = whole_run()
UNREADABLE = """the journal {} of run r1 cannot be read
  expected  a readable journal
  observed  {}
  money     What this run moved must be read from the provider's ledger.
  next      Make the file readable, or look with `paygate orphans`, which needs no journal."""


class Steps:
    """A clock that stands still until it is moved; it began long before anybody carried the run on."""

    seconds = 5_000.0

    def now(self):
        """The day of the run, and the seconds since the clock began."""
        return BEGAN + timedelta(seconds=self.seconds)

    def elapsed_seconds(self) -> float:
        """The seconds since the clock began."""
        return self.seconds


def chain(events: list[EventBody], seq: int = 0, head: str = GENESIS) -> tuple[bytes, str]:
    """The lines of some events as a file has them, a second and a half apart, and the hash of the last."""
    content = b""
    for number, event in enumerate(events, seq):
        line = encode(number, head, BEGAN + timedelta(seconds=1.5 * number), 1.5 * number, event)
        head = line_hash(line)
        content += line + b"\n"
    return content, head


def worded(entry: Entry, state: RunState) -> str:
    """A readable line: which event, when, and where the run stands after it."""
    return f"{entry.seq} {entry.event.kind} {entry.at} {state.started_at} {state.open_row}"


FIRST, MIDDLE = chain(EVENTS[:3])
SECOND, HEAD = chain(EVENTS[3:5], 3, MIDDLE)
THIRD, LAST = chain(EVENTS[5:], 5, HEAD)


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    """A run's folder, empty."""
    made = RunDirectory(tmp_path, "small", "r1")
    made.create()
    return made


def laid(directory: RunDirectory, *contents: bytes) -> Path:
    """The journal files of a run; returns its folder."""
    for number, content in enumerate(contents):
        directory.write_new(f"journal-{number}.jsonl" if number else "journal.jsonl", content)
    return directory.path


def refused(call, *arguments: object) -> str:
    """What a refusal says."""
    with pytest.raises(JournalError) as error:
        call(*arguments)
    return error.value.refusal.text()


@pytest.mark.parametrize("reading", [read_run, read_run_as_far])
def test_every_file_of_a_journal_is_read_in_order(directory, reading):
    """One chain through all files: every entry, the last hash, how many files; nothing torn, nothing damaged."""
    folder = laid(directory, FIRST, SECOND, THIRD)
    whole = read(FIRST + SECOND + THIRD, "j")
    assert reading(folder) == ReadRun(whole, 3)
    assert (whole.head, reading(folder).damage) == (LAST, "")


@pytest.mark.parametrize("reading", [read_run, read_run_as_far])
def test_a_torn_line_of_the_last_file_is_counted(directory, reading):
    """What a crash left of an earlier file's last line is passed over; of the last one's the bytes are told."""
    folder = laid(directory, FIRST + b"{torn", SECOND + b"{")
    assert reading(folder) == ReadRun(Journal(read(FIRST + SECOND, "j").entries, HEAD, 1), 2)


@pytest.mark.parametrize("reading", [read_run, read_run_as_far])
def test_an_empty_journal_is_one_without_lines(directory, reading):
    """A run whose process died before its first line."""
    assert reading(laid(directory, b"")) == ReadRun(Journal((), GENESIS), 1)


@pytest.mark.parametrize("reading", [read_run, read_run_as_far])
def test_a_file_after_a_gap_is_none_of_the_journal(directory, reading):
    """Files are read up to the first number that is missing."""
    folder = laid(directory, FIRST)
    directory.write_new("journal-2.jsonl", SECOND)
    assert reading(folder) == ReadRun(Journal(read(FIRST, "j").entries, MIDDLE), 1)


@pytest.mark.parametrize("reading", [read_run, read_run_as_far])
def test_a_journal_that_cannot_be_read_is_refused(directory, reading, monkeypatch):
    """Without its first file, with a folder in the place of one, or where reading fails: told by name and reason."""
    assert refused(reading, directory.path) == UNREADABLE.format("journal.jsonl", "No such file or directory")
    folder = laid(directory, FIRST)
    (folder / "journal-1.jsonl").mkdir()
    assert refused(reading, folder) == UNREADABLE.format("journal-1.jsonl", "Is a directory")

    def fails(_path: Path) -> bytes:
        raise TimeoutError

    monkeypatch.setattr("pathlib.Path.read_bytes", fails)
    assert refused(reading, folder) == UNREADABLE.format("journal.jsonl", "TimeoutError")


@pytest.mark.parametrize(
    ("contents", "name", "line"),
    [
        ((FIRST + b"{}\n", SECOND, THIRD), "journal.jsonl", 3),
        ((FIRST, b"{}\n" + SECOND, THIRD), "journal-1.jsonl", 3),
        ((FIRST, SECOND, THIRD + b"{}\n"), "journal-2.jsonl", len(EVENTS)),
        ((FIRST, THIRD), "journal-1.jsonl", 3),
    ],
)
def test_damage_is_named_by_file_and_line(directory, contents, name, line):
    """Read strictly, a damaged journal is refused; read as far as it goes, it ends there, and every file is counted."""
    folder = laid(directory, *contents)
    said = f"r1/{name}: line {line} cannot be trusted, so nothing after it is read"
    assert refused(read_run, folder).splitlines()[0] == said
    found = read_run_as_far(folder)
    assert found.damage.startswith(f"{said} (")
    assert found.journal.entries == read(FIRST + SECOND + THIRD, "j").entries[:line]
    assert found.files == len(contents)


def test_whoever_carries_on_goes_on_from_the_last_line(directory):
    """Number, hash, state and seconds go on in the next file; the readable log repeats every line before."""
    laid(directory, FIRST, SECOND + b"torn")
    clock = Steps()
    journal = JournalFile.carried_on(directory, clock, worded)
    before = read(FIRST + SECOND, "j").entries
    assert (journal.lines, journal.head, journal.torn_bytes) == (5, HEAD, 4)
    assert (journal.state, journal.after, journal.directory) == (fold(before), None, directory)
    told = "".join(worded(entry, fold(before[: entry.seq + 1])) + "\n" for entry in before)
    assert (directory.path / "session-2.log").read_text() == told
    clock.seconds += 2.25
    rescue = ex.RescueStarted(by=ex.Rescuer.RECOVER, at_line=5, torn_bytes=4)
    assert journal.record(rescue) == 5
    journal.close()
    line = encode(5, HEAD, BEGAN + timedelta(seconds=5_002.25), 1.5 * 4 + 2.25, rescue)
    assert (directory.path / "journal-2.jsonl").read_bytes() == line + b"\n"
    assert (directory.path / "session-2.log").read_text().startswith(f"{told}5 rescue_started ")
    assert (directory.path / "journal-1.jsonl").read_bytes() == SECOND + b"torn"


def test_a_run_that_left_no_line_is_carried_on_from_the_start(directory):
    """Nothing is repeated, and the seconds begin with the clock."""
    laid(directory, b"{torn")
    clock = Steps()
    journal = JournalFile.carried_on(directory, clock, worded)
    assert (journal.lines, journal.head, journal.torn_bytes, journal.state) == (0, GENESIS, 5, RunState())
    clock.seconds += 0.5
    journal.record(EVENTS[0])
    journal.close()
    line = encode(0, GENESIS, BEGAN + timedelta(seconds=5_000.5), 0.5, EVENTS[0])
    assert (directory.path / "journal-1.jsonl").read_bytes() == line + b"\n"


def test_the_new_files_may_lie_elsewhere(directory, tmp_path):
    """When the run's own folder cannot be written its journal goes on in another one, numbered all the same."""
    laid(directory, FIRST)
    elsewhere = RunDirectory(tmp_path / "elsewhere", "small", "r1")
    elsewhere.create()
    journal = JournalFile.carried_on(directory, Steps(), worded, into=elsewhere)
    journal.close()
    assert journal.directory is elsewhere
    assert [path.name for path in directory.path.iterdir()] == ["journal.jsonl"]
    assert sorted(path.name for path in elsewhere.path.iterdir()) == ["journal-1.jsonl", "session-1.log"]


def test_a_damaged_run_is_not_carried_on(directory):
    """Nothing is written behind damage."""
    laid(directory, FIRST + b"{}\n")
    assert refused(JournalFile.carried_on, directory, Steps(), worded).startswith("r1/journal.jsonl: line 3 cannot be")
    assert [path.name for path in directory.path.iterdir()] == ["journal.jsonl"]


def test_one_of_two_rescuers_gets_the_file(directory):
    """A file that somebody else made in the last moment is not written to."""
    laid(directory, FIRST)

    def meanwhile(entry: Entry, state: RunState) -> str:
        (directory.path / "journal-1.jsonl").write_bytes(SECOND)
        return worded(entry, state)

    with pytest.raises(JournalError, match=r"^journal-1\.jsonl cannot be written in "):
        JournalFile.carried_on(directory, Steps(), meanwhile)
    assert (directory.path / "journal-1.jsonl").read_bytes() == SECOND
