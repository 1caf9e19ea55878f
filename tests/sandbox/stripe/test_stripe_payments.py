"""Payment intents and their charges, driven by the official SDK."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import stripe

from pytest_paygate.sandbox.stripe import hosted
from pytest_paygate.sandbox.stripe.ledger import ledger

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]
RETURN = "http://127.0.0.1/back?order=7"


async def _movements(emulator: Emulator, intent: str) -> list[tuple[str, int, str]]:
    rows = await ledger(emulator.world)
    return [(row["kind"], row["amount_minor"], row["currency"]) for row in rows if row["payment_intent"] == intent]


async def test_a_confirmed_payment_is_captured_once_with_its_metadata(emulator: Emulator) -> None:
    """Create with confirm succeeds, the charge inherits metadata, and the ledger holds one charge and its fee."""
    intent = await emulator.paid(500, metadata={"trace_id": "E2E-1"}, expand=["latest_charge.balance_transaction"])
    charge = intent.latest_charge
    assert (intent.status, intent.amount_received, intent.livemode) == ("succeeded", 500, False)
    assert (charge.captured, charge.amount_captured, charge.paid) == (True, 500, True)
    assert charge.metadata.to_dict() == {"trace_id": "E2E-1"}
    assert charge.payment_method_details.card.last4 == "4242"
    posted = charge.balance_transaction
    assert (posted.amount, posted.fee, posted.net, posted.type) == (500, 45, 455, "charge")
    assert await _movements(emulator, intent.id) == [("charge", 500, "eur"), ("fee", 45, "eur")]


async def test_raw_card_data_pays(emulator: Emulator) -> None:
    """`payment_method_data` with a published number is taken, as a connector sends it."""
    answer = await emulator.http.post(
        "/v1/payment_intents",
        data={
            "amount": "700",
            "currency": "EUR",
            "confirm": "true",
            "return_url": RETURN,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": "4242 4242 4242 4242",
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "34",
            "payment_method_data[card][cvc]": "123",
            "metadata[order_id]": "o-1",
        },
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["metadata"]) == ("succeeded", {"order_id": "o-1"})


async def test_steps_one_by_one(emulator: Emulator) -> None:
    """Without method, with method, updated, confirmed: each status follows, and each change has its event."""
    intents = emulator.test.v1.payment_intents
    intent = await intents.create_async({"amount": 600, "currency": "eur", "metadata": {"a": "1", "b": "2"}})
    assert intent.status == "requires_payment_method"
    changed = {"amount": 650, "metadata": {"a": ""}, "payment_method": "pm_card_visa"}
    intent = await intents.update_async(intent.id, changed)
    assert (intent.status, intent.amount, intent.metadata.to_dict()) == ("requires_confirmation", 650, {"b": "2"})
    intent = await intents.confirm_async(intent.id, {"return_url": RETURN})
    assert intent.status == "succeeded"
    expected = ["payment_intent.created", "payment_intent.succeeded"]
    assert await emulator.event_types(about=intent.id) == expected
    assert await emulator.event_types(about=intent.latest_charge) == ["charge.succeeded"]


async def test_manual_capture_takes_part_and_releases_the_rest(emulator: Emulator) -> None:
    """Nothing moves at authorisation; a partial capture moves that part and no more."""
    intent = await emulator.paid(1000, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)
    assert await _movements(emulator, intent.id) == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await emulator.test.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 1001})
    assert refused.value.code == "amount_too_large"
    intent = await emulator.test.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 700})
    assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 700, 0)
    assert ("charge", 700, "eur") in await _movements(emulator, intent.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await emulator.test.v1.payment_intents.capture_async(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_cancel_releases_an_authorisation_and_refuses_a_paid_intent(emulator: Emulator) -> None:
    """Cancelling moves no money; a succeeded or cancelled intent cannot be cancelled."""
    held = await emulator.paid(1000, capture_method="manual")
    gone = await emulator.test.v1.payment_intents.cancel_async(held.id, {"cancellation_reason": "duplicate"})
    charge = await emulator.test.v1.charges.retrieve_async(held.latest_charge)
    assert (gone.status, gone.cancellation_reason, charge.captured, charge.refunded) == (
        "canceled",
        "duplicate",
        False,
        True,
    )
    assert await _movements(emulator, held.id) == []
    paid = await emulator.paid()
    for intent in (gone, paid):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await emulator.test.v1.payment_intents.cancel_async(intent.id)
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.json_body["error"]["payment_intent"]["id"] == intent.id


async def test_confirm_refuses_what_cannot_be_confirmed(emulator: Emulator) -> None:
    """No method, no return address, and an intent that already succeeded are each refused with their reason."""
    intents = emulator.test.v1.payment_intents
    bare = await intents.create_async({"amount": 600, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await intents.confirm_async(bare.id, {"return_url": RETURN})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.confirm_async(bare.id, {"payment_method": "pm_card_visa"})
    assert refused.value.param == "return_url"
    paid = await emulator.paid()
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        await intents.confirm_async(paid.id, {"payment_method": "pm_card_visa", "return_url": RETURN})
    with pytest.raises(stripe.InvalidRequestError, match="amount could not be updated"):
        await intents.update_async(paid.id, {"amount": 900})


async def test_a_decline_can_be_retried_on_the_same_intent(emulator: Emulator) -> None:
    """A declined attempt leaves a failed charge and an intent that another card can still pay, once."""
    with pytest.raises(stripe.CardError) as declined:
        await emulator.paid(800, "pm_card_visa_chargeDeclinedInsufficientFunds", return_url=RETURN)
    error = declined.value.json_body["error"]
    intent = error["payment_intent"]
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert error["decline_code"] == "insufficient_funds"
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert intent["last_payment_error"]["charge"] == error["charge"] == intent["latest_charge"]
    failed = await emulator.test.v1.charges.retrieve_async(error["charge"])
    assert (failed.status, failed.paid, failed.captured, failed.failure_code) == (
        "failed",
        False,
        False,
        "card_declined",
    )
    again = {"payment_method": "pm_card_visa", "return_url": RETURN}
    done = await emulator.test.v1.payment_intents.confirm_async(intent["id"], again)
    assert (done.status, done.last_payment_error) == ("succeeded", None)
    movements = await _movements(emulator, intent["id"])
    assert [row[:2] for row in movements if row[0] == "charge"] == [("charge", 800)]
    charges = await emulator.test.v1.charges.list_async({"payment_intent": intent["id"]})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]


async def test_concurrent_confirmations_charge_once(emulator: Emulator) -> None:
    """Of eight simultaneous confirmations of one intent exactly one charges; the others are refused."""
    intent = await emulator.test.v1.payment_intents.create_async({"amount": 900, "currency": "eur"})

    async def confirm() -> str:
        params = {"payment_method": "pm_card_visa", "return_url": RETURN}
        try:
            return (await emulator.test.v1.payment_intents.confirm_async(intent.id, params)).status
        except stripe.InvalidRequestError as error:
            return str(error.code)

    outcomes = await asyncio.gather(*(confirm() for _ in range(8)))
    assert sorted(outcomes) == ["payment_intent_unexpected_state"] * 7 + ["succeeded"]
    assert [row[0] for row in await _movements(emulator, intent.id)] == ["charge", "fee"]


async def test_a_challenge_is_completed_or_failed(emulator: Emulator) -> None:
    """3-D Secure sends the payer to our page; completing pays, failing leaves the intent payable, twice is once."""
    params = {"payment_method": "pm_card_authenticationRequired", "return_url": RETURN}
    params["automatic_payment_methods"] = {"enabled": True}  # type: ignore[assignment]
    for succeed, status, redirect in ((True, "succeeded", "succeeded"), (False, "requires_payment_method", "failed")):
        intent = await emulator.paid(500, **params)
        assert intent.status == "requires_action"
        assert intent.next_action.redirect_to_url.url == f"{emulator.url}/3ds/{intent.id}"
        assert (await hosted.describe_challenge(emulator.world, intent.id)).status == "open"
        first = await hosted.authenticate(emulator.world, intent.id, succeed)
        second = await hosted.authenticate(emulator.world, intent.id, not succeed)
        assert first == second
        assert first.return_url is not None
        assert first.return_url.startswith(f"{RETURN}&payment_intent={intent.id}")
        assert first.return_url.endswith(f"redirect_status={redirect}")
        intent = await emulator.test.v1.payment_intents.retrieve_async(intent.id)
        assert (intent.status, intent.next_action) == (status, None)
        assert [row[0] for row in await _movements(emulator, intent.id)] == (["charge", "fee"] if succeed else [])
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"


async def test_off_session_and_error_on_requires_action_decline(emulator: Emulator) -> None:
    """Where nobody is there to authenticate, the card says so with its own code."""
    for absent in ({"off_session": True}, {"error_on_requires_action": True}):
        with pytest.raises(stripe.CardError) as declined:
            await emulator.paid(500, "pm_card_authenticationRequired", return_url=RETURN, **absent)
        assert declined.value.code == "authentication_required"
    method = "pm_card_authenticationRequiredSetupForOffSession"
    assert (await emulator.paid(500, method, off_session=True)).status == "succeeded"


@pytest.mark.parametrize(
    ("fault", "received", "captured"), [("charge_amount_short", 499, True), ("charge_not_captured", 500, False)]
)
async def test_faults_make_the_payment_lie(emulator: Emulator, fault: str, received: int, captured: bool) -> None:
    """A named fault makes the intent claim success while the ledger shows what really moved."""
    emulator.world.faults.set(fault)
    try:
        intent = await emulator.paid(500, expand=["latest_charge"])
    finally:
        emulator.world.faults.clear()
    moved = [row[1] for row in await _movements(emulator, intent.id) if row[0] == "charge"]
    assert (intent.status, intent.amount_received) == ("succeeded", received)
    assert intent.latest_charge.captured is captured
    assert moved == ([499] if captured else [])
    assert emulator.world.faults.report()[fault]["fired"] == 1
