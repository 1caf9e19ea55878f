"""Every fault of the marketplace shows where its row would look, is counted when it acts, and ends when cleared."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.faults import REGISTRY, Faults
from pytest_paygate.sandbox.marketplace import faults as marketplace_faults

E2E_ROWS = {
    "health", "environment", "processor", "replicas", "account", "catalogue",
    "order_refusals", "order_probes", "webhooks",
    "login", "products", "order", "pay", "completed", "licence", "transfer", "refund", "reversal",
}  # fmt: skip


def get(buyer: Any, path: str) -> Any:
    """The content of one answer."""
    return buyer.client.get(path).json()["data"]


def login(buyer: Any, password: str = "") -> httpx.Response:
    """Log in once more, with the buyer's password or another one."""
    description = buyer.sandbox.description
    credentials = {"email": description.buyer_email, "password": password or description.buyer_password}
    return httpx.post(f"{description.api_url}/auth/login", json=credentials, trust_env=False)


def stranger(buyer: Any, method: str, path: str) -> httpx.Response:
    """A request without a bearer token; the test product under a key of its own where it is an order."""
    body = {"product_id": buyer.sandbox.description.test_product_id}
    url, headers = f"{buyer.sandbox.description.api_url}{path}", {"Idempotency-Key": uuid.uuid4().hex}
    return httpx.request(method, url, json=body, headers=headers, trust_env=False)


def with_token(buyer: Any, token: str) -> httpx.Response:
    """The licences, asked for with any token."""
    url = f"{buyer.sandbox.description.api_url}/licenses/mine"
    return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def refunded_by_stranger(buyer: Any) -> httpx.Response:
    """A refund of an unpaid order without a token."""
    url = f"{buyer.sandbox.description.api_url}/orders/{buyer.order()['order_id']}/refund"
    return httpx.post(url, json={"reason": "none"}, trust_env=False)


def repeated(buyer: Any) -> tuple[str, str]:
    """The orders of one request that is sent twice."""
    key = uuid.uuid4().hex
    first, again = (buyer.post_order(key).json()["data"]["order_id"] for _ in range(2))
    return first, again


def conflicting(buyer: Any) -> httpx.Response:
    """Another product under a key that was used."""
    key = uuid.uuid4().hex
    buyer.post_order(key)
    answer: httpx.Response = buyer.post_order(key, "prod_font_family")
    return answer


def named_price(buyer: Any) -> httpx.Response:
    """An order whose request names its price."""
    body = {"product_id": buyer.sandbox.description.test_product_id, "price_minor": 1}
    answer: httpx.Response = buyer.client.post("/orders", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    return answer


SEEN_AT_ONCE: dict[str, Callable[[Any], bool]] = {
    "health_down": lambda buyer: buyer.client.get("/health").status_code == 503,
    "status_lies_environment": lambda buyer: get(buyer, "/status")["environment"] == "live",
    "hyperswitch_disabled": lambda buyer: get(buyer, "/status")["services"]["hyperswitch"]["status"] == "disabled",
    "catalogue_empty": lambda buyer: get(buyer, "/marketplace/products") == [],
    "product_price_wrong": lambda buyer: get(buyer, "/marketplace/products")[0]["price_minor"] == 550,
    "login_refused": lambda buyer: login(buyer).status_code == 401,
    "order_without_payment_url": lambda buyer: buyer.order()["payment_url"] is None,
    "order_total_wrong": lambda buyer: buyer.order()["total_minor"] == 550,
    "huge_body": lambda buyer: len(login(buyer).content) > 8 * 1024 * 1024,
    "html_instead_of_json": lambda buyer: login(buyer).text.startswith("<!doctype html>"),
    "malformed_json": lambda buyer: login(buyer).text.endswith("cut-in-the-mid"),
    "status_told_otherwise": lambda buyer: next(iter(get(buyer, "/status"))) == "services",
    "catalogue_longer": lambda buyer: get(buyer, "/marketplace/products")[0]["price_minor"] == 50_000,
    "order_told_otherwise": lambda buyer: "net_minor" in buyer.order(),
    "json_told_otherwise": lambda buyer: login(buyer).content.startswith(b" " * 65_536 + b"{"),
    "replica_stale": lambda buyer: "2026.10.4" in {get(buyer, "/status").get("build") for _ in range(4)},
    "replica_of_other_environment": lambda buyer: len({get(buyer, "/status")["environment"] for _ in range(4)}) == 2,
    "replica_names_itself": lambda buyer: get(buyer, "/status").get("instance", "").startswith("10.0.3."),
    "catalogue_empty_to_strangers": lambda buyer: stranger(buyer, "GET", "/marketplace/products").json()["data"] == [],
    "product_listed_twice": lambda buyer: (
        len({one["id"] for one in get(buyer, "/marketplace/products")}) == 3
        and len(get(buyer, "/marketplace/products")) == 4
    ),
    "product_dearer": lambda buyer: buyer.order()["total_minor"] == 550,
    "trace_not_echoed": lambda buyer: "x-trace-id" not in buyer.client.get("/health").headers,
    "trace_lost_on_reads": lambda buyer: (
        "x-trace-id" in buyer.client.get("/health").headers
        and "x-trace-id" not in buyer.client.get(f"/orders/{buyer.order()['order_id']}").headers
    ),
    "more_headers": lambda buyer: "x-parent-trace-id" in buyer.client.get("/health").headers,
    "order_unauthenticated": lambda buyer: stranger(buyer, "POST", "/orders").status_code == 201,
    "order_product_unknown": lambda buyer: buyer.post_order(product="prod_unknown").status_code == 201,
    "order_refusals_told_otherwise": lambda buyer: buyer.post_order(product="prod_unknown").status_code == 422,
    "order_key_ignored": lambda buyer: len(set(repeated(buyer))) == 2,
    "order_replayed_with_200": lambda buyer: 200 in {buyer.post_order("key-200").status_code for _ in range(2)},
    "order_key_taken_for_another": lambda buyer: conflicting(buyer).status_code == 201,
    "order_price_from_client": lambda buyer: named_price(buyer).json().get("data", {}).get("total_minor") == 1,
    "order_price_refused": lambda buyer: named_price(buyer).status_code == 422,
    "pending_order_refunded": lambda buyer: buyer.refund(buyer.order()["order_id"]).status_code == 202,
    "order_total_hundredth": lambda buyer: buyer.order()["total_minor"] == 5,
    "order_tax_missing": lambda buyer: buyer.order()["tax_minor"] == 0,
    "order_called_completed": lambda buyer: buyer.order()["status"] == "completed",
    "order_tells_masked_card": lambda buyer: "******" in buyer.read(buyer.order()["order_id"]).get("note", ""),
    "licence_before_payment": lambda buyer: (
        buyer.order()["order_id"] in {one["order_id"] for one in get(buyer, "/licenses/mine")}
    ),
    "login_any_password": lambda buyer: login(buyer, "any").status_code == 200,
    "reads_unauthenticated": lambda buyer: stranger(buyer, "GET", "/licenses/mine").status_code == 200,
    "any_token_taken": lambda buyer: with_token(buyer, "any").status_code == 200,
    "refund_unauthenticated": lambda buyer: refunded_by_stranger(buyer).status_code == 409,
    "token_refused_as_not_found": lambda buyer: stranger(buyer, "GET", "/licenses/mine").status_code == 404,
    "slow_answers": lambda buyer: buyer.client.get("/health").elapsed.total_seconds() >= 0.05,
}


def fired(faults: Faults, name: str) -> int:
    """How often a fault has acted."""
    return int(str(faults.report()[name]["fired"]))


@pytest.mark.parametrize("name", SEEN_AT_ONCE)
def test_a_fault_is_seen_counted_and_cleared(buyer: Any, faults: Faults, name: str) -> None:
    """The fault changes the answer its row reads, counts that it did, and is gone once cleared."""
    faults.set(name)
    before = fired(faults, name)
    assert SEEN_AT_ONCE[name](buyer)
    assert fired(faults, name) > before
    faults.clear()
    if name != "slow_answers":  # a busy machine may be slow by itself
        assert not SEEN_AT_ONCE[name](buyer)


def test_a_fault_of_form_can_be_put_on_another_path(buyer: Any, faults: Faults) -> None:
    """`path` moves the spoiled answer, also by pattern; the default path is left alone."""
    faults.set("malformed_json", {"path": "/api/v1/orders/*"})
    assert login(buyer).status_code == 200
    assert buyer.client.get("/orders/ord_any").text.endswith("cut-in-the-mid")


def test_an_order_that_never_completes_has_been_charged(buyer: Any, faults: Faults, until: Callable[..., Any]) -> None:
    """The money moved, the webhook was acknowledged, and the order stays pending."""
    faults.set("order_never_completes")
    order = buyer.order()
    buyer.pay(order)
    until(faults.report, lambda report: report["order_never_completes"]["fired"])
    assert buyer.read(order["order_id"])["status"] == "pending"


def test_a_missing_licence_is_missing_only_there(buyer: Any, faults: Faults) -> None:
    """The order completes and the seller is paid, but the buyer gets nothing."""
    faults.set("licence_missing")
    order_id = buyer.completed()["order_id"]
    assert buyer.licences(order_id) == []
    assert buyer.transfer(order_id)["status"] == "paid"


@pytest.mark.parametrize(
    ("name", "row"),
    [("transfer_id_null", {"stripe_transfer_id": None}), ("transfer_amount_wrong", {"amount_minor": 449})],
)
def test_a_spoiled_transfer_is_in_the_database(buyer: Any, faults: Faults, name: str, row: dict[str, Any]) -> None:
    """Row 7 reads the database, and the lie is there."""
    faults.set(name)
    transfer = buyer.transfer(buyer.completed()["order_id"])
    assert {key: transfer[key] for key in row} == row


def test_a_refused_refund_leaves_the_order_completed(buyer: Any, faults: Faults) -> None:
    """The refusal is a 422 and nothing was started."""
    order_id = buyer.completed()["order_id"]
    faults.set("refund_refused")
    assert buyer.refund(order_id).status_code == 422
    assert buyer.read(order_id)["status"] == "completed"


def test_a_refund_that_is_never_sent_moves_no_money(buyer: Any, faults: Faults) -> None:
    """The marketplace says refund_pending; the ledger knows of no refund."""
    order_id = buyer.completed()["order_id"]
    faults.set("refund_not_sent")
    assert buyer.refund(order_id).status_code == 202
    kinds = [one["kind"] for one in buyer.sandbox.ledger() if (one["metadata"] or {}).get("order_id") == order_id]
    assert "refund" not in kinds
    assert buyer.read(order_id)["status"] == "refund_pending"


def test_a_refund_that_never_settles_has_moved_money(buyer: Any, faults: Faults, until: Callable[..., Any]) -> None:
    """The provider refunded, the webhook was acknowledged, the order stays refund_pending."""
    order_id = buyer.completed()["order_id"]
    faults.set("refund_never_settles")
    buyer.refund(order_id)
    until(faults.report, lambda report: report["refund_never_settles"]["fired"])
    assert buyer.read(order_id)["status"] == "refund_pending"


def test_a_kept_licence_survives_the_refund(buyer: Any, faults: Faults) -> None:
    """The order is refunded and the licence still in the buyer's list."""
    order_id = buyer.completed()["order_id"]
    faults.set("licence_kept_after_refund")
    buyer.refund(order_id)
    buyer.wait_for(order_id, "refunded")
    assert len(buyer.licences(order_id)) == 1


def test_a_refused_webhook_is_delivered_again(buyer: Any, faults: Faults) -> None:
    """The first delivery of each webhook is answered 500 and keeps nothing; the second completes the order."""
    faults.set("webhook_refused", {"event_type": "payment_succeeded"})
    buyer.completed()
    assert fired(faults, "webhook_refused") == 1


def test_a_transfer_and_a_refund_can_come_later(buyer: Any, faults: Faults, until: Callable[..., Any]) -> None:
    """With `seconds`, what would never be done is done a moment later."""
    faults.set("transfer_id_null", {"seconds": 0.3})
    faults.set("refund_not_sent", {"seconds": 0.3})
    order_id = buyer.completed()["order_id"]
    assert buyer.transfer(order_id)["stripe_transfer_id"] is None
    until(lambda: buyer.transfer(order_id), lambda transfer: transfer["stripe_transfer_id"])
    assert buyer.transfer(order_id)["status"] == "paid"
    buyer.refund(order_id)
    assert buyer.wait_for(order_id, "refunded")["status"] == "refunded"


def test_an_earlier_order_stays_as_it_is(buyer: Any, faults: Faults) -> None:
    """The buyer keeps the licence of the earlier order, also after the new one is refunded."""
    faults.set("earlier_order")
    assert login(buyer).status_code == 200
    order_id = buyer.completed()["order_id"]
    assert len(get(buyer, "/licenses/mine")) > 1
    held = get(buyer, "/licenses/mine")
    assert len(buyer.licences(order_id)) == 1
    buyer.refund(order_id)
    buyer.wait_for(order_id, "refunded")
    assert buyer.licences(order_id) == []
    assert len(get(buyer, "/licenses/mine")) == len(held) - 1


def test_every_fault_names_a_row_of_the_gate() -> None:
    """Each declared fault names the e2e row it must turn red, or none when it is benign."""
    declared = [fault for fault in REGISTRY.values() if fault.layer == "marketplace"]
    benign = {fault.name for fault in declared if fault.row == marketplace_faults.BENIGN}
    assert {fault.row for fault in declared} <= E2E_ROWS | {marketplace_faults.BENIGN}
    assert benign == {fault.name for fault in declared if fault.summary.endswith("; benign")}
