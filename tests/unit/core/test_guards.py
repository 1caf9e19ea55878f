"""Guards: which value holds, which breaches, what is said of it, and what a gate file may declare."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core import capacity_rules
from pytest_paygate.core.capacity import Overridden
from pytest_paygate.core.capacity_rules import Standing
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import GuardRead, Mode, RowStarted, RunStopped
from pytest_paygate.core.exposure_events import CapacityReturned, CapacityTaken, ChargeIntended, ChargeSent, SendOutcome
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.guards import Guard, GuardSource, Unreadable, look
from pytest_paygate.core.run import IllegalEventError, apply
from tests.network.scene import GATE, MemoryRun

THRESHOLDS = {"limit": 120, "minimum": 5}
STANDING = Standing("prod", 25, 25, 5, 4, "2026-12-21T09:15:00.000Z", None, None, "")
PAUSED = replace(STANDING, left=4)
BY_BOB = Overridden(by="bob", reason="launch", until="2026-11-22T09:15:00.000Z")


def guard(**condition) -> Guard:
    """A guard."""
    return Guard(id="a3_up", title="A3 answers 200", **condition)


@pytest.mark.parametrize(
    ("condition", "holds", "breaches"),
    [
        ({"equals": 200}, (200,), (503, 200.0, "200", True, None, Unreadable("x"), STANDING)),
        ({"equals": True}, (True,), (False, 1, "True", None)),
        ({"equals": "PASS"}, ("PASS",), ("FAIL", "pass", b"PASS", None, ["PASS"])),
        ({"at_least": 5}, (5, 6, 5.0), (4, 4.999, math.nan, "5", True, None, -1)),
        ({"at_least": "minimum"}, (5,), (4, -math.inf)),
        ({"at_most": "limit"}, (120, 119.9, 0), (120.1, 121, math.nan, math.inf, "1", None, False)),
        ({"at_least": 1, "at_most": 3}, (1, 2, 3), (0, 4)),
    ],
)
def test_a_guard_holds_for_the_right_type_on_the_right_side_only(condition, holds, breaches):
    """Bounds are inclusive; another type, NaN, nothing at all or something unreadable is a breach."""
    one = guard(**condition)
    for value in holds:
        assert look(one, value, THRESHOLDS).held, value
    for value in breaches:
        assert not look(one, value, THRESHOLDS).held, value


@pytest.mark.parametrize(
    ("standing", "held", "observed"),
    [
        (STANDING, True, "25 left"),
        (replace(STANDING, left=5), True, "5 left"),
        (PAUSED, False, "4 left"),
        (replace(PAUSED, override=BY_BOB), True, "4 left, override by bob"),
        (replace(STANDING, left=0, refusal="0 of 25 units left"), False, "0 of 25 units left"),
        (replace(STANDING, refusal="the period ended"), False, "the period ended"),
        (replace(PAUSED, override=BY_BOB, refusal="the grant is dated in the future"), False, None),
    ],
)
def test_a_fresh_override_stands_in_for_units_and_for_nothing_else(standing, held, observed):
    """Four left is a breach, four left with a person's word is none; no word makes up for a period that is over."""
    one = guard(source=GuardSource.CAPACITY, at_least="minimum")
    found = look(one, standing, THRESHOLDS)
    assert (found.held, found.observed) == (held, observed or standing.refusal)
    assert found.threshold == "at least 5"


def test_what_was_observed_is_told_as_far_as_it_is_plain():
    """An answer of the target never reaches the journal through a guard."""
    hostile = "<script>alert(1)</script>\n" * 3
    assert "script" not in look(guard(equals="ok"), hostile, THRESHOLDS).observed
    assert look(guard(equals=200), 503, THRESHOLDS).observed == "503"
    assert look(guard(equals=200), Unreadable("TargetError"), THRESHOLDS).observed == "not readable: TargetError"


@pytest.mark.parametrize(
    ("table", "refused", "expected", "observed"),
    [
        ('id = "g"\ntitle = "t"', "guard g", "equals, at_least or at_most", "none of them"),
        ('id = "g"\ntitle = "t"\nat_least = "lim"', "guard g", "a number or a name from [thresholds]", "lim"),
        ('id = "g"\ntitle = "t"\nequals = 1\nfact = "upp"', "guard g.fact", "a fact declared in [facts]", "upp"),
        (
            'id = "g"\ntitle = "t"\nat_least = 1\nfact = "up"\nsource = "capacity"',
            "guard g",
            "a fact or a source",
            "both",
        ),
        ('id = "g"\ntitle = "t"\nequals = 1\nsource = "capacity"', "guard g", "at_least", "another condition"),
        ('id = "g"\ntitle = "t"\nequals = 1\nescalates = true', "guard g", "after_money = true", "escalates alone"),
        (
            'id = "g"\ntitle = "t"\nequals = 1\n[[guards]]\nid = "g"\ntitle = "t"\nequals = 1',
            "guard g",
            "once",
            "2 times",
        ),
    ],
)
def test_a_guard_that_cannot_be_meant_is_refused_with_the_file(table, refused, expected, observed):
    """A guard without a condition, with an unknown name, twice, or of two minds is refused, and no money has moved."""
    with pytest.raises(ConfigurationError) as error:
        read_gate(GATE + b"\n[[guards]]\n" + table.encode(), "gate.toml")
    refusal = error.value.refusal
    assert refusal.refused.startswith(f"gate.toml: {refused}: ")
    assert expected in refusal.expected
    assert observed in refusal.observed


@pytest.mark.parametrize("key", ["sources", "at_lest", "required"])
def test_an_unknown_key_of_a_guard_is_refused(key):
    """A guard has its keys and no others."""
    with pytest.raises(ConfigurationError, match="is not a known key"):
        read_gate(GATE + f'\n[[guards]]\nid = "g"\ntitle = "t"\nequals = 1\n{key} = 1\n'.encode(), "gate.toml")


GUARDED = (
    GATE
    + b"""
[capacity]
required = true
[[guards]]
id = "a3_up"
title = "A3 answers 200"
equals = 200
[[guards]]
id = "refund"
title = "the refund went through"
equals = "succeeded"
after_money = true
"""
)
READ = GuardRead(guard="a3_up", threshold="200", observed="200")
TAKEN = CapacityTaken(line=1, line_sha256="0" * 64, log_sha256="0" * 64, left=24)
INTENT = ChargeIntended(amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/x", body_sha256="0" * 64)


class GuardedRun(MemoryRun):
    """An armed run of a gate with a guard and a capacity, inside its money row."""

    def record(self, body):
        """Fold one event; the gate is the guarded one."""
        if body.kind == "run_started":
            gate = read_gate(GUARDED, "gate.toml").model_dump(mode="json")
            body = body.model_copy(update={"gate": gate})
        return super().record(body)


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ([TAKEN], "a purchase follows a look at every guard: a3_up"),
        ([READ], "a purchase of this gate takes a unit of capacity first"),
        (
            [READ, TAKEN, CapacityReturned(left=25, reason="r")],
            "a purchase of this gate takes a unit of capacity first",
        ),
        ([READ, TAKEN, RunStopped(guard="a3_up", threshold="200", observed="503")], "nothing is bought after a stop"),
    ],
)
def test_a_journal_without_guard_or_unit_before_its_purchase_is_not_believed(before, rule):
    """Neither writer nor reader accepts a purchase before which a guard was not read, or no unit was taken."""
    run = GuardedRun()
    for event in before:
        run.record(event)
    with pytest.raises(IllegalEventError, match=rule):
        run.record(INTENT)


def test_with_every_guard_read_and_a_unit_taken_a_purchase_may_be_intended():
    """A guard that is read after money moved is not asked for before it."""
    run = GuardedRun()
    for event in (READ, TAKEN, INTENT):
        run.record(event)
    assert run.state.exposure.intent is not None


def test_guards_of_an_earlier_row_do_not_count():
    """What was read in pre-flight is old when money moves: the row itself must read it again."""
    run = GuardedRun()
    run.state = replace(run.state, open_row=None, last_position=0, guards=frozenset({"a3_up"}))
    run.state = replace(run.state, rows={**run.state.rows, "order": replace(run.state.rows["order"], first=None)})
    run.record(RowStarted(row="order"))
    run.record(TAKEN)
    with pytest.raises(IllegalEventError, match="a look at every guard"):
        run.record(INTENT)


def test_capacity_is_given_back_only_when_nothing_was_sent():
    """After a send whose outcome is seen or ambiguous, no line may say that the unit came back."""
    for outcome in SendOutcome:
        run = GuardedRun()
        for event in (READ, TAKEN, INTENT, ChargeSent(outcome=outcome)):
            run.record(event)
        if outcome is SendOutcome.NOT_SENT:
            run.record(CapacityReturned(left=25, reason="r"))
            continue
        with pytest.raises(IllegalEventError, match="given back when nothing was sent"):
            run.record(CapacityReturned(left=25, reason="r"))


def test_a_guard_of_another_gate_is_not_journalled():
    """A look at a guard that the gate does not have is no look."""
    run = GuardedRun()
    with pytest.raises(IllegalEventError, match="guard a9_up is not in the gate"):
        run.record(READ.model_copy(update={"guard": "a9_up"}))
    assert apply(run.state, READ, run.seq, datetime.now(UTC).isoformat()).guards == {"a3_up"}
    assert run.state.mode is Mode.REHEARSAL


def test_rules_of_the_settings_are_values():
    """`30d` and `12h` are what they say; a threshold above the budget is refused."""
    settings = capacity_rules.CapacitySettings(budget=25, pause_below=5, period="30d")
    assert capacity_rules.rules_of(settings).period == timedelta(days=30)
    assert (
        capacity_rules.rules_of(settings.model_copy(update={"period": "12h"})).told().startswith("25 charges in 12 h")
    )
    assert capacity_rules.rules_of(None) is None
    with pytest.raises(ValueError, match="a pause_below that is not more than budget"):
        capacity_rules.CapacitySettings(budget=4, pause_below=5, period="30d")
