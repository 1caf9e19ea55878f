"""The edge of the API: who may call, what a body may look like, how a refusal leaves.

Hostile input ends here: what passes is valid UTF-8 JSON without NUL or lone surrogates, so that PostgreSQL can hold it.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from pytest_paygate.sandbox.hyperswitch import errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from pytest_paygate.sandbox.world import World

    Endpoint = Callable[[Request], Awaitable[Any]]

BODY_BYTES_MAX = 256 * 1024
_LIVE_LOOKING = re.compile(r"\s*(prd|pk_prd|sk_live|rk_live|pk_live)_", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_LOG = logging.getLogger(__name__)


def authorize(world: World, key: str | None) -> None:
    """Let the sandbox's own key pass and nothing else.

    Raises:
        ApiError: 401 without a good key, 403 for any other live-looking key.
    """
    if key is not None and hmac.compare_digest(key.encode("utf-8", "replace"), world.keys.hyperswitch_api.encode()):
        return
    if key is not None and _LIVE_LOOKING.match(key):
        raise errors.live_key_refused()
    raise errors.unauthorized()


def path_id(request: Request, name: str, what: str) -> str:
    """An id from the path; one that cannot exist is not found.

    Raises:
        ApiError: 404.
    """
    value = str(request.path_params[name])
    if not _ID.match(value):
        raise errors.not_found(what)
    return value


async def read_body(request: Request) -> bytes:
    """The raw body.

    Raises:
        ApiError: when it is over 256 KiB.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise errors.invalid_data("The request body is too large")
    return body


async def read_object(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The body as a JSON object; an empty one counts as `{}` where the body is optional.

    Raises:
        ApiError: for anything else.
    """
    body = await read_body(request)
    if not body and optional:
        return {}
    return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object whose every text can be stored.

    Raises:
        ApiError: for anything else.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        # Lone surrogates survive parsing and break at the database; NUL survives everything but PostgreSQL.
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (ValueError, RecursionError):
        raise errors.not_deserializable("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise errors.not_deserializable("invalid type, expected an object")
    if "\\u0000" in text.replace("\\\\", ""):
        raise errors.not_deserializable("a text contains a NUL character")
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def guarded(world: World, endpoint: Endpoint, *, keyed: bool = True) -> Endpoint:
    """Wrap an endpoint: authorise first, turn every refusal and every accident into Hyperswitch's wire shape."""

    async def run(request: Request) -> Response:
        try:
            if keyed:
                authorize(world, request.headers.get("api-key"))
            answer = await endpoint(request)
        except errors.ApiError as error:
            return error.response()
        except Exception as error:  # noqa: BLE001 - the answer must not be a trace, which could hold a card
            _LOG.error("%s broke down: %s", request.url.path, type(error).__name__)
            return errors.internal().response()
        return (
            answer if not isinstance(answer, dict | list) else JSONResponse(answer, 200, {"Cache-Control": "no-store"})
        )

    return run
