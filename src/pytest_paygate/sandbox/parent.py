"""Notices that the process which started this one has gone, so that a sandbox never outlives its user.

Linux tells by a signal at once; everywhere a slow look at the parent's id is the safety net.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.5


def watch_parent(parent_pid: int, gone: Callable[[], None]) -> None:
    """Call `gone` once the parent has ended. To be called from the main thread.

    Args:
        parent_pid: the parent's process id, read as early as possible.
        gone: called from a signal handler or another thread; must only set a flag.
    """

    def look(_signal: int, _frame: FrameType | None) -> None:
        # The kernel also signals when only the parent's *thread* ended: then the parent is still there.
        if os.getppid() != parent_pid:
            gone()

    if sys.platform == "linux":
        signal.signal(signal.SIGUSR1, look)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    threading.Thread(target=_look_now_and_then, args=(parent_pid, gone), name="parent-watch", daemon=True).start()


def _look_now_and_then(parent_pid: int, gone: Callable[[], None]) -> None:
    never = threading.Event()
    while os.getppid() == parent_pid:
        never.wait(_LOOK_SECONDS)
    gone()
