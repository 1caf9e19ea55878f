"""A newcomer with three terminals in one empty folder, who does what the page says and compares what it shows.

Owns the way from a step to a process: every command runs in a shell on a pseudo-terminal of its own, prompts are answered
by `tests.rehearsal.terminal`, and what a command exports is there for the next one. Ports are the one thing that differs
from the page: the page's own may be taken on this machine.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.rehearsal.project import environ
from tests.rehearsal.terminal import start
from tests.tutorial.comparing import colourless, difference, plain
from tests.tutorial.document import INTERRUPT, Change, Command, File

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.rehearsal.terminal import Session
    from tests.tutorial.document import Step

READY_SECONDS = 60.0
# What uvicorn says when it has started, and again after each change it has seen.
STARTED = "Application startup complete."
# What it says when it has seen a change. It takes the first look after a start, a quarter of a second later, for how the
# files always were: a change that came before it has to be saved once more.
NOTICED = "Reloading..."
SAVED_AGAIN_SECONDS = 3.0
WORKING = 1


@dataclass
class Running:
    """A command that stays, in a terminal; its output is read all the time, so that it never waits for us."""

    session: Session
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        while self.session.pump(0.1):
            pass
        self.done.set()

    @property
    def shown(self) -> str:
        """What it has shown, without colours."""
        return colourless(self.session.output)

    def until(self, text: str, times: int = 1) -> None:
        """Wait until a text has been shown that many times."""
        deadline = time.monotonic() + READY_SECONDS
        while self.shown.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} was never shown; shown so far:\n{self.shown}"
            assert not self.done.is_set(), f"ended without {text!r}:\n{self.shown}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Press Ctrl-C and wait for the end."""
        if not self.done.is_set():
            os.write(self.session.handle, b"\x03")
        assert self.done.wait(READY_SECONDS), f"Ctrl-C did not end it:\n{self.shown}"
        self.session.wait()


class Reader:
    """Carries steps out in a folder.

    Args:
        folder: empty.
        index: what `tests.tutorial.wheel` made: the `wheel` to be had, and `site` and `bin` of its dependencies.
        wheel: the wheel.
        ports: the page's port numbers and ours.
    """

    def __init__(self, folder: Path, index: Path, wheel: Path, ports: Mapping[int, int]) -> None:
        self._folder = folder
        self._index = index
        self._ports = {str(old): str(new) for old, new in ports.items()}
        (index / "bin" / "python3").unlink(missing_ok=True)
        (index / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
        first = environ(
            PATH=f"{index / 'bin'}:/usr/bin:/bin",
            HOME=str(index),
            COLUMNS="80",
            # What is asked comes in lines then, which `tests.rehearsal.terminal` answers.
            TERM="dumb",
            PIP_NO_INDEX="1",
            PIP_FIND_LINKS=str(wheel.parent),
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            COVERAGE_PROCESS_CONFIG="",
            **{
                f"GIT_{who}_{what}": "ann@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
            },
        )
        # With CI set, pytest does not shorten what a reader sees shortened.
        for name in ("PYTHONPATH", "VIRTUAL_ENV", "CI", "BUILD_NUMBER"):
            first.pop(name, None)
        self._variables = {terminal: dict(first) for terminal in (1, 2, 3)}
        self._running: dict[int, Running] = {}
        self.shown: list[tuple[Command, str]] = []

    def carry_out(self, step: Step) -> None:
        """Do one step; an `AssertionError` says what the page says and what came instead."""
        before = self._shop()
        if isinstance(step, File):
            path = self._folder / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._ours(step.text))
        elif isinstance(step, Change):
            self._change(step)
        elif step.typed == INTERRUPT:
            self._running.pop(step.terminal).stop()
        elif self._stays(step):
            self._start(step)
        else:
            self._run(step)
        if self._shop() != before and 3 in self._running:
            self._until_noticed()
            self._running[3].until(STARTED, self._starts + 1)

    def _until_noticed(self) -> None:
        began = saved = time.monotonic()
        # An unseen change is told of by whoever waits for the start that follows from it.
        while self._running[3].shown.count(NOTICED) < self._starts and time.monotonic() - began < READY_SECONDS:
            time.sleep(0.05)
            if time.monotonic() - saved > SAVED_AGAIN_SECONDS:
                saved = time.monotonic()
                for path in self._folder.glob("shop/*.py"):
                    path.touch()

    def close(self) -> None:
        """End whatever still runs."""
        for running in self._running.values():
            if running.session.status is None and not running.done.is_set():
                os.killpg(running.session.pid, signal.SIGTERM)
                running.done.wait(READY_SECONDS)
                running.session.wait()
        self._running.clear()

    def _stays(self, step: Command) -> bool:
        return step.typed.startswith(("paygate sandbox ", "sh start-shop.sh"))

    def _start(self, step: Command) -> None:
        running = Running(self._session(step, self._ours(step.typed)))
        self._running[step.terminal] = running
        running.until(self._ours(step.shown.splitlines()[-1]))
        self._compare(step, running.shown)

    def _run(self, step: Command) -> None:
        state = self._index / "variables"
        session = self._session(step, f"{self._ours(step.typed)}\nstatus=$?\nenv -0 > {state}\nexit $status\n")
        session.wait(300)
        if state.exists():
            pairs = (pair.partition("=") for pair in state.read_bytes().decode().split("\0") if pair)
            self._variables[step.terminal] = {name: value for name, _, value in pairs}
            state.unlink()
        self._give_dependencies()
        self._compare(step, session.output)

    def _session(self, step: Command, line: str) -> Session:
        self._starts = self._running[3].shown.count(STARTED) if 3 in self._running else 0
        return start(["/bin/bash", "-c", line], cwd=self._folder, env=self._variables[step.terminal])

    def _compare(self, step: Command, output: str) -> None:
        theirs = output
        for old, new in self._ports.items():
            theirs = re.sub(rf"\b{new}\b", old, theirs)
        theirs = theirs.replace(str(self._folder), "…")
        self.shown.append((step, plain(theirs)))
        found = difference(theirs, step.shown)
        assert not found, f"$ {step.typed}\n{found}"

    def _change(self, step: Change) -> None:
        path = self._folder / step.path
        text = path.read_text()
        for old, new in step.hunks:
            assert text.count(self._ours(old)) == 1, f"{step.path} does not have exactly once:\n{old}"
            text = text.replace(self._ours(old), self._ours(new))
        self._starts = self._running[3].shown.count(STARTED) if 3 in self._running else 0
        # At once, as an editor does: half a file is no change of its own.
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def _give_dependencies(self) -> None:
        """Let a new virtual environment have the dependencies: what the index would have given it."""
        for site in self._folder.glob(".venv/lib/python3*/site-packages"):
            (site / "dependencies.pth").write_text(f"{self._index / 'site'}\n")

    def _shop(self) -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in self._folder.glob("shop/*.py")}

    def _ours(self, text: str) -> str:
        for old, new in self._ports.items():
            text = re.sub(rf"(?<=:){old}\b|(?<=--port ){old}\b", new, text)
        return text.replace("paygate sandbox ", f"paygate sandbox --port-base {self._ports['8460']} ")
