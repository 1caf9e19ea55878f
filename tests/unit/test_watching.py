"""The last seconds before a purchase: every guard read again, then a unit taken, and nothing sent when one fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.core import capacity_rules
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.errors import (
    ConfigurationError,
    GuardBreachError,
    InterlockError,
    JournalError,
    Refusal,
    StoreError,
    TargetError,
)
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.ports import Outgoing
from pytest_paygate.exposure import watching
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.desk import MoneyDesk
from tests.network.scene import AMOUNT, GATE, MemoryRun

pytestmark = pytest.mark.asyncio(loop_scope="function")
ORDER = Outgoing("POST", "/orders", b'{"product_id":"prod_1"}')
RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))
GUARDED = (
    GATE
    + b"""
[thresholds]
minimum = 5
[capacity]
required = true
[[guards]]
id = "capacity"
title = "units of capacity left"
source = "capacity"
at_least = "minimum"
[[guards]]
id = "a3_up"
title = "A3 answers 200"
equals = 200
[[guards]]
id = "a6_up"
title = "A6 answers 200"
equals = 200
[[guards]]
id = "refund"
title = "the refund went through"
equals = "succeeded"
after_money = true
escalates = true
"""
)


class GuardedRun(MemoryRun):
    """An armed run of a guarded gate, inside its money row; every event is kept in order."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        super().__init__()

    def record(self, body):
        """Fold one event; the gate is the guarded one."""
        if body.kind == "run_started":
            body = body.model_copy(update={"gate": read_gate(GUARDED, "gate.toml").model_dump(mode="json")})
        number = super().record(body)
        self.kinds.append(body.kind)
        return number


class Stand:
    """A desk with guards and a capacity, and what was sent over it."""

    def __init__(self, *, units: int | None = 25, rules: CapacityRules | None = RULES, answer: object = 201) -> None:
        self.run = GuardedRun()
        self.sent: list[str] = []
        self.answer = answer
        self.held = True
        self.log = MemoryCapacity()
        if units is not None:
            now = datetime.now(UTC)
            entry = capacity_rules.grant(RULES, by="ann", reason="period", units=units, now=now)
            self.log.begin("prod", entry, now)
        self.capacity = Capacity(lambda: self.log, "prod", rules)
        self.watch = watching.Watch(
            self.run.run_id,
            self.run.state.gate,
            recorder=self.run,
            state=lambda: self.run.state,
            capacity=self.capacity,
        )
        self.desk = MoneyDesk(
            self.run.run_id,
            recorder=self.run,
            state=lambda: self.run.state,
            cap=AMOUNT,
            closed=lambda: "",
            holds_lock=self.holds,
            before=self.watch,
        )
        self.watch.watch("a3_up", lambda: 200)
        self.watch.watch("a6_up", self.a6)

    async def a6(self) -> int:
        """A reader that has to be waited for."""
        await asyncio.sleep(0)
        return 200

    async def holds(self) -> bool:
        """Whether the lock is held."""
        return self.held

    async def send(self) -> object:
        """Send; the unit must be taken and the intent on record by now."""
        assert self.run.state.exposure.capacity is not None
        assert self.run.state.exposure.intent is not None
        self.sent.append("sent")
        if isinstance(self.answer, BaseException):
            raise self.answer

        class Answer:
            status = self.answer

        return Answer()

    async def buy(self) -> object:
        """Buy."""
        return await self.desk.buy(AMOUNT, ORDER, self.send)

    async def left(self) -> int:
        """Units left."""
        return (await self.capacity.book()).left


async def test_guards_then_capacity_then_intent_then_send():
    """In this order and in no other: guards, unit, intent, what was sent."""
    stand = Stand()
    await stand.buy()
    assert stand.run.kinds[-6:] == [
        "guard_read",
        "guard_read",
        "guard_read",
        "capacity_taken",
        "charge_intended",
        "charge_sent",
    ]
    assert (stand.sent, await stand.left()) == (["sent"], 24)


def raises(error: BaseException):
    """A reader that fails."""

    def reader() -> int:
        raise error

    return reader


async def slow() -> int:
    """A reader that hangs."""
    await asyncio.sleep(60)
    return 200


@pytest.mark.parametrize(
    ("reader", "observed"),
    [
        (lambda: 503, "503"),
        (lambda: "200", "200"),
        (lambda: None, "nothing"),
        (raises(TargetError(Refusal("", "", "", "", ""))), "not readable: TargetError"),
        (raises(KeyError("a secret of theirs")), "not readable: KeyError"),
        (slow, "not readable: TimeoutError"),
    ],
    ids=["503", "text", "nothing", "target", "bug", "slow"],
)
async def test_a_breach_right_before_the_purchase_stops_the_run(monkeypatch, reader, observed):
    """A guard that held in pre-flight and does not now: journalled with threshold and value, nothing taken or sent."""
    monkeypatch.setattr(watching, "READ_SECONDS", 0.05)
    stand = Stand()
    stand.watch.check("a3_up", 200)
    stand.watch.watch("a3_up", reader)
    with pytest.raises(GuardBreachError, match="guard a3_up stops the run"):
        await stand.buy()
    stopped = stand.run.state.stopped
    assert (stopped.guard, stopped.threshold, stopped.observed) == ("a3_up", "200", observed)
    assert stand.run.kinds[-1] == "run_stopped"
    assert (stand.sent, stand.run.state.exposure.intent, await stand.left()) == ([], None, 25)
    stand.watch.watch("a3_up", lambda: 200)
    with pytest.raises(InterlockError):
        await stand.buy()
    assert stand.sent == []
    assert await stand.left() == 25


async def test_a_guard_that_nobody_reads_is_a_breach():
    """A guard without a reader stops the run before the row has done anything, and at the desk as well."""

    async def begin(watch: watching.Watch) -> None:
        watch.require_readers()

    for act in (begin, watching.Watch.look_again):
        stand = Stand()
        del stand.watch._readers["a6_up"]
        with pytest.raises(GuardBreachError) as refused:
            await act(stand.watch)
        assert stand.run.state.stopped.guard == "a6_up"
        assert refused.value.refusal.text() == (
            "guard a6_up stops the run: A6 answers 200\n"
            "  expected  200\n"
            "  observed  not readable: no row has said how it is read\n"
            "  money     No money moved.\n"
            "  next      Nothing after this runs. Mend what the guard saw, and start a new run."
        )
    Stand().watch.require_readers()


@pytest.mark.parametrize(
    ("units", "rules", "observed"),
    [
        (None, RULES, "nobody has granted any capacity"),
        (4, RULES, "4 left, fewer than 5: a safety pause, and no fresh override by a person"),
        (25, None, "no [env.prod.capacity] is written"),
    ],
    ids=["missing", "paused", "unwritten"],
)
async def test_a_capacity_that_is_missing_or_paused_stops_the_run(units, rules, observed):
    """The guard of the capacity needs no reader: it is read from the log, and a pause without a word is a breach."""
    stand = Stand(units=units, rules=rules)
    with pytest.raises(GuardBreachError, match="guard capacity stops the run"):
        await stand.buy()
    assert stand.run.state.stopped.observed == observed
    assert stand.sent == []


async def test_a_fresh_override_lets_one_charge_through_and_is_named():
    """Four left and a person's word: sent once, with the name in the journal, and paused again afterwards."""
    stand, now = Stand(units=4), datetime.now(UTC)
    await stand.log.change(
        "prod",
        lambda book: capacity_rules.override(
            book, RULES, by="bob", reason="launch", until=now + timedelta(hours=1), now=now
        ),
        now,
    )
    await stand.buy()
    assert stand.run.state.exposure.capacity.override_by == "bob"
    assert "no fresh override" in (await stand.capacity.standing()).refusal
    assert stand.sent == ["sent"]


async def test_the_last_unit_gone_between_guard_and_purchase_is_refused():
    """Somebody else takes the unit after the guards were read: the taking itself refuses, and stops the run."""
    stand = Stand(units=5)

    async def meanwhile() -> int:
        await stand.capacity.take("another run", "g")
        return 200

    stand.watch.watch("a6_up", meanwhile)
    with pytest.raises(InterlockError, match="capacity_left"):
        await stand.buy()
    assert stand.run.state.stopped.guard == "capacity_left"
    assert stand.sent == []


@pytest.mark.parametrize("unsent", ["no connection", "no lock", "no journal"])
async def test_a_unit_comes_back_when_nothing_can_have_been_sent(unsent):
    """A connection that never came about, a lost lock, an intent that could not be written: the unit is there again."""
    stand = Stand()
    if unsent == "no connection":
        stand.answer = TargetError(Refusal("", "", "", "", ""), failure="connect_error", unsent=True)
    elif unsent == "no lock":
        stand.held = False
    else:
        record = stand.run.record

        def fails(body):
            if body.kind == "charge_intended":
                raise JournalError(Refusal("the journal cannot be written", "", "", "", ""))
            return record(body)

        stand.run.record = fails
    with pytest.raises((TargetError, InterlockError, JournalError)):
        await stand.buy()
    assert await stand.left() == 25


@pytest.mark.parametrize(
    "answer",
    [500, 402, TargetError(Refusal("", "", "", "", ""), failure="reset"), RuntimeError(), asyncio.CancelledError()],
    ids=["500", "402", "reset", "bug", "cut off"],
)
async def test_a_unit_stays_taken_when_something_may_have_been_sent(answer):
    """An answer that refuses, none at all, or a cut in the middle prove nothing: the unit is gone."""
    stand = Stand(answer=answer)
    if isinstance(answer, BaseException):
        with pytest.raises(type(answer)):
            await stand.buy()
    else:
        await stand.buy()
    assert await stand.left() == 24


async def test_a_second_purchase_takes_no_second_unit():
    """The second purchase of a run is refused as ever, and costs nothing."""
    stand = Stand()
    await stand.buy()
    with pytest.raises(InterlockError, match="because of once"):
        await stand.buy()
    assert (stand.sent, await stand.left()) == (["sent"], 24)
    assert stand.run.state.stopped is None


async def test_a_log_that_cannot_be_believed_stops_the_run():
    """A capacity log that was changed by hand has nothing left."""
    stand = Stand()
    stand.log._lines["prod"] = [stand.log._lines["prod"][0].replace(b'"units":25', b'"units":99')]
    with pytest.raises(GuardBreachError):
        await stand.buy()
    assert stand.run.state.stopped.observed == "not readable: StoreError"
    stand = Stand()
    await stand.watch.look_again()
    stand.log._lines["prod"] = [b"{}"]
    with pytest.raises(StoreError, match="cannot be trusted"):
        await stand.watch.take_capacity()
    assert stand.run.state.stopped.guard == "capacity_left"


async def test_a_guard_after_money_that_is_breached_escalates():
    """A refund that did not go through is no money that moved before a stop: it stops the run and calls for a person."""
    stand = Stand()
    await stand.buy()
    with pytest.raises(GuardBreachError) as refused:
        stand.watch.check("refund", "failed")
    assert "Money may have moved" in refused.value.refusal.money
    (escalated,) = stand.run.state.escalated
    assert (escalated.amount, escalated.charge) == ("EUR 5.00", f"of trace {stand.run.trace_id}")
    assert stand.run.state.stopped.guard == "refund"


async def test_a_guard_that_the_gate_does_not_have_is_refused():
    """A misspelt guard is a mistake of the suite, named with the nearest one."""
    stand = Stand()
    with pytest.raises(ConfigurationError, match=r"guards\.a3_upp"):
        stand.watch.watch("a3_upp", lambda: 200)
    with pytest.raises(ConfigurationError):
        stand.watch.check("a3", 200)
    assert stand.run.state.stopped is None
