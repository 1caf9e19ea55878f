"""Webhooks out to the merchant and in from Stripe: signed, forward only, listed and re-driven by the events API."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pytest_paygate.sandbox.webhooks import signing

pytestmark = pytest.mark.asyncio(loop_scope="module")
MERCHANT = "merchant_paygate_sandbox"


async def deliver(setting: Any, event_type: str, subject: dict[str, Any], **wrong: Any) -> Any:
    """Send a webhook as Stripe would, rightly signed unless told otherwise."""
    body = json.dumps({"id": "evt_1", "type": event_type, "data": {"object": subject}}).encode()
    secret = wrong.get("secret", setting.world.keys.stripe_webhook)
    at = int(setting.world.clock.now()) + wrong.get("drift_seconds", 0)
    header = wrong.get("header", signing.stripe_header(body, [secret], at))
    sent = wrong.get("body", body)
    return await setting.http.post("/webhooks/stripe", content=sent, headers={"Stripe-Signature": header})


async def test_success_is_announced_signed_and_whole(setting: Any, conformance: Any) -> None:
    """The merchant gets the payment as the API answers it, signed over the raw bytes, with merchant and event id."""
    payment = await setting.paid(metadata={"order_id": "o1"})
    event = await setting.merchant.wait_for(payment["payment_id"], "payment_succeeded")
    assert event.keys() == {"merchant_id", "event_id", "event_type", "content", "timestamp"}
    assert (event["merchant_id"], event["content"]["type"]) == (MERCHANT, "payment_details")
    conformance.check(event["content"]["object"], "PaymentsResponse")
    assert event["content"]["object"]["metadata"] == {"order_id": "o1"}
    headers, raw = next(one for one in setting.merchant.raw if event["event_id"].encode() in one[1])
    key = setting.world.keys.hyperswitch_hash
    assert headers["x-webhook-signature-512"] == signing.hyperswitch_signature(raw, key)
    assert re.fullmatch(r"[0-9a-f]{128}", headers["x-webhook-signature-512"])


async def test_each_change_is_announced_once(setting: Any) -> None:
    """Answer, sync and Stripe's webhook tell the same; the merchant hears it once."""
    payment = await setting.paid()
    await setting.merchant.wait_for(payment["payment_id"], "payment_succeeded")
    await deliver(setting, "payment_intent.succeeded", await intent(setting, payment))
    await setting.get(f"/payments/{payment['payment_id']}", force_sync="true")
    marker = await setting.paid("4000000000000002")
    await setting.merchant.wait_for(marker["payment_id"], "payment_failed")
    assert setting.merchant.about(payment["payment_id"]) == ["payment_succeeded"]


async def intent(setting: Any, payment: dict[str, Any], **changes: object) -> dict[str, Any]:
    """A payment intent as Stripe would send it."""
    plain = {
        "id": payment["connector_transaction_id"],
        "status": "succeeded",
        "amount": payment["amount"],
        "amount_received": payment["amount"],
        "metadata": {"hyperswitch_attempt_id": f"{payment['payment_id']}_1"},
    }
    return plain | changes


@pytest.mark.parametrize(
    ("event_type", "status"),
    [
        ("payment_intent.requires_action", "requires_action"),
        ("payment_intent.processing", "processing"),
        ("payment_intent.amount_capturable_updated", "requires_capture"),
        ("payment_intent.canceled", "canceled"),
        ("payment_intent.payment_failed", "requires_payment_method"),
    ],
)
async def test_late_webhook_does_not_undo_a_payment(setting: Any, event_type: str, status: str) -> None:
    """Whatever arrives out of order, a succeeded payment stays succeeded."""
    payment = await setting.paid()
    error = {"code": "card_declined", "message": "no"} if status == "requires_payment_method" else None
    late = await intent(setting, payment, status=status, last_payment_error=error, amount_received=0)
    answer = await deliver(setting, event_type, late)
    assert answer.status_code == 200
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    assert (stored["status"], stored["amount_received"], stored["error_code"]) == ("succeeded", 500, None)


async def test_charge_after_a_reported_failure_is_believed(setting: Any) -> None:
    """If the money did move after all, the payment says so: a charge outranks a failure."""
    payment = await setting.paid("4000000000000002")
    assert payment["status"] == "failed"
    await deliver(setting, "payment_intent.succeeded", await intent(setting, payment))
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    assert (stored["status"], stored["amount_received"]) == ("succeeded", 500)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "whsec_other"},
        {"drift_seconds": -301},
        {"drift_seconds": 301},
        {"header": ""},
        {"header": "t=1"},
        {"body": b"{}"},
    ],
    ids=["other secret", "stale", "from the future", "no signature", "malformed", "other body"],
)
async def test_unauthentic_webhook_changes_nothing(setting: Any, wrong: dict[str, Any]) -> None:
    """A bad, stale, future or missing signature is refused, whatever the body claims."""
    payment = await setting.paid("4000000000000002")
    answer = await deliver(setting, "payment_intent.succeeded", await intent(setting, payment), **wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "WE_01")
    assert (await setting.get(f"/payments/{payment['payment_id']}")).json()["status"] == "failed"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": 5}', b"\xff", b'{"data": {"object": []}}'])
async def test_authentic_nonsense_is_refused(setting: Any, body: bytes) -> None:
    """A rightly signed body that is no event is a bad request, not a crash."""
    header = signing.stripe_header(body, [setting.world.keys.stripe_webhook], int(setting.world.clock.now()))
    answer = await setting.http.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "WE_02")


async def test_event_of_others_is_acknowledged(setting: Any) -> None:
    """Payments and refunds that are not ours are left alone; one that claims to be ours and is not is reported."""
    foreign = {"id": "pi_other", "status": "succeeded", "metadata": {}}
    assert (await deliver(setting, "payment_intent.succeeded", foreign)).status_code == 200
    assert (await deliver(setting, "refund.updated", {"id": "re_other", "metadata": None})).status_code == 200
    assert (await deliver(setting, "customer.created", {"id": "cus_1"})).status_code == 200
    claimed = foreign | {"metadata": {"hyperswitch_attempt_id": "pay_none_1"}}
    answer = await deliver(setting, "payment_intent.succeeded", claimed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "WE_04")
    claimed_refund = {"id": "re_x", "metadata": {"hyperswitch_refund_id": "ref_none\x00"}}
    assert (await deliver(setting, "refund.failed", claimed_refund)).status_code == 404


async def test_one_endpoint_is_registered_at_stripe(setting: Any) -> None:
    """Starting subscribes exactly one endpoint to exactly the events that are read."""
    headers = {"authorization": f"Bearer {setting.world.keys.stripe_secret}"}
    listed = (await setting.wire.client.get(f"{setting.wire.target}/v1/webhook_endpoints", headers=headers)).json()
    (endpoint,) = listed["data"]
    assert endpoint["url"] == f"{setting.world.addresses.hyperswitch}/webhooks/stripe"
    assert "payment_intent.succeeded" in endpoint["enabled_events"]
    assert "refund.failed" in endpoint["enabled_events"]


async def test_events_are_listed_with_their_attempts(setting: Any, conformance: Any) -> None:
    """The events API names each event, whether it got through, and what each delivery sent and got."""
    payment = await setting.paid()
    event = await setting.merchant.wait_for(payment["payment_id"], "payment_succeeded")
    listed = (await setting.post(f"/events/{MERCHANT}", {"object_id": payment["payment_id"]})).json()
    conformance.check(listed, "TotalEventsResponse")
    assert [one["event_id"] for one in listed["events"]] == [event["event_id"]]
    tries = (await setting.get(f"/events/{MERCHANT}/{event['event_id']}/attempts")).json()
    for one in tries:
        conformance.check(one, "EventRetrieveResponse")
    narrowed = (await setting.post(f"/events/{MERCHANT}", {"event_types": ["refund_failed"], "limit": 0})).json()
    assert narrowed["events"] == []


async def test_event_is_redriven_by_the_api(setting: Any, conformance: Any) -> None:
    """A merchant who missed an event asks for it again and gets the same bytes."""
    setting.world.faults.set("webhook_lost", {"source": "hyperswitch"})
    payment = await setting.paid()
    event_id = (await setting.post(f"/events/{MERCHANT}", {"object_id": payment["payment_id"]})).json()["events"][0]
    setting.world.faults.clear()
    retried = (await setting.post(f"/events/{MERCHANT}/{event_id['event_id']}/retry")).json()
    conformance.check(retried, "EventRetrieveResponse")
    event = await setting.merchant.wait_for(payment["payment_id"], "payment_succeeded")
    assert event["event_id"] == event_id["event_id"]


@pytest.mark.parametrize("body", [{"object_id": 5}, {"event_types": "x"}, {"event_types": [1]}, {"limit": -1}])
async def test_bad_event_filter_is_refused(setting: Any, body: dict[str, object]) -> None:
    """A filter of the wrong type is refused instead of ignored."""
    answer = await setting.post(f"/events/{MERCHANT}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "IR_06")
