"""A check bears load when a planted fault slips through without it; the score names every other one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.catalogue import ENTRIES
from tests.faults.chains import LINKS_MAX, Chain, End, Link, chain_of, without_its_check
from tests.faults.entry import Planted
from tests.faults.matrix import fault_job, scored
from tests.faults.runs import Job, Seen

ENTRY = replace(next(entry for entry in ENTRIES if entry.fault == "refund_not_sent"), twins=())
FIRST = fault_job(ENTRY)
CAUGHT = Seen(1, "FAIL", ENTRY.rows, ENTRY.criteria, "", {ENTRY.fault: 1}, "")
PASSED = Seen(0, "PASS", frozenset(), frozenset(), "", {ENTRY.fault: 1}, "")


def runs_of(*links, last):
    """The runs of a chain: each caught by one check, then the last one."""
    job, seen = FIRST, {}
    made = {name: f"{name} holds" for name in links}
    for name in links:
        seen[job] = replace(CAUGHT, made=made, failed={name: "reversal"}, removed=dict.fromkeys(job.removed, 1))
        (job,) = without_its_check(job, seen[job])
    return {**seen, job: replace(last, made=made, removed=dict.fromkeys(job.removed, 1))}


def test_a_chain_takes_one_check_away_after_the_other():
    """The next run is the same without the first check that found something."""
    seen = replace(CAUGHT, failed={"one": "refund", "two": "reversal"})
    (following,) = without_its_check(FIRST, seen)
    assert following == FIRST._replace(removed=("one",))
    assert without_its_check(following, replace(CAUGHT, failed={"two": "reversal"}))[0].removed == ("one", "two")


@pytest.mark.parametrize(
    ("job", "seen"),
    [
        (FIRST, PASSED),
        (FIRST, CAUGHT),
        (FIRST._replace(removed=("a", "b", "c", "d")), replace(CAUGHT, failed={"e": "pay"})),
        (FIRST._replace(planted=(*FIRST.planted, Planted("licence_missing"))), replace(CAUGHT, failed={"e": "pay"})),
        (Job("e2e", (Planted("slow_answers"),), is_fault=False), replace(CAUGHT, failed={"e": "pay"})),
    ],
    ids=["slipped", "caught by no check", "long enough", "pair", "twin"],
)
def test_a_chain_ends(job, seen):
    """Nothing more is taken away where nothing would follow from it."""
    assert len(FIRST._replace(removed=("a", "b", "c", "d")).removed) == LINKS_MAX
    assert tuple(without_its_check(job, seen)) == ()


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (PASSED, End.SLIPS),
        (replace(PASSED, exit_code=21, verdict="CONDITIONAL", reasons="no refund"), End.SLIPS),
        (replace(PASSED, exit_code=21, verdict="CONDITIONAL", reasons="proof x is missing"), End.GUARD),
        (CAUGHT, End.GUARD),
        (replace(CAUGHT, verdict="INCOMPLETE"), End.GUARD),
        (replace(CAUGHT, exit_code=None, verdict="cut off"), End.GUARD),
    ],
)
def test_the_end_of_a_chain_says_whether_its_checks_were_needed(last, end):
    """Only a run against which nothing was said has let the fault slip."""
    chain = chain_of(FIRST, runs_of("one", "two", last=last))
    assert chain == Chain((Link("one", "reversal"), Link("two", "reversal")), end)
    assert chain.proves == (("one", "two") if end is End.SLIPS else ())


def test_a_chain_longer_than_its_limit_proves_nothing():
    """Where a fifth check still catches, nobody has seen the fault slip."""
    last = replace(CAUGHT, failed={"five": "reversal"})
    assert chain_of(FIRST, runs_of("one", "two", "three", "four", last=last)).end is End.LONGER


def test_checks_that_were_taken_away_and_never_asked_are_told():
    """Without that the chain would show nothing."""
    seen = runs_of("one", last=PASSED)
    seen = {job: replace(one, removed={}) for job, one in seen.items()}
    assert chain_of(FIRST, seen).idle == ("one",)
    assert "refund_not_sent: one taken away, and never asked for" in scored([ENTRY], [], [], seen).problems


def test_a_check_that_no_fault_needs_is_a_problem():
    """Every check that was made must have let something slip once it was taken away."""
    seen = runs_of("one", last=PASSED)
    idle = Job("e2e", (), is_fault=False, label="1/0")
    score = scored([replace(ENTRY, critical=False)], [], [], {**seen, idle: replace(PASSED, made={"two": "two holds"})})
    score.close()
    assert score.problems == ["check two: no planted fault slips through without it"]
    assert " checks=2 load_bearing=1 " in str(score)
    assert score.proved_by == {"one": ["refund_not_sent"]}


@pytest.mark.parametrize(("links", "problems"), [(("one",), 1), (("one", "two"), 0), ((), 1)])
def test_one_of_the_worst_faults_is_caught_by_two_checks(links, problems):
    """A single check that somebody breaks must not be all that stands before it."""
    last = PASSED if links else CAUGHT
    seen = runs_of(*links, last=last)
    assert len(scored([replace(ENTRY, critical=True)], [], [], seen).problems) == problems
