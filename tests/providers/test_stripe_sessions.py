"""A Checkout session stands for its payment: a shop knows no other id before somebody has paid."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters import payer_http
from pytest_paygate.adapters.payer import TestCard
from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import PaymentStatus
from pytest_paygate.core.secret import Secret

pytestmark = pytest.mark.asyncio(loop_scope="function")
FIVE = Money(500, "EUR")


async def session(stand) -> tuple[str, str]:
    """Open a session for five euros; its id and the page where it is paid."""
    form = {
        "mode": "payment",
        "success_url": "https://example.test/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "mug",
        "metadata[trace_id]": stand.trace_id,
        "payment_intent_data[metadata][trace_id]": stand.trace_id,
    }
    answer = await stand.merchant.post("/v1/checkout/sessions", form=form, bearer=Secret(stand.key))
    assert answer.status == 200, answer.text
    return answer.json()["id"], answer.json()["url"]


async def test_before_anybody_pays_a_session_has_an_amount_and_no_charge(stripe_stand) -> None:
    """What the provider will ask for can be read before anybody can pay it."""
    session_id, url = await session(stripe_stand)
    payment = await stripe_stand.provider.payment(session_id)
    assert (payment.payment_id, payment.status, payment.amount) == (session_id, PaymentStatus.REQUIRES_PAYMENT, FIVE)
    assert payment.page == Page(url, "payment", FIVE)
    assert list(await stripe_stand.provider.charges(session_id)) == []
    assert list(await stripe_stand.provider.refunds(session_id)) == []


async def test_a_paid_session_is_its_payment(stripe_stand) -> None:
    """Payment, charges and refunds are those of the payment intent that the session has led to."""
    session_id, url = await session(stripe_stand)
    await payer_http.pay(url, card=TestCard("4242424242424242"), timeout_seconds=30)
    payment = await stripe_stand.provider.payment(session_id)
    assert (payment.status, payment.received) == (PaymentStatus.SUCCEEDED, FIVE)
    assert payment.payment_id.startswith("pi_")
    assert payment.page == Page("", "payment", FIVE)
    [charge] = await stripe_stand.provider.charges(session_id)
    assert (charge.payment_id, charge.metadata["trace_id"]) == (payment.payment_id, stripe_stand.trace_id)
    await stripe_stand.provider.refund(
        payment.payment_id, FIVE, idempotency_key=stripe_stand.refund_key("one"), trace_id=stripe_stand.trace_id
    )
    [refund] = await stripe_stand.provider.refunds(session_id)
    assert (refund.charge_id, refund.amount) == (charge.charge_id, FIVE)


async def test_an_expired_session_says_so(stripe_stand) -> None:
    """A dead link is told as expired, not as a payment that waits."""
    session_id, _ = await session(stripe_stand)
    assert (await stripe_stand.provider.close_payment(session_id)).status is PaymentStatus.EXPIRED
    assert (await stripe_stand.provider.payment(session_id)).status is PaymentStatus.EXPIRED


@pytest.mark.parametrize("read", ["payment", "charges", "refunds"])
async def test_an_unknown_session_is_refused(stripe_stand, read: str) -> None:
    """A session that is not there is an error, never an empty list."""
    with pytest.raises(ProviderError, match="404"):
        await getattr(stripe_stand.provider, read)("cs_test_a1nobody")
