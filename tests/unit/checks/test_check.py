"""What a check is, and what keeps two of them apart."""

from __future__ import annotations

import pytest

from pytest_paygate.checks import check as checking
from pytest_paygate.checks.check import CHECKS, Finding, check, same


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """The list of checks, as it was before the test."""
    monkeypatch.setattr(checking, "CHECKS", dict(CHECKS))


def test_a_check_is_known_under_its_function_s_name():
    """The name is the id, and the statement and the function are kept as they are."""

    @check("One is enough")
    def enough(count: int) -> Finding | None:
        return same("the count", observed=count, expected=1, next_step="Count again.")

    assert checking.CHECKS["enough"] is enough
    assert (enough.id, enough.holds) == ("enough", "One is enough")
    assert enough.judge(1) is None
    assert enough.judge(2) == Finding("the count", 2, 1, "Count again.")


@pytest.mark.parametrize(("observed", "expected"), [(True, 1), (1, True), ("5", 5), (5, 5.0), (None, 0), ("a", "b")])
def test_what_differs_in_type_differs(observed, expected):
    """Equal values of two types are a finding: `True` is not 1."""
    assert same("it", observed=observed, expected=expected) == Finding("it", observed, expected, "")


@pytest.mark.parametrize("statement", ["", "Ends here.", "Two\nlines", "x" * 161])
def test_a_statement_is_one_sentence_without_its_full_stop(statement):
    """Empty, broken, too long or ended: refused before anything is registered."""
    with pytest.raises(ValueError, match=r"^not one printable sentence without its full stop: "):
        check(statement)


def test_a_statement_has_1_to_160_characters():
    """The bounds themselves are allowed."""

    @check("x" * 160)
    def long_statement() -> None:
        return None

    @check("x")
    def short_statement() -> None:
        return None

    assert len(long_statement.holds) == 160
    assert short_statement.holds == "x"


@pytest.mark.parametrize("name", ["Upper", "ab", "_first", "a" * 49])
def test_an_id_is_a_short_lower_case_name(name):
    """Journals, reports and the list of known faults carry it."""

    def judge() -> None:
        return None

    judge.__name__ = name
    with pytest.raises(ValueError, match=f"^not the id of a check: '{name}'$"):
        check("It holds")(judge)


def test_two_checks_never_share_a_name():
    """A second module that takes a name is refused; the same module, imported again, is not."""

    def enough() -> None:
        return None

    def other() -> None:
        return None

    first = check("One is enough")(enough)
    assert check("One is enough")(enough) is not first
    other.__module__, other.__name__ = "elsewhere", "enough"
    with pytest.raises(ValueError, match=rf"^check enough is defined twice, in {__name__} and in elsewhere$"):
        check("One is enough")(other)


def test_a_finding_needs_no_next_step():
    """Then a general sentence stands there."""
    assert Finding("it", 1, 2).next_step == ""
