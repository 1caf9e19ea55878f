"""Whether the money that was taken is the money that was agreed: once, captured, ours, of this run.

What a provider's ledger says is judged, never what the target or an orchestrator says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Charge, Payment

# Last four digits of the published test cards that are used most: no real charge shows them by chance often enough.
TEST_CARDS = frozenset({("visa", "4242"), ("mastercard", "4444"), ("amex", "0005"), ("visa", "5556")})


@check("The payment that was made has succeeded at its provider")
def payment_succeeded(seen: str) -> Finding | None:
    """`seen` is the status the last look brought, empty when there was none."""
    return same("the payment's status", observed=seen or "none", expected="succeeded")


@check("A payment that is not called paid has taken no money")
def unpaid_took_nothing(seen: str, charges: Sequence[Charge]) -> Finding | None:
    """`seen` is the status of the last look; `charges` are all of the run's trace id at the processor's ledger."""
    taken = [charge for charge in charges if charge.succeeded]
    if seen == "succeeded" or not taken:
        return None
    return Finding(
        "the payment's status, while money has moved",
        (f"{seen or 'none'} at the orchestrator", *_named(taken)),
        "succeeded",
        f"Refund or release {', '.join(charge.charge_id for charge in taken)} at the provider; see which page was paid,"
        " and why the orchestrator does not call it paid.",
    )


@check("Exactly one charge was taken for the payment")
def one_charge(charges: Sequence[Charge]) -> Finding | None:
    """`charges` are all of one payment; attempts that took nothing do not count."""
    taken = [charge for charge in charges if charge.succeeded]
    return same("the number of charges for this payment", observed=len(taken), expected=1)


@check("No other charge carries the run's trace id")
def no_other_charge(charges: Sequence[Charge], known: frozenset[str]) -> Finding | None:
    """`charges` are all of the run's trace id since it began, `known` the ids of those that were meant."""
    others = [charge for charge in charges if charge.succeeded and charge.charge_id not in known]
    return same(
        "what other charges there are under this run's trace id",
        observed=_named(others) or "none",
        expected="none",
        next_step="Refund each of them at the provider; find out who sent the payment twice.",
    )


@check("The charge is captured, and its amount is the plan's, in its currency")
def charge_whole(charge: Charge, amount: Money) -> Finding | None:
    """`amount` is what the plan says. An authorisation alone moves no money; one over more holds the buyer's money."""
    return (
        same("whether the charge is captured", observed=charge.is_captured, expected=True)
        or same("the amount captured", observed=charge.captured, expected=amount)
        or same("the amount authorised", observed=charge.amount, expected=amount)
    )


@check("The provider has posted what it captured, and what the plan says")
def charge_posted(charge: Charge, posted: Money | None, amount: Money) -> Finding | None:
    """`posted` is the charge's line in the balance, an entry of its own; in another currency it says nothing."""
    if posted is None:
        return Finding("the charge's line in the provider's balance", "none", str(amount))
    if posted.currency != amount.currency:
        return None
    return same("the amount posted", observed=posted, expected=amount) or same(
        "the amount captured against the amount posted", observed=charge.captured, expected=posted
    )


@check("One payment of the run's trace id is paid at the processor")
def paid_once(payments: Sequence[Payment]) -> Finding | None:
    """`payments` are all of the run's trace id in the processor's list of payments, another list than its charges."""
    paid = [one for one in payments if one.status == "succeeded"]
    if len(paid) == 1:
        return None
    return Finding(
        "what is paid under this run's trace id",
        tuple(f"{one.payment_id} of {one.amount}" for one in paid),
        "one payment",
        "Refund all but one at the provider; find out who sent the payment twice.",
    )


@check("The charge carries the run's trace id")
def charge_trace(charge: Charge, trace_id: str) -> Finding | None:
    """Without it, nobody can tell whose charge it is."""
    return same(
        "the trace id on the charge",
        observed=charge.metadata.get("trace_id") or "none",
        expected=trace_id,
        next_step="Have the target copy the request's X-Trace-Id into the payment's metadata as trace_id.",
    )


@check("A charge that names an order names ours")
def charge_order(charge: Charge, order_id: str) -> Finding | None:
    """A charge that names no order says nothing here."""
    return same("the order on the charge", observed=charge.metadata.get("order_id") or order_id, expected=order_id)


@check("The charge is of this run's mode")
def charge_mode(charge: Charge, *, livemode: bool) -> Finding | None:
    """`livemode` is what this run's mode asks for."""
    return same("livemode of the charge", observed=charge.livemode, expected=livemode)


@check("Nobody disputes the charge")
def charge_undisputed(charge: Charge) -> Finding | None:
    """A dispute takes the money, and a fee with it, whatever is refunded beside it."""
    return same(
        "whether the charge is disputed",
        observed=charge.disputed,
        expected=False,
        next_step="Answer the dispute at the provider before anything is refunded: the money may leave twice.",
    )


@check("The charge does nothing but pay this account")
def charge_pays_us_only(charge: Charge) -> Finding | None:
    """The plan pays nobody with the charge itself: who gets a share gets it by a transfer of its own, which is counted.

    A provider that does not say is no finding.
    """
    return same(
        "what happens with the charge besides",
        observed=", ".join(charge.besides) or "nothing",
        expected="nothing",
        next_step="See at the provider which account has the money: a refund may not take it back from there, and a"
        " transfer beside it pays that account twice.",
    )


@check("A live charge was not paid with a published test card")
def real_card(charge: Charge, *, livemode: bool) -> Finding | None:
    """A sandbox that poses as live shows itself by its cards."""
    if not livemode or charge.card is None or (charge.card.brand, charge.card.last4) not in TEST_CARDS:
        return None
    return Finding("the card of a live charge", "the published test card", "a real card")


@check("An order has one payment that is paid or can be paid")
def one_payment(payments: Sequence[Payment], order_id: str) -> Finding | None:
    """`payments` are all of the run's trace id at the orchestrator; of other orders, and closed ones, pass.

    A payment that names no order is found by the trace id alone, and counts.
    """
    ours = [
        one for one in payments if one.metadata.get("order_id") in {None, "", order_id} and one.status not in _CLOSED
    ]
    return same(
        "the number of payments of this order that are paid or can be paid",
        observed=len(ours),
        expected=1,
        next_step="Close all but one at the orchestrator: two open pages of one order can both be paid."
        if ours
        else "Have the target copy the request's X-Trace-Id into the payment's metadata as trace_id.",
    )


_CLOSED = frozenset({"failed", "cancelled", "expired"})


@check("The page that the buyer is sent to is that of the order's payment")
def page_of_payment(url: str, payment: Payment) -> Finding | None:
    """`url` is what the target hands out; a page of another host than the orchestrator's is the target's own."""
    if payment.page is None or url == payment.page.url or payment.payment_id in url:
        return None
    if urlsplit(url).netloc != urlsplit(payment.page.url).netloc:
        return None
    return Finding(
        "the payment whose page the buyer is sent to",
        "a page of the orchestrator that does not name this payment",
        f"the page of {payment.payment_id}",
        "Do not pay: the page takes the money for another payment.",
    )


@check("The orchestrator has received what was captured")
def received_is_captured(payment: Payment, charge: Charge) -> Finding | None:
    """Two books of one payment. An orchestrator that tells no received amount says nothing here."""
    if not payment.received.minor:
        return None
    return same(
        "the amount received, as the orchestrator has it",
        observed=payment.received,
        expected=charge.captured,
        next_step="See which of the two is right before anybody reconciles: reminders and refunds follow these books.",
    )


@check("No payment carries the run's trace id before the run buys anything")
def trace_unused(payments: Sequence[Payment]) -> Finding | None:
    """`payments` are all that the orchestrator has of the run's trace id."""
    return same(
        "the number of payments under this run's trace id before the purchase",
        observed=len(payments),
        expected=0,
        next_step="Find out who uses this trace id, and start a new run.",
    )


@check("The payment of the order was made in this run")
def payment_is_new(age_seconds: float, slack_seconds: float) -> Finding | None:
    """`age_seconds` is how long before the run the payment was made, negative for later; clocks differ by the slack."""
    if age_seconds <= slack_seconds:
        return None
    return Finding(
        "the age of the order's payment",
        f"{age_seconds:.0f} s older than this run",
        "made in this run",
        "The target has handed out an earlier payment: do not pay it.",
    )


@check("The payment cannot be paid any more")
def link_is_dead(payment: Payment) -> Finding | None:
    """`payment` as the orchestrator tells it, once it was refunded or closed."""
    if payment.status in _ENDED:
        return None
    return Finding(
        "whether the payment can still be paid",
        payment.status.value,
        "a payment that has ended",
        "Close the payment at the orchestrator: whoever has the link can pay it.",
    )


_ENDED = _CLOSED | {"succeeded"}


def _named(charges: Sequence[Charge]) -> tuple[str, ...]:
    return tuple(f"{one.charge_id} of {one.amount}{'' if one.is_captured else ' held'}" for one in charges)
