"""Who is calling: Basic or Bearer, secret keys only, and no real live key ever.

Owns the key rules. A live-looking key that is not the published rehearsal key is refused without being echoed, kept
or logged, so that nobody's real key reaches the emulator's state.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import errors
from pytest_paygate.sandbox.world import REHEARSAL_STRIPE_KEY, REHEARSAL_STRIPE_REFUND_KEY

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

LIVE_KEY_REFUSED = (
    "This sandbox refuses live keys: it moves no real money and must never see one. Use the test key it printed at "
    "start, or the published rehearsal key. If a real key was just sent here, treat it as exposed and roll it."
)
_NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we "
    "can help at https://support.stripe.com/."
)
_PUBLISHABLE = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your "
    "API keys at https://dashboard.stripe.com/account/apikeys."
)


# What the restricted key may do: method and how the path starts.
_RIGHTS = (
    ("GET", "/v1/charges"),
    ("GET", "/v1/refunds"),
    ("GET", "/v1/payment_intents"),
    ("GET", "/v1/checkout/sessions"),
    ("POST", "/v1/refunds"),
)
_CLOSING = ("/cancel", "/expire")


def livemode_of(world: World, header: str | None, method: str = "GET", path: str = "") -> bool:
    """Check the Authorization header and say in which mode its key works.

    Args:
        world: whose keys count.
        header: the Authorization header.
        method: of the request, for a restricted key's rights.
        path: likewise.

    Raises:
        StripeError: 401 without a usable key, 403 for a restricted key.

    """
    key = _key(header)
    if key is None:
        raise errors.unauthorized(_NO_KEY)
    if hmac.compare_digest(key.encode(), REHEARSAL_STRIPE_KEY.encode()):
        return True
    if hmac.compare_digest(key.encode(), REHEARSAL_STRIPE_REFUND_KEY.encode()):
        if not _may(method, path):
            raise errors.forbidden(
                f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on "
                f"account '{world.stripe_account_id}'."
            )
        return True
    if key.startswith(("sk_live_", "rk_live_", "pk_live_", "prd_")):
        raise errors.unauthorized(LIVE_KEY_REFUSED)
    if key.startswith("pk_"):
        raise errors.unauthorized(_PUBLISHABLE, "secret_key_required")
    if key.startswith("rk_"):
        message = (
            f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on account "
            f"'{world.stripe_account_id}'. This sandbox has no restricted keys; use its secret key."
        )
        raise errors.forbidden(message)
    if world.keys.livemode or not hmac.compare_digest(key.encode(), world.keys.stripe_secret.encode()):
        raise errors.unauthorized(f"Invalid API Key provided: {_masked(key)}")
    return False


def _may(method: str, path: str) -> bool:
    if method == "POST" and path.endswith(_CLOSING):
        return True
    return any(method == right and path.startswith(start) for right, start in _RIGHTS)


def _key(header: str | None) -> str | None:
    scheme, _, credentials = (header or "").partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer":
        return credentials or None
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[0] or None
    return None


def _masked(key: str) -> str:
    """`sk_test_****1234`: the prefix and the last four, as Stripe shows a wrong key."""
    prefix = next((start for start in ("sk_test_", "rk_test_", "pk_test_") if key.startswith(start)), "")
    tail = key[-4:] if len(key) >= len(prefix) + 8 else ""
    return f"{prefix}****{tail}"
