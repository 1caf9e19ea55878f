"""Where calls, phases and rescues may stand in a run, and what follows its end; each rule in its own words."""

from __future__ import annotations

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.run import RowState
from tests.unit.core.stories import (
    ANOMALY,
    BOUGHT,
    CUT_OFF,
    END,
    ESCALATED,
    HISTORY,
    POLL,
    PREFLIGHT,
    READY,
    RESCUE_OVER,
    RESCUED,
    RESUMED,
    STARTED,
    STOP,
    TAKEN,
    begin,
    end,
    fact,
    passed,
    phase,
    refused,
    told,
)
from tests.unit.core.test_exposure import INTENDED
from tests.unit.core.test_window_event import HEALTHY, SICK

CALLS = [
    ev.ExchangeRecorded(party="target", method="GET", path="/", elapsed_ms=1),
    ev.QueryRecorded(statement="SELECT 1", row_count=1, elapsed_ms=1),
    ev.LogSeen(name="x", logged_at="y"),
    POLL,
    ev.PollFinished(
        poll="p", outcome="reached", attempts=1, waited_seconds=1.0, server_errors=0, worst_status=200, value="v"
    ),
    ev.HoldOpened(hold_id="h", title="t", deadline_seconds=1.0, attended=True),
    ev.HoldClosed(hold_id="h", answered=True, by="operator", waited_seconds=1.0),
    ev.SeatAnswered(card="h", seat="terminal", counted=True, waited_seconds=1.0),
    HEALTHY,
    SICK,
]
PROBE = ev.ProbeIntended(method="POST", path="/orders", body_sha256="0" * 64)
INTERLOCK, SETTLING = phase("interlock"), phase("settling")
INTERLOCK_OVER, SETTLING_OVER = phase("interlock", "x"), phase("settling", "x")
WINDOW = "a window is healthy exactly when it has samples and nothing against it"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.kind}-{getattr(call, 'healthy', '')}")
def test_every_call_has_a_place(call):
    """Inside a row, a phase or a rescue; between them nobody calls anybody."""
    rule = f"{call.kind} happens inside a row"
    for before in (
        [STARTED],
        [STARTED, *PREFLIGHT],
        [STARTED, INTERLOCK, INTERLOCK_OVER],
        [STARTED, RESCUED, RESCUE_OVER],
    ):
        assert refused(before, call) == rule
    for before in ([STARTED, begin("health")], [STARTED, SETTLING], [STARTED, RESCUED], [STARTED, END, RESCUED]):
        assert told([*before, call]).ended_at == f"at {len(before)}"


@pytest.mark.parametrize("mode", Mode)
def test_a_target_is_probed_in_dry_runs_only(mode):
    """Inside a row, a phase or a rescue like every call, and never where money is real, or is rehearsed to be."""
    begun = STARTED.model_copy(update={"mode": mode})
    assert refused([begun], PROBE) == "probe_intended happens inside a row"
    for before in ([begun, begin("health")], [begun, SETTLING], [begun, RESCUED]):
        if mode in {Mode.LIVE, Mode.REHEARSAL}:
            assert refused(before, PROBE) == "a probe is sent in a dry run only, never where money is real"
        else:
            assert told([*before, PROBE]).ended_at == f"at {len(before)}"


@pytest.mark.parametrize(
    "window",
    [
        HEALTHY.model_copy(update={"reasons": ("a gap",)}),
        HEALTHY.model_copy(update={"seen": 0}),
        SICK.model_copy(update={"reasons": ()}),
    ],
    ids=["healthy with a reason", "healthy without a sample", "sick without a reason"],
)
def test_a_window_says_what_it_is_taken_from(window):
    """Healthy has samples and no reason, sick has a reason; it may be sick without a sample."""
    assert refused([STARTED, begin("health")], window) == WINDOW
    empty = SICK.model_copy(update={"seen": 0})
    assert told([STARTED, begin("health"), empty]).open_row == "health"


def test_phases_do_not_lie_in_each_other():
    """One begins when none is open; the one that is open ends."""
    assert told([STARTED, INTERLOCK]).phase == "interlock"
    assert told([STARTED, INTERLOCK, INTERLOCK_OVER]).phase == ""
    assert told([STARTED, INTERLOCK, INTERLOCK_OVER, SETTLING]).phase == "settling"
    assert refused([STARTED, INTERLOCK], SETTLING) == "phase settling begins inside phase interlock"
    assert refused([STARTED, INTERLOCK], INTERLOCK) == "phase interlock begins inside phase interlock"
    assert refused([STARTED, INTERLOCK], SETTLING_OVER) == "phase settling ends without having begun"
    assert refused([STARTED], SETTLING_OVER) == "phase settling ends without having begun"


def test_nothing_but_a_rescue_follows_the_end():
    """A run is complete when no row is open; what comes after its end is somebody else's work."""
    state = told([STARTED, END])
    assert (state.finished, state.rescue, state.ended_at) == (END, None, "at 1")
    for event in (begin("health"), ANOMALY, ESCALATED, STOP, POLL, END, RESCUE_OVER, HISTORY, INTERLOCK, TAKEN):
        assert refused([STARTED, END], event) == "nothing but a rescue follows run_finished"
    assert refused([STARTED, begin("health")], END) == "a run is not complete while row health is open"
    cut_off = told([STARTED, begin("health"), CUT_OFF])
    assert (cut_off.finished, cut_off.open_row) == (CUT_OFF, "health")


def test_a_rescue_carries_a_run_on_until_it_ends():
    """Whatever was open is closed: phase and row; an end inside of it ends it as well."""
    state = told([STARTED, begin("health"), INTERLOCK, RESCUED])
    assert (state.rescue, state.rescues, state.phase, state.open_row) == (RESCUED, (RESCUED,), "", None)
    assert (state.rows["health"], state.last_position, state.finished) == (
        RowState("health", first=1, last=1, began=True),
        0,
        None,
    )
    guardian = RESCUED.model_copy(update={"by": ex.Rescuer.GUARDIAN})
    state = told([STARTED, RESCUED, guardian])
    assert (state.rescue, state.rescues) == (guardian, (RESCUED, guardian))
    assert told([STARTED, RESCUED, RESCUE_OVER]).rescue is None
    assert told([STARTED, RESCUED, RESCUE_OVER]).rescues == (RESCUED,)
    assert refused([STARTED], RESCUE_OVER) == "a rescue ends without having begun"
    state = told([STARTED, END, RESCUED, ANOMALY, CUT_OFF])
    assert (state.finished, state.rescue, state.anomalies) == (CUT_OFF, None, (ANOMALY,))
    assert refused([STARTED, END, RESCUED, CUT_OFF], ANOMALY) == "nothing but a rescue follows run_finished"
    assert told([STARTED, END, RESCUED]).finished == END


def test_only_a_resumed_run_takes_rows_up_again():
    """The guardian and `recover` leave every row as it was, and the end where it was."""
    before = [STARTED, *PREFLIGHT, begin("login"), fact("token"), CUT_OFF]
    for by in (ex.Rescuer.GUARDIAN, ex.Rescuer.RECOVER):
        state = told([*before, RESCUED.model_copy(update={"by": by})])
        assert state.rows == told(before).rows
        assert state.facts == told(before).facts
        assert (state.last_position, state.finished) == (2, CUT_OFF)
    state = told([*before, RESUMED])
    assert state.rows["login"] == RowState("login")
    assert state.rows["health"] == told(before).rows["health"]
    assert state.facts == {"up": 200, "keys": True}
    assert (state.last_position, state.finished, state.rescue) == (-1, None, RESUMED)
    again = told([*before, RESUMED, *passed("login")])
    assert again.rows["login"].status is RowStatus.PASS
    assert again.facts == {"up": 200, "keys": True, "token": "captured"}


@pytest.mark.parametrize("status", [RowStatus.BLOCKED, RowStatus.SKIPPED, RowStatus.PENDING])
def test_a_row_that_was_held_back_is_taken_up_again(status):
    """Whatever held it back may have passed."""
    state = told([STARTED, end("health", status, reason="r"), CUT_OFF, RESUMED])
    assert state.rows["health"] == RowState("health")


@pytest.mark.parametrize("status", [RowStatus.FAIL, RowStatus.INCONCLUSIVE])
def test_a_row_that_was_red_stays_what_it_is(status):
    """Nobody resumes a row until it is green."""
    before = [STARTED, begin("health"), fact("up"), end("health", status, reason="r"), CUT_OFF]
    state = told([*before, RESUMED])
    assert state.rows["health"] == told(before).rows["health"]
    assert state.facts == {"up": 200}


def test_a_money_row_that_began_is_not_run_again():
    """Cut off in it or held back from it, it stays what it is; one that was never reached is run."""
    cut = told([*READY, INTENDED, fact("order"), CUT_OFF, RESUMED])
    assert cut.rows["buy"].first is not None
    assert cut.rows["buy"].facts == {"order": "ord_1"}
    assert cut.facts["order"] == "ord_1"
    assert refused([*READY, CUT_OFF, RESUMED], begin("buy")) == "row buy is out of turn or runs twice"
    blocked = [*BOUGHT[: len(PREFLIGHT) + 1], *passed("login"), CUT_OFF, RESUMED]
    assert told([*blocked, begin("buy")]).open_row == "buy"
    held = [STARTED, *PREFLIGHT, *passed("login"), end("buy", RowStatus.BLOCKED, reason="r"), CUT_OFF, RESUMED]
    assert told(held).rows["buy"].status is RowStatus.BLOCKED
