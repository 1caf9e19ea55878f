"""Every published test card does what is published, and no card number stays behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import stripe

from pytest_paygate.sandbox.stripe import card_catalogue
from pytest_paygate.sandbox.stripe.cards import Card
from pytest_paygate.sandbox.world import REHEARSAL_CARD_NUMBER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]
RETURN = "http://127.0.0.1/back"
TESTMODE_DECLINE = "Your card was declined. Your request was in live mode, but used a known test card."


def _raw(number: str = "4242424242424242", **more: str) -> dict[str, str]:
    card = {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"} | more
    form = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    payment = {"amount": "500", "currency": "eur", "confirm": "true", "return_url": RETURN}
    return payment | {"payment_method_data[type]": "card"} | form


async def _pay(emulator: Emulator, by: dict[str, str], key: str | None = None) -> tuple[int, dict[str, Any]]:
    """Pay by id or by number; the status and the intent or the error."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = await emulator.http.post("/v1/payment_intents", data=by, headers=headers)
    body = answer.json()
    return answer.status_code, body.get("error", body)


def _ways(entry: dict[str, Any]) -> list[dict[str, str]]:
    ways = [_raw(entry["number"])]
    if entry["pm"]:
        payment = {"amount": "500", "currency": "eur", "confirm": "true", "return_url": RETURN}
        ways.append(payment | {"payment_method": entry["pm"]})
    return ways


@pytest.fixture(scope="module")
def published(contracts: Path) -> dict[str, Any]:
    """The published test values."""
    values: dict[str, Any] = json.loads((contracts / "stripe" / "test-values.json").read_text())
    return values


async def test_successful_cards_pay(emulator: Emulator, published: dict[str, Any]) -> None:
    """Each card published as successful pays, by id and by number, and shows its own last four."""
    for method, number in (published["success"] | published["balance"]).items():
        for way in _ways({"pm": method, "number": number}):
            status, intent = await _pay(emulator, way)
            assert (status, intent.get("status")) == (200, "succeeded"), (method, intent)
            charge = await emulator.test.v1.charges.retrieve_async(intent["latest_charge"])
            assert charge.payment_method_details.card.last4 == number[-4:]


async def test_declining_cards_decline_with_their_code(emulator: Emulator, published: dict[str, Any]) -> None:
    """Each published decline is a 402 card_error with exactly its code and decline code."""
    alias = {"pm": "pm_card_chargeDeclined", "number": "4000000000000002"}
    entries = [*published["declines"], alias | {"code": "card_declined", "decline_code": "generic_decline"}]
    assert len(entries) >= 10
    for entry in entries:
        for way in _ways(entry):
            status, error = await _pay(emulator, way)
            assert (status, error["type"]) == (402, "card_error"), entry
            assert (error["code"], error.get("decline_code")) == (entry["code"], entry["decline_code"]), entry


async def test_three_ds_cards_follow_their_rule(emulator: Emulator, published: dict[str, Any]) -> None:
    """Cards that must authenticate stop at requires_action; the lookup error declines; the rest pay at once."""
    expected = {"3DS optional": "succeeded", "3DS not supported": "succeeded"}
    for entry in published["three_ds"]:
        status, answer = await _pay(emulator, _ways(entry)[-1])
        if "lookup error" in entry["rule"]:
            assert (status, answer["code"]) == (402, "card_declined")
        else:
            assert answer["status"] == expected.get(entry["rule"], "requires_action"), entry


async def test_radar_cards(emulator: Emulator, published: dict[str, Any]) -> None:
    """The highest risk is blocked as fraudulent, elevated risk pays and says so, failed checks are shown."""
    for method, number in published["radar"].items():
        status, answer = await _pay(emulator, _raw(number))
        if method in ("pm_card_radarBlock", "pm_card_riskLevelHighest"):
            assert (status, answer["decline_code"]) == (402, "fraudulent")
            continue
        charge = await emulator.test.v1.charges.retrieve_async(answer["latest_charge"])
        if method == "pm_card_riskLevelElevated":
            assert charge.outcome.risk_level == "elevated"
        if method == "pm_card_cvcCheckFail":
            assert charge.payment_method_details.card.checks.cvc_check == "fail"


async def test_a_declining_card_cannot_be_attached_but_one_can(emulator: Emulator) -> None:
    """Declining cards are refused at attach; the one published for it attaches and fails when charged."""
    customer = await emulator.test.v1.customers.create_async({"email": "a@sandbox.invalid"})
    attach = emulator.test.v1.payment_methods.attach_async
    with pytest.raises(stripe.CardError):
        await attach("pm_card_visa_chargeDeclined", {"customer": customer.id})
    method = await attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    assert method.customer == customer.id
    with pytest.raises(stripe.CardError) as declined:
        await emulator.paid(500, method.id, customer=customer.id)
    assert declined.value.json_body["error"]["decline_code"] == "generic_decline"
    listed = await emulator.test.v1.customers.payment_methods.list_async(customer.id)
    assert [found.id for found in listed.data] == [method.id]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "not a number"}, "incorrect_number", "number"),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "incorrect_number", "number"),
        ({"exp_month": "13"}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": "2020"}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "12"}, "invalid_cvc", "cvc"),
        ({"number": "4111111111111111"}, "card_declined", None),
    ],
)
async def test_mistyped_cards(emulator: Emulator, change: dict[str, str], code: str, param: str | None) -> None:
    """A mistyped, expired or unpublished card is a 402 that names the field, and nothing is created."""
    status, error = await _pay(emulator, _raw(**change))
    assert (status, error["code"], error.get("param")) == (402, code, param)
    assert "payment_intent" not in error


async def test_rehearsal_declines_test_cards_and_takes_its_own(emulator: Emulator, published: dict[str, Any]) -> None:
    """In rehearsal every published number is declined with testmode_decline; the rehearsal card pays, and only there."""
    live = emulator.live._requestor.api_key
    numbers = {*published["success"].values(), *(entry["number"] for entry in published["three_ds"])}
    for number in sorted(numbers):
        status, error = await _pay(emulator, _raw(number), live)
        assert (status, error["decline_code"], error["message"]) == (402, "testmode_decline", TESTMODE_DECLINE)
    status, intent = await _pay(emulator, _raw(REHEARSAL_CARD_NUMBER), live)
    assert (status, intent["status"], intent["livemode"]) == (200, "succeeded", True)
    charge = await emulator.live.v1.charges.retrieve_async(intent["latest_charge"])
    card = charge.payment_method_details.card
    assert (charge.livemode, card.brand, card.last4) == (True, "visa", "0150")
    by_id = {"amount": "500", "currency": "eur", "confirm": "true", "return_url": RETURN}
    status, error = await _pay(emulator, by_id | {"payment_method": "pm_card_visa"}, live)
    assert (status, error["code"]) == (400, "resource_missing")
    assert "a similar object exists in test mode" in error["message"]
    status, error = await _pay(emulator, _raw(REHEARSAL_CARD_NUMBER))
    assert (status, error["decline_code"]) == (402, "test_mode_live_card")


async def test_no_card_number_or_cvc_in_any_table(emulator: Emulator) -> None:
    """After all kinds of payments, with idempotency keys too, no table of the database holds a number or a CVC."""
    cvc = "9173"
    for number in ("4242424242424242", "4000000000000002", "4111111111111111"):
        headers = {"Idempotency-Key": f"card-{number[-4:]}-{number[0]}"}
        await emulator.http.post("/v1/payment_intents", data=_raw(number, cvc=cvc), headers=headers)
    numbers = [*card_catalogue.BY_NUMBER, "4111111111111111"]
    with psycopg.connect(emulator.dsn) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('stripe', 'webhooks')"
        ).fetchall()
        assert len(tables) >= 4
        rows = [row[0] for (table,) in tables for row in connection.execute(f"SELECT t::text FROM {table} t")]  # type: ignore[call-overload]  # noqa: S608 - names from the catalogue
    dump = "\n".join(rows)
    assert "4242" in dump
    assert [number for number in numbers if number in dump] == []
    assert f'"{cvc}"' not in dump


async def test_a_card_never_prints_its_number() -> None:
    """The repr of card data shows neither number nor CVC."""
    assert repr(Card("4242424242424242", 12, 2034, "9173")) == "Card(exp_month=12, exp_year=2034)"
