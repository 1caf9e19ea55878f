"""Recovery: whose run it is, who is asked and since when, what is journalled, and that nothing is done without need."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import signature

import pytest

from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.events import Mode, RunEscalated, RunStarted
from pytest_paygate.core.exposure import Exposure, refund_key
from pytest_paygate.core.exposure_events import Rescuer
from pytest_paygate.core.journal import GENESIS, encode
from pytest_paygate.core.money import Money
from pytest_paygate.core.run import RunState
from pytest_paygate.core.settlement import SettleOutcome
from pytest_paygate.exposure.recovery import (
    Settled,
    check_belongs,
    quiet_seconds,
    read_state,
    rescue,
    witnesses_of,
)
from tests.unit.core.test_exposure import LOOKED, SENT
from tests.unit.exposure.kept_runs import OPEN, TRACE, HandClock, closings, environment, lines, parties, put
from tests.unit.exposure.test_witness_rules import error
from tests.unit.exposure.told_run import BUYING, PLAIN, charge

pytestmark = pytest.mark.asyncio(loop_scope="function")
EUR_5 = Money(500, "EUR")
CHARGE = charge(EUR_5)
NOTHING_THERE = ex.ExposureSettled(charges=0, refunded_minor=0, currency="EUR")
LOOKED_EMPTY = LOOKED.model_copy(update={"charges": 0})


async def test_a_run_is_folded_from_its_files(tmp_path):
    """What the files tell is the state; one that is not there is refused."""
    directory = put(tmp_path, *OPEN)
    assert read_state(directory.path).exposure.sent == SENT
    with pytest.raises(JournalError):
        read_state(tmp_path / "shop" / "run-2")


async def test_an_impossible_story_is_refused_word_for_word(tmp_path):
    """Lines that are whole and in one chain, and tell what cannot be."""
    folder = tmp_path / "run-1"
    folder.mkdir()
    line = encode(0, GENESIS, datetime.now(UTC), 0.0, SENT)
    (folder / "journal.jsonl").write_bytes(line + b"\n")
    with pytest.raises(JournalError) as refused:
        read_state(folder)
    assert refused.value.refusal.text() == (
        "the journal of run run-1 tells an impossible story\n"
        "  expected  events in an order that can be\n"
        "  observed  a journal begins with run_started\n"
        "  money     What this run moved must be read from the provider's ledger.\n"
        "  next      Keep the folder as it is, and look with `paygate orphans`, which needs no journal."
    )


@pytest.mark.parametrize(
    ("started", "observed"),
    [
        ({"environment": "test"}, "test live shop.example.test"),
        ({"mode": Mode.REHEARSAL}, "prod rehearsal shop.example.test"),
        ({"target": "127.0.0.1"}, "prod live 127.0.0.1"),
        (None, "a journal without a beginning"),
    ],
)
async def test_a_run_of_another_environment_is_refused_word_for_word(tmp_path, started, observed):
    """Name, mode and host must be those of the environment, for a rescue too, before anybody is asked."""
    state = RunState()
    if started is not None:
        directory = put(tmp_path, *OPEN, **started)
        state = read_state(directory.path)
        with pytest.raises(JournalError):
            await rescue(directory, environment(), by=Rescuer.RECOVER, clock=HandClock())
    with pytest.raises(JournalError) as refused:
        check_belongs(state, environment(), tmp_path / "run-1")
    assert refused.value.refusal.text() == (
        "run run-1 is not of environment prod\n"
        "  expected  a journal of prod live shop.example.test\n"
        f"  observed  {observed}\n"
        "  money     No money moved. Nothing was looked up with the wrong account.\n"
        "  next      Choose the environment the run was made in with --env."
    )


async def test_a_run_of_this_environment_belongs(tmp_path):
    """Then there is nothing to say."""
    check_belongs(read_state(put(tmp_path).path), environment(), tmp_path)


@pytest.mark.parametrize("for_refunds", [True, False])
async def test_ledger_and_sellers_are_asked_from_a_little_before_the_beginning(tmp_path, monkeypatch, for_refunds):
    """Each provider once, journalling into the run, with its trace and facts; since five minutes before it began."""
    made = parties(monkeypatch)
    source = BUYING.replace(b'payments = ["shop"]', b'payments = ["shop", "bank"]')
    state, here, clock = read_state(put(tmp_path, *OPEN, source=source).path), environment(), HandClock()
    recorder = object()
    looks = witnesses_of(state, here, recorder, clock, for_refunds=for_refunds)
    facts = dict(state.gate.facts)
    assert made.made == [(here, name, clock, TRACE, facts, for_refunds) for name in ("bank", "shop")]
    assert made.recorders == [recorder, recorder]
    assert await looks.look() is not None
    since = datetime.fromisoformat(state.started_at) - timedelta(minutes=5)
    assert ("charges", since, TRACE) in made.bank.asked
    assert ("payments", since, TRACE) in made.bank.asked
    assert made.shop.asked == [("payments", since, TRACE)]


@pytest.mark.parametrize("without", ["start", "gate", "purchase"])
async def test_only_a_run_with_a_purchase_has_witnesses(tmp_path, without):
    """Asking for others is a mistake of ours."""
    state = read_state(put(tmp_path, *OPEN, source=PLAIN if without == "purchase" else BUYING).path)
    state = replace(state, **{"start": {"started": None}, "gate": {"gate": None}}.get(without, {}))
    with pytest.raises(RuntimeError, match=r"^only a run with a purchase is settled$"):
        witnesses_of(state, environment(), object(), HandClock(), for_refunds=True)


@pytest.mark.parametrize(
    ("risky_at", "quiet"),
    [("", 0.0), ("2026-11-21T09:15:00+00:00", 7.5), ("2026-11-21T09:15:07+00:00", 0.5), ("2026-11-21T09:16:00Z", 0.0)],
)
async def test_how_long_it_has_been_quiet(risky_at, quiet):
    """Since the last thing after which a charge may turn up; nothing when that is not known or still to come."""
    now = datetime(2026, 11, 21, 9, 15, 7, 500_000, tzinfo=UTC)
    assert quiet_seconds(RunState(exposure=Exposure(risky_at=risky_at)), now) == quiet


@pytest.mark.parametrize("why", ["staging", "nothing intended", "settled"])
async def test_a_run_without_open_exposure_is_left_as_it_is(tmp_path, monkeypatch, why):
    """Nothing is asked and nothing is written."""
    made = parties(monkeypatch, CHARGE)
    events = {"nothing intended": (), "settled": (*OPEN, LOOKED_EMPTY, NOTHING_THERE)}.get(why, OPEN)
    mode = Mode.STAGING if why == "staging" else Mode.LIVE
    directory, here = put(tmp_path, *events, mode=mode), environment(mode=mode)
    files = sorted(path.name for path in directory.path.iterdir())
    done = await rescue(directory, here, by=Rescuer.GUARDIAN, clock=HandClock())
    assert done == Settled("run-1", None, read_state(directory.path), "")
    assert sorted(path.name for path in directory.path.iterdir()) == files
    assert made.made == []


@pytest.mark.parametrize("by", list(Rescuer))
async def test_an_open_run_is_settled_in_a_file_of_its_own(tmp_path, monkeypatch, by):
    """Who settles, from which line and after how many torn bytes; then the settling, and that it is settled."""
    made, clock, closed = parties(monkeypatch, CHARGE), HandClock(), closings(monkeypatch)
    directory = put(tmp_path, *OPEN)
    before = lines(directory)
    closed.clear()
    journal = directory.path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b"torn")
    first = journal.read_bytes()
    here = environment()
    done = await rescue(directory, here, by=by, clock=clock)
    after = lines(directory)[len(before) :]
    assert journal.read_bytes() == first
    assert after[0] == ex.RescueStarted(by=by, at_line=len(before), torn_bytes=4)
    assert [event.kind for event in after[1:]] == [
        "charge_seen",
        "ledger_looked",
        "refund_intended",
        "refund_seen",
        "ledger_looked",
        "exposure_settled",
        "rescue_finished",
    ]
    assert after[-1] == ex.RescueFinished(settled=True)
    assert done == Settled("run-1", SettleOutcome.SETTLED, read_state(directory.path), "")
    assert done.state.exposure.settled is not None
    assert made.bank.asked.count(("refund", "pi_1", EUR_5, refund_key("run-1", "ch_1"), TRACE)) == 1
    assert made.made[0] == (here, "bank", clock, TRACE, dict(done.state.gate.facts), True)
    assert [type(one) for one in made.recorders] == [JournalFile, JournalFile]
    assert (made.bank.asked[-1], made.shop.asked[-1], len(closed)) == (("aclose",), ("aclose",), 1)
    assert clock.waits == [0.25]


@pytest.mark.parametrize(
    ("ago", "late", "least", "most"),
    [(0.0, 60.0, 55.0, 66.0), (0.0, 20.0, 15.0, 23.0), (30.0, 60.0, 25.0, 36.0), (90.0, 60.0, 0.0, 0.0)],
)
async def test_a_rescue_looks_on_until_no_late_charge_can_come(tmp_path, monkeypatch, ago, late, least, most):
    """For as long as the environment says after the purchase, less what has passed by the wall clock."""
    parties(monkeypatch)
    clock = HandClock()
    directory = put(tmp_path, *OPEN, clock=HandClock(timedelta(seconds=ago)))
    done = await rescue(directory, environment(late), by=Rescuer.RECOVER, clock=clock)
    assert done.outcome is SettleOutcome.SETTLED
    assert least <= sum(clock.waits) <= most


@pytest.mark.parametrize(("told", "seconds"), [({}, 300.0), ({"give_up_seconds": 10.0}, 10.0)])
async def test_a_ledger_that_cannot_be_read_is_given_up_and_escalated(tmp_path, monkeypatch, told, seconds):
    """After five minutes unless somebody says otherwise; what stood in the way is told, and the run is not settled."""
    parties(monkeypatch, CHARGE, charges=error(500))
    directory, clock = put(tmp_path, *OPEN), HandClock()
    done = await rescue(directory, environment(), by=Rescuer.RECOVER, clock=clock, **told)
    *_, escalated, finished = lines(directory)
    assert isinstance(escalated, RunEscalated)
    assert finished == ex.RescueFinished(settled=False)
    assert (done.outcome, done.problem) == (SettleOutcome.ESCALATED, "bank refused it")
    assert seconds <= sum(clock.waits) < seconds + 6.0
    assert signature(rescue).parameters["give_up_seconds"].default == 300.0


async def test_a_rescue_that_breaks_off_leaves_nothing_open(tmp_path, monkeypatch):
    """A mistake of ours is raised; connections and files are released, and the journal says that it did not end."""
    made, closed = parties(monkeypatch, CHARGE, charges=RuntimeError("ours")), closings(monkeypatch)
    directory = put(tmp_path, *OPEN)
    closed.clear()
    with pytest.raises(RuntimeError, match=r"^ours$"):
        await rescue(directory, environment(), by=Rescuer.RECOVER, clock=HandClock())
    assert (made.bank.asked[-1], len(closed)) == (("aclose",), 1)
    assert lines(directory)[-1].kind == "rescue_started"
    assert isinstance(lines(directory)[0], RunStarted)
