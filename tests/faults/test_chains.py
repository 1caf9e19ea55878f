"""A check bears load when a planted fault slips through without it; the score names every other one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.catalogue import ENTRIES
from tests.faults.chains import LINKS_MAX, Chain, End, Link, chain_of, relenting
from tests.faults.entry import Planted
from tests.faults.matrix import fault_job, scored
from tests.faults.runs import Job, Seen

ENTRY = replace(next(entry for entry in ENTRIES if entry.fault == "refund_not_sent"), twins=())
FIRST = fault_job(ENTRY)
CAUGHT = Seen(1, "FAIL", ENTRY.rows, ENTRY.criteria, "", {ENTRY.fault: 1}, "")
PASSED = Seen(0, "PASS", frozenset(), frozenset(), "", {ENTRY.fault: 1}, "")


def runs_of(*links, last):
    """The run of a fault that checks caught, and the one in which they relented."""
    made = {name: f"{name} holds" for name in links}
    if not links:
        return {FIRST: last}
    caught = replace(CAUGHT, made=made, failed={links[0]: "reversal"})
    (job,) = relenting(FIRST, caught)
    return {FIRST: caught, job: replace(last, made=made, relented=dict.fromkeys(links, "reversal"))}


def test_a_fault_that_a_check_caught_is_planted_once_more_and_the_checks_relent():
    """The second run is the same but for that, and nothing follows from it."""
    seen = replace(CAUGHT, failed={"one": "refund", "two": "reversal"})
    (following,) = relenting(FIRST, seen)
    assert following == FIRST._replace(relents=LINKS_MAX)
    assert tuple(relenting(following, replace(CAUGHT, failed={"five": "reversal"}))) == ()


@pytest.mark.parametrize(
    ("job", "seen"),
    [
        (FIRST, PASSED),
        (FIRST, CAUGHT),
        (FIRST._replace(planted=(*FIRST.planted, Planted("licence_missing"))), replace(CAUGHT, failed={"e": "pay"})),
        (Job("e2e", (Planted("slow_answers"),), is_fault=False), replace(CAUGHT, failed={"e": "pay"})),
    ],
    ids=["slipped", "caught by no check", "pair", "twin"],
)
def test_nothing_relents_in_vain(job, seen):
    """Where nothing would follow from it, no second run is made."""
    assert tuple(relenting(job, seen)) == ()


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


def test_a_check_that_no_fault_needs_is_a_problem():
    """Every check that was made must have let something slip once it was set aside."""
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
