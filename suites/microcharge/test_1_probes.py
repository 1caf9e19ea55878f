"""Pre-flight by trying: what A5 must refuse is refused. In dry runs only; where money is real, nothing is sent.

Whatever a probe has opened is closed again, whatever was found, and nobody is ever shown its payment page.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Facts, Provider, Run
    from suites.microcharge.probing import Knocker, UnpaidCheckouts

# So many times the credits for the price of one: no shop gives a discount like that.
TIMES_MORE = 10
STALE_SECONDS = 3600
NOT_SENT = "none: money is real here"
NOT_REACHED = "none: no webhook_url at A5"


@pytest.mark.preflight
@pytest.mark.row("checkout_probes")
async def test_checkout_probes(
    run: Run, facts: Facts, unpaid: UnpaidCheckouts, provider: Callable[[str], Provider], trace_id: str
) -> None:
    """Checkouts that nobody pays: at A5's own price, one for each key, and closed."""
    if not run.may_probe:
        facts["checkout_probes"] = NOT_SENT
        return
    price, bought, asked = run.expected_money("amount"), int(run.expect["credits"]), None
    async with unpaid:
        await unpaid.make(bought, price.minor, key=f"{trace_id}-probe")
        opened = await unpaid.opened()
        await unpaid.make(bought, price.minor, key=f"{trace_id}-probe")
        opened_again = await unpaid.opened()
        if cheap := await unpaid.make(TIMES_MORE * bought, price.minor, key=f"{trace_id}-price"):
            asked = (await provider("stripe").payment(cheap)).amount
    facts["checkout_probes"] = f"replayed, {asked or 'refused'}, closed"
    run.verify(checks.orders.replay_opens_nothing, opened, opened_again)
    run.verify(checks.checkouts.clients_price_ignored, asked, price)


@pytest.mark.preflight
@pytest.mark.row("webhooks")
async def test_webhooks(run: Run, facts: Facts, knocker: Knocker) -> None:
    """A5's webhook handler takes its provider's events and nobody else's, and none of long ago."""
    if not knocker.may_knock:
        facts["webhook_probes"] = NOT_REACHED if run.may_probe else NOT_SENT
        return
    event, other = knocker.paid_event(), knocker.paid_event()
    unsigned = await knocker.send(event, signature=None)
    forged = await knocker.send(event, signature=knocker.signature(event, key=secrets.token_hex(32)))
    empty = await knocker.send(event, signature=knocker.signature(event, key=""))
    facts["webhook_probes"] = f"{unsigned.status} and {forged.status}"
    run.verify(checks.webhooks.unsigned_refused, unsigned.status)
    run.verify(checks.webhooks.forged_refused, forged.status)
    run.verify(checks.webhooks.forged_refused, empty.status, "the signature of an empty key")
    if not knocker.can_sign:
        return
    borrowed = await knocker.send(other, signature=knocker.signature(event))
    run.verify(checks.webhooks.forged_refused, borrowed.status, "the signature of another webhook")
    stale = await knocker.send(event, signature=knocker.signature(event, age_seconds=STALE_SECONDS))
    run.verify(checks.webhooks.stale_refused, stale.status)
