"""Payments end to end: created, confirmed at the real Stripe emulator, captured, cancelled, expired, looked up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_paygate.sandbox.hyperswitch.connector import API_VERSION

pytestmark = pytest.mark.asyncio(loop_scope="module")
CARD = {"card_number": "4242424242424242", "card_exp_month": "12", "card_exp_year": "34", "card_cvc": "123"}


def confirmation(number: str = "4242424242424242") -> dict[str, Any]:
    """A confirm body."""
    return {"payment_method": "card", "payment_method_data": {"card": CARD | {"card_number": number}}}


async def test_new_payment_waits_for_a_card(setting: Any, conformance: Any) -> None:
    """A created payment asks for a payment method, has an id of 30 characters and moves no money."""
    body = await setting.create(metadata={"order_id": "o1"}, description="Aurora", return_url="https://shop.example/x")
    conformance.check(body, "PaymentsResponse")
    assert (body["status"], body["amount"], body["currency"]) == ("requires_payment_method", 500, "EUR")
    assert len(body["payment_id"]) == 30
    assert body["metadata"] == {"order_id": "o1"}
    assert body["connector_transaction_id"] is None
    assert setting.wire.seen == []


async def test_confirmed_payment_charges_once_at_stripe(setting: Any, conformance: Any) -> None:
    """A good card succeeds; the charge is in Stripe's own ledger once, and the intent's id is told."""
    body = await setting.paid(metadata={"trace_id": "T-1", "order_id": "o1"})
    conformance.check(body, "PaymentsResponse")
    assert (body["status"], body["amount_received"], body["amount_capturable"]) == ("succeeded", 500, 0)
    assert body["connector_transaction_id"].startswith("pi_")
    assert await setting.money(body, "charge") == [500]


async def test_metadata_and_idempotency_reach_stripe(setting: Any) -> None:
    """The intent carries the merchant's metadata and our own ids, under a key derived from the attempt."""
    body = await setting.paid(metadata={"trace_id": "T-1", "nested": {"a": 1}})
    ((form, key),) = setting.wire.writes("/v1/payment_intents")
    assert form["metadata[trace_id]"] == ["T-1"]
    assert form["metadata[nested]"] == ['{"a": 1}']
    assert form["metadata[hyperswitch_payment_id]"] == [body["payment_id"]]
    assert form["metadata[hyperswitch_attempt_id]"] == [key] == [f"{body['payment_id']}_1"]
    assert API_VERSION == "2026-10-28.endive"


async def test_card_shows_only_its_last_four(setting: Any) -> None:
    """Answers, webhooks and every table hold the last four digits and never the number or the code."""
    body = await setting.create(
        confirm=True, payment_method="card", payment_method_data={"card": CARD | {"card_cvc": "987"}}
    )
    await setting.merchant.wait_for(body["payment_id"], "payment_succeeded")
    assert body["payment_method_data"]["card"]["last4"] == "4242"
    kept = [str(body), *(raw.decode() for _, raw in setting.merchant.raw)]
    async with setting.world.provider_pool.connection() as connection:
        tables = await connection.execute(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_schema IN ('hyperswitch', 'webhooks', 'stripe')"
        )
        for (table,) in await tables.fetchall():
            rows = await connection.execute(f"SELECT t::text FROM {table} t")  # type: ignore[arg-type]  # noqa: S608 - our tables
            kept += [row[0] for row in await rows.fetchall()]
        bodies = await connection.execute("SELECT convert_from(body, 'UTF8') FROM webhooks.deliveries")
        kept += [row[0] for row in await bodies.fetchall()]
    assert not [text for text in kept if "4242424242424242" in text or '"987"' in text]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "card_declined"),
        ("4000000000009995", "card_declined"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
    ],
)
async def test_declined_card_fails_the_payment(setting: Any, conformance: Any, number: str, code: str) -> None:
    """A decline ends an API payment as failed, with the processor's code and message; nothing was charged."""
    body = await setting.paid(number)
    conformance.check(body, "PaymentsResponse")
    assert (body["status"], body["error_code"]) == ("failed", code)
    assert body["error_message"]
    assert body["manual_retry_allowed"] is True
    assert await setting.money(body, "charge") == []


async def test_failed_payment_is_confirmed_again_only_on_request(setting: Any) -> None:
    """A failed payment refuses a plain confirmation; a manual retry makes a second attempt with its own intent."""
    body = await setting.paid("4000000000000002")
    path = f"/payments/{body['payment_id']}/confirm"
    plain = await setting.post(path, confirmation())
    assert (plain.status_code, plain.json()["error"]["code"]) == (400, "IR_16")
    retried = (await setting.post(path, confirmation() | {"retry_action": "manual_retry"})).json()
    assert (retried["status"], retried["attempt_count"]) == ("succeeded", 2)
    assert retried["connector_transaction_id"] != body["connector_transaction_id"]
    assert retried["error_code"] is None


async def test_amount_below_the_processor_s_minimum_fails(setting: Any) -> None:
    """What Stripe refuses outright is a failed payment with Stripe's reason."""
    body = await setting.paid(amount=10)
    assert (body["status"], body["error_code"]) == ("failed", "amount_too_small")


async def test_two_confirmations_at_once_charge_once(setting: Any) -> None:
    """Of sixteen simultaneous confirmations one pays; the others are refused by the payment's state."""
    body = await setting.create()
    path = f"/payments/{body['payment_id']}/confirm"
    answers = await asyncio.gather(*(setting.post(path, confirmation()) for _ in range(16)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [400] * 15
    paid = next(answer.json() for answer in answers if answer.status_code == 200)
    assert await setting.money(paid, "charge") == [500]
    assert len(setting.wire.writes("/v1/payment_intents")) == 1


async def test_challenge_is_a_customer_action(setting: Any, conformance: Any) -> None:
    """A card that needs 3-D Secure leaves the payment waiting, with an address of ours that leads to the challenge."""
    body = await setting.paid("4000002760003184")
    conformance.check(body, "PaymentsResponse")
    assert body["status"] == "requires_customer_action"
    assert body["next_action"]["type"] == "redirect_to_url"
    redirected = await setting.http.get(body["next_action"]["redirect_to_url"])
    assert redirected.status_code == 303
    assert f"/3ds/{body['connector_transaction_id']}" in redirected.headers["location"]


async def test_manual_capture_takes_part_of_the_money(setting: Any, conformance: Any) -> None:
    """An authorised payment is charged only when captured, and a part captured is told as such."""
    body = await setting.paid(capture_method="manual")
    conformance.check(body, "PaymentsResponse")
    assert (body["status"], body["amount_capturable"]) == ("requires_capture", 500)
    path = f"/payments/{body['payment_id']}/capture"
    too_much = await setting.post(path, {"amount_to_capture": 501})
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (400, "IR_06")
    captured = (await setting.post(path, {"amount_to_capture": 200})).json()
    conformance.check(captured, "PaymentsResponse")
    assert (captured["status"], captured["amount_received"]) == ("partially_captured", 200)
    assert sum(await setting.money(captured, "charge")) == 200
    again = await setting.post(path, {})
    assert again.json()["error"]["code"] == "IR_14"


async def test_full_capture_succeeds(setting: Any) -> None:
    """Captured in full, the payment has succeeded."""
    body = await setting.paid(capture_method="manual")
    captured = (await setting.post(f"/payments/{body['payment_id']}/capture")).json()
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 500)


async def test_capture_whose_answer_is_lost_is_found_by_a_sync(setting: Any) -> None:
    """A capture without an answer leaves the payment processing; the money is looked up, not taken again."""
    body = await setting.paid(capture_method="manual")
    setting.wire.lose_answer_to = f"/v1/payment_intents/{body['connector_transaction_id']}/capture"
    setting.wire.refuse_with = 500
    unclear = (await setting.post(f"/payments/{body['payment_id']}/capture")).json()
    assert unclear["status"] == "processing"
    found = (await setting.get(f"/payments/{body['payment_id']}", force_sync="true")).json()
    assert (found["status"], found["amount_received"]) == ("succeeded", 500)


@pytest.mark.parametrize("method", ["automatic", "manual"])
async def test_unpaid_payment_is_cancelled(setting: Any, conformance: Any, method: str) -> None:
    """A payment without a charge is cancelled, at the processor too, and cannot be confirmed any more."""
    body = await (setting.paid(capture_method="manual") if method == "manual" else setting.create())
    answer = (await setting.post(f"/payments/{body['payment_id']}/cancel", {"cancellation_reason": "abandoned"})).json()
    conformance.check(answer, "PaymentsResponse")
    assert (answer["status"], answer["cancellation_reason"]) == ("cancelled", "abandoned")
    refused = await setting.post(f"/payments/{body['payment_id']}/confirm", confirmation())
    assert refused.json()["error"]["message"] == "You cannot confirm this payment because it has status cancelled"


async def test_paid_payment_is_not_cancelled(setting: Any) -> None:
    """Money that has moved is refunded, not cancelled away."""
    body = await setting.paid()
    answer = await setting.post(f"/payments/{body['payment_id']}/cancel", {})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "type": "invalid_request",
        "message": "You cannot cancel this payment because it has status succeeded",
        "code": "IR_16",
    }


async def test_session_ends_after_fifteen_minutes(setting: Any) -> None:
    """An unpaid payment expires by itself after 900 s, announces it, and takes no card afterwards."""
    body = await setting.create(payment_link=True)
    setting.advance(899)
    assert (await setting.get(f"/payments/{body['payment_id']}")).json()["status"] == "requires_payment_method"
    setting.advance(1)
    event = await setting.merchant.wait_for(body["payment_id"], "payment_expired")
    assert event["content"]["object"]["status"] == "expired"
    refused = await setting.post(f"/payments/{body['payment_id']}/confirm", confirmation())
    assert refused.json()["error"]["code"] == "IR_16"
    link = (await setting.get(f"/payment_link/{body['payment_link']['payment_link_id']}")).json()
    assert link["status"] == "expired"


async def test_lost_answer_leaves_the_payment_processing(setting: Any) -> None:
    """When Stripe's answer never comes, nobody says failed: no intent id is known and a second try is refused."""
    setting.world.delays_seconds["hyperswitch.connector_timeout"] = 0.3
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    setting.wire.lose_answer_to = "/v1/payment_intents"
    body = await setting.paid()
    assert (body["status"], body["connector_transaction_id"]) == ("processing", None)
    again = await setting.post(f"/payments/{body['payment_id']}/confirm", confirmation())
    assert again.json()["error"]["code"] == "IR_16"
    stored = (await setting.get(f"/payments/{body['payment_id']}")).json()
    assert stored["status"] == "processing", "without force_sync the stored state is read"
    found = (await setting.get(f"/payments/{body['payment_id']}", force_sync="true")).json()
    assert (found["status"], found["amount_received"]) == ("succeeded", 500)
    assert await setting.money(found, "charge") == [500]


@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_unreliable_answer_is_not_a_decline(setting: Any, status: int) -> None:
    """Conflicts, limits and server errors say nothing of the money, so the payment stays processing."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    setting.wire.lose_answer_to, setting.wire.refuse_with = "/v1/payment_intents", status
    assert (await setting.paid())["status"] == "processing"


async def test_lost_answer_is_made_good_by_stripe_s_webhook(setting: Any) -> None:
    """Without any sync, Stripe's signed webhook brings the payment to its end."""
    setting.wire.lose_answer_to, setting.wire.refuse_with = "/v1/payment_intents", 500
    body = await setting.paid()
    event = await setting.merchant.wait_for(body["payment_id"], "payment_succeeded")
    assert event["content"]["object"]["connector_transaction_id"].startswith("pi_")


async def test_unpaid_payment_can_be_changed(setting: Any, conformance: Any) -> None:
    """Amount and description change until the payment is paid, and not after."""
    body = await setting.create()
    changed = (await setting.post(f"/payments/{body['payment_id']}", {"amount": 700, "description": "More"})).json()
    conformance.check(changed, "PaymentsResponse")
    assert (changed["amount"], changed["amount_capturable"], changed["description"]) == (700, 700, "More")
    paid = (await setting.post(f"/payments/{body['payment_id']}/confirm", confirmation())).json()
    assert paid["amount_received"] == 700
    late = await setting.post(f"/payments/{body['payment_id']}", {"amount": 1})
    assert late.json()["error"]["code"] == "IR_16"


async def test_retrieve_shows_attempts_and_refunds(setting: Any, conformance: Any) -> None:
    """Attempts are listed when asked for, refunds always."""
    body = await setting.paid()
    await setting.post("/refunds", {"payment_id": body["payment_id"], "amount": 100})
    shown = (await setting.get(f"/payments/{body['payment_id']}", expand_attempts="true")).json()
    conformance.check(shown, "PaymentsResponse")
    assert [attempt["status"] for attempt in shown["attempts"]] == ["charged"]
    assert [refund["amount"] for refund in shown["refunds"]] == [100]


async def test_list_is_newest_first_and_pages(setting: Any, conformance: Any) -> None:
    """The list pages by payment id in both directions and filters by customer and time."""
    made = [(await setting.create(customer_id="cus_list"))["payment_id"] for _ in range(3)]
    whole = (await setting.get("/payments/list", customer_id="cus_list")).json()
    conformance.check(whole, "PaymentListResponse")
    assert [one["payment_id"] for one in whole["data"]] == made[::-1]
    after = (await setting.get("/payments/list", starting_after=made[1], limit="1")).json()
    assert [one["payment_id"] for one in after["data"]] == [made[0]]
    before = (await setting.get("/payments/list", ending_before=made[1], customer_id="cus_list")).json()
    assert [one["payment_id"] for one in before["data"]] == [made[2]]
    later = (await setting.get("/payments/list", created_gt="2100-01-01T00:00:00Z")).json()
    assert later == {"size": 0, "data": []}


async def test_payment_that_never_reached_stripe_stays_open_to_question(setting: Any) -> None:
    """When the request itself was lost, a sync finds nothing and claims nothing: neither paid nor failed."""
    setting.wire.lose_answer_to, setting.wire.lose_request = "/v1/payment_intents", True
    body = await setting.paid()
    found = (await setting.get(f"/payments/{body['payment_id']}", force_sync="true")).json()
    assert (found["status"], found["connector_transaction_id"]) == ("processing", None)


async def test_lookup_by_metadata_goes_through_every_page(setting: Any) -> None:
    """A charge whose answer was lost is found behind more than a page of later ones."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    setting.wire.lose_answer_to, setting.wire.refuse_with = "/v1/payment_intents", 500
    body = await setting.paid()
    for _ in range(101):
        await setting.stripe("/v1/payment_intents", amount="500", currency="eur")
    found = (await setting.get(f"/payments/{body['payment_id']}", force_sync="true")).json()
    assert found["status"] == "succeeded"


async def test_capture_stripe_refuses_keeps_the_authorisation(setting: Any) -> None:
    """A refused capture says why and leaves the payment as it was; a sync then shows what Stripe has."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    body = await setting.paid(capture_method="manual")
    await setting.stripe(f"/v1/payment_intents/{body['connector_transaction_id']}/cancel")
    refused = (await setting.post(f"/payments/{body['payment_id']}/capture")).json()
    assert refused["status"] == "requires_capture"
    assert refused["error_code"] == "payment_intent_unexpected_state"
    synced = (await setting.get(f"/payments/{body['payment_id']}", force_sync="true")).json()
    assert synced["status"] == "cancelled"


async def test_cancellation_that_comes_too_late_shows_the_charge(setting: Any) -> None:
    """If Stripe has captured meanwhile, a cancellation ends as the payment it found."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    body = await setting.paid(capture_method="manual")
    await setting.stripe(f"/v1/payment_intents/{body['connector_transaction_id']}/capture")
    answer = (await setting.post(f"/payments/{body['payment_id']}/cancel", {"cancellation_reason": "abandoned"})).json()
    assert (answer["status"], answer["amount_received"], answer["cancellation_reason"]) == ("succeeded", 500, None)


async def test_confirmation_needs_its_card(setting: Any) -> None:
    """A confirmation without a card, or a card without a confirmation to use it, is refused."""
    body = await setting.create()
    without = await setting.post(f"/payments/{body['payment_id']}/confirm")
    assert without.json()["error"]["code"] == "IR_04"
    kept = await setting.post("/payments", {"amount": 500, "currency": "EUR"} | confirmation())
    assert (kept.status_code, kept.json()["error"]["code"]) == (501, "IR_00")


async def test_update_can_confirm(setting: Any) -> None:
    """An update that says confirm pays with the card it brings."""
    body = await setting.create()
    paid = (await setting.post(f"/payments/{body['payment_id']}", {"confirm": True} | confirmation())).json()
    assert paid["status"] == "succeeded"
