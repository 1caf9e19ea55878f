"""The capacity log of an environment as files: the log, its head, and the lock under which both change.

Rules:
- the head names the number of lines and holds the last one whole. It is put in place first, in one step: from then on
  the line counts, and a crash before it stands in the log is made good by whoever comes next;
- a log that does not end as its head says is refused: cut, put back, or another one;
- nothing is ever taken out of the log, and whatever cannot be read counts against the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import time
from typing import TYPE_CHECKING

from pytest_paygate.adapters.run_directory import sync_folder
from pytest_paygate.core import capacity
from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, StoreError
from pytest_paygate.core.journal import strict_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from pytest_paygate.core.capacity import Book, CapacityEntry

LOG = "capacity.jsonl"
HEAD = "capacity.head"
LOCK = "capacity.lock"
WAIT_SECONDS = 10.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class FileCapacity:
    """Capacity logs below a folder, one for each environment. Implements `core.live_ports.CapacityLog`.

    Args:
        folder: the local store's; one folder below it for each environment.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, environment: str) -> Book:
        """Every line there is; see `core.live_ports.CapacityLog`."""
        home = self._home(environment)
        async with _locked(home):
            return capacity.read(_lines(home, environment)[0], environment)

    async def change(self, environment: str, decide: Callable[[Book], CapacityEntry | None], at: datetime) -> Book:
        """Add one line; see `core.live_ports.CapacityLog`."""
        home = self._home(environment)
        async with _locked(home):
            lines, missing = _lines(home, environment)
            book = capacity.read(lines, environment)
            try:
                if missing:
                    _append(home, missing)
                entry = decide(book)
                if entry is None:
                    return book
                line = capacity.encode(book, entry, at)
                after = capacity.follow(book, line)
                _put_head(home, len(after.lines), line)
                _append(home, line + b"\n")
            except OSError as error:
                raise _unusable(home, error) from None
            return after

    def _home(self, environment: str) -> Path:
        if not _NAME.fullmatch(environment):
            raise ValueError("names in the store are plain words")
        home = self._folder / environment
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unusable(home, error) from None
        return home


@contextlib.asynccontextmanager
async def _locked(home: Path) -> AsyncIterator[None]:
    """Hold the lock of one log; whoever holds it longer than a moment hangs, and is told of."""
    try:
        handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(home, error) from None
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise _unusable(home, error) from None
            await asyncio.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _lines(home: Path, environment: str) -> tuple[list[bytes], bytes]:
    """Every line that counts, and what of the last one a crash has kept out of the log."""
    content, head = _content(home / LOG), _content(home / HEAD)
    *whole, tail = content.split(b"\n")
    if not head:
        if content:
            raise capacity.damaged(environment, len(whole), f"its head in {HEAD}", "none")
        return [], b""
    count, last = _head(head, environment)
    if len(whole) == count and not tail and whole[-1] == last:
        return whole, b""
    if len(whole) == count - 1 and last.startswith(tail):
        return [*whole, last], last[len(tail) :] + b"\n"
    raise capacity.damaged(environment, len(whole), f"{count} lines, the last as in {HEAD}", "another end of the log")


def _head(content: bytes, environment: str) -> tuple[int, bytes]:
    try:
        told = strict_json(content)
        count, last = int(told["count"]), str(told["line"]).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        told = None
    if told is None or count < 1 or _encoded(count, last) != content:
        raise capacity.damaged(environment, 0, f"{HEAD} as it was written", "something else")
    return count, last


def _encoded(count: int, line: bytes) -> bytes:
    return json.dumps({"count": count, "line": line.decode()}, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _put_head(home: Path, count: int, line: bytes) -> None:
    fresh = home / f".{HEAD}.new"
    with fresh.open("wb") as file:
        file.write(_encoded(count, line))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(home / HEAD)
    sync_folder(home)


def _append(home: Path, content: bytes) -> None:
    with (home / LOG).open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(home)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        Refusal(
            refused=f"the capacity log in {path} cannot be used, so nothing counts as left",
            expected="files this user may read and write, held by nobody for long",
            observed=error.strerror or type(error).__name__,
            money=NOTHING_MOVED,
            next_step="Free space, fix the permissions, or end the process that hangs; then start again.",
        )
    )
