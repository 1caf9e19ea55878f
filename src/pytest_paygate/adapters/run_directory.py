"""The folder of one run below `reports/`, created exclusively and only ever added to.

Owns where files of a run live and how they are written. Nothing here deletes or overwrites: every file is created
exclusively, and index pages are replaced only by renaming a complete new one over the old.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import NOTHING_MOVED, JournalError, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


class RunDirectory:
    """`reports/<gate>/<run_id>/`.

    Args:
        root: the reports folder.
        gate_id: the gate.
        run_id: the run.
    """

    def __init__(self, root: Path, gate_id: str, run_id: str) -> None:
        self.root = root
        self.path = root / gate_id / run_id

    def create(self) -> None:
        """Make the folder; it must not be there yet.

        Raises:
            JournalError: when the folder exists (somebody else runs this run) or cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
            sync_folder(self.path.parent)
        except FileExistsError:
            raise JournalError(
                Refusal(
                    refused=f"run folder {self.path.name} exists already, so this process does not run the gate",
                    expected="one process per run",
                    observed="a folder that another process made, or one left by a worker that died",
                    money=f"{NOTHING_MOVED} This process sent nothing; the run's own journal tells what the other did.",
                    next_step="Start the gate again; each start makes a folder of its own.",
                )
            ) from None
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def write_new(self, name: str, content: bytes) -> Path:
        """Write one file that must not be there yet, and force it to disk.

        Raises:
            JournalError: when it exists or cannot be written.
        """
        path = self.path / name
        try:
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from None
        return path


def replace_whole(path: Path, content: bytes) -> None:
    """Put a complete new version of an index page in place, so that a reader never sees half of one.

    Raises:
        JournalError: when it cannot be written; the old version then still stands.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def journals(root: Path, gate_id: str | None = None) -> Iterator[Path]:
    """Every journal below a reports folder, oldest run first (run ids start with the time)."""
    yield from sorted(root.glob(f"{gate_id or '*'}/*/journal.jsonl"), key=lambda path: (path.parent.name, path))


def sync_folder(path: Path) -> None:
    """Force a folder's entries to disk, so that a new file's name survives a crash too."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> JournalError:
    return JournalError(
        Refusal(
            refused=f"{path.name} cannot be written in {path.parent}",
            expected="a folder this user may write to, with space left",
            observed=error.strerror or type(error).__name__,
            money="Nothing more is sent. What was journalled before this stands in the files already written.",
            next_step="Free space or fix the folder's permissions, then look at the run's journal before a new run.",
        )
    )
