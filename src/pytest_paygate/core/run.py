"""The run state machine: what may follow what, folded from the journal alone.

Rules (each held by a test):
- a run starts once, with the gate it is bound to; nothing follows its end;
- rows run in the gate's order, one at a time, each at most once;
- no row starts while pre-flight is incomplete or red, nor while a row it needs has not passed, nor after a stop;
- a fact is recorded inside a row, once, in the kind the gate declares; a proof inside a row, once;
- a row passes only when it started and every fact it must record was recorded inside it;
- money is intended inside a money row, with pre-flight whole, after every guard of the gate was read again in that row
  and held, and with a unit of capacity where the gate asks for one; what exposure allows is decided in `exposure.py`;
- calls are made inside a row, a phase (interlock, settling) or a rescue; probes of a target in dry runs only;
- after the end only a rescue follows: the guardian, `paygate recover` or `--resume`.
A violated rule is an `IllegalEventError`: writers refuse to write it and readers refuse to believe it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure as exposures
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode, RowStatus
from pytest_paygate.core.facts import FactShapeError, FactValue, from_json
from pytest_paygate.core.gate import Gate
from pytest_paygate.core.model import parse
from pytest_paygate.core.proof import FRESH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Statuses a row can be given without having started: it was held back, left out, or never reached.
_WITHOUT_START = frozenset({RowStatus.BLOCKED, RowStatus.SKIPPED, RowStatus.PENDING})
# What a resumed run takes up again; a money row that was reached keeps its lines. A red row stays what it is.
_AGAIN = frozenset({RowStatus.NOT_RUN, *_WITHOUT_START})
# The lives in which plan, approval, lock and the operator's word must come before a purchase.
GUARDED = frozenset({Mode.LIVE, Mode.REHEARSAL})


class IllegalEventError(ValueError):
    """An event that may not follow what came before. The message names the rule."""


@dataclass(frozen=True, slots=True)
class RowState:
    """What is known of one row. `first` and `last` are journal numbers; `began` is not true of a row held back."""

    row_id: str
    status: RowStatus = RowStatus.NOT_RUN
    reason: str = ""
    expected: str = ""
    observed: str = ""
    first: int | None = None
    last: int | None = None
    elapsed_seconds: float = 0.0
    checks: Mapping[str, str] = field(default_factory=dict)
    failed_check: str = ""
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    proofs: tuple[ev.ProofRecorded, ...] = ()
    began: bool = False


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as far as its journal tells. `rows` is in the gate's order and always complete.

    `guards` are those that were read in the open row and held.
    `damage` says why the journal is believed up to here and no further; such a run is INCOMPLETE at best.
    """

    started: ev.RunStarted | None = None
    gate: Gate | None = None
    started_at: str = ""
    ended_at: str = ""
    rows: Mapping[str, RowState] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    open_row: str | None = None
    last_position: int = -1
    guards: frozenset[str] = frozenset()
    stopped: ev.RunStopped | None = None
    escalated: tuple[ev.RunEscalated, ...] = ()
    proofs: tuple[ev.ProofRecorded, ...] = ()
    anomalies: tuple[ev.AnomalyRecorded, ...] = ()
    exposure: exposures.Exposure = exposures.NOTHING
    phase: str = ""
    rescue: ex.RescueStarted | None = None
    rescues: tuple[ex.RescueStarted, ...] = ()
    finished: ev.RunFinished | None = None
    history: ev.HistoryKnown | None = None
    damage: str = ""

    @property
    def is_guarded(self) -> bool:
        """Whether this run is live or a rehearsal, with the whole interlock."""
        return self.started is not None and self.started.mode in GUARDED

    @property
    def mode(self) -> Mode:
        """The life this run belongs to.

        Raises:
            RuntimeError: before the run has started.
        """
        if self.started is None:
            raise RuntimeError("a run that has not started has no mode")
        return self.started.mode


def fold(entries: Iterable[ev.Entry]) -> RunState:
    """Fold a whole journal; raises `IllegalEventError` at the first event that may not be there."""
    state = RunState()
    for entry in entries:
        state = apply(state, entry.event, entry.seq, entry.at)
    return state


def fold_as_far(entries: Iterable[ev.Entry], damage: str = "") -> RunState:
    """Fold what can be believed of a journal that is damaged: every event up to the first that may not be there.

    Args:
        entries: the lines before the damage.
        damage: what is wrong after them; empty when every line could be read.

    Returns:
        The run so far. Its `damage` names what is wrong, and is empty only when nothing is.
    """
    state = RunState()
    for entry in entries:
        try:
            state = apply(state, entry.event, entry.seq, entry.at)
        except IllegalEventError as error:
            return replace(state, damage=f"line {entry.seq} may not be there: {error}")
    return replace(state, damage=damage)


def apply(state: RunState, event: ev.EventBody, seq: int, at: str) -> RunState:  # noqa: C901, PLR0912 - one case an event
    """Return the state after one more event.

    Args:
        state: everything before.
        event: what happened.
        seq: its number in the journal.
        at: its wall time, for display.

    Raises:
        IllegalEventError: when the event may not follow.
    """
    if isinstance(event, ev.RunStarted):
        return _start(state, event, at)
    if state.started is None or state.gate is None:
        raise IllegalEventError("a journal begins with run_started")
    if state.finished is not None and state.rescue is None and not isinstance(event, ex.RescueStarted):
        raise IllegalEventError("nothing but a rescue follows run_finished")
    gate = state.gate
    match event:
        case ev.RowStarted():
            state = _start_row(state, gate, event, seq)
        case ev.RowFinished():
            state = _finish_row(state, gate, event, seq)
        case ev.FactRecorded():
            state = _record_fact(state, gate, event)
        case ev.GuardRead():
            state = _read_guard(state, gate, event)
        case ev.RunStopped():
            state = replace(state, stopped=state.stopped or event)
        case ev.RunEscalated():
            state = replace(state, escalated=(*state.escalated, event))
        case ev.ProofRecorded():
            state = _record_proof(state, event)
        case ev.AnomalyRecorded():
            state = replace(state, anomalies=(*state.anomalies, event))
        case ev.RunFinished():
            state = _finish(state, event)
        case ex.PhaseStarted() | ex.PhaseFinished():
            state = _phase(state, event)
        case ex.RescueStarted() | ex.RescueFinished():
            state = _rescue(state, gate, event)
        case ev.ExchangeRecorded() | ev.QueryRecorded() | ev.LogSeen() | ev.PollRead() | ev.PollFinished():
            _require_place(state, event.kind)
        case ev.HoldOpened() | ev.HoldClosed() | ev.SeatAnswered():
            _require_place(state, event.kind)
        case ev.ProbeIntended():
            _require_place(state, event.kind)
            if state.is_guarded:
                raise IllegalEventError("a probe is sent in a dry run only, never where money is real")
        case ev.WindowChecked():
            _require_place(state, event.kind)
            if event.healthy is bool(event.reasons) or (event.healthy and not event.seen):
                raise IllegalEventError("a window is healthy exactly when it has samples and nothing against it")
        case ev.HistoryKnown():
            state = _remember(state, event)
        case _:
            state = _expose(state, gate, event, at)
    return replace(state, ended_at=at)


def may_start(state: RunState, gate: Gate, row_id: str) -> str:
    """Say why a row may not start now, as a sentence, or nothing when it may.

    Args:
        state: the run so far.
        gate: the run's gate.
        row_id: a row of the gate.
    """
    if state.stopped is not None:
        return f"the run was stopped by guard {state.stopped.guard}"
    before = gate.position(row_id)
    row = tuple(gate.all_rows())[before]
    for check in gate.preflight[:before]:
        if state.rows[check.id].status is not RowStatus.PASS:
            return f"pre-flight {gate.number(check.id)} ({check.id}) is {state.rows[check.id].status}"
    for need in row.needs:
        if state.rows[need].status is not RowStatus.PASS:
            return f"row {gate.number(need)} ({need}) is {state.rows[need].status}"
    return ""


def missing_evidence(state: RunState, gate: Gate, row_id: str) -> tuple[str, ...]:
    """The facts a row must record and has not recorded inside itself."""
    row = gate.row(row_id)
    recorded = state.rows[row_id].facts
    return tuple(name for name in (row.records if row else ()) if name not in recorded)


def _start(state: RunState, event: ev.RunStarted, at: str) -> RunState:
    if state.started is not None:
        raise IllegalEventError("a run starts once")
    if event.schema_version != ev.SCHEMA_VERSION:
        raise IllegalEventError(f"journal version {event.schema_version} is not {ev.SCHEMA_VERSION}")
    try:
        gate = parse(Gate, event.gate, file="journal", key="run_started.gate", next_step="")
    except ConfigurationError as error:
        raise IllegalEventError(error.refusal.refused) from None
    rows = {row.id: RowState(row.id) for row in gate.all_rows()}
    return replace(state, started=event, gate=gate, rows=rows, started_at=at, ended_at=at)


def _start_row(state: RunState, gate: Gate, event: ev.RowStarted, seq: int) -> RunState:
    _require_next(state, gate, event.row)
    reason = may_start(state, gate, event.row)
    if reason:
        raise IllegalEventError(f"row {event.row} may not start: {reason}")
    row = replace(state.rows[event.row], first=seq, last=seq, began=True)
    return replace(
        state,
        rows={**state.rows, event.row: row},
        open_row=event.row,
        guards=frozenset(),
        last_position=gate.position(event.row),
    )


def _require_next(state: RunState, gate: Gate, row_id: str) -> None:
    if row_id not in state.rows:
        raise IllegalEventError(f"row {row_id} is not in the gate")
    if state.open_row is not None:
        raise IllegalEventError(f"row {row_id} begins while row {state.open_row} is open")
    row = state.rows[row_id]
    if gate.position(row_id) <= state.last_position or row.status is not RowStatus.NOT_RUN or row.first is not None:
        raise IllegalEventError(f"row {row_id} is out of turn or runs twice")


def _finish_row(state: RunState, gate: Gate, event: ev.RowFinished, seq: int) -> RunState:
    if state.open_row is None and event.status in _WITHOUT_START:
        _require_next(state, gate, event.row)
        state = replace(state, last_position=gate.position(event.row))
    elif state.open_row != event.row:
        raise IllegalEventError(f"row {event.row} ends without having begun")
    if event.status is RowStatus.NOT_RUN or event.status is RowStatus.WAIVED:
        raise IllegalEventError(f"a row does not end as {event.status}")
    if event.status is RowStatus.PASS:
        if missing := missing_evidence(state, gate, event.row):
            raise IllegalEventError(f"row {event.row} passes without evidence: {', '.join(missing)}")
        if event.failed_check:
            raise IllegalEventError(f"row {event.row} passes over its failed check {event.failed_check}")
    before = state.rows[event.row]
    row = replace(
        before,
        status=event.status,
        reason=event.reason,
        expected=event.expected,
        observed=event.observed,
        first=seq if before.first is None else before.first,
        last=seq,
        elapsed_seconds=event.elapsed_seconds,
        checks=event.checks,
        failed_check=event.failed_check,
    )
    return replace(state, rows={**state.rows, event.row: row}, open_row=None)


def _record_fact(state: RunState, gate: Gate, event: ev.FactRecorded) -> RunState:
    row_id = _require_open_row(state, "fact")
    if gate.facts.get(event.name) is not event.fact_kind:
        raise IllegalEventError(f"fact {event.name} is not declared as {event.fact_kind}")
    if event.name in state.facts:
        raise IllegalEventError(f"fact {event.name} is recorded twice")
    try:
        value = from_json(event.fact_kind, event.value)
    except FactShapeError as error:
        raise IllegalEventError(f"fact {event.name}: {error}") from None
    row = state.rows[row_id]
    row = replace(row, facts={**row.facts, event.name: value})
    return replace(state, rows={**state.rows, row_id: row}, facts={**state.facts, event.name: value})


def _record_proof(state: RunState, event: ev.ProofRecorded) -> RunState:
    row_id = _require_open_row(state, "proof")
    if any(proof.name == event.name for proof in state.proofs):
        raise IllegalEventError(f"proof {event.name} is recorded twice")
    if event.witness and any((proof.claim, proof.witness) == (event.claim, event.witness) for proof in state.proofs):
        raise IllegalEventError(f"claim {event.claim} has its witness {event.witness} twice")
    if event.name == FRESH and state.exposure.intent is not None:
        raise IllegalEventError("whether the trace id is fresh is told before anything is bought")
    row = replace(state.rows[row_id], proofs=(*state.rows[row_id].proofs, event))
    return replace(state, rows={**state.rows, row_id: row}, proofs=(*state.proofs, event))


def _read_guard(state: RunState, gate: Gate, event: ev.GuardRead) -> RunState:
    _require_open_row(state, event.kind)
    if gate.guard(event.guard) is None:
        raise IllegalEventError(f"guard {event.guard} is not in the gate")
    return replace(state, guards=state.guards | {event.guard})


def _remember(state: RunState, event: ev.HistoryKnown) -> RunState:
    if state.history is not None or state.last_position >= 0 or state.open_row is not None:
        raise IllegalEventError("what is known of earlier runs is told once, before the first row")
    return replace(state, history=event)


def _require_open_row(state: RunState, what: str) -> str:
    if state.open_row is None:
        raise IllegalEventError(f"{what} happens inside a row")
    return state.open_row


def _require_place(state: RunState, what: str) -> None:
    if state.open_row is None and not state.phase and state.rescue is None:
        raise IllegalEventError(f"{what} happens inside a row")


def _expose(state: RunState, gate: Gate, event: ex.ExposureEvent, at: str) -> RunState:
    if isinstance(event, ex.ChargeIntended):
        row_id = _require_open_row(state, event.kind)
        if row_id not in _money_rows(gate):
            raise IllegalEventError("a purchase happens inside a row that says money = true")
        if any(state.rows[check.id].status is not RowStatus.PASS for check in gate.preflight):
            raise IllegalEventError("a purchase follows a whole pre-flight")
        if state.stopped is not None:
            raise IllegalEventError("nothing is bought after a stop")
        unread = [guard.id for guard in gate.guards_of_money if guard.id not in state.guards]
        if unread:
            raise IllegalEventError(f"a purchase follows a look at every guard: {', '.join(unread)}")
        if gate.capacity.required and state.exposure.capacity is None:
            raise IllegalEventError("a purchase of this gate takes a unit of capacity first")
    try:
        exposure = exposures.apply(state.exposure, event, at, guarded=state.is_guarded)
    except exposures.ExposureRuleError as error:
        raise IllegalEventError(str(error)) from None
    return replace(state, exposure=exposure)


def _phase(state: RunState, event: ex.PhaseStarted | ex.PhaseFinished) -> RunState:
    if isinstance(event, ex.PhaseStarted):
        if state.phase:
            raise IllegalEventError(f"phase {event.phase} begins inside phase {state.phase}")
        return replace(state, phase=event.phase)
    if state.phase != event.phase:
        raise IllegalEventError(f"phase {event.phase} ends without having begun")
    return replace(state, phase="")


def _rescue(state: RunState, gate: Gate, event: ex.RescueStarted | ex.RescueFinished) -> RunState:
    """Carry a run on in another process. A resumed one may run rows again that were cut off and moved no money."""
    if isinstance(event, ex.RescueFinished):
        if state.rescue is None:
            raise IllegalEventError("a rescue ends without having begun")
        return replace(state, rescue=None)
    state = replace(state, rescue=event, rescues=(*state.rescues, event), phase="", open_row=None)
    if event.by is not ex.Rescuer.RESUME:
        return state
    money = _money_rows(gate)
    again = {row.row_id: row for row in state.rows.values() if row.status in _AGAIN and row.row_id not in money}
    rows = {row_id: RowState(row_id) if row_id in again else row for row_id, row in state.rows.items()}
    dropped = {name for row in again.values() for name in row.facts}
    facts = {name: value for name, value in state.facts.items() if name not in dropped}
    return replace(state, rows=rows, facts=facts, finished=None, last_position=-1)


def _money_rows(gate: Gate) -> frozenset[str]:
    return frozenset(row.id for row in gate.all_rows() if row.money)


def _finish(state: RunState, event: ev.RunFinished) -> RunState:
    if state.open_row is not None and event.complete:
        raise IllegalEventError(f"a run is not complete while row {state.open_row} is open")
    return replace(state, finished=event, rescue=None)
