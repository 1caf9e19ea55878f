"""Searching files for secrets, and shutting a run's folder in which one was found.

Owns `quarantine.json` and the folder's permissions. The files stay as they are: nothing here deletes or rewrites.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.bundle import quarantine_name
from pytest_paygate.core.errors import JournalError, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_paygate.adapters.run_directory import RunDirectory
    from pytest_paygate.core.leaks import Leak, Scanner


@dataclass(frozen=True, slots=True)
class Found:
    """A secret in a file: which file, and what was found in it."""

    file: str
    leak: Leak

    def __str__(self) -> str:
        return f"{self.file} holds {self.leak.secret} ({self.leak.encoding}) at byte {self.leak.offset}"


def search(scanner: Scanner, paths: Iterable[Path], root: Path) -> tuple[Found, ...]:
    """Search files, and every file below a folder.

    Args:
        scanner: knows what to search for.
        paths: files and folders; what is not there is passed over.
        root: names are told relative to it where they lie below it.

    Raises:
        JournalError: when a file cannot be read: what was not searched is not known to be clean.
    """
    found: list[Found] = []
    for path in paths if scanner else ():
        inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in inside:
            if file.exists():
                name = file.relative_to(root) if file.is_relative_to(root) else file
                found += [Found(name.as_posix(), leak) for leak in scanner.scan(_content(file))]
    return tuple(found)


def shut(directory: RunDirectory, found: Sequence[Found], number: int) -> Path:
    """Write down what was found and leave the folder to its owner alone.

    Args:
        directory: the run's folder.
        found: what was found in it.
        number: 0, or how often the run was carried on.

    Raises:
        JournalError: when it cannot be written.
    """
    listed = [{"file": one.file, **asdict(one.leak)} for one in found]
    content = json.dumps({"version": 1, "found": listed}, indent=2, ensure_ascii=False) + "\n"
    name = quarantine_name(number)
    try:
        path = directory.write_new(name, content.encode())
    finally:
        # Whoever could not write the note can still keep others out.
        for file in directory.path.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
        directory.path.chmod(0o700)
    return path


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise JournalError(
            Refusal(
                refused=f"{file.name} cannot be searched for secrets",
                expected="every file that was written can be read again",
                observed=error.strerror or type(error).__name__,
                money="Nothing is sent at this point. What moved stands in the journal.",
                next_step="Treat the file as one that holds secrets until it has been searched.",
            )
        ) from None
