"""Pre-flight by trying: what the target must refuse is refused. In dry runs only; where money is real, nothing is sent.

Whatever a probe made is closed again before anything is judged, and nobody is ever shown its payment page.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Money, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Answer, Facts, Provider, Run
    from suites.e2e.conftest import Buyer, Knocker

DELIVERIES_MAX = 3
NOT_SENT = "none: money is real here"
NO_BUYER = "none: see row login"
NOT_REACHED = "none: no services.webhooks"
WISHED_MINOR = 1
WISHES = dict.fromkeys(("price_minor", "total_minor", "amount"), WISHED_MINOR)


@pytest.mark.preflight
@pytest.mark.row("order_refusals")
async def test_order_refusals(buyer: Buyer, run: Run, facts: Facts, trace_id: str) -> None:
    """An order of an unknown product is refused, of a stranger all the more: neither could ever be paid."""
    if why_not := await not_probed(buyer, run):
        facts["order_refusals"] = why_not
        return
    unknown = {"product_id": f"prod_unknown_{secrets.token_hex(6)}"}
    stranger = await buyer.probe_order(unknown, key=f"{trace_id}-stranger", stranger=True)
    known = await buyer.probe_order(unknown, key=f"{trace_id}-unknown")
    facts["order_refusals"] = f"{stranger.status} and {known.status}"
    run.verify(checks.orders.stranger_refused, stranger.status)
    run.verify(checks.orders.unknown_product_refused, known.status)


@pytest.mark.preflight
@pytest.mark.row("order_probes")
async def test_order_probes(
    buyer: Buyer, run: Run, facts: Facts, provider: Callable[[str], Provider], trace_id: str
) -> None:
    """An order that nobody pays: at the catalogue's price, once a key, not refundable, and dead once it is closed."""
    if why_not := await not_probed(buyer, run):
        facts["order_probes"] = why_not
        return
    orchestrator = provider("hyperswitch")
    product_id, key = run.value("product_id"), f"{trace_id}-probe"
    body: dict[str, object] = {"product_id": product_id, **WISHES}
    made: list[Answer] = []
    try:
        first = await buyer.probe_order(body, key=key)
        if not 200 <= first.status < 300:
            # A target may refuse whoever names a price; then it has made nothing under this key.
            body, key = {"product_id": product_id}, f"{key}-plain"
            first = await buyer.probe_order(body, key=key)
        made.append(first)
        made.append(again := await buyer.probe_order(body, key=key))
        other = await buyer.probe_order({"product_id": await another(buyer, product_id)}, key=key)
        made.append(other)
        refund = await buyer.probe_refund(pick(first.data, "order_id", str))
    finally:
        payments = {payment for answer in made if (payment := payment_of(answer))}
        for payment in payments:
            await orchestrator.close_payment(payment)
    facts["order_probes"] = f"replayed, {other.status}, {refund.status}, closed"
    total = Money(pick(first.data, "total_minor", int), run.expected_money("price").currency)
    run.verify(checks.orders.buyers_price_ignored, total, WISHED_MINOR)
    run.verify(checks.orders.replay_is_same, ids_of(first), ids_of(again))
    run.verify(checks.orders.key_conflict_refused, other.status)
    run.verify(checks.refunds.pending_refund_refused, refund.status)
    run.verify(checks.charges.link_is_dead, await orchestrator.payment(payment_of(first)))


@pytest.mark.preflight
@pytest.mark.row("webhooks")
async def test_webhooks(run: Run, facts: Facts, knocker: Knocker) -> None:
    """The webhook handler takes an event of a payment that nobody knows with the right signature, and with no other."""
    if not knocker.may_knock:
        facts["webhook_probes"] = NOT_REACHED if run.may_probe else NOT_SENT
        return
    event = knocker.paid_event(f"pay_{secrets.token_hex(13)}", run.expected_money("price"))
    unsigned = await knocker.send(event, signature=None)
    forged = await knocker.send(event, signature=secrets.token_hex(64))
    facts["webhook_probes"] = f"{unsigned.status} and {forged.status}"
    run.verify(checks.webhooks.unsigned_refused, unsigned.status)
    run.verify(checks.webhooks.forged_refused, forged.status)
    if knocker.can_sign:
        signed = await delivered(knocker, event)
        run.check("whether the right signature is taken", observed=200 <= signed < 300, expected=True)


async def delivered(knocker: Knocker, event: bytes) -> int:
    """Deliver an event as its provider would: again, when the handler could not take it. The last status."""
    for _ in range(DELIVERIES_MAX):
        (answer,) = await knocker.send_signed(event)
        if answer.status < 500:
            break
    return answer.status


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


def payment_of(answer: Answer) -> str:
    """The payment of an order that was made; empty where none was."""
    if not 200 <= answer.status < 300:
        return ""
    return pick(answer.data, "hyperswitch_payment_id", str)


def ids_of(answer: Answer) -> tuple[str, str]:
    """An order's id and its payment's."""
    return pick(answer.data, "order_id", str), payment_of(answer)
