"""Having an amount typed at the controlling terminal itself: redirected input, a pipe or `yes |` never approves."""

from __future__ import annotations

import os
import termios

from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal

TERMINAL = "/dev/tty"
TRIES = 3


def type_at_terminal(prompt: str, wanted: str) -> str:
    """Ask until the text is typed exactly, three times at most.

    Raises:
        ApprovalError: when there is no terminal, or the third answer is wrong too.
    """
    try:
        handle = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
    except OSError as error:
        raise _refused(
            "a controlling terminal", error.strerror or type(error).__name__, "Run it from a terminal."
        ) from None
    try:
        # Keys typed before the question cannot be its answer.
        termios.tcflush(handle, termios.TCIFLUSH)
        for _ in range(TRIES):
            os.write(handle, prompt.encode())
            typed = os.read(handle, 4096)
            if not typed:
                raise _refused("an answer", "the end of the terminal's input", "Run it from a terminal.")
            if typed.decode("utf-8", "replace").strip() == wanted:
                return wanted
            os.write(handle, b"  That is not it.\n")
    except OSError as error:
        raise _refused("a terminal to type at", error.strerror or type(error).__name__, "Run it again.") from None
    finally:
        os.close(handle)
    raise _refused(f"{wanted!r}, typed", f"something else, {TRIES} times", "Read the plan again, then run it again.")


def _refused(expected: str, observed: str, next_step: str) -> ApprovalError:
    return ApprovalError(
        Refusal(
            refused="nothing was approved",
            expected=expected,
            observed=observed,
            money=NOTHING_MOVED,
            next_step=next_step,
        )
    )
