"""The wire: key, version, form, idempotency, one handler in one transaction, JSON and headers out.

Owns the order in which a request is refused and what the idempotency layer keeps. Knows no resource.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from starlette.responses import Response

from pytest_paygate.sandbox.stripe import (
    authentication,
    errors,
    expansion,
    forms,
    idempotency,
    parameters,
    presentation,
    timers,
)
from pytest_paygate.sandbox.stripe.context import API_VERSION, EARLY_INTENT_VERSION, Call, unit_of_work
from pytest_paygate.sandbox.stripe.faults import UNWELL
from pytest_paygate.sandbox.stripe.routing import Refusal
from pytest_paygate.sandbox.stripe.untruths import spoiled

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.stripe.context import Json
    from pytest_paygate.sandbox.stripe.routing import Operation
    from pytest_paygate.sandbox.world import World

_LOG = logging.getLogger(__name__)
# What somebody who waits for money to move reads again and again.
_UNWELL_PATHS = ("/v1/refunds/", "/v1/payment_intents/")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, body text, and the headers this answer adds."""

    status: int
    body: str
    headers: dict[str, str]


async def serve(world: World, request: Request, operation: Operation | None) -> Response:
    """Answer one request; nothing a client sends makes this raise."""
    request_id = world.identifiers.make("req", 14)
    try:
        answer = await _answer(world, request, operation, request_id)
    except errors.StripeError as error:
        answer = _refusal(error)
    except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
        answer = _refusal(errors.lock_timeout())
    except Exception:  # noqa: BLE001 - an emulator fault is answered as the provider answers its own
        _LOG.exception("request %s failed inside the Stripe emulator", request_id)
        answer = _refusal(errors.api_error())
    version = EARLY_INTENT_VERSION if _version(request) == EARLY_INTENT_VERSION else API_VERSION
    headers = {"Request-Id": request_id, "Stripe-Version": version, "Cache-Control": "no-cache, no-store"}
    key = request.headers.get("idempotency-key")
    if key is not None and request.method == "POST":
        headers["Idempotency-Key"] = key
    if answer.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Stripe"'
    return Response(answer.body, answer.status, headers | answer.headers, media_type="application/json")


async def _answer(world: World, request: Request, operation: Operation | None, request_id: str) -> Answer:
    key = request.headers.get("authorization")
    livemode = authentication.livemode_of(world, key, request.method, request.url.path)
    version = _version(request)
    if version not in {API_VERSION, EARLY_INTENT_VERSION}:
        message = f"Invalid Stripe API version: {version[:60]}. This sandbox implements {API_VERSION} only."
        raise errors.invalid(message)
    account = request.headers.get("stripe-account", world.stripe_account_id)
    if account != world.stripe_account_id:
        raise errors.forbidden("This sandbox does not emulate requests on behalf of a connected account.")
    if operation is None or "\x00" in request.url.path:
        raise errors.unrecognized_url(request.method, request.url.path[:200])
    if request.method == "GET" and request.url.path.startswith(_UNWELL_PATHS) and world.faults.active(UNWELL):
        raise errors.unavailable()
    raw = await _form(request)
    await timers.run_due(world)
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if not key:
        return await _execute(world, operation, raw, request, (livemode, request_id, None))
    digest = idempotency.fingerprint(request.method, raw)
    async with unit_of_work(world, livemode=livemode, request_id=request_id, idempotency_key=key) as call:
        saved = await idempotency.claim(call, request.url.path, digest)
    if saved is not None:
        return Answer(saved.status, saved.body, {"Idempotent-Replayed": "true", "Original-Request": saved.request_id})
    return await _execute_once(world, operation, raw, request, (livemode, request_id, key))


async def _execute_once(
    world: World, operation: Operation, raw: Json, request: Request, who: tuple[bool, str, str | None]
) -> Answer:
    """Execute under a claimed key: an answer that was not kept gives the key back."""
    livemode, request_id, key = who
    kept = False
    try:
        answer = await _execute(world, operation, raw, request, who)
        kept = True
    except errors.StripeError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, the answer is a 500
        # A 500 is kept like any other answer: the client cannot know what happened, and must not repeat it.
        _LOG.exception("request %s failed inside the Stripe emulator", request_id)
        answer = _refusal(errors.api_error())
        async with unit_of_work(world, livemode=livemode, request_id=request_id, idempotency_key=key) as call:
            await idempotency.keep(call, answer.status, answer.body)
        kept = True
    finally:
        if not kept:
            async with unit_of_work(world, livemode=livemode, request_id=request_id, idempotency_key=key) as call:
                await idempotency.release(call)
    return answer


async def _execute(
    world: World, operation: Operation, raw: Json, request: Request, who: tuple[bool, str, str | None]
) -> Answer:
    livemode, request_id, key = who
    sent = parameters.read(operation.spec, raw) | request.path_params
    paths = sent.pop("expand", None) or []
    async with unit_of_work(
        world, livemode=livemode, request_id=request_id, idempotency_key=key, api_version=_version(request)
    ) as call:
        try:
            # The inner block undoes a refused request; a Refusal is an answer whose effects stay.
            async with call.connection.transaction():
                result = await operation.handler(call, sent)
                if isinstance(result, Refusal):
                    answer = _refusal(result.error)
                else:
                    shown = await _shown(call, result, paths)
                    answer = Answer(200, _text(spoiled(world, operation.method, operation.path, sent, shown)), {})
        except errors.StripeError as error:
            if not error.recorded:
                raise
            call.scheduled.clear()
            answer = _refusal(error)
        if key is not None:
            await idempotency.keep(call, answer.status, answer.body)
    return answer


async def _shown(call: Call, result: Json, paths: list[str]) -> Json:
    # Through JSON: expansion must not write into what is shared with stored or frozen objects.
    body: Json = json.loads(json.dumps(presentation.shown(call, result)))
    if body.get("object") == "list":
        body["data"] = [presentation.shown(call, item) for item in body["data"]]
    return await expansion.expanded(call, body, paths)


def _version(request: Request) -> str:
    return request.headers.get("stripe-version", API_VERSION)


def _refusal(error: errors.StripeError) -> Answer:
    return Answer(error.status, _text(error.body()), {})


def _text(body: Json) -> str:
    return json.dumps(body, indent=2)


async def _form(request: Request) -> Json:
    """Parameters of query and body together.

    Raises:
        StripeError: 400 for a body that is not a form, 413 for one that is too large.

    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > forms.MAX_BODY_BYTES:
            raise errors.StripeError(413, "invalid_request_error", "Request body is too large.", recorded=False)
    content_type = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if body and content_type != _FORM:
        message = (
            f"Invalid request (check that your POST content type is {_FORM}). If you have any questions, we can help "
            "at https://support.stripe.com/."
        )
        raise errors.invalid(message)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise errors.invalid("Invalid request: the form could not be decoded.") from error
    query = request.url.query
    return forms.decode("&".join(part for part in (query, text) if part))
