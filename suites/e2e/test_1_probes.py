"""Pre-flight by trying: what the target must refuse is refused. In dry runs only; where money is real, nothing is sent.

Whatever a probe has opened is closed again, whatever was found, and nobody is ever shown its payment page.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Money, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Facts, Poll, Provider, Run
    from suites.e2e.conftest import Buyer, Knocker, UnpaidOrders

# Two clicks, two tabs: enough that two of them meet.
AT_ONCE = 4
# How long an order is watched after what might complete it: a handler may do its work a little later.
WATCH_SECONDS = 1.5
EVENT_SECONDS = 0.4
NOT_SENT = "none: money is real here"
NO_BUYER = "none: see row login"
NOT_REACHED = "none: no services.webhooks"
WISHED_MINOR = 1
WISHES = dict.fromkeys(("price_minor", "total_minor", "amount"), WISHED_MINOR)


@pytest.mark.preflight
@pytest.mark.row("order_refusals")
async def test_order_refusals(buyer: Buyer, run: Run, facts: Facts, trace_id: str) -> None:
    """An order of an unknown product is refused, of a stranger all the more, and so is a wrong password."""
    if why_not := await not_probed(buyer, run):
        facts["order_refusals"] = why_not
        return
    unknown = {"product_id": f"prod_unknown_{secrets.token_hex(6)}"}
    stranger = await buyer.probe_order(unknown, key=f"{trace_id}-stranger", stranger=True)
    known = await buyer.probe_order(unknown, key=f"{trace_id}-unknown")
    facts["order_refusals"] = f"{stranger.status} and {known.status}"
    wrong = await buyer.probe_login()
    run.verify(checks.orders.stranger_refused, stranger.status)
    run.verify(checks.orders.unknown_product_refused, known.status)
    run.verify(checks.access.wrong_password_refused, wrong.status)


@pytest.mark.preflight
@pytest.mark.row("order_probes")
async def test_order_probes(
    buyer: Buyer,
    run: Run,
    facts: Facts,
    provider: Callable[[str], Provider],
    poll: Poll,
    unpaid: UnpaidOrders,
    trace_id: str,
) -> None:
    """An order that nobody pays: at the catalogue's price, once a key, not refundable, worth nothing, and closed."""
    if why_not := await not_probed(buyer, run):
        facts["order_probes"] = why_not
        return
    product_id, key = run.value("product_id"), f"{trace_id}-probe"
    body: dict[str, object] = {"product_id": product_id, **WISHES}
    async with unpaid:
        first = await unpaid.make(body, key=key)
        if not 200 <= first.status < 300:
            # A target may refuse whoever names a price; then it has made nothing under this key.
            body, key = {"product_id": product_id}, f"{key}-plain"
            first = await unpaid.make(body, key=key)
        order_id, payment_id = unpaid.ids_of(first)
        opened = await unpaid.payments()
        again = await unpaid.make(body, key=key)
        opened_again = await unpaid.payments()
        other = await unpaid.make({"product_id": await another(buyer, product_id)}, key=key)
        refund = await buyer.probe_refund(order_id)
        strangers_refund = await buyer.probe_refund(order_id, stranger=True)
        await unpaid.close(payment_id)
        facts["order_probes"] = f"replayed, {other.status}, {refund.status}, closed"
        await buyer.stays_unpaid(order_id, poll, seconds=WATCH_SECONDS, after="its payment was closed")
        late = await unpaid.make(body, key=key)
        # A target may allow one open order: these come when the first has ended.
        at_once = await unpaid.make_at_once({"product_id": product_id}, key=f"{trace_id}-at-once", times=AT_ONCE)
    total = Money(pick(first.data, "total_minor", int), run.expected_money("price").currency)
    run.verify(checks.orders.buyers_price_ignored, total, WISHED_MINOR)
    run.verify(checks.orders.replay_is_same, (order_id, payment_id), unpaid.ids_of(again))
    run.verify(checks.orders.replay_opens_nothing, opened, opened_again)
    run.verify(checks.orders.key_conflict_refused, other.status)
    run.verify(checks.orders.one_order_at_once, [unpaid.ids_of(one) for one in at_once if one.status < 300])
    run.verify(checks.refunds.pending_refund_refused, refund.status)
    run.verify(checks.access.refund_needs_token, strangers_refund.status)
    if 200 <= late.status < 300:
        run.verify(checks.orders.replay_is_same, (order_id, payment_id), unpaid.ids_of(late))
    run.verify(checks.charges.link_is_dead, await provider("hyperswitch").payment(payment_id))


@pytest.mark.preflight
@pytest.mark.row("webhooks")
async def test_webhooks(
    buyer: Buyer, run: Run, facts: Facts, knocker: Knocker, poll: Poll, unpaid: UnpaidOrders, trace_id: str
) -> None:
    """The webhook handler takes its provider's events and nobody else's, and completes no order that was not paid."""
    if not knocker.may_knock:
        facts["webhook_probes"] = NOT_REACHED if run.may_probe else NOT_SENT
        return
    price = run.expected_money("price")
    event, other = (knocker.paid_event(f"pay_{secrets.token_hex(13)}", price) for _ in range(2))
    unsigned = await knocker.send(event, signature=None)
    forged = await knocker.send(event, signature=secrets.token_hex(64))
    empty = await knocker.send(event, signature=knocker.signature(event, key=""))
    facts["webhook_probes"] = f"{unsigned.status} and {forged.status}"
    run.verify(checks.webhooks.unsigned_refused, unsigned.status)
    run.verify(checks.webhooks.forged_refused, forged.status)
    run.verify(checks.webhooks.forged_refused, empty.status, "the signature of an empty key")
    if not knocker.can_sign:
        return
    signed = await knocker.deliver(event)
    run.check("whether the right signature is taken", observed=200 <= signed < 300, expected=True)
    borrowed = await knocker.send(other, signature=knocker.signature(event))
    run.verify(checks.webhooks.forged_refused, borrowed.status, "the signature of another webhook")
    if await not_probed(buyer, run):
        return
    async with unpaid:
        facts["orders_left_unpaid"] = await nothing_completes(buyer, run, knocker, poll, unpaid, trace_id)


async def nothing_completes(
    buyer: Buyer, run: Run, knocker: Knocker, poll: Poll, unpaid: UnpaidOrders, trace_id: str
) -> int:
    """Rightly signed events that no order may complete by: of a payment under way, of a cent, in another currency.

    Each of an order of its own; a target may refuse to make so many. How many it made.
    """
    price, body = run.expected_money("price"), {"product_id": run.value("product_id")}
    elsewhere = Money(price.minor, "USD" if price.currency != "USD" else "EUR")
    told = {
        "a signed payment_processing": (price, "processing"),
        f"a signed payment_succeeded of {Money(1, price.currency)}": (Money(1, price.currency), "succeeded"),
        f"a signed payment_succeeded of {elsewhere}": (elsewhere, "succeeded"),
    }
    count = 0
    for said, (amount, status) in told.items():
        made = await unpaid.make(body, key=f"{trace_id}-event-{secrets.token_hex(4)}")
        if not 200 <= made.status < 300:
            continue
        count += 1
        order_id, payment_id = unpaid.ids_of(made)
        await knocker.deliver(knocker.paid_event(payment_id, amount, status=status))
        await buyer.stays_unpaid(order_id, poll, seconds=EVENT_SECONDS, after=said)
        await unpaid.close(payment_id)
    return count


async def not_probed(buyer: Buyer, run: Run) -> str:
    """Why no order may be probed, empty where one may."""
    if not run.may_probe:
        return NOT_SENT
    return "" if await buyer.can_log_in() else NO_BUYER


async def another(buyer: Buyer, product_id: str) -> str:
    """A product of the catalogue besides one; where there is none, one that does not exist."""
    listed = pick((await buyer.get("/marketplace/products")).data, "", list)
    ids = [str(one.get("id")) for one in listed if isinstance(one, dict)]
    return next((one for one in ids if one != product_id), f"{product_id}_and_more")
