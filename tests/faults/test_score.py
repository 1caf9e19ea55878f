"""Planted faults are caught by their rows and twins by none; and the score can tell."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.faults import score
from tests.faults.catalogue import ENTRIES
from tests.faults.runs import Seen
from tests.faults.score import fault_job, scored, twin_job

BY_NAME = {entry.fault: entry for entry in ENTRIES}
CHARGED_TWICE = BY_NAME["fleet_charges_twice"]
SILENT = BY_NAME["fleet_log_missing"]


def seen_of(entry, **changed):
    """What a run shows that went exactly as the catalogue says."""
    verdict = "CONDITIONAL" if entry.proof else "FAIL"
    right = Seen(1, verdict, entry.rows, entry.criteria, entry.proof, {entry.fault: 1}, "the output")
    return replace(right, **changed)


def score_of(entry, fault, **twin):
    """The score of one entry whose fault and twins showed this."""
    clean = Seen(0, "PASS", frozenset(), frozenset(), "", {one.name: 1 for one in entry.twins}, "")
    runs = {twin_job(entry, one): replace(clean, **twin) for one in entry.twins}
    return scored([entry], {fault_job(entry): fault, **runs})


def test_planted_faults_are_caught_and_their_twins_are_not():
    """Every fault acted and turned exactly its row red; no twin turned anything red."""
    size = os.environ.get("PAYGATE_SWEEP", "smoke")
    found = score.run(size)

    assert found.problems == []
    assert found.planted == found.caught == found.right_row == found.fired == len(score.chosen(size))
    assert found.twins_red == 0


@pytest.mark.parametrize("entry", [CHARGED_TWICE, SILENT], ids=lambda entry: entry.fault)
def test_a_run_as_expected_counts(entry):
    """One fault and one twin, as the catalogue says, make a score without a problem."""
    found = score_of(entry, seen_of(entry))
    assert found.problems == []
    assert str(found) == "faults: planted=1 caught=1 right_row=1 twins=1 twins_red=0 fired=1"


@pytest.mark.parametrize(
    ("entry", "changed", "line"),
    [
        (
            CHARGED_TWICE,
            {"exit_code": 0, "verdict": "PASS", "red_rows": frozenset(), "red_criteria": frozenset()},
            "caught=0 right_row=0 twins=1 twins_red=0 fired=1",
        ),
        (CHARGED_TWICE, {"exit_code": 0}, "caught=0 right_row=0 twins=1 twins_red=0 fired=1"),
        (CHARGED_TWICE, {"verdict": "no run"}, "caught=0 right_row=0 twins=1 twins_red=0 fired=1"),
        (CHARGED_TWICE, {"red_rows": frozenset({"pay"})}, "caught=0 right_row=0 twins=1 twins_red=0 fired=1"),
        (
            CHARGED_TWICE,
            {"red_rows": frozenset({"proofs", "pay"})},
            "caught=1 right_row=0 twins=1 twins_red=0 fired=1",
        ),
        (CHARGED_TWICE, {"red_criteria": frozenset()}, "caught=1 right_row=0 twins=1 twins_red=0 fired=1"),
        (CHARGED_TWICE, {"fired": {}}, "caught=1 right_row=1 twins=1 twins_red=0 fired=0"),
        (SILENT, {"reasons": "another reason"}, "caught=0 right_row=0 twins=1 twins_red=0 fired=1"),
        (SILENT, {"verdict": "FAIL"}, "caught=0 right_row=0 twins=1 twins_red=0 fired=1"),
    ],
)
def test_a_fault_that_is_missed_misplaced_or_idle_is_a_problem(entry, changed, line):
    """Each way a fault can escape lowers its own figure and is told."""
    found = score_of(entry, seen_of(entry, **changed))
    assert str(found) == f"faults: planted=1 {line}"
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("changed", "red"),
    [
        ({"exit_code": 21, "verdict": "CONDITIONAL"}, 1),
        ({"exit_code": 1, "verdict": "FAIL", "red_rows": frozenset({"pay"})}, 1),
        ({"fired": {}}, 0),
    ],
)
def test_a_twin_that_is_red_or_idle_is_a_problem(changed, red):
    """A twin must be a whole PASS, and must have acted."""
    found = score_of(CHARGED_TWICE, seen_of(CHARGED_TWICE), **changed)
    assert found.twins_red == red
    assert len(found.problems) == 1
