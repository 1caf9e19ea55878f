"""The crash sweep at its smoke size, or whole where `PAYGATE_SWEEP=full` says so."""

from __future__ import annotations

import os

import pytest

from tests.sweep import crash
from tests.sweep.crash import CrashResult

# Longer than a test may usually take: at full size these run for minutes.
pytestmark = pytest.mark.timeout(1_800)
SIZE = os.environ.get("PAYGATE_SWEEP", "smoke")
AT_LEAST = {"smoke": 50_000, "full": 1_000_000}


@pytest.fixture(scope="module")
def swept() -> CrashResult:
    """One sweep for every test of this module."""
    return crash.run(SIZE)


def test_no_charge_is_left_and_none_is_made_twice(swept: CrashResult) -> None:
    """However often and wherever the process dies, no rule of money is broken once it has been recovered."""
    assert swept.violations == 0, swept.first
    assert swept.scenarios >= AT_LEAST[SIZE]


def test_the_sweep_went_everywhere(swept: CrashResult) -> None:
    """Runs that never died and runs that died up to three times are all there, and end in more than one way."""
    assert set(swept.crashes) == {0, 1, 2, 3}
    assert {"settled", "refund_intent", "fenced"} <= set(swept.stages)


def test_every_wrong_design_is_caught(swept: CrashResult) -> None:
    """A sweep that lets a known wrong design through proves nothing of the right one."""
    assert swept.missed == ()
    assert swept.wrong_designs_caught == swept.wrong_designs >= 10
