"""`expand[]`: ids replaced by the objects they name, four levels deep at most.

Owns which members can be expanded. Works on the answer just before it is sent; stored objects only hold ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.stripe import accounts, checkout_sessions, errors, presentation, shapes, storage

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

DEPTH_MAX = 4
_LINKS = {
    "payment_intent": {
        "application", "customer", "latest_charge", "on_behalf_of", "payment_method", "payment_record", "review",
        "source",
    },
    "charge": {
        "application", "application_fee", "balance_transaction", "customer", "failure_balance_transaction",
        "on_behalf_of", "payment_intent", "refunds", "review", "source_transfer", "transfer",
    },
    "refund": {
        "balance_transaction", "charge", "customer", "failure_balance_transaction", "payment_intent", "payment_method",
        "source_transfer_reversal", "transfer_reversal",
    },
    "balance_transaction": {"source"},
    "transfer": {"balance_transaction", "destination", "destination_payment", "reversals", "source_transaction"},
    "transfer_reversal": {"balance_transaction", "destination_payment_refund", "source_refund", "transfer"},
    "checkout.session": {
        "customer", "invoice", "line_items", "payment_intent", "payment_link", "setup_intent", "subscription",
    },
    "price": {"product"},
    "product": {"default_price", "tax_code"},
    "customer": {"default_source", "test_clock"},
    "payment_method": {"customer"},
    "item": {"price"},
}  # fmt: skip


async def expanded(call: Call, body: Json, paths: list[str]) -> Json:
    """The answer with every path expanded.

    Raises:
        StripeError: 400 for a path that is too deep or names a member that cannot be expanded.

    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEPTH_MAX:
            message = f"You cannot expand more than {DEPTH_MAX} levels of a property. Property: {path[:200]}"
            raise errors.invalid(message, param="expand")
        await _walk(call, body, parts, path)
    return body


async def _walk(call: Call, node: Any, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    if not isinstance(node, dict):
        raise _cannot(path)
    name, rest = parts[0], parts[1:]
    if node.get("object") == "list":
        if name != "data":
            raise _cannot(path)
        for item in node["data"]:
            await _walk(call, item, rest, path)
        return
    if name not in _LINKS.get(str(node.get("object")), ()):
        raise _cannot(path)
    linked = await _linked(call, node, name)
    if linked is None:
        # Asking for what is not there must not make an absent member appear.
        return
    node[name] = linked
    await _walk(call, linked, rest, path)


async def _linked(call: Call, node: Json, name: str) -> Any:
    value = node.get(name)
    if name == "line_items" and value is None:
        row = await storage.in_url(call, "checkout.session", node["id"])
        return checkout_sessions.shown_line_items(row)
    if name == "refunds" and value is None:
        return await _refunds(call, node["id"])
    if not isinstance(value, str):
        return value
    account = accounts.describe(call.world, value)
    if account is not None:
        return account
    found = await storage.find(call, None, value)
    return value if found is None else presentation.shown(call, found.body)


async def _refunds(call: Call, charge_id: str) -> Json:
    cursor = await call.connection.execute(
        "SELECT body FROM stripe.objects WHERE object = 'refund' AND charge = %s ORDER BY seq DESC LIMIT 11",
        (charge_id,),
    )
    bodies = [presentation.shown(call, row[0]) for row in await cursor.fetchall()]
    return shapes.listing(f"/v1/charges/{charge_id}/refunds", bodies[:10], has_more=len(bodies) > 10)


def _cannot(path: str) -> errors.StripeError:
    shown = path[:200]
    message = (
        f"This property cannot be expanded ({shown}). You may want to try expanding 'data.{shown}' instead, if you are "
        "listing objects."
    )
    return errors.invalid(message, param="expand")
