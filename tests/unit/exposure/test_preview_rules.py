"""The plan before anybody commits to it: what a live run would do, what is held for it, and every thing that is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import capacity_rules
from pytest_paygate.core.environment import ApprovalSettings, LivePolicy
from pytest_paygate.core.errors import ConfigurationError, ProviderError, Refusal, StoreError
from pytest_paygate.core.live_ports import ExposureRecord
from pytest_paygate.core.ports import Account
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure import planning, preview
from pytest_paygate.exposure.preview import Preview, Project
from tests.unit.exposure.live_stage import (
    ACCOUNT,
    COUNTED,
    EUR_5,
    FILE,
    environment,
    gate,
    planned,
    ruled,
    stripe,
)

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
BOB: tuple[str, ...] = ("bob",)
DSN = Secret("host=db")


class Watched(FileStore):
    """A real store that says how often it was closed, and can fail."""

    failing = False
    closed = 0

    async def exposures(self, environment):
        """Read, or fail."""
        if self.failing:
            raise StoreError(Refusal("the store is gone", "", "", "", ""))
        return await super().exposures(environment)

    async def aclose(self) -> None:
        """Count, then close."""
        self.closed += 1
        await super().aclose()


class Stand:
    """A project on disk, and the store that a preview of it asks."""

    def __init__(self, tmp_path, monkeypatch) -> None:
        self.root = tmp_path
        self.suite = tmp_path / "suites" / "shop"
        self.suite.mkdir(parents=True)
        (self.suite / "test_shop.py").write_text("# a test\n")
        self.store = Watched(tmp_path / "reports" / ".live")
        self.asked: list[tuple[object, object]] = []
        monkeypatch.setattr(preview, "store_of", self.store_of)

    def store_of(self, reports, dsn):
        """The store that the settings name."""
        self.asked.append((reports, dsn))
        return self.store

    def bound(self, target, *, counted: bool = False):
        """What an approval would bind."""
        source = planning.GateSource(gate(counted=counted), "7" * 64, planning.suite_sha256(self.suite), "unknown")
        return planning.bind(target, source, ACCOUNT, file=FILE)

    def plan(self, target, *, minutes: int = 5, nonce: str = "a", by=BOB, counted: bool = False, **changed):
        """A plan with its approvals, some minutes old."""
        bound = self.bound(target, counted=counted).model_copy(update=changed)
        return planned(self.root, bound, at=NOW - timedelta(minutes=minutes), nonce=nonce * 32, by=by)

    async def look(self, target, *, counted: bool = False, now: datetime = NOW) -> Preview:
        """Preview the gate in an environment."""
        home = Project(self.root, self.root / "reports", FILE, DSN)
        return await preview.preview(target, home, self.suite, gate(counted=counted), "7" * 64, now=now)

    async def expose(self, *run_ids: str, settled: str = "") -> None:
        """Runs that exposed money, one of them settled."""
        for number, run_id in enumerate(run_ids):
            at = NOW + timedelta(seconds=number)
            await self.store.open_exposure(ExposureRecord(run_id, "prod", "shop", "SHOP-1-0", EUR_5, at))
        if settled:
            await self.store.settle_exposure("prod", settled, NOW)

    async def grant(self, units: int) -> None:
        """Units of capacity."""
        now = datetime.now(UTC)
        entry = capacity_rules.grant(COUNTED, by="ann", reason="period", units=units, now=now)
        await self.store.capacity.change("prod", lambda _: entry, now)


@pytest.fixture
def stand(tmp_path, monkeypatch) -> Stand:
    """A project."""
    return Stand(tmp_path, monkeypatch)


async def test_a_plan_that_lacks_nothing_lacks_nothing(stand):
    """Approved, allowed, nothing open: the bound fields, who approved, and an empty list; the store is closed again."""
    async with stripe() as wire:
        target = environment(wire.base_url)
        stand.plan(target, by=("bob", "cleo"))
        await stand.expose("run-1", settled="run-1")
        found = await stand.look(target)
    assert found == Preview(stand.bound(target), ("bob", "cleo"), (), (), "")
    assert stand.asked == [(stand.root / "reports", DSN)]
    assert stand.store.closed == 1


async def test_everything_that_is_missing_is_told(stand):
    """Approvals, policy, each open exposure and the capacity, in this order and these words."""
    async with stripe() as wire:
        rules = ruled(policy=LivePolicy.OBSERVE, approval=ApprovalSettings(required=2, unsigned=True))
        target = environment(wire.base_url, live=rules)
        await stand.expose("run-1", "run-2", "run-3", settled="run-2")
        found = await stand.look(target, counted=True)
    assert found == Preview(
        stand.bound(target, counted=True),
        (),
        ("run-1", "run-3"),
        (
            "2 approvals: run `paygate plan`, then `paygate approve`",
            "live_policy is observe: the gate may look on, not buy",
            "exposure of run run-1 is open: run `paygate recover`",
            "exposure of run run-3 is open: run `paygate recover`",
            "capacity: no [env.prod.capacity] is written",
        ),
        "no [env.prod.capacity] is written",
    )


async def test_where_the_capacity_stands_is_told_beside_the_plan(stand):
    """A gate that counts its charges shows what is left; it is missing only when no unit may be taken."""
    async with stripe() as wire:
        target = environment(wire.base_url, live=ruled(capacity=COUNTED))
        stand.plan(target, counted=True)
        await stand.grant(9)
        found = await stand.look(target, counted=True)
        uncounted = await stand.look(target)
    assert found.missing == ()
    assert found.capacity.startswith("9 of 9 left")
    assert uncounted.capacity == ""


@pytest.mark.parametrize(
    ("plans", "approvers", "missing"),
    [
        ([], (), ("1 approvals: run `paygate plan`, then `paygate approve`",)),
        ([{}], BOB, ()),
        ([{"nonce": "a", "minutes": 9, "by": ()}, {"nonce": "b", "minutes": 5}], BOB, ()),
        (
            [{"nonce": "a", "minutes": 5, "by": ()}, {"nonce": "b", "minutes": 9}],
            (),
            ("plan aaaaaaaa: 0 of 1 approvals",),
        ),
        (
            [{"nonce": "b", "minutes": 5, "by": ()}, {"nonce": "a", "minutes": 9}],
            (),
            ("plan bbbbbbbb: 0 of 1 approvals",),
        ),
        ([{"environment": "prod2"}], (), ("1 approvals: run `paygate plan`, then `paygate approve`",)),
        ([{"gate_id": "other"}], (), ("1 approvals: run `paygate plan`, then `paygate approve`",)),
        (
            [{"by": (), "commit": "other"}],
            (),
            (
                "plan aaaaaaaa: the plan is for something else: commit: other → unknown",
                "plan aaaaaaaa: 0 of 1 approvals",
            ),
        ),
    ],
)
async def test_the_newest_plan_is_the_one_that_is_shown(stand, plans, approvers, missing):
    """Of the plans for this environment and gate the newest: who approved it, or each reason why that is not enough."""
    async with stripe() as wire:
        target = environment(wire.base_url)
        for told in plans:
            stand.plan(target, **told)
        found = await stand.look(target)
    assert (found.approvers, found.missing) == (approvers, missing)


async def test_a_plan_is_too_old_at_the_moment_that_is_given(stand):
    """Whether a plan is in time is judged at the moment of the preview."""
    async with stripe() as wire:
        target = environment(wire.base_url)
        plan = stand.plan(target)
        found = await stand.look(target, now=NOW + timedelta(days=1))
    assert found.missing == (f"plan aaaaaaaa: the plan had to be carried out by {plan.execute_by}",)


async def test_signers_are_looked_up_in_the_project(stand, monkeypatch):
    """A signature is checked against the file that the settings name, below the project."""
    looked: list[object] = []

    def verifies(_content, _signature, *, principal, allowed_signers) -> bool:
        looked.append((principal, allowed_signers))
        return True

    monkeypatch.setattr("pytest_paygate.adapters.approval_files.verifies", verifies)
    async with stripe() as wire:
        signers = ApprovalSettings(required=1, unsigned=False, signers="who/allowed")
        target = environment(wire.base_url, live=ruled(approval=signers))
        plan = stand.plan(target)
        (stand.root / "approvals" / plan.nonce / "bob.json.sig").write_text("signed")
        found = await stand.look(target)
    assert (found.approvers, found.missing) == (BOB, ())
    assert looked == [("bob", stand.root / "who" / "allowed")]


async def test_a_store_that_fails_is_closed_and_told(stand):
    """What cannot be read is an error, never an empty list."""
    stand.store.failing = True
    async with stripe() as wire:
        with pytest.raises(StoreError, match="the store is gone"):
            await stand.look(environment(wire.base_url))
    assert stand.store.closed == 1


async def test_what_the_settings_do_not_say_is_refused_with_their_file(stand):
    """A product that is not named is refused before any store is asked."""
    async with stripe() as wire:
        with pytest.raises(ConfigurationError, match=r"^paygate\.toml: env\.prod\.values\.licence: is missing"):
            await stand.look(environment(wire.base_url, values={}))
    assert stand.asked == []


async def test_the_account_is_the_one_behind_the_ledgers_key():
    """Read with the provider that the gate names, and what cannot be read is the provider's refusal."""
    async with stripe("acct_7", livemode=False) as wire:
        found = await preview.account_of(environment(wire.base_url), "stripe", FILE)
    assert found == Account("acct_7", livemode=False, default_currency="EUR", settles_in=("EUR",))
    async with stripe(status="401 Unauthorized") as wire:
        with pytest.raises(ProviderError):
            await preview.account_of(environment(wire.base_url), "stripe", FILE)


@pytest.mark.parametrize(("providers", "observed"), [(True, "stripe, hyperswitch"), (False, "no provider")])
async def test_an_environment_without_the_ledger_is_refused(providers, observed):
    """A provider that the gate books by and the environment has not is named with its key; word for word."""
    target = environment() if providers else environment(providers={})
    with pytest.raises(ConfigurationError) as refused:
        await preview.account_of(target, "paypal", "mine.toml")
    assert refused.value.refusal.text() == (
        "mine.toml: env.prod.providers.paypal: is missing\n"
        "  expected  the provider that the gate's [purchase] names as its ledger\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      Declare it."
    )


async def test_a_missing_ledger_is_named_with_the_projects_settings(stand):
    """A preview names the file of the project it is for."""
    with pytest.raises(ConfigurationError, match=r"^paygate\.toml: env\.prod\.providers\.stripe: is missing"):
        await stand.look(environment(providers={}))
