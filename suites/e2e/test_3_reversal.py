"""The last two rows: the refund, and everything that must come back with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import Capability, Money, PaygateError, RefundStatus, checks, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_paygate import (
        Charge,
        Database,
        Facts,
        LogEntry,
        LogSource,
        Poll,
        Proofs,
        Provider,
        Refund,
        Run,
        Transfer,
    )
    from suites.e2e.conftest import Buyer, Knocker

LOOK_BACK = timedelta(minutes=10)
TRANSFER_STATUS_QUERY = "SELECT status FROM seller_transfers WHERE order_id = %s"


@pytest.mark.live_money
@pytest.mark.row("refund")
async def test_refund(
    buyer: Buyer, run: Run, facts: Facts, provider: Callable[[str], Provider], proofs: Proofs
) -> None:
    """Row 8: the target accepts the refund of our charge."""
    charge = await our_charge(run, facts, provider("stripe"))
    answer = await buyer.refund(facts["order_id"], charge)
    facts["refund_http_status"] = answer.status
    if not 200 <= answer.status < 300:
        run.fail("the status of POST /orders/:id/refund", observed=str(answer.status), expected="2xx")
    facts["refund_id"] = pick(answer.data, "refund_id", str)
    facts["refund_status"] = pick(answer.data, "status", str)
    proofs.http("refund", answer, ids={"refund_id": facts["refund_id"]})


@pytest.mark.row("reversal")
async def test_reversal(
    buyer: Buyer,
    run: Run,
    facts: Facts,
    poll: Poll,
    provider: Callable[[str], Provider],
    proofs: Proofs,
    logs: LogSource | None,
    db: Database | None,
    knocker: Knocker,
) -> None:
    """Row 9: the order is refunded, the licence gone, the seller's share back, and our charge refunded for good."""
    seconds = float(run.thresholds["refunded_within_seconds"])
    seen = await poll.until(
        "refunded",
        lambda: buyer.get(f"/orders/{facts['order_id']}"),
        value=lambda answer: pick(answer.data, "status", str),
        goal={"refunded"},
        bad={"failed"},
        order=checks.orders.STATES,
        deadline_seconds=seconds,
    )
    run.reached("the order's status", seen, expected="refunded")
    facts["seconds_to_refunded"] = seen.waited_seconds
    await buyer.looks_again(facts["order_id"], seen.words)
    facts["licence_gone"] = await licence_goes(buyer, facts, poll, seconds)
    logged = float(run.thresholds["logged_within_seconds"])
    await proofs.log("refund", str(run.expect["refund_event"]), within_seconds=logged)
    if run.may_probe:
        second = await buyer.probe_refund(facts["order_id"])
        run.verify(checks.refunds.second_refund_refused, second.status)
    await money_comes_back(run, facts, poll, provider("stripe"), proofs)
    run.check("whether the licence is gone from /licenses/mine", observed=facts["licence_gone"], expected=True)
    recorded: Transfer | None = None
    if "transfer_confirmed" in facts:
        recorded = await share_comes_back(run, facts, poll, provider("stripe"))
        if db is not None:
            await row_follows(run, facts, poll, db)
    run.verify(checks.charges.link_is_dead, await provider("hyperswitch").payment(facts["payment_id"]))
    known = [one.refund_id for one in await provider("hyperswitch").refunds(facts["payment_id"])]
    run.verify(checks.lasting.refund_known, facts["refund_id"], [*known, facts["provider_refund_id"]])
    await all_of_it_lasts(run, facts, buyer, poll)
    if recorded is not None:
        await nothing_more_is_passed_on(run, facts, provider("stripe"), recorded)
    if knocker.can_sign:
        await late_event_changes_nothing(run, facts, buyer, knocker)
    if logs is not None:
        await look_at_log(run, facts, buyer, logs)
    if "provider_fee" in facts:
        run.check_fee(facts["provider_fee"])


async def all_of_it_lasts(run: Run, facts: Facts, buyer: Buyer, poll: Poll) -> None:
    """The last looks, with nothing sent since: order and licences are as the refund has left them."""
    order = await buyer.get(f"/orders/{facts['order_id']}")
    run.verify(checks.lasting.order_stays_refunded, pick(order.data, "status", str))
    await licence_goes(buyer, facts, poll, float(run.thresholds["logged_within_seconds"]), name="licence_stays_gone")
    held = await buyer.licences()
    mine = [one for one in held if one.get("order_id") == facts["order_id"]]
    run.verify(checks.lasting.licence_stays_gone, len(mine))
    run.verify(checks.lasting.other_licences_kept, facts["licences_before"], len(held) - len(mine))


async def late_event_changes_nothing(run: Run, facts: Facts, buyer: Buyer, knocker: Knocker) -> None:
    """The payment's event, delivered once more, does not bring the order back."""
    event = knocker.paid_event(
        facts["payment_id"], facts["amount_paid"], connector_payment_id=facts["connector_payment_id"]
    )
    await knocker.send_signed(event)
    order = await buyer.get(f"/orders/{facts['order_id']}")
    run.verify(checks.orders.stays_refunded, pick(order.data, "status", str))


async def money_comes_back(run: Run, facts: Facts, poll: Poll, ledger: Provider, proofs: Proofs) -> None:
    """One refund of the whole of our charge, that stays; the charge says so too, and the run has no other charge."""
    refunds = await ledger.refunds(facts["connector_payment_id"])
    facts["refunds_seen"] = len(refunds)
    if not refunds:
        run.fail("the number of refunds of this charge", observed="0", expected="1")
    run.verify(checks.refunds.one_refund, refunds)
    gone = {RefundStatus.FAILED, RefundStatus.CANCELLED}
    refund = next((one for one in refunds if one.status not in gone), refunds[0])
    proofs.ledger("refund", refund, expected=facts["amount_paid"], after="purchase")
    refund = await watched(run, poll, ledger, refund)
    facts["provider_refund_id"] = refund.refund_id
    facts["provider_refund_status"] = refund.status.value
    facts["amount_refunded"] = refund.amount
    run.check_refund(refund, charge_id=facts["charge_id"], amount=facts["amount_paid"])
    run.verify(checks.refunds.refund_leaves, refund)
    run.verify(checks.refunds.refund_blames_nobody, refund)
    if Capability.BALANCE_TRANSACTIONS in ledger.capabilities:
        line = refund.balance_transaction_id
        posted = await ledger.balance_transaction(line) if line else None
        run.verify(checks.refund_course.refund_posted, posted, facts["amount_paid"])
    given_back = await our_charge(run, facts, ledger)
    run.verify(checks.refunds.charge_given_back, given_back)
    run.verify(checks.charges.charge_undisputed, given_back)
    run.verify(checks.charges.charge_trace, given_back, run.trace_id)
    since = facts["paid_at"] - LOOK_BACK
    charges = await ledger.charges_since(since, trace_id=run.trace_id)
    run.verify(checks.charges.no_other_charge, charges, frozenset({facts["charge_id"]}))


async def look_at_log(run: Run, facts: Facts, buyer: Buyer, logs: LogSource) -> None:
    """The target's log, all of this run, tells our order as it was, and nothing that nobody may read."""
    try:
        entries = await logs.entries(run.trace_id)
    except PaygateError:
        # Whether the log bears witness is judged elsewhere.
        run.anomaly("log_unread", "the log could not be searched for secrets, nor held against what was paid")
        return
    run.verify(checks.log_entries.log_tells_no_secret, sum(entry.tells_secret for entry in entries))
    run.verify(checks.log_entries.log_keeps_our_secrets, [entry.content for entry in entries], buyer.secrets())
    log_tells_our_order(run, facts, entries)


def log_tells_our_order(run: Run, facts: Facts, entries: Sequence[LogEntry]) -> None:
    """Completion and refund are told of our order and its amount, and completion has the last word over failure."""
    success, failure = str(run.expect["purchase_event"]), str(run.expect["failed_event"])
    paid: Money = facts["amount_paid"]
    known = {
        "order_id": facts["order_id"],
        "amount_minor": paid.minor,
        "amount_cents": paid.minor,
        "currency": paid.currency,
    }
    for entry in entries:
        told = dict(entry.told)
        if entry.event == str(run.expect["refund_event"]):
            # What goes back may be told with a minus.
            told = {name: abs(value) if isinstance(value, int) else value for name, value in told.items()}
        elif entry.event != success:
            continue
        run.verify(checks.log_entries.entry_agrees, told, known)
    # The orders of pre-flight, which nobody pays, come to nothing under the same trace id.
    ours = [one.event for one in entries if dict(one.told).get("order_id", known["order_id"]) == known["order_id"]]
    run.verify(checks.log_entries.log_ends_in_success, ours, success, failure)


async def share_comes_back(run: Run, facts: Facts, poll: Poll, ledger: Provider) -> Transfer:
    """The seller's share is taken back, perhaps a little later than the order is refunded. The transfer then."""
    due: Money = facts["transfer_confirmed"]
    seen = await poll.until(
        "transfer_reversed",
        lambda: ledger.transfer(facts["stripe_transfer_id"]),
        value=lambda transfer: "reversed" if transfer.reversed_amount == due else "not reversed",
        goal={"reversed"},
        deadline_seconds=float(run.thresholds["refunded_within_seconds"]),
    )
    if seen.last is None:
        run.fail("the transfer", observed="no answer", expected="a transfer that is reversed")
    facts["transfer_reversed"] = seen.last.reversed_amount
    run.verify(checks.transfers.transfer_reversed, seen.last, due)
    return seen.last


async def nothing_more_is_passed_on(run: Run, facts: Facts, ledger: Provider, recorded: Transfer) -> None:
    """No other transfer of our charge or order has come since row transfer: nobody takes one back that came so late."""
    transfers = await ledger.transfers_since(facts["paid_at"] - LOOK_BACK)
    run.verify(checks.transfers.no_other_transfer, transfers, recorded, facts["order_id"])


async def row_follows(run: Run, facts: Facts, poll: Poll, db: Database) -> None:
    """The target's own row of the transfer follows, perhaps a little later than the provider's."""

    async def look() -> str:
        rows = await db.rows(TRANSFER_STATUS_QUERY, [facts["order_id"]])
        return str(rows[0]["status"]) if rows else ""

    seen = await poll.until(
        "transfer_row",
        look,
        value=lambda status: "paid" if checks.transfers.transfer_row_follows.judge(status) else "not paid",
        goal={"not paid"},
        deadline_seconds=float(run.thresholds["transfer_within_seconds"]),
    )
    run.verify(checks.transfers.transfer_row_follows, seen.last or "")


async def our_charge(run: Run, facts: Facts, ledger: Provider) -> Charge:
    """Our charge as the ledger has it now; it must be the one of row pay, or another buyer's money would be touched."""
    charge = run.one_charge(await ledger.charges(facts["connector_payment_id"]))
    if charge.charge_id != facts["charge_id"]:
        run.fail("the charge of the payment", observed=charge.charge_id, expected=facts["charge_id"])
    return charge


async def licence_goes(buyer: Buyer, facts: Facts, poll: Poll, seconds: float, *, name: str = "licence_gone") -> bool:
    """Whether the buyer's list loses the order's licence in time; a moment after the order is refunded will do."""
    seen = await poll.until(
        name,
        buyer.licences,
        value=lambda held: "there" if any(one.get("order_id") == facts["order_id"] for one in held) else "gone",
        goal={"gone"},
        deadline_seconds=seconds,
    )
    return seen.reached


async def watched(run: Run, poll: Poll, ledger: Provider, refund: Refund) -> Refund:
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
