"""The wire: keys, versions, forms, headers, and the refusals that belong to no single resource."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox.stripe import authentication
from pytest_paygate.sandbox.stripe.context import API_VERSION
from pytest_paygate.sandbox.world import REHEARSAL_STRIPE_KEY

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [pytest.mark.asyncio(loop_scope="module")]
INTENT = {"amount": "500", "currency": "eur"}


def _basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


async def test_headers_of_every_answer(emulator: Emulator) -> None:
    """Answers and refusals carry a fresh Request-Id and the version; the idempotency key is echoed."""
    answer = await emulator.http.get("/v1/balance", headers={"Stripe-Version": API_VERSION})
    other = await emulator.http.post("/v1/nothing", headers={"Idempotency-Key": "k"})
    for one in (answer, other):
        assert one.headers["stripe-version"] == API_VERSION
        assert one.headers["request-id"].startswith("req_")
        assert one.headers["content-type"] == "application/json"
    assert answer.headers["request-id"] != other.headers["request-id"]
    assert other.headers["idempotency-key"] == "k"


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "basic"])
async def test_the_secret_key_is_taken_as_bearer_and_as_basic_user(emulator: Emulator, scheme: str) -> None:
    """Both documented ways of sending the key work, in both modes."""
    for key, livemode in ((emulator.world.keys.stripe_secret, False), (REHEARSAL_STRIPE_KEY, True)):
        header = _basic(key) if scheme == "basic" else scheme.format(key)
        answer = await emulator.http.get("/v1/balance", headers={"Authorization": header})
        assert (answer.status_code, answer.json()["livemode"]) == (200, livemode)


@pytest.mark.parametrize(
    ("header", "status", "code", "text"),
    [
        ("", 401, None, "You did not provide an API key."),
        ("Digest abc", 401, None, "You did not provide an API key."),
        ("Basic %%%", 401, None, "You did not provide an API key."),
        ("Basic /w==", 401, None, "You did not provide an API key."),
        ("Bearer pk_test_abcdefgh1234", 401, "secret_key_required", "publishable API key"),
        ("Bearer rk_test_abcdefgh1234", 403, None, "'rk_test_****1234' does not have the required permissions"),
        ("Bearer sk_test_abcdefgh1234", 401, None, "Invalid API Key provided: sk_test_****1234"),
        ("Bearer nonsense", 401, None, "Invalid API Key provided: ****"),
    ],
)
async def test_unusable_keys(emulator: Emulator, header: str, status: int, code: str | None, text: str) -> None:
    """Each wrong key is refused with its status, code and published text."""
    answer = await emulator.http.get("/v1/balance", headers={"Authorization": header})
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["type"]) == (status, code, "invalid_request_error")
    assert text in error["message"]
    assert ("www-authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_", "pk_live_", "prd_"])
async def test_real_live_keys_are_refused_and_never_shown(emulator: Emulator, prefix: str) -> None:
    """A live-looking key other than the published rehearsal key is refused; no part of it comes back."""
    key = f"{prefix}SomebodysRealKey98765"
    for header in (f"Bearer {key}", _basic(key)):
        answer = await emulator.http.post("/v1/customers", headers={"Authorization": header})
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, authentication.LIVE_KEY_REFUSED)
        assert "8765" not in answer.text


async def test_an_unknown_version_is_refused(emulator: Emulator) -> None:
    """The emulator implements one version and says so."""
    answer = await emulator.http.get("/v1/balance", headers={"Stripe-Version": "2023-08-16"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f"Invalid Stripe API version: 2023-08-16. This sandbox implements {API_VERSION} only."
    )


async def test_another_account_is_refused(emulator: Emulator) -> None:
    """`Stripe-Account` other than the platform's is a 403, not silently the platform."""
    headers = {"Stripe-Account": emulator.world.seller_account_id}
    assert (await emulator.http.get("/v1/balance", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1/charges/"),
        ("DELETE", "/v1/charges"),
        ("POST", "/v1/charges"),
        ("GET", "/"),
        ("GET", "/v1/charges/ch_%00"),
        ("PUT", "/v1/customers"),
    ],
)
async def test_unknown_addresses(emulator: Emulator, method: str, path: str) -> None:
    """An address or method the API does not have is Stripe's 404."""
    answer = await emulator.http.request(method, path)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (404, "invalid_request_error")
    assert error["message"].startswith(f"Unrecognized request URL ({method}: ")


@pytest.mark.parametrize(
    ("form", "code", "param", "text"),
    [
        ({"nonsense": "1"}, "parameter_unknown", "nonsense", "Received unknown parameter: nonsense"),
        ({"a": "1", "b": "2"}, "parameter_unknown", "a", "Received unknown parameters: a, b"),
        ({"payment_method_types[]": "card"}, "parameter_unknown", "payment_method_types", "payment_method_types"),
        (
            {"shipping[name]": "x"},
            "parameter_missing",
            "shipping[address]",
            "Missing required param: shipping[address].",
        ),
        ({"shipping[street]": "x"}, "parameter_unknown", "shipping[street]", "shipping[street]"),
        ({"amount": "5.00"}, "parameter_invalid_integer", "amount", "Invalid integer: 5.00"),
        ({"amount": "9" * 40}, "parameter_invalid_integer", "amount", "Invalid integer"),
        ({"amount": "-5"}, "parameter_invalid_integer", "amount", "greater than or equal to 1"),
        ({"amount": ""}, "parameter_invalid_empty", "amount", "You passed an empty string for 'amount'."),
        ({"amount[x]": "5"}, None, "amount", "both a value and a container"),
        ({"capture_method[x]": "5"}, None, "capture_method", "must be one of"),
        ({"confirm": "yes"}, None, "confirm", "Invalid boolean: yes"),
        ({"capture_method": "later"}, None, "capture_method", "must be one of automatic, automatic_async or manual"),
        ({"currency": "xyz"}, None, "currency", "Invalid currency: xyz"),
        ({"customer": "cus_none"}, "resource_missing", "customer", "No such customer: 'cus_none'"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method", "No such PaymentMethod: 'pm_none'"),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]", "up to 500 characters"),
        ({"metadata[" + "k" * 41 + "]": "v"}, None, "metadata", "at most 40 characters"),
        ({f"metadata[{n}]": "v" for n in range(51)}, None, "metadata", "at most 50 keys"),
        ({"metadata": "text"}, None, "metadata", "Invalid object"),
        ({"metadata[a][b]": "text"}, None, "metadata", "values must be strings"),
        ({"description": "x" * 5001}, None, "description", "must be at most 5000 characters"),
        ({"description": "a\x00b"}, None, None, "NUL"),
        ({"description[a][b][c][d][e][f][g][h][i][j][k]": "1"}, None, "description", "nested too deeply"),
        ({"metadata": "x", "metadata[a]": "1"}, None, "metadata", "both a value and a container"),
        ({"expand[a]": "x"}, None, "expand", "Invalid array"),
        ({"transfer_data[destination]": "acct_1"}, "parameter_unknown", "transfer_data", "does not emulate"),
        ({"off_session": "true"}, None, "off_session", "without setting `confirm` to true"),
    ],
)
async def test_wrong_parameters(
    emulator: Emulator, form: dict[str, str], code: str | None, param: str | None, text: str
) -> None:
    """Each wrong parameter is a 400 that names it, with the published code."""
    answer = await emulator.http.post("/v1/payment_intents", data=INTENT | form)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert text in error["message"]


@pytest.mark.parametrize("name", ["amount", "currency"])
async def test_missing_parameters(emulator: Emulator, name: str) -> None:
    """A missing parameter has the code, the name and the published text."""
    form = {key: value for key, value in INTENT.items() if key != name}
    error = (await emulator.http.post("/v1/payment_intents", data=form)).json()["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", name)
    assert error["message"] == f"Missing required param: {name}."
    assert error["doc_url"] == "https://stripe.com/docs/error-codes/parameter-missing"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"amount": 500}', "application/json", 400),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"a=%FF", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"metadata[k%d]=v" % n for n in range(2000)), "application/x-www-form-urlencoded", 400),
        (b"description=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_hostile_bodies(emulator: Emulator, content: bytes, content_type: str, status: int) -> None:
    """JSON, broken UTF-8, a flood of fields and a huge body are refused as Stripe errors."""
    headers = {"Content-Type": content_type}
    answer = await emulator.http.post("/v1/payment_intents", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")


@pytest.mark.parametrize(
    ("form", "member", "expected"),
    [
        ({"confirm": "False"}, "status", "requires_payment_method"),
        ({"metadata[0]": "a", "metadata[1]": "b"}, "metadata", {"0": "a", "1": "b"}),
        ({"metadata[k]": "é ☃ <b>"}, "metadata", {"k": "é ☃ <b>"}),
        ({"currency": "EUR"}, "currency", "eur"),
        ({"description": ""}, "description", None),
        ({"allowed_payment_method_types[]": "card"}, "automatic_payment_methods", None),
        ({"allowed_payment_method_types[0]": "card"}, "allowed_payment_method_types", ["card"]),
        (
            {"shipping[name]": "N", "shipping[address][city]": "C"},
            "shipping",
            {
                "name": "N",
                "address": dict.fromkeys(("country", "line1", "line2", "postal_code", "state")) | {"city": "C"},
                "carrier": None,
                "phone": None,
                "tracking_number": None,
            },
        ),
    ],
)
async def test_form_encoding(emulator: Emulator, form: dict[str, str], member: str, expected: Any) -> None:
    """Brackets, indices, booleans in either spelling and unsetting by an empty string are understood."""
    answer = await emulator.http.post("/v1/payment_intents", data=INTENT | form)
    assert answer.status_code == 200, answer.text
    assert answer.json()[member] == expected


@pytest.mark.parametrize(
    ("path", "name", "param"),
    [
        ("/v1/payment_intents/pi_none", "payment_intent", "intent"),
        ("/v1/charges/ch_none", "charge", "id"),
        ("/v1/refunds/re_none", "refund", "id"),
        ("/v1/checkout/sessions/cs_none", "checkout.session", "session"),
        ("/v1/transfers/tr_none", "transfer", "transfer"),
        ("/v1/events/evt_none", "event", "id"),
        ("/v1/customers/cus_none", "customer", "id"),
        ("/v1/products/prod_none", "product", "id"),
        ("/v1/prices/price_none", "price", "id"),
        ("/v1/balance_transactions/txn_none", "balance transaction", "id"),
        ("/v1/webhook_endpoints/we_none", "webhook endpoint", "id"),
        ("/v1/payment_methods/pm_none", "PaymentMethod", "id"),
    ],
)
async def test_missing_objects(emulator: Emulator, path: str, name: str, param: str) -> None:
    """An id nobody has is a 404 resource_missing that names kind and id."""
    answer = await emulator.http.get(path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "resource_missing", param)
    assert error["message"] == f"No such {name}: '{path.rsplit('/', 1)[1]}'"


async def test_modes_do_not_see_each_other(emulator: Emulator) -> None:
    """An object of the other mode is missing, with the documented hint; lists and balances are separate."""
    live = {"Authorization": f"Bearer {REHEARSAL_STRIPE_KEY}"}
    test_intent = (await emulator.http.post("/v1/payment_intents", data=INTENT)).json()["id"]
    live_intent = (await emulator.http.post("/v1/payment_intents", data=INTENT, headers=live)).json()["id"]
    for intent, headers, there, used in ((test_intent, live, "test", "live"), (live_intent, {}, "live", "test")):
        answer = await emulator.http.get(f"/v1/payment_intents/{intent}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
        assert answer.json()["error"]["message"] == (
            f"No such payment_intent: '{intent}'; a similar object exists in {there} mode, but a {used} mode key was "
            "used to make this request."
        )
    listed = (await emulator.http.get("/v1/payment_intents", headers=live)).json()["data"]
    assert [one["id"] for one in listed] == [live_intent]
    changed = await emulator.http.post(f"/v1/payment_intents/{test_intent}/cancel", headers=live)
    assert changed.status_code == 404
