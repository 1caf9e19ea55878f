"""Files of one JSON object a line that only ever grow: appended to under a lock, forced to disk, never rewritten.

Owns how such a file is written and read. What its lines mean belongs to whoever owns the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from typing import TYPE_CHECKING, TypeVar

from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.model import Model, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LineT = TypeVar("LineT", bound=Model)


def append(path: Path, make: Callable[[str], Model]) -> None:
    """Add one line.

    Args:
        path: the file; made when it is not there.
        make: given the hash of the last line (empty for none), returns the new one.

    Raises:
        JournalError: when the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            content = file.read()
            lines = content.splitlines()
            if content and not content.endswith(b"\n"):
                # A crash has cut the last line off; the new one must not be lost with it.
                file.write(b"\n")
            line = make(line_hash(lines[-1]) if lines else "")
            told = json.dumps(line.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            file.write(told.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None


def read(path: Path, model: type[LineT]) -> tuple[list[tuple[str, LineT]], str]:
    """Every line that can be read, with its hash, oldest first.

    Args:
        path: the file; one that is not there has no lines.
        model: what each line must be.

    Returns:
        The lines, and a sentence about the first that is not one; empty when all are.

    Raises:
        JournalError: when the file cannot be read at all.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None
    found: list[tuple[str, LineT]] = []
    wrong = ""
    for number, line in enumerate(content.splitlines()):
        try:
            strict_json(line)
            found.append((line_hash(line), model.model_validate_json(line)))
        except (ValidationError, ValueError, RecursionError):
            wrong = wrong or f"{path.name}: line {number} is not one of this file's"
    return found, wrong


def line_hash(line: bytes) -> str:
    """SHA-256 of a line without its newline, hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def _unusable(path: Path, observed: str) -> JournalError:
    return JournalError(
        Refusal(
            refused=f"{path.name} cannot be used",
            expected="a file this user may read and add to",
            observed=observed,
            money="No money moves here; what runs moved stands in their journals.",
            next_step="Keep the file as it is, free space or fix its permissions, and try again.",
        )
    )
