"""The edge of the API: keys, identifiers, bodies, and the shape every refusal has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox.hyperswitch.vocabulary import CURRENCIES, PAYMENT_FIELDS

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "snd_" + "k" * 64
ID = "pay_" + "0" * 26


def code_of(answer: httpx.Response) -> str:
    """The error code, after checking the wire shape."""
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"type", "message", "code"}
    return str(body["error"]["code"])


async def test_health_needs_no_key(setting: Any) -> None:
    """The liveness text is upstream's own, readiness is JSON."""
    assert (await setting.http.get("/health")).text == "health is good"
    assert (await setting.http.get("/health/ready")).json()["database"] is True


@pytest.mark.parametrize("key", [None, "", "snd_wrong", "pk_snd_" + "0" * 32, "\u00e9", KEY + "x", KEY.upper()])
async def test_without_the_key_nothing_is_answered(setting: Any, key: str | None) -> None:
    """A missing or wrong key is 401 with Hyperswitch's words, before the body is looked at."""
    headers = {} if key is None else {"api-key": key.encode()}
    for method, path in [
        ("POST", "/payments"),
        ("GET", f"/payments/{ID}"),
        ("POST", "/refunds"),
        ("POST", "/events/x"),
    ]:
        answer = await setting.http.request(method, path, headers=headers, content=b"{broken")
        assert (answer.status_code, code_of(answer)) == (401, "IR_01")
        assert answer.json()["error"]["message"] == "API key not provided or invalid API key used"


@pytest.mark.parametrize("prefix", ["prd_", "pk_prd_", "sk_live_", "rk_live_", "pk_live_", "PRD_"])
async def test_live_key_is_refused_and_not_repeated(setting: Any, prefix: str) -> None:
    """A live-looking key is turned away with a text that says why, and is neither echoed nor stored."""
    secret = prefix + "RealMerchantSecret" * 3
    answer = await setting.http.get("/payments/list", headers={"api-key": secret})
    assert answer.status_code == 403
    assert "refuses live keys" in answer.json()["error"]["message"]
    assert "RealMerchantSecret" not in answer.text + str(answer.headers)


async def test_merchant_chosen_id_is_the_idempotency(setting: Any) -> None:
    """The same payment id a second time is refused, not replayed, and the first payment stays as it was."""
    await setting.create(payment_id="a" * 30)
    again = await setting.post("/payments", {"payment_id": "a" * 30, "amount": 900, "currency": "USD"})
    assert again.status_code == 400
    assert again.json()["error"] == {
        "type": "duplicate_request",
        "message": "The payment with the specified payment_id already exists in our records",
        "code": "HE_01",
    }
    assert (await setting.get(f"/payments/{'a' * 30}")).json()["amount"] == 500


@pytest.mark.parametrize("payment_id", ["a" * 29, "a" * 31, "a" * 29 + " ", "a" * 29 + "/", "", "\u00e9" * 30])
async def test_merchant_chosen_id_has_thirty_plain_characters(setting: Any, payment_id: str) -> None:
    """An id of another length or with other characters is refused."""
    answer = await setting.post("/payments", {"payment_id": payment_id, "amount": 500, "currency": "EUR"})
    assert (answer.status_code, code_of(answer)) == (422, "IR_05")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": None}, "IR_04"),
        ({"currency": None}, "IR_04"),
        ({"amount": -1}, "IR_06"),
        ({"amount": 5.0}, "IR_06"),
        ({"amount": "500"}, "IR_06"),
        ({"amount": True}, "IR_06"),
        ({"amount": 2**70}, "IR_06"),
        ({"currency": "eur"}, "IR_06"),
        ({"currency": "XXX"}, "IR_06"),
        ({"currency": 978}, "IR_06"),
        ({"metadata": "text"}, "IR_06"),
        ({"metadata": {"a": "\x00"}}, "IR_06"),
        ({"description": "\x00"}, "IR_06"),
        ({"description": "x" * 1001}, "IR_06"),
        ({"return_url": "javascript:alert(1)"}, "IR_06"),
        ({"session_expiry": 59}, "IR_06"),
        ({"payment_link": "yes"}, "IR_06"),
        ({"surprise": 1}, "IR_06"),
        ({"capture_method": "scheduled"}, "IR_19"),
        ({"capture_method": "later"}, "IR_06"),
        ({"confirm": True}, "IR_04"),
        ({"confirm": True, "payment_link": True}, "IR_06"),
        ({"payment_method_data": {"wallet": {}}}, "IR_00"),
        ({"payment_method": "wallet", "payment_method_data": {"card": {}}}, "IR_00"),
    ],
)
async def test_bad_field_is_refused_by_name(setting: Any, change: dict[str, object], code: str) -> None:
    """A field of the wrong type, form or range is refused with its code, and no payment is made."""
    answer = await setting.post("/payments", {"amount": 500, "currency": "EUR", "payment_id": "b" * 30} | change)
    assert code_of(answer) == code
    assert 400 <= answer.status_code <= 501
    assert (await setting.get(f"/payments/{'b' * 30}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"card_number": "4242"}, "IR_06"),
        ({"card_number": 4242424242424242}, "IR_06"),
        ({"card_number": None}, "IR_04"),
        ({"card_exp_month": "13"}, "IR_06"),
        ({"card_exp_year": "next"}, "IR_06"),
        ({"card_cvc": "1"}, "IR_06"),
    ],
)
async def test_bad_card_is_refused_without_repeating_it(setting: Any, change: dict[str, object], code: str) -> None:
    """A card that cannot be one is refused before the processor sees it, and no digit comes back."""
    card = {
        "card_number": "4242424242424242",
        "card_exp_month": "12",
        "card_exp_year": "34",
        "card_cvc": "123",
    } | change
    answer = await setting.post(
        "/payments", {"amount": 500, "currency": "EUR", "confirm": True, "payment_method_data": {"card": card}}
    )
    assert code_of(answer) == code
    assert "4242" not in answer.text
    assert setting.wire.seen == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"amount": NaN, "currency": "EUR"}',
        b'{"amount": 500, "currency": "EUR", "metadata": {"a": 1e999}}',
        b'{"amount": 500, "currency": "EUR", "description": "\\ud800"}',
        b'{"amount": ' + b"9" * 5000 + b', "currency": "EUR"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"description": "' + b"x" * 300_000 + b'"}',
    ],
)
async def test_body_that_is_no_usable_json_is_refused(setting: Any, body: bytes) -> None:
    """Whatever the bytes, the answer is a refusal in Hyperswitch's shape and never a server error."""
    for path in ("/payments", "/refunds", f"/payments/{ID}/confirm"):
        answer = await setting.http.post(path, content=body, headers={"api-key": KEY})
        assert answer.status_code < 500
        code_of(answer)


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("GET", f"/payments/{ID}", "Payment"),
        ("POST", f"/payments/{ID}/cancel", "Payment"),
        ("POST", f"/payments/{ID}/capture", "Payment"),
        ("GET", "/payments/%00", "Payment"),
        ("GET", "/payments/%F0%9F%92%A9", "Payment"),
        ("GET", "/refunds/" + "r" * 30, "Refund"),
        ("GET", "/payment_link/plink_none", "Payment Link"),
        ("POST", "/events/merchant_other", "Merchant account"),
        ("GET", "/events/merchant_paygate_sandbox/evt_none/attempts", "Event"),
        ("POST", "/events/merchant_paygate_sandbox/evt_none/retry", "Event"),
    ],
)
async def test_unknown_object_is_not_found(setting: Any, method: str, path: str, what: str) -> None:
    """An id nobody issued is 404 with the kind of thing it would have been."""
    answer = await setting.http.request(method, path, json={}, headers={"api-key": KEY})
    assert (answer.status_code, code_of(answer)) == (404, "HE_02")
    assert answer.json()["error"]["message"] == f"{what} does not exist in our records"


async def test_unknown_url_and_method_have_their_codes(setting: Any) -> None:
    """What is not an endpoint is told apart from an endpoint that does not take the method."""
    missing = await setting.http.get("/payments/a/b/c/d", headers={"api-key": KEY})
    wrong = await setting.http.delete("/payments", headers={"api-key": KEY})
    assert (missing.status_code, code_of(missing)) == (404, "IR_02")
    assert (wrong.status_code, code_of(wrong)) == (405, "IR_03")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=%D9%A1", "created_gt=yesterday"])
async def test_unreadable_filter_is_refused(setting: Any, query: str) -> None:
    """A list filter that cannot be read is refused instead of ignored."""
    answer = await setting.http.get(f"/payments/list?{query}", headers={"api-key": KEY})
    assert 400 <= answer.status_code < 500
    code_of(answer)


async def test_force_sync_is_true_or_false(setting: Any) -> None:
    """A flag that is neither is refused, so that nobody believes to have synced."""
    body = await setting.create()
    answer = await setting.get(f"/payments/{body['payment_id']}", force_sync="yes")
    assert (answer.status_code, code_of(answer)) == (400, "IR_06")


async def test_confirmation_with_a_foreign_client_secret_is_refused(setting: Any) -> None:
    """A client secret that belongs to another payment opens nothing."""
    body = await setting.create()
    answer = await setting.post(f"/payments/{body['payment_id']}/confirm", {"client_secret": "other"})
    assert code_of(answer) == "IR_09"


async def test_own_failure_is_told_without_details(setting: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """An accident answers HE_00 and logs its kind only: a trace could hold a card."""
    secret = {"card_number": "4242424242424242", "card_exp_month": "12", "card_exp_year": "34", "card_cvc": "123"}
    monkeypatch.setitem(setting.world.delays_seconds, "hyperswitch.connector_timeout", "not a number")
    answer = await setting.post(
        "/payments", {"amount": 500, "currency": "EUR", "confirm": True, "payment_method_data": {"card": secret}}
    )
    assert (answer.status_code, code_of(answer)) == (500, "HE_00")
    assert "4242424242424242" not in caplog.text + answer.text


async def test_words_are_those_of_the_published_description(conformance: Any) -> None:
    """The known fields and currencies are exactly those of the published description."""
    requests = ("PaymentsCreateRequest", "PaymentsUpdateRequest", "PaymentsConfirmRequest")
    fields = {name for request in requests for name in conformance.schemas[request]["properties"]}
    assert fields == PAYMENT_FIELDS
    assert set(conformance.schemas["Currency"]["enum"]) == CURRENCIES


async def test_refusals_are_json_that_is_not_cached(setting: Any) -> None:
    """Answers carry client secrets, so no cache may keep them."""
    body = await setting.create()
    for answer in (await setting.get(f"/payments/{body['payment_id']}"), await setting.get(f"/payments/{ID}")):
        assert answer.headers["cache-control"] == "no-store"
        json.loads(answer.content)
