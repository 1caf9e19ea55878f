"""The session log: one readable line for each journal line, numbered alike, so a Trace column can point into it.

Owns the wording of those lines. They hold only what the journal holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core.facts import from_json, shown
from pytest_paygate.core.inert import inert
from pytest_paygate.core.proof import rests_on
from pytest_paygate.core.window import latency_shown
from pytest_paygate.renderers import exposure_log

if TYPE_CHECKING:
    from pytest_paygate.core.run import RowState, RunState

NAME = "session.log"


def line(entry: ev.Entry, state: RunState) -> str:
    """Return the line of one entry, without newline.

    Args:
        entry: the journal entry; the line's number is its `seq` + 1.
        state: the run after this entry.
    """
    row = state.open_row or getattr(entry.event, "row", "") or "run"
    return inert(f"{entry.seq + 1:05d} {entry.at} +{entry.elapsed_seconds:08.3f} {row:<15} {_told(entry.event)}")


def reference(row: RowState) -> str:
    """The line range of a row, as the Trace column shows it."""
    if row.first is None or row.last is None:
        return "—"
    first, last = row.first + 1, row.last + 1
    return f"{NAME} L{first}" if first == last else f"{NAME} L{first}–L{last}"


def _told(event: ev.EventBody) -> str:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of event reads best as a table
    match event:
        case ev.RunStarted():
            return f"run {event.run_id} of gate {event.gate['id']} begins: {event.mode} at {event.target}"
        case ev.RowStarted():
            return "row begins"
        case ev.RowFinished():
            check = f"check {event.failed_check} failed" if event.failed_check else ""
            return " — ".join(part for part in (f"row is {event.status}", check, event.reason) if part)
        case ev.FactRecorded():
            return f"fact {event.name} = {shown(from_json(event.fact_kind, event.value))}"
        case ev.ExchangeRecorded():
            return _exchange(event)
        case ev.PollRead():
            return f"poll {event.poll} read {event.attempt} after {event.waited_ms} ms: {event.value}"
        case ev.PollFinished():
            return (
                f"poll {event.poll} {event.outcome} after {event.waited_seconds:.3f} s, {event.attempts} reads, "
                f"{event.server_errors} × 5xx: {event.value}"
            )
        case ev.QueryRecorded():
            return f"query ({event.row_count} rows, {event.elapsed_ms} ms): {event.statement}{_fields(event.fields)}"
        case ev.LogSeen():
            return f"target's log: {event.name} at {event.logged_at}"
        case ev.WindowChecked():
            return _window(event)
        case ev.HistoryKnown():
            return f"{len(event.runs)} earlier runs are known"
        case ev.HoldOpened():
            return f"hold point {event.hold_id}: {event.title} ({event.deadline_seconds:g} s)"
        case ev.HoldClosed():
            how = "answered" if event.answered else "not answered"
            return f"hold point {event.hold_id} {how} by {event.by} after {event.waited_seconds:.3f} s"
        case ev.SeatAnswered():
            how = "" if event.counted else ", too late to count"
            return f"{event.card} answered at the {event.seat} after {event.waited_seconds:.3f} s{how}"
        case ev.ProbeIntended():
            return f"probe {event.method} {event.path}, about to be sent (body SHA-256 {event.body_sha256[:12]})"
        case ev.ProofRecorded():
            told = "".join(f" — {part}" for part in (event.detail, rests_on(event)) if part)
            return f"proof {event.name} ({event.source}) {event.status}{told}"
        case ev.AnomalyRecorded():
            return f"anomaly {event.code}: {event.detail}"
        case ev.GuardRead():
            return f"guard {event.guard} holds: {event.observed}, threshold {event.threshold}"
        case ev.RunStopped():
            return f"STOPPED by guard {event.guard}: {event.observed}, threshold {event.threshold}"
        case ev.RunEscalated():
            return f"ESCALATED: {event.amount} of charge {event.charge}: {event.reason}"
        case ev.RunFinished():
            return f"run ends: {event.reason}"
        case _:
            return exposure_log.told(event)


def _exchange(event: ev.ExchangeRecorded) -> str:
    answer = str(event.status) if event.status else event.failure
    failure = f" ({event.failure})" if event.status and event.failure else ""
    request = f" [{event.request_id}]" if event.request_id else ""
    return (
        f"{event.party}: {event.method} {event.path} → {answer}{failure} in {event.elapsed_ms} ms{request}"
        f"{_fields(event.fields)}"
    )


def _window(event: ev.WindowChecked) -> str:
    limit = "" if event.p95_limit_ms is None else f" (at most {event.p95_limit_ms} ms)"
    counts = {**{f"status {status}": count for status, count in event.bad_statuses.items()}, **event.anomalies}
    told = [
        f"{event.seen} of {event.expected} samples",
        f"coverage {event.coverage_percent:.2f} %",
        f"worst gap {event.worst_gap_seconds:g} s at {event.worst_gap_at}",
        f"P95 {latency_shown(event.p95_ms)}{limit} of {event.warm} warm, {event.cold} cold left out",
        *(f"{count} × {name}" for name, count in counts.items()),
    ]
    verdict = "healthy" if event.healthy else f"NOT healthy: {'; '.join(event.reasons)}"
    return f"window {event.endpoint} {event.since} to {event.until} ({event.source}) {verdict} — {', '.join(told)}"


def _fields(fields: dict[str, str | int | float | bool]) -> str:
    return "".join(f" {name}={value}" for name, value in fields.items())
