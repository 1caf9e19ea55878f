"""Checkout sessions: created, paid by a payer, challenged, expired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from pytest_paygate.sandbox.stripe import currencies, hosted, timers, wakeup
from pytest_paygate.sandbox.stripe.errors import StripeError
from pytest_paygate.sandbox.stripe.hosted import Card
from pytest_paygate.sandbox.stripe.ledger import ledger

if TYPE_CHECKING:
    from tests.sandbox.stripe.conftest import Emulator

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The official SDK hands its form to httpx the old way; that is not ours to mend.
    pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning"),
]
SUCCESS = "http://127.0.0.1/thanks?session={CHECKOUT_SESSION_ID}"
LINE = {"price_data": {"currency": "eur", "unit_amount": 250, "product_data": {"name": "Licence"}}, "quantity": 2}


def _card(number: str) -> Card:
    return Card(number, 12, 2034, "123")


async def _session(emulator: Emulator, **more: Any) -> stripe.checkout.Session:
    params = {"mode": "payment", "line_items": [LINE], "success_url": SUCCESS} | more
    return await emulator.test.v1.checkout.sessions.create_async(params)  # type: ignore[arg-type]


async def _charged(emulator: Emulator, intent: str | None) -> list[int]:
    rows = await ledger(emulator.world)
    return [row["amount_minor"] for row in rows if row["kind"] == "charge" and row["payment_intent"] == intent]


async def test_a_session_is_paid_once_by_its_payer(emulator: Emulator) -> None:
    """Open with url and amounts; paying completes it, charges once, carries metadata, and paying again changes nothing."""
    session = await _session(
        emulator,
        client_reference_id="o-9",
        customer_email="b@sandbox.invalid",
        metadata={"order_id": "o-9"},
        payment_intent_data={"metadata": {"trace_id": "T-9"}},
        cancel_url="http://127.0.0.1/no",
        expand=["line_items"],
    )
    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 500)
    assert session.url == f"{emulator.url}/c/pay/{session.id}"
    assert (session.line_items.data[0].description, session.line_items.data[0].quantity) == ("Licence", 2)
    shown = await hosted.describe_session(emulator.world, session.id)
    assert (shown.amount_minor, shown.currency, shown.description, shown.status) == (500, "eur", "2 x Licence", "open")
    outcomes = [await hosted.pay_session(emulator.world, session.id, _card("4242424242424242")) for _ in range(2)]
    thanks = SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)
    assert [(one.status, one.return_url) for one in outcomes] == [("paid", thanks)] * 2
    done = await emulator.test.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.customer_details.email == "b@sandbox.invalid"
    assert (done.payment_intent.status, done.payment_intent.metadata.to_dict()) == ("succeeded", {"trace_id": "T-9"})
    assert await _charged(emulator, done.payment_intent.id) == [500]
    assert await emulator.event_types(about=session.id) == ["checkout.session.completed"]
    found = await emulator.test.v1.checkout.sessions.list_async({"payment_intent": done.payment_intent.id})
    assert [one.id for one in found.data] == [session.id]


async def test_a_declined_payer_may_try_again(emulator: Emulator) -> None:
    """Declined and mistyped cards leave the session open; the next card pays the same payment intent."""
    session = await _session(emulator)
    for number, text in (
        ("4000000000009995", "Your card has insufficient funds."),
        ("4242424242424241", "Your card number is incorrect."),
    ):
        outcome = await hosted.pay_session(emulator.world, session.id, _card(number))
        assert (outcome.status, outcome.message) == ("declined", text)
    assert (await hosted.describe_session(emulator.world, session.id)).status == "open"
    assert (await hosted.pay_session(emulator.world, session.id, _card("4242424242424242"))).status == "paid"
    done = await emulator.test.v1.checkout.sessions.retrieve_async(session.id)
    charges = await emulator.test.v1.charges.list_async({"payment_intent": str(done.payment_intent)})
    assert [charge.status for charge in charges.data] == ["succeeded", "failed"]
    assert await _charged(emulator, str(done.payment_intent)) == [500]


@pytest.mark.parametrize("succeed", [True, False])
async def test_a_challenged_payer(emulator: Emulator, succeed: bool) -> None:
    """The challenge completes the session or sends the payer back to it."""
    session = await _session(emulator)
    outcome = await hosted.pay_session(emulator.world, session.id, _card("4000002760003184"))
    assert outcome.status == "challenge"
    intent = str(outcome.challenge_url).rsplit("/", 1)[1]
    assert outcome.challenge_url == f"{emulator.url}/3ds/{intent}"
    outcome = await hosted.authenticate(emulator.world, intent, succeed)
    now = await emulator.test.v1.checkout.sessions.retrieve_async(session.id)
    if succeed:
        assert (outcome.status, now.status, now.payment_status) == ("paid", "complete", "paid")
        assert str(outcome.return_url).endswith(session.id)
    else:
        assert (outcome.status, outcome.return_url, now.status) == ("declined", session.url, "open")


async def test_expire_by_call_and_by_time(emulator: Emulator) -> None:
    """An expired session has no url, cannot be paid or expired again, and time expires one on its own."""
    sessions = emulator.test.v1.checkout.sessions
    session = await _session(emulator)
    gone = await sessions.expire_async(session.id)
    assert (gone.status, gone.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        await sessions.expire_async(session.id)
    outcome = await hosted.pay_session(emulator.world, session.id, _card("4242424242424242"))
    assert (outcome.status, outcome.message) == ("declined", "This checkout session has expired.")
    timed = await _session(emulator, expires_at=emulator.world.clock.now_seconds() + 1800)
    emulator.world.clock.advance(1801)
    wakeup.wake(emulator.world)
    await timers.run_due(emulator.world)
    assert (await sessions.retrieve_async(timed.id)).status == "expired"
    assert await emulator.event_types(about=timed.id) == ["checkout.session.expired"]


async def test_lines_by_price_are_listed_page_by_page(emulator: Emulator) -> None:
    """Lines name catalogue prices, add up, and can be listed with cursors and expanded."""
    product = await emulator.test.v1.products.create_async({"name": "Credits"})
    price = await emulator.test.v1.prices.create_async({"currency": "eur", "unit_amount": 999, "product": product.id})
    lines = [{"price": price.id, "quantity": 1}, LINE]
    session = await _session(emulator, line_items=lines)
    assert session.amount_total == 999 + 500
    listing = emulator.test.v1.checkout.sessions.line_items.list_async
    first = await listing(session.id, {"limit": 1, "expand": ["data.price.product"]})
    assert (first.data[0].price.product.name, first.data[0].amount_total, first.has_more) == ("Credits", 999, True)
    second = await listing(session.id, {"starting_after": first.data[0].id})
    assert ([one.description for one in second.data], second.has_more) == (["Licence"], False)
    back = await listing(session.id, {"ending_before": second.data[0].id})
    assert [one.id for one in back.data] == [first.data[0].id]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"line_items": ""}, "parameter_invalid_empty", "line_items"),
        ({"line_items": [{"quantity": 1}]}, None, "line_items[0]"),
        ({"line_items": [{"price": "price_none"}]}, "resource_missing", "line_items[0][price]"),
        ({"mode": "subscription"}, None, "mode"),
        ({"expires_at": 5}, None, "expires_at"),
        ({"success_url": "javascript:alert(1)"}, "url_invalid", "success_url"),
        ({"cancel_url": "http://["}, "url_invalid", "cancel_url"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"discounts": [{"coupon": "x"}]}, "parameter_unknown", "discounts"),
    ],
)
async def test_wrong_sessions(emulator: Emulator, change: dict[str, Any], code: str | None, param: str) -> None:
    """What a session cannot be made of is refused by name."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _session(emulator, **change)
    assert (refused.value.code, refused.value.param) == (code, param)


async def test_a_session_below_the_minimum(emulator: Emulator) -> None:
    """A total below the settlement minimum has Checkout's own text."""
    line = {"price_data": {"currency": "eur", "unit_amount": 49, "product_data": {"name": "x"}}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _session(emulator, line_items=[line])
    assert refused.value.code == "amount_too_small"
    assert refused.value.user_message == ("The Checkout Session's total amount due must add up to at least €0.50 eur")


async def test_pages_of_nothing(emulator: Emulator) -> None:
    """An address that names nothing is told so, hostile ones too."""
    for name in ("cs_none", "", "a\x00b", "' OR 1=1 --"):
        with pytest.raises(hosted.NoSuchPageError):
            await hosted.describe_session(emulator.world, name)
        with pytest.raises(hosted.NoSuchPageError):
            await hosted.authenticate(emulator.world, name, succeed=True)


async def _early(emulator: Emulator) -> dict[str, Any]:
    """A session made under the version that hands out its payment intent at once."""
    form = {
        "mode": "payment",
        "success_url": "https://shop.example/done",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "100",
        "line_items[0][price_data][product_data][name]": "50 credits",
        "payment_intent_data[metadata][trace_id]": "TRACE-1",
    }
    answer = await emulator.http.post("/v1/checkout/sessions", data=form, headers={"Stripe-Version": "2020-08-27"})
    assert (answer.status_code, answer.headers["stripe-version"]) == (200, "2020-08-27"), answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_older_version_has_the_intent_at_once(emulator: Emulator) -> None:
    """Under 2020-08-27 a session has its payment intent from the start, and paying the session pays that intent."""
    made = await _early(emulator)
    intent = await emulator.test.v1.payment_intents.retrieve_async(made["payment_intent"])
    assert (intent.status, intent.amount, intent.metadata["trace_id"]) == ("requires_payment_method", 100, "TRACE-1")
    assert (await hosted.pay_session(emulator.world, made["id"], _card("4242424242424242"))).status == "paid"
    assert (await emulator.test.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_an_open_session_keeps_its_intent_until_it_expires(emulator: Emulator) -> None:
    """The intent of an open session cannot be cancelled under it; expiring the session cancels both."""
    made = await _early(emulator)
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session instead"):
        await emulator.test.v1.payment_intents.cancel_async(made["payment_intent"])
    await emulator.test.v1.checkout.sessions.expire_async(made["id"])
    assert (await emulator.test.v1.payment_intents.retrieve_async(made["payment_intent"])).status == "canceled"


async def test_a_declined_session_names_its_intent(emulator: Emulator) -> None:
    """After a first attempt the session names its payment intent, so that whoever closes one finds the other."""
    session = await _session(emulator)
    await hosted.pay_session(emulator.world, session.id, _card("4000000000000002"))
    assert (await emulator.test.v1.checkout.sessions.retrieve_async(session.id)).payment_intent is not None


async def test_a_currency_with_a_bank_account_of_its_own_settles_unconverted(emulator: Emulator) -> None:
    """Half a dollar is too little for a balance in euros, and enough where the platform has a dollar account."""
    with pytest.raises(StripeError, match="Amount must convert to at least"):
        currencies.check_amount(50, "usd", emulator.world.settled_in("usd"))
    with_dollars = replace(emulator.world, own_currencies=("usd",))
    currencies.check_amount(50, "usd", with_dollars.settled_in("usd"))
    assert with_dollars.settled_in("chf") == "eur"
