"""Transfers to the seller, and taking them back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from pytest_paygate.sandbox.stripe.ledger import ledger

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]


async def _transfer(emulator: Emulator, amount: int = 450, **more: Any) -> stripe.Transfer:
    params = {"amount": amount, "currency": "eur", "destination": emulator.world.seller_account_id} | more
    return await emulator.test.v1.transfers.create_async(params)  # type: ignore[arg-type]


async def test_a_transfer_from_a_charge(emulator: Emulator) -> None:
    """It needs no available funds, names its source and group, and posts a negative transaction without fee."""
    intent = await emulator.paid(500)
    more = {"source_transaction": intent.latest_charge, "transfer_group": "o-1", "metadata": {"trace_id": "T"}}
    transfer = await _transfer(emulator, 450, expand=["balance_transaction", "destination"], **more)
    assert (transfer.source_transaction, transfer.transfer_group) == (intent.latest_charge, "o-1")
    assert (transfer.amount_reversed, transfer.reversed, transfer.reversals.data) == (0, False, [])
    assert transfer.destination.id == emulator.world.seller_account_id
    posted = transfer.balance_transaction
    assert (posted.amount, posted.fee, posted.type) == (-450, 0, "transfer")
    row = next(row for row in await ledger(emulator.world) if row["object_id"] == transfer.id)
    assert (row["kind"], row["amount_minor"], row["charge"]) == ("transfer", 450, intent.latest_charge)
    assert row["metadata"] == {"trace_id": "T"}
    listed = await emulator.test.v1.transfers.list_async({"transfer_group": "o-1"})
    assert [one.id for one in listed.data] == [transfer.id]
    assert await emulator.event_types(about=transfer.id) == ["transfer.created"]


async def test_a_charge_cannot_be_transferred_twice(emulator: Emulator) -> None:
    """All transfers from one charge together stay within it, its currency is the settlement's, and it is captured."""
    intent = await emulator.paid(500)
    await _transfer(emulator, 450, source_transaction=intent.latest_charge)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _transfer(emulator, 51, source_transaction=intent.latest_charge)
    assert refused.value.param == "amount"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _transfer(emulator, 10, source_transaction=intent.latest_charge, currency="usd")
    assert refused.value.param == "currency"
    held = await emulator.paid(500, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _transfer(emulator, 10, source_transaction=held.latest_charge)
    assert refused.value.param == "source_transaction"


async def test_reversals_in_parts(emulator: Emulator) -> None:
    """Reversals add up to the transfer, are nested in it and listed, and cannot exceed it."""
    intent = await emulator.paid(500)
    transfer = await _transfer(emulator, 450, source_transaction=intent.latest_charge)
    reversals = emulator.test.v1.transfers.reversals
    first = await reversals.create_async(transfer.id, {"amount": 100, "metadata": {"why": "part"}})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await reversals.create_async(transfer.id, {"amount": 351})
    assert refused.value.param == "amount"
    second = await reversals.create_async(transfer.id, {"expand": ["balance_transaction"]})  # type: ignore[arg-type]
    assert (second.amount, second.balance_transaction.amount) == (350, 350)
    seen = await emulator.test.v1.transfers.retrieve_async(transfer.id)
    assert (seen.amount_reversed, seen.reversed) == (450, True)
    assert [one.id for one in seen.reversals.data] == [second.id, first.id]
    listed = await reversals.list_async(transfer.id)
    assert [one.id for one in listed.data] == [second.id, first.id]
    assert (await reversals.retrieve_async(transfer.id, first.id)).metadata.to_dict() == {"why": "part"}
    with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
        await reversals.create_async(transfer.id)
    assert await emulator.event_types(about=transfer.id) == ["transfer.created", *["transfer.reversed"] * 2]


async def test_concurrent_reversals_reverse_once(emulator: Emulator) -> None:
    """Of eight simultaneous full reversals one succeeds."""
    intent = await emulator.paid(500)
    transfer = await _transfer(emulator, 450, source_transaction=intent.latest_charge)

    async def reverse() -> bool:
        try:
            await emulator.test.v1.transfers.reversals.create_async(transfer.id)
        except stripe.InvalidRequestError:
            return False
        return True

    assert sum(await asyncio.gather(*(reverse() for _ in range(8)))) == 1


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"destination": "acct_none"}, "resource_missing", "destination"),
        ({"source_transaction": "ch_none"}, "resource_missing", "source_transaction"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": 9_999_999_999}, "balance_insufficient", None),
        ({"currency": "xyz"}, None, "currency"),
    ],
)
async def test_wrong_transfers(emulator: Emulator, change: dict[str, Any], code: str | None, param: str | None) -> None:
    """A transfer to nobody, from nothing, or of more than there is, is refused."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _transfer(emulator, **change)
    assert (refused.value.code, refused.value.param) == (code, param)


async def test_description_and_metadata_can_change(emulator: Emulator) -> None:
    """Only words change afterwards."""
    transfer = await _transfer(emulator, 1, description="a")
    changed = await emulator.test.v1.transfers.update_async(transfer.id, {"description": "b", "metadata": {"k": "v"}})
    assert (changed.description, changed.metadata.to_dict(), changed.amount) == ("b", {"k": "v"}, 1)
