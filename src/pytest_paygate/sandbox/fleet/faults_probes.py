"""The ways A5 can believe whoever asks, or tell them its keys; each with the row it turns red.

Owns the declarations and the small decisions of these faults; the code that misbehaves asks here where it acts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.marketplace.answers import ApiError
from pytest_paygate.sandbox.webhooks import signing

if TYPE_CHECKING:
    from pytest_paygate.sandbox.fleet.a5_checkout import Wanted
    from pytest_paygate.sandbox.fleet.service import Fleet
    from pytest_paygate.sandbox.world import World

_BENIGN = ""
_DECLARED = (
    ("price_from_client", "A5 takes whatever amount the client names for its credits", "checkout_probes"),
    ("price_own", "A5 takes its own price, whatever amount the client names; benign", _BENIGN),
    ("key_ignored", "A5 makes a new checkout for a request that is sent again under its key", "checkout_probes"),
    ("repeat_refused", "A5 answers 409 to a request that is sent again under its key; benign", _BENIGN),
    ("webhook_unverified", "A5 takes a webhook whoever has signed it, or nobody", "webhooks"),
    ("webhook_stale_taken", "A5 takes a rightly signed webhook of any age", "webhooks"),
    ("status_holds_key", "A5's status holds the provider key", "environment"),
    ("header_holds_key", "a header of A5's checkout answer holds the secret of its webhooks", "checkout"),
    ("status_holds_published_key", "A5's status holds the key that every page shows; benign", _BENIGN),
    ("webhook_refused_with_400", "A5 refuses a webhook with 400, not 401; benign", _BENIGN),
)

REGISTRY.update(
    {f"fleet_{name}": Fault(f"fleet_{name}", "fleet", summary, row, "microcharge") for name, summary, row in _DECLARED}
)


def priced(fleet: Fleet, wanted: Wanted, price_minor: int) -> Wanted:
    """A request with the amount that A5 takes for it.

    Raises:
        ApiError: 422 for another amount than the price.
    """
    faults = fleet.world.faults
    if wanted.amount_minor == price_minor or faults.active("fleet_price_from_client"):
        return wanted
    if faults.active("fleet_price_own"):
        return replace(wanted, amount_minor=price_minor)
    raise ApiError(422, "wrong_price", f"the amount is not our price: {price_minor} cents")


def forgets(fleet: Fleet) -> bool:
    """Whether a request that was sent before under its key makes a new checkout.

    Raises:
        ApiError: 409 where it is refused.
    """
    if fleet.world.faults.active("fleet_repeat_refused"):
        raise ApiError(409, "repeated", "a request under this Idempotency-Key was answered before")
    return fleet.world.faults.active("fleet_key_ignored")


def verify_webhook(world: World, signature: str, body: bytes) -> None:
    """Look at a webhook's signature, as strictly as the faults let A5.

    Raises:
        ApiError: 401 (by fault 400) for a bad signature or time.
    """
    keys, faults = [world.keys.fleet_webhook], world.faults
    now_seconds = world.clock.now()
    try:
        signing.verify_stripe(signature, body, keys, now_seconds)
    except signing.SignatureError as refusal:
        if faults.active("fleet_webhook_unverified"):
            return
        if _is_right(signature, body, keys) and faults.active("fleet_webhook_stale_taken"):
            return
        status = 400 if faults.active("fleet_webhook_refused_with_400") else 401
        raise ApiError(status, "invalid_signature", str(refusal)) from None


def _is_right(signature: str, body: bytes, keys: list[str]) -> bool:
    """Whether a signature was right at its own time."""
    told = dict(part.strip().split("=", 1) for part in signature.split(",") if "=" in part).get("t", "")
    if not (told.isascii() and told.isdigit()):
        return False
    try:
        signing.verify_stripe(signature, body, keys, float(told))
    except signing.SignatureError:
        return False
    return True
