"""Carrying a settlement out: each step goes to whoever it is for, and what came of it comes back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core import settlement as steps
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.exposure import ChargeState, apply
from pytest_paygate.core.money import Money
from pytest_paygate.core.settlement import Settlement, SettleOutcome, SettlePolicy, Sightings
from pytest_paygate.exposure.settling import settle
from tests.unit.core.settling import CHARGE, RUN, asked, escalated, looked, with_refunds
from tests.unit.core.settling import refund as in_ledger
from tests.unit.core.test_exposure import ARMED, AT, INTENDED, SENT, fold

if TYPE_CHECKING:
    from collections.abc import Generator

# A settlement whose steps are not carried out never ends: eight seconds are far more than any of these needs.
pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(8, method="signal")]
EUR_5 = Money(500, "EUR")
STATE = ChargeState("stripe", "ch_1", "pi_1", EUR_5, "created")
SEEN = Sightings((), ())
EVENT = looked(1, 1)


class World:
    """Providers, journal and clock of one settlement: what each was asked to do, in order."""

    def __init__(self, *looks: Sightings | None, refused: str = "", target: str = "") -> None:
        self.done: list[Any] = []
        self.looks = list(looks)
        self.refused = refused
        self.target_says = target

    async def look(self) -> Sightings | None:
        """The next look."""
        self.done.append("look")
        return self.looks.pop(0)

    async def refund(self, charge: ChargeState, amount: Money, *, idempotency_key: str) -> str:
        """A refund at the provider."""
        self.done.append(("provider", charge.charge_id, amount, idempotency_key))
        return self.refused

    async def close(self, provider: str, payment_id: str) -> None:
        """A link is closed."""
        self.done.append(("close", provider, payment_id))

    def record(self, body: Any) -> int:
        """A line of the journal."""
        self.done.append(body)
        return 7

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.done.append(("wait", seconds))

    async def target(self, charge: ChargeState) -> str:
        """A refund at the target."""
        self.done.append(("target", charge))
        return self.target_says


def told(*wanted: object) -> tuple[Any, list[object]]:
    """A settlement of these steps, and a list that fills with what came back for each."""
    came: list[object] = []

    def generator() -> Generator[object, object, SettleOutcome]:
        for step in wanted:
            answer = yield step
            came.append(answer)
        return SettleOutcome.ESCALATED

    return SimpleNamespace(steps=generator), came


async def carried_out(world: World, *wanted: object, with_target: bool = True) -> list[object]:
    """Carry these steps out; what came back for each."""
    settlement, came = told(*wanted)
    target = world.target if with_target else None
    outcome = await settle(settlement, world, recorder=world, clock=world, target=target)
    assert outcome is SettleOutcome.ESCALATED
    return came


@pytest.mark.parametrize(
    ("step", "done", "answer"),
    [
        (steps.Record(EVENT), EVENT, None),
        (steps.Look(), "look", SEEN),
        (steps.AskTarget(STATE), ("target", STATE), "too late"),
        (steps.AskProvider(STATE, EUR_5, "key-1"), ("provider", "ch_1", EUR_5, "key-1"), "denied"),
        (steps.Close("hyperswitch", "pay_1"), ("close", "hyperswitch", "pay_1"), None),
        (steps.Wait(0.75), ("wait", 0.75), None),
    ],
)
async def test_each_step_is_carried_out_once_and_answered(step, done, answer):
    """Journal, providers, target and clock are each asked for their own steps only, and only their answer goes back."""
    world = World(SEEN, refused="denied", target="too late")
    assert await carried_out(world, step) == [answer]
    assert world.done == [done]


async def test_the_answer_of_one_step_is_not_that_of_the_next():
    """A line of the journal has no answer, whatever the step before it was told; a look that failed is None."""
    world = World(None, SEEN, refused="denied")
    wanted = (steps.AskProvider(STATE, EUR_5, "k"), steps.Record(EVENT), steps.Look(), steps.Look(), steps.Wait(1.0))
    assert await carried_out(world, *wanted) == ["denied", None, None, SEEN, None]


async def test_where_nobody_can_ask_the_target_it_has_refused():
    """A step for the target in a process that has no target is answered with a reason, in these words."""
    world = World()
    assert await carried_out(world, steps.AskTarget(STATE), with_target=False) == ["nobody here can ask the target"]
    assert world.done == []


async def test_what_cannot_be_written_down_is_not_acted_on():
    """When the journal fails nothing after the line is sent."""
    world = World(SEEN)

    def fails(body: object) -> int:
        raise JournalError(Refusal("the journal cannot be written", "", "", "", ""))

    world.record = fails
    with pytest.raises(JournalError):
        await carried_out(world, steps.Record(EVENT), steps.AskProvider(STATE, EUR_5, "k"))
    assert world.done == []


class Journalled(World):
    """A world whose journal is folded by the real rules, and whose clock moves only while somebody waits."""

    def __init__(self, *looks: Sightings | None, **told: str) -> None:
        super().__init__(*looks, **told)
        self.exposure = fold(*ARMED, INTENDED, SENT)
        self.now = 1000.0

    def record(self, body: Any) -> int:
        """Fold what tells of the exposure."""
        if body.kind not in {"run_escalated", "anomaly"}:
            self.exposure = apply(self.exposure, body, AT, guarded=True)
        return super().record(body)

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds


def settlement_of(world: Journalled) -> Settlement:
    """The real settlement, in a world where a late charge may still come for one second."""
    policy = SettlePolicy(late_charge_seconds=1.0, look_floor_seconds=2.0)
    return Settlement(RUN, lambda: world.exposure, policy, lambda: world.now)


async def test_a_charge_is_found_refunded_and_settled():
    """From a charge in the ledger to nothing open: seen, intended, asked for under its own key, looked at again."""
    back = Sightings((with_refunds(in_ledger("succeeded")),), ())
    world = Journalled(Sightings((CHARGE,), ()), back, back)
    outcome = await settle(settlement_of(world), world, recorder=world, clock=world)
    assert outcome is SettleOutcome.SETTLED
    assert not world.exposure.is_open
    assert [one for one in world.done if isinstance(one, tuple)] == [asked()]
    assert [getattr(one, "kind", "") for one in world.done if not isinstance(one, tuple | str)] == [
        "charge_seen",
        "ledger_looked",
        "refund_intended",
        "refund_seen",
        "ledger_looked",
        "exposure_settled",
    ]


async def test_a_refund_that_is_denied_is_a_persons_work():
    """The provider's refusal ends the settlement as escalated, with the charge and the amount on record."""
    seen = Sightings((CHARGE,), ())
    world = Journalled(seen, seen, seen, refused="permission denied: 403")
    outcome = await settle(settlement_of(world), world, recorder=world, clock=world)
    assert outcome is SettleOutcome.ESCALATED
    assert world.done.count(asked()) == 1
    assert escalated("permission denied: 403") in world.done
