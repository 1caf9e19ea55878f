"""How a stored object is shown: id first, and what depends on the moment of reading worked out then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json


def ordered(body: Json) -> Json:
    """The same object with `id` and `object` first and the rest by name, as the provider prints it."""
    head = {key: body[key] for key in ("id", "object") if key in body}
    return head | {key: body[key] for key in sorted(body) if key not in head}


def shown(call: Call, body: Json) -> Json:
    """The object as it looks now: funds become available when their time has come."""
    result = ordered(body)
    if body.get("object") == "balance_transaction":
        result["status"] = "available" if body["available_on"] <= call.now() else "pending"
    return result
