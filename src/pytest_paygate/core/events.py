"""The journal's vocabulary: one frozen model per kind of event.

Owns the shapes only. Whether an event may follow another is decided in `run.py`; how lines are chained in `journal.py`.
Free text from outside has no place in any field: texts here are ours, or have passed `redaction` or `facts`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.model import Field, Model
from pytest_paygate.core.proof import ProofStatus, WitnessKind

SCHEMA_VERSION = 1


class RowStatus(StrEnum):
    """Where a row stands. Only PASS counts towards a PASS."""

    PASS = "PASS"  # noqa: S105 - a status, not a password
    FAIL = "FAIL"
    BLOCKED = "BLOCKED"
    NOT_RUN = "NOT_RUN"
    SKIPPED = "SKIPPED"
    INCONCLUSIVE = "INCONCLUSIVE"
    PENDING = "PENDING"
    WAIVED = "WAIVED"


class Mode(StrEnum):
    """Which of the lives a run belongs to. A rehearsal is the live path without funds."""

    SANDBOX = "sandbox"
    STAGING = "staging"
    REHEARSAL = "rehearsal"
    LIVE = "live"


class RunStarted(Model):
    """The first event: everything the run is bound to."""

    kind: Literal["run_started"] = "run_started"
    schema_version: int = SCHEMA_VERSION
    run_id: str
    gate: dict[str, Any]
    gate_sha256: str
    suite_sha256: str = ""
    environment: str
    mode: Mode
    target: str
    trace_id: str
    commit: str
    tool_version: str
    operator: str
    attended: bool
    with_refund: bool
    python: str
    pytest: str


class PastRun(Model):
    """An earlier run of the same gate in the same environment, as far as a trend needs it."""

    run_id: str
    verdict: str
    seconds: float


class UsualRow(Model):
    """How long a row usually takes: median and median absolute deviation over earlier runs in which it passed."""

    row: str
    runs: int
    median_seconds: float
    spread_seconds: float


class HistoryKnown(Model):
    """What was known of earlier runs when this one began, oldest first, so that the report needs nothing else."""

    kind: Literal["history"] = "history"
    runs: tuple[PastRun, ...]
    usual: tuple[UsualRow, ...] = ()


class RowStarted(Model):
    """A row begins."""

    kind: Literal["row_started"] = "row_started"
    row: str


class RowFinished(Model):
    """A row has its status. `reason` is ours: a typed sentence, never a message from outside.

    `checks` are those that were made in the row, by id, each with the statement that it looks for facts against;
    `failed_check` is the one that found something.
    """

    kind: Literal["row_finished"] = "row_finished"
    row: str
    status: RowStatus
    reason: str = ""
    expected: str = ""
    observed: str = ""
    elapsed_seconds: float = 0.0
    checks: dict[str, str] = Field(default_factory=dict)
    failed_check: str = ""


class FactRecorded(Model):
    """A typed value for later rows and for the report."""

    kind: Literal["fact"] = "fact"
    name: str
    fact_kind: FactKind
    value: str | int | float | bool | list[str] | dict[str, str | int]


class ExchangeRecorded(Model):
    """One call over HTTP. `status` is 0 when no answer arrived; `failure` then names the class of what happened."""

    kind: Literal["exchange"] = "exchange"
    party: str
    method: str
    path: str
    status: int = 0
    failure: str = ""
    elapsed_ms: int
    trace_id: str = ""
    request_id: str = ""
    attempt: int = 1
    fields: dict[str, str | int | float | bool] = Field(default_factory=dict)
    dropped: int = 0


class PollRead(Model):
    """One look of a poll, in the words the row polls for."""

    kind: Literal["poll_read"] = "poll_read"
    poll: str
    attempt: int
    waited_ms: int
    value: str
    good: bool = True


class PollFinished(Model):
    """A poll has ended: reached, a terminal bad state, or its deadline."""

    kind: Literal["poll_finished"] = "poll_finished"
    poll: str
    outcome: Literal["reached", "bad_state", "deadline"]
    attempts: int
    waited_seconds: float
    server_errors: int
    worst_status: int
    value: str


class QueryRecorded(Model):
    """One read-only query. The statement is the suite's own text, without parameters."""

    kind: Literal["query"] = "query"
    statement: str
    row_count: int
    elapsed_ms: int
    fields: dict[str, str | int | float | bool] = Field(default_factory=dict)
    dropped: int = 0


class LogSeen(Model):
    """A line of the target's log with this run's trace, such as a webhook that arrived; the time is the target's."""

    kind: Literal["log_seen"] = "log_seen"
    name: str
    logged_at: str


class WindowChecked(Model):
    """One service's health over a whole window, with every figure of the check. Times are ISO 8601 in UTC.

    `p95_ms` is None without a warm sample; `cold` samples were left out of it, `warm` ones are what it is taken over.
    """

    kind: Literal["window_checked"] = "window_checked"
    endpoint: str
    source: str
    since: str
    until: str
    healthy: bool
    interval_seconds: float
    expected: int
    seen: int
    coverage_percent: float
    coverage_min_percent: int
    worst_gap_seconds: float
    worst_gap_at: str
    gap_max_seconds: float
    p95_ms: int | None
    p95_limit_ms: int | None
    warm: int
    cold: int
    warm_up_seconds: float
    warm_up_samples: int
    bad_statuses: dict[str, int] = Field(default_factory=dict)
    anomalies: dict[str, int] = Field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class HoldOpened(Model):
    """A person was asked to act."""

    kind: Literal["hold_opened"] = "hold_opened"
    hold_id: str
    title: str
    deadline_seconds: float
    attended: bool


class HoldClosed(Model):
    """A hold point ended. `by` is a role (`operator`, `payer:http`), never a person's name or address."""

    kind: Literal["hold_closed"] = "hold_closed"
    hold_id: str
    answered: bool
    by: str
    waited_seconds: float


class SeatAnswered(Model):
    """A person answered at one of their seats. Only the first answer counts; one that came too late is told too.

    `card` is the hold point's id, or `confirm`; `seat` is ours, such as `terminal`.
    """

    kind: Literal["seat_answered"] = "seat_answered"
    card: str
    seat: str
    counted: bool
    waited_seconds: float


class ProbeIntended(Model):
    """A request that the target must refuse, or that must change nothing, is about to be sent: a dry run only."""

    kind: Literal["probe_intended"] = "probe_intended"
    method: str
    path: str
    body_sha256: str


class ProofRecorded(Model):
    """What one witness says: the HTTP answer, the application's log, the provider's ledger.

    `claim` is what it witnesses, `at` the time on its own clock (ISO 8601), `ids` what it names, `extract_sha256` the
    hash of what was taken over of it; each empty where nothing was.
    """

    kind: Literal["proof"] = "proof"
    name: str
    source: str
    status: ProofStatus
    detail: str = ""
    claim: str = ""
    witness: WitnessKind | None = None
    at: str = ""
    amount: str = ""
    ids: dict[str, str] = Field(default_factory=dict)
    extract_sha256: str = ""


class AnomalyRecorded(Model):
    """Something odd that does not decide a row by itself: a status that went backwards, a burst of 5xx."""

    kind: Literal["anomaly"] = "anomaly"
    code: str
    detail: str


class GuardRead(Model):
    """A guard was looked at, and held; `by` names the person whose override let it pass. A breach is `RunStopped`."""

    kind: Literal["guard_read"] = "guard_read"
    guard: str
    threshold: str
    observed: str
    by: str = ""


class RunStopped(Model):
    """A guard or the interlock stopped the run; nothing after it runs."""

    kind: Literal["run_stopped"] = "run_stopped"
    guard: str
    threshold: str
    observed: str


class RunEscalated(Model):
    """Money is outstanding and a person must act."""

    kind: Literal["run_escalated"] = "run_escalated"
    charge: str
    amount: str
    reason: str


class RunFinished(Model):
    """The last event. `complete` is False when the session ended before the gate did."""

    kind: Literal["run_finished"] = "run_finished"
    complete: bool
    reason: str


EventBody = Annotated[
    RunStarted
    | HistoryKnown
    | RowStarted
    | RowFinished
    | FactRecorded
    | ExchangeRecorded
    | PollRead
    | PollFinished
    | QueryRecorded
    | LogSeen
    | WindowChecked
    | HoldOpened
    | HoldClosed
    | SeatAnswered
    | ProbeIntended
    | ProofRecorded
    | AnomalyRecorded
    | GuardRead
    | RunStopped
    | RunEscalated
    | RunFinished
    | ex.PhaseStarted
    | ex.PhaseFinished
    | ex.ExposureEvent
    | ex.RescueStarted
    | ex.RescueFinished,
    Field(discriminator="kind"),
]


class Entry(Model):
    """One line of the journal: its number, the hash of the line before, when, and what."""

    seq: int
    prev: str
    at: str
    elapsed_seconds: float
    event: EventBody
