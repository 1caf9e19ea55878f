"""One purchase from order to reversal, over real HTTP, judged by the money ledger and by Stripe's own answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.money_report import payments
from pytest_paygate.sandbox.server import Sandbox

CARD_DECLINED = "4000000000000002"
CARD_3DS = "4000002760003184"


def stripe_get(running: Sandbox, path: str) -> dict[str, Any]:
    """Read an object at the Stripe emulator."""
    answer = httpx.get(
        running.description.stripe_url + path, auth=(running.description.stripe_secret_key, ""), trust_env=False
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def money_of(running: Sandbox, order_id: str) -> dict[str, Any]:
    """The ledger's sums for one order."""
    entries = [one for one in running.ledger() if (one["metadata"] or {}).get("order_id") == order_id]
    (sums,) = payments(entries)
    return sums


def test_a_purchase_is_completed_attributed_and_reversed(buyer: Any) -> None:
    """Order, payment, licence, seller transfer, refund, reversal: every party agrees at the end."""
    order = buyer.completed()
    order_id = order["order_id"]
    (licence,) = buyer.licences(order_id)
    assert (licence["type"], licence["rights"]) == ("standard", ["download", "commercial_use", "updates_1_year"])
    row = buyer.transfer(order_id)
    assert (row["amount_minor"], row["currency"], row["status"]) == (450, "EUR", "paid")
    made = stripe_get(buyer.sandbox, f"/v1/transfers/{row['stripe_transfer_id']}")
    assert (made["amount"], made["currency"], made["transfer_group"]) == (450, "eur", order_id)
    assert made["destination"] == buyer.sandbox.description.seller_account_id
    charge = stripe_get(buyer.sandbox, f"/v1/charges/{made['source_transaction']}")
    assert (charge["amount_captured"], charge["metadata"]["order_id"]) == (500, order_id)

    accepted = buyer.refund(order_id)
    assert (accepted.status_code, accepted.json()["data"]["status"]) == (202, "refund_pending")
    refunded = buyer.wait_for(order_id, "refunded")
    assert refunded["refund_id"] == accepted.json()["data"]["refund_id"]
    assert buyer.licences(order_id) == []
    assert buyer.transfer(order_id)["status"] == "reversed"
    assert stripe_get(buyer.sandbox, f"/v1/transfers/{row['stripe_transfer_id']}")["reversed"] is True
    sums = money_of(buyer.sandbox, order_id)
    assert (sums["charges"], sums["charged_minor"], sums["outstanding_minor"]) == (1, 500, 0)


def test_the_trace_id_reaches_the_charge_and_the_log(buyer: Any) -> None:
    """The trace id of the order request is on the charge at Stripe and on every log entry of the order."""
    buyer.client.headers["X-Trace-Id"] = "E2E-1790000000-traced"
    order_id = buyer.completed()["order_id"]
    (charge,) = [
        one for one in buyer.sandbox.ledger() if one["kind"] == "charge" and one["metadata"].get("order_id") == order_id
    ]
    assert charge["metadata"]["trace_id"] == "E2E-1790000000-traced"
    events = {entry["event"] for entry in buyer.sandbox.log("E2E-1790000000-traced")}
    assert {"request", "order_created", "webhook", "order_completed"} <= events


def test_the_log_holds_no_secret_and_no_card(buyer: Any) -> None:
    """Nothing a person could misuse is in the application log: no key, password, token or card number."""
    buyer.completed()
    description = buyer.sandbox.description
    text = str(buyer.sandbox.log())
    secrets = [
        description.stripe_secret_key,
        description.hyperswitch_api_key,
        description.hyperswitch_webhook_secret,
        description.buyer_password,
        buyer.client.headers["Authorization"].removeprefix("Bearer "),
        "4242424242424242",
    ]
    assert [secret for secret in secrets if secret in text] == []


def test_a_declined_card_leaves_the_order_payable(buyer: Any) -> None:
    """A decline is told to the payer, moves no money, and another card still pays the same order."""
    order = buyer.order()
    declined = buyer.pay(order, CARD_DECLINED)
    assert (declined.state, declined.last4) == ("declined", "0002")
    assert declined.message
    assert buyer.read(order["order_id"])["status"] == "pending"
    assert buyer.pay(order).state == "paid"
    buyer.wait_for(order["order_id"], "completed")
    assert money_of(buyer.sandbox, order["order_id"])["charges"] == 1


def test_a_challenged_card_pays_after_its_challenge(buyer: Any) -> None:
    """3-D Secure on the way does not change what comes of it."""
    order = buyer.order()
    assert buyer.pay(order, CARD_3DS).state == "paid"
    buyer.wait_for(order["order_id"], "completed")


def test_a_pending_order_cannot_be_refunded(buyer: Any) -> None:
    """There is nothing to give back before the money came."""
    answer = buyer.refund(buyer.order()["order_id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "order_not_refundable")


def test_an_order_is_refunded_once(buyer: Any) -> None:
    """A second refund is refused, during and after the first; the ledger shows one."""
    order_id = buyer.completed()["order_id"]
    assert buyer.refund(order_id).status_code == 202
    assert buyer.refund(order_id).status_code == 409
    buyer.wait_for(order_id, "refunded")
    assert buyer.refund(order_id).status_code == 409
    assert money_of(buyer.sandbox, order_id)["refunded_minor"] == 500


def test_a_refund_needs_a_reason(buyer: Any) -> None:
    """A refund without a reason is not accepted, and the order stays completed."""
    order_id = buyer.completed()["order_id"]
    assert buyer.client.post(f"/orders/{order_id}/refund", json={}).status_code == 422
    assert buyer.read(order_id)["status"] == "completed"


def test_a_transfer_that_stripe_does_not_take_is_made_later(
    buyer: Any, faults: Faults, until: Callable[[Callable[[], Any], Callable[[Any], bool]], Any]
) -> None:
    """The buyer does not wait for Stripe; the seller's transfer is retried until it is made, once."""
    faults.set("transfer_unavailable")
    order_id = buyer.completed()["order_id"]
    row = buyer.transfer(order_id)
    assert (row["status"], row["stripe_transfer_id"]) == ("pending", None)
    faults.clear()
    row = until(lambda: buyer.transfer(order_id), lambda one: one["status"] == "paid")
    listed = stripe_get(buyer.sandbox, f"/v1/transfers?transfer_group={order_id}")
    assert [one["id"] for one in listed["data"]] == [row["stripe_transfer_id"]]


def test_a_reversal_that_stripe_does_not_take_is_made_later(
    buyer: Any, faults: Faults, until: Callable[[Callable[[], Any], Callable[[Any], bool]], Any]
) -> None:
    """The buyer is refunded at once; the seller's transfer is reversed as soon as Stripe takes it."""
    order_id = buyer.completed()["order_id"]
    faults.set("transfer_unavailable")
    buyer.refund(order_id)
    buyer.wait_for(order_id, "refunded")
    assert buyer.transfer(order_id)["status"] == "paid"
    faults.clear()
    until(lambda: buyer.transfer(order_id), lambda one: one["status"] == "reversed")


@pytest.mark.parametrize(("card", "settles"), [("4000000000007726", True), ("4000000000005126", False)])
def test_a_late_refund_outcome_is_not_lost(buyer: Any, card: str, settles: bool, query: Callable[..., Any]) -> None:
    """A refund that settles later still ends refunded; one that fails later is recorded for a person."""
    order = buyer.order()
    buyer.pay(order, card)
    order_id = order["order_id"]
    buyer.wait_for(order_id, "completed")
    buyer.refund(order_id)
    buyer.wait_for(order_id, "refunded")
    if not settles:
        while query("SELECT refund_failure FROM orders WHERE id = %s", order_id)[0]["refund_failure"] is None:
            buyer.read(order_id)
        assert money_of(buyer.sandbox, order_id)["outstanding_minor"] == 500
