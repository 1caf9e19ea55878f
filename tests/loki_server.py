"""A small HTTP server that keeps one stream of lines and answers `query_range` as Loki's API reference documents it.

It narrows by selector, text filter, time range and limit, so that a query that asks for the wrong thing finds nothing.
"""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUERY = re.compile(r'\{app="a5"\} \|= ("[^"]*")')


@contextmanager
def loki(lines: Path, token: str) -> Iterator[str]:
    """Serve the lines of a file under `{app="a5"}` to whoever brings the token; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            matched = QUERY.fullmatch(query.get("query", ""))
            if self.headers.get("Authorization") != f"Bearer {token}":
                self._answer(401, {"status": "error"})
            elif parts.path != "/loki/api/v1/query_range" or matched is None:
                self._answer(400, {"status": "error", "errorType": "bad_data"})
            else:
                self._answer(200, self._found(json.loads(matched[1]), query))

        def _found(self, text: str, query: dict[str, str]) -> dict[str, object]:
            now_ns = time.time_ns()
            within = int(query["start"]) <= now_ns <= int(query["end"])
            held = lines.read_text().splitlines() if lines.exists() and within else []
            found = [line for line in held if text in line][: int(query["limit"])]
            values = [[str(now_ns + number), line] for number, line in enumerate(found)]
            result = [{"stream": {"app": "a5"}, "values": values}] if values else []
            return {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}

        def _answer(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
