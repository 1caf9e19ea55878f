"""Runs on disk, a clock that is moved by hand and providers that answer: what the tests of rescue and resumption use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.journal_file import JournalFile, read_run
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core.environment import Environment, LiveRules, Payer
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.ports import Charge, Refund, RefundStatus
from pytest_paygate.exposure import recovery
from pytest_paygate.renderers import session_log
from tests.unit.core.stories import BEFORE_BUYING
from tests.unit.core.test_exposure import ARMED, INTENDED, SENT
from tests.unit.exposure.test_witness_rules import Party
from tests.unit.exposure.told_run import BUYING, CREATED

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_paygate.core.events import EventBody

OPEN = (*ARMED, INTENDED, SENT)
TRACE = "SHOP-1700000000-abcd1234"


@dataclass
class HandClock:
    """A clock whose wall time began so long ago, and whose seconds pass only while somebody waits."""

    ago: timedelta = timedelta(hours=2)
    seconds: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        """The wall time."""
        return datetime.now(UTC) - self.ago

    def elapsed_seconds(self) -> float:
        """Seconds so far."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.seconds += seconds


class Bank(Party):
    """A provider that gives back what it is asked to give back."""

    async def refund(self, payment_id, amount, *, idempotency_key, trace_id):
        """Give money back."""
        await super().refund(payment_id, amount, idempotency_key=idempotency_key, trace_id=trace_id)
        self.given.append(Refund("re_1", payment_id, "ch_1", amount, RefundStatus.SUCCEEDED, CREATED))


@dataclass
class Parties:
    """The providers of a run; keeps what each was made with."""

    bank: Party
    shop: Party = field(default_factory=lambda: Party("shop"))
    made: list[tuple[object, ...]] = field(default_factory=list)
    recorders: list[object] = field(default_factory=list)

    def client(self, environment, name, *, recorder, clock, trace_id, extra_fields, for_refunds) -> Party:
        """What stands in for the making of a client."""
        self.made.append((environment, name, clock, trace_id, dict(extra_fields), for_refunds))
        self.recorders.append(recorder)
        return {"bank": self.bank, "shop": self.shop}[name]


def parties(monkeypatch: pytest.MonkeyPatch, *charges: Charge, **wrong: Exception) -> Parties:
    """Providers in the place of real ones; `wrong` says at which question which error comes."""
    made = Parties(Bank("bank", list(charges), wrong=wrong))
    monkeypatch.setattr(recovery, "provider_client", made.client)
    return made


def environment(late_charge_seconds: float = 60.0, **other: Any) -> Environment:
    """The environment of the runs."""
    told = {"name": "prod", "mode": Mode.LIVE, "base_url": "https://shop.example.test", "payer": Payer.PERSON, **other}
    return Environment(**told, live=LiveRules(late_charge_seconds=late_charge_seconds))


def put(
    reports: Path,
    *events: EventBody,
    mode: Mode = Mode.LIVE,
    source: bytes = BUYING,
    clock: HandClock | None = None,
    **started: Any,
) -> RunDirectory:
    """A run on disk, at its money row, with these events and without an end."""
    directory = RunDirectory(reports, "shop", "run-1")
    journal = JournalFile(directory, clock or HandClock(), session_log.line)
    gate = read_gate(source, "gate.toml").model_dump(mode="json")
    for event in (*BEFORE_BUYING, *events):
        told = event
        if event.kind == "run_started":
            told = event.model_copy(update={"gate": gate, "mode": mode, **started})
        journal.record(told)
    journal.close()
    return directory


def lines(directory: RunDirectory) -> list[EventBody]:
    """Every event of a run."""
    return [entry.event for entry in read_run(directory.path).journal.entries]


def closings(monkeypatch: pytest.MonkeyPatch) -> list[JournalFile]:
    """The journals that were closed, from now on."""
    closed: list[JournalFile] = []
    close = JournalFile.close

    def kept(self: JournalFile) -> None:
        close(self)
        closed.append(self)

    monkeypatch.setattr(JournalFile, "close", kept)
    return closed
