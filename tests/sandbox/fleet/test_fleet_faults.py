"""Each fault of the fleet does what its summary says, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pytest_paygate.sandbox.faults import REGISTRY, Faults
from pytest_paygate.sandbox.server import load_registry
from pytest_paygate.sandbox.webhooks import signing
from tests.sandbox.fleet.conftest import ORDER, Client

Until = Callable[[Callable[[], object], object], None]
CHECKOUT = "/api/billing/create-checkout"


def test_the_faults_are_those_of_the_microcharge_gate() -> None:
    """Every fault of the fleet says whose row it turns red."""
    load_registry()
    ours = {name: fault for name, fault in REGISTRY.items() if name.startswith("fleet_")}
    assert len(ours) >= 18
    assert {fault.gate for fault in ours.values()} == {"microcharge"}


def test_the_trace_is_not_echoed(client: Client, faults: Faults) -> None:
    """A5 answers under another trace, while the charge keeps the one that was sent."""
    faults.set("fleet_trace_not_echoed")
    answer = client.post("a5", CHECKOUT, ORDER)
    assert answer.headers["x-trace-id"] != client.trace_id
    intent = client.stripe(f"payment_intents/{answer.json()['payment_intent_id']}")
    assert intent["metadata"]["trace_id"] == client.trace_id


def test_the_session_is_missing(client: Client, faults: Faults) -> None:
    """The answer has no session id, and the page is there all the same."""
    faults.set("fleet_session_missing")
    made = client.checkout()
    assert (made["session_id"], made["url"].startswith("http")) == (None, True)


@pytest.mark.parametrize(
    ("fault", "amount", "currency"), [("fleet_wrong_amount", 55, "usd"), ("fleet_wrong_currency", 50, "eur")]
)
def test_another_price_is_charged(client: Client, faults: Faults, fault: str, amount: int, currency: str) -> None:
    """The page charges something else than what was asked."""
    faults.set(fault)
    intent = client.stripe(f"payment_intents/{client.checkout()['payment_intent_id']}")
    assert (intent["amount"], intent["currency"]) == (amount, currency)


@pytest.mark.parametrize(("fault", "asked"), [("price_from_client", 50), ("price_own", 500)])
def test_a_named_price(client: Client, faults: Faults, fault: str, asked: int) -> None:
    """Five hundred credits for fifty cents are refused, sold, or sold at their own price; the price itself is taken."""
    body = {"credits": 500, "amount": 50}
    assert client.post("a5", CHECKOUT, body).status_code == 422
    faults.set(f"fleet_{fault}")
    answer = client.post("a5", CHECKOUT, body)
    assert answer.status_code == 200
    assert client.stripe(f"payment_intents/{answer.json()['payment_intent_id']}")["amount"] == asked
    assert client.stripe(f"payment_intents/{client.checkout()['payment_intent_id']}")["amount"] == 50


def test_a_key_is_ignored(client: Client, faults: Faults) -> None:
    """The same request under the same key makes a checkout of its own each time, or is refused the second time."""
    key = {"Idempotency-Key": f"{client.trace_id}-key"}
    first = client.checkout(**key)
    assert client.checkout(**key) == first
    faults.set("fleet_key_ignored")
    assert len({client.checkout(**key)["payment_intent_id"] for _ in range(3)} - {first["payment_intent_id"]}) == 3
    faults.clear()
    faults.set("fleet_repeat_refused")
    assert client.post("a5", CHECKOUT, ORDER, **key).status_code == 409
    client.checkout(**{"Idempotency-Key": f"{client.trace_id}-new"})


def test_keys_are_told(client: Client, faults: Faults) -> None:
    """The status tells the provider's key, or the one that every page shows; a header of the checkout the webhooks'."""
    description = client.sandbox.description
    for name, start in (("holds_key", description.stripe_secret_key), ("holds_published_key", "pk_test_")):
        faults.clear()
        assert "config" not in client.get("a5", "/api/status").json()
        faults.set(f"fleet_status_{name}")
        assert client.get("a5", "/api/status").json()["config"]["stripe"].startswith(start)
    faults.clear()
    faults.set("fleet_header_holds_key")
    assert "x-debug-config" not in client.get("a5", "/api/status").headers
    told = client.post("a5", CHECKOUT, ORDER).headers["x-debug-config"]
    assert told == f"webhooks={description.fleet_webhook_secret}"


def test_whose_webhooks_are_taken(client: Client, faults: Faults) -> None:
    """Unsigned ones, old ones that were rightly signed, and none but those by the fault that is on."""
    body = b'{"id": "evt_1", "type": "some.event", "data": {"object": {}}}'
    secret, old = client.sandbox.description.fleet_webhook_secret, int(time.time()) - 3600

    def statuses() -> list[int]:
        signed = ["", signing.stripe_header(body, ["whsec_other"], old), signing.stripe_header(body, [secret], old)]
        url = client.url("a5", "/webhooks/stripe")
        return [
            client.http.post(url, content=body, headers={signing.STRIPE_HEADER: one}).status_code
            for one in [*signed, "t=x,v1=y"]
        ]

    assert statuses() == [401, 401, 401, 401]
    for fault, expected in (
        ("webhook_unverified", [200, 200, 200, 200]),
        ("webhook_stale_taken", [401, 401, 200, 401]),
        ("webhook_refused_with_400", [400, 400, 400, 400]),
    ):
        faults.clear()
        faults.set(f"fleet_{fault}")
        assert statuses() == expected, fault


def test_the_card_is_charged_twice(client: Client, faults: Faults, until: Until) -> None:
    """Two charges of one trace stand in the ledger by the time the log tells of the payment."""
    faults.set("fleet_charges_twice")
    client.paid()
    until(lambda: len(client.log("payment_succeeded")), 1)
    assert [charge["amount_captured"] for charge in client.charges()] == [50, 50]
    assert len({charge["payment_intent"] for charge in client.charges()}) == 2


def test_the_log_is_late(client: Client, faults: Faults, until: Until) -> None:
    """The entry comes later, and says when the payment was, not when it was written."""
    faults.set("fleet_log_late", {"seconds": 0.5})
    made = client.paid()
    assert client.log("payment_succeeded") == []
    until(lambda: len(client.log("payment_succeeded")), 1)
    (row,) = client.rows("SELECT paid_at FROM checkouts WHERE session_id = %s", made["session_id"])
    (entry,) = client.rows("SELECT at FROM a5_log WHERE trace_id = %s", client.trace_id)
    assert (entry["at"] - row["paid_at"]).total_seconds() < 0.4


def test_the_log_is_missing(client: Client, faults: Faults, until: Until) -> None:
    """The payment is credited and refunded, and nothing tells of it but the refund."""
    faults.set("fleet_log_missing")
    client.refund(client.paid()["payment_intent_id"])
    until(lambda: len(client.log("payment_refunded")), 1)
    assert client.log("payment_succeeded") == []


def test_the_log_has_another_trace(client: Client, faults: Faults, until: Until) -> None:
    """The entry is there, under a trace that nobody sent."""
    faults.set("fleet_log_other_trace")
    intent = client.paid()["payment_intent_id"]
    query = "SELECT trace_id FROM a5_log WHERE event = 'payment_succeeded' AND fields->>'payment_intent_id' = %s"
    until(lambda: len(client.rows(query, intent)), 1)
    assert client.rows(query, intent)[0]["trace_id"] != client.trace_id


def test_the_log_comes_before_the_payment(client: Client, faults: Faults) -> None:
    """The entry stands there before anybody paid, and no second one follows."""
    faults.set("fleet_log_before_commit")
    made = client.checkout()
    assert [entry["payment_intent_id"] for entry in client.log("payment_succeeded")] == [made["payment_intent_id"]]
    assert client.charges() == []


def test_the_refund_is_refused(client: Client, faults: Faults) -> None:
    """A5 answers 422, and the provider was never asked."""
    made = client.paid()
    faults.set("fleet_refund_refused")
    assert client.refund(made["payment_intent_id"]).status_code == 422
    assert client.charges()[0]["amount_refunded"] == 0


def test_the_refund_is_partial(client: Client, faults: Faults) -> None:
    """A5 says fifty, the provider's ledger says forty-nine."""
    made = client.paid()
    faults.set("fleet_refund_partial")
    assert client.refund(made["payment_intent_id"]).json()["amount"] == 50
    assert (client.charges()[0]["amount_refunded"], client.charges()[0]["refunded"]) == (49, False)


def test_a_test_card_shows_on_a_livemode_charge(rehearsing: Client) -> None:
    """In a rehearsal, the ledger shows the published test card on a charge that says live."""
    rehearsing.sandbox.faults.set("fleet_ledger_test_card")
    rehearsing.paid()
    (charge,) = rehearsing.charges()
    assert (charge["livemode"], charge["payment_method_details"]["card"]["last4"]) == (True, "4242")
