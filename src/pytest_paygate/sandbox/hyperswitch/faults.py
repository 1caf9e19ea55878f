"""The ways the orchestrator can lie or break, each with the e2e row it must turn red.

Owns the declarations, and the answers to `GET /payments/{id}` that are not as the records have it; nothing of those is
stored. Charging twice is real: it happens where the connector is called.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_paygate.sandbox.faults import REGISTRY, Fault

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

CHARGED_AGAIN = "charged_again"
CHARGED_AGAIN_SAME_KEY = "connector_asked_twice"
CLOSED_STILL_PAYABLE = "closed_payment_still_payable"
PAGE_OF_ANOTHER = "page_of_another_payment"
_LAYER = "hyperswitch"
_BENIGN = ""
_DAY_SECONDS = 86_400.0

_FAILED, _OPEN, _PROCESSING = "failed", "requires_payment_method", "processing"

_DECLARED = (
    Fault(CHARGED_AGAIN, _LAYER, "asks the connector again under a new key: two charges for one order", "pay"),
    Fault(CHARGED_AGAIN_SAME_KEY, _LAYER, "asks the connector again under the same key; benign", _BENIGN),
    Fault("payment_failed_but_charged", _LAYER, "says failed of a payment that the connector has charged", "pay"),
    Fault("payment_told_late", _LAYER, "says processing at three looks after it is paid; benign", _BENIGN, times=3),
    Fault("payment_older_than_run", _LAYER, "the payment was made `seconds` (default a day) before", "order"),
    Fault("payment_asks_more", _LAYER, "an unpaid payment asks for 83 minor units more than its order", "order"),
    Fault(PAGE_OF_ANOTHER, _LAYER, "the page's address names another payment than the order's", "order"),
    Fault("payment_tells_no_page", _LAYER, "a payment does not tell its page; benign", _BENIGN),
    Fault("received_short", _LAYER, "a payment has received 1 minor unit less than was captured", "pay"),
    Fault("received_untold", _LAYER, "a payment does not tell what was received; benign", _BENIGN),
    Fault("payment_reopened", _LAYER, "a refunded payment can be paid again", "reversal"),
    Fault("payment_told_otherwise", _LAYER, "a payment tells more, in another order; benign", _BENIGN),
    Fault(CLOSED_STILL_PAYABLE, _LAYER, "a cancelled payment can still be paid", "order_probes"),
    Fault("closed_payment_expired", _LAYER, "a cancelled payment is called expired; benign", _BENIGN),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})


def told(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """A payment as the faults that are on tell it."""
    faults, status = world.faults, body["status"]
    if status == "succeeded" and faults.active("payment_failed_but_charged"):
        body |= {"status": _FAILED, "error_code": "processing_error"}
    if status == "succeeded" and faults.active("payment_told_late"):
        body["status"] = _PROCESSING
    if status == "succeeded" and body["refunds"] and faults.active("payment_reopened"):
        body |= {"status": _OPEN, "amount_capturable": body["amount"]}
    if status == "cancelled" and faults.active(CLOSED_STILL_PAYABLE):
        body |= {"status": _OPEN, "cancellation_reason": None}
    if status == "cancelled" and faults.active("closed_payment_expired"):
        body["status"] = "expired"
    _amounts(world, body)
    if faults.active("payment_tells_no_page"):
        body["payment_link"] = None
    if faults.active("payment_older_than_run"):
        _age(body, faults.seconds("payment_older_than_run", _DAY_SECONDS) or 0.0)
    if faults.active("payment_told_otherwise"):
        return {"net_settled": None, "previous_status": _FAILED, **dict(reversed(list(body.items())))}
    return body


def page_id(world: World, payment_id: str) -> str:
    """The payment that a page's address names, or the one that is meant by it: each way the same turn."""
    if not world.faults.active(PAGE_OF_ANOTHER):
        return payment_id
    prefix, _, rest = payment_id.partition("_")
    return f"{prefix}_{rest[::-1]}"


def _amounts(world: World, body: dict[str, Any]) -> None:
    faults, status = world.faults, body["status"]
    if status == _OPEN and faults.active("payment_asks_more"):
        body["amount"] += 83
    if status == "succeeded" and faults.active("received_short"):
        body["amount_received"] -= 1
    if status == "succeeded" and faults.active("received_untold"):
        body["amount_received"] = None


def _age(body: dict[str, Any], seconds: float) -> None:
    created = datetime.fromisoformat(body["created"]) - timedelta(seconds=seconds)
    body["created"] = created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
