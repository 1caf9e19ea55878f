"""The two files beside the runs that grow with them: `history.jsonl` and `sign-offs.jsonl`.

The history is for display: lines that cannot be read are left out, and nothing is decided by it. Sign-offs are read
strictly: a broken chain means that none of them counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters import line_log
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.history import HistoryLine
from pytest_paygate.core.sign_offs import SignOff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HISTORY = "history.jsonl"
SIGN_OFFS = "sign-offs.jsonl"


def add_history(root: Path, line: HistoryLine) -> None:
    """Add one run to the history.

    Raises:
        JournalError: when it cannot be written.
    """
    line_log.append(root / HISTORY, lambda _: line)


def history(root: Path) -> list[HistoryLine]:
    """Every run of the history that can be read, oldest first; none when there is no history, or no reading it."""
    try:
        found, _ = line_log.read(root / HISTORY, HistoryLine)
    except JournalError:
        return []
    return [line for _, line in found]


def add_sign_off(root: Path, make: Callable[[str], SignOff]) -> None:
    """Add one sign-off, chained to the one before.

    Args:
        root: the reports folder.
        make: given the hash of the line before, makes the sign-off.

    Raises:
        JournalError: when it cannot be written, or what is there is not whole.
    """
    sign_offs(root)
    line_log.append(root / SIGN_OFFS, make)


def sign_offs(root: Path) -> list[SignOff]:
    """Every sign-off, oldest first.

    Raises:
        JournalError: when the file cannot be read, or a line was changed, cut out or put in.
    """
    found, wrong = line_log.read(root / SIGN_OFFS, SignOff)
    previous = ""
    for number, (own, line) in enumerate(found):
        if line.previous != previous:
            wrong = wrong or f"{SIGN_OFFS}: line {number} does not follow on from the line before"
        previous = own
    if wrong:
        raise JournalError(
            Refusal(
                refused=f"the sign-offs cannot be trusted: {wrong}",
                expected="lines of this tool, each carrying the hash of the one before",
                observed="something else",
                money="No money moves here. Nothing counts as signed until the file is whole again.",
                next_step=f"Keep {SIGN_OFFS} as it is, find out who changed it, and restore it from a copy.",
            )
        )
    return [line for _, line in found]
