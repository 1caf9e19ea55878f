"""Whether an order is made as it was asked for: once a key, at the catalogue's price; and goes one way only."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from pytest_paygate.checks.check import Finding, check, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.money import Money

# In the only direction they may go.
STATES = ("pending", "completed", "refund_pending", "refunded")
# What an order cannot be before somebody has paid.
PAID_STATES = frozenset(STATES[1:])


@check("The target echoes the run's trace id")
def trace_echoed(echo: str, trace_id: str) -> Finding | None:
    """`echo` is the trace id of the answer, empty without one."""
    return same("the trace id that came back", observed=echo, expected=trace_id)


@check("A new order is pending")
def order_pending(status: str) -> Finding | None:
    """`status` is the order's, before anybody has paid."""
    return same("the order's status", observed=status, expected="pending")


@check("The order's total is the price of the catalogue, and holds the catalogue's tax")
def order_amounts(total: Money, tax: Money, price: Money, rate: Decimal) -> Finding | None:
    """`price` and `rate`, such as 0.20, are the catalogue's; the price includes the tax, to the minor unit."""
    due = int((price.minor * rate / (1 + rate)).to_integral_value(ROUND_HALF_UP))
    found = same("the order's total", observed=total, expected=price)
    if found is None and (tax.currency != price.currency or abs(tax.minor - due) > 1):
        found = Finding("the order's tax", tax, replace(price, minor=due))
    return found


@check("An order without a bearer token is refused")
def stranger_refused(status: int) -> Finding | None:
    """`status` is what a request without a token was answered with."""
    return _one_of("the status of an order without a bearer token", status, (401, 403))


@check("An order of an unknown product is refused")
def unknown_product_refused(status: int) -> Finding | None:
    """`status` is what the request was answered with."""
    return _one_of("the status of an order of an unknown product", status, (400, 404, 422))


@check("A price that the buyer names is ignored or refused")
def buyers_price_ignored(total: Money, named_minor: int) -> Finding | None:
    """`total` is that of an order whose request named so many minor units; what it should be, row order compares."""
    if total.minor != named_minor:
        return None
    return Finding("the total of an order that named its own price", total, "the price of the catalogue")


@check("The same request under the same Idempotency-Key gives the same order")
def replay_is_same(first: tuple[str, str], again: tuple[str, str]) -> Finding | None:
    """Both are an order's id and its payment's."""
    return same(
        "the order and payment of a repeated request",
        observed=" ".join(again),
        expected=" ".join(first),
        next_step="A client that repeats a request buys twice: have the target keep orders by their Idempotency-Key.",
    )


@check("An Idempotency-Key that was used for another product is refused")
def key_conflict_refused(status: int) -> Finding | None:
    """`status` is what the same key with another product was answered with."""
    return _one_of("the status of a used Idempotency-Key with another product", status, (400, 404, 409, 422))


@check("An order's status only moves forward")
def only_forward(seen: Sequence[str]) -> Finding | None:
    """`seen` are the statuses of all looks, in their order; words without a place in the order say nothing."""
    placed = [word for word in seen if word in STATES]
    for before, after in itertools.pairwise(placed):
        if STATES.index(after) < STATES.index(before):
            return Finding(
                "the direction of the order's status",
                f"{before}, then {after}",
                "pending, completed, refund_pending, refunded, in this direction only",
                "Look for a stale replica or a late event that overwrites a newer state.",
            )
    return None


@check("The completed order names the payment it was created with")
def order_keeps_payment(named: str, payment_id: str) -> Finding | None:
    """`named` is the payment that the order names when it is read, empty where it names none."""
    return same("the payment of the completed order", observed=named or payment_id, expected=payment_id)


@check("A refunded order stays refunded when a payment's event comes late")
def stays_refunded(status: str) -> Finding | None:
    """`status` is the order's after a payment's event was delivered once more."""
    return same("the order's status after a late payment event", observed=status, expected="refunded")


@check("An order that nobody has paid stays unpaid")
def unpaid_stays_unpaid(seen: Sequence[str], after: str = "") -> Finding | None:
    """`seen` are the statuses of all looks before a payment, `after` what the target was told before them."""
    paid = next((word for word in seen if word in PAID_STATES), None)
    if paid is None and seen:
        return None
    return Finding(
        "the status of an order that nobody has paid" + (f", after {after}" if after else ""),
        paid or "none that could be read",
        "pending or failed",
        "Do not pay. Have orders completed by a signed payment_succeeded of their whole amount and currency only.",
    )


@check("Requests that come at once under one Idempotency-Key make no more than one order")
def one_order_at_once(made: Sequence[tuple[str, str]]) -> Finding | None:
    """`made` are the ids of order and payment in each answer that made one; whatever was refused made none."""
    if len(set(made)) <= 1:
        return None
    return Finding(
        "what orders and payments came of requests at once under one key",
        tuple(sorted({" with ".join(ids) for ids in made})),
        "one order",
        "Two clicks buy twice: have the database keep buyer and Idempotency-Key unique, and retry on it.",
    )


@check("A repeated request opens no second payment")
def replay_opens_nothing(before: frozenset[str], after: frozenset[str]) -> Finding | None:
    """Both are the payments of the run's trace id at the orchestrator, before the repetition and after it."""
    return same(
        "what payments a repeated request has opened",
        observed=tuple(sorted(after - before)) or "none",
        expected="none",
        next_step="Both pages can be paid: have a repetition answer with the payment that is there.",
    )


@check("A completed order stays completed when an earlier attempt's failure comes late")
def stays_completed(seen: Sequence[str]) -> Finding | None:
    """`seen` are the statuses of all looks since a payment_failed of another attempt was delivered."""
    other = next((word for word in seen if word != "completed"), None)
    if other is None and seen:
        return None
    return Finding(
        "the order's status after a late payment_failed of another attempt",
        other or "none that could be read",
        "completed",
        "The buyer has paid and loses the order: have events of a payment only move its order forward.",
    )


def _one_of(what: str, status: int, allowed: tuple[int, ...]) -> Finding | None:
    if status in allowed:
        return None
    return Finding(what, str(status), " or ".join(map(str, allowed)))
