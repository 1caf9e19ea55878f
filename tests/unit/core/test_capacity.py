"""The capacity log: what is left is counted from whole, believed lines; every rule of grant, pause, take and verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_paygate.core import capacity, capacity_rules
from pytest_paygate.core.capacity import Book, GivenBack, Granted, Judged, Overridden, Taken
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.errors import ApprovalError, InterlockError, StoreError
from pytest_paygate.core.verdict import Verdict

NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))


class Log:
    """A capacity log that grows line by line, as an adapter writes it."""

    def __init__(self, environment: str = "prod") -> None:
        self.environment = environment
        self.lines: list[bytes] = []
        self.now = NOW

    @property
    def book(self) -> Book:
        """The log, read back."""
        return capacity.read(self.lines, self.environment)

    def add(self, entry: capacity.CapacityEntry | None) -> None:
        """Add one line, if there is one."""
        if entry is not None:
            line = capacity.encode(self.book, entry, self.now)
            capacity.follow(self.book, line)
            self.lines.append(line)

    def grant(self, units: int | None = None) -> None:
        """Grant."""
        self.add(capacity_rules.grant(RULES, by="ann", reason="new period", units=units, now=self.now))

    def override(self, minutes: int = 60) -> None:
        """Override."""
        until = self.now + timedelta(minutes=minutes)
        self.add(capacity_rules.override(self.book, RULES, by="bob", reason="launch", until=until, now=self.now))

    def take(self, run_id: str) -> None:
        """Take."""
        self.add(capacity_rules.take(self.book, RULES, run_id=run_id, gate_id="microcharge", now=self.now))

    def judge(self, run_id: str, verdict: Verdict) -> None:
        """Judge."""
        self.add(capacity_rules.judged(self.book, run_id, verdict))

    def why_not(self) -> str:
        """Why nothing may be taken now."""
        return capacity_rules.standing(self.book, RULES, self.now).refusal


def story() -> Log:
    """A log with every kind of line: a grant of five, charges into the pause, an override, a return, two verdicts."""
    log = Log()
    log.grant(5)
    log.take("run-1")
    log.judge("run-1", Verdict.PASS)
    log.override()
    log.take("run-2")
    log.judge("run-2", Verdict.FAIL)
    log.override()
    log.take("run-3")
    log.add(capacity_rules.give_back(log.book, "run-3", "no connection"))
    return log


def test_a_story_is_told_by_its_log_alone():
    """Budget, counter, pause level and overrides come from the lines and nothing else."""
    book = story().book
    assert (book.left, book.pause_level, book.override) == (3, 3, None)
    assert {one.run_id: (one.verdict, one.returned) for one in book.units.values()} == {
        "run-1": (Verdict.PASS, False),
        "run-2": (Verdict.FAIL, False),
        "run-3": (None, True),
    }


def test_nothing_granted_is_nothing_left():
    """An environment without a grant has no unit and says why."""
    log = Log()
    assert log.why_not() == "nobody has granted any capacity"
    with pytest.raises(InterlockError) as refused:
        log.take("run-1")
    assert refused.value.conditions == ("capacity_left",)


def test_five_left_may_be_taken_and_four_left_is_a_safety_pause():
    """At the threshold a charge goes through; below it none does without a person's word, and then exactly one."""
    log = Log()
    log.grant(5)
    log.take("run-1")
    assert "4 left, fewer than 5: a safety pause" in log.why_not()
    with pytest.raises(InterlockError, match="capacity_left"):
        log.take("run-2")
    log.override()
    assert log.why_not() == ""
    log.take("run-2")
    assert "3 left, fewer than 5" in log.why_not()


def test_an_override_is_for_one_charge():
    """Whoever comes second with the same override is refused; what was said before a charge is stale after it."""
    log = story()
    log.override()
    log.override()
    log.take("run-4")
    with pytest.raises(InterlockError, match="capacity_left"):
        log.take("run-5")


def test_an_override_ends_at_its_time():
    """A minute past its end an override lets nothing through, and is named."""
    log = story()
    log.override(minutes=60)
    log.now += timedelta(minutes=60)
    assert log.why_not().endswith("the one of bob ended at 2026-11-21T10:15:00.000Z")


def test_an_override_makes_no_units():
    """With nothing left, after the period, or before any grant there is nothing to override."""
    log = Log()
    with pytest.raises(ApprovalError, match="there is nothing to override"):
        log.override()
    log.grant(1)
    log.override()
    log.take("run-1")
    assert log.why_not() == "0 of 1 units left: the budget is used up"
    with pytest.raises(ApprovalError, match="there is nothing to override"):
        log.override()


def test_an_override_needs_a_pause_and_an_early_end():
    """Overrides are not kept in stock: none without a pause, none for longer than a day, none that has ended."""
    log = Log()
    log.grant(5)
    with pytest.raises(ApprovalError, match="no safety pause"):
        log.override()
    log.take("run-1")
    for minutes in (0, -1, 24 * 60 + 1):
        with pytest.raises(ApprovalError, match="would not be fresh"):
            log.override(minutes)
    log.override(24 * 60)


def test_a_period_ends():
    """Past its period nothing is left, however much was; a new grant begins afresh."""
    log = Log()
    log.grant()
    log.now += timedelta(days=30)
    assert log.why_not() == "the period ended at 2026-12-21T09:15:00.000Z"
    log.grant()
    assert log.why_not() == ""
    assert log.book.left == 25


def test_a_grant_from_the_future_counts_for_nothing():
    """A clock that went back does not make old limits new."""
    log = Log()
    log.grant()
    log.now -= timedelta(minutes=1)
    assert log.why_not() == "the grant is dated in the future"


@pytest.mark.parametrize("units", [0, -1, 26])
def test_a_grant_is_within_the_budget(units):
    """More than the budget, or nothing, is not granted."""
    with pytest.raises(ApprovalError, match="cannot be granted"):
        Log().grant(units)


def test_the_stricter_threshold_counts():
    """Loosening the settings after a grant does not lift its pause; tightening them makes one."""
    log = Log()
    log.grant(6)
    stricter = CapacityRules(25, 7, RULES.period)
    assert "fewer than 7" in capacity_rules.standing(log.book, stricter, NOW).refusal
    log.take("run-1")
    log.take("run-2")
    looser = CapacityRules(25, 0, RULES.period)
    assert "fewer than 5" in capacity_rules.standing(log.book, looser, NOW).refusal


def test_a_pass_lowers_the_pause_level_once_and_nothing_else_does():
    """4 becomes 3 with a PASS, once for each run; FAIL, STOPPED, ESCALATED, CONDITIONAL and INCOMPLETE leave it."""
    log = Log()
    log.grant()
    assert log.book.pause_level == 4
    for number, verdict in enumerate(v for v in Verdict if v is not Verdict.PASS):
        log.take(f"run-{number}")
        log.judge(f"run-{number}", verdict)
        assert log.book.pause_level == 4
    log.take("run-good")
    for _ in range(3):
        log.judge("run-good", Verdict.PASS)
        assert log.book.pause_level == 3


def test_a_pending_run_may_still_pass_and_any_other_verdict_is_the_last():
    """PENDING waits for a person; a FAIL is never made good by a later line."""
    log = Log()
    log.grant()
    log.take("run-1")
    log.judge("run-1", Verdict.PENDING)
    assert log.book.pause_level == 4
    log.judge("run-1", Verdict.PASS)
    assert log.book.pause_level == 3
    log.take("run-2")
    log.judge("run-2", Verdict.FAIL)
    log.judge("run-2", Verdict.PASS)
    assert (log.book.pause_level, log.book.units["run-2"].verdict) == (3, Verdict.FAIL)


def test_the_pause_level_stops_at_zero():
    """However many runs pass, the level is never negative."""
    log = Log()
    log.grant()
    for number in range(6):
        log.take(f"run-{number}")
        log.judge(f"run-{number}", Verdict.PASS)
    assert log.book.pause_level == 0


def test_a_unit_of_an_earlier_grant_does_not_come_back_to_this_one():
    """Giving back never makes more than was granted."""
    log = Log()
    log.grant(6)
    log.take("run-1")
    log.grant(6)
    log.add(capacity_rules.give_back(log.book, "run-1", "no connection"))
    assert log.book.left == 6
    assert capacity_rules.give_back(log.book, "run-1", "again") is None


def test_a_judged_run_gives_nothing_back():
    """Once a run has its verdict, its unit is gone."""
    log = Log()
    log.grant()
    log.take("run-1")
    log.judge("run-1", Verdict.FAIL)
    assert capacity_rules.give_back(log.book, "run-1", "no connection") is None


def refused(lines: list[bytes], environment: str = "prod") -> str:
    """What is said of a log that is not believed."""
    with pytest.raises(StoreError) as error:
        capacity.read(lines, environment)
    assert "so nothing counts as left" in error.value.refusal.refused
    return error.value.refusal.observed


def test_every_edited_byte_is_refused():
    """Whatever single character of whatever line but the last is another one, the log is refused."""
    lines = story().lines
    for number in range(len(lines) - 1):
        for place in range(len(lines[number])):
            changed = bytearray(lines[number])
            changed[place] = ord("7") if changed[place] != ord("7") else ord("8")
            refused([*lines[:number], bytes(changed), *lines[number + 1 :]])


@given(st.data())
def test_cut_out_moved_or_repeated_lines_are_refused(data):
    """No line can be missing from the middle or the front, stand elsewhere, or stand twice."""
    lines = story().lines
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=len(lines) + 2))
    if order != list(range(len(order))):
        refused([lines[number] for number in order])


def test_a_foreign_log_is_refused():
    """The log of another environment is not this one's, even untouched."""
    assert refused(story().lines, "staging") == "a line of another environment"


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (Taken(run_id="run-9", gate_id="g"), "a paused charge has its override"),
        (Taken(run_id="run-9", gate_id="g", override_seq=3), "an override is used once, fresh"),
        (Taken(run_id="run-1", gate_id="g"), "a run takes one unit"),
        (Judged(run_id="run-1", verdict=Verdict.PASS), "a run is judged once"),
        (Judged(run_id="run-9", verdict=Verdict.PASS), "only a run that holds a unit gives it back or is judged"),
        (GivenBack(run_id="run-1", reason="r"), "a unit is given back before the run has its verdict"),
        (GivenBack(run_id="run-3", reason="r"), "only a run that holds a unit gives it back or is judged"),
        (Overridden(by="b", reason="r", until="tomorrow"), "times are moments in UTC"),
        (
            Granted(by="a", reason="r", units=9, budget=8, pause_below=0, pause_level=0, until="2026-12-01T00:00:00Z"),
            "a grant is not more than the budget",
        ),
    ],
)
def test_a_line_with_the_right_hash_and_a_wrong_story_is_refused(entry, rule):
    """Whoever writes a line by hand, chained as it must be, still has to keep the rules."""
    log = story()
    assert refused([*log.lines, capacity.encode(log.book, entry, NOW)]) == rule


@pytest.mark.parametrize("change", [{"extra": 1}, {"seq": 9}, {"seq": "8"}, {"at": "now"}, {"prev": "0" * 64}])
def test_a_line_has_its_keys_and_no_others(change):
    """Unknown keys, wrong numbers, times or types refuse the line."""
    lines = story().lines
    document = {**json.loads(lines[-1]), **change}
    refused([*lines[:-1], json.dumps(document, sort_keys=True, separators=(",", ":")).encode()])


def test_the_refusal_of_a_take_word_for_word():
    """The refusal in a safety pause, whole."""
    log = story()
    with pytest.raises(InterlockError) as error:
        log.take("run-9")
    assert error.value.refusal.text() == (
        "interlock: no money moves, because of capacity_left\n"
        "  expected  a unit of prod's capacity that may be taken\n"
        "  observed  3 left, fewer than 5: a safety pause, and no fresh override by a person\n"
        "  money     No money moved. The purchase was not sent.\n"
        "  next      See `paygate capacity`; have it granted, or in a safety pause overridden, by a person."
    )


def test_the_refusal_of_a_log_word_for_word():
    """The refusal of a damaged log, whole."""
    lines = story().lines
    with pytest.raises(StoreError) as error:
        capacity.read(lines[1:], "prod")
    assert error.value.refusal.text() == (
        "the capacity log of prod cannot be trusted at line 0, so nothing counts as left\n"
        "  expected  a line that follows on from the one before\n"
        "  observed  a break in the chain\n"
        "  money     No money moved. How many charges were taken is not known.\n"
        "  next      Keep the log as it is, find out what changed it, and restore it from a copy."
    )


def witness(book: Book, line: int, at: datetime = NOW) -> capacity.Witness:
    """What a run would have journalled of a line."""
    return capacity.Witness("run-1", at, capacity.hash_of(book, 0), line, capacity.hash_of(book, line))


def test_a_log_put_back_to_an_earlier_state_is_refused():
    """A copy of the log from before the newest run's unit, head and all, does not hold what that run journalled."""
    log = story()
    known = witness(log.book, 7)
    capacity.check_witness(log.book, known)
    for kept in range(1, 8):
        with pytest.raises(StoreError, match="cannot be trusted at line 7"):
            capacity.check_witness(capacity.read(log.lines[:kept], "prod"), known)
    log.lines = log.lines[:5]
    log.override()
    log.take("run-other")
    log.grant(5)
    with pytest.raises(StoreError, match="cannot be trusted at line 7"):
        capacity.check_witness(log.book, known)


def test_another_log_counts_only_when_a_person_began_it_later():
    """A log from elsewhere with plenty left is refused; one that was granted afresh after the run is not."""
    known = witness(story().book, 7)
    older, newer = Log(), Log()
    older.now -= timedelta(hours=1)
    older.grant()
    with pytest.raises(StoreError):
        capacity.check_witness(older.book, known)
    newer.now += timedelta(hours=1)
    newer.grant()
    capacity.check_witness(newer.book, known)
    capacity.check_witness(Book("prod"), known)


def test_the_standing_in_one_line():
    """What a plan shows of a pause, before and after a person's word."""
    log = story()
    told = capacity_rules.standing(log.book, RULES, NOW).told()
    assert told == ("3 of 5 left until 2026-12-21T09:15:00.000Z (pause below 5, pause level 3), SAFETY PAUSE")
    log.override()
    assert capacity_rules.standing(log.book, RULES, NOW).told() == f"{told}, override by bob"
    assert RULES.told() == "25 charges in 30 d, pause below 5"
