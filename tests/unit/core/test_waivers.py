"""Waivers: with an owner, a reason and an end, on the record, and never a pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.gate import read_gate, sha256
from pytest_paygate.core.verdict import Verdict, judge
from tests.properties.gates import SOURCE, folded, passing_row, started

RED = [RowStatus.FAIL, RowStatus.INCONCLUSIVE, RowStatus.PENDING]
HELD = [RowStatus.BLOCKED, RowStatus.SKIPPED]


def waived(**changed: str) -> bytes:
    """The small gate with a waiver of row two."""
    fields = {"row": '"two"', "owner": '"cto"', "reason": '"known"', "until": "2026-01-31", **changed}
    told = "\n".join(f"{key} = {value}" for key, value in fields.items() if value)
    return SOURCE + f"\n[[waivers]]\n{told}\n".encode()


def run(source: bytes, status: RowStatus = RowStatus.FAIL, mode: Mode = Mode.LIVE):
    """A whole run of that gate in which row two ends so. It begins on 2026-01-01."""
    gate = read_gate(source, "gate.toml")
    begun = started(mode, sha256(source)).model_copy(update={"gate": gate.model_dump(mode="json")})
    last = [ev.RowFinished(row="two", status=status, reason="r")]
    if status not in {RowStatus.BLOCKED, RowStatus.SKIPPED}:
        last = [ev.RowStarted(row="two"), *last]
    return folded(
        [begun, *passing_row("check"), *passing_row("one"), *last, ev.RunFinished(complete=True, reason="done")]
    )


@pytest.mark.parametrize("status", RED)
def test_a_red_row_is_let_through_and_never_passes(status):
    """What ran and was red is WAIVED with owner, reason and end; the run is CONDITIONAL, and a NO-GO."""
    judgement = judge(run(waived(), status))
    assert judgement.verdict is Verdict.CONDITIONAL
    assert judgement.decision == "NO-GO"
    assert judgement.waived["two"].told() == "waived by cto until 2026-01-31: known"
    assert {result.status for result in judgement.criteria} == {RowStatus.WAIVED}
    assert any("(waived by cto until 2026-01-31: known)" in reason for reason in judgement.reasons)


@pytest.mark.parametrize("status", HELD)
def test_what_never_ran_cannot_be_waived(status):
    """A row that was held back or left out is not let through."""
    assert judge(run(waived(), status)).verdict is Verdict.INCOMPLETE


def test_a_waiver_ends():
    """The last day counts, the day after does not."""
    assert judge(run(waived(until="2026-01-01"))).verdict is Verdict.CONDITIONAL
    judgement = judge(run(waived(until="2025-12-31")))
    assert (judgement.verdict, dict(judgement.waived)) == (Verdict.FAIL, {})


def test_a_waived_criterion_lets_no_row_through():
    """A criterion's waiver is about the criterion: a red row of it still makes the run FAIL."""
    judgement = judge(run(waived(row="", criterion='"fast"')))
    assert judgement.verdict is Verdict.FAIL
    result = {result.criterion.id: result for result in judgement.criteria}["fast"]
    assert (result.status, result.reason) == (RowStatus.WAIVED, "waived by cto until 2026-01-31: known")


def test_a_criterion_that_is_met_needs_no_waiver():
    """What is PASS stays PASS, waiver or not."""
    gate = waived(row="", criterion='"fast"')
    begun = started(Mode.LIVE, sha256(gate)).model_copy(update={"gate": read_gate(gate, "g").model_dump(mode="json")})
    rows = [event for row in ("check", "one", "two") for event in passing_row(row)]
    judgement = judge(folded([begun, *rows, ev.RunFinished(complete=True, reason="done")]))
    assert {result.criterion.id: result.status for result in judgement.criteria}["fast"] is RowStatus.PASS


def test_a_criterion_over_a_waived_row_says_who_let_it_through():
    """The row's waiver stands in the line of each criterion that rests on it."""
    judgement = judge(run(waived()))
    told = {result.criterion.id: result.reason for result in judgement.criteria}
    assert told["fast"] == "2 (two) waived by cto until 2026-01-31: known"


def test_a_criterion_that_waits_for_a_person_can_be_waived():
    """A sign-off that is let go makes the run CONDITIONAL instead of PENDING."""
    gate = waived(row="", criterion='"statement"')
    begun = started(Mode.LIVE, sha256(gate)).model_copy(update={"gate": read_gate(gate, "g").model_dump(mode="json")})
    rows = [event for row in ("check", "one", "two") for event in passing_row(row)]
    judgement = judge(folded([begun, *rows, ev.RunFinished(complete=True, reason="done")]))
    assert judgement.verdict is Verdict.CONDITIONAL


@pytest.mark.parametrize("row", ["check", "nine", "two"])
def test_what_keeps_money_safe_is_not_waivable(row):
    """A pre-flight check, an unknown row and a row that moves money are refused by name."""
    source = waived(row=f'"{row}"').replace(b'optional_in = ["sandbox"]', b"money = true")
    with pytest.raises(ConfigurationError) as caught:
        read_gate(source, "gate.toml")
    assert caught.value.refusal.refused == f"gate.toml: waiver {row}.row: names something that is not there"
    assert "a numbered row that moves no money" in caught.value.refusal.expected


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": ""},
        {"reason": ""},
        {"until": ""},
        {"criterion": '"fast"'},
        {"row": ""},
        {"until": '"soon"'},
        {"until": '"1763683200"'},
        {"until": '"2026-1-1"'},
        {"why": '"x"'},
    ],
    ids=[
        "no owner",
        "no reason",
        "no end",
        "row and criterion",
        "neither",
        "no date",
        "seconds",
        "half a day",
        "unknown key",
    ],
)
def test_a_waiver_without_its_parts_is_refused(changed):
    """Owner, reason, end, and exactly one of row and criterion: without one of them the gate is not read."""
    with pytest.raises(ConfigurationError, match="waivers"):
        read_gate(waived(**changed), "gate.toml")


def test_a_signature_is_for_people_s_criteria_only():
    """Signing turns PENDING into PASS for a criterion that waits for a person, and turns nothing else."""
    rows = [event for row in ("check", "one", "two") for event in passing_row(row)]
    state = folded([started(Mode.LIVE), *rows, ev.RunFinished(complete=True, reason="done")])
    assert judge(state).verdict is Verdict.PENDING
    assert judge(state, ["statement"]).verdict is Verdict.PASS
    red = run(SOURCE)
    assert judge(red, ["statement", "fast", "whole"]).verdict is Verdict.FAIL


def test_a_damaged_journal_is_incomplete_at_best():
    """Whatever its readable part says, a run whose journal is damaged is not better than INCOMPLETE."""
    rows = [event for row in ("check", "one", "two") for event in passing_row(row)]
    state = folded([started(), *rows, ev.RunFinished(complete=True, reason="done")])
    judgement = judge(replace(state, damage="line 9 cannot be trusted"))
    assert judgement.verdict is Verdict.INCOMPLETE
    assert judgement.reasons[0] == "the journal is believed up to its damage only: line 9 cannot be trusted"
    assert judge(replace(folded([]), damage="gone")).reasons == ("gone",)
