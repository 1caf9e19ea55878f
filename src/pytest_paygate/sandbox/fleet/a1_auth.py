"""A1: bearer tokens for the fleet. A token is opaque and kept as its digest only.

Must never log or return a password, and says the same of an unknown student as of a wrong password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.fleet.schema import STUDENT_ID
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.fleet.service import Fleet

TOKEN_LIFETIME = timedelta(hours=1)


async def token(fleet: Fleet, email: str, password: str) -> dict[str, object]:
    """Hand out a bearer token for an hour.

    Raises:
        ApiError: 401 for a wrong e-mail address or password.
    """
    keys = fleet.world.keys
    known = hmac.compare_digest(email.casefold().encode(), keys.buyer_email.encode())
    right = hmac.compare_digest(password.encode("utf-8", "surrogatepass"), keys.buyer_password.encode())
    if not (known and right):
        raise ApiError(401, "invalid_credentials", "e-mail address or password is wrong")
    bearer = secrets.token_urlsafe(32)
    async with fleet.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO access_tokens VALUES (%s, %s, %s)",
            (_digest(bearer), STUDENT_ID, fleet.now() + TOKEN_LIFETIME),
        )
    return {"access_token": bearer, "token_type": "bearer", "expires_in": int(TOKEN_LIFETIME.total_seconds())}


async def account_of(fleet: Fleet, request: Request) -> str:
    """Whose account a request is about: its token's holder, or the fleet's one student where it has no token.

    Raises:
        ApiError: 401 for a token that is unknown or has run out.
    """
    header = request.headers.get("authorization")
    if header is None:
        return STUDENT_ID
    scheme, _, bearer = header.partition(" ")
    async with fleet.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT account_id FROM access_tokens WHERE token_sha256 = %s AND expires_at > %s",
            (_digest(bearer.strip()), fleet.now()),
        )
        found = await cursor.fetchone()
    if scheme.lower() != "bearer" or found is None:
        raise ApiError(401, "unauthorized", "the bearer token is unknown or has run out")
    return str(found[0])


def _digest(bearer: str) -> bytes:
    return hashlib.sha256(bearer.encode("utf-8", "surrogatepass")).digest()
