"""The six rows: probe, checkout, payment by a person, refund within 60 seconds, three proofs, the event at A8."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate import (
    HoldPoint,
    PaygateError,
    PaymentStatus,
    ProofStatus,
    RefundStatus,
    pick,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Api, Charge, Facts, LogSource, Operator, Payment, Poll, Proofs, Provider, Refund, Run
    from suites.microcharge.conftest import Student

from suites.microcharge.conftest import status_of

# The last four digits of the provider's published test card: on a live charge they give a sandbox away.
TEST_CARD_LAST4 = "4242"
PROOFS = 3
# The ledger's list is by time: from well before the charge, in case a second one came first.
LOOK_BACK_MINUTES = 30


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
    run.check("the status of create-checkout", observed=answer.status, expected=200)
    payment = facts["payment_intent_id"] = pick(answer.json(), "payment_intent_id", str)
    run.refund_through(lambda: student.refund(payment))
    facts["session_id"] = pick(answer.json(), "session_id", str)
    facts["checkout_trace_id"] = answer.trace_echo
    proofs.http("charge", answer, ids={"provider_payment_id": payment})
    run.check("the trace id that came back", observed=answer.trace_echo, expected=trace_id)
    # Before anybody can pay: what A5 says it sells is not proof of what the provider will charge.
    asked_for = await provider("stripe").payment(payment)
    run.check("the amount the provider asks for", observed=asked_for.amount, expected=amount)
    run.keep("payment_url", pick(answer.json(), "url", str))


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
        run.check("entries of a payment before anybody has paid", observed=len(early), expected=0)
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
    run.check("whether the payment was made", observed=answer.answered, expected=True)
    seen = await poll.until(
        "payment",
        lambda: looked(run, ledger, facts["payment_intent_id"]),
        value=lambda payment: payment.status.value,
        goal={PaymentStatus.SUCCEEDED.value},
        bad={PaymentStatus.CANCELLED.value, PaymentStatus.EXPIRED.value},
        deadline_seconds=float(run.thresholds["charged_within_seconds"]),
    )
    facts["payment_status"] = run.reached("the payment's status", seen, expected="succeeded").status.value
    charge = await the_charge(run, facts, ledger)
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
    if run.livemode and charge.card is not None and charge.card.last4 == TEST_CARD_LAST4:
        run.fail("the card of a live charge", observed="the published test card", expected="a real card")


@pytest.mark.live_money
@pytest.mark.row("refund")
async def test_refund(
    student: Student, run: Run, facts: Facts, provider: Callable[[str], Provider], poll: Poll, proofs: Proofs
) -> None:
    """Row 4: the whole charge comes back within 60 seconds, on the provider's clock; else a person is called."""
    ledger = provider("stripe")
    charge = await the_charge(run, facts, ledger)
    limit = int(run.thresholds["refund_within_seconds"])
    unpaid = float(run.kept("unpaid_seconds"))
    with run.countdown(
        f"refund of {charge.captured}", since_seconds=unpaid, limit_seconds=limit, at_end="The refund is late: FAIL."
    ):
        refund, facts["refund_by"] = await asked(run, facts, student, ledger, charge)
        seen = await poll.until(
            "refund",
            lambda: ledger.read_refund(refund.refund_id),
            value=lambda read: read.status.value,
            goal={RefundStatus.SUCCEEDED.value},
            bad={RefundStatus.FAILED.value, RefundStatus.CANCELLED.value},
            deadline_seconds=float(limit),
        )
    last = seen.last or refund
    facts["refund_id"], facts["refund_status"] = last.refund_id, last.status.value
    facts["amount_refunded"] = last.amount
    facts["refund_latency_seconds"] = round((last.created - charge.created).total_seconds())
    # Whole seconds hide up to one: from the last look that saw no payment until the refund was seen is never less.
    facts["refund_bound_seconds"] = run.elapsed_seconds - unpaid
    proofs.ledger("refund", last, expected=facts["amount_charged"], after="charge")
    run.guard("refund", observed=last.status.value)
    run.check("the amount refunded", observed=last.amount, expected=facts["amount_charged"])
    run.check("the refunded charge", observed=last.charge_id, expected=facts["charge_id"])
    run.check("who gave the money back", observed=facts["refund_by"], expected="A5")
    on_time = facts["refund_latency_seconds"] < limit or (
        facts["refund_latency_seconds"] == limit and facts["refund_bound_seconds"] <= limit
    )
    if not on_time:
        run.fail(
            "how long the money was away",
            observed=f"{facts['refund_latency_seconds']} s on the provider's clock",
            expected=f"at most {limit} s, and at exactly {limit} s our own clock must agree",
        )


@pytest.mark.row("proofs")
async def test_proofs(
    run: Run, facts: Facts, proofs: Proofs, logs: LogSource | None, provider: Callable[[str], Provider]
) -> None:
    """Row 5: the HTTP answer, A5's log and the ledger say the same of one trace id, each of them once."""
    event = str(run.expect["payment_event"])
    status = await proofs.log("charge", event, within_seconds=float(run.thresholds["logged_within_seconds"]))
    facts["log_trace_matches"] = status is ProofStatus.HOLDS
    if logs is not None and status is ProofStatus.HOLDS:
        entries = await logs.entries(run.trace_id, event)
        facts["log_event"], facts["log_at"] = entries[0].event, datetime.fromisoformat(entries[0].at)
        run.check(f"how often A5 logged {event}", observed=len(entries), expected=1)
    since = facts["charged_at"] - timedelta(minutes=LOOK_BACK_MINUTES)
    charges = await provider("stripe").charges_since(since, trace_id=run.trace_id)
    taken = sum(charge.succeeded for charge in charges)
    run.check("how many charges stand under this trace id", observed=taken, expected=1)
    facts["proof_count"] = int(proofs.tally("charge").split(" of ")[0])
    # A refund that said succeeded can fail a moment later: then the money never came back.
    again = await provider("stripe").read_refund(facts["refund_id"])
    run.guard("refund", observed=again.status.value)


@pytest.mark.row("event")
async def test_event(service: Callable[[str], Api], run: Run, facts: Facts) -> None:
    """Row 6: A8 keeps the event and gives the same checksum back."""
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
    run.check("the status of POST /events", observed=kept.status, expected=201)
    facts["a8_event_id"] = pick(kept.json(), "event_id", str)
    facts["a8_checksum"] = pick(kept.json(), "checksum", str)
    back = await a8.get(f"/events/{facts['a8_event_id']}")
    run.check("the status of GET /events/:id", observed=back.status, expected=200)
    run.check("the checksum read back", observed=pick(back.json(), "checksum", str), expected=facts["a8_checksum"])
    run.check("the event read back", observed=pick(back.json(), "data", dict) == data, expected=True)


async def looked(run: Run, ledger: Provider, payment_id: str) -> Payment:
    """One look at the payment; when it began is kept while it shows no payment: the money cannot have left before."""
    began = run.elapsed_seconds
    payment = await ledger.payment(payment_id)
    if payment.status is not PaymentStatus.SUCCEEDED:
        run.keep("unpaid_seconds", str(began))
    return payment


async def the_charge(run: Run, facts: Facts, ledger: Provider) -> Charge:
    """The one charge that was taken for this payment."""
    charge = run.one_charge(await ledger.charges(facts["payment_intent_id"]))
    run.check("whether the charge is captured", observed=charge.is_captured, expected=True)
    return charge


async def asked(run: Run, facts: Facts, student: Student, ledger: Provider, charge: Charge) -> tuple[Refund, str]:
    """Ask A5 for the refund and, where it does not give one, the provider itself; returns it and who gave it."""
    by = "A5"
    try:
        answer = await student.refund(facts["payment_intent_id"], charge)
        if not 200 <= answer.status < 300:
            by = "the provider"
    except PaygateError:
        by = "the provider"
    made = await ledger.refunds(facts["payment_intent_id"])
    if made:
        run.check("the number of refunds of this charge", observed=len(made), expected=1)
        return made[0], by
    run.anomaly("refund_refused", "A5 did not refund the charge; the provider was asked directly")
    return await run.refund_at_provider(ledger, charge), "the provider"
