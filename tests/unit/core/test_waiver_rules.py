"""Waivers on their own: what one must say, how it is told, and which of them hold on a day."""

from __future__ import annotations

from datetime import date

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.waivers import Waiver, check_reach, expired, holding


def waiver(**changed: object) -> Waiver:
    """A waiver of a row until the end of January."""
    return Waiver(**{"row": "two", "owner": "cto", "reason": "known", "until": date(2026, 1, 31), **changed})


@pytest.mark.parametrize("names", [{"row": "two", "criterion": "books"}, {"row": "", "criterion": ""}])
def test_a_waiver_names_one_thing(names):
    """Both a row and a criterion, or neither, is refused in words."""
    with pytest.raises(ValidationError) as refused:
        waiver(**names)
    (error,) = refused.value.errors()
    assert str(error["ctx"]["error"]) == "a waiver names a row or a criterion, and one of them only"


def test_a_waiver_of_one_thing_has_no_other():
    """What is not named is empty, and the form says which of the two it is."""
    assert waiver().criterion == ""
    named = waiver(row="", criterion="books")
    assert (named.row, named.criterion) == ("", "books")
    assert Waiver(criterion="books", owner="cto", reason="r", until=date(2026, 1, 31)).row == ""


@pytest.mark.parametrize(("field", "most"), [("owner", 120), ("reason", 400)])
def test_somebody_answers_for_it_with_a_reason(field, most):
    """Owner and reason are said, and short enough for a line of a report; the bounds are within."""
    assert getattr(waiver(**{field: "x"}), field) == "x"
    assert getattr(waiver(**{field: "x" * most}), field) == "x" * most
    for wrong in ("", "x" * (most + 1)):
        with pytest.raises(ValidationError):
            waiver(**{field: wrong})
    with pytest.raises(ValidationError, match="Field required"):
        Waiver(**{name: value for name, value in waiver().model_dump().items() if name != field})


def test_it_is_told_with_owner_end_and_reason():
    """Who lets it through, until when, and why."""
    assert waiver().told() == "waived by cto until 2026-01-31: known"


def test_which_hold_and_which_have_ended():
    """The last day counts whatever the hour; the day after it the waiver is told as expired, and no other is."""
    ended, last, later = (waiver(until=date(2026, 1, day)) for day in (30, 31, 31))
    later = later.model_copy(update={"until": date(2027, 1, 1)})
    every = [ended, last, later]
    assert holding(every, "2026-01-31T23:59:59.999Z") == (last, later)
    assert expired(every, "2026-01-31T23:59:59.999Z") == (ended,)
    assert holding(every, "2027-01-02T00:00:00.000Z") == ()
    assert expired(every, "2027-01-02T00:00:00.000Z") == (ended, last, later)
    assert expired([], "2026-01-31T00:00:00.000Z") == ()


def test_a_waiver_reaches_two_weeks():
    """Fourteen days from today, the past and no waiver at all are within."""
    today = date(2026, 1, 17)
    check_reach([waiver(), waiver(until=date(2025, 12, 31))], today, "gate.toml")
    check_reach([], today, "gate.toml")


def test_a_waiver_that_reaches_further_is_named():
    """The first one beyond fourteen days is refused with its place in the file, its day and how far that is."""
    far = [waiver(), waiver(until=date(2026, 2, 2)), waiver(until=date(2027, 1, 1))]
    with pytest.raises(ConfigurationError) as refused:
        check_reach(far, date(2026, 1, 18), "gate.toml")
    assert refused.value.refusal.text() == (
        "gate.toml: waivers[1].until: is too far away\n"
        "  expected  a day within 14 days from today, 2026-01-18\n"
        "  observed  2026-02-02, 15 days from today\n"
        "  money     No money moved.\n"
        "  next      Write a nearer day; when it has passed, whoever answers for it decides again."
    )
