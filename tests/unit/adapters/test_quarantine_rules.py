"""Searching files for secrets and shutting a folder: what is looked at, what is told, who may read afterwards."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pytest_paygate.adapters.quarantine import Found, search, shut
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.leaks import Leak, Scanner
from pytest_paygate.core.secret import Secret

VALUE = "hunter2hunter2"
SCANNER = Scanner([Secret(VALUE, "env:PASSWORD")])
UNREADABLE = Path("/proc/self/mem")
REFUSAL = """{} cannot be searched for secrets
  expected  every file that was written can be read again
  observed  {}
  money     Nothing is sent at this point. What moved stands in the journal.
  next      Treat the file as one that holds secrets until it has been searched."""
NOTE = """{
  "version": 1,
  "found": [
    {
      "file": "a/b.txt",
      "secret": "env:PÄSSWORD",
      "encoding": "hex",
      "offset": 3
    },
    {
      "file": "c.txt",
      "secret": "env:TOKEN",
      "encoding": "raw",
      "offset": 0
    }
  ]
}
"""
FOUND = (Found("a/b.txt", Leak("env:PÄSSWORD", "hex", 3)), Found("c.txt", Leak("env:TOKEN", "raw", 0)))


@pytest.fixture
def directory(tmp_path) -> RunDirectory:
    """A run's folder that anybody may read, with files in two depths."""
    made = RunDirectory(tmp_path, "e2e", "run-1")
    made.create()
    (made.path / "inner").mkdir(mode=0o755)
    for name in ("report.md", "inner/page.html"):
        made.write_new(name, b"told")
        (made.path / name).chmod(0o644)
    made.path.chmod(0o755)
    return made


def modes(directory: RunDirectory) -> dict[str, int]:
    """The permissions of a folder and of everything in it."""
    paths = (directory.path, *directory.path.rglob("*"))
    return {path.relative_to(directory.path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in paths}


def refused(call, *arguments: object) -> str:
    """What a refusal says."""
    with pytest.raises(JournalError) as error:
        call(*arguments)
    return error.value.refusal.text()


def test_a_find_says_where_and_never_what():
    """File, name of the secret, encoding and byte: a line to print, without the value."""
    assert str(FOUND[0]) == "a/b.txt holds env:PÄSSWORD (hex) at byte 3"


def test_files_and_whole_folders_are_searched(tmp_path):
    """Each file given, every file below a folder in the order of names; outside of the root by the whole path."""
    outside = tmp_path / "outside.txt"
    root = tmp_path / "root"
    (root / "run" / "deep").mkdir(parents=True)
    for path, content in (
        (outside, VALUE),
        (root / "alone.txt", f"12{VALUE}"),
        (root / "run" / "z.txt", f"1{VALUE}"),
        (root / "run" / "clean.txt", "nothing"),
        (root / "run" / "deep" / "a.txt", VALUE),
        (root / "not-given.txt", VALUE),
    ):
        path.write_text(content)
    given = [root / "alone.txt", root / "run", root / "nowhere.txt", outside]
    found = search(SCANNER, iter(given), root)
    assert found == (
        Found("alone.txt", Leak("env:PASSWORD", "raw", 2)),
        Found("run/deep/a.txt", Leak("env:PASSWORD", "raw", 0)),
        Found("run/z.txt", Leak("env:PASSWORD", "raw", 1)),
        Found(outside.as_posix(), Leak("env:PASSWORD", "raw", 0)),
    )


def test_where_nothing_is_sought_nothing_is_read():
    """Without a secret no file is opened; with one, a file that cannot be read is no clean file."""
    assert search(Scanner([]), [UNREADABLE], Path("/proc")) == ()
    assert refused(search, SCANNER, [UNREADABLE], Path("/proc")) == REFUSAL.format("mem", "Input/output error")


def test_a_failure_without_a_word_is_told_by_its_kind(tmp_path, monkeypatch):
    """Where the system says nothing, the kind of error is what was observed."""

    def fails(_path: Path) -> bytes:
        raise TimeoutError

    (tmp_path / "note.txt").write_text("x")
    monkeypatch.setattr(Path, "read_bytes", fails)
    assert refused(search, SCANNER, [tmp_path / "note.txt"], tmp_path) == REFUSAL.format("note.txt", "TimeoutError")


@pytest.mark.parametrize(("number", "name"), [(0, "quarantine.json"), (2, "quarantine-2.json")])
def test_a_folder_is_shut_with_a_note(directory, number, name):
    """The note lists every find; folder and files are their owner's alone afterwards, and as they were."""
    path = shut(directory, FOUND, number)
    assert path == directory.path / name
    assert path.read_text(encoding="utf-8") == NOTE
    assert modes(directory) == {".": 0o700, "inner": 0o700, "inner/page.html": 0o600, "report.md": 0o600, name: 0o600}
    assert (directory.path / "report.md").read_bytes() == b"told"


def test_who_cannot_write_the_note_still_shuts(directory):
    """A note that stands there already is not overwritten, which is an error, and nobody else may read all the same."""
    directory.write_new("quarantine.json", b"before")
    assert refused(shut, directory, FOUND, 0).startswith("quarantine.json cannot be written in ")
    assert (directory.path / "quarantine.json").read_bytes() == b"before"
    assert set(modes(directory).values()) == {0o700, 0o600}
    assert modes(directory)["."] == 0o700
