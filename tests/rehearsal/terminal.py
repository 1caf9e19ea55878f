"""A person at a terminal, for tests: a process with a pseudo-terminal of its own, and answers to what it asks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Asked in this form by `seat_lines`, `typing_terminal`.
CONFIRM = re.compile(r"like: (?P<answer>[A-Z]{3} [0-9.]+ [a-z]+)\s+> $")
APPROVE = re.compile(r"currency, like (?P<answer>[A-Z]{3} [0-9.]+)\s+> $")


@dataclass
class Session:
    """One process on a pseudo-terminal of its own. `output` is everything it has shown so far."""

    pid: int
    handle: int
    output: str = ""
    status: int | None = None
    answered: int = 0
    answers: Mapping[re.Pattern[str], Callable[[re.Match[str]], str]] = field(default_factory=dict)
    screen: pyte.Screen | None = None
    _seen: int = 0
    _stream: pyte.ByteStream | None = None

    def emulate(self, columns: int = 80, rows: int = 24) -> None:
        """Show what a person would see, in a window of that size, from now on; `shown` returns it."""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Drag the window's corner."""
        assert self.screen is not None
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shown(self) -> str:
        """The screen as text."""
        assert self.screen is not None
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def see(self, pattern: str, timeout_seconds: float = 60.0) -> re.Match[str]:
        """Pump until something stands on the screen."""
        deadline = time.monotonic() + timeout_seconds
        while not (match := re.search(pattern, self.shown())):
            if not self.pump() or time.monotonic() > deadline:
                message = f"{pattern!r} was never shown; the screen:\n{self.shown()}"
                raise AssertionError(message)
        return match

    def type(self, text: str) -> None:
        """Type at the terminal; Enter is what the key sends."""
        os.write(self.handle, text.replace("\n", "\r").encode())

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def pump(self, seconds: float = 0.05) -> bool:
        """Read what came, answer what was asked; False once the process has closed its terminal."""
        readable, _, _ = select.select([self.handle], [], [], seconds)
        if readable:
            try:
                chunk = os.read(self.handle, 65536)
            except OSError:
                return False
            if not chunk:
                return False
            self.output += chunk.decode("utf-8", "replace").replace("\r", "")
            if self._stream is not None:
                self._stream.feed(chunk)
            self._answer()
        return True

    def _answer(self) -> None:
        fresh = self.output[self._seen :]
        for pattern, answer in self.answers.items():
            match = pattern.search(fresh)
            if match:
                self._seen = len(self.output)
                self.answered += 1
                os.write(self.handle, answer(match).encode() + b"\n")
                return

    def wait(self, timeout_seconds: float = 120.0) -> int:
        """Pump until the process has ended; its exit code, negative for a signal."""
        deadline = time.monotonic() + timeout_seconds
        open_ = True
        while self.status is None:
            if open_:
                open_ = self.pump()
            else:
                time.sleep(0.02)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                message = f"no end within {timeout_seconds} s; shown so far:\n{self.output}"
                raise TimeoutError(message)
        while open_ and select.select([self.handle], [], [], 0)[0]:
            open_ = self.pump(0)
        with contextlib.suppress(OSError):
            os.close(self.handle)
        return self.status

    def until(self, text: str, timeout_seconds: float = 60.0) -> None:
        """Pump until a text has been shown."""
        deadline = time.monotonic() + timeout_seconds
        while text not in self.output:
            if not self.pump() or time.monotonic() > deadline:
                message = f"{text!r} was never shown; shown so far:\n{self.output}"
                raise AssertionError(message)


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    answers: Mapping[re.Pattern[str], Callable[[re.Match[str]], str]] | None = None,
) -> Session:
    """Start a process as the leader of a session of its own, with the pseudo-terminal as its controlling terminal."""
    pid, handle = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        try:
            os.chdir(cwd)
            os.execvpe(  # noqa: S606 - no shell on purpose
                arguments[0], list(arguments), dict(env)
            )
        finally:
            os._exit(127)
    return Session(pid, handle, answers={CONFIRM: typed, APPROVE: typed} if answers is None else answers)


def typed(match: re.Match[str]) -> str:
    """What a careful person types: exactly what is asked for."""
    return match["answer"]
