"""Refunds: their ceiling, their courses, and the money behind them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import stripe

from pytest_paygate.sandbox.stripe import money
from pytest_paygate.sandbox.stripe.ledger import ledger

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]


async def _kinds(emulator: Emulator, intent: str) -> list[tuple[str, int]]:
    rows = await ledger(emulator.world)
    return [(row["kind"], row["amount_minor"]) for row in rows if row["payment_intent"] == intent]


async def test_full_refund_by_payment_intent(emulator: Emulator) -> None:
    """A full refund succeeds at once, posts a negative transaction without fee, and returns no fee."""
    intent = await emulator.paid(500, metadata={"trace_id": "E2E-2"})
    params: Any = {"payment_intent": intent.id, "metadata": {"why": "test"}, "expand": ["balance_transaction"]}
    refund = await emulator.test.v1.refunds.create_async(params)
    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 500, intent.latest_charge)
    posted = refund.balance_transaction
    assert (posted.amount, posted.fee, posted.net, posted.type) == (-500, 0, -500, "refund")
    charge = await emulator.test.v1.charges.retrieve_async(intent.latest_charge, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded, charge.refunds.data[0].id) == (True, 500, refund.id)
    assert await _kinds(emulator, intent.id) == [("charge", 500), ("fee", 45), ("refund", 500)]
    row = (await ledger(emulator.world))[-1]
    assert row["metadata"] == {"trace_id": "E2E-2", "why": "test"}
    assert await emulator.event_types(about=refund.id) == ["refund.created"]
    assert "charge.refunded" in await emulator.event_types(about=charge.id)


async def test_partial_refunds_up_to_what_was_captured(emulator: Emulator) -> None:
    """Parts add up; more than the remainder, a second full refund and a refund of nothing are refused."""
    intent = await emulator.paid(1000)
    refunds = emulator.test.v1.refunds
    await refunds.create_async({"charge": intent.latest_charge, "amount": 400})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"charge": intent.latest_charge, "amount": 601})
    assert (refused.value.param, refused.value.code) == ("amount", None)
    assert str(refused.value.user_message) == (
        "Refund amount (€6.01) is greater than unrefunded amount on charge (€6.00)"
    )
    await refunds.create_async({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent.id, "amount": 0})
    assert refused.value.code == "parameter_invalid_integer"
    assert [row for row in await _kinds(emulator, intent.id) if row[0] == "refund"] == [
        ("refund", 400),
        ("refund", 600),
    ]


async def test_what_was_not_captured_is_not_refunded(emulator: Emulator) -> None:
    """An authorisation and a declined payment cannot be refunded, and a request must name a payment."""
    refunds = emulator.test.v1.refunds
    held = await emulator.paid(1000, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": held.id})
    assert refused.value.code == "charge_not_refundable"
    with pytest.raises(stripe.CardError) as declined:
        await emulator.paid(500, "pm_card_visa_chargeDeclined")
    failed = declined.value.json_body["error"]
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await refunds.create_async({"payment_intent": failed["payment_intent"]["id"]})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"charge": failed["charge"]})
    assert refused.value.code == "charge_not_refundable"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({})
    assert refused.value.code == "parameter_missing"


async def test_a_pending_refund_succeeds_later(emulator: Emulator) -> None:
    """Pending moves no money; succeeded posts it, with refund.updated."""
    intent = await emulator.paid(700, "pm_card_pendingRefund")
    refund = await emulator.test.v1.refunds.create_async({"payment_intent": intent.id})
    assert (refund.status, refund.balance_transaction, refund.pending_reason) == ("pending", None, "processing")
    read = lambda: emulator.test.v1.refunds.retrieve_async(refund.id)  # noqa: E731
    settled = await emulator.until(read, lambda seen: seen.status != "pending")
    assert settled.status == "succeeded"
    assert settled.balance_transaction is not None
    assert await emulator.event_types(about=refund.id) == ["refund.created", "refund.updated", "charge.refund.updated"]
    assert await _kinds(emulator, intent.id) == [("charge", 700), ("fee", 50), ("refund", 700)]


@pytest.mark.parametrize("cause", ["card", "fault"])
async def test_a_succeeded_refund_fails_later(emulator: Emulator, cause: str) -> None:
    """Succeeded turns failed: the money comes back, the charge is refundable again, refund.failed is sent."""
    method = "pm_card_refundFail" if cause == "card" else "pm_card_visa"
    intent = await emulator.paid(700, method)
    if cause == "fault":
        emulator.world.faults.set("refund_fails_later")
    refund = await emulator.test.v1.refunds.create_async({"payment_intent": intent.id})
    emulator.world.faults.clear()
    assert refund.status == "succeeded"
    read = lambda: emulator.test.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction"]})  # noqa: E731
    failed = await emulator.until(read, lambda seen: seen.status != "succeeded")
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    back = failed.failure_balance_transaction
    assert (back.type, back.amount, back.net) == ("refund_failure", 700, 700)
    charge = await emulator.test.v1.charges.retrieve_async(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    assert "refund.failed" in await emulator.event_types(about=refund.id)
    kinds = [row[0] for row in await _kinds(emulator, intent.id)]
    assert kinds == ["charge", "fee", "refund", "refund_failure"]


@pytest.mark.parametrize("name", ["payment_intent", "charge"])
async def test_sixteen_concurrent_refunds_make_one(emulator: Emulator, name: str) -> None:
    """Of sixteen simultaneous full refunds of one charge, named either way, exactly one succeeds."""
    intent = await emulator.paid(900)
    by: Any = {name: intent.id if name == "payment_intent" else intent.latest_charge}

    async def refund() -> str:
        try:
            return str((await emulator.test.v1.refunds.create_async(by)).status)
        except stripe.InvalidRequestError as error:
            return str(error.code)

    outcomes = await asyncio.gather(*(refund() for _ in range(16)))
    assert sorted(outcomes) == ["charge_already_refunded"] * 15 + ["succeeded"]
    assert [row for row in await _kinds(emulator, intent.id) if row[0] == "refund"] == [("refund", 900)]


async def test_concurrent_partial_refunds_stay_within_the_charge(emulator: Emulator) -> None:
    """Of eight simultaneous refunds of 300 from 1000 three succeed and the ledger holds 900."""
    intent = await emulator.paid(1000)

    async def refund() -> bool:
        try:
            await emulator.test.v1.refunds.create_async({"charge": str(intent.latest_charge), "amount": 300})
        except stripe.InvalidRequestError:
            return False
        return True

    assert sum(await asyncio.gather(*(refund() for _ in range(8)))) == 3
    assert sum(amount for kind, amount in await _kinds(emulator, intent.id) if kind == "refund") == 900


async def test_a_refund_waits_for_available_funds(emulator: Emulator) -> None:
    """With too little available the refund stays pending; funds that bypass pending let it succeed."""
    world, v1 = emulator.world, emulator.test.v1
    intent = await emulator.paid(500)
    balance = await v1.balance.retrieve_async()
    seller = world.seller_account_id
    drained = await v1.transfers.create_async(
        {"amount": balance.available[0].amount - 100, "currency": "eur", "destination": seller}
    )
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.transfers.create_async({"amount": 101, "currency": "eur", "destination": seller})
    assert refused.value.code == "balance_insufficient"
    refund = await v1.refunds.create_async({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason, refund.balance_transaction) == ("pending", "insufficient_funds", None)
    await emulator.paid(2000, "pm_card_bypassPending")
    read = lambda: v1.refunds.retrieve_async(refund.id)  # noqa: E731
    settled = await emulator.until(read, lambda seen: seen.status == "succeeded")
    assert not hasattr(settled, "pending_reason")
    await v1.transfers.reversals.create_async(drained.id)


async def test_balance_is_the_sum_of_ledger_and_transactions(emulator: Emulator) -> None:
    """Available and pending together equal the opening funds plus every ledger row with its sign."""
    await emulator.paid(1234)
    await emulator.paid(4000, currency="usd")
    balance = await emulator.test.v1.balance.retrieve_async()
    total = balance.available[0].amount + balance.pending[0].amount
    rows = await ledger(emulator.world)
    assert total == money.OPENING_AVAILABLE_MINOR + sum(row["signed_settled_minor"] for row in rows)
    nets = []
    async for posted in (await emulator.test.v1.balance_transactions.list_async({"limit": 7})).auto_paging_iter():
        assert posted.net == posted.amount - posted.fee
        nets.append(posted.net)
    assert total == money.OPENING_AVAILABLE_MINOR + sum(nets)
    converted = next(row for row in rows if row["currency"] == "usd" and row["kind"] == "charge")
    assert (converted["amount_minor"], converted["signed_settled_minor"]) == (4000, 3460)


async def test_refund_metadata_update_and_lists(emulator: Emulator) -> None:
    """A refund's metadata can be changed, it cannot be cancelled, and it is found by charge and by intent."""
    intent = await emulator.paid()
    v1 = emulator.test.v1
    refund = await v1.refunds.create_async({"payment_intent": intent.id, "reason": "requested_by_customer"})
    changed = await v1.refunds.update_async(refund.id, {"metadata": {"k": "v"}})
    assert (changed.metadata.to_dict(), changed.reason) == ({"k": "v"}, "requested_by_customer")
    for where in ({"payment_intent": intent.id}, {"charge": intent.latest_charge}):
        found = await v1.refunds.list_async(where)  # type: ignore[arg-type]
        assert [one.id for one in found.data] == [refund.id]
    with pytest.raises(stripe.InvalidRequestError, match="only a refund that requires action"):
        await v1.refunds.cancel_async(refund.id)


@pytest.mark.parametrize(
    "statement", ["UPDATE stripe.ledger SET amount_minor = 1", "DELETE FROM stripe.ledger", "TRUNCATE stripe.ledger"]
)
async def test_the_ledger_cannot_be_rewritten(emulator: Emulator, statement: str) -> None:
    """The ledger only grows: no row of it is ever changed or removed, not even by its owner."""
    await emulator.paid(500)
    with psycopg.connect(emulator.dsn) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement)
