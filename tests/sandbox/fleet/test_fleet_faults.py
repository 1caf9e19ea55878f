"""Each fault of the fleet does what its summary says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_paygate.sandbox.faults import REGISTRY, Faults
from tests.sandbox.fleet.conftest import ORDER, Client

Until = Callable[[Callable[[], object], object], None]
CHECKOUT = "/api/billing/create-checkout"


def test_the_faults_are_those_of_the_microcharge_gate() -> None:
    """Every fault of the fleet says whose row it turns red."""
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
