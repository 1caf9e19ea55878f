"""The control surface: what really moved, faults, delays, clock; for this machine's user only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from pytest_paygate.sandbox.faults import REGISTRY, Faults
from pytest_paygate.sandbox.money_report import payments
from pytest_paygate.sandbox.server import Sandbox


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client of the shared sandbox's control surface."""
    with httpx.Client(base_url=f"{sandbox.description.control_url}/_sandbox", trust_env=False) as client:
        yield client


def test_every_fault_is_listed_with_its_layer_and_row(control: httpx.Client) -> None:
    """The registry can be read over HTTP: every part's faults, each with what it must turn red."""
    listed = {fault["name"]: fault for fault in control.get("/faults").json()["faults"]}
    assert set(listed) == set(REGISTRY)
    parts = {"marketplace", "fleet", "hyperswitch", "stripe", "webhooks"}
    assert {fault["layer"] for fault in listed.values()} == parts
    assert listed["login_refused"]["row"] == "login"


def test_a_fault_is_set_counted_and_cleared(control: httpx.Client, sandbox: Sandbox, faults: Faults) -> None:
    """A fault set over HTTP acts, shows that it did, and is off after DELETE."""
    answer = control.post("/faults", json={"name": "health_down", "parameters": {"note": "x"}})
    assert answer.status_code == 200
    assert httpx.get(f"{sandbox.description.api_url}/health", trust_env=False).status_code == 503
    (listed,) = [one for one in control.get("/faults").json()["faults"] if one["name"] == "health_down"]
    assert listed["active"] is True
    assert listed["fired"] >= 1
    assert listed["note"] == "x"
    assert control.delete("/faults").status_code == 200
    assert httpx.get(f"{sandbox.description.api_url}/health", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", {"name": "no_such"}, 404),
        ("POST", "/faults", {"name": "health_down", "parameters": []}, 422),
        ("POST", "/clock", {"advance_seconds": -1}, 422),
        ("POST", "/clock", {"advance_seconds": True}, 422),
        ("POST", "/clock", {}, 422),
        ("POST", "/delays", {"unknown": 1}, 422),
        ("POST", "/delays", {"marketplace.completion": "soon"}, 422),
        ("POST", "/delays", [], 422),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/ledger", None, 405),
    ],
)
def test_a_wrong_request_is_a_problem_document(
    control: httpx.Client, faults: Faults, method: str, path: str, body: object, status: int
) -> None:
    """Every refusal is application/problem+json with its status, and changes nothing."""
    answer = control.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert [name for name, fault in faults.report().items() if fault["active"]] == []


@pytest.mark.parametrize("body", [b"{", b"[" * 70_000, b"\xff"])
def test_a_hostile_body_is_refused(control: httpx.Client, body: bytes) -> None:
    """What is not JSON, or too much of it, is refused."""
    assert control.post("/clock", content=body).status_code in {400, 413}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost.evil"])
def test_a_foreign_host_is_refused(control: httpx.Client, host: str) -> None:
    """A name that leads here by DNS does not open the control surface to a web page."""
    assert control.get("/ledger", headers={"Host": host}).status_code in {400, 403}


def test_a_web_page_is_refused(control: httpx.Client) -> None:
    """A request that a page of another origin sends is refused although its host is right."""
    answer = control.post("/clock", json={"advance_seconds": 1}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_delays_and_clock_can_be_set(own_sandbox: Callable[..., Sandbox]) -> None:
    """A delay set over HTTP is kept, and the clock moves forward by what was asked."""
    running = own_sandbox(frozen_at=1_800_000_000.0)
    with httpx.Client(base_url=f"{running.description.control_url}/_sandbox", trust_env=False) as control:
        answer = control.post("/delays", json={"marketplace.completion": 2})
        assert answer.json()["delays_seconds"] == {"marketplace.completion": 2.0}
        moved = control.post("/clock", json={"advance_seconds": 86_400}).json()["now"]
        assert moved == "2027-01-16T08:00:00+00:00"


def test_the_log_is_json_lines_of_one_trace(control: httpx.Client, sandbox: Sandbox) -> None:
    """The application log can be read as JSON Lines, filtered by trace id."""
    headers = {"X-Trace-Id": "E2E-1-log"}
    httpx.get(f"{sandbox.description.api_url}/health", headers=headers, trust_env=False)
    answer = control.get("/log", params={"trace_id": "E2E-1-log"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    (entry,) = [json.loads(line) for line in answer.text.splitlines()]
    assert (entry["event"], entry["path"], entry["status"]) == ("request", "/api/v1/health", 200)


def test_ledger_and_deliveries_can_be_read(control: httpx.Client) -> None:
    """Ledger and webhook deliveries answer with their lists."""
    assert set(control.get("/ledger").json()) == {"entries", "payments"}
    assert "deliveries" in control.get("/webhooks").json()


def test_the_ledger_is_summed_per_payment_and_currency() -> None:
    """Outstanding is charged less refunded; a failed refund counts back; fees and transfers do not count."""
    base = {"currency": "eur", "payment_intent": "pi_1"}
    entries = [
        {**base, "kind": "charge", "amount_minor": 500},
        {**base, "kind": "fee", "amount_minor": 45},
        {**base, "kind": "transfer", "amount_minor": 450},
        {**base, "kind": "refund", "amount_minor": 500},
        {**base, "kind": "refund_failure", "amount_minor": 500},
        {**base, "kind": "refund", "amount_minor": 200},
        {"currency": "usd", "payment_intent": "pi_2", "kind": "charge", "amount_minor": 50},
    ]
    first, second = payments(entries)
    assert first == {
        "payment_intent": "pi_1",
        "currency": "eur",
        "charges": 1,
        "charged_minor": 500,
        "refunded_minor": 200,
        "outstanding_minor": 300,
    }
    assert (second["currency"], second["outstanding_minor"]) == ("usd", 50)
