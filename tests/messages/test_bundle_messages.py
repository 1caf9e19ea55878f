"""Every refusal around sealing, countersigning and archiving, word for word."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import archive_file, seal_log
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.cli import countersign
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.reporting import sealing

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_with_a_link_is_not_sealed(tmp_path: Path):
    """A folder that holds more than a run leaves is told, and what was moved is safe."""
    run = tmp_path / "e2e" / "run-1"
    run.mkdir(parents=True)
    (run / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PaygateError) as refused:
        sealing._files(RunDirectory(tmp_path, "e2e", "run-1"))
    assert (
        refused.value.refusal.text()
        == """run run-1 cannot be sealed
  expected  a folder of regular files, as a run leaves it
  observed  journal.jsonl is not a regular file
  money     Sealing moves no money; what the run moved stands in its journal.
  next      Look at what was put into the folder; the run's own files are complete."""
    )


def test_a_damaged_log_of_seals(tmp_path: Path):
    """The line that is wrong is named."""
    (tmp_path / seal_log.NAME).write_bytes(b"{}\n")
    with pytest.raises(PaygateError) as refused:
        seal_log.append(tmp_path, "prod", "run-1", str)
    assert (
        refused.value.refusal.text()
        == """the log of seals seals.jsonl cannot be used, so the run is not sealed
  expected  a log that is whole and can be written
  observed  line 1 of the log of seals is not one of the log's
  money     Sealing moves no money; what the run moved stands in its journal.
  next      Keep the file as it is and find out what changed it; the run's own files are complete."""
    )


def test_an_archive_that_is_there():
    """An archive is never overwritten."""
    assert (
        archive_file._refused("archive/e2e/run-1.tar.gz is archived already", "a new one", "it is in the index")
        .refusal.text()
        .splitlines()[-2:]
    ) == [
        "  money     Archiving moves no money; the run itself stands where it was.",
        "  next      Leave what is there as it is; an archive is never overwritten.",
    ]


def test_a_person_who_has_signed():
    """One person counts once."""
    error = countersign._refused(
        "ann@example.test has signed this seal already",
        "people who have not signed it",
        "signatures of ann@example.test",
        "Ask somebody else; one person counts once.",
    )
    assert (
        error.refusal.text()
        == """ann@example.test has signed this seal already
  expected  people who have not signed it
  observed  signatures of ann@example.test
  money     No money moved.
  next      Ask somebody else; one person counts once."""
    )


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What could not be archived is told, and nothing of it is left."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", full)
    bundle = type("Bundle", (), {"told": {"gate": "e2e", "run_id": "run-1"}, "number": 0})()
    with pytest.raises(PaygateError) as refused:
        archive_file.store(tmp_path, {}, bundle, None)  # type: ignore[arg-type]
    assert (
        refused.value.refusal.text()
        == """run-1.tar.gz cannot be archived
  expected  a folder with space left
  observed  No space left on device
  money     Archiving moves no money; the run itself stands where it was.
  next      Leave what is there as it is; an archive is never overwritten."""
    )
