"""The network cells at their smoke size, or all of them where `PAYGATE_SWEEP=full` says so."""

from __future__ import annotations

import os

import pytest

from tests.network import cells

# Longer than a test may usually take: at full size these run for minutes.
pytestmark = pytest.mark.timeout(1_800)
SIZE = os.environ.get("PAYGATE_SWEEP", "smoke")


def test_every_fault_on_the_wire_comes_out_as_expected():
    """Between gate, target and provider anything may break: nothing is sent twice, nothing stays open, nothing is believed."""
    result = cells.run(SIZE)

    assert result.problems == []
    assert result.cells >= (300 if SIZE == "full" else 70)
