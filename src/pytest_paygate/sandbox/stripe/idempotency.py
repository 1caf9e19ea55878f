"""Idempotency keys: the first answer is kept and replayed; another request under the same key is refused.

Owns `stripe.idempotency`. Keys belong to the account and the mode, not to one endpoint, and are forgotten after 24
hours on the emulator's clock. The answer is stored in the transaction that made it, so effect and memory agree.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import errors

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

RETENTION_SECONDS = 24 * 60 * 60
KEY_CHARACTERS_MAX = 255
# Parameters can hold a card number; a keyed digest cannot be searched for it afterwards.
_DIGEST_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Saved:
    """The answer a key's first request got."""

    status: int
    body: str
    request_id: str


def fingerprint(method: str, parameters: Json) -> str:
    """A keyed digest of what was asked, independent of the order of its parameters."""
    canonical = json.dumps([method, parameters], sort_keys=True, separators=(",", ":"))
    return hmac.new(_DIGEST_KEY, canonical.encode(), hashlib.sha256).hexdigest()


async def claim(call: Call, endpoint: str, digest: str) -> Saved | None:
    """Reserve the call's key, or return the answer it already got.

    Raises:
        StripeError: 400 when the key was used for something else, 409 while its first request still runs.

    """
    key = str(call.idempotency_key)
    if len(key) > KEY_CHARACTERS_MAX:
        raise errors.invalid(f"Idempotency-Key must be at most {KEY_CHARACTERS_MAX} characters.")
    now = call.world.clock.now()
    await call.connection.execute(
        "DELETE FROM stripe.idempotency WHERE livemode = %s AND key = %s AND created < %s",
        (call.livemode, key, now - RETENTION_SECONDS),
    )
    cursor = await call.connection.execute(
        "INSERT INTO stripe.idempotency (livemode, key, endpoint, fingerprint, created, request_id)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING key",
        (call.livemode, key, endpoint, digest, now, call.request_id),
    )
    if await cursor.fetchone() is not None:
        return None
    cursor = await call.connection.execute(
        "SELECT endpoint, fingerprint, status, body, request_id FROM stripe.idempotency"
        " WHERE livemode = %s AND key = %s",
        (call.livemode, key),
    )
    found = await cursor.fetchone()
    if found is None:
        raise errors.key_in_use(key)
    if found[0] != endpoint:
        message = (
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{endpoint}' vs '{found[0]}'). Try using a key other than '{key}' if you meant to execute a different "
            "request."
        )
        raise errors.idempotency_mismatch(message)
    if found[1] != digest:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request."
        )
        raise errors.idempotency_mismatch(message)
    if found[2] is None:
        raise errors.key_in_use(key)
    return Saved(found[2], found[3], found[4])


async def keep(call: Call, status: int, body: str) -> None:
    """Remember the answer, in the transaction that holds its effect."""
    await call.connection.execute(
        "UPDATE stripe.idempotency SET status = %s, body = %s WHERE livemode = %s AND key = %s",
        (status, body, call.livemode, call.idempotency_key),
    )


async def release(call: Call) -> None:
    """Forget a claim whose request never began to execute."""
    await call.connection.execute(
        "DELETE FROM stripe.idempotency WHERE livemode = %s AND key = %s AND request_id = %s",
        (call.livemode, call.idempotency_key, call.request_id),
    )
