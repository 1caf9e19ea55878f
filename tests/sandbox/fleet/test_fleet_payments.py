"""A5's purchase and refund: one charge of fifty cents, credits once, the log after the commit, all of it given back."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from pytest_paygate.sandbox.server import Sandbox
from tests.sandbox.fleet.conftest import ORDER, Client

Until = Callable[[Callable[[], object], object], None]


def test_fifty_cents_are_charged_once_and_credited_once(client: Client) -> None:
    """A checkout becomes one captured charge of USD 0.50 with the trace in its metadata, and fifty credits."""
    before = client.rows("SELECT credits FROM accounts")[0]["credits"]
    made = client.paid()
    (charge,) = client.charges()
    assert (charge["amount_captured"], charge["currency"], charge["captured"]) == (50, "usd", True)
    assert charge["payment_intent"] == made["payment_intent_id"]
    assert client.rows("SELECT credits FROM accounts")[0]["credits"] == before + 50
    assert client.stripe(f"balance_transactions/{charge['balance_transaction']}")["currency"] == "usd"


def test_the_answer_names_session_intent_and_page(client: Client) -> None:
    """The checkout's answer carries the trace, and ids that the provider knows, before anybody has paid."""
    answer = client.post("a5", "/api/billing/create-checkout", ORDER)
    made = answer.json()
    assert (answer.headers["x-trace-id"], set(made)) == (client.trace_id, {"session_id", "payment_intent_id", "url"})
    session = client.stripe(f"checkout/sessions/{made['session_id']}")
    assert (session["payment_intent"], session["url"]) == (made["payment_intent_id"], made["url"])
    assert session["metadata"]["trace_id"] == client.trace_id
    intent = client.stripe(f"payment_intents/{made['payment_intent_id']}")
    assert (intent["amount"], intent["currency"], intent["metadata"]["trace_id"]) == (50, "usd", client.trace_id)


def test_the_log_tells_of_the_payment_after_its_commit(client: Client, until: Until) -> None:
    """`payment_succeeded` stands in the log once, under the trace, not before the money was credited."""
    assert client.log() == []
    made = client.paid()
    until(lambda: len(client.log("payment_succeeded")), 1)
    (entry,) = client.log("payment_succeeded")
    assert (entry["trace_id"], entry["payment_intent_id"]) == (client.trace_id, made["payment_intent_id"])
    assert (entry["amount_minor"], entry["currency"], entry["session_id"]) == (50, "USD", made["session_id"])
    (row,) = client.rows("SELECT paid_at FROM checkouts WHERE session_id = %s", made["session_id"])
    assert datetime.fromisoformat(entry["at"]) >= row["paid_at"].replace(microsecond=0)
    (stored,) = client.rows("SELECT event FROM a5_log WHERE trace_id = %s", client.trace_id)
    assert stored["event"] == "payment_succeeded"


def test_the_log_is_appended_to_a_file(own_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    """Where a file is named, it holds the same entries as JSON Lines."""
    file = tmp_path / "a5.jsonl"
    client = Client(own_sandbox(fleet_log=file))
    with client.http:
        client.refund(client.checkout()["payment_intent_id"])
        logged = client.log("refund_refused")
    assert [json.loads(line) for line in file.read_text().splitlines()] == logged != []


def test_a_key_makes_one_checkout(client: Client) -> None:
    """The same Idempotency-Key gives the same checkout, also at the same moment; another request may not use it."""
    key = f"key-{client.trace_id}"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: client.checkout(**{"Idempotency-Key": key}), range(4)))
    assert all(one == made[0] for one in made)
    assert client.checkout() != made[0]
    other = client.post("a5", "/api/billing/create-checkout", {"credits": 60, "amount": 60}, **{"Idempotency-Key": key})
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"credits": 50, "amount": 1}, 422),
        ({"credits": 5000, "amount": 50}, 422),
        ({"credits": 1, "amount": 1}, 422),
        ({"credits": 50.0, "amount": 50}, 422),
        ({"credits": True, "amount": True}, 422),
        ({"credits": 50, "amount": "50"}, 422),
        ({"credits": 10**30, "amount": 10**30}, 422),
        ([], 422),
    ],
)
def test_the_price_is_the_server_s(client: Client, body: object, status: int) -> None:
    """An amount that is not the price of the credits makes no checkout."""
    assert client.post("a5", "/api/billing/create-checkout", body).status_code == status


def test_a_refund_gives_everything_back_once(client: Client, until: Until) -> None:
    """A refund is of the whole charge; asked again it is the same one; the credits are gone, and the log says so."""
    before = client.rows("SELECT credits FROM accounts")[0]["credits"]
    made = client.paid()
    first, again = client.refund(made["payment_intent_id"]), client.refund(made["payment_intent_id"])
    assert first.json() == again.json()
    refund = first.json()
    assert (first.status_code, refund["status"], refund["amount"], refund["currency"]) == (200, "succeeded", 50, "USD")
    (charge,) = client.charges()
    assert (charge["amount_refunded"], charge["refunded"]) == (50, True)
    until(lambda: len(client.log("payment_refunded")), 1)
    assert client.rows("SELECT credits FROM accounts")[0]["credits"] == before


def test_a_refund_of_nothing_is_refused(client: Client) -> None:
    """A payment of nobody is a 404, one that nobody paid a 409."""
    assert client.refund("pi_none").status_code == 404
    assert client.refund("a\x00b").status_code == 422
    assert client.refund(client.checkout()["payment_intent_id"]).status_code == 409


def test_a_webhook_twice_credits_once(client: Client) -> None:
    """The same event again is a duplicate, and a second event about the same session changes nothing."""
    made = client.paid()
    held = client.rows("SELECT credits FROM accounts")[0]["credits"]
    session = client.stripe(f"checkout/sessions/{made['session_id']}")
    event = {"id": f"evt_{client.trace_id}", "type": "checkout.session.completed", "data": {"object": session}}
    assert client.notify(event).json() == {"result": "ignored"}
    assert client.notify(event).json() == {"result": "duplicate"}
    assert client.rows("SELECT credits FROM accounts")[0]["credits"] == held
    assert len(client.log("payment_succeeded")) == 1


def test_a_refund_that_overtakes_its_payment_leaves_both_in_the_log(client: Client) -> None:
    """Told of the refund first, A5 still logs that it was paid, once; nothing is credited, and refunded it stays."""
    made = client.checkout()
    held = client.rows("SELECT credits FROM accounts")[0]["credits"]
    charge = {"payment_intent": made["payment_intent_id"], "refunded": True, "amount_refunded": 50, "currency": "usd"}
    session = {"payment_intent": made["payment_intent_id"], "payment_status": "paid", "amount_total": 50}
    events = (("charge.refunded", charge), ("checkout.session.completed", session))
    for place, (kind, subject) in enumerate(events):
        event = {"id": f"evt_{client.trace_id}_{place}", "type": kind, "data": {"object": subject}}
        assert client.notify(event).json() == {"result": "accepted"}
    assert [len(client.log(name)) for name in ("payment_refunded", "payment_succeeded")] == [1, 1]
    (row,) = client.rows("SELECT status FROM checkouts WHERE session_id = %s", made["session_id"])
    assert (row["status"], client.rows("SELECT credits FROM accounts")[0]["credits"]) == ("refunded", held)


def test_a_forged_webhook_is_refused(client: Client) -> None:
    """A webhook under another secret, or without a signature, credits nobody."""
    made = client.checkout()
    session = {"payment_intent": made["payment_intent_id"], "payment_status": "paid"}
    event = {"id": "evt_forged", "type": "checkout.session.completed", "data": {"object": session}}
    assert client.notify(event, "whsec_of_somebody_else").status_code == 401
    assert client.http.post(client.url("a5", "/webhooks/stripe"), content=b"{}").status_code == 401
    assert client.rows("SELECT status FROM checkouts WHERE session_id = %s", made["session_id"])[0]["status"] == "open"


def test_an_unpaid_checkout_can_be_closed(client: Client) -> None:
    """Expiring the session cancels its payment: the page takes no card any more."""
    made = client.checkout()
    key = client.sandbox.description.stripe_secret_key
    url = f"{client.sandbox.description.stripe_url}/v1/checkout/sessions/{made['session_id']}/expire"
    assert client.http.post(url, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert client.stripe(f"payment_intents/{made['payment_intent_id']}")["status"] == "canceled"
    assert client.pay(made).state == "expired"


def test_a_rehearsal_says_live_and_pays_with_its_own_card(rehearsing: Client) -> None:
    """In a rehearsal A5 calls itself live, and its charge is livemode and on the rehearsal card."""
    told = rehearsing.get("a5", "/api/status").json()
    assert told == {"app": "A5", "environment": "live", "livemode": True, "build": "2026.11.2"}
    rehearsing.paid()
    (charge,) = rehearsing.charges()
    assert (charge["livemode"], charge["payment_method_details"]["card"]["last4"]) == (True, rehearsing.card[-4:])


def test_the_database_is_read_only_for_a_gate(client: Client) -> None:
    """The read-only DSN reads the log and changes nothing."""
    import psycopg

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        client.rows("DELETE FROM a5_log RETURNING seq")
