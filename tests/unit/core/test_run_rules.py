"""The run state machine: what may follow what, each rule in its own words, and what every event leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.exposure import NOTHING
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.money import Money
from pytest_paygate.core.proof import WitnessKind
from pytest_paygate.core.run import (
    GUARDED,
    RowState,
    RunState,
    apply,
    fold,
    fold_as_far,
    may_start,
    missing_evidence,
)
from tests.unit.core.stories import (
    ANOMALY,
    BEFORE_BUYING,
    BOUGHT,
    END,
    ESCALATED,
    GATE,
    GUARDS,
    HISTORY,
    POLL,
    PREFLIGHT,
    READY,
    RESCUED,
    STARTED,
    STOP,
    TAKEN,
    begin,
    end,
    fact,
    passed,
    phase,
    proof,
    refused,
    told,
)
from tests.unit.core.test_exposure import ARMED, INTENDED

IN_A_ROW = [STARTED, begin("health")]


def test_nothing_is_known_before_the_first_event():
    """Every part of a run is empty, and its mode cannot be asked for."""
    state = RunState()
    assert (state.started, state.gate, state.open_row, state.stopped) == (None, None, None, None)
    assert (state.rescue, state.finished, state.history) == (None, None, None)
    assert (state.started_at, state.ended_at, state.phase, state.damage) == ("", "", "", "")
    assert (dict(state.rows), dict(state.facts), state.last_position, state.guards) == ({}, {}, -1, frozenset())
    assert (state.escalated, state.proofs, state.anomalies, state.rescues) == ((), (), (), ())
    assert state.exposure == NOTHING
    assert not state.is_guarded
    with pytest.raises(RuntimeError) as none:
        _ = state.mode
    assert str(none.value) == "a run that has not started has no mode"
    row = RowState("health")
    assert (row.status, row.reason, row.expected, row.observed) == (RowStatus.NOT_RUN, "", "", "")
    assert (row.first, row.last, row.elapsed_seconds, dict(row.facts), row.proofs) == (None, None, 0.0, {}, ())
    assert (dict(row.checks), row.failed_check) == ({}, "")


def test_a_run_starts_with_all_its_rows():
    """In the gate's order, none of them run; live and rehearsal are guarded."""
    state = told([STARTED])
    assert (state.started, state.gate, state.started_at, state.ended_at) == (STARTED, GATE, "at 0", "at 0")
    assert state.rows == {name: RowState(name) for name in ("health", "keys", "login", "buy", "look", "after")}
    assert list(state.rows) == ["health", "keys", "login", "buy", "look", "after"]
    for mode in Mode:
        other = told([STARTED.model_copy(update={"mode": mode})])
        assert other.mode is mode
        assert other.is_guarded is (mode in {Mode.LIVE, Mode.REHEARSAL}) is (mode in GUARDED)


def test_every_event_moves_the_end():
    """The time of the last event is told; the time of the first stays."""
    state = told([STARTED, begin("health"), POLL])
    assert (state.started_at, state.ended_at) == ("at 0", "at 2")


def test_how_a_run_begins():
    """Once, with run_started, in this version of the journal, with a gate that can be read."""
    assert refused([], begin("health")) == "a journal begins with run_started"
    assert refused([STARTED], STARTED) == "a run starts once"
    for half in (RunState(started=STARTED), RunState(gate=GATE)):
        with pytest.raises(ValueError, match=r"^a journal begins with run_started$"):
            apply_to(half, begin("health"))
    version = ev.SCHEMA_VERSION + 1
    later = STARTED.model_copy(update={"schema_version": version})
    assert refused([], later) == f"journal version {version} is not {ev.SCHEMA_VERSION}"
    gateless = STARTED.model_copy(update={"gate": {**STARTED.gate, "rows": []}})
    assert refused([], gateless) == "journal: run_started.gate.rows: has the wrong type or form"


def test_a_row_begins_and_ends():
    """Its lines, its status and everything that is said of it are kept; its guards and facts begin anew."""
    state = told([STARTED, begin("health")])
    assert (state.open_row, state.last_position, state.guards) == ("health", 0, frozenset())
    assert state.rows["health"] == RowState("health", first=1, last=1, began=True)
    checks = {"health.status": "it is 200", "health.body": "it is ok"}
    looks = {"checks": checks, "failed_check": "health.body"}
    finished = end("health", RowStatus.FAIL, reason="r", expected="e", observed="o", elapsed_seconds=1.5, **looks)
    state = told([STARTED, begin("health"), POLL, finished])
    assert (state.open_row, state.last_position) == (None, 0)
    assert state.rows["health"] == RowState("health", RowStatus.FAIL, "r", "e", "o", 1, 3, 1.5, **looks, began=True)
    assert state.rows["keys"] == RowState("keys")
    assert RowState("keys").began is False


def test_a_row_may_be_held_back_without_having_begun():
    """BLOCKED, SKIPPED and PENDING are given to a row in its turn; its line is the one that says so."""
    for status in (RowStatus.BLOCKED, RowStatus.SKIPPED, RowStatus.PENDING):
        state = told([STARTED, end("health", status, reason="r")])
        assert state.rows["health"] == RowState("health", status, "r", first=1, last=1, began=False)
        assert state.last_position == 0
        assert refused([STARTED, end("health", status)], begin("health")) == "row health is out of turn or runs twice"
    for status in (RowStatus.PASS, RowStatus.FAIL, RowStatus.INCONCLUSIVE):
        assert refused([STARTED], end("health", status)) == "row health ends without having begun"


@pytest.mark.parametrize(
    ("before", "wrong", "rule"),
    [
        ([STARTED], begin("nothing"), "row nothing is not in the gate"),
        (IN_A_ROW, begin("keys"), "row keys begins while row health is open"),
        (IN_A_ROW, begin("health"), "row health begins while row health is open"),
        ([STARTED, *passed("health")], begin("health"), "row health is out of turn or runs twice"),
        ([STARTED, *PREFLIGHT, *passed("login")], begin("keys"), "row keys is out of turn or runs twice"),
        (
            [STARTED, *PREFLIGHT, end("login", RowStatus.SKIPPED), end("after", RowStatus.SKIPPED)],
            end("buy", RowStatus.SKIPPED),
            "row buy is out of turn or runs twice",
        ),
        (IN_A_ROW, end("keys"), "row keys ends without having begun"),
        (IN_A_ROW, end("keys", RowStatus.BLOCKED), "row keys ends without having begun"),
        ([STARTED], end("nothing", RowStatus.BLOCKED), "row nothing is not in the gate"),
        (IN_A_ROW, end("health", RowStatus.NOT_RUN), "a row does not end as NOT_RUN"),
        (IN_A_ROW, end("health", RowStatus.WAIVED), "a row does not end as WAIVED"),
        (IN_A_ROW, end("health"), "row health passes without evidence: up"),
        (READY, end("buy"), "row buy passes without evidence: order, total"),
        ([*READY, fact("order")], end("buy"), "row buy passes without evidence: total"),
        (
            [*IN_A_ROW, fact("up")],
            end("health", failed_check="keys.mode"),
            "row health passes over its failed check keys.mode",
        ),
    ],
)
def test_rows_run_in_order_once_and_pass_on_their_evidence(before, wrong, rule):
    """One at a time, in the gate's order; a pass has every fact it must record."""
    assert refused(before, wrong) == rule


def test_a_row_that_has_its_lines_does_not_begin_again():
    """Wherever the run stands: a row with a status, or with a line, has had its turn."""
    state = told([STARTED])
    lined = [RowState("health", RowStatus.BLOCKED), RowState("health", first=3)]
    changes = [replace(state, rows={**state.rows, "health": known}) for known in lined]
    for changed in (*changes, replace(state, last_position=0)):
        with pytest.raises(ValueError, match=r"^row health is out of turn or runs twice$"):
            _ = apply_to(changed, begin("health"))


def apply_to(state: RunState, event: ev.EventBody) -> RunState:
    """One more event."""
    return apply(state, event, 99, "late")


@pytest.mark.parametrize(
    ("before", "row", "why"),
    [
        ([STARTED], "health", ""),
        ([STARTED], "keys", "pre-flight P1 (health) is NOT_RUN"),
        ([STARTED, *PREFLIGHT], "login", ""),
        ([STARTED, *passed("health")], "login", "pre-flight P2 (keys) is NOT_RUN"),
        ([STARTED, begin("health"), end("health", RowStatus.FAIL)], "after", "pre-flight P1 (health) is FAIL"),
        (
            [STARTED, *PREFLIGHT, begin("login"), end("login", RowStatus.INCONCLUSIVE)],
            "buy",
            "row 1 (login) is INCONCLUSIVE",
        ),
        ([STARTED, *PREFLIGHT, *passed("login")], "look", "row 2 (buy) is NOT_RUN"),
        ([STARTED, *PREFLIGHT], "look", "row 1 (login) is NOT_RUN"),
        ([STARTED, *PREFLIGHT], "after", ""),
        ([STARTED, *PREFLIGHT, STOP], "login", "the run was stopped by guard a3_up"),
    ],
)
def test_why_a_row_may_not_start(before, row, why):
    """After a stop, before a whole pre-flight, or while a row it needs has not passed."""
    assert may_start(told(before), GATE, row) == why
    if why and row != "look":
        assert refused(before, begin(row)) == f"row {row} may not start: {why}"


def test_evidence_is_what_a_row_recorded_itself():
    """A fact of another row's is none; a row that is not the gate's must record nothing."""
    state = told([*READY, fact("total")])
    assert missing_evidence(state, GATE, "buy") == ("order",)
    assert missing_evidence(state, GATE, "health") == ()
    assert missing_evidence(replace(state, rows={"x": RowState("x")}), GATE, "x") == ()


def test_a_fact_stands_in_its_row_and_in_the_run():
    """Typed, once, in the kind the gate declares."""
    state = told([*BEFORE_BUYING, fact("order"), fact("total")])
    assert state.rows["buy"].facts == {"order": "ord_1", "total": Money(500, "EUR")}
    assert state.facts == {"up": 200, "keys": True, "token": "captured", **state.rows["buy"].facts}
    assert state.rows["login"].facts == {"token": "captured"}


@pytest.mark.parametrize(
    ("before", "wrong", "rule"),
    [
        ([STARTED], fact("up"), "fact happens inside a row"),
        (IN_A_ROW, fact("up", "x", FactKind.WORD), "fact up is not declared as word"),
        (
            IN_A_ROW,
            ev.FactRecorded(name="nothing", fact_kind=FactKind.WORD, value="x"),
            "fact nothing is not declared as word",
        ),
        ([*IN_A_ROW, fact("up")], fact("up"), "fact up is recorded twice"),
        ([STARTED, *passed("health"), begin("keys")], fact("up"), "fact up is recorded twice"),
        (IN_A_ROW, fact("up", "x"), "fact up: the value is not an integer"),
        (
            IN_A_ROW,
            fact("token", "sk_live_" + "a" * 24),
            "fact token: the value looks like a key, a token or a card number",
        ),
        (IN_A_ROW, fact("total", 5), "fact total: the journal holds no money here"),
    ],
)
def test_what_is_no_fact_is_refused(before, wrong, rule):
    """Outside of a row, undeclared, twice, of another shape, or shaped like a secret."""
    assert refused(before, wrong) == rule


HTTP, LOG = WitnessKind.HTTP, WitnessKind.LOG


def test_a_proof_stands_in_its_row_and_in_the_run():
    """In the order in which they were recorded; claims have each witness once."""
    proofs = [
        proof("a"),
        proof("b", "paid", HTTP),
        proof("c", "paid", LOG),
        proof("d", "back", HTTP),
        proof("e", "paid"),
    ]
    state = told([*IN_A_ROW, *proofs[:3], fact("up"), end("health"), begin("keys"), *proofs[3:]])
    assert state.proofs == tuple(proofs)
    assert state.rows["health"].proofs == tuple(proofs[:3])
    assert state.rows["keys"].proofs == tuple(proofs[3:])


@pytest.mark.parametrize(
    ("before", "wrong", "rule"),
    [
        ([STARTED], proof("a"), "proof happens inside a row"),
        ([*IN_A_ROW, proof("a")], proof("a"), "proof a is recorded twice"),
        (
            [*IN_A_ROW, proof("a", "paid", HTTP)],
            proof("b", "paid", HTTP),
            "claim paid has its witness http twice",
        ),
        (
            [*READY, INTENDED],
            proof("fresh"),
            "whether the trace id is fresh is told before anything is bought",
        ),
    ],
)
def test_what_is_no_proof_is_refused(before, wrong, rule):
    """Outside of a row, twice under its name or for its claim, or after the fact."""
    assert refused(before, wrong) == rule


def test_two_proofs_without_a_witness_may_stand_for_one_claim():
    """Only a named witness counts once; freshness may be told until something is bought."""
    state = told([*READY, proof("a", "paid"), proof("b", "paid"), proof("fresh"), INTENDED, proof("later")])
    assert [one.name for one in state.proofs] == ["a", "b", "fresh", "later"]


def test_guards_are_read_inside_a_row():
    """Of the gate, and they count for the row they were read in."""
    assert told([*IN_A_ROW, *GUARDS]).guards == {"a3_up", "calm"}
    assert refused([STARTED], GUARDS[0]) == "guard_read happens inside a row"
    other = GUARDS[0].model_copy(update={"guard": "a9_up"})
    assert refused(IN_A_ROW, other) == "guard a9_up is not in the gate"
    assert told([STARTED, begin("health"), *GUARDS, fact("up"), end("health"), begin("keys")]).guards == frozenset()


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ([STARTED, *PREFLIGHT, *passed("login")], "charge_intended happens inside a row"),
        ([STARTED, *PREFLIGHT, begin("login")], "a purchase happens inside a row that says money = true"),
        ([*BEFORE_BUYING, *ARMED, TAKEN], "a purchase follows a look at every guard: a3_up, calm"),
        ([*BEFORE_BUYING, *ARMED, TAKEN, GUARDS[1]], "a purchase follows a look at every guard: a3_up"),
        ([*BEFORE_BUYING, *ARMED, *GUARDS], "a purchase of this gate takes a unit of capacity first"),
        ([*READY, STOP], "nothing is bought after a stop"),
        ([*BEFORE_BUYING, *GUARDS, TAKEN], "a purchase has a plan"),
    ],
)
def test_what_a_purchase_follows(before, rule):
    """A money row, a whole pre-flight, every guard, a unit of capacity, no stop; and what exposure asks for."""
    assert refused(before, INTENDED) == rule


def test_a_purchase_with_everything_before_it_may_be_intended():
    """And its time is the time at which something became open; sandbox and staging need no plan."""
    state = told([*READY, INTENDED])
    assert state.exposure.intent == INTENDED
    assert state.exposure.risky_at == f"at {len(READY)}"
    sandbox = [STARTED.model_copy(update={"mode": Mode.SANDBOX}), *BEFORE_BUYING[1:], *GUARDS, TAKEN, INTENDED]
    assert told(sandbox).exposure.intent == INTENDED
    uncounted = STARTED.model_copy(update={"gate": {**STARTED.gate, "capacity": {"required": False}}})
    assert told([uncounted, *BEFORE_BUYING[1:], *ARMED, *GUARDS, INTENDED]).exposure.intent == INTENDED


def test_a_purchase_follows_a_whole_preflight():
    """Whatever the row was allowed to do."""
    state = told(READY)
    red = replace(state, rows={**state.rows, "keys": replace(state.rows["keys"], status=RowStatus.WAIVED)})
    with pytest.raises(ValueError, match=r"^a purchase follows a whole pre-flight$"):
        apply_to(red, INTENDED)


def test_history_is_told_once_before_the_first_row():
    """Not twice, not in a row, and not after one."""
    rule = "what is known of earlier runs is told once, before the first row"
    assert told([STARTED, HISTORY]).history == HISTORY
    assert refused([STARTED, HISTORY], HISTORY) == rule
    assert refused(IN_A_ROW, HISTORY) == rule
    assert refused([STARTED, *passed("health")], HISTORY) == rule
    assert refused([STARTED, end("health", RowStatus.SKIPPED)], HISTORY) == rule
    with pytest.raises(ValueError, match=rule):
        apply_to(replace(told([STARTED]), open_row="health"), HISTORY)


def test_what_is_odd_is_kept_in_its_order():
    """Anomalies and escalations one after another; the first stop is the one that counts."""
    later, second = ANOMALY.model_copy(update={"code": "later"}), ESCALATED.model_copy(update={"charge": "ch_2"})
    state = told([STARTED, ANOMALY, ESCALATED, STOP, STOP.model_copy(update={"guard": "calm"}), later, second])
    assert state.anomalies == (ANOMALY, later)
    assert state.escalated == (ESCALATED, second)
    assert state.stopped == STOP


def test_a_damaged_journal_is_believed_as_far_as_it_can_be():
    """Up to the first event that may not be there; its line and the rule are told."""
    entries = [
        ev.Entry(seq=seq, prev="", at=f"at {seq}", elapsed_seconds=0.0, event=event)
        for seq, event in enumerate([*BOUGHT, begin("health"), END])
    ]
    good, bad = entries[:-2], entries[-2]
    whole = fold(good)
    assert whole == told(BOUGHT)
    assert fold_as_far(good) == whole
    assert fold_as_far(good, "torn") == replace(whole, damage="torn")
    rule = "row health is out of turn or runs twice"
    assert fold_as_far(entries, "torn") == replace(whole, damage=f"line {bad.seq} may not be there: {rule}")
    with pytest.raises(ValueError, match=f"^{rule}$"):
        fold(entries)


@pytest.mark.parametrize("rescuer", ex.Rescuer)
def test_calls_are_made_inside_a_row_a_phase_or_a_rescue(rescuer):
    """Anywhere else nobody could say what they were for."""
    for before in (IN_A_ROW, [STARTED, phase("interlock")], [STARTED, RESCUED.model_copy(update={"by": rescuer})]):
        assert told([*before, POLL]).ended_at == f"at {len(before)}"
    assert refused([STARTED, phase("interlock"), phase("interlock", "x")], POLL) == "poll_read happens inside a row"
