"""Guards, continued: what one must say, what a look tells, and every word about a guard that cannot be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_paygate.core.capacity import Overridden
from pytest_paygate.core.capacity_rules import Standing
from pytest_paygate.core.guards import Guard, GuardSource, Looked, Misfit, Unreadable, look, misfits, told
from pytest_paygate.core.model import ValidationError

THRESHOLDS = {"limit": 120.0, "minimum": 5.0}
STANDING = Standing("prod", 25, 25, 5, 4, "2026-12-21T09:15:00.000Z", None, None, "")
BY_BOB = Overridden(by="bob", reason="launch", until="2026-11-22T09:15:00.000Z")


def guard(**condition) -> Guard:
    """A guard."""
    return Guard(**{"id": "up", "title": "t", **condition})


def test_a_guard_says_what_it_is_and_asks_for_nothing_else():
    """Everything but the name and the title may be left out; the source is named as gates name it."""
    one = guard()
    assert one.model_dump() == {
        "id": "up",
        "title": "t",
        "fact": "",
        "source": None,
        "equals": None,
        "at_most": None,
        "at_least": None,
        "after_money": False,
        "escalates": False,
    }
    assert [one.value for one in GuardSource] == ["capacity"]
    for field in ("id", "title"):
        with pytest.raises(ValidationError, match="Field required"):
            Guard(**{name: value for name, value in one.model_dump().items() if name != field})


@pytest.mark.parametrize("wrong", ["", "A", "0a", "_a", "a-b", "a" * 41, "a\n", "aB"])
def test_a_guard_has_a_plain_name(wrong):
    """Small letters, digits and underscores, a letter first, forty at most."""
    for name in ("a", "a0_b", "a" * 40):
        assert guard(id=name).id == name
    with pytest.raises(ValidationError, match="match pattern"):
        guard(id=wrong)


def test_a_guard_has_a_title_for_a_line_of_a_report():
    """At least one character, at most 120."""
    assert len(guard(title="x" * 120).title) == 120
    for wrong in ("", "x" * 121):
        with pytest.raises(ValidationError, match="String should have at"):
            guard(title=wrong)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({}, ""),
        ({"equals": 200}, "200"),
        ({"equals": True}, "True"),
        ({"equals": "PASS"}, "PASS"),
        ({"at_least": 5}, "at least 5"),
        ({"at_least": "minimum"}, "at least 5"),
        ({"at_most": 0.25}, "at most 0.25"),
        ({"at_most": "limit"}, "at most 120"),
        ({"equals": 3, "at_least": 1, "at_most": 3.0}, "3 and at least 1 and at most 3"),
        ({"equals": 3, "at_most": 3}, "3 and at most 3"),
        ({"at_least": 1, "at_most": "limit"}, "at least 1 and at most 120"),
    ],
)
def test_what_a_guard_asks_for_is_told_with_its_numbers(condition, text):
    """Each condition in words, names of thresholds replaced by their values."""
    assert told(guard(**condition), THRESHOLDS) == text


@pytest.mark.parametrize(
    ("observed", "found"),
    [
        (5, Looked("up", "at least 5", "5", held=True)),
        (4, Looked("up", "at least 5", "4", held=False)),
        (Unreadable("TargetError"), Looked("up", "at least 5", "not readable: TargetError", held=False)),
        (STANDING, Looked("up", "at least 5", "25 left", held=True)),
        (replace(STANDING, left=4), Looked("up", "at least 5", "4 left", held=False)),
        (
            replace(STANDING, left=4, override=BY_BOB),
            Looked("up", "at least 5", "4 left, override by bob", held=True, by="bob"),
        ),
        (replace(STANDING, override=BY_BOB), Looked("up", "at least 5", "25 left", held=True)),
        (replace(STANDING, refusal="the period ended"), Looked("up", "at least 5", "the period ended", held=False)),
    ],
)
def test_a_look_tells_everything(observed, found):
    """The guard, what it asks for, what was seen, whether it holds, and who overrode it, if anybody did."""
    seen = look(guard(at_least="minimum"), observed, THRESHOLDS)
    assert seen == found
    assert (seen.by, type(seen.held)) == (found.by, bool)
    assert Looked("up", "", "", held=True).by == ""


@pytest.mark.parametrize(
    ("condition", "holds", "breaches"),
    [
        ({"equals": 3, "at_least": 1, "at_most": 5}, (3,), (2, 4)),
        ({"equals": 3, "at_least": 4}, (), (3, 4)),
        ({"equals": 3, "at_most": 2}, (), (3, 2)),
        ({"equals": "x", "at_most": 2}, (), ("x", 1)),
        ({"at_least": 1}, (1, 1.0), (0, True, "1", None, [1])),
        ({"at_least": "minimum"}, (5, 6), (4,)),
        ({"at_most": 3}, (3, 3.0, 2), (4, False, "3", None)),
        ({"at_most": "limit"}, (119, 120), (121,)),
        ({"equals": 0}, (0,), (False, 0.0, "", None)),
        ({}, (), (None, 0, 1, "x", True)),
    ],
)
def test_every_condition_has_to_hold(condition, holds, breaches):
    """All of a guard's conditions at once; one without any never holds."""
    assert [look(guard(**condition), value, THRESHOLDS).held for value in holds] == [True] * len(holds)
    assert [look(guard(**condition), value, THRESHOLDS).held for value in breaches] == [False] * len(breaches)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (guard(), Misfit("guard up", "equals, at_least or at_most", "none of them")),
        (
            guard(fact="paid", source=GuardSource.CAPACITY, at_least=1),
            Misfit("guard up", "a fact or a source", "both"),
        ),
        (
            guard(fact="payed", equals=1),
            Misfit("guard up.fact", "a fact declared in [facts]", "payed", ("paid", "ready")),
        ),
        (
            guard(at_least="lim"),
            Misfit("guard up", "a number or a name from [thresholds]", "lim", ("limit", "minimum")),
        ),
        (
            guard(at_least=1, at_most="lim"),
            Misfit("guard up", "a number or a name from [thresholds]", "lim", ("limit", "minimum")),
        ),
        (
            guard(equals=1, escalates=True),
            Misfit("guard up", "after_money = true, where escalates is", "escalates alone"),
        ),
        (
            guard(source=GuardSource.CAPACITY, at_most=1),
            Misfit("guard up", "at_least, for a source that counts units", "another condition"),
        ),
    ],
)
def test_a_guard_that_cannot_be_meant_is_told_alone(wrong, found):
    """What is wrong with it, what was expected, and the names there are; nothing else is found beside it."""
    assert list(misfits([guard(id="other", equals=1), wrong], ["paid", "ready"], ["limit", "minimum"])) == [found]
    assert found.known == () or found.observed in {"payed", "lim"}
    assert Misfit("", "", "").known == ()


def test_a_guard_that_stands_twice_is_told_each_time():
    """Each of them, with how often it stands there."""
    twice = [guard(equals=1), guard(id="other", equals=1), guard(at_most=3)]
    assert list(misfits(twice, [], [])) == [Misfit("guard up", "each guard id once", "2 times")] * 2


@pytest.mark.parametrize(
    "fine",
    [
        guard(equals=1),
        guard(equals=False),
        guard(at_least=0),
        guard(at_most=0),
        guard(at_least="limit", at_most="minimum"),
        guard(fact="paid", equals="limits"),
        guard(source=GuardSource.CAPACITY, at_least=0),
        guard(equals=1, after_money=True),
        guard(equals=1, after_money=True, escalates=True),
    ],
)
def test_a_guard_that_can_be_meant_is_not_spoken_of(fine):
    """Every way in which one may be written; zero and false are conditions like others."""
    assert list(misfits([fine], ["paid"], ["limit", "minimum"])) == []
