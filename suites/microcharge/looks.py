"""What is looked at besides an answer: the page before anybody pays, the provider's books, the account, A5's log.

Owns how a look is made of reads and checks; which row makes it stands in the rows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate import RefundStatus, checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate import (
        Answer,
        BalanceTransaction,
        Charge,
        Facts,
        LogEntry,
        LogSource,
        Money,
        Poll,
        Provider,
        Refund,
        Run,
    )

# The ledger's list is by time: from well before the charge, in case a second one came first.
LOOK_BACK_MINUTES = 30
# What pre-flight records where the account tells no currency.
NOT_TOLD = "unknown"


def came_back(last: Refund, refunds: Sequence[Refund]) -> Money:
    """What the refunds of the charge give back together; `last` counts as it stands, the others once they succeeded."""
    others = [one for one in refunds if one.refund_id != last.refund_id and one.status is RefundStatus.SUCCEEDED]
    return sum((one.amount for one in others if one.amount.currency == last.amount.currency), last.amount)


def keeps_keys(run: Run, answer: Answer, question: str) -> None:
    """Neither a header nor the body may tell whoever asks a key of the provider."""
    run.verify(checks.replies.no_key_told, question, [*answer.headers.values(), answer.body.decode(errors="replace")])


async def posted(ledger: Provider, entry: Charge | Refund) -> BalanceTransaction | None:
    """The line of a charge or a refund in the balance, None while it has none."""
    if not entry.balance_transaction_id:
        return None
    return await ledger.balance_transaction(entry.balance_transaction_id)


async def look_at_books(run: Run, facts: Facts, ledger: Provider, poll: Poll, refund: Refund) -> None:
    """The refund's own word is one; the charge, the payment and two lines of the balance are other entries."""
    seen = await poll.until(
        "charge_posted",
        lambda: ledger.charges(facts["payment_intent_id"]),
        value=lambda found: "posted" if any(one.balance_transaction_id for one in found) else "not posted",
        goal={"posted"},
        deadline_seconds=float(run.thresholds["posted_within_seconds"]),
    )
    charge = run.one_charge(seen.last or ())
    line, back = await posted(ledger, charge), await posted(ledger, refund)
    if line is not None and "provider_fee" not in facts:
        facts["provider_fee"] = line.fee
    amount, settles_in = facts["amount_charged"], facts["settlement_currency"]
    run.verify(checks.refunds.charge_given_back, charge)
    run.verify(checks.refund_course.refund_posted, back, amount)
    run.verify(checks.charges.charge_posted, charge, None if line is None else line.amount, amount)
    for one in (line, back):
        if one is not None and settles_in != NOT_TOLD:
            run.verify(checks.bookkeeping.posted_unconverted, one, settles_in)
    payment = await ledger.payment(facts["payment_intent_id"])
    run.verify(checks.bookkeeping.payment_agrees, payment, charge, amount)


async def look_at_ledger(run: Run, facts: Facts, ledger: Provider) -> None:
    """The account as a whole: no other charge or page of the run, ours undisputed, and its refund still there."""
    since = facts["charged_at"] - timedelta(minutes=LOOK_BACK_MINUTES)
    charges = await ledger.charges_since(since)
    traced = [one for one in charges if one.metadata.get("trace_id") == run.trace_id]
    run.verify(checks.charges.no_other_charge, traced, frozenset({facts["charge_id"]}))
    ours = next((one for one in traced if one.charge_id == facts["charge_id"]), None)
    if ours is None:
        ours = run.one_charge(await ledger.charges(facts["payment_intent_id"]))
    run.verify(checks.charges.charge_undisputed, ours)
    # On the provider's own clock: nothing of this run is older than the payment.
    made = datetime.fromisoformat(run.kept("payment_made_at"))
    run.verify(checks.bookkeeping.nothing_beside, [one for one in charges if one.created >= made], ours, run.trace_id)
    payments = await ledger.payments_since(since, trace_id=run.trace_id)
    run.verify(checks.checkouts.one_payable, payments, facts["payment_intent_id"])
    # A refund that said succeeded can fail a moment later: then the money never came back.
    again = await ledger.read_refund(facts["refund_id"])
    run.guard("refund", observed=again.status.value)


async def look_at_what_is_asked(run: Run, facts: Facts, ledger: Provider, amount: Money, url: str) -> None:
    """Before anybody can pay: what A5 says it sells is not proof of what the provider will charge, and to whom."""
    payment = await ledger.payment(facts["payment_intent_id"])
    run.keep("payment_made_at", payment.created.isoformat())
    by_page = await ledger.payment(facts["session_id"])
    run.verify(checks.checkouts.session_of_payment, by_page, payment.payment_id)
    run.verify(checks.checkouts.asks_for_plan, payment, amount)
    run.verify(checks.checkouts.page_sells_plan, by_page, amount)
    run.verify(checks.checkouts.page_of_provider, url, by_page.page)
    run.verify(checks.checkouts.payment_mode, payment, livemode=run.livemode)
    began = datetime.fromisoformat(run.kept("began_at"))
    age_seconds = (began - payment.created).total_seconds()
    run.verify(checks.charges.payment_is_new, age_seconds, float(run.thresholds["clocks_apart_seconds"]))


async def whole_log(run: Run, logs: LogSource, poll: Poll) -> Sequence[LogEntry]:
    """A5's entries under our trace id, once they tell of the refund, or as they are when they should."""
    refunded = str(run.expect["refund_event"])
    seen = await poll.until(
        "log_of_refund",
        lambda: logs.entries(run.trace_id),
        value=lambda found: "heard" if not refunded or refunded in {one.event for one in found} else "not heard",
        goal={"heard"},
        deadline_seconds=float(run.thresholds["logged_within_seconds"]),
    )
    return seen.last or ()


def look_at_log(run: Run, facts: Facts, entries: Sequence[LogEntry]) -> None:
    """What else A5's log says under our trace id: what was paid and came back, and nothing that nobody may read."""
    words = [entry.event for entry in entries]
    refunded, contrary = str(run.expect["refund_event"]), str(run.expect["refund_contrary_events"])
    if refunded:
        run.verify(checks.log_entries.refund_heard, words, refunded, contrary.replace(",", " ").split())
    known, paid = of_payment(run, facts), str(run.expect["payment_event"])
    for entry in entries:
        if entry.event == paid:
            run.verify(checks.log_entries.entry_agrees, dict(entry.told), known)
        elif entry.event == refunded:
            # What goes back may be told with a minus.
            unsigned = {name: abs(value) if isinstance(value, int) else value for name, value in entry.told}
            run.verify(checks.log_entries.entry_agrees, unsigned, known)
    success, failure = str(run.expect["payment_event"]), str(run.expect["failed_event"])
    run.verify(checks.log_entries.log_ends_in_success, words, success, failure)
    run.verify(checks.log_entries.log_tells_no_secret, sum(entry.tells_secret for entry in entries))


def of_payment(run: Run, facts: Facts) -> dict[str, str | int]:
    """What is known of the payment, under the names by which a log may tell it."""
    amount: Money = facts["amount_charged"]
    return {
        "payment_intent_id": facts["payment_intent_id"],
        "session_id": facts["session_id"],
        "refund_id": facts["refund_id"],
        "amount_minor": amount.minor,
        "amount_cents": amount.minor,
        "currency": amount.currency,
        "credits": int(run.expect["credits"]),
    }
