"""The small gate's rows: every service is asked by name, money moves through the target, under whichever name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate import HoldPoint, Money, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate import Api, Database, Facts, HttpLog, Operator, Poll, Provider, Run

PRICE = Money(50, "USD")


@pytest.mark.preflight
@pytest.mark.row("probe")
async def test_probe(service: Callable[[str], Api], facts: Facts, db: Database) -> None:
    """Each of the eight apps answers, and the fleet has a past."""
    answers = [await service(f"a{number}").get("/health") for number in range(1, 9)]
    facts["healthy"] = sum(answer.status == 200 for answer in answers)
    assert len(await db.rows("SELECT at FROM probe_samples WHERE endpoint = 'a3' LIMIT 3", [])) == 3


@pytest.mark.live_money
@pytest.mark.row("checkout")
async def test_checkout(
    service: Callable[[str], Api], facts: Facts, run: Run, operator: Operator, provider: Callable[[str], Provider]
) -> None:
    """One purchase, asked of A5 by its own name, then paid on the hosted page."""
    body = {"credits": 50, "amount": 50}
    answer = await service("a5").post("/api/billing/create-checkout", json=body, charge=PRICE)
    run.check("the trace that came back", observed=answer.trace_echo, expected=run.trace_id)
    facts["payment_id"] = pick(answer.json(), "payment_intent_id", str)
    url = pick(answer.json(), "url", str)
    point = HoldPoint(hold_id="pay", title="Pay", instructions=("Pay.",), deadline_seconds=20.0, url=url)
    run.check("whether it was paid", observed=(await operator.hold(point)).answered, expected=True)
    (charge,) = await provider("stripe").charges(facts["payment_id"])
    facts["paid"] = charge.captured
    run.check("the amount", observed=charge.captured, expected=PRICE)


@pytest.mark.row("log")
async def test_log(logs: HttpLog, facts: Facts, run: Run, poll: Poll) -> None:
    """A5's log tells of the payment under the run's trace."""
    seen = await poll.until(
        "log",
        lambda: logs.entries(run.trace_id, "payment_succeeded"),
        value=lambda entries: str(len(entries)),
        goal={"1"},
        deadline_seconds=5.0,
    )
    facts["log_events"] = len(seen.last or ())


@pytest.mark.live_money
@pytest.mark.row("refund")
async def test_refund(api: Api, facts: Facts, run: Run, provider: Callable[[str], Provider]) -> None:
    """The target, which is A5, gives it back."""
    (charge,) = await provider("stripe").charges(facts["payment_id"])
    body = {"payment_intent_id": facts["payment_id"]}
    answer = await api.post("/api/billing/refund", json=body, refund=charge)
    run.check("the status of the refund", observed=answer.status, expected=200)
    facts["refund_id"] = pick(answer.json(), "refund_id", str)


@pytest.mark.row("event")
async def test_event(service: Callable[[str], Api], facts: Facts, run: Run) -> None:
    """A8 keeps an event and reads it back with the same checksum; money cannot move through it."""
    body = {"event_type": "complete", "app_id": "A5", "data": {"refund_id": facts["refund_id"]}}
    kept = await service("a8").post("/events", json=body)
    facts["event_id"] = pick(kept.json(), "event_id", str)
    read = await service("a8").get(f"/events/{facts['event_id']}")
    same = pick(read.json(), "checksum", str) == pick(kept.json(), "checksum", str)
    run.check("whether the checksum is the same", observed=same, expected=True)
    with pytest.raises(RuntimeError, match="only where the gate's own target is asked"):
        await service("a8").post("/events", json=body, charge=PRICE)
