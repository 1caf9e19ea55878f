"""Planted faults are caught by their rows and twins by none; and the score can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults import matrix
from tests.faults.catalogue import ENTRIES
from tests.faults.entry import Planted
from tests.faults.matrix import alone, fault_job, scored, twin_job
from tests.faults.runs import Job, Seen

BY_NAME = {entry.fault: entry for entry in ENTRIES}
CHARGED_TWICE = BY_NAME["fleet_charges_twice"]
SILENT = BY_NAME["fleet_log_missing"]
CLEAN = Seen(0, "PASS", frozenset(), frozenset(), "", {}, "")
PAIR = Job("e2e", (Planted("refund_refused"), Planted("licence_missing")), is_fault=True)
NOISE = Job("e2e", (Planted("slow_answers"),), is_fault=False, label="7/0")


def seen_of(entry, **changed):
    """What a run shows that went exactly as the catalogue says."""
    verdict = "CONDITIONAL" if entry.proof else "FAIL"
    right = Seen(1, verdict, entry.rows, entry.criteria, entry.proof, {entry.fault: 1}, "the output")
    return replace(right, **changed)


def score_of(entry, fault, **twin):
    """The score of one entry whose fault and twins showed this."""
    clean = replace(CLEAN, fired={one.name: 1 for one in entry.twins})
    runs = {twin_job(entry, one): replace(clean, **twin) for one in entry.twins}
    return scored([entry], [], [], {fault_job(entry): fault, **runs})


def figures(score):
    """The score without what is the same in all of these tests."""
    return str(score).removeprefix("faults: ").removesuffix(" checks=0 load_bearing=0 clean_runs=0 red=0")


@pytest.mark.timeout(900)  # some forty gate runs; a machine with other work takes minutes for them
def test_planted_faults_are_caught_and_their_twins_are_not():
    """Every fault acted and turned exactly its row red; no twin, and no noise, turned anything red."""
    found = matrix.run("smoke", seed=1)

    assert found.problems == []
    assert found.planted == found.caught == found.right_row == found.fired == len(matrix.SMOKE)
    assert found.twins_red == found.red == found.pairs_passed == 0
    assert found.clean_runs == matrix.SMOKE_CLEAN_RUNS


@pytest.mark.parametrize("entry", [CHARGED_TWICE, SILENT], ids=lambda entry: entry.fault)
def test_a_run_as_expected_counts(entry):
    """One fault and one twin, as the catalogue says, make a score without a problem."""
    found = score_of(replace(entry, critical=False), seen_of(entry))
    assert found.problems == []
    assert figures(found) == f"planted=1 caught=1 right_row=1 twins={len(entry.twins)} twins_red=0 fired=1"


@pytest.mark.parametrize(
    ("entry", "changed", "line"),
    [
        (
            CHARGED_TWICE,
            {"exit_code": 0, "verdict": "PASS", "red_rows": frozenset(), "red_criteria": frozenset()},
            "caught=0 right_row=0 fired=1",
        ),
        (CHARGED_TWICE, {"exit_code": 0}, "caught=0 right_row=0 fired=1"),
        (CHARGED_TWICE, {"exit_code": None}, "caught=0 right_row=0 fired=1"),
        (CHARGED_TWICE, {"verdict": "no run"}, "caught=0 right_row=0 fired=1"),
        (CHARGED_TWICE, {"verdict": "cut off"}, "caught=0 right_row=0 fired=1"),
        (CHARGED_TWICE, {"red_rows": frozenset({"pay"})}, "caught=0 right_row=0 fired=1"),
        (CHARGED_TWICE, {"red_rows": frozenset({"proofs", "pay"})}, "caught=1 right_row=0 fired=1"),
        (CHARGED_TWICE, {"red_criteria": frozenset()}, "caught=1 right_row=0 fired=1"),
        (CHARGED_TWICE, {"fired": {}}, "caught=1 right_row=1 fired=0"),
        (SILENT, {"reasons": "another reason"}, "caught=0 right_row=0 fired=1"),
        (SILENT, {"verdict": "FAIL"}, "caught=0 right_row=0 fired=1"),
    ],
)
def test_a_fault_that_is_missed_misplaced_or_idle_is_a_problem(entry, changed, line):
    """Each way a fault can escape lowers its own figure and is told."""
    entry = replace(entry, critical=False, twins=())
    found = score_of(entry, seen_of(entry, **changed))
    assert figures(found).replace(" twins=0 twins_red=0", "") == f"planted=1 {line}"
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("changed", "red"),
    [
        ({"exit_code": 21, "verdict": "CONDITIONAL"}, 1),
        ({"exit_code": 1, "verdict": "FAIL", "red_rows": frozenset({"pay"})}, 1),
        ({"exit_code": None, "verdict": "cut off"}, 1),
        ({"fired": {}}, 0),
    ],
)
def test_a_twin_that_is_red_or_idle_is_a_problem(changed, red):
    """A twin must be a whole PASS, and must have acted."""
    entry = replace(CHARGED_TWICE, critical=False, twins=CHARGED_TWICE.twins[:1])
    found = score_of(entry, seen_of(entry), **changed)
    assert found.twins_red == red
    assert len(found.problems) == 1


def test_a_twin_without_a_run_of_its_own_is_shown_by_the_clean_run_it_happened_in():
    """Its own run decides where there is one; else that of its gate in which it was planted, in whatever company."""
    entry = replace(CHARGED_TWICE, critical=False, twins=CHARGED_TWICE.twins[:1])
    (twin,) = entry.twins
    other = NOISE._replace(planted=(twin,))
    company = Job(entry.gate, (Planted("webhook_delayed"), twin), is_fault=False, label="7/1")
    seen = {fault_job(entry): seen_of(entry), other: CLEAN, company: replace(CLEAN, fired={twin.name: 1})}
    assert scored([entry], [], [other, company], seen).problems == []
    alone_red = {**seen, twin_job(entry, twin): replace(CLEAN, exit_code=1, verdict="FAIL", fired={twin.name: 1})}
    assert scored([entry], [], [other, company], alone_red).twins_red == 1


@pytest.mark.parametrize(
    ("job", "changed", "follows"),
    [
        (NOISE, {"fired": {"slow_answers": 1}}, False),
        (NOISE, {"fired": {"slow_answers": 1}, "exit_code": 1}, True),
        (NOISE, {"fired": {}}, True),
        (NOISE._replace(label=""), {"exit_code": 1}, False),
    ],
    ids=["clean", "red", "did not act", "alone already"],
)
def test_what_was_in_a_red_clean_run_is_planted_by_itself(job, changed, follows):
    """So that it shows which of them it was; and where one kept another from acting, each acts alone."""
    by_itself = Job("e2e", NOISE.planted, is_fault=False)
    assert tuple(alone(job, replace(CLEAN, **changed))) == ((by_itself,) if follows else ())


@pytest.mark.parametrize(
    ("changed", "passed", "problems"),
    [
        ({"exit_code": 1, "verdict": "FAIL", "fired": {"refund_refused": 1}}, 0, 0),
        ({"exit_code": 21, "verdict": "CONDITIONAL", "fired": {"licence_missing": 1}}, 0, 0),
        ({"exit_code": 1, "verdict": "FAIL"}, 0, 1),
        ({"fired": {"refund_refused": 1}}, 1, 1),
        ({"exit_code": None, "verdict": "cut off"}, 1, 1),
        ({"exit_code": 3, "verdict": "no run"}, 1, 1),
    ],
)
def test_two_faults_at_once_are_never_a_pass(changed, passed, problems):
    """A pair is caught when the run says no; one that was cut off, or in which nothing acted, shows nothing."""
    found = scored([], [PAIR], [], {PAIR: replace(CLEAN, **changed)})
    assert (found.pairs, found.pairs_passed, len(found.problems)) == (1, passed, problems)


@pytest.mark.parametrize(
    ("changed", "red"),
    [
        ({}, 0),
        ({"exit_code": 21, "verdict": "CONDITIONAL"}, 1),
        ({"exit_code": 1, "verdict": "FAIL"}, 1),
        ({"exit_code": None, "verdict": "cut off"}, 1),
        ({"red_criteria": frozenset({"walkthrough"})}, 1),
    ],
)
def test_a_clean_run_that_is_red_is_named_with_its_seed(changed, red):
    """Whoever reads of a red clean run can make it again."""
    found = scored([], [], [NOISE], {NOISE: replace(CLEAN, **changed)})
    assert str(found).endswith(f" clean_runs=1 red={red}")
    assert [problem.startswith("clean run 7/0 (e2e: slow_answers)") for problem in found.problems] == [True] * red
