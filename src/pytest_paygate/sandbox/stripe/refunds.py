"""Refunds: made by charge or intent, settled at once, later or never, and failed again where a card is known for it.

Owns the refund's state machine. The charge's row is locked before anything is decided, so concurrent refunds of one
charge can together never exceed what was captured. Accepted, succeeded and posted are three states: the balance
transaction is written when the refund succeeds, not before.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import currencies, errors, events, faults, jobs, money, pagination, shapes, storage
from pytest_paygate.sandbox.stripe import microcharge_faults as more_faults
from pytest_paygate.sandbox.stripe.card_catalogue import BY_NAME, RefundCourse
from pytest_paygate.sandbox.stripe.parameters import Spec, choice, integer, items, merged, metadata, not_emulated, text
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row

_FAILURE_REASON = "expired_or_canceled_card"


async def _create(call: Call, sent: Json) -> Json:
    charge = await _charge(call, sent)
    amount = _refundable(charge, sent)
    body = shapes.refund(call, charge.body, amount, sent | {"metadata": merged({}, sent.get("metadata", {}))})
    refund = await storage.insert(call, body)
    before = copy.deepcopy(charge.body)
    if not call.world.faults.active(more_faults.REFUND_UNMARKED):
        charge.body["amount_refunded"] += amount
        charge.body["refunded"] = charge.body["amount_refunded"] >= charge.body["amount_captured"]
    await storage.save(call, charge)
    if call.world.faults.active(more_faults.REFUND_FAILS):
        refund.body["pending_reason"] = "processing"
        await storage.save(call, refund)
        await jobs.schedule(call, jobs.REFUND_SETTLES, refund.id)
    elif call.world.faults.active(more_faults.REFUND_AT_LIMIT):
        refund.body["pending_reason"] = "processing"
        await storage.save(call, refund)
        stamped = call.world.faults.seconds(more_faults.REFUND_AT_LIMIT, more_faults.LIMIT_SECONDS) or 0.0
        await jobs.schedule(call, jobs.REFUND_SETTLES, refund.id, stamped + 1.0)
    elif call.world.faults.active(faults.REFUND_PENDS):
        refund.body["pending_reason"] = "processing"
        await storage.save(call, refund)
        if (seconds := call.world.faults.seconds(faults.REFUND_PENDS)) is not None:
            await jobs.schedule(call, jobs.REFUND_SETTLES, refund.id, seconds)
    elif BY_NAME[charge.hidden["behaviour"]].refund is RefundCourse.PENDING_FIRST:
        refund.body["pending_reason"] = "processing"
        await storage.save(call, refund)
        await jobs.schedule(call, jobs.REFUND_SETTLES, refund.id)
    else:
        await _settle_if_funded(call, refund, charge)
    await events.emit(call, "refund.created", refund.body)
    await events.emit(call, "charge.refunded", charge.body, before)
    return refund.body


async def settle(call: Call, refund_id: str) -> None:
    """Let a pending refund succeed, as far as the available balance allows."""
    refund, charge = await _locked(call, refund_id)
    if refund is None or charge is None or refund.body["status"] != "pending":
        return
    before = copy.deepcopy(refund.body)
    if call.world.faults.active(more_faults.REFUND_FAILS):
        await _never_settles(call, refund, charge)
    else:
        await _settle_if_funded(call, refund, charge)
    if refund.body != before:
        await events.emit(call, "refund.updated", refund.body, before)
        await events.emit(call, "charge.refund.updated", refund.body, before)


async def fail(call: Call, refund_id: str) -> None:
    """Let a refund that had succeeded fail: the money comes back to the balance, the charge is refundable again."""
    refund, charge = await _locked(call, refund_id)
    if refund is None or charge is None or refund.body["status"] != "succeeded":
        return
    before, charge_before = copy.deepcopy(refund.body), copy.deepcopy(charge.body)
    await money.lock_balance(call)
    posted = await money.move(call, _movement(money.Kind.REFUND_FAILURE, refund, charge))
    refund.body |= {
        "status": "failed",
        "failure_reason": _FAILURE_REASON,
        "failure_balance_transaction": posted["id"],
    }
    charge.body["amount_refunded"] -= refund.body["amount"]
    charge.body["refunded"] = False
    await storage.save(call, refund)
    await storage.save(call, charge)
    await events.emit(call, "refund.updated", refund.body, before)
    await events.emit(call, "refund.failed", refund.body)
    await events.emit(call, "charge.refund.updated", refund.body, before)
    await events.emit(call, "charge.updated", charge.body, charge_before)


async def _never_settles(call: Call, refund: Row, charge: Row) -> None:
    refund.body |= {"status": "failed", "failure_reason": _FAILURE_REASON}
    refund.body.pop("pending_reason", None)
    charge.body["amount_refunded"] -= refund.body["amount"]
    charge.body["refunded"] = False
    await storage.save(call, refund)
    await storage.save(call, charge)
    await events.emit(call, "refund.failed", refund.body)


async def settle_waiting(call: Call) -> None:
    """Have every refund that waits for funds tried again, oldest first, each in a unit of work of its own."""
    cursor = await call.connection.execute(
        "SELECT id FROM stripe.objects WHERE object = 'refund' AND livemode = %s AND body->>'status' = 'pending'"
        " AND body->>'pending_reason' = 'insufficient_funds' ORDER BY seq",
        (call.livemode,),
    )
    for row in await cursor.fetchall():
        await jobs.schedule(call, jobs.REFUND_SETTLES, str(row[0]), 0.0)


async def _settle_if_funded(call: Call, refund: Row, charge: Row) -> None:
    await money.lock_balance(call)
    settlement = call.world.settled_in(refund.body["currency"])
    settled = currencies.converted(refund.body["amount"], refund.body["currency"], settlement)
    if await money.available_minor(call, settlement) < settled:
        refund.body["pending_reason"] = "insufficient_funds"
        await storage.save(call, refund)
        return
    if call.world.faults.active(more_faults.REFUND_UNPOSTED) or call.world.faults.active(faults.REFUND_UNPOSTED):
        refund.body |= {"status": "succeeded"}
    else:
        posted = await money.move(call, _movement(money.Kind.REFUND, refund, charge))
        refund.body |= {"status": "succeeded", "balance_transaction": posted["id"]}
    refund.body.pop("pending_reason", None)
    await storage.save(call, refund)
    fails = BY_NAME[charge.hidden["behaviour"]].refund is RefundCourse.FAILS_LATER
    if fails or call.world.faults.active(faults.REFUND_FAILS_LATER):
        await jobs.schedule(call, jobs.REFUND_FAILS, refund.id)


def _movement(kind: money.Kind, refund: Row, charge: Row) -> money.Movement:
    what = "REFUND FOR CHARGE" if kind is money.Kind.REFUND else "REFUND FAILURE FOR CHARGE"
    return money.Movement(
        kind,
        refund.body["amount"],
        refund.body["currency"],
        refund.id,
        description=f"{what} ({charge.body['description']})" if charge.body["description"] else what,
        payment_intent=charge.body["payment_intent"],
        charge=charge.id,
        # The charge's metadata carries the trace; what the refund adds is kept beside it.
        metadata=charge.body["metadata"] | refund.body["metadata"],
    )


async def _locked(call: Call, refund_id: str) -> tuple[Row | None, Row | None]:
    """The refund and its charge, the charge locked first as everywhere."""
    refund = await storage.find(call, "refund", refund_id)
    if refund is None:
        return None, None
    charge = await storage.find(call, "charge", refund.body["charge"], lock=True)
    return await storage.find(call, "refund", refund_id, lock=True), charge


async def _charge(call: Call, sent: Json) -> Row:
    if "charge" not in sent and "payment_intent" not in sent:
        raise errors.invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "payment_intent" not in sent:
        return await storage.in_parameter(call, "charge", sent["charge"], "charge", lock=True)
    intent = await storage.in_parameter(call, "payment_intent", sent["payment_intent"], "payment_intent")
    latest = intent.body["latest_charge"]
    if "charge" in sent and sent["charge"] != latest:
        raise errors.invalid(
            f"Charge {sent['charge']} does not belong to PaymentIntent {intent.id}.",
            param="charge",
            code="parameters_exclusive",
        )
    charge = None if latest is None else await storage.find(call, "charge", latest, lock=True)
    if charge is None or charge.body["status"] != "succeeded":
        message = f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
        raise errors.refused(message, code="payment_intent_unexpected_state")
    return charge


def _refundable(charge: Row, sent: Json) -> int:
    """The amount to refund.

    Raises:
        StripeError: 400 for a charge that failed, was never captured or is refunded already, or for too much.

    """
    body = charge.body
    if body["status"] != "succeeded":
        message = f"Charge {charge.id} is not a successful charge and cannot be refunded."
        raise errors.refused(message, code="charge_not_refundable", charge=charge.id)
    if body["refunded"]:
        message = f"Charge {charge.id} has already been refunded."
        raise errors.refused(message, code="charge_already_refunded", charge=charge.id)
    if not body["captured"]:
        message = f"Charge {charge.id} has not been captured. Cancel its PaymentIntent instead of refunding it."
        raise errors.refused(message, code="charge_not_refundable", charge=charge.id)
    if body["disputed"]:
        message = f"Charge {charge.id} is disputed and cannot be refunded."
        raise errors.refused(message, code="refund_disputed_payment", charge=charge.id)
    remaining = int(body["amount_captured"]) - int(body["amount_refunded"])
    amount = int(sent.get("amount", remaining))
    if amount > remaining:
        message = (
            f"Refund amount ({currencies.shown(amount, body['currency'])}) is greater than unrefunded amount on charge "
            f"({currencies.shown(remaining, body['currency'])})"
        )
        raise errors.refused(message, param="amount")
    return amount


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "refund", sent["id"])).body


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "refund", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    await events.emit(call, "refund.updated", row.body, before)
    return row.body


async def _cancel(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "refund", sent["id"])
    message = (
        f"Refund {row.id} has a status of {row.body['status']}; only a refund that requires action can be canceled."
    )
    raise errors.refused(message)


async def _list(call: Call, sent: Json) -> Json:
    where = {"charge": sent.get("charge"), "payment_intent": sent.get("payment_intent")}
    return await pagination.page(call, "refund", sent, url="/v1/refunds", where=where)


async def _list_of_charge(call: Call, sent: Json) -> Json:
    charge = await storage.in_url(call, "charge", sent["id"])
    url = f"/v1/charges/{charge.id}/refunds"
    return await pagination.page(call, "refund", sent, url=url, where={"charge": charge.id})


_EXPAND: Spec = {"expand": items(text())}
_CREATE: Spec = _EXPAND | {
    "amount": integer(1),
    "charge": text(),
    "payment_intent": text(),
    "metadata": metadata(),
    "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
    "currency": not_emulated(),
    "customer": not_emulated(),
    "instructions_email": text(),
    "origin": not_emulated(),
    "refund_application_fee": not_emulated(),
    "reverse_transfer": not_emulated(),
}
OPERATIONS = (
    Operation("POST", "/v1/refunds", _CREATE, _create),
    Operation("GET", "/v1/refunds", pagination.SPEC_CREATED | {"charge": text(), "payment_intent": text()}, _list),
    Operation("GET", "/v1/refunds/{id}", _EXPAND, _retrieve),
    Operation("POST", "/v1/refunds/{id}", _EXPAND | {"metadata": metadata()}, _update),
    Operation("POST", "/v1/refunds/{id}/cancel", _EXPAND, _cancel),
    Operation("GET", "/v1/charges/{id}/refunds", pagination.SPEC, _list_of_charge),
)
