"""A whole pytest session without a terminal, whose operator sits at the page only."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx

from tests.gate_runs import QUIET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=\S+")
TOKEN = re.compile(r'name="form" value="([^"]+)"')


class WebSession:
    """A run in a process of its own, in a session of its own: it has no terminal, whoever started it.

    Args:
        folder: the project.
        arguments: what is typed behind `pytest`.
        env: the process's variables.
    """

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *QUIET, *arguments],
            cwd=folder,
            env={**(os.environ if env is None else env), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.client = httpx.Client(follow_redirects=True, trust_env=False, timeout=10)
        self.base = self.home = ""

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line

    def enter(self) -> None:
        """Open the address that the session has printed, as soon as it has."""
        stop = time.monotonic() + 60
        while not (found := ADDRESS.search(self.output)):
            assert time.monotonic() < stop, self.output
            assert self._process.poll() is None, self.output
            time.sleep(0.05)
        answer = self.client.get(found[0])
        assert answer.status_code == 200, answer.text
        self.base, self.home = found[1], f"{found[1]}{answer.url.path}"

    def until(self, text: str, seconds: float = 60.0) -> str:
        """Look until a text stands on the page."""
        stop = time.monotonic() + seconds
        while text not in (page := self.client.get(self.home).text):
            assert time.monotonic() < stop, f"{text!r} never came; the page:\n{page}\nthe output:\n{self.output}"
            time.sleep(0.05)
        return page

    def send(self, **fields: str) -> str:
        """Send the form that stands on the page."""
        form = TOKEN.search(self.until('name="form"'))
        assert form
        data = {"form": form[1], **fields}
        return self.client.post(f"{self.home}answer", data=data, headers={"origin": self.base}).text

    def last_page(self, seconds: float = 60.0) -> str:
        """What the page says at the very end."""
        stop = time.monotonic() + seconds
        page = ""
        with contextlib.suppress(httpx.HTTPError):
            while "The session has ended" not in page and time.monotonic() < stop:
                page = self.client.get(self.home).text
                time.sleep(0.2)
        return page

    def wait(self, seconds: float = 120.0) -> int:
        """The exit code."""
        code = self._process.wait(seconds)
        self._reader.join(5)
        self.client.close()
        return code

    def end(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdout is not None:
            self._reader.join(5)
            self._process.stdout.close()
