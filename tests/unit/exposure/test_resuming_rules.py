"""Resuming: which runs may be carried on, what the provider is asked first, and each refusal whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.run import RunState
from pytest_paygate.exposure.planning import GateSource
from pytest_paygate.exposure.resuming import _check_same_gate, resume
from tests.unit.core.test_exposure import ARMED, INTENDED, LOOKED, SENT
from tests.unit.exposure.kept_runs import OPEN, TRACE, HandClock, closings, environment, lines, parties, put
from tests.unit.exposure.test_witness_rules import error, payment
from tests.unit.exposure.told_run import BUYING, PLAIN, charge

CHARGE = charge(Money(500, "EUR"))
GATE_SHA, SUITE_SHA = "1234567890abcdef" + "0" * 48, "fedcba0987654321" + "0" * 48
SOURCE = GateSource(read_gate(BUYING, "gate.toml"), GATE_SHA, SUITE_SHA, "commit")
LOOKED_EMPTY = LOOKED.model_copy(update={"charges": 0})
SETTLED = (*OPEN, LOOKED_EMPTY, ex.ExposureSettled(charges=0, refunded_minor=0, currency="EUR"))


def kept(reports, *events, **told):
    """A run of that gate on disk."""
    return put(reports, *events, **{"gate_sha256": GATE_SHA, "suite_sha256": SUITE_SHA, **told})


def refused(directory, here=None, source=SOURCE) -> str:
    """The whole refusal to resume."""
    with pytest.raises(JournalError) as found:
        resume(directory, here or environment(), source, clock=HandClock())
    return found.value.refusal.text()


def words(expected: str, observed: str, money: str, next_step: str) -> str:
    """The refusal of a run."""
    return (
        "run run-1 is not resumed\n"
        f"  expected  {expected}\n"
        f"  observed  {observed}\n"
        f"  money     {money}\n"
        f"  next      {next_step}"
    )


def test_a_run_of_another_environment_is_not_resumed(tmp_path):
    """It is refused before anything else, and nothing is written."""
    directory = kept(tmp_path, target="127.0.0.1")
    assert refused(directory).startswith("run run-1 is not of environment prod\n")
    assert not (directory.path / "journal-1.jsonl").exists()


@pytest.mark.parametrize("which", ["gate_sha256", "suite_sha256"])
def test_a_run_of_another_gate_is_refused_word_for_word(tmp_path, which):
    """Gate and suite must be as they were when the run began."""
    directory = kept(tmp_path)
    other = replace(SOURCE, **{which: "00112233445566778899"})
    gate, suite = other.gate_sha256[:16], other.suite_sha256[:16]
    assert refused(directory, source=other) == words(
        "the gate of that run, sha256 1234567890abcdef…, suite fedcba0987654321…",
        f"sha256 {gate}…, suite {suite}…",
        "No money moved. Nothing was sent.",
        "Go back to that version of the gate, or start a new run.",
    )
    assert not (directory.path / "journal-1.jsonl").exists()


def test_a_run_without_a_beginning_is_of_no_gate(tmp_path):
    """Its hashes are shown as empty."""
    directory = kept(tmp_path)
    with pytest.raises(JournalError) as found:
        _check_same_gate(RunState(), SOURCE, directory)
    assert found.value.refusal.expected == "the gate of that run, sha256 …, suite …"


@pytest.mark.parametrize(("events", "stage"), [(OPEN, "seen"), ((*ARMED, INTENDED), "charge_intent")])
def test_a_run_with_something_open_is_refused_word_for_word(tmp_path, events, stage):
    """It is settled first: nothing is written and nobody is asked."""
    directory = kept(tmp_path, *events)
    assert refused(directory) == words(
        "a run of which nothing is open",
        f"exposure at stage {stage}",
        "Money or a payable link of that run may be outstanding.",
        "Run `paygate recover run-1` first, then resume.",
    )
    assert not (directory.path / "journal-1.jsonl").exists()


@pytest.mark.parametrize("why", ["nothing intended", "no purchase"])
def test_a_run_that_bought_nothing_is_carried_on_without_a_question(tmp_path, monkeypatch, why):
    """Its journal goes on in a file of its own, which says who carries on, from which line, after what torn bytes."""
    made, clock = parties(monkeypatch, CHARGE), HandClock()
    is_plain = why == "no purchase"
    directory = kept(
        tmp_path, *(SETTLED if is_plain else ARMED), source=PLAIN if is_plain else BUYING, clock=HandClock()
    )
    before = lines(directory)
    with (directory.path / "journal.jsonl").open("ab") as file:
        file.write(b"torn")
    source = replace(SOURCE, gate=read_gate(PLAIN, "gate.toml")) if is_plain else SOURCE
    journal = resume(directory, environment(), source, clock=clock)
    journal.close()
    started = ex.RescueStarted(by=ex.Rescuer.RESUME, at_line=len(before), torn_bytes=4)
    assert lines(directory)[len(before) :] == [started]
    assert journal.directory is directory
    assert (directory.path / "session-1.log").read_text("utf-8").count("\n") == len(before) + 1
    assert made.made == []


def test_the_provider_is_asked_before_a_run_that_bought_is_resumed(tmp_path, monkeypatch):
    """Once, with the key for refunds; what it shows is journalled, and the journal stays open for the rows."""
    made, closed = parties(monkeypatch), closings(monkeypatch)
    directory, here, clock = kept(tmp_path, *SETTLED), environment(), HandClock()
    before = len(lines(directory))
    closed.clear()
    journal = resume(directory, here, SOURCE, clock=clock)
    facts = dict(SOURCE.gate.facts)
    assert made.made == [(here, name, clock, TRACE, facts, True) for name in ("bank", "shop")]
    assert made.recorders == [journal, journal]
    assert [event.kind for event in lines(directory)[before:]] == ["rescue_started", "ledger_looked"]
    assert (made.bank.asked[-1], made.shop.asked[-1], closed) == (("aclose",), ("aclose",), [])
    journal.close()


def test_a_provider_that_cannot_be_read_is_refused_word_for_word(tmp_path, monkeypatch):
    """What the run moved is not known then; connections and journal are released."""
    made, closed = parties(monkeypatch, charges=error(500)), closings(monkeypatch)
    directory = kept(tmp_path, *SETTLED)
    closed.clear()
    assert refused(directory) == words(
        "a provider that says how the run's money stands",
        "bank refused it",
        "What this run moved is not known until the provider has been read.",
        "Try again when the provider answers.",
    )
    assert (made.bank.asked[-1], len(closed)) == (("aclose",), 1)


@pytest.mark.parametrize("what", ["charge", "link"])
def test_something_that_was_not_there_before_is_refused_word_for_word(tmp_path, monkeypatch, what):
    """A charge or a link that turned up after the settling is on record, and the run is settled again first."""
    made, closed = parties(monkeypatch, *([CHARGE] if what == "charge" else [])), closings(monkeypatch)
    made.shop.payments = [payment()] if what == "link" else []
    directory = kept(tmp_path, *SETTLED)
    before = len(lines(directory))
    closed.clear()
    assert refused(directory) == words(
        "a run of which nothing is open",
        "a charge or a link that was not there before",
        "Money or a payable link of that run is outstanding.",
        "Run `paygate recover run-1` first, then resume.",
    )
    kind = "charge_seen" if what == "charge" else "payment_seen"
    assert [event.kind for event in lines(directory)[before:]] == ["rescue_started", kind, "ledger_looked"]
    assert len(closed) == 1


@pytest.mark.parametrize("events", [OPEN, SETTLED, (INTENDED, SENT)])
def test_a_dry_run_is_resumed_whatever_is_open(tmp_path, monkeypatch, events):
    """No real money is in it; the provider is asked all the same, for the rows that follow."""
    parties(monkeypatch, CHARGE)
    directory = kept(tmp_path, *events, mode=Mode.STAGING)
    journal = resume(directory, environment(mode=Mode.STAGING), SOURCE, clock=HandClock())
    assert "ch_1" in journal.state.exposure.charges
    journal.close()


def test_a_live_run_whose_money_is_back_is_resumed(tmp_path, monkeypatch):
    """A purchase that was not sent leaves nothing open: the provider is asked and the run goes on."""
    made = parties(monkeypatch)
    unsent = ex.ChargeSent(outcome=ex.SendOutcome.NOT_SENT)
    journal = resume(kept(tmp_path, *ARMED, INTENDED, unsent), environment(), SOURCE, clock=HandClock())
    assert len(made.made) == 2
    journal.close()
