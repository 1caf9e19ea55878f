"""Transfers to the connected account, and their reversals.

Owns both objects. A transfer draws on the available balance unless it names the charge it comes from.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import currencies, errors, events, jobs, money, pagination, shapes, storage
from pytest_paygate.sandbox.stripe.parameters import Spec, boolean, choice, integer, items, merged, metadata, text
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row


async def _create(call: Call, sent: Json) -> Json:
    sent["currency"] = currencies.known(sent["currency"])
    if sent["destination"] != call.world.seller_account_id:
        raise errors.no_such("destination", sent["destination"], param="destination", status=400, other_mode=None)
    charge = await _source(call, sent)
    if "amount" not in sent and charge is None:
        raise errors.missing("amount")
    await money.lock_balance(call)
    available_on = call.now()
    if charge is None:
        settlement = call.world.settled_in(sent["currency"])
        settled = currencies.converted(sent["amount"], sent["currency"], settlement)
        if await money.available_minor(call, settlement) < settled:
            message = (
                "You have insufficient available funds in your Stripe account. Try adding funds directly to your "
                "available balance by creating Charges using the 4000000000000077 test card. See: "
                "https://stripe.com/docs/testing#available-balance"
            )
            raise errors.refused(message, code="balance_insufficient")
    else:
        available_on = await _draw_on_charge(call, charge, sent)
    body = _shape(call, sent, charge)
    posted = await money.move(call, _movement(money.Kind.TRANSFER, body, sent["amount"], body["id"], available_on))
    body["balance_transaction"] = posted["id"]
    await storage.insert(call, body)
    await events.emit(call, "transfer.created", body)
    return body


async def _source(call: Call, sent: Json) -> Row | None:
    if "source_transaction" not in sent:
        return None
    name = sent["source_transaction"]
    return await storage.in_parameter(call, "charge", name, "source_transaction", lock=True)


async def _draw_on_charge(call: Call, charge: Row, sent: Json) -> int:
    """Check a transfer against the charge it comes from; return when that charge's funds become available."""
    posted = None
    if charge.body["balance_transaction"] is not None:
        posted = await storage.find(call, "balance_transaction", charge.body["balance_transaction"])
    if posted is None:
        message = f"Charge {charge.id} has not been captured and cannot be used as a source_transaction."
        raise errors.refused(message, param="source_transaction")
    settlement = posted.body["currency"]
    if sent["currency"] != settlement:
        message = (
            f"The currency of source_transaction's balance transaction ({settlement}) must be the same as the transfer "
            f"currency ({sent['currency']})"
        )
        raise errors.refused(message, code="balance_invalid_parameter", param="currency")
    cursor = await call.connection.execute(
        "SELECT coalesce(sum((body->>'amount')::bigint), 0) FROM stripe.objects WHERE object = 'transfer'"
        " AND livemode = %s AND body->>'source_transaction' = %s",
        (call.livemode, charge.id),
    )
    found = await cursor.fetchone()
    left = int(posted.body["amount"]) - (int(found[0]) if found else 0)
    sent.setdefault("amount", left)
    if sent["amount"] > left or left <= 0:
        message = (
            "The transfer amount cannot exceed the source transaction's remaining amount: "
            f"{currencies.shown(left, settlement)}."
        )
        raise errors.refused(message, param="amount")
    return int(posted.body["available_on"])


def _shape(call: Call, sent: Json, charge: Row | None) -> Json:
    transfer_id = call.new_id("tr")
    group = sent.get("transfer_group")
    if group is None and charge is not None:
        group = charge.body["transfer_group"] or f"group_{charge.body['payment_intent']}"
    return {
        "id": transfer_id,
        "object": "transfer",
        "amount": sent["amount"],
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": call.now(),
        "currency": sent["currency"],
        "description": sent.get("description"),
        "destination": sent["destination"],
        "destination_payment": call.new_id("py"),
        "livemode": call.livemode,
        "metadata": merged({}, sent.get("metadata", {})),
        "reversals": shapes.listing(f"/v1/transfers/{transfer_id}/reversals", []),
        "reversed": False,
        "source_transaction": None if charge is None else charge.id,
        "source_type": "card",
        "transfer_group": group,
    }


def _movement(kind: money.Kind, transfer: Json, amount: int, source: str, available_on: int | None) -> money.Movement:
    return money.Movement(
        kind,
        amount,
        transfer["currency"],
        source,
        description=transfer["description"],
        charge=transfer["source_transaction"],
        metadata=transfer["metadata"],
        available_on=available_on,
    )


async def _reverse(call: Call, sent: Json) -> Json:
    transfer = await storage.in_url(call, "transfer", sent["id"], lock=True)
    left = transfer.body["amount"] - transfer.body["amount_reversed"]
    if left == 0:
        raise errors.refused(f"Transfer {transfer.id} is already fully reversed.")
    amount = sent.get("amount", left)
    if amount > left:
        message = (
            f"Reversal amount ({currencies.shown(amount, transfer.body['currency'])}) is greater than unreversed "
            f"amount on transfer ({currencies.shown(left, transfer.body['currency'])})"
        )
        raise errors.refused(message, param="amount")
    before = copy.deepcopy(transfer.body)
    reversal: Json = {
        "id": call.new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": call.now(),
        "currency": transfer.body["currency"],
        "destination_payment_refund": call.new_id("pyr"),
        "metadata": merged({}, sent.get("metadata", {})),
        "source_refund": None,
        "transfer": transfer.id,
    }
    await money.lock_balance(call)
    movement = _movement(money.Kind.TRANSFER_REVERSAL, transfer.body, amount, reversal["id"], None)
    posted = await money.move(call, movement)
    reversal["balance_transaction"] = posted["id"]
    await storage.insert(call, reversal)
    transfer.body["amount_reversed"] += amount
    transfer.body["reversed"] = transfer.body["amount_reversed"] == transfer.body["amount"]
    nested = transfer.body["reversals"]["data"]
    nested.insert(0, reversal)
    transfer.body["reversals"]["has_more"] = len(nested) > pagination.LIMIT_DEFAULT
    del nested[pagination.LIMIT_DEFAULT :]
    await storage.save(call, transfer)
    await jobs.schedule(call, jobs.FUNDS_ARRIVED, reversal["id"], 0.0)
    await events.emit(call, "transfer.reversed", transfer.body, before)
    return reversal


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "transfer", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "transfer", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    if "description" in sent:
        row.body["description"] = sent["description"]
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    await events.emit(call, "transfer.updated", row.body, before)
    return row.body


async def _list(call: Call, sent: Json) -> Json:
    where = {"destination": sent.get("destination"), "transfer_group": sent.get("transfer_group")}
    return await pagination.page(call, "transfer", sent, url="/v1/transfers", where=where)


async def _list_reversals(call: Call, sent: Json) -> Json:
    transfer = await storage.in_url(call, "transfer", sent["id"])
    url = f"/v1/transfers/{transfer.id}/reversals"
    return await pagination.page(call, "transfer_reversal", sent, url=url, where={"transfer": transfer.id})


async def _retrieve_reversal(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "transfer_reversal", sent["reversal"])
    if row.body["transfer"] != sent["id"]:
        raise errors.no_such("transfer reversal", sent["reversal"], param="id", status=404, other_mode=None)
    return row.body


_EXPAND: Spec = {"expand": items(text())}
_CREATE: Spec = _EXPAND | {
    "amount": integer(1),
    "currency": text(3).must(),
    "destination": text().must(),
    "description": text(),
    "metadata": metadata(),
    "source_transaction": text(),
    "source_type": choice("card"),
    "transfer_group": text(),
}
_REVERSE: Spec = _EXPAND | {
    "amount": integer(1),
    "description": text(),
    "metadata": metadata(),
    "refund_application_fee": boolean(),
}
_ONE = "/v1/transfers/{id}"
OPERATIONS = (
    Operation("POST", "/v1/transfers", _CREATE, _create),
    Operation(
        "GET", "/v1/transfers", pagination.SPEC_CREATED | {"destination": text(), "transfer_group": text()}, _list
    ),
    Operation("GET", _ONE, _EXPAND, _retrieve),
    Operation("POST", _ONE, _EXPAND | {"description": text().or_unset(), "metadata": metadata()}, _update),
    Operation("POST", f"{_ONE}/reversals", _REVERSE, _reverse),
    Operation("GET", f"{_ONE}/reversals", pagination.SPEC, _list_reversals),
    Operation("GET", f"{_ONE}/reversals/{{reversal}}", _EXPAND, _retrieve_reversal),
)
