"""The first seven rows: login, catalogue, order, payment by a person, completion, licence, transfer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Capability, HoldPoint, Money, MoneyError, PaymentStatus, ProviderError, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_paygate import Charge, Database, Facts, Operator, Poll, Proofs, Provider, Run, Transfer
    from suites.e2e.conftest import Buyer, Knocker

NOT_FOUND = 404
LOOK_BACK = timedelta(minutes=10)
OWNER_QUERY = (
    "SELECT licenses.buyer_id AS owner, orders.buyer_id AS buyer FROM licenses"
    " JOIN orders ON orders.id = licenses.order_id WHERE licenses.order_id = %s"
)
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
    run.verify(checks.catalogue.listed_once, len(listed), wanted)
    facts["product_id"] = pick(listed[0], "id", str)
    facts["price"] = money_in(listed[0], "price_minor", run)
    run.keep("tax_rate", rate_in(listed[0], run))
    run.verify(checks.catalogue.price_planned, facts["price"], run.expected_money("price"))


@pytest.mark.live_money
@pytest.mark.row("order")
async def test_order(
    buyer: Buyer, run: Run, facts: Facts, proofs: Proofs, provider: Callable[[str], Provider], poll: Poll, trace_id: str
) -> None:
    """Row 3: an order is created, once, with one payment of this run to make."""
    facts["licences_before"] = len(await buyer.licences())
    run.keep("order_began_at", datetime.now(UTC).isoformat())
    answer = await buyer.order(facts["product_id"], price=facts["price"], idempotency_key=f"{trace_id}-order")
    if not 200 <= answer.status < 300:
        run.fail("the status of POST /orders", observed=str(answer.status), expected="201")
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
    if not facts["payment_url_received"]:
        run.fail("whether a payment URL came", observed="no", expected="yes")
    run.keep("payment_url", url)
    run.verify(checks.orders.trace_echoed, answer.trace_echo, trace_id)
    run.verify(checks.orders.order_pending, pick(order, "status", str))
    rate = Decimal(run.kept("tax_rate"))
    run.verify(checks.orders.order_amounts, facts["order_total"], facts["order_tax"], facts["price"], rate)
    buyer.keeps_quiet(answer)
    await its_payment_is_new(run, facts, provider("hyperswitch"))
    await buyer.stays_unpaid(order_id, poll)
    await buyer.is_kept_private(order_id)


async def its_payment_is_new(run: Run, facts: Facts, orchestrator: Provider) -> None:
    """The orchestrator has made one payment of the order, just now, of the plan's amount, on the page that was told."""
    payment = await orchestrator.payment(facts["payment_id"])
    run.verify(checks.checkouts.asks_for_plan, payment, facts["price"])
    run.verify(checks.charges.page_of_payment, run.kept("payment_url"), payment)
    age_seconds = (datetime.now(UTC) - payment.created).total_seconds()
    run.verify(checks.charges.payment_is_new, age_seconds, float(run.thresholds["payment_age_max_seconds"]))
    payments = await orchestrator.payments_since(datetime.now(UTC) - LOOK_BACK, trace_id=run.trace_id)
    run.verify(checks.charges.one_payment, payments, facts["order_id"])


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
    # Nobody said that it is paid: one look tells whether it is all the same.
    wait_seconds = float(run.thresholds["completed_within_seconds"]) if answer.answered else 0.0
    seen = await poll.until(
        "payment",
        lambda: orchestrator.payment(facts["payment_id"]),
        value=lambda payment: payment.status.value,
        goal={PaymentStatus.SUCCEEDED.value},
        bad={PaymentStatus.FAILED.value, PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
        deadline_seconds=wait_seconds,
    )
    if seen.value != PaymentStatus.SUCCEEDED.value:
        run.verify(checks.charges.unpaid_took_nothing, seen.told, await taken_all_the_same(run, processor))
    run.verify(checks.charges.payment_succeeded, seen.told)
    payment = seen.last
    if payment is None:
        run.fail("the payment", observed="no answer", expected="a payment that has succeeded")
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
    proofs.ledger("purchase", charge, expected=facts["price"])
    run.check_charge(charge, amount=facts["price"])
    run.verify(checks.charges.charge_order, charge, facts["order_id"])
    run.verify(checks.charges.real_card, charge, livemode=run.livemode)
    run.verify(checks.charges.charge_undisputed, charge)
    run.verify(checks.charges.charge_pays_us_only, charge)
    run.verify(checks.charges.received_is_captured, payment, charge)
    await nothing_else_is_charged(run, facts, processor, charge)


async def taken_all_the_same(run: Run, processor: Provider) -> Sequence[Charge]:
    """What the ledger has taken under the run's trace id, where nobody says that anything is paid."""
    try:
        return await processor.charges_since(datetime.now(UTC) - LOOK_BACK, trace_id=run.trace_id)
    except ProviderError:
        # That nothing was called paid fails the row by itself.
        run.anomaly("ledger_unread", "the ledger could not be asked whether money has moved")
        return ()


async def nothing_else_is_charged(run: Run, facts: Facts, processor: Provider, charge: Charge) -> None:
    """The balance has posted this charge and no other one of the run, in three lists of the processor."""
    if Capability.BALANCE_TRANSACTIONS in processor.capabilities:
        line = charge.balance_transaction_id
        posted = (await processor.balance_transaction(line)).amount if line else None
        run.verify(checks.charges.charge_posted, charge, posted, facts["price"])
    since = facts["paid_at"] - LOOK_BACK
    # One list for both: what carries our trace id, and what carries none.
    charges = await processor.charges_since(since)
    ours = [one for one in charges if one.metadata.get("trace_id") == run.trace_id]
    run.verify(checks.charges.no_other_charge, ours, frozenset({charge.charge_id}))
    slack = timedelta(seconds=float(run.thresholds["payment_age_max_seconds"]))
    began = datetime.fromisoformat(run.kept("order_began_at")) - slack
    made = [one for one in charges if one.created >= began]
    run.verify(checks.bookkeeping.nothing_beside, made, charge, run.trace_id)
    paid = await processor.payments_since(since, trace_id=run.trace_id)
    run.verify(checks.charges.paid_once, paid)


@pytest.mark.row("completed")
async def test_completed(buyer: Buyer, run: Run, facts: Facts, poll: Poll, proofs: Proofs, knocker: Knocker) -> None:
    """Row 5: the order completes within five minutes of the payment, and the target's own log says so."""
    seen = await poll.until(
        "completed",
        lambda: buyer.get(f"/orders/{facts['order_id']}"),
        value=lambda answer: pick(answer.data, "status", str),
        goal={"completed"},
        bad={"failed", "refunded", "refund_pending"},
        order=checks.orders.STATES,
        deadline_seconds=float(run.thresholds["completed_within_seconds"]),
    )
    facts["worst_status"] = seen.worst_status
    facts["server_errors"] = seen.server_errors
    run.reached("the order's status", seen, expected="completed")
    facts["seconds_to_completed"] = seen.waited_seconds
    last = await buyer.looks_again(facts["order_id"], seen.words)
    run.verify(checks.orders.trace_echoed, last.trace_echo, run.trace_id)
    named = last.data.get("hyperswitch_payment_id") if isinstance(last.data, dict) else None
    run.verify(checks.orders.order_keeps_payment, named if isinstance(named, str) else "", facts["payment_id"])
    told = last.data if isinstance(last.data, dict) else {}
    run.verify(checks.lasting.order_keeps_amounts, told, facts["order_total"], facts["order_tax"])
    buyer.keeps_quiet(last)
    if knocker.can_sign:
        # The order is paid and complete: what is said again of it must change nothing. Row licence counts.
        again = knocker.paid_event(
            facts["payment_id"], facts["amount_paid"], connector_payment_id=facts["connector_payment_id"]
        )
        await knocker.send_signed(again)
        await knocker.send_signed(again)
        at_once = knocker.paid_event(
            facts["payment_id"], facts["amount_paid"], connector_payment_id=facts["connector_payment_id"]
        )
        await knocker.send_signed(at_once, times=knocker.AT_ONCE)
        failed = knocker.paid_event(facts["payment_id"], facts["amount_paid"], status="failed")
        await knocker.deliver(failed)
        await buyer.stays_completed(facts["order_id"], poll)
    seconds = float(run.thresholds["logged_within_seconds"])
    await proofs.log("purchase", str(run.expect["purchase_event"]), within_seconds=seconds)


@pytest.mark.row("licence")
async def test_licence(buyer: Buyer, run: Run, facts: Facts, db: Database | None) -> None:
    """Row 6: exactly one licence of the right type and rights is our buyer's, visible to them, and no other came."""
    held = await buyer.licences()
    mine = [licence for licence in held if licence.get("order_id") == facts["order_id"]]
    run.verify(checks.licences.one_licence, len(mine))
    facts["licence_id"] = pick(mine[0], "license_id", str)
    facts["licence_type"] = pick(mine[0], "type", str)
    facts["licence_rights"] = tuple(pick(mine[0], "rights", list))
    run.verify(checks.licences.licence_type, facts["licence_type"], str(run.expect["licence_type"]))
    rights = str(run.expect["licence_rights"]).replace(",", " ").split()
    run.verify(checks.licences.licence_rights, facts["licence_rights"], rights)
    run.verify(checks.licences.nothing_else_granted, facts["licences_before"], len(held) - len(mine))
    if db is not None and run.expect["licence_owner_in_database"]:
        rows = await db.rows(OWNER_QUERY, [facts["order_id"]])
        owners = [(pick(row, "owner", str), pick(row, "buyer", str)) for row in rows]
        run.verify(checks.licences.licence_owner, owners)


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
    run.verify(checks.transfers.transfer_amount, facts["transfer_amount"], due)
    known = await transfer_of(provider("stripe"), facts["stripe_transfer_id"])
    run.verify(checks.transfers.transfer_known, known=known is not None)
    if known is None:
        return
    run.verify(checks.transfers.transfer_at_provider, known, due)
    run.verify(checks.transfers.transfer_source, known, facts["charge_id"])
    run.verify(checks.transfers.transfer_mode, known, livemode=run.livemode)
    if seller := run.environment.values.get("seller_account"):
        run.verify(checks.transfers.transfer_destination, known, seller)
    transfers = await provider("stripe").transfers_since(facts["paid_at"] - LOOK_BACK)
    run.verify(checks.transfers.no_other_transfer, transfers, known, facts["order_id"])
    facts["transfer_confirmed"] = due


async def transfer_of(processor: Provider, transfer_id: str) -> Transfer | None:
    """The transfer at the provider; None where it has none of that id."""
    try:
        return await processor.transfer(transfer_id)
    except ProviderError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def money_in(document: object, field: str, run: Run) -> Money:
    """Read `<field>` and `currency` as money; the code of a currency may be in small letters."""
    minor, currency = pick(document, field, int), pick(document, "currency", str)
    try:
        return Money(minor, currency.upper())
    except MoneyError as error:
        run.fail(f"field currency, beside {field}", observed=str(error)[:80], expected="an ISO 4217 code such as EUR")


def rate_in(product: Mapping[str, object], run: Run) -> str:
    """A product's tax rate, which may be told as a number or as text."""
    told = product.get("tax_rate")
    try:
        rate = Decimal(str(told))
    except InvalidOperation:
        rate = Decimal("NaN")
    if isinstance(told, bool) or not rate.is_finite() or rate < 0:
        run.fail("field tax_rate", observed=str(told)[:80], expected="a rate such as 0.20, as text or as a number")
    return str(rate)


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
