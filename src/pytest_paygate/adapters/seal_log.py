"""The log of seals: one line for each sealed run, each naming the seal before it in the same environment.

Appended to under a lock and forced to disk; nothing is ever rewritten. Whoever knows a later seal can tell when lines
were cut off, put back or replaced.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.journal import strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "seals.jsonl"


def append(root: Path, environment: str, run_id: str, seal: Callable[[str], str]) -> str:
    """Seal one run as the next of its environment.

    Args:
        root: the reports folder.
        environment: the run's.
        run_id: the run.
        seal: given the hash of the seal before, makes the new one and returns its hash.

    Raises:
        JournalError: when the log cannot be read or written.
    """
    path = root / NAME
    try:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            previous = ""
            for line in _lines(file.read(), path):
                if line["environment"] == environment:
                    previous = line["seal"]
            made = seal(previous)
            told = {"environment": environment, "run_id": run_id, "seal": made, "previous": previous}
            file.write(json.dumps(told, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None
    return made


def read(root: Path) -> list[dict[str, str]]:
    """Every line of the log, oldest first; none when there is no log.

    Raises:
        JournalError: when it cannot be read.
    """
    path = root / NAME
    try:
        return list(_lines(path.read_bytes(), path)) if path.exists() else []
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None


def _lines(content: bytes, path: Path) -> Iterator[dict[str, str]]:
    for number, line in enumerate(content.splitlines()):
        try:
            told = strict_json(line)
        except ValueError:
            told = None
        keys = {"environment", "run_id", "seal", "previous"}
        if not isinstance(told, dict) or set(told) != keys or not all(isinstance(one, str) for one in told.values()):
            raise _unusable(path, f"line {number} is not one of the log's")
        yield told


def _unusable(path: Path, observed: str) -> JournalError:
    return JournalError(
        Refusal(
            refused=f"the log of seals {path.name} cannot be used, so the run is not sealed",
            expected="a log that is whole and can be written",
            observed=observed,
            money="Sealing moves no money; what the run moved stands in its journal.",
            next_step="Keep the file as it is and find out what changed it; the run's own files are complete.",
        )
    )
