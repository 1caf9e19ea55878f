"""The nine rows: login, catalogue, order, payment by a person, completion, licence, transfer, refund, reversal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate import (
    HoldPoint,
    Money,
    MoneyError,
    PaymentStatus,
    RefundStatus,
    pick,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_paygate import Answer, Database, Facts, Operator, Poll, Proofs, Provider, Refund, Run
    from suites.e2e.conftest import Buyer

ORDER_STATES = ("pending", "completed", "refund_pending", "refunded")
TRANSFER_QUERY = (
    "SELECT id, amount_minor, currency, stripe_transfer_id, status FROM seller_transfers WHERE order_id = %s"
)
TRANSFER_FIELDS = ("amount (like EUR 4.50)", "stripe_transfer_id", "status")


@pytest.mark.row("login")
async def test_login(buyer: Buyer, run: Run, facts: Facts) -> None:
    """Row 1: the buyer logs in."""
    answer = await buyer.login()
    facts["login_outcome"] = {200: "token captured", 401: "401"}.get(answer.status, f"other: {answer.status}")
    run.check("the outcome of the login", observed=facts["login_outcome"], expected="token captured")


@pytest.mark.row("products")
async def test_products(buyer: Buyer, run: Run, facts: Facts) -> None:
    """Row 2: the test product is listed at the price of the plan."""
    answer = await buyer.get("/marketplace/products")
    wanted = run.value("product_id")
    listed = [product for product in pick(answer.data, "", list) if product.get("id") == wanted]
    run.check(f"how often product {wanted} is listed", observed=len(listed), expected=1)
    facts["product_id"] = pick(listed[0], "id", str)
    facts["price"] = money_in(listed[0], "price_minor", run)
    run.check("the price", observed=facts["price"], expected=run.expected_money("price"))


@pytest.mark.live_money
@pytest.mark.row("order")
async def test_order(buyer: Buyer, run: Run, facts: Facts, proofs: Proofs, trace_id: str) -> None:
    """Row 3: an order is created, once, and comes with a payment to make."""
    answer = await buyer.order(facts["product_id"], price=facts["price"], idempotency_key=f"{trace_id}-order")
    run.check("the status of POST /orders", observed=answer.status, expected=201)
    order = answer.data
    order_id = facts["order_id"] = pick(order, "order_id", str)
    run.refund_through(lambda: buyer.refund(order_id))
    facts["payment_id"] = pick(order, "hyperswitch_payment_id", str)
    facts["order_total"] = money_in(order, "total_minor", run)
    facts["order_tax"] = money_in(order, "tax_minor", run)
    ids = {"order_id": order_id, "payment_id": facts["payment_id"]}
    proofs.http("purchase", answer, ids=ids, amount=facts["order_total"], expected=facts["price"])
    url = str(order.get("payment_url") or "") if isinstance(order, dict) else ""
    facts["payment_url_received"] = url.startswith(("https://", "http://"))
    run.check("whether a payment URL came", observed=facts["payment_url_received"], expected=True)
    run.check("the trace id that came back", observed=answer.trace_echo, expected=trace_id)
    run.check("the order's status", observed=pick(order, "status", str), expected="pending")
    run.check("the order's total", observed=facts["order_total"], expected=facts["price"])
    run.keep("payment_url", url)


@pytest.mark.live_money
@pytest.mark.hitl_pause
@pytest.mark.row("pay")
async def test_pay(
    run: Run,
    facts: Facts,
    operator: Operator,
    provider: Callable[[str], Provider],
    poll: Poll,
    proofs: Proofs,
) -> None:
    """Row 4: a person pays on the hosted page; the processor's ledger shows one captured charge of that amount."""
    seconds = float(run.thresholds["payment_hold_seconds"])
    orchestrator, processor = provider("hyperswitch"), provider("stripe")
    point = HoldPoint(
        hold_id="pay",
        title=f"Pay {facts['order_total']} for order {facts['order_id']}",
        instructions=(
            f"Expect {facts['order_total']} on the page. Pay with a card that may be used here.",
            "The page says when it is paid. Then come back and say so.",
        ),
        deadline_seconds=seconds,
        url=run.kept("payment_url"),
        notice=poll.noticing(
            "payment_noticed",
            lambda: orchestrator.payment(facts["payment_id"]),
            value=lambda payment: payment.status.value,
            goal={PaymentStatus.SUCCEEDED.value},
            # A payment that failed can be tried again on the page.
            bad={PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
            deadline_seconds=seconds,
        ),
        confirm_seconds=float(run.thresholds["payment_confirm_seconds"]),
    )
    answer = await operator.hold(point)
    run.check("whether the payment was made", observed=answer.answered, expected=True)

    seen = await poll.until(
        "payment",
        lambda: orchestrator.payment(facts["payment_id"]),
        value=lambda payment: payment.status.value,
        goal={PaymentStatus.SUCCEEDED.value},
        bad={PaymentStatus.FAILED.value, PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
        deadline_seconds=float(run.thresholds["completed_within_seconds"]),
    )
    payment = run.reached("the payment's status", seen, expected="succeeded")
    facts["connector_payment_id"] = payment.connector_payment_id
    # The orchestrator's word is not proof: the charge is read where the money is.
    charge = run.one_charge(await processor.charges(payment.connector_payment_id))
    facts["charge_id"] = charge.charge_id
    facts["charge_captured"] = charge.is_captured
    facts["amount_paid"] = charge.captured
    facts["paid_at"] = charge.created
    facts["processor"] = payment.processor
    facts["dashboard_url"] = run.dashboard_url("stripe", f"payments/{payment.connector_payment_id}")
    if charge.card is not None:
        facts["card_last4"] = charge.card.last4
        facts["card_brand"] = charge.card.brand
    if (fee := await run.fee_of(processor, charge)) is not None:
        facts["provider_fee"] = fee
    proofs.ledger("purchase", charge, expected=facts["price"], ids={"order_id": charge.metadata.get("order_id")})
    run.check_charge(charge, amount=facts["order_total"])


@pytest.mark.row("completed")
async def test_completed(buyer: Buyer, run: Run, facts: Facts, poll: Poll, proofs: Proofs) -> None:
    """Row 5: the order completes within five minutes of the payment, and the target's own log says so."""
    seen = await poll.until(
        "completed",
        lambda: buyer.get(f"/orders/{facts['order_id']}"),
        value=status_of,
        goal={"completed"},
        bad={"failed", "refunded", "refund_pending"},
        order=ORDER_STATES,
        deadline_seconds=float(run.thresholds["completed_within_seconds"]),
    )
    facts["worst_status"] = seen.worst_status
    facts["server_errors"] = seen.server_errors
    run.reached("the order's status", seen, expected="completed")
    facts["seconds_to_completed"] = seen.waited_seconds
    seconds = float(run.thresholds["logged_within_seconds"])
    await proofs.log("purchase", str(run.expect["purchase_event"]), within_seconds=seconds)


@pytest.mark.row("licence")
async def test_licence(buyer: Buyer, run: Run, facts: Facts) -> None:
    """Row 6: exactly one licence of the right type is attributed to the order and visible to its buyer."""
    mine = await licences_of(buyer, facts["order_id"])
    run.check("the number of licences of this order", observed=len(mine), expected=1)
    facts["licence_id"] = pick(mine[0], "license_id", str)
    facts["licence_type"] = pick(mine[0], "type", str)
    facts["licence_rights"] = tuple(pick(mine[0], "rights", list))
    run.check("the licence's type", observed=facts["licence_type"], expected=run.expect["licence_type"])
    if not facts["licence_rights"]:
        run.fail("the licence's rights", observed="none", expected="at least one right")


@pytest.mark.hitl_pause
@pytest.mark.row("transfer")
async def test_transfer(
    run: Run,
    facts: Facts,
    db: Database | None,
    operator: Operator,
    poll: Poll,
    provider: Callable[[str], Provider],
) -> None:
    """Row 7: one transfer to the seller, with a provider id that the provider knows."""
    found = await (transfer_by_person(run, facts, operator) if db is None else transfer_by_query(run, facts, db, poll))
    facts["transfer_source"] = "typed by the operator" if db is None else "read-only DSN"
    facts["transfer_amount"] = money_in(found, "amount_minor", run)
    facts["transfer_status"] = pick(found, "status", str)
    facts["stripe_transfer_id"] = pick(found, "stripe_transfer_id", str)
    share = int(run.expect["seller_share_percent"])
    due = Money(facts["price"].minor * share // 100, facts["price"].currency)
    run.check("the amount of the transfer", observed=facts["transfer_amount"], expected=due)
    known = await provider("stripe").transfer(facts["stripe_transfer_id"])
    run.check("the transfer's amount at the provider", observed=known.amount, expected=due)


@pytest.mark.live_money
@pytest.mark.row("refund")
async def test_refund(
    buyer: Buyer, run: Run, facts: Facts, provider: Callable[[str], Provider], proofs: Proofs
) -> None:
    """Row 8: the target accepts the refund."""
    charges = await provider("stripe").charges(facts["connector_payment_id"])
    ours = [charge for charge in charges if charge.charge_id == facts["charge_id"]]
    run.check("how often our charge stands in the ledger", observed=len(ours), expected=1)
    answer = await buyer.refund(facts["order_id"], ours[0])
    facts["refund_http_status"] = answer.status
    if not 200 <= answer.status < 300:
        run.fail("the status of POST /orders/:id/refund", observed=str(answer.status), expected="2xx")
    facts["refund_id"] = pick(answer.data, "refund_id", str)
    facts["refund_status"] = pick(answer.data, "status", str)
    proofs.http("refund", answer, ids={"refund_id": facts["refund_id"]})


@pytest.mark.row("reversal")
async def test_reversal(
    buyer: Buyer, run: Run, facts: Facts, poll: Poll, provider: Callable[[str], Provider], proofs: Proofs
) -> None:
    """Row 9: the order is refunded, the licence gone, and the provider's ledger shows our charge refunded in full."""
    seconds = float(run.thresholds["refunded_within_seconds"])
    seen = await poll.until(
        "refunded",
        lambda: buyer.get(f"/orders/{facts['order_id']}"),
        value=status_of,
        goal={"refunded"},
        bad={"failed"},
        order=ORDER_STATES,
        deadline_seconds=seconds,
    )
    run.reached("the order's status", seen, expected="refunded")
    facts["seconds_to_refunded"] = seen.waited_seconds
    facts["licence_gone"] = not await licences_of(buyer, facts["order_id"])
    logged = float(run.thresholds["logged_within_seconds"])
    await proofs.log("refund", str(run.expect["refund_event"]), within_seconds=logged)

    ledger = provider("stripe")
    refunds = await ledger.refunds(facts["connector_payment_id"])
    facts["refunds_seen"] = len(refunds)
    run.check("the number of refunds of this charge", observed=len(refunds), expected=1)
    refund = await stays_refunded(run, poll, ledger, refunds[0])
    facts["provider_refund_id"] = refund.refund_id
    facts["provider_refund_status"] = refund.status.value
    facts["amount_refunded"] = refund.amount
    proofs.ledger("refund", refund, expected=facts["amount_paid"], after="purchase")
    run.check_refund(refund, charge_id=facts["charge_id"], amount=facts["amount_paid"])
    run.check("whether the licence is gone from /licenses/mine", observed=facts["licence_gone"], expected=True)


async def stays_refunded(run: Run, poll: Poll, ledger: Provider, refund: Refund) -> Refund:
    """Watch a refund for as long as it must stay as it is; the last look counts."""
    seconds = float(run.thresholds["refund_stays_seconds"])
    if not seconds:
        return refund
    seen = await poll.until(
        "refund_stays",
        lambda: ledger.read_refund(refund.refund_id),
        value=lambda read: read.status.value,
        goal=(),
        bad={RefundStatus.FAILED.value, RefundStatus.CANCELLED.value},
        deadline_seconds=seconds,
    )
    return seen.last or refund


def money_in(document: object, field: str, run: Run) -> Money:
    """Read `<field>` and `currency` as money."""
    try:
        return Money(pick(document, field, int), pick(document, "currency", str))
    except MoneyError as error:
        run.fail(f"field {field}", observed=str(error)[:80], expected="an integer amount and an ISO currency")


def status_of(answer: Answer) -> str:
    """The word a poll of an order waits for."""
    return pick(answer.data, "status", str)


async def licences_of(buyer: Buyer, order_id: str) -> list[Mapping[str, object]]:
    """The buyer's licences that belong to one order."""
    answer = await buyer.get("/licenses/mine")
    listed = pick(answer.data, "", list)
    return [licence for licence in listed if isinstance(licence, dict) and licence.get("order_id") == order_id]


async def transfer_by_query(run: Run, facts: Facts, db: Database, poll: Poll) -> Mapping[str, object]:
    """Read the seller_transfers row; the id may be filled in a little later than the order completes."""

    async def look() -> list[Mapping[str, object]]:
        return list(await db.rows(TRANSFER_QUERY, [facts["order_id"]]))

    seen = await poll.until(
        "transfer",
        look,
        value=lambda rows: "filled" if len(rows) == 1 and rows[0]["stripe_transfer_id"] else f"{len(rows)} unfilled",
        goal={"filled"},
        deadline_seconds=float(run.thresholds["transfer_within_seconds"]),
    )
    if not seen.reached or not seen.last:
        run.fail("the seller_transfers row", observed=seen.value or "none", expected="one with a stripe_transfer_id")
    return seen.last[0]


async def transfer_by_person(run: Run, facts: Facts, operator: Operator) -> Mapping[str, object]:
    """Without a DSN the operator runs the query and types what it shows."""
    answer = await operator.hold(
        HoldPoint(
            hold_id="transfer",
            title="Read the seller_transfers row",
            instructions=(
                "Run this query on the target's database and type what it shows:",
                TRANSFER_QUERY.replace("%s", f"'{facts['order_id']}'"),
            ),
            deadline_seconds=float(run.thresholds["query_hold_seconds"]),
            fields=TRANSFER_FIELDS,
        )
    )
    if not answer.answered:
        run.pending(
            "the seller_transfers row was not read",
            expected="a read-only DSN, or an operator who types the query's result",
            observed="neither",
            next_step="Set `database` in the environment, or run the gate from a terminal with --payer=person.",
        )
    try:
        amount = Money.parse(answer.fields[TRANSFER_FIELDS[0]])
    except MoneyError as error:
        run.fail("the typed amount", observed=str(error)[:80], expected="an amount like EUR 4.50")
    return {
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "stripe_transfer_id": answer.fields["stripe_transfer_id"],
        "status": answer.fields["status"],
    }
