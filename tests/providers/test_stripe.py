"""Stripe in particular: modes, ledger, repeated reads, pages, refunds that settle late, a quiet SDK."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http import Api
from pytest_paygate.adapters.polling import Poll
from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import PaymentStatus, RefundStatus
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers import failures, stripe_mapping
from pytest_paygate.providers.document import OddFieldError
from pytest_paygate.providers.stripe import API_VERSION, StripeProvider
from pytest_paygate.sandbox.server import Sandbox
from tests.providers.conftest import build_stand
from tests.unit.adapters.wire import Journal, ManualClock, answer, serve

pytestmark = pytest.mark.asyncio(loop_scope="function")
FIVE = Money(500, "EUR")


async def test_the_account_tells_its_id_and_its_mode(stripe_stand) -> None:
    """The account is the key's own, and its mode is read off an object that carries it."""
    account = await stripe_stand.provider.account()
    assert account.account_id == stripe_stand.world.stripe_account_id
    assert (account.livemode, account.default_currency) == (False, "EUR")
    assert (account.takes_charges, account.overdrawn_in) == (True, ())


async def test_mode_comes_from_payment_and_charge(stripe_stand) -> None:
    """A test payment says so itself, and so does its charge."""
    payment = await stripe_stand.provider.payment(payment_id := await stripe_stand.paid())
    [charge] = await stripe_stand.provider.charges(payment_id)
    assert (payment.livemode, charge.livemode) == (False, False)
    assert (payment.charge_id, charge.card) == (charge.charge_id, payment.card)
    assert (payment.page, payment.besides, charge.disputed, charge.besides) == (None, (), False, ())


@pytest.mark.parametrize(
    ("changes", "besides"),
    [
        ({"transfer_data": {"destination": "acct_2"}}, ("money for another account",)),
        ({"on_behalf_of": "acct_2"}, ("a sale on behalf of another account",)),
        ({"application_fee_amount": 10}, ("an application fee",)),
        ({"application_fee_amount": 0, "transfer_data": None, "on_behalf_of": None}, ()),
        ({"setup_future_usage": "off_session"}, ("a card kept for later",)),
    ],
    ids=["destination", "on behalf", "fee", "none", "kept"],
)
async def test_what_happens_besides_is_named(changes, besides) -> None:
    """Whoever else gets of the money, and a card that is kept, in plain words; absent and null are nothing."""
    assert stripe_mapping.payment(intent(**changes)).besides == besides


async def test_an_overdrawn_balance_says_in_which_currency() -> None:
    """Below zero only: an empty balance is a paid-out one."""
    funds = [{"amount": minor, "currency": code} for minor, code in ((-1, "usd"), (0, "eur"), (5, "gbp"))]
    assert stripe_mapping.overdrawn_in(stripe_mapping.document({"available": funds})) == ("USD",)


async def test_a_rehearsal_reads_as_live() -> None:
    """In a world that calls itself live every object says so."""
    with Sandbox.start(environment="live") as running:
        async with AsyncExitStack() as stack:
            stand = build_stand("stripe", running.description, stack)
            assert (await stand.provider.account()).livemode is True
            assert (await stand.provider.payment(await stand.opened())).livemode is True


async def test_the_ledger_keeps_the_fee_of_a_refund(stripe_stand) -> None:
    """Net is amount less fee; the refund's own line is negative and returns no fee."""
    payment_id = await stripe_stand.paid()
    [charge] = await stripe_stand.provider.charges(payment_id)
    taken = await stripe_stand.provider.balance_transaction(charge.balance_transaction_id)
    assert (taken.amount, taken.net) == (FIVE, FIVE - taken.fee)
    assert taken.fee > Money(0, "EUR")
    refund = await stripe_stand.provider.refund(
        payment_id, FIVE, idempotency_key="r-" + payment_id, trace_id=stripe_stand.trace_id
    )
    given = await stripe_stand.provider.balance_transaction(refund.balance_transaction_id)
    assert (given.amount, given.fee) == (-FIVE, Money(0, "EUR"))


@pytest.mark.parametrize(
    ("method", "first", "last"),
    [
        ("pm_card_pendingRefund", RefundStatus.PENDING, RefundStatus.SUCCEEDED),
        ("pm_card_refundFail", RefundStatus.SUCCEEDED, RefundStatus.FAILED),
    ],
)
async def test_a_refund_is_followed_to_its_end(stripe_stand, method, first, last) -> None:
    """Pending is not refunded, and a refund that succeeded can still fail: both are read as they stand."""
    payment_id = await stripe_stand.paid(method=method)
    refund = await stripe_stand.provider.refund(
        payment_id, FIVE, idempotency_key="r-" + payment_id, trace_id=stripe_stand.trace_id
    )
    assert refund.status is first
    got = await Poll(recorder=Journal(), clock=SystemClock()).until(
        "refund",
        lambda: stripe_stand.provider.read_refund(refund.refund_id),
        value=lambda read: read.status.value,
        goal={last.value},
        deadline_seconds=10,
    )
    assert got.reached


async def test_a_transfer_is_read(stripe_stand) -> None:
    """A transfer tells its amount, destination and what came back."""
    payment_id = await stripe_stand.paid()
    [charge] = await stripe_stand.provider.charges(payment_id)
    made = await stripe_stand.merchant.post(
        "/v1/transfers",
        form={
            "amount": "450",
            "currency": "eur",
            "destination": stripe_stand.world.seller_account_id,
            "source_transaction": charge.charge_id,
        },
        bearer=Secret(stripe_stand.key),
    )
    assert made.status == 200
    transfer = await stripe_stand.provider.transfer(made.json()["id"])
    assert (transfer.amount, transfer.reversed_amount) == (Money(450, "EUR"), Money(0, "EUR"))
    assert transfer.destination == stripe_stand.world.seller_account_id
    assert (transfer.source_charge_id, transfer.livemode) == (charge.charge_id, False)
    assert transfer.group == f"group_{charge.payment_id}"
    assert list(await stripe_stand.provider.transfers_since(transfer.created)) == [transfer]
    assert list(await stripe_stand.provider.transfers_since(transfer.created + timedelta(hours=1))) == []


@pytest.fixture
def wired():
    """A provider on a raw server, to be entered with what the server says."""

    class Wired:
        def __init__(self, talk, **settings: object) -> None:
            self.talk, self.settings, self.stack = talk, settings, AsyncExitStack()

        async def __aenter__(self):
            wire = await self.stack.enter_async_context(serve(self.talk))
            journal, clock = Journal(), ManualClock()
            http = Api(
                wire.base_url,
                party="stripe",
                recorder=journal,
                clock=clock,
                trace_id="E2E-1795262400-abc123",
                first_party=False,
                deadline_seconds=2.0,
            )
            provider = StripeProvider(Secret("sk_test_abcdefgh"), http=http, clock=clock, **self.settings)
            self.stack.push_async_callback(provider.aclose)
            return provider, wire, journal

        async def __aexit__(self, *_: object) -> None:
            await self.stack.aclose()

    return Wired


def intent(**changes: object) -> dict[str, object]:
    """A payment intent with the fields the mapping reads."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 500,
        "amount_received": 500,
        "currency": "eur",
        "created": 1795262400,
        "livemode": True,
        "latest_charge": None,
        "metadata": {},
    } | changes


async def test_reads_are_repeated_twice_and_each_attempt_is_journalled(wired) -> None:
    """A read that meets a 503 and a dropped connection goes on to its answer; the journal counts the attempts."""
    seen = []

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        seen.append(1)
        if len(seen) == 1:
            writer.write(answer(b'{"error":{"type":"api_error"}}', status="503 Down"))
        elif len(seen) == 2:
            writer.close()
        else:
            writer.write(answer(json.dumps(intent()).encode()))

    async with wired(talk) as (provider, wire, journal):
        assert (await provider.payment("pi_1")).status is PaymentStatus.SUCCEEDED
    assert [(event.attempt, event.status) for event in journal.of("exchange")] == [(1, 503), (2, 0), (3, 200)]
    assert all(f"Stripe-Version: {API_VERSION}".lower().encode() in request.lower() for request in wire.requests)


@pytest.mark.parametrize("session_status", ["open", "complete", None])
async def test_an_open_checkout_session_is_expired_and_a_bare_intent_cancelled(wired, session_status) -> None:
    """Behind an open Checkout session the session is expired, which ends its intent; otherwise the intent is cancelled."""
    posted = []

    async def talk(_reader: object, writer: asyncio.StreamWriter, request: bytes) -> None:
        method, path = request.split(b" ")[0], request.split(b" ")[1].decode().split("?")[0]
        if method == b"POST":
            posted.append(path)
        if path == "/v1/checkout/sessions":
            session = {"id": "cs_1", "object": "checkout.session", "status": session_status}
            data = [session] if session_status else []
            document = {"object": "list", "url": path, "has_more": False, "data": data}
        elif path == "/v1/checkout/sessions/cs_1/expire":
            document = {"id": "cs_1", "object": "checkout.session", "status": "expired"}
        else:
            document = intent(status="canceled" if posted else "requires_payment_method")
        writer.write(answer(json.dumps(document).encode()))

    async with wired(talk) as (provider, _wire, _journal):
        closed = await provider.close_payment("pi_1")
        posts = list(posted)
        await provider.close_payment("pi_1")
    assert closed.status is PaymentStatus.CANCELLED
    assert posts == (
        ["/v1/checkout/sessions/cs_1/expire"] if session_status == "open" else ["/v1/payment_intents/pi_1/cancel"]
    )
    assert posted == posts


@pytest.mark.parametrize("failure", ["503", "409", "drop", "silence"])
async def test_a_refund_is_sent_once_whatever_happens(wired, failure) -> None:
    """A call that moves money is never repeated, and its outcome is called unknown."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _request: bytes) -> None:
        if failure == "drop":
            writer.close()
        elif failure == "silence":
            await reader.read()
        else:
            headers = "Content-Type: application/json\r\nStripe-Should-Retry: true"
            writer.write(answer(b'{"error":{"type":"api_error"}}', status=f"{failure} No", headers=headers))

    async with wired(talk) as (provider, wire, journal):
        with pytest.raises(ProviderError) as caught:
            await provider.refund("pi_1", FIVE, idempotency_key="k", trace_id="E2E-1795262400-abc123")
    assert caught.value.refusal.money.startswith("Unknown:")
    assert len(wire.requests) == len(journal.of("exchange")) == 1
    assert b"idempotency-key: k\r\n" in wire.requests[0].lower()
    assert b"reason=requested_by_customer" in wire.requests[0]


async def test_a_list_is_read_to_its_last_page(wired) -> None:
    """Pages are followed by cursor until there is no more, each a journalled exchange."""

    def charge(number: int) -> dict[str, object]:
        return {
            "id": f"ch_{number}",
            "object": "charge",
            "payment_intent": "pi_1",
            "amount": 500,
            "amount_captured": 500,
            "amount_refunded": 0,
            "currency": "eur",
            "status": "succeeded",
            "captured": True,
            "created": 1795262400 - number,
            "livemode": True,
            "metadata": {"trace_id": "T" if number % 2 else "U"},
        }

    async def talk(_reader: object, writer: asyncio.StreamWriter, request: bytes) -> None:
        start = 100 if b"starting_after=ch_99" in request else 0
        data = [charge(number) for number in range(start, start + (30 if start else 100))]
        page = {"object": "list", "url": "/v1/charges", "has_more": not start, "data": data}
        writer.write(answer(json.dumps(page).encode()))

    async with wired(talk) as (provider, wire, journal):
        found = await provider.charges_since(datetime(2026, 11, 1, tzinfo=UTC), trace_id="T")
    assert [charge.charge_id for charge in found] == [f"ch_{number}" for number in range(1, 130, 2)]
    assert len(wire.requests) == len(journal.of("exchange")) == 2
    assert b"created[gte]=1793491200" in wire.requests[0].replace(b"%5B", b"[").replace(b"%5D", b"]")


async def test_one_deadline_covers_pages_and_repeated_reads(wired) -> None:
    """A provider that is always slow cannot hold a call longer than its deadline."""

    async def talk(reader: asyncio.StreamReader, _writer: object, _request: bytes) -> None:
        await reader.read()

    async with wired(talk, call_deadline_seconds=0.1) as (provider, _wire, journal):
        with pytest.raises(ProviderError, match="it took too long to read payment pi_1"):
            await provider.payment("pi_1")
    assert [event.failure for event in journal.of("exchange")] == ["cancelled"]


@pytest.mark.parametrize("body", [b"<html>sk_live_abcdefghijk</html>", b'{"id":"pi_1"}', b"[]", b"null", b""])
async def test_an_answer_that_is_not_as_documented_is_refused(wired, body) -> None:
    """HTML, missing fields and other shapes are refusals; nothing of the body stands in them."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(answer(body))

    async with wired(talk) as (provider, _wire, _journal):
        with pytest.raises(ProviderError) as caught:
            await provider.payment("pi_1")
    assert "sk_live" not in str(caught.value)


@pytest.mark.parametrize("status", ["", "done", "SUCCEEDED", "requires_review"])
async def test_an_unknown_status_is_unknown(status) -> None:
    """A word Stripe adds tomorrow is never taken for a success."""
    if status:
        assert stripe_mapping.payment(intent(status=status)).status is PaymentStatus.UNKNOWN
    refund = {"object": "refund", "id": "re_1", "amount": 5, "currency": "eur", "created": 1, "status": status}
    assert stripe_mapping.refund(refund).status is RefundStatus.UNKNOWN


async def test_why_a_refund_was_made_is_told_where_it_is_known() -> None:
    """Stripe's own word; null and absent are none."""
    refund = {"object": "refund", "id": "re_1", "amount": 5, "currency": "eur", "created": 1}
    told = ({"reason": "fraudulent"}, {"reason": None}, {})
    assert [stripe_mapping.refund({**refund, **one}).reason for one in told] == ["fraudulent", "", ""]


async def test_where_a_refund_goes_is_told_where_it_is_known() -> None:
    """The kind of its destination; empty where Stripe does not say."""
    refund = {"object": "refund", "id": "re_1", "amount": 5, "currency": "eur", "created": 1}
    told = ({"destination_details": {"type": "card"}}, {"destination_details": None}, {"destination_details": {}}, {})
    assert [stripe_mapping.refund({**refund, **one}).goes_to for one in told] == ["card", "", "", ""]


CHARGE = {
    "object": "charge",
    "id": "ch_1",
    "amount": 5,
    "amount_captured": 5,
    "amount_refunded": 0,
    "currency": "eur",
    "status": "succeeded",
    "captured": True,
    "created": 1,
    "livemode": False,
}


async def test_a_disputed_charge_says_so() -> None:
    """What is absent or null is no dispute; a word in its place is no answer."""
    told = ({"disputed": True}, {"disputed": False}, {"disputed": None}, {})
    assert [stripe_mapping.charge({**CHARGE, **one}).disputed for one in told] == [True, False, False, False]
    with pytest.raises(OddFieldError):
        stripe_mapping.charge({**CHARGE, "disputed": "no"})


@pytest.mark.parametrize(
    ("changes", "besides"),
    [
        ({"transfer_data": {"destination": "acct_2", "amount": None}}, ("money for another account",)),
        ({"on_behalf_of": {"object": "account", "id": "acct_2"}}, ()),
        ({"application_fee_amount": 1}, ("an application fee",)),
        ({"application_fee_amount": None, "transfer_data": None, "on_behalf_of": None}, ()),
        ({}, ()),
    ],
    ids=["destination", "on behalf", "fee", "none", "absent"],
)
async def test_a_charge_tells_who_else_gets_of_it(changes, besides) -> None:
    """The charge carries it itself, whatever the payment said before; for whom it is sold passes no money on."""
    assert stripe_mapping.charge({**CHARGE, **changes}).besides == besides


async def test_amounts_follow_stripes_own_count() -> None:
    """ISK and UGX come times a hundred, MGA without decimals; a fraction that cannot be is refused, not rounded."""
    read = stripe_mapping.payment
    assert read(intent(currency="isk", amount=50000, amount_received=0)).amount == Money(500, "ISK")
    assert read(intent(currency="mga", amount=5, amount_received=0)).amount == Money(500, "MGA")
    for changes in ({"currency": "isk", "amount": 50001}, {"amount": "500"}, {"amount": 5.0}, {"currency": "zzz"}):
        with pytest.raises(OddFieldError):
            read(intent(**changes))


async def test_the_sdk_writes_no_file_and_sends_no_telemetry(wired, monkeypatch, tmp_path) -> None:
    """No telemetry header leaves, and nothing is written into the user's configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(
            answer(json.dumps(intent()).encode(), headers="Request-Id: req_1\r\nContent-Type: application/json")
        )

    async with wired(talk) as (provider, wire, journal):
        await provider.payment("pi_1")
        await provider.payment("pi_1")
    assert all(b"telemetry" not in request.lower() for request in wire.requests)
    assert [event.request_id for event in journal.of("exchange")] == ["req_1", "req_1"]
    assert list(tmp_path.iterdir()) == []


async def test_a_conflict_of_a_refund_leaves_the_outcome_unknown() -> None:
    """A 409 says the same call is under way: it is not a definite no, a 400 is."""
    given = {"action": "refund payment pi_1", "code": "", "request_id": "", "moves_money": True}
    assert failures.refused("stripe", status=409, **given).refusal.money == failures.UNKNOWN
    assert failures.refused("stripe", status=400, **given).refusal.money == "No money moved."
