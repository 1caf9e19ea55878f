"""The eight apps: health, traces, A1's tokens, A8's events."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from pytest_paygate.sandbox.faults import Faults
from tests.sandbox.fleet.conftest import ORDER, Client

EVENT: dict[str, Any] = {
    "event_type": "hitl_microcharge_complete",
    "app_id": "A5",
    "data": {"proof_count": 3, "amount_cents": 50, "refund_time_seconds": 1.25, "verdict": "PASS", "note": "grün"},
}


@pytest.mark.parametrize("app", [f"a{number}" for number in range(1, 9)])
def test_every_app_says_that_it_is_well_and_echoes_the_trace(client: Client, app: str) -> None:
    """Each app has an address of its own, answers its health, and carries the trace on a 404 too."""
    answer = client.get(app, "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["x-trace-id"] == client.trace_id
    missing = client.get(app, "/nothing")
    assert (missing.status_code, missing.headers["x-trace-id"]) == (404, client.trace_id)
    assert len(set(client.sandbox.description.services.values())) == 8


@pytest.mark.parametrize("app", ["a3", "a6", "a8"])
def test_an_app_that_is_down_answers_503(client: Client, faults: Faults, app: str) -> None:
    """A core app that is down says so on every path, and the others go on."""
    faults.set(f"fleet_{app}_down")
    assert client.get(app, "/health").status_code == 503
    assert client.get("a1", "/health").status_code == 200


def test_a_hostile_trace_id_is_replaced(client: Client) -> None:
    """A trace id that could not stand in a log line is not echoed."""
    answer = client.get("a5", "/health", headers={"X-Trace-Id": "<script>"})
    assert "<" not in answer.headers["x-trace-id"]


def test_a_token_of_a1_opens_a5(client: Client) -> None:
    """A1 hands a token to the right password only; A5 takes that token and no other."""
    described = client.sandbox.description
    wrong = client.post("a1", "/api/auth/token", {"email": described.buyer_email, "password": "wrong"})
    assert wrong.status_code == 401
    right = {"email": described.buyer_email, "password": described.buyer_password}
    bearer = client.post("a1", "/api/auth/token", right).json()["access_token"]
    path = "/api/billing/create-checkout"
    assert client.post("a5", path, ORDER, Authorization=f"Bearer {bearer}").status_code == 200
    assert client.post("a5", path, ORDER, Authorization="Bearer forged").status_code == 401


def test_a1_is_slow_when_told(client: Client, faults: Faults) -> None:
    """The ping is quick, and takes as long as its fault says."""
    assert client.get("a1", "/api/auth/ping").json() == {"status": "ok"}
    faults.set("fleet_a1_slow", {"seconds": 0.3})
    assert client.get("a1", "/api/auth/ping").elapsed.total_seconds() >= 0.3


def test_an_event_reads_back_with_the_same_checksum(client: Client) -> None:
    """The checksum is the SHA-256 of the canonical JSON, the same when written and when read."""
    kept = client.post("a8", "/events", EVENT)
    canonical = json.dumps(EVENT, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert (kept.status_code, kept.json()["checksum"]) == (201, f"sha256:{hashlib.sha256(canonical).hexdigest()}")
    read = client.get("a8", f"/events/{kept.json()['event_id']}")
    assert read.json() == {"event_id": kept.json()["event_id"], **EVENT, "checksum": kept.json()["checksum"]}


def test_the_checksum_is_of_the_content_not_of_its_order(client: Client) -> None:
    """Two spellings of one event have one checksum; another amount has another."""
    turned = dict(reversed(list(EVENT.items())))
    dearer = EVENT | {"data": EVENT["data"] | {"amount_cents": 51}}
    one, same, other = (client.post("a8", "/events", event).json()["checksum"] for event in (EVENT, turned, dearer))
    assert one == same != other


def test_an_event_can_be_lost_or_changed_by_fault(client: Client, faults: Faults) -> None:
    """A lost event is a 404 on reading; a changed one has another checksum."""
    faults.set("fleet_event_lost")
    lost = client.post("a8", "/events", EVENT)
    assert (lost.status_code, client.get("a8", f"/events/{lost.json()['event_id']}").status_code) == (201, 404)
    faults.clear()
    kept = client.post("a8", "/events", EVENT).json()
    faults.set("fleet_checksum_differs")
    assert client.get("a8", f"/events/{kept['event_id']}").json()["checksum"] != kept["checksum"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"event_type":"x","app_id":"A9","data":{}}',
        b'{"event_type":"x","app_id":"A5","data":[]}',
        b'{"event_type":"x","app_id":"A5","data":{"n":NaN}}',
        b'{"event_type":"x","app_id":"A5","data":{"n":"\\ud800"}}',
        b'{"event_type":"x","app_id":"A5","data":{"n":"' + b"x" * 70_000 + b'"}}',
    ],
)
def test_a_hostile_event_is_refused(client: Client, body: bytes) -> None:
    """What is no event, or cannot be canonical, is a 4xx and never a 500."""
    answer = client.http.post(client.url("a8", "/events"), content=body)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("event_id", ["evt_none", "..%2f", "a%00b", "evt_" + "x" * 500])
def test_an_unknown_event_is_a_404(client: Client, event_id: str) -> None:
    """An id of nothing is told so, hostile ones too."""
    assert client.get("a8", f"/events/{event_id}").status_code == 404
