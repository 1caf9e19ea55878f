"""The outermost layer of the marketplace: trace ids, request log, last-resort errors, and the faults of form.

Every answer leaves through here, so every answer carries `X-Trace-Id`, also a 404 and a 500.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response

from pytest_paygate.sandbox.marketplace import answers
from pytest_paygate.sandbox.marketplace.faults import SPOILED_PATH
from pytest_paygate.sandbox.slow_database import SECONDS_DEFAULT, SlowDatabase

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pytest_paygate.sandbox.marketplace.service import Marketplace

_TRACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_HUGE_BODY_BYTES = 8 * 1024 * 1024
_BLANKS_BYTES = 64 * 1024
_MALFORMED_BODY = b'{"data":{"access_token":"cut-in-the-mid'
_SLOW_SECONDS_DEFAULT = 0.05
_ORDER_PATH = re.compile(r"/api/v1/orders/[^/]+")
# A gate reads the licences, and right after them the transfer in the database.
_BEFORE_TRANSFER_PATH = "/api/v1/licenses/mine"


class _Retold:
    """Passes an answer on as the same JSON in another form: blanks before it, indented, keys turned round."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        """Take one message of the answer; the last one lets all of it go."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        value = json.loads(bytes(self._body))
        turned = {"meta": {"page": 1}, **dict(reversed(list(value.items())))}
        body = b" " * _BLANKS_BYTES + json.dumps(turned, indent=8, ensure_ascii=False).encode()
        headers = MutableHeaders(scope=self._start)
        headers["Content-Length"] = str(len(body))
        headers["Content-Type"] = "application/json; charset=UTF-8"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


class Edge:
    """ASGI middleware around the whole marketplace."""

    def __init__(self, app: ASGIApp, marketplace: Marketplace) -> None:
        self._app = app
        self._marketplace = marketplace
        self._database: SlowDatabase | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: give it a trace id, answer it, log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = self._trace_id(scope)
        scope.setdefault("state", {})["trace_id"] = trace_id
        started = time.perf_counter()
        status = 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._name_trace(MutableHeaders(scope=message), trace_id, f"{scope['method']} {scope['path']}")
            await send(message)

        try:
            spoiled = await self._spoiled(scope["method"], scope["path"])
            told = _Retold(send_traced) if self._hits("json_told_otherwise", scope["path"]) else send_traced
            await (spoiled or self._app)(scope, receive, told)
        except Exception as failure:  # noqa: BLE001 - the last resort: no answer may be a stack trace
            kind = type(failure).__name__
            self._marketplace.log.write("internal_error", trace_id, level="error", error=kind, path=scope["path"])
            if not status:
                refusal = answers.error(500, "internal_error", "the marketplace could not answer; nothing was changed")
                await refusal(scope, receive, send_traced)
        finally:
            self._marketplace.log.write(
                "request",
                trace_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )

    def _trace_id(self, scope: Scope) -> str:
        offered = Headers(scope=scope).get("x-trace-id", "")
        if _TRACE_ID.fullmatch(offered):
            return offered
        return self._marketplace.world.identifiers.make("trace", 20)

    def _name_trace(self, headers: MutableHeaders, trace_id: str, asked: str) -> None:
        faults = self._marketplace.world.faults
        is_order_read = asked.startswith("GET ") and "/orders/" in asked
        if not faults.active("trace_not_echoed") and not (is_order_read and faults.active("trace_lost_on_reads")):
            headers["X-Trace-Id"] = trace_id
        if faults.active("more_headers"):
            headers["X-Parent-Trace-Id"] = headers["X-Request-Trace"] = "another-trace"

    async def _spoiled(self, method: str, path: str) -> Response | None:
        """The answer a fault of form puts in place of the real one, after a slow fault has had its time."""
        faults = self._marketplace.world.faults
        if path.startswith("/api/") and faults.active("slow_answers"):
            await asyncio.sleep(float(str(faults.parameter("slow_answers", "seconds", _SLOW_SECONDS_DEFAULT))))
        if path == _BEFORE_TRANSFER_PATH and faults.active("database_slow"):
            self._database = self._database or SlowDatabase(self._marketplace.world.marketplace_pool)
            await self._database.hold("seller_transfers", faults.seconds("database_slow", SECONDS_DEFAULT) or 0.0)
        if method == "GET" and _ORDER_PATH.fullmatch(path) and faults.active("orders_unwell"):
            return answers.error(503, "unavailable", "the orders cannot be read at the moment")
        if self._hits("huge_body", path):
            return Response(b'{"data":"' + b"x" * _HUGE_BODY_BYTES + b'"}', media_type="application/json")
        if self._hits("html_instead_of_json", path):
            return HTMLResponse("<!doctype html><title>Welcome</title><h1>Please sign in to the network</h1>")
        if self._hits("malformed_json", path):
            return Response(_MALFORMED_BODY, media_type="application/json")
        return None

    def _hits(self, fault: str, path: str) -> bool:
        # The path is compared first: asking whether a fault is active counts it as fired.
        faults = self._marketplace.world.faults
        return fnmatchcase(path, str(faults.parameter(fault, "path", SPOILED_PATH))) and faults.active(fault)
