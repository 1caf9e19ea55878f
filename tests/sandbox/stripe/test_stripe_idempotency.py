"""Idempotency keys: what is replayed, what is refused, what is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.sandbox.stripe import idempotency
from pytest_paygate.sandbox.world import REHEARSAL_STRIPE_KEY

if TYPE_CHECKING:
    import httpx

    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [pytest.mark.asyncio(loop_scope="module")]
PAY = {
    "amount": "500",
    "currency": "eur",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "return_url": "http://127.0.0.1/back",
}


async def _post(
    emulator: Emulator, key: str, data: dict[str, str], path: str = "/v1/payment_intents", secret: str | None = None
) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    if secret is not None:
        headers["Authorization"] = f"Bearer {secret}"
    return await emulator.http.post(path, data=data, headers=headers)


async def test_the_same_request_is_replayed(emulator: Emulator) -> None:
    """The second answer is the first, byte for byte, and marked as replayed; parameter order does not matter."""
    first = await _post(emulator, "replay", PAY)
    second = await _post(emulator, "replay", dict(reversed(PAY.items())))
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["idempotency-key"] == "replay"
    assert second.headers["original-request"] == first.headers["request-id"] != second.headers["request-id"]


async def test_other_parameters_are_refused(emulator: Emulator) -> None:
    """The same key with other parameters is a 400 idempotency_error with the published text."""
    await _post(emulator, "mismatch", PAY)
    answer = await _post(emulator, "mismatch", PAY | {"amount": "501"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "idempotency_error")
    assert error["message"] == (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a "
        "key other than 'mismatch' if you meant to execute a different request."
    )


async def test_another_endpoint_is_refused(emulator: Emulator) -> None:
    """Keys are scoped across endpoints: using one elsewhere is a 400 that names both."""
    await _post(emulator, "elsewhere", PAY)
    answer = await _post(emulator, "elsewhere", {"email": "a@sandbox.invalid"}, "/v1/customers")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "idempotency_error")
    assert "('/v1/customers' vs '/v1/payment_intents')" in error["message"]


async def test_a_declined_card_is_replayed(emulator: Emulator) -> None:
    """A 402 is kept: the same key never tries the card again."""
    declined = PAY | {"payment_method": "pm_card_visa_chargeDeclined"}
    first, second = [await _post(emulator, "declined", declined) for _ in range(2)]
    assert first.status_code == second.status_code == 402
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_refusal_while_executing_is_replayed(emulator: Emulator) -> None:
    """A 400 found after execution began is kept too, even when the cause is gone."""
    intent = (await emulator.http.post("/v1/payment_intents", data=PAY | {"capture_method": "manual"})).json()
    first = await _post(emulator, "refund", {"payment_intent": intent["id"]}, "/v1/refunds")
    assert (first.status_code, first.json()["error"]["code"]) == (400, "charge_not_refundable")
    await emulator.http.post(f"/v1/payment_intents/{intent['id']}/capture")
    second = await _post(emulator, "refund", {"payment_intent": intent["id"]}, "/v1/refunds")
    assert (second.status_code, second.headers.get("idempotent-replayed")) == (400, "true")


@pytest.mark.parametrize("wrong", [{"amount": "abc"}, {"nonsense": "1"}, {"amount": "1"}, {"customer": "cus_none"}])
async def test_failed_validation_is_not_kept(emulator: Emulator, wrong: dict[str, str]) -> None:
    """A request that failed validation gives its key back: the corrected request runs."""
    key = f"validation-{next(iter(wrong))}-{next(iter(wrong.values()))}"
    assert (await _post(emulator, key, PAY | wrong)).status_code == 400
    answer = await _post(emulator, key, PAY)
    assert answer.status_code == 200
    assert "idempotent-replayed" not in answer.headers


async def test_a_refused_key_is_not_kept(emulator: Emulator) -> None:
    """A 401 leaves the idempotency key unused."""
    assert (await _post(emulator, "unauthorized", PAY, secret="sk_test_wrongwrongwrong")).status_code == 401
    answer = await _post(emulator, "unauthorized", PAY)
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (200, None)


async def test_keys_are_scoped_to_the_mode(emulator: Emulator) -> None:
    """The same key in the other mode is another key."""
    data = {"amount": "500", "currency": "eur"}
    test = await _post(emulator, "modes", data)
    live = await _post(emulator, "modes", data, secret=REHEARSAL_STRIPE_KEY)
    assert (test.json()["livemode"], live.json()["livemode"]) == (False, True)
    assert "idempotent-replayed" not in live.headers


async def test_concurrent_use_is_refused_and_charges_once(emulator: Emulator) -> None:
    """Of simultaneous requests with one key one executes; the others are 409 or its replay, and one charge exists."""
    metadata = {"metadata[burst]": "yes", "description": "burst"}
    answers = await asyncio.gather(*(_post(emulator, "burst", PAY | metadata) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    fresh = [answer for answer in answers if answer.status_code == 200 and "idempotent-replayed" not in answer.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error"]["code"] == "idempotency_key_in_use"
    listed = (await emulator.http.get("/v1/charges", params={"limit": 100})).json()["data"]
    assert len([charge for charge in listed if charge["description"] == "burst"]) == 1


async def test_a_running_request_makes_409(emulator: Emulator) -> None:
    """While the first request holds its key and has no answer yet, the second is told so."""
    intent = (await emulator.http.post("/v1/payment_intents", data=PAY)).json()
    data = {"charge": intent["latest_charge"]}
    async with await psycopg.AsyncConnection.connect(emulator.dsn) as holder:
        # Holding the charge's row keeps the first refund in its execution.
        await holder.execute("SELECT 1 FROM stripe.objects WHERE id = %s FOR UPDATE", (intent["latest_charge"],))
        first = asyncio.create_task(_post(emulator, "running", data, "/v1/refunds"))

        async def claimed() -> bool:
            cursor = await holder.execute("SELECT 1 FROM stripe.idempotency WHERE key = 'running'")
            return await cursor.fetchone() is not None

        await emulator.until(claimed, bool)
        second = await _post(emulator, "running", data, "/v1/refunds")
        assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        await holder.rollback()
    assert (await first).status_code == 200
    assert (await _post(emulator, "running", data, "/v1/refunds")).headers["idempotent-replayed"] == "true"


@pytest.mark.filterwarnings("ignore")
async def test_a_500_is_kept(emulator: Emulator) -> None:
    """An internal failure is answered without detail and replayed: nobody may repeat what may have happened."""
    with psycopg.connect(emulator.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE stripe.ledger RENAME TO ledger_gone")
        try:
            first = await _post(emulator, "broken", PAY)
        finally:
            connection.execute("ALTER TABLE stripe.ledger_gone RENAME TO ledger")
    second = await _post(emulator, "broken", PAY)
    assert (first.status_code, first.json()["error"]["type"]) == (500, "api_error")
    assert "ledger" not in first.text
    assert (second.status_code, second.headers["idempotent-replayed"]) == (500, "true")


async def test_keys_are_forgotten_after_a_day_on_the_emulators_clock(emulator: Emulator) -> None:
    """After 24 hours the key counts as new; before, it does not."""
    first = await _post(emulator, "old", PAY)
    emulator.world.clock.advance(idempotency.RETENTION_SECONDS - 60)
    assert (await _post(emulator, "old", PAY)).headers["idempotent-replayed"] == "true"
    emulator.world.clock.advance(120)
    again = await _post(emulator, "old", PAY)
    assert "idempotent-replayed" not in again.headers
    assert again.json()["id"] != first.json()["id"]


async def test_a_key_that_is_too_long(emulator: Emulator) -> None:
    """A key longer than 255 characters is a 400."""
    assert (await _post(emulator, "k" * 256, PAY)).status_code == 400
