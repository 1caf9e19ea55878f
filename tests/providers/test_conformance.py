"""What every provider must do, held against each of them on a running sandbox."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core.errors import NOTHING_MOVED, ConfigurationError, ProviderError
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Capability, Card, PaymentStatus, RefundStatus
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers import build

pytestmark = pytest.mark.asyncio(loop_scope="function")
FIVE = Money(500, "EUR")
NOTHING = Money(0, "EUR")


async def test_a_paid_payment_reads_as_paid(stand) -> None:
    """Status, amount, received amount, card, metadata and time of a paid payment come typed from the provider."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    payment = await stand.provider.payment(payment_id := await stand.paid())
    assert (payment.payment_id, payment.status) == (payment_id, PaymentStatus.SUCCEEDED)
    assert (payment.amount, payment.received) == (FIVE, FIVE)
    assert payment.card == Card("visa", "4242")
    assert (payment.processor, payment.metadata["trace_id"]) == ("stripe", stand.trace_id)
    assert before <= payment.created <= datetime.now(UTC) + timedelta(seconds=2)


async def test_an_open_payment_is_not_paid_and_has_no_charge(stand) -> None:
    """Nobody paid: nothing received, no charge, no card."""
    payment_id = await stand.opened()
    payment = await stand.provider.payment(payment_id)
    assert (payment.status, payment.received, payment.card) == (PaymentStatus.REQUIRES_PAYMENT, NOTHING, None)
    assert list(await stand.provider.charges(payment_id)) == []


async def test_a_charge_tells_what_was_taken_and_given_back(stand) -> None:
    """A payment has one charge: taken in full and kept, until a refund shows on it."""
    payment_id = await stand.paid()
    [charge] = await stand.provider.charges(payment_id)
    assert (charge.payment_id, charge.succeeded, charge.is_captured) == (payment_id, True, True)
    assert (charge.amount, charge.captured, charge.refunded) == (FIVE, FIVE, NOTHING)
    await stand.provider.refund(payment_id, FIVE, idempotency_key=stand.refund_key("c1"), trace_id=stand.trace_id)
    [charge] = await stand.provider.charges(payment_id)
    assert charge.refunded == FIVE


async def test_charges_of_a_period_are_found_by_trace(stand) -> None:
    """The list finds this trace's charges and no other's; a period that has not begun holds none."""
    mine = [await stand.paid(), await stand.paid(700)]
    other = await stand.paid(trace_id="E2E-1795262400-somebodyelse")
    since = datetime.now(UTC) - timedelta(minutes=5)
    found = await stand.provider.charges_since(since, trace_id=stand.trace_id)
    assert sorted(charge.payment_id for charge in found) == sorted(mine)
    everything = await stand.provider.charges_since(since)
    assert {*mine, other} <= {charge.payment_id for charge in everything}
    assert [charge.created for charge in everything] == sorted((c.created for c in everything), reverse=True)
    assert list(await stand.provider.charges_since(datetime.now(UTC) + timedelta(hours=1))) == []


async def test_refunds_are_listed_newest_first_and_read_again(stand) -> None:
    """Two partial refunds: each reads back as it was given, and both are listed."""
    payment_id = await stand.paid()
    first = await stand.provider.refund(
        payment_id, Money(200, "EUR"), idempotency_key=stand.refund_key("p1"), trace_id=stand.trace_id
    )
    second = await stand.provider.refund(
        payment_id, Money(300, "EUR"), idempotency_key=stand.refund_key("p2"), trace_id=stand.trace_id
    )
    assert {first.status, second.status} <= {RefundStatus.SUCCEEDED, RefundStatus.PENDING}
    again = await stand.provider.read_refund(first.refund_id)
    assert (again.refund_id, again.amount, again.payment_id) == (first.refund_id, Money(200, "EUR"), payment_id)
    listed = await stand.provider.refunds(payment_id)
    assert {one.refund_id for one in listed} == {first.refund_id, second.refund_id}
    assert [one.created for one in listed] == sorted((one.created for one in listed), reverse=True)
    assert await stand.refunded_minor() == 500


async def test_one_key_never_gives_money_back_twice(stand) -> None:
    """The same key again gives the same refund or a refusal, and the money ledger has one."""
    payment_id = await stand.paid()
    key = stand.refund_key("k1")
    part = Money(200, "EUR")
    first = await stand.provider.refund(payment_id, part, idempotency_key=key, trace_id=stand.trace_id)
    outcome = await asyncio.gather(
        stand.provider.refund(payment_id, part, idempotency_key=key, trace_id=stand.trace_id), return_exceptions=True
    )
    match outcome:
        case [ProviderError() as refused]:
            assert refused.refusal.money == NOTHING_MOVED
        case [again]:
            assert again.refund_id == first.refund_id
    assert await stand.refunded_minor() == 200


async def test_more_than_was_taken_is_refused(stand) -> None:
    """A refund above the charge is refused with the provider's code and status, and nothing moves."""
    payment_id = await stand.paid()
    with pytest.raises(ProviderError) as caught:
        await stand.provider.refund(
            payment_id, Money(501, "EUR"), idempotency_key=stand.refund_key("o1"), trace_id=stand.trace_id
        )
    assert (caught.value.status, caught.value.refusal.money) == (400, NOTHING_MOVED)
    assert await stand.refunded_minor() == 0


async def test_an_unknown_id_is_refused(stand) -> None:
    """What does not exist is a refusal with the provider's status; an odd id is shown nowhere."""
    for odd in ("pi_doesnotexist000000000000", "x/../y", "<script>alert(1)</script>"):
        with pytest.raises(ProviderError) as caught:
            await stand.provider.payment(odd)
        assert caught.value.status == 404
        assert "<script>" not in str(caught.value)


async def test_a_wrong_key_is_refused_and_shown_nowhere(stand) -> None:
    """A key that is not this account's is refused with 401; no text or journal line holds it."""
    key = {"stripe": "sk_test_WrongKeyOfAnotherAccount", "hyperswitch": "snd_" + "w" * 64}[stand.name]
    with pytest.raises(ProviderError) as caught:
        await stand.other(key).payment("pi_1")
    assert caught.value.status == 401
    assert key not in str(caught.value)
    assert all(key not in event.model_dump_json() for event in stand.journal.events)


async def test_a_closed_payment_cannot_be_paid_and_a_paid_one_cannot_be_closed(stand) -> None:
    """Closing makes an open payment unpayable, is repeatable, and never undoes a paid one."""
    payment_id = await stand.opened()
    closed = await stand.provider.close_payment(payment_id)
    assert closed.status in {PaymentStatus.CANCELLED, PaymentStatus.EXPIRED}
    assert (await stand.provider.payment(payment_id)).status is closed.status
    with pytest.raises(ProviderError):
        await stand.provider.close_payment(await stand.paid())


async def test_every_exchange_is_journalled_and_the_key_never(stand) -> None:
    """Each call leaves its exchange with the provider's name, and neither the key nor a client secret."""
    payment_id = await stand.paid()
    await stand.provider.payment(payment_id)
    await stand.provider.refund(payment_id, FIVE, idempotency_key=stand.refund_key("j1"), trace_id=stand.trace_id)
    exchanges = stand.journal.of("exchange")
    assert [event.method for event in exchanges] == ["GET", "POST"]
    assert {event.party for event in exchanges} == {stand.name}
    for event in stand.journal.events:
        assert stand.key not in event.model_dump_json()
        assert "_secret_" not in event.model_dump_json()


async def test_a_provider_that_cannot_be_reached_is_refused_without_status(stand) -> None:
    """Nobody there: status 0, and a refund that never left moved nothing."""
    nowhere = stand.other(base_url="http://127.0.0.1:9")
    with pytest.raises(ProviderError) as caught:
        await nowhere.refund("pi_1", FIVE, idempotency_key=stand.refund_key("n1"), trace_id=stand.trace_id)
    assert (caught.value.status, caught.value.refusal.money) == (0, NOTHING_MOVED)


async def test_what_a_provider_lacks_is_refused_and_not_guessed(stand) -> None:
    """A missing capability is declared and its call refused; a declared one is there."""
    calls = (
        (Capability.ACCOUNT, stand.provider.account),
        (Capability.TRANSFERS, lambda: stand.provider.transfer("tr_doesnotexist")),
        (Capability.TRANSFERS, lambda: stand.provider.transfers_since(datetime.now(UTC))),
        (Capability.BALANCE_TRANSACTIONS, lambda: stand.provider.balance_transaction("txn_doesnotexist")),
    )
    for capability, call in calls:
        if capability in stand.provider.capabilities:
            continue
        with pytest.raises(ProviderError, match=f"it has no {capability}"):
            await call()
    assert {Capability.CHARGES, Capability.REFUND, Capability.LIST_BY_TRACE} <= stand.provider.capabilities


async def test_an_unknown_provider_is_refused_with_the_nearest_name() -> None:
    """A provider nobody wrote is a configuration error that names the nearest one."""
    with pytest.raises(ConfigurationError, match="Did you mean 'stripe'"):
        build("strip", Secret("x"), "", client=lambda _address: None, clock=None)
