"""Products, prices, customers, payment methods and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]


async def test_products(emulator: Emulator) -> None:
    """Created with a chosen id and a default price, updated, listed, deleted only without prices."""
    products = emulator.test.v1.products
    made = await products.create_async(
        {
            "id": "starter",
            "name": "Starter",
            "images": ["https://example.invalid/a.png"],
            "default_price_data": {"currency": "usd", "unit_amount": 999},
            "expand": ["default_price"],
        }
    )
    assert (made.id, made.default_price.unit_amount, made.active) == ("starter", 999, True)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await products.create_async({"id": "starter", "name": "Again"})
    assert refused.value.code == "resource_already_exists"
    changed = await products.update_async("starter", {"description": "d", "images": "", "active": False})
    assert (changed.description, changed.images, changed.active) == ("d", [], False)
    assert [one.id for one in (await products.list_async({"active": False})).data] == ["starter"]
    assert [one.id for one in (await products.list_async({"ids": ["starter"]})).data] == ["starter"]
    with pytest.raises(stripe.InvalidRequestError, match="user-created prices"):
        await products.delete_async("starter")
    bare = await products.create_async({"name": "Bare"})
    assert (await products.delete_async(bare.id)).deleted
    with pytest.raises(stripe.InvalidRequestError):
        await products.retrieve_async(bare.id)


async def test_prices(emulator: Emulator) -> None:
    """One-off and recurring prices keep amount and interval; lookup keys find them; amounts never change."""
    prices = emulator.test.v1.prices
    once = await prices.create_async(
        {"currency": "usd", "unit_amount": 4999, "product_data": {"name": "Pro"}, "lookup_key": "pro"}
    )
    assert (once.type, once.unit_amount, once.recurring) == ("one_time", 4999, None)
    monthly = await prices.create_async(
        {"currency": "usd", "unit_amount": 900, "product": once.product, "recurring": {"interval": "month"}}
    )
    assert (monthly.type, monthly.recurring.interval, monthly.recurring.interval_count) == ("recurring", "month", 1)
    assert [one.id for one in (await prices.list_async({"lookup_keys": ["pro"]})).data] == [once.id]
    assert [one.id for one in (await prices.list_async({"type": "recurring"})).data] == [monthly.id]
    changed = await prices.update_async(once.id, {"active": False, "nickname": "n"})
    assert (changed.active, changed.nickname) == (False, "n")
    for wrong in (
        {"unit_amount": 1},
        {"currency": "eur", "product": once.product},
        {"currency": "eur", "unit_amount": 5},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            await prices.create_async(wrong)  # type: ignore[arg-type]
    answer = await emulator.http.post(f"/v1/prices/{once.id}", data={"unit_amount": "1"})
    assert answer.json()["error"]["code"] == "parameter_unknown"


async def test_customers(emulator: Emulator) -> None:
    """Created, found by e-mail, updated, deleted into a stub that stays retrievable."""
    customers = emulator.test.v1.customers
    made = await customers.create_async(
        {"email": "c@sandbox.invalid", "name": "C", "address": {"city": "Dar"}, "payment_method": "pm_card_visa"}
    )
    assert (made.address.city, made.address.line1) == ("Dar", None)  # type: ignore[union-attr]
    assert len((await customers.payment_methods.list_async(made.id)).data) == 1
    changed = await customers.update_async(made.id, {"name": "", "metadata": {"a": "1"}})
    assert (changed.name, changed.metadata.to_dict()) == (None, {"a": "1"})  # type: ignore[union-attr]
    assert [one.id for one in (await customers.list_async({"email": "c@sandbox.invalid"})).data] == [made.id]
    assert (await customers.delete_async(made.id)).deleted
    assert (await customers.retrieve_async(made.id)).deleted
    assert (await customers.list_async({"email": "c@sandbox.invalid"})).data == []
    with pytest.raises(stripe.InvalidRequestError):
        await customers.update_async(made.id, {"name": "x"})


async def test_payment_methods(emulator: Emulator) -> None:
    """A card becomes a method that shows brand and last four only, pays, and is attached and detached."""
    methods = emulator.test.v1.payment_methods
    made = await methods.create_async(
        {
            "type": "card",
            "card": {"number": "5555555555554444", "exp_month": 1, "exp_year": 2035, "cvc": "123"},
            "billing_details": {"name": "B", "address": {"postal_code": "1"}},
        }
    )
    assert (made.card.brand, made.card.last4, made.card.exp_year) == ("mastercard", "4444", 2035)  # type: ignore[union-attr]
    twin = await methods.create_async(
        {"type": "card", "card": {"number": "5555555555554444", "exp_month": 2, "exp_year": 2036}}
    )
    assert twin.card.fingerprint == made.card.fingerprint  # type: ignore[union-attr]
    assert (await emulator.paid(500, made.id)).status == "succeeded"
    customer = await emulator.test.v1.customers.create_async({})
    other = await emulator.test.v1.customers.create_async({})
    assert (await methods.attach_async(made.id, {"customer": customer.id})).customer == customer.id
    with pytest.raises(stripe.InvalidRequestError):
        await methods.attach_async(made.id, {"customer": other.id})
    updated = await methods.update_async(made.id, {"metadata": {"a": "b"}, "billing_details": {"name": "D"}})
    assert (updated.billing_details.name, updated.billing_details.address.postal_code) == ("D", "1")  # type: ignore[union-attr]
    assert [one.id for one in (await methods.list_async({"customer": customer.id})).data] == [made.id]
    assert (await methods.detach_async(made.id)).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        await methods.detach_async(made.id)
    assert (await methods.retrieve_async("pm_card_visa")).card.last4 == "4242"  # type: ignore[union-attr]


async def test_accounts(emulator: Emulator) -> None:
    """The platform and the seller can charge and be paid; any other account is refused."""
    own = await emulator.test.v1.accounts.retrieve_current_async()
    seller = await emulator.test.v1.accounts.retrieve_async(emulator.world.seller_account_id)
    assert (own.id, own.charges_enabled, own.default_currency) == (emulator.world.stripe_account_id, True, "eur")
    assert (seller.id, seller.payouts_enabled) == (emulator.world.seller_account_id, True)
    with pytest.raises(stripe.PermissionError) as refused:
        await emulator.test.v1.accounts.retrieve_async("acct_none")
    assert refused.value.json_body["error"]["code"] == "account_invalid"


async def test_a_charge_can_be_described_afterwards(emulator: Emulator) -> None:
    """Only words of a charge change, and charge.updated says which."""
    intent = await emulator.paid(500)
    charge = await emulator.test.v1.charges.update_async(
        intent.latest_charge, {"description": "d", "metadata": {"k": "v"}}
    )
    assert (charge.description, charge.metadata.to_dict(), charge.amount) == ("d", {"k": "v"}, 500)
    refunds = (await emulator.http.get(f"/v1/charges/{charge.id}/refunds")).json()
    assert (refunds["object"], refunds["data"]) == ("list", [])
