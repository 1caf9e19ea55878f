"""The watch over the guards: what each look leaves in the journal, each refusal whole, and when a unit is taken or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.core import capacity_rules
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.errors import (
    ConfigurationError,
    GuardBreachError,
    InterlockError,
    JournalError,
    Refusal,
    StoreError,
)
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.run import RunState
from pytest_paygate.exposure import watching
from pytest_paygate.exposure.capacity import Capacity
from tests.unit.core.stories import SOURCE
from tests.unit.core.test_exposure import CHARGED, INTENDED, LOOKED, SENT, refunded
from tests.unit.exposure.told_run import PLAIN, ToldRun, at_its_money_row

pytestmark = pytest.mark.asyncio(loop_scope="function")
WATCHED = (
    SOURCE
    + b"""
[[guards]]
id = "capacity"
title = "units of capacity left"
source = "capacity"
at_least = "minimum"
[[guards]]
id = "gone"
title = "the money is back"
equals = "gone"
after_money = true
escalates = true
[thresholds]
minimum = 5
"""
)
RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))
NOBODY = "not readable: no row has said how it is read"


@dataclass
class Stand:
    """A watch over a run at its money row, whose readers are there, with a capacity of so many units."""

    source: bytes = WATCHED
    units: int = 25
    run: ToldRun = field(init=False)
    log: MemoryCapacity = field(default_factory=MemoryCapacity)

    def __post_init__(self) -> None:
        self.run = at_its_money_row(self.source)
        now = datetime.now(UTC)
        self.log.begin("prod", capacity_rules.grant(RULES, by="ann", reason="r", units=self.units, now=now), now)
        self.capacity = Capacity(lambda: self.log, "prod", RULES)
        self.watch = self.watch_over(lambda: self.run.state)
        for guard_id, value in (("a3_up", 200), ("calm", 0)):
            if self.run.state.gate.guard(guard_id):
                self.watch.watch(guard_id, lambda value=value: value)

    def watch_over(self, state) -> watching.Watch:
        """A watch without readers over some state."""
        gate = read_gate(self.source, "gate.toml")
        return watching.Watch("run-1", gate, recorder=self.run, state=state, capacity=self.capacity)

    async def left(self) -> int:
        """Units left."""
        return (await self.capacity.book()).left


def read(guard: str, threshold: str, observed: str, by: str = "") -> ev.GuardRead:
    """The journal's line of a guard that held."""
    return ev.GuardRead(guard=guard, threshold=threshold, observed=observed, by=by)


def stopped(guard: str, threshold: str, observed: str) -> ev.RunStopped:
    """The journal's line of a stop."""
    return ev.RunStopped(guard=guard, threshold=threshold, observed=observed)


HELD = [read("a3_up", "200", "200"), read("calm", "0", "0"), read("capacity", "at least 5", "25 left")]


async def test_every_guard_of_money_is_read_in_the_order_of_the_gate():
    """Each is on record with its threshold and what was observed; one that is read after money is not read before."""
    stand = Stand()
    assert await stand.watch.look_again() is None
    assert stand.run.events == HELD


async def test_an_override_is_named_where_the_guard_held_by_it():
    """During a safety pause the line of the guard says whose word it held by."""
    stand, now = Stand(units=4), datetime.now(UTC)
    word = {"by": "bob", "reason": "launch", "until": now + timedelta(hours=1), "now": now}
    await stand.log.change("prod", lambda book: capacity_rules.override(book, RULES, **word), now)
    await stand.watch.read("capacity")
    assert stand.run.events == [read("capacity", "at least 5", "4 left, override by bob", "bob")]


async def test_the_last_word_on_how_a_guard_is_read_counts():
    """A reader is replaced by the next one, also the project's own by the suite's; it may have to be waited for."""

    async def waited() -> int:
        await asyncio.sleep(0)
        return 7

    stand = Stand()
    stand.watch.watch("capacity", lambda: 6)
    await stand.watch.read("capacity")
    stand.watch.watch("capacity", waited)
    await stand.watch.read("capacity")
    assert stand.run.events == [read("capacity", "at least 5", "6"), read("capacity", "at least 5", "7")]


async def test_a_value_in_hand_is_looked_at():
    """A row that has read a guard itself has it journalled at once."""
    stand = Stand()
    stand.watch.check("calm", 0)
    assert stand.run.events == [HELD[1]]


async def slow() -> int:
    """A reader that takes longer than it may, and then has the right value."""
    await asyncio.sleep(0.2)
    return 200


def broken() -> int:
    """A reader that fails with words of its own."""
    raise StoreError(Refusal("a secret of theirs", "", "", "", ""))


@pytest.mark.parametrize(
    ("reader", "observed"),
    [
        (lambda: 503, "503"),
        (lambda: 1 // 0, "not readable: ZeroDivisionError"),
        (broken, "not readable: StoreError"),
        (slow, "not readable: TimeoutError"),
    ],
    ids=["wrong", "bug", "ours", "slow"],
)
async def test_a_breach_is_journalled_and_ends_the_looking(monkeypatch, reader, observed):
    """The stop is on record before anybody hears of it, word for word, and no later guard is looked at."""
    monkeypatch.setattr(watching, "READ_SECONDS", 0.02)
    stand = Stand()
    stand.watch.watch("a3_up", reader)
    with pytest.raises(GuardBreachError) as error:
        await stand.watch.look_again()
    assert stand.run.events == [stopped("a3_up", "200", observed)]
    assert error.value.refusal.text() == (
        "guard a3_up stops the run: A3 answers 200\n"
        "  expected  200\n"
        f"  observed  {observed}\n"
        "  money     No money moved.\n"
        "  next      Nothing after this runs. Mend what the guard saw, and start a new run."
    )


async def test_a_reader_has_half_a_minute():
    """So long may one guard take to be read."""
    assert watching.READ_SECONDS == 30.0


async def test_what_the_project_reads_by_itself_needs_nobody():
    """With a reader for each of the others, a money row may begin, and nothing is read yet."""
    stand = Stand()
    stand.watch.require_readers()
    assert stand.run.events == []


async def required(watch: watching.Watch) -> None:
    """A money row is about to begin."""
    watch.require_readers()


@pytest.mark.parametrize(
    ("act", "before"),
    [(required, []), (watching.Watch.look_again, HELD[:1]), (lambda watch: watch.read("calm"), [])],
    ids=["require", "look", "read"],
)
async def test_a_guard_without_a_reader_stops_the_run(act, before):
    """At the first that has nobody, whoever looks."""
    stand = Stand()
    watch = stand.watch_over(lambda: stand.run.state)
    watch.watch("a3_up", lambda: 200)
    with pytest.raises(GuardBreachError):
        await act(watch)
    assert stand.run.events == [*before, stopped("calm", "0", NOBODY)]


async def test_what_no_gate_declares_is_refused_word_for_word():
    """A guard that is not in the gate is a mistake of the suite, in whatever way it is used; nothing is recorded."""
    stand = Stand()
    for use in (lambda: stand.watch.watch("a3_upp", slow), lambda: stand.watch.check("a3_upp", 200)):
        with pytest.raises(ConfigurationError) as error:
            use()
        assert error.value.refusal.text() == (
            "shop/gate.toml: guards.a3_upp: is not declared\n"
            "  expected  every guard in [[guards]] with its threshold. Did you mean 'a3_up'?\n"
            "  observed  a row used 'a3_upp'\n"
            "  money     No money moved.\n"
            "  next      Declare the guard, or correct its name in the test."
        )
    with pytest.raises(ConfigurationError):
        await stand.watch.read("a3_upp")
    assert stand.run.events == []


def escalated(charge: str, amount: str) -> ev.RunEscalated:
    """The journal's line that calls for a person."""
    return ev.RunEscalated(charge=charge, amount=amount, reason="guard gone: here, threshold gone")


SECOND = CHARGED.model_copy(update={"charge_id": "ch_2", "amount_minor": 200})
SETTLED = [CHARGED, refunded(), LOOKED, ex.ExposureSettled(charges=1, refunded_minor=500, currency="EUR")]


@pytest.mark.parametrize(
    ("after", "called"),
    [
        ([], [escalated("of trace SHOP-1700000000-abcd1234", "EUR 5.00")]),
        ([CHARGED, SECOND], [escalated("ch_1", "EUR 5.00"), escalated("ch_2", "EUR 2.00")]),
        ([CHARGED, refunded()], [escalated("of trace SHOP-1700000000-abcd1234", "EUR 5.00")]),
        (SETTLED, []),
    ],
    ids=["nothing seen", "two charges", "refunded", "settled"],
)
async def test_a_guard_after_money_that_escalates_calls_for_a_person(after, called):
    """Each charge that is not back is named, or the trace where none was seen; what is settled calls for nobody."""
    stand = Stand(PLAIN + WATCHED[WATCHED.index(b"[[guards]]") :])
    for guard_id in ("a3_up", "calm", "capacity"):
        await stand.watch.read(guard_id)
    for event in (INTENDED, SENT, *after):
        stand.run.record(event)
    stand.run.events.clear()
    with pytest.raises(GuardBreachError) as error:
        stand.watch.check("gone", "here")
    assert stand.run.events == [*called, stopped("gone", "gone", "here")]
    assert error.value.refusal.money == "Money may have moved before: see the run's exposure."


async def test_before_any_purchase_an_escalation_names_what_it_can():
    """Without a purchase, and even without a beginning of the run, a person is called for all the same."""
    stand = Stand()
    for state, trace in ((stand.run.state, "SHOP-1700000000-abcd1234"), (RunState(), "")):
        stand.run.events.clear()
        with pytest.raises(GuardBreachError):
            stand.watch_over(lambda state=state: state).check("gone", "here")
        assert stand.run.events[0] == escalated(f"of trace {trace}", "what was paid")


async def test_a_guard_that_does_not_escalate_calls_for_nobody():
    """The stop alone is on record."""
    stand = Stand()
    with pytest.raises(GuardBreachError):
        stand.watch.check("back", "failed")
    assert stand.run.events == [stopped("back", "succeeded", "failed")]


async def test_a_unit_is_taken_and_given_back_for_the_run_and_its_gate():
    """Both are in the capacity log under the run, and in the journal with what is left."""
    stand = Stand()
    await stand.watch.take_capacity()
    book = await stand.capacity.book()
    (taken,) = stand.run.events
    assert (taken.line, taken.line_sha256, taken.left, book.left) == (1, book.head, 24, 24)
    assert [(unit.run_id, unit.gate_id) for unit in book.units.values()] == [("run-1", "shop")]
    await stand.watch.return_capacity("not sent")
    assert stand.run.events[1:] == [ex.CapacityReturned(left=25, reason="not sent")]
    assert await stand.left() == 25


async def test_a_gate_that_asks_for_no_capacity_takes_none():
    """Neither the log nor the journal hears of it."""
    stand = Stand(PLAIN)
    await stand.watch.take_capacity()
    await stand.watch.return_capacity("not sent")
    assert (stand.run.events, (await stand.capacity.book()).lines[1:]) == ([], ())
    await stand.capacity.take("run-1", "shop")
    await stand.watch.return_capacity("not sent")
    assert await stand.left() == 24


@pytest.mark.parametrize("log", ["paused", "damaged"])
async def test_a_unit_that_may_not_be_taken_stops_the_run(log):
    """The stop says what the capacity's own refusal says, and that refusal is what is heard of it."""
    stand = Stand(units=4 if log == "paused" else 25)
    if log == "damaged":
        stand.log._lines["prod"] = [b"{}"]
    with pytest.raises((InterlockError, StoreError)) as error:
        await stand.watch.take_capacity()
    assert isinstance(error.value, InterlockError if log == "paused" else StoreError)
    assert stand.run.events == [stopped("capacity_left", error.value.refusal.expected, error.value.refusal.observed)]


async def test_a_unit_that_cannot_be_given_back_stays_taken():
    """A log or a journal that cannot be written hides no other error: the unit stays taken, which is safe."""
    stand = Stand()
    await stand.watch.take_capacity()
    kept = stand.log._lines["prod"]
    stand.log._lines["prod"] = [b"{}"]
    await stand.watch.return_capacity("not sent")
    stand.log._lines["prod"] = kept

    def fails(body):
        raise JournalError(Refusal("the journal cannot be written", "", "", "", ""))

    stand.run.record = fails
    await stand.watch.return_capacity("not sent")
    assert [event.kind for event in stand.run.events] == ["capacity_taken"]
