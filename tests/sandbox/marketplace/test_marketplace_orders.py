"""Orders: one per idempotency key, priced by the catalogue, seen by their buyer only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pytest_paygate.sandbox.marketplace.fulfilment import seller_share_minor
from pytest_paygate.sandbox.marketplace.orders import included_tax_minor


def test_an_order_has_a_payment_page_and_the_catalogues_price(buyer: Any) -> None:
    """A new order is pending, totals the gross price with its tax shown, and names payment and page."""
    order = buyer.order()
    assert order["status"] == "pending"
    assert (order["total_minor"], order["tax_minor"], order["currency"]) == (500, 83, "EUR")
    assert len(order["hyperswitch_payment_id"]) == 30
    assert order["payment_url"].startswith(buyer.sandbox.description.hyperswitch_url)


def test_the_same_key_gives_the_same_order(buyer: Any) -> None:
    """Sending an order again makes no second order and no second payment."""
    first, second = buyer.post_order("key-same"), buyer.post_order("key-same")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


def test_the_same_key_at_the_same_moment_gives_one_order(
    buyer: Any, query: Callable[..., list[dict[str, Any]]]
) -> None:
    """Eight simultaneous requests with one key make one order, one payment, eight equal answers."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: buyer.post_order("key-race"), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(query("SELECT id FROM orders WHERE idempotency_key = 'key-race'")) == 1


def test_a_key_cannot_be_used_for_another_product(buyer: Any) -> None:
    """The same key with another product is a 409, not somebody's old order."""
    buyer.post_order("key-other-product")
    answer = buyer.post_order("key-other-product", "prod_font_family")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")


def test_two_buyers_may_use_the_same_key(buyer: Any, another_buyer: Any) -> None:
    """A key belongs to its buyer."""
    mine, theirs = buyer.post_order("key-shared"), another_buyer.post_order("key-shared")
    assert mine.json()["data"]["order_id"] != theirs.json()["data"]["order_id"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 256}])
def test_an_order_needs_a_key(buyer: Any, headers: dict[str, str]) -> None:
    """Without a usable Idempotency-Key nothing is ordered."""
    answer = buyer.client.post("/orders", json={"product_id": "prod_test_licence"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_required")


def test_an_unknown_product_cannot_be_ordered(buyer: Any) -> None:
    """A product that does not exist is a 404."""
    answer = buyer.post_order(product="prod_nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "product_not_found")


def test_a_price_sent_by_the_client_is_ignored(buyer: Any) -> None:
    """The total is the catalogue's whatever the request says."""
    body = {"product_id": "prod_test_licence", "price_minor": 1, "total_minor": 1, "currency": "USD"}
    answer = buyer.client.post("/orders", json=body, headers={"Idempotency-Key": "key-tampered"})
    assert (answer.json()["data"]["total_minor"], answer.json()["data"]["currency"]) == (500, "EUR")


def test_an_order_is_its_buyers_only(buyer: Any, another_buyer: Any) -> None:
    """Another buyer can neither see nor refund an order."""
    order_id = buyer.order()["order_id"]
    answers: list[httpx.Response] = [another_buyer.client.get(f"/orders/{order_id}"), another_buyer.refund(order_id)]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    ("total", "rate", "tax"), [(500, "0.20", 83), (4900, "0.20", 817), (100, "0", 0), (119, "0.19", 19), (1, "0.20", 0)]
)
def test_tax_is_contained_in_the_gross_price(total: int, rate: str, tax: int) -> None:
    """Included tax is total * rate / (1 + rate), rounded half up to whole minor units."""
    assert included_tax_minor(total, Decimal(rate)) == tax


@pytest.mark.parametrize(("total", "share"), [(500, 450), (4900, 4410), (9, 9), (19, 18)])
def test_the_seller_gets_the_price_less_ten_percent(total: int, share: int) -> None:
    """The platform's ten percent is rounded down, so that the seller never loses a fraction."""
    assert seller_share_minor(total) == share
