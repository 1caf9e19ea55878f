"""The addresses of the eight apps. Owns the wiring from request to act to answer; rules stand in the acts' modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pytest_paygate.sandbox.fleet import a1_auth, a5_checkout, a5_payments, a5_status, a8_events
from pytest_paygate.sandbox.fleet.edge import TRACE_ID, Edge, refusal
from pytest_paygate.sandbox.fleet.service import WEBHOOK_PATH
from pytest_paygate.sandbox.marketplace.answers import (
    WEBHOOK_BODY_BYTES_MAX,
    ApiError,
    read_body,
    read_object,
    text_field,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.fleet.service import Fleet

APPS = tuple(f"a{number}" for number in range(1, 9))
_KEY_LENGTH_MAX = 255
_THANKS = "<!doctype html><title>A5</title><h1>Thank you</h1><p>Your credits are on their way.</p>"


class A1:
    """The handlers of A1."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def token(self, request: Request) -> Response:
        """`POST /api/auth/token`."""
        body = await read_object(request)
        return JSONResponse(await a1_auth.token(self._fleet, text_field(body, "email"), text_field(body, "password")))

    async def ping(self, _request: Request) -> Response:
        """`GET /api/auth/ping`: as cheap as an answer can be, so that its latency is that of the app."""
        return JSONResponse({"status": "ok"})


class A5:
    """The handlers of A5."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def status(self, _request: Request) -> Response:
        """`GET /api/status`: which environment A5 believes it is."""
        return JSONResponse(a5_status.told(self._fleet))

    async def create_checkout(self, request: Request) -> Response:
        """`POST /api/billing/create-checkout`."""
        account = await a1_auth.account_of(self._fleet, request)
        key = request.headers.get("idempotency-key", "")
        if len(key) > _KEY_LENGTH_MAX or not key.isprintable():
            raise ApiError(400, "invalid_idempotency_key", "an Idempotency-Key has at most 255 printable characters")
        body = await read_object(request)
        wanted = a5_checkout.Wanted(
            account, _integer(body, "credits"), _integer(body, "amount"), key, request.state.trace_id
        )
        made = await a5_checkout.create(self._fleet, wanted)
        status = 202 if self._fleet.world.faults.active("fleet_checkout_accepted_only") else 200
        return JSONResponse(made, status_code=status)

    async def refund(self, request: Request) -> Response:
        """`POST /api/billing/refund`."""
        await a1_auth.account_of(self._fleet, request)
        payment = text_field(await read_object(request), "payment_intent_id", 64)
        return JSONResponse(await a5_payments.refund(self._fleet, payment, request.state.trace_id))

    async def webhook(self, request: Request) -> Response:
        """`POST /webhooks/stripe`."""
        body = await read_body(request, WEBHOOK_BODY_BYTES_MAX)
        signature = request.headers.get("stripe-signature", "")
        return JSONResponse({"result": await a5_payments.receive(self._fleet, body, signature)})

    async def log(self, request: Request) -> Response:
        """`GET /internal/log`: A5's log as JSON Lines, of one trace or of all."""
        trace_id = request.query_params.get("trace_id")
        known = trace_id is None or TRACE_ID.fullmatch(trace_id)
        lines = await self._fleet.log.lines(trace_id) if known else ""
        return Response(lines, media_type="application/x-ndjson")

    async def thanks(self, _request: Request) -> Response:
        """`GET /credits/thanks`: where the payer comes back to."""
        return HTMLResponse(_THANKS)


class A8:
    """The handlers of A8."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def keep(self, request: Request) -> Response:
        """`POST /events`."""
        kept = await a8_events.keep(self._fleet, await read_object(request), request.state.trace_id)
        faults = self._fleet.world.faults
        status = 202 if faults.active("fleet_event_accepted_only") else 201
        status = 200 if faults.active("fleet_event_answered_200") else status
        return JSONResponse(kept, status_code=status)

    async def read(self, request: Request) -> Response:
        """`GET /events/{event_id}`."""
        return JSONResponse(await a8_events.read(self._fleet, request.path_params["event_id"]))


def apps(fleet: Fleet) -> dict[str, Starlette]:
    """Build the eight applications of one fleet, by name."""
    a1, a5, a8 = A1(fleet), A5(fleet), A8(fleet)
    own = {
        "a1": [Route("/api/auth/token", a1.token, methods=["POST"]), Route("/api/auth/ping", a1.ping)],
        "a5": [
            Route("/api/status", a5.status),
            Route("/api/billing/create-checkout", a5.create_checkout, methods=["POST"]),
            Route("/api/billing/refund", a5.refund, methods=["POST"]),
            Route(WEBHOOK_PATH, a5.webhook, methods=["POST"]),
            Route("/internal/log", a5.log),
            Route("/credits/thanks", a5.thanks),
        ],
        "a8": [Route("/events", a8.keep, methods=["POST"]), Route("/events/{event_id}", a8.read)],
    }
    return {name: _app(fleet, name, own.get(name, [])) for name in APPS}


def _app(fleet: Fleet, name: str, routes: list[Route]) -> Starlette:
    application = Starlette(
        routes=[Route("/health", _health), *routes],
        middleware=[Middleware(Edge, fleet=fleet, name=name)],
        exception_handlers={ApiError: _refused, HTTPException: _unroutable},
    )
    application.router.redirect_slashes = False
    return application


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _integer(body: dict[str, object], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ApiError(422, "invalid_field", f"{name} must be a whole number")
    return value


async def _refused(_request: Request, failure: Exception) -> Response:
    if not isinstance(failure, ApiError):
        raise failure
    return refusal(failure.status, failure.code, failure.message)


async def _unroutable(_request: Request, failure: Exception) -> Response:
    if not isinstance(failure, HTTPException):
        raise failure
    code, message = {
        404: ("not_found", "there is nothing at this address"),
        405: ("method_not_allowed", "this address does not take that method"),
    }.get(failure.status_code, ("refused", "the request was refused"))
    answer = refusal(failure.status_code, code, message)
    answer.headers.update(failure.headers or {})
    return answer
