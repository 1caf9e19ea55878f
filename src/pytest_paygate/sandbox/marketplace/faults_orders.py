"""The ways orders, their keys and what is told of them can be wrong, each with the row it must turn red.

Owns the declarations and the small decisions of these faults; the code that misbehaves asks here where it acts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

    from pytest_paygate.sandbox.marketplace.orders import Row
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_LAYER = "marketplace"
_BENIGN = ""
_REPLICAS = 4
_PRICE_FIELDS = ("price_minor", "total_minor", "amount")
# Another word for the same refusal; a pending order's refund stays a 409, which the contract names.
_OTHER_STATUS = {401: 403, 404: 422, "idempotency_key_reused": 422}
_BACK_FROM = {"order_goes_back": ("completed", "pending"), "refund_goes_back": ("refunded", "refund_pending")}

_DECLARED = (
    Fault("replica_stale", _LAYER, "every fourth answer of /status is from another build", "replicas"),
    Fault("replica_of_other_environment", _LAYER, "every fourth answer of /status is from another system", "replicas"),
    Fault("replica_names_itself", _LAYER, "every answer of /status names another instance; benign", _BENIGN),
    Fault("order_unauthenticated", _LAYER, "an order is taken without a bearer token", "order_refusals"),
    Fault("order_product_unknown", _LAYER, "an order of an unknown product is taken", "order_refusals"),
    Fault("order_refusals_told_otherwise", _LAYER, "orders are refused with other words and codes; benign", _BENIGN),
    Fault(
        "order_key_ignored", _LAYER, "a request that is sent again under its key makes a second order", "order_probes"
    ),
    Fault("order_replayed_with_200", _LAYER, "an order that is sent again answers 200, not 201; benign", _BENIGN),
    Fault("order_key_taken_for_another", _LAYER, "a used key with another product is no conflict", "order_probes"),
    Fault("order_price_from_client", _LAYER, "the buyer's own price_minor is taken for the price", "order_probes"),
    Fault("order_price_refused", _LAYER, "an order that names a price is refused with 422; benign", _BENIGN),
    Fault("pending_order_refunded", _LAYER, "an order that nobody has paid can be refunded", "order_probes"),
    Fault("trace_used_before", _LAYER, "the orchestrator has an earlier payment of the run's trace id", "account"),
    Fault("order_paid_by_two", _LAYER, "an order has a second payment that can be paid as well", "order"),
    Fault("order_earlier_payment_closed", _LAYER, "an order has a second payment, cancelled; benign", _BENIGN),
    Fault("order_total_hundredth", _LAYER, "the order's total is a hundredth of the price", "order"),
    Fault("catalogue_empty_to_strangers", _LAYER, "the product list is empty until one logs in", "catalogue"),
    Fault("product_listed_twice", _LAYER, "the product is listed twice", "products"),
    Fault("product_dearer", _LAYER, "the product costs 50 minor units more than planned, everywhere", "products"),
    Fault("trace_not_echoed", _LAYER, "answers carry no X-Trace-Id", "order"),
    Fault("trace_lost_on_reads", _LAYER, "the answer to GET /orders/:id carries no X-Trace-Id", "completed"),
    Fault("more_headers", _LAYER, "answers carry more headers that name a trace; benign", _BENIGN),
    Fault("order_called_completed", _LAYER, "a new order is called completed before anybody has paid", "order"),
    Fault("order_tax_missing", _LAYER, "the order's tax is 0", "order"),
    Fault("order_goes_back", _LAYER, "a completed order is pending again at one look", "completed"),
    Fault("order_seen_late", _LAYER, "an order is shown completed `seconds` (default 0.3) late; benign", _BENIGN),
    Fault("order_of_other_payment", _LAYER, "the completed order names another payment", "completed"),
    Fault("order_tells_token", _LAYER, "a completed order's answer holds the buyer's bearer token", "completed"),
    Fault("order_tells_card", _LAYER, "a completed order's answer holds a card number", "completed"),
    Fault("order_tells_masked_card", _LAYER, "an order's answer holds a masked card number; benign", _BENIGN),
    Fault("refund_goes_back", _LAYER, "a refunded order is refund_pending again at one look", "reversal"),
    Fault("refund_accepted_twice", _LAYER, "a refunded order can be refunded once more", "reversal"),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})


def replica(marketplace: Marketplace, told: dict[str, object]) -> dict[str, object]:
    """The status answer as one of four replicas gives it."""
    faults = marketplace.world.faults
    if not {"replica_stale", "replica_of_other_environment", "replica_names_itself"} & faults.report().keys():
        return told
    marketplace.answered_status += 1
    is_fourth = marketplace.answered_status % _REPLICAS == 0
    if is_fourth and faults.active("replica_stale"):
        return {**told, "build": "2026.10.4"}
    if is_fourth and faults.active("replica_of_other_environment"):
        return {**told, "environment": "staging" if told["environment"] != "staging" else "sandbox"}
    if faults.active("replica_names_itself"):
        return {**told, "build": "2026.11.1", "instance": f"10.0.3.{marketplace.answered_status % 250}"}
    return {**told, "build": "2026.11.1"} if faults.is_set("replica_stale") else told


def otherwise(marketplace: Marketplace, refusal: ApiError) -> ApiError:
    """A refusal of an order in other words, while that is asked for."""
    if not marketplace.world.faults.active("order_refusals_told_otherwise"):
        return refusal
    status = _OTHER_STATUS.get(refusal.code, _OTHER_STATUS.get(refusal.status, refusal.status))
    return ApiError(status, "refused", "that is not possible")


def anybody(marketplace: Marketplace, request: Request) -> str | None:
    """The buyer a request without a bearer token is taken for, None where it must be refused."""
    if "authorization" not in request.headers and marketplace.world.faults.active("order_unauthenticated"):
        return "buyer_operator"
    return None


def clients_price(marketplace: Marketplace, body: dict[str, object]) -> int | None:
    """The price the buyer named, where it is believed.

    Raises:
        ApiError: 422 while a request that names a price is refused.
    """
    named = [value for name in _PRICE_FIELDS if isinstance(value := body.get(name), int)]
    if named and marketplace.world.faults.active("order_price_refused"):
        raise ApiError(422, "unknown_field", "an order has no price of its own")
    return named[0] if named and marketplace.world.faults.active("order_price_from_client") else None


def shown(marketplace: Marketplace, order: Row, bearer: str) -> Row:
    """A read order as the faults that are on tell it."""
    faults, status = marketplace.world.faults, order["status"]
    for name, (after, before) in _BACK_FROM.items():
        if status == after and faults.is_set(name):
            marketplace.shown_orders[name] = marketplace.shown_orders.get(name, 0) + 1
            if marketplace.shown_orders[name] == 2:  # once it has been seen to be there
                faults.active(name)
                order = {**order, "status": before}
    if status == "completed" and faults.is_set("order_seen_late"):
        now = asyncio.get_running_loop().time()
        first = marketplace.shown_orders.setdefault(str(order["order_id"]), now)
        if now - first < (faults.seconds("order_seen_late", 0.3) or 0.0):
            faults.active("order_seen_late")
            order = {**order, "status": "pending"}
    if status == "completed" and faults.active("order_of_other_payment"):
        order = {**order, "hyperswitch_payment_id": "pay_somebodyElses0000000000000"}
    if status == "completed" and faults.active("order_tells_token"):
        order = {**order, "requested_by": {"authorization": bearer}}
    if status == "completed" and faults.active("order_tells_card"):
        order = {**order, "note": "paid with 4000 0000 0000 0077"}
    if faults.active("order_tells_masked_card"):
        order = {**order, "note": "paid with 400000******0077"}
    return order
