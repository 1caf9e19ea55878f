"""Carrying a settlement out: every step `core.settlement` asks for, against the real providers, until it is over.

Owns the loop between steps and effects, and nothing of what the steps are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pytest_paygate.core import settlement as steps

if TYPE_CHECKING:
    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Clock, Recorder
    from pytest_paygate.core.settlement import Settlement, SettleOutcome, Sightings

# Asks the target to refund a charge; returns why it did not agree, or nothing.
TargetRefund: TypeAlias = Callable[["ChargeState"], Awaitable[str]]


class Looks(Protocol):
    """What a settlement needs of the providers; see `witnesses.Witnesses`."""

    async def look(self) -> Sightings | None:
        """One complete look, or None."""

    async def refund(self, charge: ChargeState, amount: Money, *, idempotency_key: str) -> str:
        """Ask for a refund; why not, or nothing."""

    async def close(self, provider: str, payment_id: str) -> None:
        """Make a payment unpayable."""


async def settle(
    settlement: Settlement,
    witnesses: Looks,
    *,
    recorder: Recorder,
    clock: Clock,
    target: TargetRefund | None = None,
) -> SettleOutcome:
    """Run a settlement to its end.

    Args:
        settlement: what is to be settled, and how patiently.
        witnesses: the providers.
        recorder: the run's journal.
        clock: waits.
        target: asks the target; needed when the settlement's policy says `through_target`.

    Raises:
        JournalError: when something cannot be written down; nothing more was sent then.
    """
    running = settlement.steps()
    answer: object = None
    while True:
        try:
            step = running.send(answer)
        except StopIteration as end:
            outcome: SettleOutcome = end.value
            return outcome
        answer = None
        match step:
            case steps.Record():
                recorder.record(step.event)
            case steps.Look():
                answer = await witnesses.look()
            case steps.AskTarget():
                answer = "nobody here can ask the target" if target is None else await target(step.charge)
            case steps.AskProvider():
                answer = await witnesses.refund(step.charge, step.amount, idempotency_key=step.idempotency_key)
            case steps.Close():
                await witnesses.close(step.provider, step.payment_id)
            case steps.Wait():
                await clock.sleep(step.seconds)
