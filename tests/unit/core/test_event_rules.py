"""The journal's vocabulary: its words are read by journals of years ago, so none of them may change."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import pytest

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.model import Model, TypeAdapter, ValidationError

# Event → the word it is journalled under, and what it holds when nothing is said. `...`: it must be said.
SHAPES: dict[type[Model], tuple[str, dict[str, Any]]] = {
    ev.RunStarted: (
        "run_started",
        {
            "schema_version": 1,
            "run_id": ...,
            "gate": ...,
            "gate_sha256": ...,
            "suite_sha256": "",
            "environment": ...,
            "mode": ...,
            "target": ...,
            "trace_id": ...,
            "commit": ...,
            "tool_version": ...,
            "operator": ...,
            "attended": ...,
            "with_refund": ...,
            "python": ...,
            "pytest": ...,
        },
    ),
    ev.HistoryKnown: ("history", {"runs": ..., "usual": ()}),
    ev.RowStarted: ("row_started", {"row": ...}),
    ev.RowFinished: (
        "row_finished",
        {
            "row": ...,
            "status": ...,
            "reason": "",
            "expected": "",
            "observed": "",
            "elapsed_seconds": 0.0,
            "checks": {},
            "failed_check": "",
        },
    ),
    ev.FactRecorded: ("fact", {"name": ..., "fact_kind": ..., "value": ...}),
    ev.ExchangeRecorded: (
        "exchange",
        {
            "party": ...,
            "method": ...,
            "path": ...,
            "status": 0,
            "failure": "",
            "elapsed_ms": ...,
            "trace_id": "",
            "request_id": "",
            "attempt": 1,
            "fields": {},
            "dropped": 0,
        },
    ),
    ev.PollRead: ("poll_read", {"poll": ..., "attempt": ..., "waited_ms": ..., "value": ..., "good": True}),
    ev.PollFinished: (
        "poll_finished",
        {
            "poll": ...,
            "outcome": ...,
            "attempts": ...,
            "waited_seconds": ...,
            "server_errors": ...,
            "worst_status": ...,
            "value": ...,
        },
    ),
    ev.QueryRecorded: ("query", {"statement": ..., "row_count": ..., "elapsed_ms": ..., "fields": {}, "dropped": 0}),
    ev.LogSeen: ("log_seen", {"name": ..., "logged_at": ...}),
    ev.WindowChecked: (
        "window_checked",
        {
            "endpoint": ...,
            "source": ...,
            "since": ...,
            "until": ...,
            "healthy": ...,
            "interval_seconds": ...,
            "expected": ...,
            "seen": ...,
            "coverage_percent": ...,
            "coverage_min_percent": ...,
            "worst_gap_seconds": ...,
            "worst_gap_at": ...,
            "gap_max_seconds": ...,
            "p95_ms": ...,
            "p95_limit_ms": ...,
            "warm": ...,
            "cold": ...,
            "warm_up_seconds": ...,
            "warm_up_samples": ...,
            "bad_statuses": {},
            "anomalies": {},
            "reasons": (),
        },
    ),
    ev.HoldOpened: ("hold_opened", {"hold_id": ..., "title": ..., "deadline_seconds": ..., "attended": ...}),
    ev.HoldClosed: ("hold_closed", {"hold_id": ..., "answered": ..., "by": ..., "waited_seconds": ...}),
    ev.SeatAnswered: ("seat_answered", {"card": ..., "seat": ..., "counted": ..., "waited_seconds": ...}),
    ev.ProbeIntended: ("probe_intended", {"method": ..., "path": ..., "body_sha256": ...}),
    ev.ProofRecorded: (
        "proof",
        {
            "name": ...,
            "source": ...,
            "status": ...,
            "detail": "",
            "claim": "",
            "witness": None,
            "at": "",
            "amount": "",
            "ids": {},
            "extract_sha256": "",
        },
    ),
    ev.AnomalyRecorded: ("anomaly", {"code": ..., "detail": ...}),
    ev.GuardRead: ("guard_read", {"guard": ..., "threshold": ..., "observed": ..., "by": ""}),
    ev.RunStopped: ("run_stopped", {"guard": ..., "threshold": ..., "observed": ...}),
    ev.RunEscalated: ("run_escalated", {"charge": ..., "amount": ..., "reason": ...}),
    ev.RunFinished: ("run_finished", {"complete": ..., "reason": ...}),
}
# What stands inside of an event or around it.
PARTS = {
    ev.PastRun: ["run_id", "verdict", "seconds"],
    ev.UsualRow: ["row", "runs", "median_seconds", "spread_seconds"],
    ev.Entry: ["seq", "prev", "at", "elapsed_seconds", "event"],
}
AROUND = {ex.PhaseStarted, ex.PhaseFinished, ex.RescueStarted, ex.RescueFinished}
ENTRY = {"seq": 1, "prev": "0" * 64, "at": "2026-11-21T09:15:00Z", "elapsed_seconds": 0.0}


@pytest.mark.parametrize("event", SHAPES)
def test_each_event_has_its_word_and_its_fields(event):
    """An event is journalled under one word; what may be left out is empty, and the rest must be said."""
    word, fields = SHAPES[event]
    told = {
        name: ... if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in event.model_fields.items()
    }
    assert told == {"kind": word, **fields}
    assert get_args(event.model_fields["kind"].annotation) == (word,)


@pytest.mark.parametrize("part", PARTS)
def test_what_stands_around_an_event_is_said_in_full(part):
    """A line of the journal, an earlier run and a usual row leave nothing out."""
    assert list(part.model_fields) == PARTS[part]
    assert all(field.is_required() for field in part.model_fields.values())


def test_the_table_holds_every_event():
    """No event escapes the table, and a line takes each of them, those of an exposure and those around it."""
    models = {one for _, one in inspect.getmembers(ev, inspect.isclass) if issubclass(one, Model) and one is not Model}
    assert models == {*SHAPES, *PARTS}
    union, _ = get_args(ev.EventBody)
    assert set(get_args(union)) == {*SHAPES, *AROUND, *get_args(ex.ExposureEvent)}


@pytest.mark.parametrize(
    ("event", "where"),
    [
        ({"kind": "row_started"}, [("event", "row_started", "row")]),
        ({"kind": "guard_read", "guard": "g"}, [("event", "guard_read", one) for one in ("threshold", "observed")]),
        ({"kind": "anything"}, [("event",)]),
        ({"row": "buy"}, [("event",)]),
    ],
)
def test_the_word_alone_decides_which_event_a_line_holds(event, where):
    """What is wrong with a line is told of the event that it names, and of no other."""
    with pytest.raises(ValidationError) as refused:
        ev.Entry(**ENTRY, event=event)
    assert [one["loc"] for one in refused.value.errors()] == where


def test_a_line_is_read_back_as_what_was_written():
    """What a line holds comes back as the same event of the same kind."""
    event = ev.RowFinished(row="buy", status=ev.RowStatus.PASS, checks={"charge.amount": "the amount is the plan's"})
    line = ev.Entry(**ENTRY, event=event)
    assert ev.Entry.model_validate_json(line.model_dump_json()) == line
    assert TypeAdapter(ev.EventBody).validate_json('{"kind":"phase_started","phase":"settling"}') == ex.PhaseStarted(
        phase="settling"
    )


def test_the_words_of_a_row_and_of_a_run():
    """Where a row stands and which life a run belongs to are journalled under these words, and there are no others."""
    statuses = ["PASS", "FAIL", "BLOCKED", "NOT_RUN", "SKIPPED", "INCONCLUSIVE", "PENDING", "WAIVED"]
    assert {one.name: one.value for one in ev.RowStatus} == {word: word for word in statuses}
    modes = ["sandbox", "staging", "rehearsal", "live"]
    assert {one.name: one.value for one in ev.Mode} == {word.upper(): word for word in modes}
    assert ev.SCHEMA_VERSION == 1
