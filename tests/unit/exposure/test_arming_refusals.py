"""What stops the interlock: before anybody is bothered, after the lock, at the prompt, at the end; and what is left then."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.approval_files import write_approval
from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import capacity_rules
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.approval import approve
from pytest_paygate.core.confirmation import Confirmed
from pytest_paygate.core.errors import InterlockError, JournalError, PaygateError, Refusal, StoreError
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord
from pytest_paygate.exposure import arming
from pytest_paygate.exposure.arming import arm
from pytest_paygate.exposure.gathering import Gathered, LiveSession
from tests.unit.exposure.live_runs import TRACE, Stage, Watching, stages, watched
from tests.unit.exposure.live_stage import COUNTED, EUR_5, environment, ruled, stripe

pytestmark = pytest.mark.asyncio(loop_scope="function")
READ = ["phase_started", "exchange", "exchange"]
USED = {"environment": "prod", "gate_id": "shop", "commit": "3" * 40, "run_id": "run-0"}


@pytest.fixture(autouse=True)
def guardians(monkeypatch):
    """The guardians that were started; whatever day it is here, the one in UTC counts."""
    with stages():
        yield watched(monkeypatch)


async def refused(stage: Stage, kind: type[BaseException] = InterlockError) -> BaseException:
    """Why a run is not armed; whatever was taken for it must be given back."""
    with pytest.raises(kind) as stopped:
        await arm(stage.run)
    assert [one.released for one in Watching.made] == [1] * len(Watching.made)
    store = FileStore(stage.reports / ".live")
    await store.take_lock("prod", "the next run", 6.0)
    await store.aclose()
    return stopped.value


async def told_of(store: FileStore) -> tuple[list[ApprovalUse], list[ExposureRecord]]:
    """Used approvals and exposures of the environment."""
    return list(await store.uses("prod", "shop", "3" * 40)), list(await store.exposures("prod"))


def stopped_by(stage: Stage) -> ev.RunStopped:
    """What the journal says stopped the run; the interlock must have ended as refused after it."""
    assert stage.kinds()[-2:] == ["run_stopped", "phase_finished"]
    assert stage.events("phase_finished") == [ex.PhaseFinished(phase="interlock", outcome="refused")]
    (stopped,) = stage.events("run_stopped")
    return stopped


async def test_what_can_be_known_before_is_refused_before_anybody_is_bothered(tmp_path, guardians):
    """With two conditions open nothing is taken and nobody asked; the refusal names both, and so does the journal."""
    async with stripe() as wire:
        session = LiveSession(live_typed=True, confirm_typed=False, findings=("-k",))
        stage = Stage(tmp_path, wire.base_url, session=session)
        stage.plan()
        error = await refused(stage)
    assert error.conditions == ("confirm_typed", "session_clean")
    assert (guardians, stage.person.asked) == ([], [])
    assert stage.kinds() == [*READ, "run_stopped", "phase_finished"]
    assert stopped_by(stage) == ev.RunStopped(
        guard="interlock (confirm_typed, session_clean)",
        threshold="--confirm on the command line itself; nothing that repeats, reorders, drops or hides tests, or "
        "stands between the gate and the wire",
        observed="--confirm was not typed; -k",
    )


async def test_an_environment_that_is_in_use_is_refused(tmp_path, guardians):
    """The store's refusal arrives as it is, and the journal names its kind; no guardian was started."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        other = stage.store()
        await other.take_lock("prod", "run-0 on mine", 6.0)
        with pytest.raises(StoreError, match="environment prod is in use"):
            await arm(stage.run)
        await other.aclose()
    assert guardians == []
    assert stopped_by(stage) == ev.RunStopped(
        guard="interlock (StoreError)",
        threshold="one live run for each environment at a time",
        observed="the lock is held by run-0 on mine",
    )


class Racing(FileStore):
    """A store in which somebody else was quicker: something happens between the first look and the lock."""

    def __init__(self, folder, hook) -> None:
        super().__init__(folder)
        self.hook = hook

    async def take_lock(self, environment, holder, lease_seconds):
        """Somebody else first."""
        await self.hook(self)
        return await super().take_lock(environment, holder, lease_seconds)


async def test_an_exposure_that_was_opened_meanwhile_is_seen(tmp_path, guardians):
    """After the lock was taken it is looked again: what another run has left open refuses this one, settled ones do not."""

    async def hook(store: FileStore) -> None:
        for run_id in ("run-8", "run-9"):
            await store.open_exposure(ExposureRecord(run_id, "prod", "shop", "t", EUR_5, datetime.now(UTC)))
        await store.settle_exposure("prod", "run-8", datetime.now(UTC))

    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        object.__setattr__(stage.run, "make_store", lambda: Racing(stage.reports / ".live", hook))
        error = await refused(stage)
    assert error.conditions == ("no_exposure_open",)
    assert error.refusal.observed == "open: run-9"
    assert guardians == []


async def test_a_unit_that_was_taken_meanwhile_is_missed(tmp_path, guardians):
    """After the lock was taken the capacity is asked again."""
    now = datetime.now(UTC)
    entry = capacity_rules.grant(COUNTED, by="ann", reason="period", units=6, now=now)

    async def hook(store: FileStore) -> None:
        for run_id in ("run-8", "run-9"):
            await store.capacity.change(
                "prod",
                lambda book, run_id=run_id: capacity_rules.take(
                    book, COUNTED, run_id=run_id, gate_id="shop", now=datetime.now(UTC)
                ),
                datetime.now(UTC),
            )

    async with stripe() as wire:
        stage = Stage(tmp_path, counted=True, target=environment(wire.base_url, live=ruled(capacity=COUNTED)))
        stage.plan()
        await stage.store().capacity.change("prod", lambda _: entry, now)
        object.__setattr__(stage.run, "make_store", lambda: Racing(stage.reports / ".live", hook))
        error = await refused(stage)
    assert error.conditions == ("capacity_left",)
    assert guardians == []


async def test_a_guardian_that_does_not_come_up_is_let_go(tmp_path, guardians):
    """Without a guardian nobody is asked; the one that was started is released."""
    Watching.problem = InterlockError(("guardian_ready",), Refusal("no guardian", "one", "none", "", ""))
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        error = await refused(stage)
    assert error is Watching.problem
    assert (len(guardians), stage.person.asked) == (1, [])
    assert stopped_by(stage) == ev.RunStopped(guard="interlock (guardian_ready)", threshold="one", observed="none")


async def test_nobody_who_types_no_money(tmp_path):
    """Without the person's word nothing is used up, nothing exposed, and the plan is not on record."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        stage.person.said = Confirmed("nobody answered in 600 s", 600.0, 0)
        error = await refused(stage)
    assert error.conditions == ("operator_confirmed",)
    assert error.refusal.observed == "nobody answered in 600 s"
    assert stage.kinds() == [*READ, "run_stopped", "phase_finished"]
    assert await told_of(stage.store()) == ([], [])


async def test_an_approval_is_looked_at_again_after_the_person(tmp_path):
    """What was put beside the plan while the operator read it counts: every reason is told, nothing is used up."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan()
        folder, at = tmp_path / "approvals" / plan.nonce, datetime.now(UTC) - timedelta(seconds=30)
        stage.person.meanwhile = lambda: [
            write_approval(folder, approve(plan, approver=name, typed="EUR 50.00", at=at)) for name in ("eve", "fay")
        ]
        error = await refused(stage)
    assert error.conditions == ("approved",)
    wrong = "the amount typed is not the plan's"
    assert error.refusal.observed == f"eve.json: {wrong}; fay.json: {wrong}"
    assert "approval_consumed" not in stage.kinds()
    assert await told_of(stage.store()) == ([], [])


async def test_an_approval_is_used_once(tmp_path):
    """A plan whose approval was used before is refused; nothing is exposed."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan()
        await stage.store().consume(ApprovalUse(nonce=plan.nonce, used_at=datetime.now(UTC), **USED))
        error = await refused(stage)
    assert error.conditions == ("approval_unused",)
    assert stage.kinds()[-4:] == ["exposure_planned", "operator_confirmed", "run_stopped", "phase_finished"]
    assert (await told_of(stage.store()))[1] == []


async def test_everything_is_required_once_more_at_the_end(tmp_path):
    """What has ceased to hold while the person read is refused at last: the clock, here. The approval is used up by then."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        stage.person.meanwhile = lambda: stage.offsets.append(99.0)
        error = await refused(stage)
    assert error.conditions == ("clock_right",)
    assert stage.kinds()[-4:] == ["approval_consumed", "fence_taken", "run_stopped", "phase_finished"]
    assert (await told_of(stage.store()))[1] == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("odd")])
async def test_an_interrupted_interlock_is_on_record(tmp_path, error):
    """Ctrl-C at the prompt, or a fault of ours, stops the run like a refusal; everything is given back."""

    def cut_off() -> None:
        raise error

    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        stage.person.meanwhile = cut_off
        try:
            assert await refused(stage, type(error)) is error
        except asyncio.CancelledError:
            raise AssertionError("it was cancelled") from None
    name = type(error).__name__
    assert stopped_by(stage) == ev.RunStopped(
        guard=f"interlock ({name})", threshold="an uninterrupted interlock", observed=name
    )


async def test_a_journal_that_fails_changes_nothing_about_the_refusal(tmp_path):
    """When not even the refusal can be written it still is the refusal that is raised, and everything is given back."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()

        def fails() -> None:
            stage.journal._broken = True

        stage.person.meanwhile = fails
        stage.person.said = Confirmed("went away", 1.0, 0)
        error = await refused(stage, PaygateError)
    assert error.conditions == ("operator_confirmed",)
    assert not isinstance(error, JournalError)
    assert stage.kinds() == READ


async def test_without_plan_and_approval_nothing_goes_on(tmp_path):
    """To ask, or to use an approval up, before there is one is a fault of ours; half of the two is none."""
    stage = Stage(tmp_path)
    for half in (Gathered(stage.run), Gathered(stage.run, bound=stage.bound), Gathered(stage.run, sufficient=object())):
        with pytest.raises(RuntimeError, match=r"^the plan and its approval are required before this$"):
            arming._known(half)


async def test_where_nobody_acknowledged_it_nothing_is_said(tmp_path):
    """An environment that nobody acknowledged has no such words; the interlock refuses it elsewhere."""
    del tmp_path
    assert arming._acknowledged(ruled(acknowledgement=None)) == ""


async def test_a_run_that_has_not_begun_has_no_trace(tmp_path):
    """The trace is the one of the journal's first line; without it there is none to name."""
    assert arming._trace(Stage(tmp_path, begun=False).run) == ""
    assert arming._trace(Stage(tmp_path, run_id="run-2").run) == TRACE
