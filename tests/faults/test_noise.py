"""Clean runs are drawn from a seed, from whatever is harmless, and can be drawn again."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.faults.catalogue import ENTRIES
from tests.faults.noise import LEAST, MOST, clean_runs

load_registry()
RUNS = clean_runs(5, 200)


def test_the_same_seed_draws_the_same_runs():
    """A red clean run can be made again; another seed makes others."""
    assert clean_runs(5, 200) == RUNS
    assert [job.planted for job in clean_runs(6, 200)] != [job.planted for job in RUNS]


def test_a_third_of_the_runs_are_of_the_slower_gate_and_none_are_alike():
    """Two hundred runs are two hundred, not fewer that were made once."""
    assert Counter(job.gate for job in RUNS) == {"e2e": 67, "microcharge": 133}
    assert len(set(RUNS)) == 200


@pytest.mark.parametrize("job", RUNS[:40], ids=lambda job: job.label)
def test_what_happens_is_harmless_and_each_thing_once(job):
    """Two to five things, each benign in the sandbox or made harmless by its parameters."""
    names = [one.name for one in job.planted]
    assert LEAST <= len(names) == len(set(names)) <= MOST
    assert not job.is_fault
    twins = {one for entry in ENTRIES for one in entry.twins}
    assert all(not REGISTRY[one.name].row or one in twins for one in job.planted)


def test_everything_harmless_happens_in_some_run():
    """Noise that is never drawn shows nothing; of each gate's twins every one is drawn, with its parameters."""
    assert {(entry.gate, one) for entry in ENTRIES for one in entry.twins} <= {
        (job.gate, one) for job in RUNS for one in job.planted
    }
    assert {one.name for one in RUNS_PLANTED} >= {name for name, fault in REGISTRY.items() if not fault.row}


RUNS_PLANTED = [one for job in RUNS for one in job.planted]
