"""`window_checked` in the journal: where it may stand, what it may say, and how a reader sees it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core.journal import GENESIS, encode, read
from pytest_paygate.core.run import IllegalEventError, RunState, apply
from pytest_paygate.renderers.session_log import line
from tests.properties.gates import started

AT = "2026-11-21T08:30:00.000Z"
HEALTHY = ev.WindowChecked(
    endpoint="a1",
    source="store",
    since="2026-11-20T08:30:00.000Z",
    until=AT,
    healthy=True,
    interval_seconds=10.0,
    expected=8640,
    seen=8639,
    coverage_percent=99.98,
    coverage_min_percent=95,
    worst_gap_seconds=20.0,
    worst_gap_at="2026-11-20T12:00:00.000Z",
    gap_max_seconds=300.0,
    p95_ms=88,
    p95_limit_ms=120,
    warm=8609,
    cold=30,
    warm_up_seconds=300.0,
    warm_up_samples=0,
    anomalies={"duplicate": 2},
)
SICK = HEALTHY.model_copy(
    update={"healthy": False, "bad_statuses": {"503": 1}, "reasons": ("1 samples are not 200", "a gap")}
)


def in_a_row() -> RunState:
    """A run whose first row has begun."""
    return apply(apply(RunState(), started(), 0, AT), ev.RowStarted(row="check"), 1, AT)


@pytest.mark.parametrize("event", [HEALTHY, SICK])
def test_a_window_is_checked_inside_a_row(event):
    """Inside a row it may stand, outside it may not."""
    assert apply(in_a_row(), event, 2, AT).open_row == "check"
    with pytest.raises(IllegalEventError, match="window_checked happens inside a row"):
        apply(apply(RunState(), started(), 0, AT), event, 1, AT)


@pytest.mark.parametrize(
    "wrong",
    [
        HEALTHY.model_copy(update={"reasons": ("a gap",)}),
        SICK.model_copy(update={"reasons": ()}),
        SICK.model_copy(update={"healthy": True}),
        HEALTHY.model_copy(update={"seen": 0}),
    ],
)
def test_a_window_that_contradicts_itself_is_not_believed(wrong):
    """Healthy with a reason against it, sick without one, healthy without a sample: no journal holds such a line."""
    with pytest.raises(IllegalEventError, match="exactly when"):
        apply(in_a_row(), wrong, 2, AT)


def test_it_survives_the_journal():
    """Every figure comes back from its line, a missing P95 among them."""
    event = SICK.model_copy(update={"p95_ms": None, "p95_limit_ms": None})
    journal = read(encode(0, GENESIS, datetime(2026, 11, 21, 8, 30, tzinfo=UTC), 0.0, event) + b"\n", "journal.jsonl")
    assert journal.entries[0].event == event


def test_the_session_log_has_every_figure():
    """One line says service, window, source, verdict with its reasons, and the figures."""
    entry = ev.Entry(seq=2, prev="", at=AT, elapsed_seconds=1.5, event=HEALTHY)
    assert line(entry, in_a_row()).partition("window ")[2] == (
        "a1 2026-11-20T08:30:00.000Z to 2026-11-21T08:30:00.000Z (store) healthy — 8639 of 8640 samples, coverage 99.98 %, "
        "worst gap 20 s at 2026-11-20T12:00:00.000Z, P95 88 ms (at most 120 ms) of 8609 warm, 30 cold left out, "
        "2 × duplicate"
    )
    told = line(entry.model_copy(update={"event": SICK}), in_a_row())
    assert "(store) NOT healthy: 1 samples are not 200; a gap — " in told
    assert told.endswith("1 × status 503, 2 × duplicate")
