"""A run of the small project right before its purchase, with a real journal and a real store; who is asked, and what."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core import events as ev
from pytest_paygate.core.confirmation import Confirmed
from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.live_ports import ExposureRecord
from pytest_paygate.exposure import arming, planning
from pytest_paygate.exposure.gathering import LiveRun, LiveSession
from pytest_paygate.exposure.lock_keeper import LockKeeper
from pytest_paygate.exposure.stores import store_of
from tests.unit.exposure.live_stage import ACCOUNT, EUR_5, FILE, environment, planned, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pytest

    from pytest_paygate.core.confirmation import Confirmation
    from pytest_paygate.core.live_ports import LiveStore
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.plan import Bound, Plan

RUN_ID = "20261121T091500123Z-1a2b3c4d"
TRACE = "SHOP-1795252500-abcd1234"
SESSION = LiveSession(live_typed=True, confirm_typed=True, findings=())


# What a person said who typed everything on the second try.
TYPED = Confirmed("", 2.00061, 2)


@dataclass
class Person:
    """An operator who says what the test has them say, and keeps what they were shown."""

    said: Confirmed = TYPED
    asked: list[Confirmation] = field(default_factory=list)
    name: str = "operator"
    attended: bool = True
    meanwhile: Callable[[], object] = lambda: None

    async def confirm(self, asked: Confirmation) -> Confirmed:
        """Read the plan and type; something else may happen meanwhile."""
        self.asked.append(asked)
        self.meanwhile()
        return self.said


def told(journal: JournalFile, *events: ev.EventBody) -> None:
    """Journal some events."""
    for event in events:
        journal.record(event)


def row(name: str, fact: str, kind: FactKind, value: Any, status: RowStatus = RowStatus.PASS) -> list[ev.EventBody]:
    """A row that records one fact and ends."""
    return [
        ev.RowStarted(row=name),
        ev.FactRecorded(name=fact, fact_kind=kind, value=value),
        ev.RowFinished(row=name, status=status),
    ]


HEALTH, SAYS = row("health", "up", FactKind.INTEGER, 200), row("mode", "says", FactKind.WORD, "live")
BUYING = [*HEALTH, *SAYS, ev.RowStarted(row="order")]


def started(run: LiveRun) -> ev.RunStarted:
    """The first line of the run's journal."""
    return ev.RunStarted(
        run_id=run.run_id,
        gate=run.source.gate.model_dump(mode="json"),
        gate_sha256=run.source.gate_sha256,
        environment=run.environment.name,
        mode=run.environment.mode,
        target=run.environment.host,
        trace_id=TRACE,
        commit=run.source.commit,
        tool_version="0",
        operator="operator",
        attended=True,
        with_refund=True,
        python="3",
        pytest="9",
    )


class Stage:
    """A run, where it lies, and the store it shares with others.

    Args:
        root: the project's folder; reports lie below it.
        stripe_url: where the provider answers.
        counted: whether the gate takes a unit of capacity for each charge.
        begun: whether the run has started and passed its pre-flight, and its money row is open.
        target: the environment; by default one that may be driven.
        given: what else is different about the run.
    """

    made: ClassVar[list[Stage]] = []

    def __init__(self, root: Path, stripe_url: str = "", *, counted: bool = False, begun: bool = True, **given: Any):
        self.root, self.reports = root, root / "reports"
        self.person = Person()
        self.offsets: list[float] = [0.2]
        target = given.pop("target", None) or environment(stripe_url)
        run_id = given.pop("run_id", RUN_ID)
        directory = RunDirectory(self.reports, "shop", run_id)
        self.journal = JournalFile(directory, SystemClock(), lambda entry, _: entry.event.kind)
        self.made.append(self)
        known: dict[str, Any] = {
            "run_id": run_id,
            "reports": self.reports,
            "root": root,
            "settings_file": FILE,
            "environment": target,
            "source": source(counted=counted),
            "journal": self.journal,
            "clock": SystemClock(),
            "session": SESSION,
            "make_store": self.store,
            "operator": self.person,
            "offsets": lambda: self.offsets,
            "word": "otter",
        }
        self.run = LiveRun(**{**known, **given})
        if begun:
            told(self.journal, started(self.run), *BUYING)

    def store(self) -> LiveStore:
        """What live runs share, below the reports."""
        return store_of(self.reports, None)

    @property
    def bound(self) -> Bound:
        """What an approval of this run binds."""
        return planning.bind(self.run.environment, self.run.source, ACCOUNT, file=FILE)

    def plan(self, bound: Bound | None = None, *, at: datetime | None = None, **more: Any) -> Plan:
        """A plan of it with its approval; a minute old if nothing else is said."""
        at = at or datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        return planned(self.root, bound or self.bound, at=at, **more)

    async def keeping(self, work: Any) -> Any:
        """Do some work with a keeper of the lock, and close it."""
        keeper = LockKeeper(self.run.make_store)
        try:
            return await work(keeper)
        finally:
            keeper.close()

    async def exposed(self, run_id: str, opened_at: datetime, amount: Money = EUR_5, **more: Any) -> ExposureRecord:
        """Note an exposure of an earlier run in the store."""
        settled_at, name = more.pop("settled_at", None), more.pop("environment", "prod")
        record = ExposureRecord(run_id, name, "shop", "SHOP-1-0", amount, opened_at)
        store = self.store()
        await store.open_exposure(record)
        if settled_at is not None:
            await store.settle_exposure(name, run_id, settled_at)
        await store.aclose()
        return replace(record, settled_at=settled_at)

    def kinds(self) -> list[str]:
        """The kinds of the journal's lines, in order, after those of the beginning."""
        lines = (self.journal.directory.path / "journal.jsonl").read_bytes().splitlines()
        kinds = [ev.Entry.model_validate_json(line).event.kind for line in lines]
        return kinds[1 + len(BUYING) :]

    def events(self, kind: str) -> Sequence[Any]:
        """The events of one kind in the journal as it lies on disk."""
        lines = (self.journal.directory.path / "journal.jsonl").read_bytes().splitlines()
        entries = [ev.Entry.model_validate_json(line) for line in lines]
        return [entry.event for entry in entries if entry.event.kind == kind]


class Watching:
    """A guardian that keeps what it was told, in the order of everything else."""

    made: ClassVar[list[Watching]] = []
    problem: BaseException | None = None

    def __init__(self, duty, *, folder, lock_fd) -> None:
        self.duty, self.folder, self.lock_fd = duty, folder, lock_fd
        self.waited = self.released = 0
        self.is_alive = True
        self.made.append(self)

    async def wait_ready(self) -> None:
        """Report, or not."""
        self.waited += 1
        if self.problem is not None:
            raise self.problem

    def release(self) -> None:
        """Nothing is open."""
        self.released += 1


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Watching]:
    """Start no process for a guardian; every guardian that was asked for."""
    monkeypatch.setattr(Watching, "made", [])
    monkeypatch.setattr(Watching, "problem", None)
    monkeypatch.setattr(arming, "Guardian", Watching)
    return Watching.made


@contextmanager
def stages() -> Iterator[None]:
    """Be where the calendar shows another day than it does in UTC, and close the journals of every stage at the end."""
    before = os.environ.get("TZ")
    try:
        _moved("EAST-14" if datetime.now(UTC).hour >= 11 else "WEST+12")
        yield
    finally:
        _moved(before)
        while Stage.made:
            Stage.made.pop().journal.close()


def _moved(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
