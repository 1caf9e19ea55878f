"""An armed run: when its money may move, what is settled at its end, and who keeps which duty after that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import JournalError, Refusal
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.settlement import Settlement, SettleOutcome, SettlePolicy, Sightings
from pytest_paygate.exposure import arming
from pytest_paygate.exposure.arming import Armed, arm
from tests.unit.core.settling import CHARGE, with_refunds
from tests.unit.core.settling import refund as in_ledger
from tests.unit.core.test_exposure import INTENDED, SENT
from tests.unit.exposure.live_runs import RUN_ID, Stage, stages, told, watched
from tests.unit.exposure.live_stage import environment, ruled, stripe

if TYPE_CHECKING:
    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.money import Money

# A settlement that does not end would be waited for without end.
pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(30, method="signal")]
SEEN = Sightings((CHARGE,), ())
BACK = Sightings((with_refunds(in_ledger("succeeded")),), ())


@pytest.fixture(autouse=True)
def guardians(monkeypatch):
    """The guardians that were started; whatever day it is here, the one in UTC counts."""
    with stages():
        yield watched(monkeypatch)


class Ledger:
    """What the providers show at each look, and what they were asked; the clock goes on while somebody waits."""

    def __init__(self, *looks: Sightings, refused: str = "") -> None:
        self.looks, self.refused = list(looks), refused
        self.given: tuple[Any, ...] = ()
        self.asked: list[str] = []
        self.policies: list[SettlePolicy] = []
        self.seconds = 0.0
        self.closed = 0

    def witnesses(self, *given: Any, **named: Any) -> Ledger:
        """The providers of a run."""
        self.given = (*given, named)
        return self

    def settlement(self, run_id: str, view: Any, policy: SettlePolicy, seconds: Any) -> Settlement:
        """A settlement whose policy is kept."""
        self.policies.append(policy)
        self.asked.append(run_id)
        assert seconds() == self.seconds
        return Settlement(run_id, view, policy, seconds)

    async def look(self) -> Sightings:
        """The next look, the last one again and again."""
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def refund(self, charge: ChargeState, amount: Money, *, idempotency_key: str) -> str:
        """A refund at the provider."""
        del idempotency_key
        self.asked.append(f"provider {charge.charge_id} {amount}")
        return self.refused

    async def target(self, charge: ChargeState) -> str:
        """A refund at the target."""
        self.asked.append(f"target {charge.charge_id}")
        return ""

    async def aclose(self) -> None:
        """Release connections."""
        self.closed += 1

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def elapsed_seconds(self) -> float:
        """What was slept."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Go on."""
        self.seconds += seconds


@pytest.fixture
def ledger(monkeypatch):
    """Put a ledger behind the settling of a run."""

    def put(*looks: Sightings, **given: str) -> Ledger:
        made = Ledger(*looks, **given)
        monkeypatch.setattr(arming, "witnesses_of", made.witnesses)
        monkeypatch.setattr(arming, "Settlement", made.settlement)
        return made

    return put


async def armed(tmp_path, **given: Any) -> tuple[Stage, Armed]:
    """An armed run."""
    async with stripe() as wire:
        stage = Stage(tmp_path, target=environment(wire.base_url, live=ruled(late_charge_seconds=2.0)), **given)
        stage.plan()
        return stage, await arm(stage.run)


BOUGHT = (
    INTENDED.model_copy(update={"cap_minor": 600}),
    SENT,
    ev.FactRecorded(name="order", fact_kind=FactKind.IDENTIFIER, value="ord_1"),
    ev.RowFinished(row="order", status=ev.RowStatus.PASS),
)


async def settled_at(stage: Stage) -> datetime | None:
    """When the store was told that nothing of the run is open."""
    (record,) = await FileStore(stage.reports / ".live").exposures("prod")
    return record.settled_at


async def is_free(stage: Stage) -> bool:
    """Whether the next run could take the lock."""
    store = FileStore(stage.reports / ".live")
    await store.take_lock("prod", "the next run", 6.0)
    await store.aclose()
    return True


async def test_money_may_move_while_lock_and_guardian_are_there(tmp_path, guardians):
    """A lost lock, or a guardian that has ended, closes the desk, and the reason is told; the lock comes first."""
    stage, found = await armed(tmp_path)
    assert found.closed() == ""
    guardians[0].is_alive = False
    assert found.closed() == "the guardian has ended"
    found.keeper.lost = True
    assert found.closed() == "the environment's lock was lost"
    found.keeper.close()
    assert found.target() is None
    assert stage.run is found.run


async def test_where_nothing_is_open_nothing_is_settled(tmp_path, guardians, ledger):
    """A run that bought nothing notes so in the store, lets the guardian go and gives the lock back."""
    world = ledger(SEEN)
    stage, found = await armed(tmp_path)
    before = datetime.now(UTC)
    assert await found.settle() is None
    assert before <= await settled_at(stage) <= datetime.now(UTC)
    assert guardians[0].released == 1
    assert await is_free(stage)
    assert (world.given, stage.kinds()[-1]) == ((), "phase_finished")


async def test_what_is_open_is_settled_with_the_runs_own_keys(tmp_path, guardians, ledger):
    """The charge is found, refunded at the provider and looked at until no late one can come; then all duties end."""
    world = ledger(SEEN, BACK)
    stage, found = await armed(tmp_path)
    object.__setattr__(stage.run, "clock", world)
    told(stage.journal, *BOUGHT)
    state = stage.journal.state
    assert await found.settle() is SettleOutcome.SETTLED
    assert world.given[1:] == (stage.run.environment, stage.journal, world, {"for_refunds": False})
    assert world.given[0].exposure == state.exposure
    assert world.asked == [RUN_ID, "provider ch_1 EUR 5.00"]
    (policy,) = world.policies
    assert policy == SettlePolicy(late_charge_seconds=2.0, quiet_seconds=policy.quiet_seconds, through_target=False)
    assert 0.0 < policy.quiet_seconds < 30.0
    assert stage.events("phase_started")[1:] == [ex.PhaseStarted(phase="settling", cause="the rows are done")]
    assert stage.events("phase_finished")[1:] == [ex.PhaseFinished(phase="settling", outcome="settled")]
    assert not stage.journal.state.exposure.is_open
    assert await settled_at(stage) is not None
    assert (world.closed, guardians[0].released) == (1, 1)
    assert await is_free(stage)


async def test_the_target_is_asked_first_where_it_can_be(tmp_path, ledger):
    """A run that knows how to ask its target has the target refund; the provider is not asked beside it."""
    world = ledger(SEEN, BACK)
    stage, found = await armed(tmp_path)
    object.__setattr__(stage.run, "clock", world)
    found.target = lambda: world.target
    told(stage.journal, *BOUGHT)
    assert await found.settle() is SettleOutcome.SETTLED
    assert world.asked == [RUN_ID, "target ch_1"]
    assert world.policies[0].through_target is True


async def test_what_cannot_be_settled_stays_the_guardians(tmp_path, guardians, ledger):
    """An escalated run is not noted as settled and keeps its guardian; the lock of this process is given back all the same."""
    world = ledger(SEEN, refused="permission denied: 403")
    stage, found = await armed(tmp_path)
    object.__setattr__(stage.run, "clock", world)
    told(stage.journal, *BOUGHT)
    assert await found.settle() is SettleOutcome.ESCALATED
    assert stage.events("phase_finished")[1:] == [ex.PhaseFinished(phase="settling", outcome="escalated")]
    assert await settled_at(stage) is None
    assert (world.closed, guardians[0].released) == (1, 0)
    assert await is_free(stage)


async def test_a_settlement_that_breaks_off_releases_its_connections(tmp_path, guardians, ledger):
    """When the journal fails in the middle the error is told, the providers are let go, and the guardian keeps its duty."""
    world = ledger(SEEN)
    stage, found = await armed(tmp_path)
    object.__setattr__(stage.run, "clock", world)
    told(stage.journal, *BOUGHT)

    async def fails() -> Sightings:
        raise JournalError(Refusal("the journal cannot be written", "", "", "", ""))

    world.look = fails
    with pytest.raises(JournalError):
        await found.settle()
    assert (world.closed, guardians[0].released) == (1, 0)
    assert await settled_at(stage) is None
    found.keeper.close()
