"""Real processes killed and misused, at their smoke size, or all of them where `PAYGATE_SWEEP=full` says so."""

from __future__ import annotations

import os

import pytest

from tests.rehearsal import hostile, kills

# Longer than a test may usually take: at full size these run for minutes.
pytestmark = pytest.mark.timeout(1_800)
SIZE = os.environ.get("PAYGATE_SWEEP", "smoke")


def test_a_killed_run_leaves_nothing_open():
    """SIGKILL at any point, of the process, its group or its guardian too: nothing stays open, nothing is charged twice."""
    result = kills.run(SIZE)

    assert result.problems == []
    assert result.unkilled == []
    assert (result.open, result.double, result.passed) == (0, 0, 0)
    assert result.kills >= (40 if SIZE == "full" else 5)


def test_no_invocation_charges_twice_or_fakes_a_pass():
    """However the gate is started: at most one charge, none left open, and never exit code 0 without a PASS."""
    result = hostile.run(SIZE)

    assert result.problems == []
    assert result.runs >= (25 if SIZE == "full" else 8)
