"""The log of seals: one line for each sealed run, each naming the seal before it in the same environment.

Appended to under a lock and forced to disk; nothing is ever rewritten. Whoever knows a later seal can tell when lines
were cut off, put back or replaced: `core.seal_chain` says how.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.seal_chain import Sealed, encode_line, read_log
from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "seals.jsonl"


def append(root: Path, environment: str, run_id: str, seal: Callable[[str], str], *, gate: str = "") -> str:
    """Seal one run as the next of its environment.

    Args:
        root: the reports folder.
        environment: the run's.
        run_id: the run.
        seal: given the hash of the seal before, makes the new one and returns its hash.
        gate: the run's gate, which tells the gates of one session apart.

    Raises:
        JournalError: when the log cannot be read or written.
    """
    path = root / NAME
    try:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            mine = [line for line in read_log(file.read()) if line.environment == environment]
            previous = mine[-1].seal if mine else ""
            made = seal(previous)
            file.write(encode_line(Sealed(environment, run_id, gate, made, previous)))
            file.flush()
            os.fsync(file.fileno())
    except BundleError as error:
        raise _unusable(path, str(error)) from None
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None
    return made


def read(root: Path) -> tuple[Sealed, ...]:
    """Every line of the log, oldest first; none when there is no log.

    Raises:
        JournalError: when it cannot be read.
    """
    path = root / NAME
    try:
        return read_log(path.read_bytes()) if path.exists() else ()
    except BundleError as error:
        raise _unusable(path, str(error)) from None
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from None


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
