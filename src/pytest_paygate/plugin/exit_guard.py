"""Keeps a session with a gate from ending with exit code 0 behind the verdict's back.

`os._exit(0)` anywhere in a test ends the process at once, and whoever waits for it takes 0 for a PASS. While a gate
runs, such an end says INCOMPLETE instead. What a live run leaves open, its guardian settles.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from pytest_paygate.core.verdict import EXIT_CODES, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


class ExitGuard:
    """Stands in for `os._exit` of one process until it is released."""

    def __init__(self) -> None:
        self._real: Callable[[int], NoReturn] = os._exit
        self._pid = os.getpid()
        os._exit = self._exit

    def release(self) -> None:
        """Give `os._exit` back."""
        os._exit = self._real  # type: ignore[assignment]

    def pytest_unconfigure(self) -> None:
        """The session is over and its exit code is known."""
        self.release()

    def _exit(self, status: int) -> NoReturn:
        # A forked child ends as it likes: nobody reads a verdict from it.
        mine = os.getpid() == self._pid
        self._real(EXIT_CODES[Verdict.INCOMPLETE] if mine and not status else status)
