"""Action items: one for each thing that is not as it should be, with an owner, the most pressing first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.proof import ProofStatus
from pytest_paygate.core.run import RunState
from pytest_paygate.core.verdict import judge
from pytest_paygate.core.waivers import Waiver
from pytest_paygate.renderers.action_items import NEXT_STEPS, action_items, due
from tests.golden.scenes import RUN_ID, SCENES


def items(state: RunState, anomalies=()):
    """The items of a run."""
    return action_items(state, state.gate, judge(state), anomalies)


def test_nothing_is_left_after_a_go():
    """A run in which everything holds, and nothing was odd, leaves nothing to do."""
    assert items(SCENES["go"]().state) == ()


def test_outstanding_money_comes_first():
    """Money that is out is the first thing to do, with the command that brings it back."""
    first, *_ = items(SCENES["escalated"]().state)
    assert (first.owner, first.command) == ("operator", f"paygate recover {RUN_ID}")
    assert first.text == "Settle what this run has opened; incident.md names every charge."


def test_a_red_row_has_an_owner_and_a_command():
    """A failed row goes to whoever owns its criterion; rows that only followed are one item together."""
    found = items(SCENES["no-go"]().state)
    assert [(one.owner, one.command) for one in found] == [
        ("engineering", f"paygate explain {RUN_ID} 6"),
        ("operator", ""),
    ]
    assert found[1].text == "Run the whole gate again: rows 9 never ran."


def test_a_signature_has_a_day_it_is_due():
    """What waits for a person names the day, counted from the run, and the command."""
    (item,) = items(SCENES["pending"]().state)
    assert item.text == "Sign: Funds seen on the bank statement (5–7 business days later) (due 2026-12-02)."
    assert item.command == "paygate sign-off e2e/funds_seen --by NAME --evidence FILE"
    scene = SCENES["pending"]()
    criterion = next(one for one in scene.gate.criteria if one.person)
    assert due(replace(scene.state, started_at="no time"), criterion) == ""
    assert due(scene.state, criterion.model_copy(update={"due_days": None})) == ""


def test_a_proof_that_does_not_hold_is_looked_into():
    """A missing and a contradicting proof are two different things to do."""
    state = SCENES["go"]().state
    proofs = tuple(
        ev.ProofRecorded(name=status.value, source="log", status=status)
        for status in (ProofStatus.MISSING, ProofStatus.CONTRADICTS)
    )
    told = [one.text for one in items(replace(state, proofs=proofs))]
    assert told == [
        "Find out why proof missing (log) is missing.",
        "Find out why proof contradicts (log) contradicts the others.",
    ]


def test_oddities_become_items():
    """Every oddity is one thing to look into."""
    (item,) = items(SCENES["go"]().state, [("slow_row", "row 5 took long")])
    assert (item.owner, item.text) == ("engineering", "Look into the oddity slow_row: row 5 took long")


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (date(2026, 12, 1), "Mend row licence before its waiver ends on 2026-12-01."),
        (date(2026, 11, 19), "The waiver of licence ended on 2026-11-19: it counts no more."),
    ],
)
def test_a_waiver_is_a_debt(until, text):
    """A waiver that holds is to be made good before it ends; one that has ended is said to count no more."""
    state = SCENES["no-go"]().state
    waiver = Waiver(row="licence", owner="cto", reason="known", until=until)
    state = replace(state, gate=state.gate.model_copy(update={"waivers": (waiver,)}))
    assert ("cto", text) in [(one.owner, one.text) for one in items(state)]


def test_every_status_has_a_next_step():
    """No status leaves its reader without a step."""
    assert set(NEXT_STEPS) == set(RowStatus)


def test_a_dry_run_recovers_nothing():
    """A sandbox run has no money to bring back, whatever it left open."""
    state = SCENES["escalated"]().state
    started = state.started.model_copy(update={"mode": Mode.SANDBOX})
    assert "paygate recover" not in " ".join(
        one.command for one in items(replace(state, started=started, escalated=()))
    )


def test_what_a_person_noted_is_theirs_to_follow_up():
    """An action item stands in the operator's own words; a note asks what became of it; the rest is engineering's."""
    found = items(SCENES["go"]().state, [("action_item", "call the bank"), ("operator_note", "slow"), ("odd", "x")])
    assert [(one.owner, one.text) for one in found] == [
        ("operator", "call the bank"),
        ("operator", "Say what became of the note: slow"),
        ("engineering", "Look into the oddity odd: x"),
    ]
