"""A gate that was started again until it passed: the checklist says so, and waits for somebody to say why it was red."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.cli.gate import Wanted, decide
from pytest_paygate.core.events import HistoryKnown, Mode, PastRun
from pytest_paygate.core.launch import failed_before
from pytest_paygate.core.run import RunState
from tests.golden.scenes import RUN_ID, go, no_go
from tests.launch.folders import later
from tests.launch.test_launch import checklist, sign

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
WANTED = Wanted("e2e", Mode.LIVE, None, "", "")
ITEM = "e2e/earlier_runs"


def after(scene, *verdicts):
    """The same run with other runs before it, as its journal knows them."""
    lines = []
    for line in scene.lines:
        entry = json.loads(line)
        if entry["event"]["kind"] == "history":
            entry["event"]["runs"] = [
                {"run_id": f"20261119T0{hour}0000000Z-0000000{hour}", "verdict": verdict, "seconds": 90.0}
                for hour, verdict in enumerate(verdicts)
            ]
        lines.append(json.dumps(entry).encode())
    return replace(scene, lines=lines)


def told(*verdicts):
    """The verdicts that count against a run with such runs before it."""
    runs = tuple(PastRun(run_id=f"r{number}", verdict=one, seconds=1.0) for number, one in enumerate(verdicts))
    return [one.verdict for one in failed_before(replace(RunState(), history=HistoryKnown(runs=runs)))]


@pytest.mark.parametrize(
    ("before", "counted"),
    [
        ((), []),
        (("PASS",), []),
        (("FAIL",), ["FAIL"]),
        (("FAIL", "PASS"), []),
        (("PASS", "FAIL", "STOPPED"), ["FAIL", "STOPPED"]),
        (("ESCALATED", "PENDING", "CONDITIONAL", "INCOMPLETE"), ["ESCALATED", "INCOMPLETE"]),
    ],
)
def test_what_failed_since_the_last_pass_counts(before, counted):
    """Only a PASS clears what failed before it; what waits or passed with an exception neither counts nor clears."""
    assert told(*before) == counted


def test_a_run_that_knows_of_none_before_it_has_nothing_against_it():
    """The first run of a gate needs no write-up."""
    assert failed_before(RunState()) == ()


def test_a_pass_after_a_failure_waits_for_the_write_up(reports):
    """The newest run passes, the one before it failed: PENDING for the page and the pipeline, naming the run."""
    reports.add(after(go(), "PASS", "FAIL"))

    assert checklist(reports)[ITEM] == ("PENDING", "waits for the write-up of 20261119T010000000Z-00000001 FAIL")
    answer = decide(reports.root, WANTED, reports.policy, NOW)
    assert answer.code == 20
    assert f"  - {ITEM}: waits for the write-up of 20261119T010000000Z-00000001 FAIL" in answer.lines


def test_signed_with_its_evidence_it_is_a_go(reports):
    """Somebody's word for the write-up, with its file and for this very bundle, makes it GO; a refusal makes it NO-GO."""
    reports.add(after(go(), "STOPPED", "FAIL"))

    code, output = sign(reports, ITEM)

    assert code == 0
    assert f"SIGNED: Runs that failed before this one, written up (run {RUN_ID}, live)" in output
    assert decide(reports.root, WANTED, reports.policy, NOW).code == 0
    decision, why = checklist(reports)[ITEM]
    assert decision == "GO"
    assert why.endswith("00000000 STOPPED, 20261119T010000000Z-00000001 FAIL; signed by Ann")
    sign(reports, ITEM, "--no-go", "--note", "nobody knows why")
    assert checklist(reports)[ITEM] == ("NO-GO", "refused by Ann: nobody knows why")
    assert decide(reports.root, WANTED, reports.policy, NOW).code == 1


def test_a_write_up_is_for_one_bundle(reports):
    """After one more red run and one more PASS the old signature counts no more."""
    reports.add(after(go(), "FAIL"))
    sign(reports, ITEM)
    reports.add(after(go(), "FAIL", "FAIL"), later(1))

    assert checklist(reports)[ITEM][0] == "PENDING"
    assert decide(reports.root, WANTED, reports.policy, NOW + timedelta(days=1)).code == 20


def test_many_failures_are_counted(reports):
    """The newest three are named, the others counted."""
    reports.add(after(go(), *["FAIL"] * 5))
    why = checklist(reports)[ITEM][1]
    assert why.count("FAIL") == 3
    assert why.endswith(" and 2 before")


def test_a_pass_after_a_pass_needs_no_write_up(reports):
    """Nothing failed since: no such line, and nothing to sign."""
    reports.add(go())
    assert ITEM not in checklist(reports)
    code, output = sign(reports, ITEM)
    assert code == 2
    assert "cannot be signed" in output


def test_a_red_run_stays_red_with_a_write_up(reports):
    """The write-up is about the runs before; it never makes a red run green."""
    reports.add(after(no_go(), "FAIL"))
    sign(reports, ITEM)
    assert decide(reports.root, WANTED, reports.policy, NOW).code == 1
