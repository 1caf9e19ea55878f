"""The ways goods, money or what is told can be had without a payment or a token, each with the row it must turn red.

Owns the declarations and the small decisions of these faults; the code that misbehaves asks here where it acts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from starlette.requests import Request

    from pytest_paygate.sandbox.marketplace.orders import OrderRequest, Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace
    from pytest_paygate.sandbox.marketplace.webhook import Notice

_LAYER = "marketplace"
_BENIGN = ""
_OPERATOR = "buyer_operator"
_COMPLETES_SECONDS_DEFAULT = 0.3
# Long enough that requests which are sent at once meet.
_UNDER_WAY_SECONDS = 0.25
_TAKEN_FOR_PAID = {
    "payment_processing": "webhook_processing_completes",
    "payment_cancelled": "cancelled_payment_completes",
}

_DECLARED = (
    Fault("licence_before_payment", _LAYER, "an order's licence is issued when the order is made", "order_probes"),
    Fault(
        "unpaid_order_completes",
        _LAYER,
        "the first order completes `seconds` (default 0.3) later by itself (`times`)",
        "order_probes",
        times=1,
    ),
    Fault("cancelled_payment_completes", _LAYER, "an order completes when its payment is cancelled", "order_probes"),
    Fault("order_key_race", _LAYER, "requests at once under one key each make an order", "order_probes"),
    Fault("orders_at_once_refused", _LAYER, "a key whose request is under way is refused with 409; benign", _BENIGN),
    Fault("replay_opens_second", _LAYER, "a request that is sent again opens a second payment", "order_probes"),
    Fault("order_key_forgotten", _LAYER, "a key whose order has failed makes a new order", "order_probes"),
    Fault("ended_order_key_refused", _LAYER, "a key whose order has failed is refused with 409; benign", _BENIGN),
    Fault("refund_unauthenticated", _LAYER, "a refund is looked into without a bearer token", "order_probes"),
    Fault("login_any_password", _LAYER, "any password logs in", "order_refusals"),
    Fault("reads_unauthenticated", _LAYER, "orders and licences are told without a bearer token", "order"),
    Fault("any_token_taken", _LAYER, "any bearer token is taken for the buyer's", "order"),
    Fault("token_refused_as_not_found", _LAYER, "what asks for a token is refused with 404 without; benign", _BENIGN),
    Fault("webhook_empty_key_taken", _LAYER, "a webhook that is signed with the empty key is taken", "webhooks"),
    Fault("webhook_signature_reused", _LAYER, "a signature that was right once opens any webhook", "webhooks"),
    Fault("webhook_amount_believed", _LAYER, "a payment of any amount and currency completes an order", "webhooks"),
    Fault("webhook_processing_completes", _LAYER, "a payment that is under way completes an order", "webhooks"),
    Fault("late_failure_demotes", _LAYER, "a late payment_failed shows a completed order as failed", "completed"),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})


async def raced(marketplace: Marketplace, wanted: OrderRequest) -> OrderRequest:
    """The request under the key that a target would keep which does not look at those under way.

    Raises:
        ApiError: 409 for one that comes while another is under way, where those are refused.
    """
    faults, is_first = marketplace.world.faults, marketplace.under_way[wanted.idempotency_key] == 1
    if not faults.is_set("order_key_race") and not faults.is_set("orders_at_once_refused"):
        return wanted
    await asyncio.sleep(_UNDER_WAY_SECONDS)
    if is_first:
        return wanted
    if faults.active("orders_at_once_refused"):
        raise ApiError(409, "under_way", "a request under this Idempotency-Key is under way")
    faults.active("order_key_race")
    return replace(wanted, idempotency_key=marketplace.world.identifiers.make("key", 40))


async def kept(marketplace: Marketplace, connection: AsyncConnection, wanted: OrderRequest) -> OrderRequest:
    """The request under the key that a target would keep which does not look at orders that have ended.

    Raises:
        ApiError: 409 for the key of an ended order, where that is refused.
    """
    faults = marketplace.world.faults
    forgets, refuses = faults.is_set("order_key_forgotten"), faults.is_set("ended_order_key_refused")
    if (forgets or refuses) and await _has_failed(connection, wanted):
        if faults.active("ended_order_key_refused"):
            raise ApiError(409, "order_ended", "the order of this Idempotency-Key has ended")
        faults.active("order_key_forgotten")
        return replace(wanted, idempotency_key=marketplace.world.identifiers.make("key", 40))
    return wanted


async def _has_failed(connection: AsyncConnection, wanted: OrderRequest) -> bool:
    cursor = await connection.execute(
        "SELECT 1 FROM orders WHERE buyer_id = %s AND idempotency_key = %s AND status = 'failed'",
        (wanted.buyer_id, wanted.idempotency_key),
    )
    return await cursor.fetchone() is not None


async def given_at_once(marketplace: Marketplace, connection: AsyncConnection, order: Row) -> None:
    """Issue a new order's licence, or have it complete by itself some time later, while a fault says so."""
    faults = marketplace.world.faults
    if faults.active("licence_before_payment"):
        await connection.execute(
            "INSERT INTO licenses (id, order_id, buyer_id, type, rights, issued_at)"
            " SELECT %s, %s, %s, licence_type, licence_rights, %s FROM products WHERE id = %s",
            (
                marketplace.world.identifiers.make("lic", 20),
                order["id"],
                order["buyer_id"],
                marketplace.now(),
                order["product_id"],
            ),
        )
    seconds = faults.seconds("unpaid_order_completes", _COMPLETES_SECONDS_DEFAULT)
    if faults.active("unpaid_order_completes"):
        await marketplace.add_job(connection, str(order["id"]), "complete", seconds or 0.0)


def taken_for(marketplace: Marketplace, request: Request, refusal: ApiError) -> str:
    """The buyer that a request with a wrong token, or none, is taken for.

    Raises:
        ApiError: the refusal, where it is refused as it must be, or one with 404 that says no more.
    """
    faults = marketplace.world.faults
    if "authorization" in request.headers:
        name = "any_token_taken"
    elif request.method == "GET":
        name = "reads_unauthenticated"
    else:
        name = "refund_unauthenticated" if request.url.path.endswith("/refund") else ""
    if faults.active(name):
        return _OPERATOR
    if name and faults.active("token_refused_as_not_found"):
        raise ApiError(404, "not_found", "there is nothing here")
    raise refusal


def is_taken(marketplace: Marketplace, secret: str, body: bytes, signature: str) -> bool:
    """Whether a wrong signature is taken all the same."""
    faults = marketplace.world.faults
    if signature == _signature(secret, body):
        marketplace.right_signatures.add(signature)
        return False
    if signature == _signature("", body) and faults.active("webhook_empty_key_taken"):
        return True
    return signature in marketplace.right_signatures and faults.active("webhook_signature_reused")


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def as_paid(marketplace: Marketplace, order: Row, notice: Notice) -> Row | None:
    """What is taken for the payment of an order although it is none; None where the notice is read as it should be."""
    faults, told = marketplace.world.faults, notice.content
    whole: Row = {
        "amount": order["total_minor"],
        "amount_received": order["total_minor"],
        "currency": order["currency"],
    }
    is_other = notice.event_type == "payment_succeeded" and any(told.get(name) != whole[name] for name in whole)
    name = "webhook_amount_believed" if is_other else _TAKEN_FOR_PAID.get(notice.event_type, "")
    return {**told, **whole} if faults.active(name) else None


def demote(marketplace: Marketplace, order: Row, notice: Notice) -> None:
    """Note that a completed order is shown as failed from now on, while a fault says so."""
    is_late = notice.event_type == "payment_failed" and order["status"] == "completed"
    if is_late and marketplace.world.faults.active("late_failure_demotes"):
        marketplace.demoted_orders.add(str(order["id"]))


def demoted(marketplace: Marketplace, order: Row) -> Row:
    """A read order, failed where a late event has made it so; what follows of it is not touched."""
    is_demoted = order["status"] == "completed" and str(order["order_id"]) in marketplace.demoted_orders
    return {**order, "status": "failed"} if is_demoted else order
