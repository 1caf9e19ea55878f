"""One execution of a gate in this process: its journal, its desk, its rows.

Owns the life of a run from its first journal line to its last, without knowing pytest's hooks: `protocol.py` calls it,
`fixtures.py` hands its parts to the suites.
"""

from __future__ import annotations

import platform
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.report_logs import history
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core import events as ev
from pytest_paygate.core.environment import Environment, Payer
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.gate import Gate
from pytest_paygate.core.history import known
from pytest_paygate.core.inert import inert
from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.redaction import plain
from pytest_paygate.core.run import IllegalEventError, RunState, may_start, missing_evidence
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.capacity_witness import newest_witness
from pytest_paygate.exposure.desk import MoneyDesk
from pytest_paygate.exposure.planning import GateSource, commit_of, suite_sha256
from pytest_paygate.exposure.resuming import resume
from pytest_paygate.exposure.watching import Watch
from pytest_paygate.renderers import session_log
from pytest_paygate.version import __version__

if TYPE_CHECKING:
    from pytest_paygate.core.events import Mode, RowStatus
    from pytest_paygate.exposure.arming import Armed
    from pytest_paygate.exposure.settling import TargetRefund
    from pytest_paygate.plugin.runs import GateFolder, Runs


@dataclass(slots=True)
class GateRun:
    """One execution of a gate in this process."""

    runs: Runs
    folder: GateFolder
    environment: Environment
    clock: SystemClock = field(default_factory=SystemClock)
    trace_id: str = ""
    journal: JournalFile = field(init=False)
    source: GateSource = field(init=False)
    desk: MoneyDesk = field(init=False)
    capacity: Capacity = field(init=False)
    watch: Watch = field(init=False)
    armed: Armed | None = None
    target_refund: TargetRefund | None = None
    with_refund: bool = True
    loop: Any = None
    resources: dict[str, Any] = field(default_factory=dict)
    checks_made: dict[str, str] = field(default_factory=dict)
    failed_check: str = ""
    _row_began_seconds: float = 0.0

    def __post_init__(self) -> None:
        choice, gate = self.runs.choice, self.folder.gate
        self.trace_id = f"{gate.trace_prefix}-{int(time.time())}-{secrets.token_hex(4)}"
        self.with_refund = self._refund_wanted(choice.with_refund)
        self.source = GateSource(
            gate, self.folder.gate_sha256, suite_sha256(self.folder.path), commit_of(self.runs.config.rootpath)
        )
        directory = RunDirectory(choice.reports, gate.id, self.runs.identity)
        if self.runs.is_resumed:
            self.journal = resume(directory, self.environment, self.source, clock=self.clock)
            self.trace_id = self.state.started.trace_id if self.state.started is not None else ""
        else:
            self._start_journal(directory)
        self.capacity = Capacity(
            self.runs.capacity_log,
            self.environment.name,
            self.environment.live.capacity,
            # The embedded world's log is of this session: earlier ones counted in another.
            lambda: (
                None
                if self.runs.is_embedded
                else newest_witness(choice.reports, self.environment.name, besides=self.runs.identity)
            ),
        )
        self.watch = Watch(
            self.runs.identity, gate, recorder=self.journal, state=lambda: self.state, capacity=self.capacity
        )
        caps = self.environment.live.caps
        self.desk = MoneyDesk(
            self.runs.identity,
            recorder=self.journal,
            state=lambda: self.state,
            cap=None if caps is None else caps.per_charge,
            closed=self._closed,
            holds_lock=self._holds_lock,
            before=self.watch,
        )

    def _start_journal(self, directory: RunDirectory) -> None:
        gate = self.gate
        self.journal = JournalFile(directory, self.clock, session_log.line)
        self.journal.record(
            ev.RunStarted(
                run_id=self.runs.identity,
                gate=gate.model_dump(mode="json"),
                gate_sha256=self.folder.gate_sha256,
                suite_sha256=self.source.suite_sha256,
                environment=self.environment.name,
                mode=self.environment.mode,
                target=self.environment.host,
                trace_id=self.trace_id,
                commit=self.source.commit,
                tool_version=__version__,
                operator=self._operator_named(),
                attended=self.payer is Payer.PERSON or self.runs.is_confirmed,
                with_refund=self.with_refund,
                python=platform.python_version(),
                pytest=pytest.__version__,
            )
        )
        before = known(history(directory.root), gate.id, self.environment.name)
        if before.runs:
            self.journal.record(before)
        # The gate as it was, beside the journal that is bound to it: whoever verifies the bundle reads it there.
        directory.write_new("gate.toml", self.folder.source)

    def _operator_named(self) -> str:
        """Who acts in this run, by role: a confirmed rehearsal has an operator even where a scripted payer pays."""
        if self.payer is Payer.PERSON:
            return "operator"
        return f"operator, payer {self.payer}" if self.runs.is_confirmed else self.payer.value

    @property
    def gate(self) -> Gate:
        """The gate this run is bound to."""
        return self.folder.gate

    @property
    def state(self) -> RunState:
        """The run as its journal tells it."""
        return self.journal.state

    @property
    def mode(self) -> Mode:
        """Sandbox, staging, rehearsal or live."""
        return self.environment.mode

    @property
    def payer(self) -> Payer:
        """Who pays on the hosted page in this run."""
        return self.runs.choice.payer or self.environment.payer

    def holds_secret(self, text: str) -> bool:
        """Whether a text carries one of the session's secrets, in any encoding."""
        return Scanner(self.runs.held).holds(text)

    def told(self, text: str) -> str:
        """A text of the suite's, for a refusal or an anomaly: one printable line, and no secret in it."""
        return "a text that holds a secret of this run and is not shown" if self.holds_secret(text) else inert(text)

    def plain(self, value: object) -> str:
        """A value for a message, as far as it is plain and no secret."""
        return self.told(plain(value))

    def held_back(self, row_id: str) -> tuple[RowStatus, str] | None:
        """The status and reason with which a row must not run now, or None when it may."""
        row = self.gate.row(row_id)
        reason = may_start(self.state, self.gate, row_id)
        if row is not None and not self.with_refund and self.mode in row.optional_in:
            return ev.RowStatus.SKIPPED, "left out with --no-refund (or without --refund) on a dry run"
        if reason:
            return ev.RowStatus.BLOCKED, reason
        if row is not None and row.money and self.runs.is_resumed:
            return ev.RowStatus.BLOCKED, "a resumed run moves no money: start a new one, with a fresh approval"
        if row is not None and row.money and self.state.is_guarded and not self.runs.is_confirmed:
            return ev.RowStatus.BLOCKED, "money rows need --live --confirm"
        return None

    @property
    def clock_offsets_seconds(self) -> list[float]:
        """How far our clock is ahead of each party that has answered so far, from its `Date` header."""
        found = [getattr(client, "clock_offset_seconds", None) for client in self.resources.values()]
        return [offset for offset in found if offset is not None]

    def _closed(self) -> str:
        """Why no money may move now; a dry run needs no arming."""
        if self.runs.is_resumed:
            return "a resumed run moves no money"
        if not self.state.is_guarded:
            return ""
        return "the interlock has not been passed" if self.armed is None else self.armed.closed()

    async def _holds_lock(self) -> bool:
        return not self.state.is_guarded or (self.armed is not None and await self.armed.keeper.holds())

    def start_row(self, row_id: str) -> None:
        """Journal that a row begins.

        Raises:
            IllegalEventError: when it may not; the row then must not run.
        """
        self.journal.record(ev.RowStarted(row=row_id))
        self.checks_made, self.failed_check = {}, ""
        self._row_began_seconds = self.clock.elapsed_seconds()

    def finish_row(self, row_id: str, status: RowStatus, reason: str = "", expected: str = "", seen: str = "") -> None:
        """Journal a row's status. A pass without its evidence is INCONCLUSIVE; one over a failed check is a FAIL."""
        is_open = self.state.open_row == row_id
        failed = self.failed_check if is_open else ""
        if status is ev.RowStatus.PASS:
            missing = missing_evidence(self.state, self.gate, row_id)
            if missing:
                status, reason = ev.RowStatus.INCONCLUSIVE, f"passed without recording {', '.join(missing)}"
            if failed:
                status, reason = ev.RowStatus.FAIL, f"check {failed} failed, and the row went on over it"
        elapsed = self.clock.elapsed_seconds() - self._row_began_seconds if is_open else 0.0
        self.journal.record(
            ev.RowFinished(
                row=row_id,
                status=status,
                reason=reason,
                expected=expected,
                observed=seen,
                elapsed_seconds=round(elapsed, 4),
                checks=self.checks_made if is_open else {},
                failed_check=failed,
            )
        )

    def finish(self, interrupted: str) -> None:
        """Journal the end of the run and close the files.

        Args:
            interrupted: why the session ended early, or nothing.
        """
        never = [row.id for row in self.gate.all_rows() if self.state.rows[row.id].status is ev.RowStatus.NOT_RUN]
        untested = [name for name in never if name not in self.folder.bound]
        reason = f"rows never run: {', '.join(never)}" if never else "every row has its status"
        if untested:
            reason += f"; no collected test is bound to {', '.join(untested)}"
        reason = interrupted or reason
        try:
            if self.state.finished is None:
                self.journal.record(ev.RunFinished(complete=not (interrupted or never), reason=reason))
        except (IllegalEventError, PaygateError):
            # The journal then has no end, which every reader takes as cut off: worse than INCOMPLETE never shows.
            pass
        finally:
            self.journal.close()

    def _refund_wanted(self, typed: bool | None) -> bool:
        if self.environment.mode in {ev.Mode.LIVE, ev.Mode.REHEARSAL}:
            return True
        return self.environment.mode is ev.Mode.SANDBOX if typed is None else typed
