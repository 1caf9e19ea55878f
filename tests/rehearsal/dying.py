"""Makes the test process die at one exact point, from inside: copied into a rehearsal project as its `conftest.py`.

`PAYGATE_TEST_DIE` says where and how: `OFFSET:before|after:one|group|both`, with OFFSET counted in journal lines from the
line that intends the purchase; or `answered:METHOD PATH:…`, when a request was processed and its answer has come but
nothing knows of it yet. `both` takes the guardian along.
"""

from __future__ import annotations

import os
import signal

import httpx

from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.exposure.guardian import Guardian

WHERE, WHEN, WHOM = os.environ.get("PAYGATE_TEST_DIE", "::").split(":")
_guardians: list[int] = []
_seen: list[int] = []
_record, _send, _guard = JournalFile.record, httpx.AsyncClient.send, Guardian.__init__


def die() -> None:
    """End this process without a chance to say anything."""
    if WHOM == "both":
        for pid in _guardians:
            os.kill(pid, signal.SIGKILL)
    if WHOM == "group":
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def record(self: JournalFile, body: object) -> int:
    """Journal an event; die before or after the chosen one."""
    if body.kind == "charge_intended" or _seen:
        _seen.append(1)
    chosen = WHERE.isdigit() and len(_seen) == int(WHERE) + 1
    if chosen and WHEN == "before":
        die()
    line = _record(self, body)
    if chosen and WHEN == "after":
        die()
    return line


async def send(self: httpx.AsyncClient, request: httpx.Request, **more: object) -> httpx.Response:
    """Send a request; die when its answer has come."""
    answer = await _send(self, request, **more)
    if WHERE == "answered" and f"{request.method} {request.url.path}".startswith(WHEN):
        die()
    return answer


def guard(self: Guardian, *arguments: object, **more: object) -> None:
    """Start a guardian and remember it."""
    _guard(self, *arguments, **more)
    _guardians.append(self.pid)


JournalFile.record, httpx.AsyncClient.send, Guardian.__init__ = record, send, guard
