"""The outermost layer of every app of the fleet: trace ids, last-resort errors, and the faults of a whole app.

Every answer leaves through here, so every answer carries `X-Trace-Id`, also a 404 and a 500.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from pytest_paygate.sandbox.fleet.faults import SLOW_SECONDS
from pytest_paygate.sandbox.slow_database import SECONDS_DEFAULT, SlowDatabase

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pytest_paygate.sandbox.fleet.service import Fleet

_LOG = logging.getLogger(__name__)
TRACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_LATE_SECONDS = 0.3
# A gate asks A5 for its status, and right after it the samples in the database.
_BEFORE_SAMPLES_PATH = "/api/status"


def refusal(status: int, code: str, message: str) -> JSONResponse:
    """The shape of every error: `{"error": {"code", "message"}}`."""
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


class Edge:
    """ASGI middleware around one app.

    Args:
        app: what answers.
        fleet: whose faults and ids count.
        name: the app, `a1` to `a8`.
    """

    def __init__(self, app: ASGIApp, fleet: Fleet, name: str) -> None:
        self._app = app
        self._fleet = fleet
        self._name = name
        self._database: SlowDatabase | None = None
        self._looks = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request: give it a trace id, answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        faults, identifiers = self._fleet.world.faults, self._fleet.world.identifiers
        offered = Headers(scope=scope).get("x-trace-id", "")
        trace_id = offered if TRACE_ID.fullmatch(offered) else identifiers.make("trace", 20)
        scope.setdefault("state", {})["trace_id"] = trace_id
        if self._name == "a5" and self._hides_trace(str(scope["path"])):
            trace_id = identifiers.make("trace", 20)
        began, path = False, str(scope["path"])

        async def send_traced(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                headers["X-Trace-Id"] = trace_id
                if self._name == "a5" and faults.active("fleet_more_headers"):
                    headers["X-Request-Id"] = headers["X-Parent-Trace-Id"] = identifiers.make("trace", 20)
                if path.endswith("/create-checkout") and faults.active("fleet_header_holds_key"):
                    headers["X-Debug-Config"] = f"webhooks={self._fleet.world.keys.fleet_webhook}"
            await send(message)

        await self._wait(scope["path"])
        if faults.active(f"fleet_{self._name}_down") or self._goes_down(str(scope["path"])):
            await refusal(503, "unavailable", f"{self._name.upper()} is down")(scope, receive, send_traced)
            return
        try:
            await self._app(scope, receive, send_traced)
        except Exception:  # noqa: BLE001 - the last resort: no answer may be a stack trace
            _LOG.exception("%s could not answer %s", self._name, scope["path"])
            if not began:
                await refusal(500, "internal_error", "the app could not answer")(scope, receive, send_traced)

    def _hides_trace(self, path: str) -> bool:
        faults = self._fleet.world.faults
        if path == "/api/billing/refund" and faults.active("fleet_trace_lost_at_refund"):
            return True
        return path == "/api/billing/create-checkout" and faults.active("fleet_trace_not_echoed")

    def _goes_down(self, path: str) -> bool:
        """Whether an app that had a good past stops answering its health now."""
        faults = self._fleet.world.faults
        if path != "/health":
            return False
        if self._name == "a3":
            return faults.active("fleet_a3_goes_down")
        if self._name == "a8":
            # The first look is answered; the one right before money moves is not.
            self._looks += 1
            return self._looks > 1 and faults.active("fleet_a8_goes_down")
        return False

    async def _wait(self, path: str) -> None:
        """Let a slow fault have its time."""
        faults = self._fleet.world.faults
        if self._name == "a1" and faults.active("fleet_a1_slow"):
            await asyncio.sleep(faults.seconds("fleet_a1_slow", SLOW_SECONDS) or 0.0)
        if self._name == "a5" and path == _BEFORE_SAMPLES_PATH and faults.active("fleet_database_slow"):
            self._database = self._database or SlowDatabase(self._fleet.pool)
            await self._database.hold("probe_samples", faults.seconds("fleet_database_slow", SECONDS_DEFAULT) or 0.0)
        late = str(faults.parameter("fleet_answers_late", "app", "a3"))
        if late == self._name and faults.active("fleet_answers_late"):
            await asyncio.sleep(faults.seconds("fleet_answers_late", _LATE_SECONDS) or 0.0)
