"""What the marketplace accepts as news of a payment: signed, once, in any order, for the right amount."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.marketplace import webhook
from pytest_paygate.sandbox.marketplace.answers import ApiError

Notify = Callable[..., httpx.Response]
Query = Callable[..., list[dict[str, Any]]]


def paid(order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A `payment_succeeded` event for an order, with changes to its payment."""
    payment = {
        "payment_id": order["hyperswitch_payment_id"],
        "status": "succeeded",
        "amount": order["total_minor"],
        "amount_received": order["total_minor"],
        "currency": order["currency"],
        "connector_transaction_id": None,
    }
    return event("payment_succeeded", "payment_details", payment | changes)


def refunded(order: dict[str, Any], event_type: str = "refund_succeeded", **changes: Any) -> dict[str, Any]:
    """A refund event for an order, with changes to its refund."""
    refund = {
        "refund_id": "ref_of_nobody",
        "payment_id": order["hyperswitch_payment_id"],
        "status": "succeeded",
        "amount": order["total_minor"],
        "currency": order["currency"],
    }
    return event(event_type, "refund_details", refund | changes)


def event(event_type: str, kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    """An event as Hyperswitch words it."""
    return {
        "merchant_id": "merchant_paygate",
        "event_id": f"evt_{uuid.uuid4().hex}",
        "event_type": event_type,
        "content": {"type": kind, "object": subject},
        "timestamp": "2026-11-21T00:00:00Z",
    }


@pytest.mark.parametrize("signature", ["", "0" * 128, "not hex", b"\xc3\xbcnicode"])
def test_a_wrong_signature_is_refused(buyer: Any, notify: Notify, signature: str | bytes) -> None:
    """Without the right signature over the raw body nothing changes."""
    order = buyer.order()
    answer = notify(paid(order), signature=signature)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_signature")
    assert buyer.read(order["order_id"])["status"] == "pending"


def test_the_signature_covers_the_raw_bytes() -> None:
    """The same JSON with other white space has another signature."""
    body = b'{"a": 1}'
    signature = hmac.new(b"secret", body, hashlib.sha512).hexdigest()
    webhook.verify("secret", body, signature)
    for changed in (b'{"a":1}', b""):
        with pytest.raises(ApiError):
            webhook.verify("secret", changed, signature)
    with pytest.raises(ApiError):
        webhook.verify("secret", body, signature.upper())


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"event_id": 1, "event_type": "x", "content": {"object": {}}}'])
def test_a_signed_body_that_is_no_webhook_is_refused(notify: Notify, body: bytes) -> None:
    """A right signature does not make nonsense acceptable."""
    assert notify(None, event_bytes=body).status_code in {400, 422}


def test_an_event_is_taken_once(buyer: Any, notify: Notify, query: Query) -> None:
    """Sixteen simultaneous deliveries of one event cause one piece of work; each is acknowledged."""
    order = buyer.order()
    news = paid(order)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: notify(news), range(16)))
    results = [answer.json()["data"]["result"] for answer in answers]
    assert sorted(results) == ["accepted"] + ["duplicate"] * 15
    assert len(query("SELECT id FROM jobs WHERE order_id = %s AND kind = 'complete'", order["order_id"])) == 1


def test_two_events_for_one_payment_complete_it_once(buyer: Any, notify: Notify) -> None:
    """A second success event with another id gives no second licence."""
    order = buyer.completed()
    assert notify(paid(order)).json()["data"]["result"] == "ignored"
    assert len(buyer.licences(order["order_id"])) == 1


def test_a_refund_before_its_payment_ends_refunded(buyer: Any, notify: Notify) -> None:
    """Events in the wrong order settle: refunded stays refunded, no licence is given."""
    order = buyer.order()
    assert notify(refunded(order)).json()["data"]["result"] == "accepted"
    buyer.wait_for(order["order_id"], "refunded")
    assert notify(paid(order)).json()["data"]["result"] == "ignored"
    assert buyer.read(order["order_id"])["status"] == "refunded"
    assert buyer.licences(order["order_id"]) == []


def test_a_late_failure_does_not_undo_a_completion(buyer: Any, notify: Notify) -> None:
    """A failure event that arrives after success changes nothing."""
    order = buyer.completed()
    late = event(
        "payment_failed", "payment_details", {"payment_id": order["hyperswitch_payment_id"], "status": "failed"}
    )
    assert notify(late).json()["data"]["result"] == "ignored"
    assert buyer.read(order["order_id"])["status"] == "completed"


def test_a_success_after_a_failure_completes(buyer: Any, notify: Notify) -> None:
    """A payment that failed and then succeeded is paid."""
    order = buyer.order()
    failed = event(
        "payment_failed", "payment_details", {"payment_id": order["hyperswitch_payment_id"], "status": "failed"}
    )
    notify(failed)
    assert buyer.read(order["order_id"])["status"] == "failed"
    notify(paid(order))
    buyer.wait_for(order["order_id"], "completed")


@pytest.mark.parametrize("change", [{"amount": 499}, {"amount_received": 499}, {"currency": "USD"}, {"amount": "500"}])
def test_a_wrong_amount_fails_the_order(buyer: Any, notify: Notify, change: dict[str, Any]) -> None:
    """Another amount or currency than the order's is never a completion, and is logged as an error."""
    order = buyer.order()
    notify(paid(order, **change))
    assert buyer.read(order["order_id"])["status"] == "failed"
    assert buyer.licences(order["order_id"]) == []
    assert "amount_mismatch" in {
        one["event"] for one in buyer.sandbox.log() if one.get("order_id") == order["order_id"]
    }


def test_a_partial_refund_does_not_refund_the_order(buyer: Any, notify: Notify) -> None:
    """One minor unit short is not the money back: the licence stays, a person is told."""
    order = buyer.completed()
    notify(refunded(order, amount=499))
    assert buyer.read(order["order_id"])["status"] == "completed"
    assert len(buyer.licences(order["order_id"])) == 1


def test_a_failed_refund_is_recorded_and_may_be_asked_again(buyer: Any, notify: Notify, query: Query) -> None:
    """A failed refund neither refunds nor completes the order; it is kept for a person with its reason."""
    order = buyer.completed()
    notify(refunded(order, "refund_failed", status="failed", error_code="insufficient_funds"))
    (row,) = query("SELECT status, refund_failure FROM orders WHERE id = %s", order["order_id"])
    assert row == {"status": "completed", "refund_failure": "insufficient_funds"}


def test_a_webhook_for_a_payment_of_nobody_is_acknowledged_and_ignored(buyer: Any, notify: Notify) -> None:
    """Another shop's payment completes nothing here."""
    stranger = buyer.order() | {"hyperswitch_payment_id": "pay_of_somebody_else_entirely0"}
    assert notify(paid(stranger)).json()["data"]["result"] == "ignored"


def test_a_huge_webhook_is_refused(notify: Notify) -> None:
    """More than a mebibyte is a 413."""
    assert notify(None, event_bytes=json.dumps("x" * 1_100_000).encode()).status_code == 413
