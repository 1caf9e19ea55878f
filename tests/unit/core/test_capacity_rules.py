"""What a capacity allows: the standing in every case, each line that may be added, and each refusal word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import capacity_rules as rules
from pytest_paygate.core.capacity import Book, GivenBack, Granted, Judged, Overridden, Taken, encode, follow
from pytest_paygate.core.capacity_rules import CapacityRules, CapacitySettings, Standing, standing
from pytest_paygate.core.errors import ApprovalError, InterlockError
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.verdict import Verdict

NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
RULES = CapacityRules(budget=25, pause_below=2, period=timedelta(days=30))
END = "2026-12-21T09:15:00.000Z"
GRANTED = Granted(by="ann", reason="new", units=3, budget=25, pause_below=2, pause_level=1, until=END)
WORD = Overridden(by="bob", reason="launch", until="2026-11-21T10:15:00.000Z")
NOBODY = "nobody has granted any capacity"
PAUSE = "1 left, fewer than 2: a safety pause, and no fresh override by a person"


def book(*entries, at: datetime = NOW) -> Book:
    """The book of some entries, all of one time."""
    made = Book("prod")
    for entry in entries:
        made = follow(made, encode(made, entry, at))
    return made


def taken(run: str, override_seq: int | None = None) -> Taken:
    """A unit is taken."""
    return Taken(run_id=run, gate_id="g", override_seq=override_seq)


ONE_LEFT = (GRANTED, taken("a"), taken("b"))


def stands(of: Book, now: datetime = NOW, by: CapacityRules = RULES) -> Standing:
    """Where a book stands."""
    return standing(of, by, now)


def test_the_settings_have_their_bounds():
    """Budget, threshold and period; a threshold above the budget is refused."""
    plain = {"budget": 25, "pause_below": 5, "period": "30d"}
    for key, good, bad in (
        ("budget", (5, 100_000), (0, 100_001)),
        ("pause_below", (0, 25), (-1,)),
        ("period", ("1h", "9999d", "30d"), ("0d", "d", "10000d", "30m", "30", "30dd", "x30d")),
    ):
        for value in good:
            assert getattr(CapacitySettings.model_validate({**plain, key: value}), key) == value
        for value in bad:
            with pytest.raises(ValidationError):
                CapacitySettings.model_validate({**plain, key: value})
    assert CapacitySettings(budget=1, pause_below=0, period="1d").budget == 1
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        CapacitySettings(budget=0, pause_below=0, period="1d")
    with pytest.raises(ValidationError) as refused:
        CapacitySettings(budget=4, pause_below=5, period="30d")
    (error,) = refused.value.errors()
    assert error["msg"] == "Value error, a pause_below that is not more than budget"


@pytest.mark.parametrize(
    ("period", "length", "told"),
    [
        ("30d", timedelta(days=30), "25 charges in 30 d, pause below 5"),
        ("12h", timedelta(hours=12), "25 charges in 12 h, pause below 5"),
        ("48h", timedelta(hours=48), "25 charges in 2 d, pause below 5"),
        ("25h", timedelta(hours=25), "25 charges in 25 h, pause below 5"),
    ],
)
def test_the_rules_as_values(period, length, told):
    """Hours and days are what they say; whole days are told as days."""
    made = rules.rules_of(CapacitySettings(budget=25, pause_below=5, period=period))
    assert made == CapacityRules(25, 5, length)
    assert made.told() == told
    assert rules.rules_of(None) is None


def test_an_environment_without_a_grant():
    """Nothing is left, nothing is paused by a grant, and that is what is told."""
    found = stands(Book("prod"))
    assert found == Standing("prod", 0, 0, 2, 0, "", None, None, NOBODY)
    assert found.told() == NOBODY


def test_where_a_book_stands():
    """Units, what is left, thresholds, the end of the period; below the threshold it is a pause."""
    found = stands(book(GRANTED, taken("a")))
    assert found == Standing("prod", 3, 2, 2, 1, END, None, None, "")
    assert not found.is_paused
    assert found.told() == f"2 of 3 left until {END} (pause below 2, pause level 1)"
    found = stands(book(*ONE_LEFT))
    assert found == Standing("prod", 3, 1, 2, 1, END, None, None, PAUSE)
    assert found.is_paused
    assert found.told() == f"1 of 3 left until {END} (pause below 2, pause level 1), SAFETY PAUSE"
    found = stands(book(*ONE_LEFT, WORD))
    assert found == Standing("prod", 3, 1, 2, 1, END, WORD, 3, "")
    assert found.told() == f"1 of 3 left until {END} (pause below 2, pause level 1), SAFETY PAUSE, override by bob"


def test_the_stricter_threshold_counts():
    """Of grant and settings, whichever is higher."""
    assert stands(book(GRANTED), by=replace(RULES, pause_below=9)).pause_below == 9
    assert stands(book(GRANTED), by=replace(RULES, pause_below=0)).pause_below == 2
    assert stands(Book("prod"), by=replace(RULES, pause_below=0)).pause_below == 0


@pytest.mark.parametrize(
    ("late", "refusal", "holds"),
    [
        (timedelta(minutes=59, seconds=59), "", True),
        (timedelta(minutes=60), f"{PAUSE}; the one of bob ended at {WORD.until}", False),
        (timedelta(minutes=61), f"{PAUSE}; the one of bob ended at {WORD.until}", False),
    ],
)
def test_an_override_holds_until_its_end(late, refusal, holds):
    """At its end it is over, and is told with its person."""
    found = stands(book(*ONE_LEFT, WORD), NOW + late)
    assert (found.refusal, found.override, found.override_seq) == (
        refusal,
        WORD if holds else None,
        3 if holds else None,
    )


def test_lines_from_the_future_count_for_nothing():
    """Five seconds are two clocks; more is a wrong one, for a grant and for an override alike."""
    early = NOW - timedelta(seconds=5)
    assert stands(book(GRANTED), early).refusal == ""
    assert stands(book(GRANTED), early - timedelta(milliseconds=1)).refusal == "the grant is dated in the future"
    paused = book(*ONE_LEFT)
    later = follow(paused, encode(paused, WORD, NOW + timedelta(seconds=5)))
    assert stands(later).override == WORD
    later = follow(paused, encode(paused, WORD, NOW + timedelta(seconds=6)))
    assert (stands(later).override, stands(later).refusal) == (None, PAUSE)


@pytest.mark.parametrize(
    ("entries", "late", "refusal"),
    [
        ((GRANTED,), timedelta(days=30, seconds=-1), ""),
        ((GRANTED,), timedelta(days=30), f"the period ended at {END}"),
        ((*ONE_LEFT, WORD, taken("c", 3), WORD), timedelta(0), "0 of 3 units left: the budget is used up"),
        ((*ONE_LEFT, WORD), timedelta(days=30), f"the period ended at {END}"),
    ],
)
def test_no_override_changes_a_period_that_is_over_or_used_up(entries, late, refusal):
    """Whatever anybody says, and before anything else is told."""
    assert stands(book(*entries), NOW + late).refusal == refusal


def test_what_a_grant_says():
    """The whole budget or a part of it, with the rules of its day."""
    made = rules.grant(RULES, by="ann", reason="new", units=None, now=NOW)
    assert made == GRANTED.model_copy(update={"units": 25})
    assert rules.grant(RULES, by="ann", reason="new", units=1, now=NOW).units == 1
    assert rules.grant(RULES, by="ann", reason="new", units=25, now=NOW).units == 25
    for below, level in ((0, 0), (1, 0), (5, 4)):
        made = rules.grant(replace(RULES, pause_below=below), by="a", reason="b", units=2, now=NOW)
        assert (made.pause_below, made.pause_level) == (below, level)


@pytest.mark.parametrize("units", [0, -1, 26])
def test_what_cannot_be_granted(units):
    """Nothing, or more than the budget."""
    with pytest.raises(ApprovalError) as refused:
        rules.grant(RULES, by="ann", reason="new", units=units, now=NOW)
    assert refused.value.refusal.text() == (
        "this capacity cannot be granted\n"
        "  expected  between 1 and 25 units, the budget in paygate.toml\n"
        f"  observed  {units}\n"
        "  money     No money moved.\n"
        "  next      Grant fewer, or have the budget changed."
    )


def override(of: Book, until: timedelta = timedelta(hours=1)) -> Overridden:
    """A person's word."""
    return rules.override(of, RULES, by="bob", reason="launch", until=NOW + until, now=NOW)


def test_what_an_override_says():
    """Who, why and until when; up to a day."""
    assert override(book(*ONE_LEFT)) == WORD
    assert override(book(*ONE_LEFT), timedelta(hours=24)).until == "2026-11-22T09:15:00.000Z"
    assert override(book(*ONE_LEFT, WORD)) == WORD


@pytest.mark.parametrize(
    ("entries", "until", "told"),
    [
        (
            (),
            1,
            "there is nothing to override\n"
            "  expected  a period with at least one unit left\n"
            f"  observed  {NOBODY}\n"
            "  money     No money moved.\n"
            "  next      Grant capacity with `paygate capacity grant`; an override makes no units.",
        ),
        (
            (GRANTED, taken("a")),
            1,
            "there is no safety pause to override\n"
            "  expected  fewer than 2 left\n"
            "  observed  2 left\n"
            "  money     No money moved.\n"
            "  next      Nothing is needed: a charge may be taken.",
        ),
        (
            ONE_LEFT,
            24.5,
            "this override would not be fresh\n"
            "  expected  an end within 24 h from now\n"
            "  observed  2026-11-22T09:45:00.000Z\n"
            "  money     No money moved.\n"
            "  next      Name an earlier --until; the next charge takes the next override.",
        ),
        (
            ONE_LEFT,
            0,
            "this override would not be fresh\n"
            "  expected  an end within 24 h from now\n"
            "  observed  2026-11-21T09:15:00.000Z\n"
            "  money     No money moved.\n"
            "  next      Name an earlier --until; the next charge takes the next override.",
        ),
    ],
)
def test_what_cannot_be_overridden(entries, until, told):
    """Nothing granted, no pause, or a word that is kept in stock."""
    with pytest.raises(ApprovalError) as refused:
        override(book(*entries), timedelta(hours=until))
    assert refused.value.refusal.text() == told


def take(of: Book, run: str = "c") -> Taken:
    """One unit for a run."""
    return rules.take(of, RULES, run_id=run, gate_id="g", now=NOW)


def test_what_a_charge_takes():
    """One unit for its run; in a pause with the line of the override, otherwise without one."""
    assert take(book(GRANTED, taken("a"))) == taken("c")
    assert take(book(GRANTED, WORD)) == taken("c")
    assert take(book(*ONE_LEFT, WORD)) == taken("c", 3)
    assert take(book(GRANTED, taken("a"), GivenBack(run_id="a", reason="r")), "a") == taken("a")


@pytest.mark.parametrize(
    ("entries", "run", "observed"),
    [
        ((), "c", NOBODY),
        (ONE_LEFT, "c", PAUSE),
        (ONE_LEFT, "a", PAUSE),
        ((GRANTED, taken("a")), "a", "this run has taken its unit before"),
    ],
)
def test_what_cannot_be_taken(entries, run, observed):
    """No unit, or a second one: nothing is sent."""
    with pytest.raises(InterlockError) as refused:
        take(book(*entries), run)
    assert refused.value.conditions == ("capacity_left",)
    assert refused.value.refusal.text() == (
        "interlock: no money moves, because of capacity_left\n"
        "  expected  a unit of prod's capacity that may be taken\n"
        f"  observed  {observed}\n"
        "  money     No money moved. The purchase was not sent.\n"
        "  next      See `paygate capacity`; have it granted, or in a safety pause overridden, by a person."
    )


def test_what_is_given_back():
    """The unit of a run that has one, no verdict, and has not given it back."""
    back = GivenBack(run_id="a", reason="r")
    pending = Judged(run_id="a", verdict=Verdict.PENDING)
    assert rules.give_back(book(GRANTED, taken("a")), "a", "r") == back
    assert rules.give_back(book(GRANTED, taken("a")), "b", "r") is None
    assert rules.give_back(book(GRANTED, taken("a"), back), "a", "r") is None
    assert rules.give_back(book(GRANTED, taken("a"), pending), "a", "r") is None


def test_what_is_judged():
    """A run that holds a unit, until its last word; the same word is not noted twice."""
    passed = Judged(run_id="a", verdict=Verdict.PASS)
    pending = Judged(run_id="a", verdict=Verdict.PENDING)
    assert rules.judged(book(GRANTED, taken("a")), "a", Verdict.PASS) == passed
    assert rules.judged(book(GRANTED, taken("a"), pending), "a", Verdict.PASS) == passed
    assert rules.judged(book(GRANTED, taken("a"), pending), "a", Verdict.PENDING) is None
    assert rules.judged(book(GRANTED, taken("a"), passed), "a", Verdict.FAIL) is None
    assert rules.judged(book(GRANTED, taken("a"), GivenBack(run_id="a", reason="r")), "a", Verdict.PASS) is None
    assert rules.judged(book(GRANTED), "a", Verdict.PASS) is None
