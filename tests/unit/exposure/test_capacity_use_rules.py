"""A run's use of the capacity: where it stands, what one unit leaves in log and journal, and whose word it used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.core import capacity_rules
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.capacity import Book, GivenBack, Judged, Taken, Witness, hash_of
from pytest_paygate.core.capacity_rules import CapacityRules, Standing
from pytest_paygate.core.errors import InterlockError, StoreError
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.exposure.capacity import Capacity

pytestmark = pytest.mark.asyncio(loop_scope="function")
RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))
UNWRITTEN = "no [env.prod.capacity] is written"


class Log(MemoryCapacity):
    """A log in memory that keeps when each line was asked for."""

    def __init__(self, units: int = 25) -> None:
        super().__init__()
        self.at: list[datetime] = []
        now = datetime.now(UTC)
        self.begin("prod", capacity_rules.grant(RULES, by="ann", reason="r", units=units, now=now), now)

    async def change(self, environment, decide, at) -> Book:
        """Add one line."""
        assert environment == "prod"
        self.at.append(at)
        return await super().change(environment, decide, at)

    async def entries(self) -> list[object]:
        """What was added after the grant."""
        return [line.entry for line in (await self.read("prod")).lines[1:]]

    async def word(self) -> None:
        """A person lets one charge through."""
        now = datetime.now(UTC)
        word = {"by": "bob", "reason": "r", "until": now + timedelta(hours=1), "now": now}
        await self.change("prod", lambda book: capacity_rules.override(book, RULES, **word), now)


def over(log: Log, rules: CapacityRules | None = RULES, **told) -> Capacity:
    """The capacity of `prod` over a log."""
    return Capacity(lambda: log, "prod", rules, **told)


async def test_where_it_stands_is_what_the_rules_make_of_the_log():
    """Units, what is left, thresholds and the end of the period come from log and settings."""
    log = Log(6)
    book = await log.read("prod")
    assert await over(log).standing() == Standing("prod", 6, 6, 5, 4, book.grant.until, None, None, "")
    assert await over(log).book() == book


async def test_without_settings_nothing_stands_and_nothing_is_taken():
    """The standing says so, and taking is refused word for word; the log is not touched."""
    log = Log()
    assert await over(log, None).standing() == Standing("prod", 0, 0, 0, 0, "", None, None, UNWRITTEN)
    with pytest.raises(InterlockError) as error:
        await over(log, None).take("run-1", "shop")
    assert error.value.conditions == ("capacity_left",)
    assert error.value.refusal.text() == (
        "interlock: no money moves, because of capacity_left\n"
        "  expected  a capacity for this environment in paygate.toml, because the gate asks for one\n"
        f"  observed  {UNWRITTEN}\n"
        "  money     No money moved. The purchase was not sent.\n"
        "  next      Write budget, pause_below and period; see docs/reference/paygate-toml.md."
    )
    assert log.at == []


async def test_a_taken_unit_is_told_with_its_line_and_its_log():
    """The journal's line names number and hash of the log's line, the hash of the log's first, and what is left."""
    log = Log()
    for number, run in enumerate(["run-1", "run-2"], 1):
        taken = await over(log).take(run, "shop")
        book = await log.read("prod")
        assert taken == ex.CapacityTaken(
            line=number, line_sha256=hash_of(book, number), log_sha256=hash_of(book, 0), left=25 - number
        )
    assert await log.entries() == [Taken(run_id="run-1", gate_id="shop"), Taken(run_id="run-2", gate_id="shop")]


async def test_a_unit_below_the_threshold_names_whose_word_it_used():
    """During a pause the override is used and named; one that is not needed any more is neither."""
    log = Log(4)
    await log.word()
    assert (await over(log).take("run-1", "shop")).override_by == "bob"
    assert (await log.entries())[-1] == Taken(run_id="run-1", gate_id="shop", override_seq=1)
    log = Log(5)
    await over(log).take("run-1", "shop")
    await log.word()
    await over(log).give_back("run-1", "not sent")
    assert (await over(log).take("run-2", "shop")).override_by == ""
    assert (await log.entries())[-1] == Taken(run_id="run-2", gate_id="shop")


async def test_a_unit_comes_back_and_a_verdict_is_noted():
    """What is left and the pause level follow; noting either again adds no line."""
    log = Log()
    await over(log).take("run-1", "shop")
    assert await over(log).give_back("run-1", "not sent") == ex.CapacityReturned(left=25, reason="not sent")
    await over(log).give_back("run-1", "not sent")
    await over(log).take("run-2", "shop")
    for _ in range(2):
        book = await over(log).judge("run-2", Verdict.PASS)
        assert (book.left, book.pause_level) == (24, 3)
    told = (await log.entries())[1::2]
    assert told == [GivenBack(run_id="run-1", reason="not sent"), Judged(run_id="run-2", verdict=Verdict.PASS)]
    assert len(log.at) == 6
    assert all(at.tzinfo is UTC for at in log.at)


async def test_a_log_that_was_put_back_has_nothing_left():
    """What the newest run has counted in must be there, for looking and for taking; that run is asked for once."""
    log, asked = Log(), []

    def witness() -> Witness:
        asked.append("asked")
        return Witness("run-0", datetime.now(UTC), hash_of(book, 0), 1, "0" * 64)

    book = await log.read("prod")
    capacity = over(log, witness=witness)
    for act in (capacity.book, capacity.standing, lambda: capacity.take("run-1", "shop")):
        with pytest.raises(StoreError, match="cannot be trusted at line 1"):
            await act()
    assert (asked, await log.entries()) == (["asked"], [])


async def test_a_log_that_holds_what_was_counted_is_believed():
    """A witness that fits changes nothing."""
    log = Log()
    first = await over(log).take("run-0", "shop")
    told = Witness("run-0", datetime.now(UTC), first.log_sha256, first.line, first.line_sha256)
    capacity = over(log, witness=lambda: told)
    assert (await capacity.take("run-1", "shop")).left == 23
    assert (await capacity.book()).left == 23
