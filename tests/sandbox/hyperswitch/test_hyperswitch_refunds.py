"""Refunds through the connector: whole, partial, pending, failing, lost, and never more than was captured."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pytest_paygate.sandbox.webhooks import signing

pytestmark = pytest.mark.asyncio(loop_scope="module")
PENDING = "4000000000007726"
FAILING = "4000000000005126"


async def refund(setting: Any, payment: dict[str, Any], **fields: object) -> dict[str, Any]:
    """A refund of a payment, as answered."""
    answer = await setting.post("/refunds", {"payment_id": payment["payment_id"]} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_full_refund_returns_the_money(setting: Any, conformance: Any) -> None:
    """Without an amount the whole payment goes back, once, and the payment itself stays succeeded."""
    payment = await setting.paid(metadata={"trace_id": "T-1"})
    body = await refund(setting, payment, reason="requested_by_customer", metadata={"trace_id": "T-1"})
    conformance.check(body, "RefundResponse")
    assert (body["status"], body["amount"], body["currency"], len(body["refund_id"])) == ("succeeded", 500, "EUR", 30)
    assert [abs(amount) for amount in await setting.money(payment, "refund")] == [500]
    assert (await setting.get(f"/payments/{payment['payment_id']}")).json()["status"] == "succeeded"


async def test_refund_at_stripe_is_keyed_by_our_id(setting: Any) -> None:
    """The refund's id is the idempotency key, and metadata and a reason Stripe knows go along."""
    payment = await setting.paid()
    body = await refund(setting, payment, refund_id="r" * 30, reason="duplicate", metadata={"trace_id": "T-1"})
    ((form, key),) = setting.wire.writes("/v1/refunds")
    assert key == body["refund_id"] == "r" * 30
    assert form["payment_intent"] == [payment["connector_transaction_id"]]
    assert (form["amount"], form["reason"]) == (["500"], ["duplicate"])
    assert (form["metadata[trace_id]"], form["metadata[hyperswitch_refund_id]"]) == (["T-1"], ["r" * 30])


async def test_free_reason_is_kept_here(setting: Any) -> None:
    """A reason Stripe does not know is stored and not sent."""
    payment = await setting.paid()
    body = await refund(setting, payment, reason="buyer's remorse")
    assert body["reason"] == "buyer's remorse"
    assert "reason" not in setting.wire.writes("/v1/refunds")[0][0]


async def test_used_refund_id_is_refused(setting: Any) -> None:
    """The same refund id again moves no money and is not replayed."""
    payment = await setting.paid()
    await refund(setting, payment, refund_id="d" * 30, amount=100)
    again = await setting.post("/refunds", {"payment_id": payment["payment_id"], "refund_id": "d" * 30, "amount": 100})
    assert (again.status_code, again.json()["error"]["code"]) == (400, "HE_01")
    other = await setting.paid()
    foreign = await setting.post("/refunds", {"payment_id": other["payment_id"], "refund_id": "d" * 30, "amount": 100})
    assert foreign.json()["error"]["code"] == "HE_01"
    assert len(await setting.money(payment, "refund")) == 1


async def test_partial_refunds_stop_at_what_was_captured(setting: Any) -> None:
    """Partial refunds add up to the captured amount and not one minor unit further."""
    payment = await setting.paid()
    await refund(setting, payment, amount=200)
    await refund(setting, payment, amount=299)
    over = await setting.post("/refunds", {"payment_id": payment["payment_id"], "amount": 2})
    assert over.json()["error"] == {
        "type": "invalid_request",
        "message": "The refund amount exceeds the amount captured",
        "code": "IR_13",
    }
    assert (await refund(setting, payment, amount=1))["status"] == "succeeded"


async def test_many_refunds_at_once_return_the_money_once(setting: Any) -> None:
    """Of sixteen simultaneous full refunds one succeeds."""
    payment = await setting.paid()
    answers = await asyncio.gather(
        *(setting.post("/refunds", {"payment_id": payment["payment_id"]}) for _ in range(16))
    )
    codes = sorted(answer.json().get("error", {}).get("code", "ok") for answer in answers)
    assert codes == ["IR_13"] * 15 + ["ok"]
    assert len(await setting.money(payment, "refund")) == 1


@pytest.mark.parametrize("number", [None, "4000000000000002"], ids=["unpaid", "failed"])
async def test_unpaid_payment_is_not_refunded(setting: Any, number: str | None) -> None:
    """There is nothing to give back of a payment that took nothing."""
    payment = await (setting.create() if number is None else setting.paid(number))
    answer = await setting.post("/refunds", {"payment_id": payment["payment_id"]})
    assert answer.json()["error"] == {
        "type": "invalid_request",
        "message": f"This Payment could not be refund because it has a status of {payment['status']}."
        " The expected state is succeeded, partially_captured",
        "code": "IR_14",
    }


async def test_payment_under_way_is_not_refunded_yet(setting: Any) -> None:
    """A payment whose outcome is unknown is neither refunded nor called unpaid."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    setting.wire.lose_answer_to, setting.wire.refuse_with = "/v1/payment_intents", 500
    payment = await setting.paid()
    answer = await setting.post("/refunds", {"payment_id": payment["payment_id"]})
    assert answer.json()["error"]["code"] == "HE_03"


async def test_refunds_end_with_their_period_and_count(setting: Any) -> None:
    """Ten refunds per payment, and none a year later."""
    payment = await setting.paid()
    for _ in range(10):
        await refund(setting, payment, amount=1)
    eleventh = await setting.post("/refunds", {"payment_id": payment["payment_id"], "amount": 1})
    assert eleventh.json()["error"]["code"] == "IR_12"
    old = await setting.paid()
    setting.advance(366 * 24 * 3600)
    late = await setting.post("/refunds", {"payment_id": old["payment_id"]})
    assert late.json()["error"]["code"] == "HE_03"


async def test_pending_refund_succeeds_later(setting: Any, conformance: Any) -> None:
    """A refund Stripe has only accepted is pending, and its webhook makes it succeeded, here and for the merchant."""
    payment = await setting.paid(PENDING)
    body = await refund(setting, payment)
    conformance.check(body, "RefundResponse")
    assert body["status"] == "pending"
    setting.advance(60)
    event = await setting.merchant.wait_for(body["refund_id"], "refund_succeeded")
    assert event["content"]["object"]["status"] == "succeeded"
    stored = (await setting.get(f"/refunds/{body['refund_id']}")).json()
    assert stored["status"] == "succeeded"


async def test_succeeded_refund_can_still_fail(setting: Any) -> None:
    """Money that comes back after success makes the refund failed and is announced; the amount is free again."""
    payment = await setting.paid(FAILING)
    body = await refund(setting, payment)
    assert body["status"] == "succeeded"
    setting.advance(60)
    event = await setting.merchant.wait_for(body["refund_id"], "refund_failed")
    failed = event["content"]["object"]
    assert (failed["status"], bool(failed["error_code"]), bool(failed["error_message"])) == ("failed", True, True)
    assert setting.merchant.about(body["refund_id"]) == ["refund_succeeded", "refund_failed"]
    assert (await setting.post("/refunds", {"payment_id": payment["payment_id"]})).status_code == 200


async def test_lost_answer_leaves_the_refund_pending(setting: Any) -> None:
    """When Stripe's answer never comes the refund is pending, and a sync finds it by its metadata."""
    payment = await setting.paid()
    setting.world.delays_seconds["hyperswitch.connector_timeout"] = 0.3
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    setting.wire.lose_answer_to = "/v1/refunds"
    body = await refund(setting, payment)
    assert body["status"] == "pending"
    over = await setting.post("/refunds", {"payment_id": payment["payment_id"]})
    assert over.json()["error"]["code"] == "IR_13", "a refund of unknown outcome holds its amount"
    assert (await setting.get(f"/refunds/{body['refund_id']}")).json()["status"] == "pending"
    found = (await setting.get(f"/refunds/{body['refund_id']}", force_sync="true")).json()
    assert found["status"] == "succeeded"
    assert len(await setting.money(payment, "refund")) == 1


async def test_refund_stripe_refuses_is_failed(setting: Any) -> None:
    """A definite refusal of the processor is a failed refund with its reason, and is announced."""
    payment = await setting.paid()
    async with setting.world.provider_pool.connection() as connection:
        # The processor knows better than our books: they are made to say that there is more than was captured.
        await connection.execute(
            "UPDATE hyperswitch.payments SET amount_received = 900 WHERE payment_id = %s", (payment["payment_id"],)
        )
    body = await refund(setting, payment, amount=900)
    assert body["status"] == "failed"
    assert body["error_code"]
    await setting.merchant.wait_for(body["refund_id"], "refund_failed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payment_id": None}, "IR_04"),
        ({"payment_id": "p" * 30}, "HE_02"),
        ({"refund_id": "short"}, "IR_05"),
        ({"amount": 0}, "IR_06"),
        ({"amount": 1.5}, "IR_06"),
        ({"reason": 5}, "IR_06"),
        ({"surprise": 1}, "IR_06"),
    ],
)
async def test_bad_refund_is_refused(setting: Any, change: dict[str, object], code: str) -> None:
    """A refund request that cannot be meant moves nothing."""
    payment = await setting.paid()
    answer = await setting.post("/refunds", {"payment_id": payment["payment_id"]} | change)
    assert answer.json()["error"]["code"] == code
    assert await setting.money(payment, "refund") == []


async def test_refunds_are_listed_and_changed(setting: Any, conformance: Any) -> None:
    """The list narrows to a payment and pages; reason and metadata can be changed afterwards."""
    payment = await setting.paid()
    made = [(await refund(setting, payment, amount=10))["refund_id"] for _ in range(3)]
    listed = (await setting.post("/refunds/list", {"payment_id": payment["payment_id"], "limit": 2})).json()
    conformance.check(listed, "RefundListResponse")
    assert [one["refund_id"] for one in listed["data"]] == made[:0:-1]
    assert (listed["count"], listed["total_count"]) == (2, 3)
    changed = (await setting.post(f"/refunds/{made[0]}", {"reason": "goodwill", "metadata": {"a": "b"}})).json()
    conformance.check(changed, "RefundResponse")
    assert (changed["reason"], changed["metadata"]) == ("goodwill", {"a": "b"})


async def test_published_refund_cards_are_those_used_here(contracts: Any) -> None:
    """The numbers this module relies on are the published ones for pending and failing refunds."""
    published = json.dumps(json.loads((contracts / "stripe" / "test-values.json").read_text(encoding="utf-8")))
    assert PENDING in published
    assert FAILING in published


async def test_late_notice_does_not_undo_a_refund(setting: Any) -> None:
    """A sync or a late webhook saying pending changes neither a succeeded nor a failed refund."""
    payment = await setting.paid(FAILING)
    body = await refund(setting, payment)
    for expected in ("succeeded", "failed"):
        if expected == "failed":
            setting.advance(60)
            await setting.merchant.wait_for(body["refund_id"], "refund_failed")
        for status in ("pending", "succeeded"):
            late = {"id": "re_x", "status": status, "metadata": {"hyperswitch_refund_id": body["refund_id"]}}
            event = json.dumps({"type": "refund.updated", "data": {"object": late}}).encode()
            at = int(setting.world.clock.now())
            signature = signing.stripe_header(event, [setting.world.keys.stripe_webhook], at)
            headers = {"Stripe-Signature": signature}
            assert (await setting.http.post("/webhooks/stripe", content=event, headers=headers)).status_code == 200
        assert (await setting.get(f"/refunds/{body['refund_id']}")).json()["status"] == expected


async def test_sync_of_a_settled_refund_agrees(setting: Any) -> None:
    """Syncing a refund whose outcome is known asks Stripe by its id and changes nothing."""
    payment = await setting.paid()
    body = await refund(setting, payment)
    assert (await setting.get(f"/refunds/{body['refund_id']}", force_sync="true")).json()["status"] == "succeeded"
    assert (await setting.post(f"/refunds/{'n' * 30}", {"reason": "x"})).status_code == 404
