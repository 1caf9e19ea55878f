"""The parameters every fault takes: how often it acts, and for how long."""

from __future__ import annotations

import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.server import load_registry

load_registry()
NAME = "transfer_unavailable"


@pytest.fixture
def faults() -> Faults:
    """Switches of a sandbox in which nothing is on."""
    return Faults()


def test_a_fault_with_times_acts_that_often_and_counts_no_more(faults):
    """A fault that is over neither acts nor counts, and is still listed as switched on."""
    faults.set(NAME, {"times": 2})
    assert [faults.active(NAME) for _ in range(4)] == [True, True, False, False]
    assert faults.report()[NAME] == {"active": True, "fired": 2, "times": 2}


def test_a_fault_can_have_a_number_of_times_of_its_own(faults):
    """A burst settles though nobody said how long it is; who says so, decides."""
    faults.set("orders_unwell")
    assert [faults.active("orders_unwell") for _ in range(4)] == [True, True, False, False]
    faults.set("orders_unwell", {"times": 3})
    assert [faults.active("orders_unwell") for _ in range(4)] == [True, True, True, False]


def test_times_counts_from_when_the_fault_was_last_switched_on(faults):
    """What a fault did in an earlier experiment does not use up the next one."""
    faults.set(NAME)
    assert faults.active(NAME)
    faults.clear()
    faults.set(NAME, {"times": 1})
    assert [faults.active(NAME), faults.active(NAME)] == [True, False]


def test_a_fault_without_times_acts_until_it_is_cleared(faults):
    """No number, or something that is none, does not end a fault."""
    faults.set(NAME, {"times": "often"})
    assert all(faults.active(NAME) for _ in range(10))


@pytest.mark.parametrize(
    ("given", "seconds"),
    [({}, None), ({"seconds": 0.5}, 0.5), ({"seconds": 3600}, 3600.0), ({"seconds": 0}, 0.0)]
    + [({"seconds": wrong}, None) for wrong in (-1, 3600.1, True, "1", float("nan"), None)],
)
def test_seconds_are_a_number_of_the_allowed_range_or_nothing(faults, given, seconds):
    """A parameter that is no such number is as good as none; a default stands in for it."""
    faults.set(NAME, given)
    assert faults.seconds(NAME) == seconds
    assert faults.seconds(NAME, 7.0) == (7.0 if seconds is None else seconds)
