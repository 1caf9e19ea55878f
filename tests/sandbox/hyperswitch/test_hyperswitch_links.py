"""Payment links and Stripe's own pages by plain HTTP, from the open page to the charge at Stripe."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from pytest_paygate.sandbox.webhooks import signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Ada Lovelace"}
CHALLENGING = "4000002760003184"


@pytest_asyncio.fixture(loop_scope="module")
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    """A client with cookies that follows redirects."""
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        yield client


def state_of(answer: httpx.Response) -> str:
    """The state the page declares."""
    found = re.search(r'<main data-state="([a-z]+)"', answer.text)
    assert found, answer.text
    return found[1]


async def submit(browser: httpx.AsyncClient, shown: httpx.Response, fields: dict[str, str]) -> httpx.Response:
    """Send the form on a page."""
    token = re.search(r'name="form_token" value="([^"]+)"', shown.text)
    assert token, shown.text
    return await browser.post(str(shown.url), data={"form_token": token[1]} | fields)


async def test_link_is_described(setting: Any, conformance: Any) -> None:
    """A payment link has an id, an address on Hyperswitch, an end, and is active."""
    payment = await setting.create(payment_link=True, description="Aurora")
    link = (await setting.get(f"/payment_link/{payment['payment_link']['payment_link_id']}")).json()
    conformance.check(link, "RetrievePaymentLinkResponse")
    assert link["link_to_pay"] == payment["payment_link"]["link"]
    assert link["link_to_pay"].startswith(setting.world.addresses.hyperswitch)
    assert (link["status"], link["amount"], link["currency"]) == ("active", 500, "EUR")


async def test_paying_the_link_charges_once(setting: Any, browser: httpx.AsyncClient) -> None:
    """The page takes the card, the payment succeeds, and the page says so for good."""
    payment = await setting.create(payment_link=True)
    address = payment["payment_link"]["link"]
    shown = await browser.get(address)
    assert (state_of(shown), "EUR 5.00" in shown.text) == ("open", True)
    assert state_of(await submit(browser, shown, GOOD)) == "paid"
    assert state_of(await browser.get(address)) == "paid"
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    assert (stored["status"], await setting.money(stored, "charge")) == ("succeeded", [500])


async def test_payment_without_a_link_has_no_page(setting: Any, browser: httpx.AsyncClient) -> None:
    """Only what was created as a link can be paid on a page."""
    payment = await setting.create()
    base = setting.world.addresses.hyperswitch
    for payment_id in (payment["payment_id"], "pay_none", "%00"):
        answer = await browser.get(f"{base}/payment_link/merchant_paygate_sandbox/{payment_id}")
        assert answer.status_code == 404


async def test_declined_link_stays_payable(setting: Any, browser: httpx.AsyncClient) -> None:
    """A decline is shown and announced, the payment still asks for a method, and the next card pays."""
    payment = await setting.create(payment_link=True)
    shown = await browser.get(payment["payment_link"]["link"])
    declined = await submit(browser, shown, GOOD | {"number": "4000000000009995"})
    assert (declined.status_code, state_of(declined)) == (402, "declined")
    event = await setting.merchant.wait_for(payment["payment_id"], "payment_failed")
    assert event["content"]["object"]["status"] == "requires_payment_method"
    assert event["content"]["object"]["error_code"] == "card_declined"
    assert state_of(await submit(browser, declined, GOOD)) == "paid"
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    assert (stored["attempt_count"], await setting.money(stored, "charge")) == (2, [500])


@pytest.mark.parametrize(
    ("choice", "state", "status"), [("complete", "paid", "succeeded"), ("fail", "declined", "requires_payment_method")]
)
async def test_challenge_on_stripe_leads_back_to_the_link(
    setting: Any, browser: httpx.AsyncClient, choice: str, state: str, status: str
) -> None:
    """The challenge is answered on Stripe's address and ends on the link's page with the right outcome."""
    payment = await setting.create(payment_link=True)
    shown = await browser.get(payment["payment_link"]["link"])
    question = await submit(browser, shown, GOOD | {"number": CHALLENGING})
    assert state_of(question) == "challenge"
    assert urlsplit(str(question.url)).path.startswith("/3ds/pi_")
    ended = await submit(browser, question, {"outcome": choice})
    assert (state_of(ended), str(ended.url)) == (state, payment["payment_link"]["link"])
    assert (await setting.get(f"/payments/{payment['payment_id']}")).json()["status"] == status


async def test_abandoned_challenge_can_be_taken_up_again(setting: Any, browser: httpx.AsyncClient) -> None:
    """Somebody who comes back to the link during a challenge is led to it and can still finish."""
    payment = await setting.create(payment_link=True)
    address = payment["payment_link"]["link"]
    await submit(browser, await browser.get(address), GOOD | {"number": CHALLENGING})
    waiting = await browser.get(address)
    assert state_of(waiting) == "processing"
    onward = re.search(r'class="button" href="([^"]+)"', waiting.text)
    assert onward
    ended = await submit(browser, await browser.get(onward[1]), {"outcome": "complete"})
    assert state_of(ended) == "paid"


async def test_return_address_carries_a_signed_outcome(setting: Any, browser: httpx.AsyncClient) -> None:
    """The merchant's return address gets status, id and amount, and a signature over the sorted pairs."""
    target = f"{setting.world.addresses.hyperswitch}/health?order=1"
    payment = await setting.create(payment_link=True, return_url=target)
    ended = await submit(browser, await browser.get(payment["payment_link"]["link"]), GOOD)
    pairs = parse_qsl(urlsplit(str(ended.url)).query)
    signature = dict(pairs)["signature"]
    signed = "&".join(f"{k}={v}" for k, v in sorted(pairs) if k not in {"signature", "signature_algorithm"})
    key = setting.world.keys.hyperswitch_hash.encode()
    assert hmac.new(key, signed.encode(), hashlib.sha512).hexdigest() == signature
    told = dict(pairs)
    assert (told["status"], told["payment_id"], told["order"]) == ("succeeded", payment["payment_id"], "1")
    assert "4242" not in str(ended.url).replace(signature, "").replace(payment["client_secret"], "").replace(
        payment["payment_id"], ""
    )


async def test_expired_link_takes_no_card(setting: Any, browser: httpx.AsyncClient) -> None:
    """A form opened in time and sent too late charges nothing."""
    payment = await setting.create(payment_link=True, session_expiry=60)
    shown = await browser.get(payment["payment_link"]["link"])
    setting.advance(60)
    late = await submit(browser, shown, GOOD)
    assert (late.status_code, state_of(late)) == (410, "expired")
    assert setting.wire.writes("/v1/payment_intents") == []


async def test_link_of_a_lost_answer_shows_the_truth(setting: Any, browser: httpx.AsyncClient) -> None:
    """If Stripe's answer was lost after the charge, the page finds the charge and never asks for the card again."""
    setting.world.faults.set("webhook_lost", {"source": "stripe"})
    payment = await setting.create(payment_link=True)
    shown = await browser.get(payment["payment_link"]["link"])
    setting.wire.lose_answer_to, setting.wire.refuse_with = "/v1/payment_intents", 500
    assert state_of(await submit(browser, shown, GOOD)) == "paid"
    assert len(setting.wire.writes("/v1/payment_intents")) == 1


async def test_forged_way_back_reveals_nothing(setting: Any, browser: httpx.AsyncClient) -> None:
    """The addresses around a challenge answer unknown ids with a page, not with a trace."""
    base = setting.world.addresses.hyperswitch
    payment = await setting.create()
    for path in (
        "/payments/redirect/pay_none/pay_none_1",
        f"/payments/redirect/{payment['payment_id']}/pay_none_1",
        "/payments/pay_none/merchant_paygate_sandbox/redirect/complete/stripe",
        f"/payments/{payment['payment_id']}/merchant_paygate_sandbox/redirect/complete/stripe",
    ):
        assert (await browser.get(base + path)).status_code == 404


async def checkout_session(setting: Any, **fields: str) -> dict[str, Any]:
    """A Stripe Checkout session over five euros."""
    form = {
        "mode": "payment",
        "success_url": f"{setting.world.addresses.hyperswitch}/health?session={{CHECKOUT_SESSION_ID}}",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "<b>Aurora</b>",
    }
    return await setting.stripe("/v1/checkout/sessions", **(form | fields))


async def test_stripe_checkout_is_paid_on_the_same_page(setting: Any, browser: httpx.AsyncClient) -> None:
    """A Checkout session is shown, declines a bad card, takes a good one and returns to the success address."""
    session = await checkout_session(setting)
    shown = await browser.get(session["url"])
    assert (state_of(shown), "EUR 5.00" in shown.text) == ("open", True)
    assert "&lt;b&gt;Aurora&lt;/b&gt;" in shown.text
    declined = await submit(browser, shown, GOOD | {"number": "4000000000000002"})
    assert state_of(declined) == "declined"
    ended = await submit(browser, declined, GOOD)
    assert str(ended.url).endswith(f"/health?session={session['id']}")
    assert state_of(await browser.get(session["url"])) == "paid"


async def test_stripe_checkout_challenge_ends_at_the_shop(setting: Any, browser: httpx.AsyncClient) -> None:
    """A failed challenge leads back to the session, a completed one to the success address."""
    session = await checkout_session(setting)
    question = await submit(browser, await browser.get(session["url"]), GOOD | {"number": CHALLENGING})
    back = await submit(browser, question, {"outcome": "fail"})
    assert str(back.url) == session["url"]
    question = await submit(browser, back, GOOD | {"number": CHALLENGING})
    ended = await submit(browser, question, {"outcome": "complete"})
    assert str(ended.url).endswith(f"/health?session={session['id']}")


async def test_unknown_stripe_pages_are_not_found(setting: Any, browser: httpx.AsyncClient) -> None:
    """Ids nobody issued show a page."""
    base = setting.wire.target
    for path in ("/c/pay/cs_test_none", "/3ds/pi_none", "/c/pay/%00", "/3ds/%00"):
        answer = await browser.get(base + path)
        assert (answer.status_code, state_of(answer)) == (404, "expired")


async def test_many_people_pay_one_link_once(setting: Any) -> None:
    """Eight forms of one link sent at once: one charge, and everybody is shown a page."""
    payment = await setting.create(payment_link=True)
    address = payment["payment_link"]["link"]

    async with contextlib.AsyncExitStack() as stack:
        visitors = [
            await stack.enter_async_context(httpx.AsyncClient(trust_env=False, follow_redirects=True)) for _ in range(8)
        ]
        forms = await asyncio.gather(*(visitor.get(address) for visitor in visitors))
        sent = await asyncio.gather(*(submit(*both, GOOD) for both in zip(visitors, forms, strict=True)))
    states = [state_of(answer) for answer in sent]
    assert set(states) <= {"paid", "processing"}
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    assert await setting.money(stored, "charge") == [500]


async def test_answered_challenge_is_not_asked_again(setting: Any, browser: httpx.AsyncClient) -> None:
    """The old way to a finished challenge leads back to the paid link."""
    payment = await setting.create(payment_link=True)
    address = payment["payment_link"]["link"]
    question = await submit(browser, await browser.get(address), GOOD | {"number": CHALLENGING})
    onward = (await setting.get(f"/payments/{payment['payment_id']}")).json()["next_action"]["redirect_to_url"]
    await submit(browser, question, {"outcome": "complete"})
    again = await browser.get(onward)
    assert (state_of(again), str(again.url)) == ("paid", address)
    assert state_of(await browser.get(str(question.url))) == "paid"


async def test_charge_of_an_earlier_attempt_does_not_move_the_payment(setting: Any, browser: httpx.AsyncClient) -> None:
    """A settled payment stays with the intent that settled it, even if an earlier attempt turns out charged too."""
    payment = await setting.create(payment_link=True)
    shown = await browser.get(payment["payment_link"]["link"])
    declined = await submit(browser, shown, GOOD | {"number": "4000000000000002"})
    await submit(browser, declined, GOOD)
    stored = (await setting.get(f"/payments/{payment['payment_id']}")).json()
    first = {
        "id": "pi_first",
        "status": "succeeded",
        "amount": 500,
        "amount_received": 500,
        "metadata": {"hyperswitch_attempt_id": f"{payment['payment_id']}_1"},
    }
    event = json.dumps({"type": "payment_intent.succeeded", "data": {"object": first}}).encode()
    at = int(setting.world.clock.now())
    headers = {"Stripe-Signature": signing.stripe_header(event, [setting.world.keys.stripe_webhook], at)}
    assert (await setting.http.post("/webhooks/stripe", content=event, headers=headers)).status_code == 200
    after = (await setting.get(f"/payments/{payment['payment_id']}", expand_attempts="true")).json()
    assert after["connector_transaction_id"] == stored["connector_transaction_id"]
    assert [attempt["status"] for attempt in after["attempts"]] == ["charged", "charged"]
