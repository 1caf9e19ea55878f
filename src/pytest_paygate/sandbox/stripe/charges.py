"""Charges: the attempt, the authorisation, the capture; and reading them back.

Owns the charge object. A charge is only ever made by confirming a payment intent, and money moves at capture.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import events, faults, jobs, microcharge_faults, money, pagination, shapes, storage
from pytest_paygate.sandbox.stripe.card_catalogue import BY_NAME, FRAUDULENT, Challenge
from pytest_paygate.sandbox.stripe.parameters import items, merged, metadata, text
from pytest_paygate.sandbox.stripe.payment_methods import behaviour_of
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.card_catalogue import Behaviour, Decline
    from pytest_paygate.sandbox.stripe.context import Call, Json
    from pytest_paygate.sandbox.stripe.storage import Row

_RISK_SCORE = {"normal": 12, "elevated": 68, "highest": 94}


async def declined(call: Call, intent: Row, method: Row, decline: Decline) -> Row:
    """Record a failed attempt."""
    behaviour = behaviour_of(method)
    body = shapes.charge(call, intent.body, method.body)
    blocked = decline == FRAUDULENT
    body |= {
        "status": "failed",
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": _outcome(behaviour)
        | {
            "network_status": "not_sent_to_network" if blocked else "declined_by_network",
            "reason": "highest_risk_level" if blocked else decline.decline_code or decline.code,
            "seller_message": (
                "Stripe blocked this payment as too risky."
                if blocked
                else "The bank did not return any further details."
            ),
            "type": "blocked" if blocked else "issuer_declined",
        },
    }
    row = await storage.insert(call, body, {"behaviour": behaviour.name})
    await events.emit(call, "charge.failed", body)
    return row


async def authorised(call: Call, intent: Row, method: Row, *, authenticated: bool) -> Row:
    """Record an approved attempt; nothing is captured yet."""
    behaviour = behaviour_of(method)
    body = shapes.charge(call, intent.body, method.body)
    body |= {"status": "succeeded", "paid": True, "outcome": _outcome(behaviour)}
    if call.world.faults.active(microcharge_faults.CHARGE_LIVE) or call.world.faults.active(
        microcharge_faults.OTHER_MODE
    ):
        body["livemode"] = not call.livemode
    card = body["payment_method_details"]["card"]
    if call.livemode and call.world.faults.active(faults.TEST_CARD_SHOWN):
        card |= {"brand": "visa", "last4": "4242"}
    card["authorization_code"] = call.world.identifiers.token(6).upper()
    card["network_transaction_id"] = call.world.identifiers.token(15)
    if authenticated or behaviour.challenge is not Challenge.NEVER:
        card["three_d_secure"] = _three_d_secure(authenticated=authenticated)
    return await storage.insert(call, body, {"behaviour": behaviour.name})


async def capture(call: Call, charge: Row, amount_minor: int) -> None:
    """Take the money: captured amount, balance transaction, ledger. The row must be locked or new."""
    behaviour = BY_NAME[charge.hidden["behaviour"]]
    wait_seconds = 0 if behaviour.available_at_once else money.SETTLES_AFTER_SECONDS
    await money.lock_balance(call)
    body = charge.body
    posted = await money.move(
        call,
        money.Movement(
            money.Kind.CHARGE,
            amount_minor,
            body["currency"],
            charge.id,
            description=body["description"],
            payment_intent=body["payment_intent"],
            charge=charge.id,
            metadata=body["metadata"],
            available_on=call.now() + wait_seconds,
        ),
    )
    body |= {"captured": True, "amount_captured": amount_minor, "balance_transaction": posted["id"]}
    await storage.save(call, charge)
    await jobs.schedule(call, jobs.FUNDS_ARRIVED, charge.id, wait_seconds)


def captured_amount_minor(call: Call, asked_minor: int) -> int:
    """What will really be captured when so much is asked: less, or more, while a fault is on."""
    if asked_minor > 1 and call.world.faults.active(faults.CHARGE_AMOUNT_SHORT):
        return asked_minor - 1
    if asked_minor > 1 and call.world.faults.active(microcharge_faults.ASKS_MORE):
        return asked_minor - 1
    if call.world.faults.active(microcharge_faults.SURCHARGE):
        added = call.world.faults.parameter(
            microcharge_faults.SURCHARGE, "added_minor", microcharge_faults.SURCHARGE_MINOR
        )
        return asked_minor + int(str(added))
    return asked_minor


def _outcome(behaviour: Behaviour) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": "elevated_risk_level" if behaviour.risk_level == "elevated" else None,
        "risk_level": behaviour.risk_level,
        "risk_score": _RISK_SCORE[behaviour.risk_level],
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def _three_d_secure(*, authenticated: bool) -> Json:
    return {
        "authentication_flow": "challenge" if authenticated else None,
        "electronic_commerce_indicator": "05" if authenticated else None,
        "exemption_indicator": None,
        "result": "authenticated" if authenticated else None,
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0" if authenticated else None,
    }


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "charge", sent["id"])).body


async def _list(call: Call, sent: Json) -> Json:
    names = ("payment_intent", "customer", "transfer_group")
    return await pagination.page(
        call, "charge", sent, url="/v1/charges", where={name: sent.get(name) for name in names}
    )


async def _update(call: Call, sent: Json) -> Json:
    row = await storage.in_url(call, "charge", sent["id"], lock=True)
    before = copy.deepcopy(row.body)
    for name in ("description", "receipt_email", "transfer_group"):
        if name in sent:
            row.body[name] = sent[name]
    if "metadata" in sent:
        row.body["metadata"] = merged(row.body["metadata"], sent["metadata"])
    await storage.save(call, row)
    await events.emit(call, "charge.updated", row.body, before)
    return row.body


_FILTERS = {"payment_intent": text(), "customer": text(), "transfer_group": text()}
_UPDATE = {
    "description": text().or_unset(),
    "receipt_email": text().or_unset(),
    "transfer_group": text(),
    "metadata": metadata(),
    "expand": items(text()),
}
OPERATIONS = (
    Operation("GET", "/v1/charges", pagination.SPEC_CREATED | _FILTERS, _list),
    Operation("GET", "/v1/charges/{id}", {"expand": items(text())}, _retrieve),
    Operation("POST", "/v1/charges/{id}", _UPDATE, _update),
)
