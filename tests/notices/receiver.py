"""A receiver of notices on loopback: it verifies each signature with the library, and answers as a test wants."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a key for tests, of thirty-two b").decode()


class Receiver:
    """`received` holds the payloads whose signature was right, `refused` counts the others; `answers` is used up."""

    def __init__(self, *answers: int, slow_seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.received: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.refused = 0
        self.slow_seconds = slow_seconds
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                time.sleep(receiver.slow_seconds)
                try:
                    receiver.received.append(Webhook(SECRET).verify(body, headers))
                except Exception:  # noqa: BLE001 - whatever is wrong with it, it is refused
                    receiver.refused += 1
                receiver.headers.append(headers)
                receiver.bodies.append(body)
                with contextlib.suppress(OSError):
                    self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                    self.send_header("location", "https://elsewhere.example/")
                    self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where notices are sent."""
        return f"http://127.0.0.1:{self._server.server_port}/hooks/paygate"

    def kinds(self) -> list[str]:
        """The kinds of the notices that came, in order."""
        return [one["type"] for one in self.received]

    def data(self, kind: str) -> list[dict[str, Any]]:
        """The data of each notice of one kind."""
        return [one["data"] for one in self.received if one["type"] == f"paygate.{kind}"]

    def text(self) -> str:
        """Everything that came."""
        return json.dumps(self.received) + b"".join(self.bodies).decode()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
