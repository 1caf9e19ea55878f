"""Arming: everything found out, lock, guardian, the person's word, the approval used up, in this order, or nothing."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.confirmation import Confirmation
from pytest_paygate.core.events import Mode
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord
from pytest_paygate.core.plan import bound_sha256
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure.arming import Armed, arm
from pytest_paygate.exposure.guardian import duty_of
from tests.unit.exposure.live_runs import RUN_ID, TRACE, Stage, stages, watched
from tests.unit.exposure.live_stage import EUR_5, environment, stripe

pytestmark = pytest.mark.asyncio(loop_scope="function")
READ = ["phase_started", "exchange", "exchange"]
USED = {"environment": "prod", "gate_id": "shop", "commit": "3" * 40, "run_id": "run-0"}


@pytest.fixture(autouse=True)
def guardians(monkeypatch):
    """The guardians that were started; whatever day it is here, the one in UTC counts."""
    with stages():
        yield watched(monkeypatch)


async def armed(stage: Stage) -> Armed:
    """Arm a run with an approved plan, and take guardian and lock back."""
    found = await arm(stage.run)
    found.keeper.close()
    return found


async def told_of(store: FileStore) -> tuple[list[ApprovalUse], list[ExposureRecord]]:
    """Used approvals and exposures of the environment."""
    return list(await store.uses("prod", "shop", "3" * 40)), list(await store.exposures("prod"))


async def test_a_run_that_has_everything_is_armed(tmp_path, guardians):
    """Read, locked, guarded, confirmed, approval used up, exposure noted: each on record before money may move."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan()
        began = datetime.now(UTC)
        found = await arm(stage.run)
    assert found.run is stage.run
    assert found.closed() == ""
    assert await found.keeper.holds()
    assert stage.kinds() == [
        *READ,
        "exposure_planned",
        "operator_confirmed",
        "approval_consumed",
        "fence_taken",
        "phase_finished",
    ]
    assert stage.events("phase_started") == [ex.PhaseStarted(phase="interlock")]
    assert stage.events("phase_finished") == [ex.PhaseFinished(phase="interlock", outcome="money may move")]
    (guardian,) = guardians
    assert found.guardian is guardian
    assert (guardian.waited, guardian.released, guardian.folder) == (1, 0, stage.journal.directory.path)
    assert guardian.lock_fd == found.keeper.store.lock_fd is not None
    assert guardian.duty == duty_of(stage.run.environment, reports=stage.reports, gate_id="shop", run_id=RUN_ID)
    (use,), (exposure,) = await told_of(found.keeper.store)
    assert use == ApprovalUse(plan.nonce, "prod", "shop", "3" * 40, RUN_ID, use.used_at)
    assert exposure == ExposureRecord(RUN_ID, "prod", "shop", TRACE, EUR_5, exposure.opened_at)
    assert began <= use.used_at <= exposure.opened_at <= datetime.now(UTC)
    found.keeper.close()


async def test_what_was_bound_is_on_record(tmp_path):
    """The journal has the plan with its hash, the amount that was typed, whose approvals they are, and the lock."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan(by=("bob", "cleo"))
        await armed(stage)
    sha256 = bound_sha256(plan.bound)
    assert stage.events("exposure_planned") == [
        ex.ExposurePlanned(
            plan_sha256=sha256,
            account="acct_1",
            host="shop.example:8443",
            product="prod_1",
            amount_minor=500,
            cap_minor=600,
            currency="EUR",
            policy="drive",
            acknowledgement="rita, 2026-01-02 until 2099-12-31: the provider asks for it",
            late_charge_seconds=45.0,
        )
    ]
    assert stage.events("operator_confirmed") == [
        ex.OperatorConfirmed(amount="EUR 5.00", waited_seconds=2.001, tries=2)
    ]
    assert stage.events("approval_consumed") == [
        ex.ApprovalConsumed(
            nonce=plan.nonce,
            plan_sha256=sha256,
            requester="ann",
            approvers=("bob", "cleo"),
            signed=False,
            attempt=1,
        )
    ]
    holder = f"{RUN_ID} on {socket.gethostname()}, process {os.getpid()}"
    assert stage.events("fence_taken") == [ex.FenceTaken(store="file", fence=1, holder=holder, lease_seconds=30.0)]


def lines_of(plan, *, approved: str = "bob (UNSIGNED)") -> list[str]:
    """What the operator reads of a plan."""
    bound = plan.bound
    return [
        f"environment  prod ({bound.mode})",
        f"host         {bound.host}",
        "account      acct_1 at stripe",
        "product      prod_1",
        "gross        EUR 5.00 (500 minor units), tax EUR 0.83 in it",
        "fee          EUR 0.33, which the provider keeps on a refund",
        "net cost     EUR 0.33 after the refund",
        "cap          EUR 6.00 a charge, EUR 7.00 a run, EUR 12.00 a day",
        "capacity     not counted",
        "policy       drive, acknowledged by rita: the provider asks for it",
        "refund       at the provider",
        f"gate         shop, sha256 {'1' * 16}…, suite {'2' * 16}…",
        f"commit       {'3' * 40}",
        f"approved by  {approved}",
        f"plan         sha256 {bound_sha256(bound)[:16]}…",
        f"by hand      {TRACE}: `paygate recover`, `paygate orphans`",
    ]


async def test_the_operator_reads_the_whole_plan(tmp_path):
    """Every line of what is about to be done, word for word, with the amount and the word to be typed within ten minutes."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan(by=("bob", "cleo"))
        await armed(stage)
    assert stage.person.asked == [
        Confirmation(
            headline="THIS MOVES REAL MONEY. Read the plan:",
            lines=lines_of(plan, approved="bob, cleo (UNSIGNED)"),
            amount="EUR 5.00",
            word="otter",
            deadline_seconds=600.0,
            is_live=True,
        )
    ]


async def test_a_rehearsal_says_that_it_is_one(tmp_path):
    """The same lines without funds: the headline says so, and the screen is not that of a live run."""
    async with stripe() as wire:
        target = environment(wire.base_url, mode=Mode.REHEARSAL, base_url="http://127.0.0.1:8460")
        stage = Stage(tmp_path, target=target)
        plan = stage.plan()
        await armed(stage)
    assert stage.person.asked == [
        Confirmation(
            headline="REHEARSAL, no funds: do as if it were real. Read the plan:",
            lines=lines_of(plan),
            amount="EUR 5.00",
            word="otter",
            deadline_seconds=600.0,
            is_live=False,
        )
    ]


async def test_a_signed_approval_is_told_as_one(tmp_path, monkeypatch):
    """Where every approval is signed the operator reads so, and so does the journal; signers are looked up in the project."""
    looked: list[object] = []

    def verifies(content, signature, *, principal, allowed_signers) -> bool:
        looked.append((signature.name, principal, allowed_signers))
        return True

    monkeypatch.setattr("pytest_paygate.adapters.approval_files.verifies", verifies)
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        plan = stage.plan()
        (tmp_path / "approvals" / plan.nonce / "bob.json.sig").write_text("signed")
        await armed(stage)
    assert "approved by  bob (signed)" in stage.person.asked[0].lines
    assert stage.events("approval_consumed")[0].signed is True
    assert looked == [("bob.json.sig", "bob", tmp_path / "allowed_signers")] * 2


async def test_each_approval_of_a_commit_is_counted(tmp_path):
    """The journal says which attempt it is: uses of this gate at this commit count, and only those."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan()
        store = stage.store()
        for nonce, changed in (
            ("b", {}),
            ("c", {}),
            ("d", {"commit": "4"}),
            ("e", {"gate_id": "o"}),
            ("f", {"environment": "o"}),
        ):
            await store.consume(ApprovalUse(nonce=nonce * 32, used_at=datetime.now(UTC), **{**USED, **changed}))
        await armed(stage)
    assert stage.events("approval_consumed")[0].attempt == 3


async def test_the_guardian_is_given_the_shared_store(tmp_path, guardians):
    """A store on another machine is named to the guardian, which has no lock file to keep."""

    class Remote:
        """A store without a lock file."""

        def __init__(self, store: FileStore) -> None:
            self._store = store

        def __getattr__(self, name: str) -> object:
            if name == "lock_fd":
                raise AttributeError(name)
            return getattr(self._store, name)

    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url, store_dsn=Secret("host=db"))
        stage.plan()
        object.__setattr__(stage.run, "make_store", lambda: Remote(stage.store()))
        await armed(stage)
    assert guardians[0].lock_fd is None
    assert guardians[0].duty.environment["store_dsn"] == "host=db"


async def test_the_right_plan_of_several_is_used_up(tmp_path):
    """Of two plans in the project the one that is approved counts, also when its approval is looked at again."""
    async with stripe() as wire:
        stage = Stage(tmp_path, wire.base_url)
        stage.plan(nonce="a" * 32, by=())
        stage.plan(nonce="b" * 32)
        stage.plan(nonce="c" * 32, by=())
        await armed(stage)
    assert stage.events("approval_consumed")[0].nonce == "b" * 32
