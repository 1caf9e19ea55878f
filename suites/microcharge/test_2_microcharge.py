"""The six rows: probe, checkout, payment by a person, refund within 60 seconds, three proofs, the event at A8."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import (
    HoldPoint,
    PaygateError,
    PaymentStatus,
    ProofStatus,
    RefundStatus,
    checks,
    pick,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import (
        Answer,
        Api,
        Charge,
        Facts,
        LogSource,
        Operator,
        Payment,
        Poll,
        Proofs,
        Provider,
        Refund,
        Run,
    )
    from suites.microcharge.conftest import Student

from suites.microcharge.conftest import status_of
from suites.microcharge.looks import (
    came_back,
    keeps_keys,
    look_at_books,
    look_at_ledger,
    look_at_log,
    look_at_what_is_asked,
    whole_log,
)

PROOFS = 3
CAME_TO_NOTHING = frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED})


@pytest.mark.row("probe")
async def test_probe(run: Run, facts: Facts, core: dict[str, Api]) -> None:
    """Row 1: A3, A6 and A8 answer 200 now, and are looked at again right before money moves."""
    for name, api in core.items():
        run.watch_guard(f"{name}_up", lambda api=api: status_of(api))
        facts[f"{name}_status"] = await status_of(api)
        run.guard(f"{name}_up", observed=facts[f"{name}_status"])


@pytest.mark.live_money
@pytest.mark.row("checkout")
async def test_checkout(
    student: Student, run: Run, facts: Facts, proofs: Proofs, provider: Callable[[str], Provider], trace_id: str
) -> None:
    """Row 2: a checkout is made, once, under this run's trace id; the provider asks for the amount of the plan."""
    amount = run.expected_money("amount")
    answer = await student.checkout(amount, int(run.expect["credits"]), idempotency_key=f"{trace_id}-checkout")
    facts["checkout_status"] = answer.status
    payment = facts["payment_intent_id"] = pick(answer.json(), "payment_intent_id", str)
    run.refund_through(lambda: student.refund(payment))
    facts["session_id"] = pick(answer.json(), "session_id", str)
    proofs.http("charge", answer, ids={"provider_payment_id": payment})
    run.verify(checks.checkouts.checkout_made, answer.status)
    run.verify(checks.checkouts.trace_returned, answer.trace_echo, trace_id, "create-checkout")
    facts["checkout_trace_id"] = answer.trace_echo
    run.verify(checks.checkouts.answer_tells_no_secret, answer.body)
    keeps_keys(run, answer, "create-checkout")
    url = pick(answer.json(), "url", str)
    await look_at_what_is_asked(run, facts, provider("stripe"), amount, url)
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
    logs: LogSource | None,
) -> None:
    """Row 3: a person pays; the ledger shows one captured charge of that amount, in the right mode, under our trace."""
    amount = run.expected_money("amount")
    if logs is not None:
        # A log that says so before anybody has paid says nothing afterwards.
        early = await logs.entries(run.trace_id, str(run.expect["payment_event"]))
        run.verify(checks.log_entries.log_waits_for_payment, len(early), str(run.expect["payment_event"]))
    ledger = provider("stripe")
    seconds = float(run.thresholds["payment_hold_seconds"])
    run.keep("unpaid_seconds", str(run.elapsed_seconds))
    answer = await operator.hold(
        HoldPoint(
            hold_id="pay",
            title=f"Pay {amount}; the 60 seconds begin with the charge",
            instructions=(
                f"Expect {amount} on the page. Pay with a card that may be used here.",
                "Nothing to type then: the payment is seen by itself, and the refund follows at once.",
            ),
            deadline_seconds=seconds,
            url=run.kept("payment_url"),
            notice=poll.noticing(
                "payment_noticed",
                lambda: looked(run, ledger, facts["payment_intent_id"]),
                value=lambda payment: payment.status.value,
                goal={PaymentStatus.SUCCEEDED.value},
                bad={PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
                deadline_seconds=seconds,
            ),
        )
    )
    # Whoever says that nothing was paid, or says nothing, is not asked again: the ledger is, and it alone decides.
    within = float(run.thresholds["charged_within_seconds"]) if answer.answered else 0.0
    seen = await poll.until(
        "payment",
        lambda: looked(run, ledger, facts["payment_intent_id"]),
        value=lambda payment: payment.status.value,
        goal={PaymentStatus.SUCCEEDED.value},
        bad={PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
        deadline_seconds=within,
    )
    facts["payment_status"] = run.reached("the payment's status", seen, expected="succeeded").status.value
    charge = run.one_charge(await ledger.charges(facts["payment_intent_id"]))
    facts["charge_id"] = charge.charge_id
    facts["amount_charged"] = charge.captured
    facts["amount_cents"] = charge.captured.minor
    facts["charged_at"] = charge.created
    if charge.card is not None:
        facts["card_last4"], facts["card_brand"] = charge.card.last4, charge.card.brand
    proofs.ledger("charge", charge, expected=amount)
    if (fee := await run.fee_of(ledger, charge)) is not None:
        facts["provider_fee"] = fee
    run.check_charge(charge, amount=amount)
    run.verify(checks.charges.real_card, charge, livemode=run.livemode)
    run.verify(checks.charges.charge_undisputed, charge)
    run.verify(checks.charges.charge_pays_us_only, charge)


@pytest.mark.live_money
@pytest.mark.row("refund")
async def test_refund(
    student: Student, run: Run, facts: Facts, provider: Callable[[str], Provider], poll: Poll, proofs: Proofs
) -> None:
    """Row 4: the whole charge comes back within 60 seconds, on the provider's clock; else a person is called."""
    ledger = provider("stripe")
    charge = run.one_charge(await ledger.charges(facts["payment_intent_id"]))
    limit = int(run.thresholds["refund_within_seconds"])
    unpaid = float(run.kept("unpaid_seconds"))
    with run.countdown(
        f"refund of {charge.captured}", since_seconds=unpaid, limit_seconds=limit, at_end="The refund is late: FAIL."
    ):
        made = await asked(run, facts, student, ledger, charge)
        facts["refund_by"] = made.by
        seen = await poll.until(
            "refund",
            lambda: ledger.read_refund(made.refund.refund_id),
            value=lambda read: read.status.value,
            goal={RefundStatus.SUCCEEDED.value},
            bad={RefundStatus.FAILED.value, RefundStatus.CANCELLED.value},
            deadline_seconds=limit + float(run.thresholds["refund_grace_seconds"]),
        )
    last = seen.last or made.refund
    refunds = await ledger.refunds(facts["payment_intent_id"])
    facts["refund_id"], facts["refund_status"] = last.refund_id, last.status.value
    facts["amount_refunded"] = came_back(last, refunds)
    facts["refund_latency_seconds"] = round((last.created - charge.created).total_seconds())
    # Whole seconds hide up to one: from the last look that saw no payment until the refund was seen is never less.
    facts["refund_bound_seconds"] = run.elapsed_seconds - unpaid
    proofs.ledger("refund", last, expected=facts["amount_charged"], after="charge")
    run.guard("refund", observed=last.status.value)
    run.verify(checks.refund_course.refunded_by_target, made.by, "A5")
    run.verify(checks.refunds.one_refund, refunds)
    run.check_refund(last, charge_id=charge.charge_id, amount=charge.captured)
    run.verify(checks.refunds.refund_leaves, last)
    run.verify(checks.refunds.refund_blames_nobody, last)
    if made.answer is not None:
        run.verify(checks.checkouts.trace_returned, made.answer.trace_echo, run.trace_id, "the refund")
        run.verify(checks.checkouts.answer_tells_no_secret, made.answer.body)
        keeps_keys(run, made.answer, "the refund")
        run.verify(checks.refund_course.refund_named, pick(made.answer.json(), "refund_id", str), last.refund_id)
    await look_at_books(run, facts, ledger, poll, last)
    latency, bound = facts["refund_latency_seconds"], facts["refund_bound_seconds"]
    run.verify(checks.refund_course.refund_in_time, latency, bound, limit)
    if "provider_fee" in facts:
        run.check_fee(facts["provider_fee"])


@pytest.mark.row("proofs")
async def test_proofs(
    run: Run, facts: Facts, proofs: Proofs, logs: LogSource | None, provider: Callable[[str], Provider], poll: Poll
) -> None:
    """Row 5: the HTTP answer, A5's log and the ledger say the same of one trace id, each of them once."""
    event = str(run.expect["payment_event"])
    status = await proofs.log("charge", event, within_seconds=float(run.thresholds["logged_within_seconds"]))
    facts["log_trace_matches"] = status is ProofStatus.HOLDS
    if logs is not None:
        entries = await whole_log(run, logs, poll)
        told = [entry for entry in entries if entry.event == event]
        if status is ProofStatus.HOLDS:
            facts["log_event"], facts["log_at"] = told[0].event, datetime.fromisoformat(told[0].at)
            run.verify(checks.log_entries.logged_once, len(told), event)
        look_at_log(run, facts, entries)
    await look_at_ledger(run, facts, provider("stripe"))
    facts["proof_count"] = int(proofs.tally("charge").split(" of ")[0])


@pytest.mark.row("event")
async def test_event(
    service: Callable[[str], Api], run: Run, facts: Facts, poll: Poll, provider: Callable[[str], Provider]
) -> None:
    """Row 6: A8 keeps the event and gives it back as it was sent, under the same checksum."""
    a8 = service("a8")
    data = {
        "amount_cents": facts["amount_cents"],
        "payment_intent_id": facts["payment_intent_id"],
        "refund_id": facts["refund_id"],
        "refund_time_seconds": facts["refund_latency_seconds"],
        "proof_count": facts["proof_count"],
        "verdict": "PASS" if facts["proof_count"] == PROOFS else "CONDITIONAL",
    }
    event = {"event_type": run.expect["event_type"], "app_id": run.expect["app_id"], "data": data}
    kept = await a8.post("/events", json=event, once=False)
    facts["a8_event_id"] = pick(kept.json(), "event_id", str)
    facts["a8_checksum"] = pick(kept.json(), "checksum", str)
    run.verify(checks.kept_events.event_created, kept.status)
    keeps_keys(run, kept, "POST /events")
    run.verify(checks.kept_events.checksum_whole, facts["a8_checksum"])
    # A replica that is a moment behind has not lost the event.
    seen = await poll.until(
        "event_read",
        lambda: a8.get(f"/events/{facts['a8_event_id']}"),
        value=lambda answer: str(answer.status),
        goal={"200"},
        deadline_seconds=float(run.thresholds["event_within_seconds"]),
    )
    back = run.reached("the status of GET /events/:id", seen, expected="200").json()
    run.verify(checks.kept_events.checksum_unchanged, pick(back, "checksum", str), facts["a8_checksum"])
    run.verify(checks.kept_events.event_unchanged, back if isinstance(back, dict) else {}, event)
    # The last look of the run: what the event has set off, or what came late, is told here or never.
    await look_at_ledger(run, facts, provider("stripe"))


async def looked(run: Run, ledger: Provider, payment_id: str) -> Payment:
    """One look at the payment; when it began is kept while it shows no payment: the money cannot have left before."""
    began = run.elapsed_seconds
    payment = await ledger.payment(payment_id)
    if payment.status is not PaymentStatus.SUCCEEDED:
        run.keep("unpaid_seconds", str(began))
    return payment


@dataclass(frozen=True)
class Asked:
    """A refund that was asked for: what the ledger has of it, who gave it, and A5's answer where it was a 2xx."""

    refund: Refund
    by: str
    answer: Answer | None


async def asked(run: Run, facts: Facts, student: Student, ledger: Provider, charge: Charge) -> Asked:
    """Ask A5 for the refund and, where it does not give one, the provider itself."""
    answer: Answer | None = None
    try:
        answer = await student.refund(facts["payment_intent_id"], charge)
    except PaygateError:
        run.anomaly("refund_unanswered", "A5 gave no whole answer to the refund")
    if answer is not None and not 200 <= answer.status < 300:
        answer = None
    if made := await ledger.refunds(facts["payment_intent_id"]):
        # One that came to nothing does not stand for one that did not.
        standing = next((one for one in made if one.status not in CAME_TO_NOTHING), made[0])
        return Asked(standing, "the provider" if answer is None else "A5", answer)
    run.anomaly("refund_refused", "A5 did not refund the charge; the provider was asked directly")
    return Asked(await run.refund_at_provider(ledger, charge), "the provider", None)
