"""Targets that are not what they should be, on loopback: one that answers pages, one whose clock is off, one that breaks."""

from __future__ import annotations

import contextlib
import email.utils
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PAGE = (200, "text/html; charset=utf-8", b"<!DOCTYPE html><title>Shop</title>")
JSON = (200, "application/json", b'{"data": {"status": "ok"}}')


@contextlib.contextmanager
def target(
    answers: Mapping[str, tuple[int, str, bytes]], *, ahead_seconds: float = 0, seen: list[str] | None = None
) -> Iterator[str]:
    """Serve answers by path (`*` for any other); the base URL. `seen` takes `METHOD path` of each request."""

    class Handler(BaseHTTPRequestHandler):
        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def _answer(self) -> None:
            if seen is not None:
                seen.append(f"{self.command} {self.path}")
            status, kind, body = answers.get(self.path, answers.get("*", (404, "text/plain", b"no")))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, _timestamp: float | None = None) -> str:
            return email.utils.formatdate(time.time() + ahead_seconds, usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
