"""How each provider signs a webhook body. Pure: bytes, keys and a time in, header values out."""

from __future__ import annotations

import hashlib
import hmac

STRIPE_HEADER = "Stripe-Signature"
HYPERSWITCH_HEADER = "X-Webhook-Signature-512"
TOLERANCE_SECONDS = 300


class SignatureError(ValueError):
    """A webhook whose signature does not hold; the text says in what way."""


def stripe_signature(body: bytes, secret: str, timestamp: int) -> str:
    """Hex HMAC-SHA256 of `<timestamp>.<body>`, one `v1` value."""
    signed = str(timestamp).encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def stripe_header(body: bytes, secrets: list[str], timestamp: int) -> str:
    """`t=…,v1=…` with one `v1` per active secret, as during a secret roll."""
    parts = [f"t={timestamp}", *(f"v1={stripe_signature(body, secret, timestamp)}" for secret in secrets)]
    return ",".join(parts)


def hyperswitch_signature(body: bytes, key: str) -> str:
    """Lower-case hex HMAC-SHA512 of the raw body."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def verify_stripe(header: str, body: bytes, secrets: list[str], now_seconds: float) -> None:
    """Check a `Stripe-Signature` header; unlike the official verifiers a time too far ahead is refused as well.

    Raises:
        SignatureError: malformed header, no matching `v1`, or a timestamp more than 300 s away from `now_seconds`.
    """
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    candidates = [value.encode() for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not candidates:
        raise SignatureError("the signature header is malformed")
    timestamp = int(times[0])
    expected = [stripe_signature(body, secret, timestamp).encode() for secret in secrets]
    matches = [hmac.compare_digest(one, candidate) for one in expected for candidate in candidates]
    if not any(matches):
        raise SignatureError("no signature matches the body")
    if abs(now_seconds - timestamp) > TOLERANCE_SECONDS:
        raise SignatureError("the timestamp is outside the tolerance")
