"""Orphans: every charge of ours that nobody gave back is found in the ledger alone, and nobody else's is touched."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import PaymentStatus
from pytest_paygate.exposure import orphans
from pytest_paygate.sandbox.server import Sandbox
from tests.providers.conftest import build_stand

pytestmark = pytest.mark.asyncio(loop_scope="function")
SINCE = timedelta(hours=72)


@pytest.mark.parametrize("stand", ["stripe"], indirect=True)
async def test_all_of_ours_and_none_of_theirs(stand):
    """Of 120 charges, some ours, some refunded, some in part: exactly what is outstanding of ours is found and returned."""
    ours, partly, done, foreign = [], [], [], []
    for number in range(120):
        trace_id = f"E2E-1795262400-{number:08x}" if number % 3 else f"order-{number}"
        payment = await stand.paid(trace_id=trace_id)
        if not number % 3:
            foreign.append(payment)
        elif number % 4 == 0:
            done.append(payment)
            await stand.provider.refund(
                payment, Money(500, "EUR"), idempotency_key=stand.refund_key(f"all {number}"), trace_id=trace_id
            )
        elif number % 5 == 0:
            partly.append(payment)
            await stand.provider.refund(
                payment, Money(200, "EUR"), idempotency_key=stand.refund_key(f"part {number}"), trace_id=trace_id
            )
        else:
            ours.append(payment)

    found = await orphans.find(stand.provider, datetime.now(UTC) - SINCE)
    mine = {orphan.payment_id: orphan for orphan in found}
    assert {*ours, *partly} <= set(mine)
    assert not {*done, *foreign} & set(mine)
    assert {mine[payment].outstanding for payment in ours} == {Money(500, "EUR")}
    assert {mine[payment].outstanding for payment in partly} == {Money(300, "EUR")}

    for orphan in found:
        assert await orphans.give_back(stand.provider, orphan) == ""
    assert await orphans.find(stand.provider, datetime.now(UTC) - SINCE) == []
    for payment in foreign:
        assert await stand.provider.refunds(payment) == []


async def test_what_is_on_its_way_is_left_alone():
    """A pending refund is neither refunded nor asked for again."""
    # The sandbox's clock stands still, so that the refund stays pending however slow the machine is.
    with Sandbox.start(frozen_at=time.time()) as running:
        async with AsyncExitStack() as stack:
            stand = build_stand("stripe", running.description, stack)
            payment = await stand.paid(trace_id="E2E-1795262400-abcdabcd", method="pm_card_pendingRefund")
            await stand.provider.refund(
                payment, Money(500, "EUR"), idempotency_key=stand.refund_key("pending"), trace_id=stand.trace_id
            )
            (orphan,) = await orphans.find(stand.provider, datetime.now(UTC) - SINCE)
            assert (orphan.outstanding, orphan.pending) == (Money(500, "EUR"), Money(500, "EUR"))
            assert await orphans.give_back(stand.provider, orphan) == ""
            assert len(await stand.provider.refunds(payment)) == 1


@pytest.mark.parametrize("stand", ["stripe", "hyperswitch"], indirect=True)
async def test_payments_since_shows_the_unpaid_ones_too(stand):
    """What somebody could still pay is listed by its trace, next to what was paid, and nobody else's."""
    since = datetime.now(UTC) - timedelta(minutes=5)
    opened, paid = await stand.opened(), await stand.paid()
    await stand.paid(trace_id="E2E-1795262400-00000000")
    found = {one.payment_id: one.status for one in await stand.provider.payments_since(since, trace_id=stand.trace_id)}
    assert set(found) == {opened, paid}
    assert found[paid] is PaymentStatus.SUCCEEDED
    assert found[opened] is PaymentStatus.REQUIRES_PAYMENT
    everything = await stand.provider.payments_since(since)
    assert len(everything) > len(found)


@pytest.mark.parametrize("stand", ["stripe"], indirect=True)
async def test_an_open_checkout_session_is_a_payment_that_can_be_closed(stand):
    """A session whose payment intent does not exist yet is listed, and expired like any other payment."""
    since = datetime.now(UTC) - timedelta(minutes=5)
    form = {
        "mode": "payment",
        "success_url": "https://example.test/",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "a thing",
        "metadata[trace_id]": stand.trace_id,
    }
    from pytest_paygate.core.secret import Secret

    answer = await stand.merchant.post("/v1/checkout/sessions", form=form, bearer=Secret(stand.key))
    assert answer.status == 200, answer.text
    (payment,) = await stand.provider.payments_since(since, trace_id=stand.trace_id)
    assert (payment.amount, payment.status) == (Money(500, "EUR"), PaymentStatus.REQUIRES_PAYMENT)
    closed = await stand.provider.close_payment(payment.payment_id)
    assert closed.status in {PaymentStatus.EXPIRED, PaymentStatus.CANCELLED}
    assert await stand.provider.payments_since(since, trace_id=stand.trace_id) in ([], [closed])
