"""The verdict, rule by rule: what each finding does to it, and the sentence that says so."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.exposure import NOTHING, ChargeState
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import ProofStatus
from pytest_paygate.core.verdict import EXIT_CODES, Decision, Judgement, Verdict, is_for_launch, judge, worst
from pytest_paygate.core.waivers import Waiver
from tests.properties.gates import SOURCE, fact, folded, passing_row, started, whole_run

WHOLE = folded(whole_run())
LIVE = folded(whole_run(Mode.LIVE))
INTENT = ex.ChargeIntended(
    amount_minor=500, cap_minor=500, currency="EUR", method="POST", path="/orders", body_sha256="0" * 64
)
SETTLED = ex.ExposureSettled(charges=1, refunded_minor=500, currency="EUR")
ESCALATED = ev.RunEscalated(charge="ch_1", amount="EUR 5.00", reason="refund failed")


def gate(old: str, new: str):
    """The small gate with one thing changed."""
    assert old in SOURCE.decode()
    return read_gate(SOURCE.replace(old.encode(), new.encode()), "gate.toml")


def with_rows(state, **statuses):
    """The state with rows in other states; a pair is a status and its reason."""
    rows = dict(state.rows)
    for name, told in statuses.items():
        status, reason = told if isinstance(told, tuple) else (told, "")
        rows[name] = replace(rows[name], status=status, reason=reason)
    return replace(state, rows=rows)


def told(state, signed=()):
    """Verdict and reasons."""
    judgement = judge(state, signed)
    return judgement.verdict.value, judgement.reasons


@pytest.mark.parametrize(
    ("verdict", "code", "decision"),
    [
        ("PASS", 0, "GO"),
        ("PENDING", 20, "PENDING"),
        ("CONDITIONAL", 21, "NO-GO"),
        ("INCOMPLETE", 24, "NO-GO"),
        ("FAIL", 1, "NO-GO"),
        ("STOPPED", 22, "NO-GO"),
        ("ESCALATED", 23, "NO-GO"),
    ],
)
def test_each_verdict_has_its_exit_code_and_decision(verdict, code, decision):
    """The published words, exit codes and decisions, in the published order."""
    judgement = Judgement(Verdict(verdict), (), ())
    assert (judgement.exit_code, judgement.decision.value, dict(judgement.waived)) == (code, decision, {})
    assert len(EXIT_CODES) == 7
    assert list(Decision) == ["GO", "PENDING", "NO-GO"]


def test_only_a_live_run_decides_a_launch():
    """Sandbox, staging and rehearsal never do."""
    assert [mode for mode in Mode if is_for_launch(mode)] == [Mode.LIVE]


def test_a_run_that_never_started_says_so():
    """Without a start there is nothing to judge: INCOMPLETE, no checklist, and the damage as the reason if there is one."""
    empty = judge(folded([]))
    assert (empty.verdict, empty.reasons, empty.criteria) == (Verdict.INCOMPLETE, ("the run never started",), ())
    for broken in (replace(WHOLE, started=None), replace(WHOLE, gate=None)):
        assert told(broken) == ("INCOMPLETE", ("the run never started",))
    assert told(replace(folded([]), damage="torn")) == ("INCOMPLETE", ("torn",))


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (RowStatus.FAIL, "FAIL"),
        (RowStatus.PENDING, "PENDING"),
        (RowStatus.WAIVED, "CONDITIONAL"),
        (RowStatus.BLOCKED, "INCOMPLETE"),
        (RowStatus.NOT_RUN, "INCOMPLETE"),
        (RowStatus.SKIPPED, "INCOMPLETE"),
        (RowStatus.INCONCLUSIVE, "INCOMPLETE"),
    ],
)
def test_what_a_row_does_to_the_verdict(status, verdict):
    """A row's status weighs as much in its own line as in its criterion's, and both lines say it."""
    assert told(with_rows(WHOLE, one=(status, "why"))) == (
        verdict,
        (f"row 1 (one) is {status}: why", f"criterion whole: 1 (one) is {status}"),
    )
    assert told(with_rows(WHOLE, check=status)) == (
        verdict,
        (f"pre-flight P1 (check) is {status}", f"criterion whole: P1 (check) is {status}"),
    )


def test_the_worst_comes_first():
    """Reasons are in the order of their weight, not of the rows."""
    verdict, reasons = told(with_rows(WHOLE, check=RowStatus.PENDING, one=RowStatus.FAIL, two=RowStatus.BLOCKED))
    assert verdict == "FAIL"
    assert reasons == (
        "row 1 (one) is FAIL",
        "criterion whole: P1 (check) is PENDING",
        "row 2 (two) is BLOCKED",
        "criterion fast: 2 (two) is BLOCKED",
        "pre-flight P1 (check) is PENDING",
    )
    assert worst([Verdict.PASS, Verdict.STOPPED, Verdict.FAIL]) is Verdict.STOPPED


def test_a_row_left_out_on_demand():
    """A row this mode may leave out is CONDITIONAL when the run was told to leave it out and did; only then."""
    told_to = replace(WHOLE, started=WHOLE.started.model_copy(update={"with_refund": False}))
    assert judge(with_rows(told_to, two=RowStatus.SKIPPED)).verdict is Verdict.CONDITIONAL
    assert judge(with_rows(told_to, two=RowStatus.BLOCKED)).verdict is Verdict.INCOMPLETE
    assert judge(with_rows(told_to, two=RowStatus.FAIL)).verdict is Verdict.FAIL
    assert judge(with_rows(told_to, one=RowStatus.SKIPPED)).verdict is Verdict.INCOMPLETE
    assert judge(with_rows(WHOLE, two=RowStatus.SKIPPED)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        (
            {"stopped": ev.RunStopped(guard="cap", threshold="EUR 5.00", observed="EUR 6.00")},
            "STOPPED",
            "guard cap stopped the run: EUR 6.00, threshold EUR 5.00",
        ),
        ({"damage": "torn"}, "INCOMPLETE", "the journal is believed up to its damage only: torn"),
        ({"finished": None}, "INCOMPLETE", "the run has no end in its journal: it was cut off"),
        (
            {"finished": ev.RunFinished(complete=False, reason="Ctrl-C")},
            "INCOMPLETE",
            "the run ended early: Ctrl-C",
        ),
        ({"escalated": (ESCALATED,)}, "ESCALATED", "EUR 5.00 of charge ch_1 is outstanding: refund failed"),
        (
            {"escalated": (ESCALATED,), "exposure": replace(NOTHING, settled=SETTLED)},
            "FAIL",
            "EUR 5.00 of charge ch_1 was outstanding and came back later: refund failed",
        ),
        (
            {"proofs": (ev.ProofRecorded(name="a", source="log", status=ProofStatus.MISSING),)},
            "CONDITIONAL",
            "proof a (log) is missing",
        ),
        (
            {"proofs": (ev.ProofRecorded(name="a", source="log", status=ProofStatus.CONTRADICTS, detail="x"),)},
            "FAIL",
            "proof a (log) contradicts the others: x",
        ),
    ],
)
def test_what_a_run_finding_does_to_the_verdict(changes, verdict, reason):
    """A stop, damage, an early end, an escalation, a proof: each alone, with its sentence."""
    assert told(replace(WHOLE, **changes)) == (verdict, (reason,))


@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.REHEARSAL])
def test_money_never_settled_is_escalated_where_money_is_real(mode):
    """What was intended and never settled may be outstanding; in a dry run there is no money."""
    bought = replace(NOTHING, intent=INTENT)
    unsettled = "money or a payable link may be outstanding: the exposure was never settled"
    guarded = replace(folded(whole_run(mode)), exposure=bought)
    assert told(guarded, ["statement"]) == ("ESCALATED", (unsettled,))
    once = told(replace(guarded, escalated=(ESCALATED,)), ["statement"])
    assert once == ("ESCALATED", ("EUR 5.00 of charge ch_1 is outstanding: refund failed",))
    assert told(replace(WHOLE, exposure=bought)) == ("PASS", ())


def test_more_than_one_charge_is_a_failure():
    """One purchase has one charge, where money is real; two are told with their number."""
    charges = {name: ChargeState("stripe", name, "pi_1", Money(500, "EUR"), "") for name in ("ch_1", "ch_2")}
    two = replace(NOTHING, charges=charges)
    assert told(replace(LIVE, exposure=two), ["statement"]) == ("FAIL", ("one purchase led to 2 charges",))
    assert told(replace(WHOLE, exposure=two)) == ("PASS", ())
    one = replace(NOTHING, charges={"ch_1": charges["ch_1"]})
    assert told(replace(LIVE, exposure=one), ["statement"]) == ("PASS", ())


@pytest.mark.parametrize(
    ("holds", "value", "reason"),
    [
        ('at_most = "limit"', 60.0, ""),
        ('at_most = "limit"', 60.5, "seconds is 60.5, more than 60"),
        ('at_least = "limit"', 60.0, ""),
        ('at_least = "limit"', 59.5, "seconds is 59.5, less than 60"),
        ("at_least = 2", float("nan"), "seconds is nan, less than 2"),
        ("at_most = 2", float("nan"), "seconds is nan, more than 2"),
        ("equals = 1", 1, ""),
        ("equals = 1", 2, "seconds is not 1"),
        ("equals = 1", 1.0, "seconds is not 1"),
        ("equals = 1", True, "seconds is not 1"),
        ("equals = true", 1, "seconds is not True"),
        ("equals = true", True, ""),
        ('equals = "live"', "live", ""),
        ('equals = "live"', "test", "seconds is not live"),
        ("at_most = 2", True, "seconds is not a number"),
        ("at_most = 2", "1", "seconds is not a number"),
        ("at_most = 2", ("1",), "seconds is not a number"),
        ("at_most = 2", Money(1, "EUR"), "seconds is not a number"),
        ("at_most = 2", datetime(2026, 1, 1, tzinfo=UTC), "seconds is not a number"),
        ("at_most = 2", 1, ""),
        ("at_least = 2", None, "fact seconds was not recorded"),
    ],
)
def test_what_a_fact_must_be(holds, value, reason):
    """Bounds are within; what is not a number has none; equal means the same value of the same kind; nothing is not met."""
    facts = {name: known for name, known in WHOLE.facts.items() if name != "seconds"}
    facts |= {} if value is None else {"seconds": value}
    # The gate refuses some of these when it is read; the verdict does not count on that.
    criteria = gate('at_most = "limit"', 'at_most = "limit"').criteria
    (hold,) = criteria[1].holds
    wanted = tomllib.loads(holds)
    changed = hold.model_copy(update={"at_most": None, **wanted})
    fast = criteria[1].model_copy(update={"holds": (changed,)})
    small = WHOLE.gate.model_copy(update={"criteria": (criteria[0], fast)})
    expected = ("FAIL", (f"criterion fast: {reason}",)) if reason else ("PASS", ())
    assert told(replace(WHOLE, facts=facts, gate=small)) == expected


def test_the_checklist_has_each_criterion_of_the_mode():
    """Every criterion of the mode is a line with its status and reason; one that waits names who must sign."""
    lines = [(one.criterion.id, one.status, one.reason) for one in judge(LIVE).criteria]
    assert lines == [
        ("whole", RowStatus.PASS, ""),
        ("fast", RowStatus.PASS, ""),
        ("statement", RowStatus.PENDING, "waits for operator to sign"),
    ]
    assert told(LIVE) == ("PENDING", ("criterion statement: waits for operator to sign",))
    assert judge(LIVE, ["statement"]).criteria[2].status is RowStatus.PASS


def test_a_signature_does_not_mend_a_failed_condition():
    """A person's criterion whose fact is beyond its bound fails, signed or not."""
    late = folded([fact("seconds", 61) if event == fact("seconds") else event for event in whole_run(Mode.LIVE)])
    person = 'rows = ["two"]\nholds = ['
    assert person in SOURCE.decode()
    state = replace(late, gate=gate(person, 'rows = ["two"]\nperson = true\nholds = ['))
    assert judge(state, ["fast", "statement"]).verdict is Verdict.FAIL
    assert judge(state).criteria[1].status is RowStatus.FAIL


def test_a_criterion_looks_at_its_own_rows_only():
    """The whole walkthrough does not include pre-flight unless it says so, and named rows are just those."""
    rows_only = replace(WHOLE, gate=gate("whole_walkthrough = true\npreflight = true", "whole_walkthrough = true"))
    red = judge(with_rows(rows_only, check=RowStatus.FAIL))
    assert [one.status for one in red.criteria] == [RowStatus.PASS, RowStatus.PASS]
    checks_only = replace(WHOLE, gate=gate("whole_walkthrough = true\npreflight = true", "preflight = true"))
    red = judge(with_rows(checks_only, one=RowStatus.FAIL))
    assert [one.status for one in red.criteria] == [RowStatus.PASS, RowStatus.PASS]
    red = judge(with_rows(WHOLE, one=RowStatus.FAIL))
    assert [one.status for one in red.criteria] == [RowStatus.FAIL, RowStatus.PASS]


def test_the_first_condition_that_fails_is_told():
    """Of several conditions the first that does not hold is the reason."""
    two = gate(
        'at_most = "limit" }', 'at_most = "limit" }, { fact = "paid", at_least = 9 }, { fact = "ready", at_least = 9 }'
    )
    assert told(replace(WHOLE, gate=two)) == ("FAIL", ("criterion fast: paid is 1, less than 9",))


def test_a_rescue_is_told_with_its_place():
    """A run that somebody else carried on is CONDITIONAL, and says by whom and from which line."""
    events = [started(), *passing_row("check")]
    state = replace(folded(events), rows=WHOLE.rows, facts=WHOLE.facts, finished=WHOLE.finished)
    rescue = ex.RescueStarted.model_construct(by="guardian", at_line=12)
    assert told(replace(state, rescues=(rescue,))) == (
        "CONDITIONAL",
        ("the run was carried on by guardian, after line 12",),
    )


def test_a_row_let_through_hides_no_red_one():
    """A criterion with a waived row and a red one tells the red one, and fails."""
    waiver = Waiver(row="one", owner="cto", reason="known", until=date(2027, 1, 1))
    state = replace(WHOLE, gate=WHOLE.gate.model_copy(update={"waivers": (waiver,)}))
    whole = judge(with_rows(state, one=RowStatus.FAIL, two=RowStatus.FAIL)).criteria[0]
    assert (whole.status, whole.reason) == (RowStatus.FAIL, "2 (two) is FAIL")
