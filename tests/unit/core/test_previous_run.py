"""The precondition that another gate passed: what one believed run proves, and why it does not, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core.previous_run import Asked, PreviousRun, absent, weigh
from pytest_paygate.core.run import RunState
from pytest_paygate.core.verdict import Verdict
from tests.unit.core.stories import STARTED, told

ENDED = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
NOW = ENDED + timedelta(hours=3)
ASKED = Asked("shop", "prod", "c", timedelta(hours=24), clean_only=True)
RUN = replace(told([STARTED]), ended_at="2026-11-21T09:15:00.000Z")


def of(**changed: object) -> RunState:
    """The run, bound to something else."""
    return replace(RUN, started=STARTED.model_copy(update=changed))


def test_a_young_pass_of_this_commit_holds():
    """Everything that is known of it is told, its age in hours with three places."""
    found = weigh(ASKED, RUN, Verdict.PASS, NOW + timedelta(seconds=2))
    assert found == PreviousRun("shop", "prod", "r1", "PASS", "c", 3.001, "")
    assert found.holds


def test_what_is_not_there_does_not_hold():
    """The problem is told, and the run where one was seen; nothing is known of the rest."""
    assert absent(ASKED, "none") == PreviousRun("shop", "prod", "", "", "", None, "none")
    assert absent(ASKED, "none", "r9") == PreviousRun("shop", "prod", "r9", "", "", None, "none")
    assert not absent(ASKED, "none").holds
    assert PreviousRun("shop", "prod") == PreviousRun("shop", "prod", "", "", "", None, "")
    assert weigh(ASKED, RunState(), Verdict.PASS, NOW) == absent(ASKED, "the run never started")


@pytest.mark.parametrize(
    ("state", "verdict", "asked", "problem"),
    [
        (of(gate={"id": "other"}), Verdict.PASS, ASKED, "it is of gate other, not of shop"),
        (of(gate={}), Verdict.PASS, ASKED, "it is of gate , not of shop"),
        (of(environment="staging"), Verdict.PASS, ASKED, "it is of environment staging, not of prod"),
        (RUN, Verdict.PENDING, ASKED, "its verdict is PENDING"),
        (RUN, Verdict.FAIL, ASKED, "its verdict is FAIL"),
        (RUN, Verdict.PASS, replace(ASKED, commit="d"), "it is of commit c, this run of d"),
        (
            of(commit="unknown"),
            Verdict.PASS,
            replace(ASKED, commit="unknown"),
            "commit unknown names no checkout without changes",
        ),
        (
            of(commit="c-dirty"),
            Verdict.PASS,
            replace(ASKED, commit="c-dirty"),
            "commit c-dirty names no checkout without changes",
        ),
        (replace(RUN, ended_at=""), Verdict.PASS, ASKED, "it does not say when it ended"),
        (replace(RUN, ended_at="2026-11-21T09:15:00"), Verdict.PASS, ASKED, "it does not say when it ended"),
        (
            RUN,
            Verdict.PASS,
            replace(ASKED, max_age=timedelta(hours=2.5)),
            "it ended 3.0 h ago, more than 2.5 h",
        ),
        (of(gate={"id": "other"}, commit="d"), Verdict.FAIL, ASKED, "it is of gate other, not of shop"),
    ],
)
def test_whatever_does_not_hold_is_named(state, verdict, asked, problem):
    """Gate, environment, verdict, commit, age: the first that is wrong, with the run."""
    found = weigh(asked, state, verdict, NOW)
    assert found.problem == f"run r1: {problem}"
    assert not found.holds


@pytest.mark.parametrize("commit", ["unknown", "c-dirty"])
def test_a_checkout_with_changes_does_where_no_money_is_real(commit):
    """The commit has to be the same all the same."""
    asked = replace(ASKED, commit=commit, clean_only=False)
    assert weigh(asked, of(commit=commit), Verdict.PASS, NOW).holds


def test_how_old_a_run_may_be():
    """To the second; five minutes of the future are two clocks, more is a wrong one; a time of any zone is one."""
    for age, problem in (
        (timedelta(hours=24), ""),
        (timedelta(hours=24, seconds=1), "run r1: it ended 24.0 h ago, more than 24 h"),
        (timedelta(hours=500), "run r1: it ended 500.0 h ago, more than 24 h"),
        (timedelta(minutes=-5), ""),
        (timedelta(minutes=-5, seconds=-1), "run r1: it ended in the future: a clock is wrong"),
    ):
        found = weigh(ASKED, RUN, Verdict.PASS, ENDED + age)
        assert found.problem == problem
        assert found.age_hours == round(age.total_seconds() / 3600, 3)
    east = ENDED.astimezone(timezone(timedelta(hours=2))).isoformat()
    assert weigh(ASKED, replace(RUN, ended_at=east), Verdict.PASS, NOW).age_hours == 3
    assert weigh(ASKED, replace(RUN, ended_at=""), Verdict.PASS, NOW).age_hours is None
