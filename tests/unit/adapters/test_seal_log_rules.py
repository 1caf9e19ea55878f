"""The log of seals on disk: one more line under a lock, forced to disk, and what stops it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import seal_log
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.seal_chain import Sealed, encode_line

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO, THREE, OTHER = (digit * 64 for digit in "1234")
REFUSAL = """the log of seals seals.jsonl cannot be used, so the run is not sealed
  expected  a log that is whole and can be written
  observed  {}
  money     Sealing moves no money; what the run moved stands in its journal.
  next      Keep the file as it is and find out what changed it; the run's own files are complete."""


def added(root: Path, environment: str, run_id: str, made: str, **named: str) -> str:
    """Append a seal; returns the one that it was told stands before it."""
    told = []

    def seal(previous: str) -> str:
        told.append(previous)
        return made

    assert seal_log.append(root, environment, run_id, seal, **named) == made
    return told[0]


def refused(call, *arguments: object) -> str:
    """What a refusal says."""
    with pytest.raises(JournalError) as error:
        call(*arguments)
    return error.value.refusal.text()


def test_each_seal_is_told_the_last_of_its_environment(tmp_path):
    """The first of an environment stands behind nothing, each later one behind the last, whatever lies between."""
    assert added(tmp_path, "prod", "run-1", ONE, gate="e2e") == ""
    assert added(tmp_path, "staging", "run-9", OTHER, gate="e2e") == ""
    assert added(tmp_path, "prod", "run-2", TWO, gate="smoke") == ONE
    assert added(tmp_path, "prod", "run-3", THREE) == TWO
    assert seal_log.read(tmp_path) == (
        Sealed("prod", "run-1", "e2e", ONE, ""),
        Sealed("staging", "run-9", "e2e", OTHER, ""),
        Sealed("prod", "run-2", "smoke", TWO, ONE),
        Sealed("prod", "run-3", "", THREE, TWO),
    )


def test_lines_are_only_ever_added(tmp_path):
    """What stands in `seals.jsonl` stays as it is, byte for byte, and the new line comes after it."""
    added(tmp_path, "prod", "run-1", ONE, gate="e2e")
    added(tmp_path, "prod", "run-2", TWO)
    assert [path.name for path in tmp_path.iterdir()] == ["seals.jsonl"]
    assert (tmp_path / "seals.jsonl").read_bytes() == encode_line(
        Sealed("prod", "run-1", "e2e", ONE, "")
    ) + encode_line(Sealed("prod", "run-2", "", TWO, ONE))


def test_nobody_else_seals_at_the_same_time(tmp_path):
    """While a seal is made the log is locked, so that no two runs stand behind the same seal."""

    def seal(_previous: str) -> str:
        with (tmp_path / seal_log.NAME).open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ONE

    assert seal_log.append(tmp_path, "prod", "run-1", seal) == ONE


def test_a_seal_is_on_disk_when_it_is_told(tmp_path, monkeypatch):
    """The whole line has been written when it is forced to disk, and it is."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    added(tmp_path, "prod", "run-1", ONE)
    assert synced == [(tmp_path / seal_log.NAME).stat().st_size]


def test_without_a_log_there_are_no_seals(tmp_path):
    """Nothing was sealed yet: no lines, and nothing is made."""
    assert seal_log.read(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_seal_that_is_not_made_leaves_no_line(tmp_path):
    """When sealing itself fails, the log stays as it was."""
    added(tmp_path, "prod", "run-1", ONE)
    before = (tmp_path / seal_log.NAME).read_bytes()

    def fails(_previous: str) -> str:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        seal_log.append(tmp_path, "prod", "run-2", fails)
    assert (tmp_path / seal_log.NAME).read_bytes() == before


def test_a_damaged_log_is_named_and_left_alone(tmp_path):
    """A line that is none of the log's, or a torn one, is told; nothing is appended and nobody is asked to seal."""
    for content, observed in (
        (b"{}\n", "line 1 of the log of seals is not one of the log's"),
        (b"{}", "the last line of the log of seals is torn"),
    ):
        (tmp_path / seal_log.NAME).write_bytes(content)
        assert refused(seal_log.append, tmp_path, "prod", "run-1", pytest.fail) == REFUSAL.format(observed)
        assert refused(seal_log.read, tmp_path) == REFUSAL.format(observed)
        assert (tmp_path / seal_log.NAME).read_bytes() == content


def test_a_log_that_cannot_be_opened_says_why(tmp_path):
    """The system's own word is told: here a folder stands in the place of the log."""
    (tmp_path / seal_log.NAME).mkdir()
    for call in (lambda: seal_log.append(tmp_path, "prod", "run-1", str), lambda: seal_log.read(tmp_path)):
        assert refused(call) == REFUSAL.format("Is a directory")


def test_a_failure_without_a_word_is_told_by_its_kind(tmp_path, monkeypatch):
    """Where the system says nothing, the kind of error is what was observed."""

    def fails(*_: object) -> None:
        raise TimeoutError

    added(tmp_path, "prod", "run-1", ONE)
    monkeypatch.setattr(os, "fsync", fails)
    assert refused(seal_log.append, tmp_path, "prod", "run-2", lambda _previous: TWO) == REFUSAL.format("TimeoutError")
    monkeypatch.setattr("pathlib.Path.read_bytes", fails)
    assert refused(seal_log.read, tmp_path) == REFUSAL.format("TimeoutError")
