"""The control surface at `/_sandbox/`: look at what really moved, set faults and delays, move the clock.

For the machine's own user only: a request whose Host is not loopback is refused, so that no web page can reach it
through a name it controls. Errors are RFC 9457 problem details.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route

from pytest_paygate.sandbox import delays
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.faults import REGISTRY, UnknownFaultError
from pytest_paygate.sandbox.fleet.history import History, parse
from pytest_paygate.sandbox.money_report import payments

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.marketplace.application_log import ApplicationLog
    from pytest_paygate.sandbox.world import World

_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_BODY_BYTES_MAX = 64 * 1024
_ADVANCE_SECONDS_MAX = 366 * 86_400

Rows = Callable[[], Awaitable[list[dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Views:
    """What control may read of the systems, and how it tells them that time or delays have changed."""

    ledger: Rows
    deliveries: Rows
    log: ApplicationLog
    wake: Callable[[], None]
    told: Mapping[str, str]
    write_history: Callable[[History], Awaitable[int]]
    samples: Callable[[str | None], Awaitable[list[dict[str, Any]]]]


class Control:
    """The handlers of one sandbox's control surface."""

    def __init__(self, world: World, views: Views) -> None:
        self._world = world
        self._views = views

    async def health(self, _request: Request) -> Response:
        """`GET health`."""
        now = self._world.clock.now_utc().isoformat()
        return _json({"status": "ok", "environment": self._world.environment, "now": now})

    async def description(self, _request: Request) -> Response:
        """`GET description`: addresses and published keys, as `paygate sandbox --json` prints them."""
        if "description" not in self._views.told:
            return _problem(503, "the sandbox is still starting")
        return Response(self._views.told["description"], media_type="application/json")

    async def ledger(self, _request: Request) -> Response:
        """`GET ledger`: every movement, and what each payment still has outstanding."""
        entries = await self._views.ledger()
        return _json({"entries": entries, "payments": payments(entries)})

    async def webhooks(self, _request: Request) -> Response:
        """`GET webhooks`: every delivery and what became of it."""
        return _json({"deliveries": await self._views.deliveries()})

    async def log(self, request: Request) -> Response:
        """`GET log`: the marketplace's application log as JSON Lines, of one trace or of all."""
        lines = self._views.log.lines(request.query_params.get("trace_id"))
        return Response(lines, media_type="application/x-ndjson")

    async def faults(self, request: Request) -> Response:
        """`GET`, `POST` and `DELETE faults`."""
        if request.method == "POST":
            body = await _read(request)
            parameters = body.get("parameters", {})
            if not isinstance(parameters, Mapping):
                return _problem(422, "parameters is not an object")
            try:
                self._world.faults.set(str(body.get("name")), parameters)
            except UnknownFaultError:
                return _problem(404, f"there is no fault of that name; known: {', '.join(sorted(REGISTRY))}")
            self._views.wake()
        elif request.method == "DELETE":
            self._world.faults.clear()
            self._views.wake()
        report = self._world.faults.report()
        off: dict[str, object] = {"active": False, "fired": 0}
        return _json(
            {
                "faults": [
                    {
                        "name": fault.name,
                        "layer": fault.layer,
                        "summary": fault.summary,
                        "row": fault.row,
                        "gate": fault.gate,
                    }
                    | report.get(fault.name, off)
                    for fault in REGISTRY.values()
                ]
            }
        )

    async def clock(self, request: Request) -> Response:
        """`POST clock`: move the sandbox's clock forward."""
        seconds = (await _read(request)).get("advance_seconds")
        known = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not isinstance(seconds, int | float) or not known or not 0 <= seconds <= _ADVANCE_SECONDS_MAX:
            return _problem(422, f"advance_seconds must be a number from 0 to {_ADVANCE_SECONDS_MAX}")
        self._world.clock.advance(seconds)
        self._views.wake()
        return _json({"now": self._world.clock.now_utc().isoformat()})

    async def history(self, request: Request) -> Response:
        """`GET` and `POST history`: the fleet's probe samples as JSON Lines; write a day of them."""
        if request.method == "POST":
            try:
                history = parse(await _read(request))
            except SandboxError as refusal:
                return _problem(422, str(refusal))
            return _json({"samples": await self._views.write_history(history)})
        found = await self._views.samples(request.query_params.get("endpoint"))
        lines = "".join(json.dumps(sample | {"at": sample["at"].isoformat()}) + "\n" for sample in found)
        return Response(lines, media_type="application/x-ndjson")

    async def delays(self, request: Request) -> Response:
        """`GET` and `POST delays`: seconds by name."""
        if request.method == "POST":
            try:
                self._world.delays_seconds.update(delays.checked(await _read(request)))
            except SandboxError as refusal:
                return _problem(422, str(refusal))
            self._views.wake()
        return _json({"delays_seconds": self._world.delays_seconds, "known": delays.DELAYS})


def app(world: World, views: Views) -> Starlette:
    """Build the control surface of one sandbox."""
    control = Control(world, views)
    guarded: list[tuple[str, Callable[[Request], Awaitable[Response]], list[str]]] = [
        ("/health", control.health, ["GET"]),
        ("/description", control.description, ["GET"]),
        ("/ledger", control.ledger, ["GET"]),
        ("/faults", control.faults, ["GET", "POST", "DELETE"]),
        ("/log", control.log, ["GET"]),
        ("/clock", control.clock, ["POST"]),
        ("/webhooks", control.webhooks, ["GET"]),
        ("/history", control.history, ["GET", "POST"]),
        ("/delays", control.delays, ["GET", "POST"]),
    ]
    routes = [Route(path, _for_loopback(handler), methods=methods) for path, handler, methods in guarded]
    return Starlette(routes=[Mount("/_sandbox", routes=routes)], exception_handlers={HTTPException: _refused})


def _for_loopback(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        if not _is_loopback(request.headers.get("host", "")):
            return _problem(403, "the sandbox is controlled from this machine only: the Host header is not loopback")
        origin = request.headers.get("origin")
        if origin is not None and not _is_loopback(urlsplit(origin).netloc):
            return _problem(403, "the sandbox is not controlled by web pages: the Origin header is not loopback")
        return await handler(request)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK_HOSTS
    except ValueError:
        return False


async def _read(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise HTTPException(413, f"the body is larger than {_BODY_BYTES_MAX} bytes")
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "the body is not a JSON object")
    return value


def _json(content: object) -> Response:
    return Response(json.dumps(content, default=str), media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    content = json.dumps({"type": "about:blank", "status": status, "detail": detail})
    return Response(content, status, media_type="application/problem+json")


async def _refused(_request: Request, failure: Exception) -> Response:
    if not isinstance(failure, HTTPException):
        raise failure
    return _problem(failure.status_code, failure.detail)
