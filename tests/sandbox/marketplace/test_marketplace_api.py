"""The marketplace's API as its clients see it: envelope, identity, trace ids, and hostile input."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.server import Sandbox

HOSTILE_BODIES = {
    "not JSON": b"{",
    "deeply nested": b"[" * 100_000,
    "a list": b"[]",
    "no fields": b"{}",
    "a NUL": b'{"email": "a\\u0000b", "password": "x"}',
    "a lone surrogate": b'{"email": "\\ud800", "password": "x"}',
    "a number for a text": b'{"email": 1, "password": true}',
    "an endless text": b'{"email": "' + b"x" * 5000 + b'", "password": "x"}',
    "not UTF-8": b'{"email": "\xff\xfe", "password": "x"}',
}


def test_health_and_status_answer_in_the_envelope(sandbox: Sandbox) -> None:
    """Health is ok, and status names the environment and a processor that was really asked."""
    base = sandbox.description.api_url
    assert httpx.get(f"{base}/health", trust_env=False).json() == {"data": {"status": "ok"}}
    status = httpx.get(f"{base}/status", trust_env=False).json()["data"]
    assert status == {"environment": "sandbox", "services": {"hyperswitch": {"status": "operational"}}}


@pytest.mark.parametrize("email", ["buyer@example.test", "nobody@example.test"])
def test_wrong_password_and_unknown_buyer_are_told_the_same(sandbox: Sandbox, email: str) -> None:
    """A 401 does not tell whether the e-mail address is known."""
    answer = httpx.post(
        f"{sandbox.description.api_url}/auth/login", json={"email": email, "password": "wrong"}, trust_env=False
    )
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": "invalid_credentials", "message": "e-mail or password is wrong"}}


def test_a_token_is_stored_as_its_digest_only(buyer: Any, query: Callable[..., list[dict[str, Any]]]) -> None:
    """Whoever reads the database cannot use a token."""
    token = buyer.client.headers["Authorization"].removeprefix("Bearer ")
    stored = [bytes(row["token_sha256"]) for row in query("SELECT token_sha256 FROM access_tokens")]
    assert hashlib.sha256(token.encode()).digest() in stored
    assert token.encode() not in stored


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nobody", "Basic abc", "Bearer " + "x" * 4000])
@pytest.mark.parametrize("path", ["/orders/ord_1", "/licenses/mine"])
def test_no_valid_token_is_401(sandbox: Sandbox, path: str, header: str | None) -> None:
    """Products, orders and licences are for logged-in buyers."""
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{sandbox.description.api_url}{path}", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_a_token_expires(own_sandbox: Callable[..., Sandbox]) -> None:
    """An hour after login the token is refused."""
    running = own_sandbox()
    credentials = {"email": running.description.buyer_email, "password": running.description.buyer_password}
    with httpx.Client(base_url=running.description.api_url, trust_env=False) as client:
        token = client.post("/auth/login", json=credentials).json()["data"]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/licenses/mine", headers=headers).status_code == 200
        running.advance_clock(3601)
        assert client.get("/licenses/mine", headers=headers).status_code == 401


def test_the_test_product_costs_five_euros(buyer: Any) -> None:
    """The catalogue holds the test product at EUR 500, gross, with its tax rate, and two others."""
    products = buyer.client.get("/marketplace/products").json()["data"]
    assert len(products) == 3
    assert products[0] == {
        "id": buyer.sandbox.description.test_product_id,
        "title": "Acceptance test licence",
        "price_minor": 500,
        "currency": "EUR",
        "tax_rate": "0.20",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/health", 200),
        ("GET", "/api/v1/licenses/mine", 401),
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/v1/orders", 405),
        ("POST", "/webhooks/hyperswitch", 401),
    ],
)
def test_every_answer_echoes_the_trace_id(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    """A valid X-Trace-Id comes back on success and on every kind of refusal, as JSON."""
    url = sandbox.description.marketplace_url + path
    answer = httpx.request(method, url, headers={"X-Trace-Id": "E2E-1790000000-abc.def"}, trust_env=False)
    assert (answer.status_code, answer.headers["X-Trace-Id"]) == (status, "E2E-1790000000-abc.def")
    assert set(answer.json()) <= {"data", "error"}


@pytest.mark.parametrize("offered", [None, "", "-starts-badly", "has space", "x" * 129, "semi;colon", "<script>"])
def test_an_invalid_trace_id_is_replaced(sandbox: Sandbox, offered: str | None) -> None:
    """Without a usable trace id the marketplace makes a fresh one and never echoes the bad one."""
    headers = {} if offered is None else {"X-Trace-Id": offered}
    answer = httpx.get(f"{sandbox.description.api_url}/health", headers=headers, trust_env=False)
    assert answer.headers["X-Trace-Id"].startswith("trace_")


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_bodies_are_refused_in_the_envelope(sandbox: Sandbox, name: str) -> None:
    """No body can make the marketplace fail: each is a 4xx with a code."""
    answer = httpx.post(f"{sandbox.description.api_url}/auth/login", content=HOSTILE_BODIES[name], trust_env=False)
    assert answer.status_code in {400, 413, 422}
    assert answer.json()["error"]["code"] in {"malformed_json", "invalid_body", "invalid_field", "body_too_large"}


def test_a_large_body_is_refused(sandbox: Sandbox) -> None:
    """More than 64 KiB is a 413 before it is parsed."""
    answer = httpx.post(f"{sandbox.description.api_url}/auth/login", content=b"x" * 70_000, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("order_id", ["ord_unknown", "%00", "..%2f..", "a" * 500, "%ff"])
def test_a_strange_order_id_is_404(buyer: Any, order_id: str) -> None:
    """An id that cannot be ours is simply not found."""
    answer = buyer.client.get(f"/orders/{order_id}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in {"not_found", "order_not_found"}
