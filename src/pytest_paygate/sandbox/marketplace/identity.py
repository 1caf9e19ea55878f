"""Buyers, passwords and bearer tokens. A token is opaque and kept as its digest only.

Must never log or return a password, and says the same of an unknown buyer as of a wrong password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import faults_unpaid, orders
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.marketplace.service import Marketplace

TOKEN_LIFETIME = timedelta(hours=1)
# Light on purpose: the only password in a sandbox is one that it prints itself, and a gate counts milliseconds.
_SCRYPT_COST = 2**10


def hash_password(password: str, salt: bytes) -> bytes:
    """Derive the stored form of a password."""
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=_SCRYPT_COST, r=8, p=1)


async def login(marketplace: Marketplace, email: str, password: str, trace_id: str) -> dict[str, object]:
    """Check a buyer's password and hand out a bearer token.

    Raises:
        ApiError: 401 when buyer and password do not belong together.
    """
    async with marketplace.world.marketplace_pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, password_salt, password_hash FROM buyers WHERE email = lower(%s)", (email,)
        )
        row = await cursor.fetchone()
        buyer_id, salt, stored = row or ("", b"", b"")
        right = hmac.compare_digest(hash_password(password, salt), stored)
        right = right or (row is not None and marketplace.world.faults.active("login_any_password"))
        if not right or marketplace.world.faults.active("login_refused"):
            marketplace.log.write("login_refused", trace_id, level="warning")
            raise ApiError(401, "invalid_credentials", "e-mail or password is wrong")
        token = secrets.token_urlsafe(32)
        await connection.execute(
            "INSERT INTO access_tokens (token_sha256, buyer_id, expires_at) VALUES (%s, %s, %s)",
            (_digest(token), buyer_id, marketplace.now() + TOKEN_LIFETIME),
        )
        faults = marketplace.world.faults
        if faults.active("earlier_order") or faults.is_set("refund_revokes_all"):
            await orders.insert_earlier(marketplace, connection, buyer_id)
    marketplace.log.write("login", trace_id, buyer_id=buyer_id)
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_LIFETIME.total_seconds())}


async def authenticate(marketplace: Marketplace, request: Request) -> str:
    """The id of the buyer whose token the request bears.

    Raises:
        ApiError: 401 when there is none, or it is unknown or expired.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return faults_unpaid.taken_for(
            marketplace, request, ApiError(401, "unauthorized", "a bearer token is required")
        )
    async with marketplace.world.marketplace_pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT buyer_id FROM access_tokens WHERE token_sha256 = %s AND expires_at > %s",
            (_digest(token), marketplace.now()),
        )
        row = await cursor.fetchone()
    if row is None:
        refusal = ApiError(401, "unauthorized", "the bearer token is unknown or expired")
        return faults_unpaid.taken_for(marketplace, request, refusal)
    return str(row[0])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
