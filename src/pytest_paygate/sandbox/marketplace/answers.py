"""The shape of every answer: `{"data": …}` or `{"error": {"code", "message"}}`, and what a request may look like.

Must not reach the database: this is form only. Nothing hostile passes: sizes, control characters and types are
checked before a value goes anywhere.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request

API_BODY_BYTES_MAX = 64 * 1024
WEBHOOK_BODY_BYTES_MAX = 1024 * 1024

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ApiError(Exception):
    """A refusal with an HTTP status, a stable code and a text for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def data(content: object, status: int = 200) -> JSONResponse:
    """Wrap content in the success envelope."""
    return JSONResponse({"data": content}, status_code=status)


def error(status: int, code: str, message: str) -> JSONResponse:
    """Make the error envelope."""
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


async def read_body(request: Request, bytes_max: int) -> bytes:
    """Read the raw body, at most `bytes_max` bytes.

    Raises:
        ApiError: 413 for a larger one.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise ApiError(413, "body_too_large", f"the body is larger than {bytes_max} bytes")
    return bytes(body)


def parse_object(body: bytes) -> dict[str, object]:
    """Parse a JSON object.

    Raises:
        ApiError: 400 when it is not JSON, 422 when it is JSON but not an object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(400, "malformed_json", "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise ApiError(422, "invalid_body", "the body is not a JSON object")
    return value


async def read_object(request: Request) -> dict[str, object]:
    """Read the request's body as a JSON object."""
    return parse_object(await read_body(request, API_BODY_BYTES_MAX))


def text_field(body: dict[str, object], name: str, length_max: int = 200) -> str:
    """Take a required text field that can be stored and shown.

    Raises:
        ApiError: 422 when it is missing, of another type, too long, or holds control characters.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > length_max or not value.isprintable():
        raise ApiError(422, "invalid_field", f"{name} must be a text of 1 to {length_max} printable characters")
    return value


def path_identifier(request: Request, name: str) -> str:
    """Take an id out of the path.

    Raises:
        ApiError: 404 when it cannot be an id of ours.
    """
    value = str(request.path_params[name])
    if _IDENTIFIER.fullmatch(value) is None:
        raise ApiError(404, "not_found", "there is no such order")
    return value
