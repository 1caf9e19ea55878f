"""No sequence of events yields PASS unless everything was there, in order, in one uninterrupted run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_paygate.core import events as ev
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.proof import ProofStatus
from pytest_paygate.core.run import IllegalEventError
from pytest_paygate.core.verdict import Decision, Verdict, judge, worst
from tests.properties.gates import FACT_OF, fact, folded, legal_prefix, passing_row, started, whole_run

ROWS = list(FACT_OF)
anything = st.one_of(
    st.sampled_from([started(), started(Mode.LIVE)]),
    st.builds(ev.RowStarted, row=st.sampled_from([*ROWS, "unknown"])),
    st.builds(ev.RowFinished, row=st.sampled_from(ROWS), status=st.sampled_from(list(RowStatus))),
    st.sampled_from([fact("ready"), fact("paid"), fact("seconds"), fact("seconds", 61)]),
    st.builds(
        ev.ProofRecorded, name=st.sampled_from("ab"), source=st.just("log"), status=st.sampled_from(list(ProofStatus))
    ),
    st.builds(ev.AnomalyRecorded, code=st.just("odd"), detail=st.just("x")),
    st.just(ev.RunStopped(guard="cap", threshold="1", observed="2")),
    st.just(ev.RunEscalated(charge="ch_1", amount="EUR 5.00", reason="open")),
    st.builds(ev.RunFinished, complete=st.booleans(), reason=st.just("end")),
)


def edits(events, operations):
    """A whole run with some events dropped, doubled, moved or replaced: near misses of a PASS."""
    events = list(events)
    for kind, index, other, replacement in operations:
        if not events:
            break
        position, target = index % len(events), other % len(events)
        if kind == "drop":
            del events[position]
        elif kind == "double":
            events.insert(target, events[position])
        elif kind == "swap":
            events[position], events[target] = events[target], events[position]
        else:
            events[position] = replacement
    return events


def oracle_says_pass(events):  # noqa: PLR0911 - a list of reasons to say no
    """An independent reading of the raw events: is this a PASS of the small gate in the sandbox? Shares no code."""
    kinds = [event.kind for event in events]
    if kinds.count("run_started") != 1 or kinds[0] != "run_started" or events[0].mode.value != "sandbox":
        return False
    if {"run_stopped", "run_escalated"} & set(kinds):
        return False
    if any(event.kind == "proof" and event.status.value != "holds" for event in events):
        return False
    if kinds[-1] != "run_finished" or not events[-1].complete or kinds.count("run_finished") != 1:
        return False
    seen = []
    for event in events[1:-1]:
        if event.kind == "row_started":
            seen.append((event.row, set()))
        elif event.kind == "fact":
            if event.name == "seconds" and event.value > 60:
                return False
            seen[-1][1].add(event.name)
        elif event.kind == "row_finished" and (event.status.value != "PASS" or seen[-1][0] != event.row):
            return False
    finished = [event.row for event in events if event.kind == "row_finished"]
    return seen == [("check", {"ready"}), ("one", {"paid"}), ("two", {"seconds"})] and finished == [
        "check",
        "one",
        "two",
    ]


def assert_agrees(events):
    """The accepted part of a sequence is PASS exactly when the oracle says so."""
    kept = legal_prefix(events)
    verdict = judge(folded(kept)).verdict
    assert (verdict is Verdict.PASS) == (bool(kept) and oracle_says_pass(kept)), [event.kind for event in kept]


@settings(max_examples=1500, deadline=None)
@given(st.lists(anything, max_size=25))
def test_arbitrary_events_never_pass_wrongly(events):
    """Whatever is thrown at the state machine, PASS means that everything was there in order."""
    assert_agrees(events)


@settings(max_examples=2500, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["drop", "double", "swap", "replace"]), st.integers(0, 99), st.integers(0, 99), anything
        ),
        max_size=4,
    )
)
def test_near_misses_never_pass_wrongly(operations):
    """A whole run with a few events dropped, doubled, moved or replaced is PASS only if it still is whole."""
    assert_agrees(edits(whole_run(), operations))


def test_the_whole_run_passes():
    """The reference run is a PASS and a GO, without reasons against it."""
    judgement = judge(folded(whole_run()))
    assert judgement.verdict is Verdict.PASS
    assert judgement.decision is Decision.GO
    assert judgement.reasons == ()
    assert judgement.exit_code == 0


@pytest.mark.parametrize("status", [status for status in RowStatus if status is not RowStatus.PASS])
@pytest.mark.parametrize("row", ROWS)
def test_each_row_in_each_other_state_is_never_pass(row, status):
    """Any row in any state but PASS keeps the run from PASS."""
    events = []
    for event in whole_run():
        if isinstance(event, ev.RowFinished) and event.row == row:
            event = ev.RowFinished(row=row, status=status)  # noqa: PLW2901 - the one line that differs
        events.append(event)
    assert judge(folded(legal_prefix(events))).verdict is not Verdict.PASS


@pytest.mark.parametrize("index", range(len(whole_run())))
def test_a_run_cut_anywhere_is_incomplete(index):
    """A journal that ends early, wherever, is never better than INCOMPLETE."""
    assert judge(folded(whole_run()[:index])).verdict is Verdict.INCOMPLETE


def test_a_skipped_optional_row_is_conditional():
    """A row the mode may leave out makes the run CONDITIONAL when the run was told to, also through criteria."""
    left_out = started().model_copy(update={"with_refund": False})
    events = [left_out, *passing_row("check"), *passing_row("one")]
    events += [ev.RowFinished(row="two", status=RowStatus.SKIPPED), ev.RunFinished(complete=True, reason="")]
    assert judge(folded(events)).verdict is Verdict.CONDITIONAL
    assert judge(folded([started(), *events[1:]])).verdict is Verdict.INCOMPLETE
    live = left_out.model_copy(update={"mode": Mode.LIVE})
    assert judge(folded([live, *events[1:]])).verdict is Verdict.INCOMPLETE


def test_a_person_s_criterion_is_pending_in_its_mode_only():
    """A criterion only a person can fill in keeps a live run PENDING and does not exist in the sandbox."""
    judgement = judge(folded(whole_run(Mode.LIVE)))
    assert judgement.verdict is Verdict.PENDING
    assert judgement.decision is Decision.PENDING
    assert judgement.exit_code == 20
    assert [result.criterion.id for result in judge(folded(whole_run())).criteria] == ["whole", "fast"]


def test_a_threshold_that_is_not_held_fails():
    """A fact beyond its threshold is a FAIL although its row passed."""
    events = [fact("seconds", 60.5) if event == fact("seconds") else event for event in whole_run()]
    judgement = judge(folded(events))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reasons == ("criterion fast: seconds is 60.5, more than 60",)


def test_stopped_and_escalated_beat_everything():
    """A stop is worse than a failure, and outstanding money worse than all."""
    stop = ev.RunStopped(guard="cap", threshold="EUR 5.00", observed="EUR 6.00")
    money = ev.RunEscalated(charge="ch_1", amount="EUR 5.00", reason="refund failed")
    events = whole_run()
    assert judge(folded([*events[:4], stop])).exit_code == 22
    judgement = judge(folded([*events[:4], money, stop]))
    assert judgement.exit_code == 23
    assert judgement.reasons[0] == "EUR 5.00 of charge ch_1 is outstanding: refund failed"


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_worst_wins(verdicts):
    """Of several verdicts the worst one stands, in the order PASS … ESCALATED."""
    order = list(Verdict)
    assert worst(verdicts) is max(verdicts, key=order.index)


def test_nothing_at_all_is_incomplete():
    """No verdicts, and no run, are INCOMPLETE, never PASS."""
    assert worst([]) is Verdict.INCOMPLETE
    assert judge(folded([])).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        ([ev.RowStarted(row="check")], "a journal begins with run_started"),
        ([started(), started()], "a run starts once"),
        ([started(), ev.RowStarted(row="one")], "row one may not start: pre-flight P1 (check) is NOT_RUN"),
        ([started(), ev.RowStarted(row="check"), ev.RowStarted(row="one")], "row one begins while row check is open"),
        ([started(), *passing_row("check"), ev.RowStarted(row="check")], "row check is out of turn or runs twice"),
        ([started(), *passing_row("check"), ev.RowStarted(row="two")], "row two may not start: row 1 (one) is NOT_RUN"),
        ([started(), fact("ready")], "fact happens inside a row"),
        ([started(), ev.ProofRecorded(name="a", source="b", status=ProofStatus.HOLDS)], "proof happens inside a row"),
        ([started(), ev.RowStarted(row="check"), fact("ready"), fact("ready")], "fact ready is recorded twice"),
        (
            [started(), ev.RowStarted(row="check"), ev.RowFinished(row="check", status=RowStatus.PASS)],
            "row check passes without evidence: ready",
        ),
        (
            [
                started(),
                *passing_row("check")[:-1],
                ev.RowFinished(row="check", status=RowStatus.PASS, failed_check="one_charge"),
            ],
            "row check passes over its failed check one_charge",
        ),
        ([started(), ev.RowFinished(row="check", status=RowStatus.FAIL)], "row check ends without having begun"),
        ([started(), ev.RowStarted(row="nowhere")], "row nowhere is not in the gate"),
        ([*whole_run(), ev.AnomalyRecorded(code="late", detail="")], "nothing but a rescue follows run_finished"),
        (
            [started(), ev.RowStarted(row="check"), ev.RunFinished(complete=True, reason="")],
            "a run is not complete while row check is open",
        ),
        (
            [started(), ev.RunStopped(guard="g", threshold="", observed=""), ev.RowStarted(row="check")],
            "row check may not start: the run was stopped by guard g",
        ),
        ([started().model_copy(update={"schema_version": 99})], "journal version 99 is not 1"),
    ],
)
def test_each_rule_is_named(events, rule):
    """An event that breaks a rule is refused with the rule's own sentence."""
    with pytest.raises(IllegalEventError) as refused:
        folded(events)
    assert str(refused.value) == rule
