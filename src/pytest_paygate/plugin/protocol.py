"""The life of one row inside pytest: held back or begun, watched, and given its status once pytest is done with it.

Rules:
- a row that may not run is never set up; it is reported as skipped with its own word, BLOCKED or SKIPPED;
- a row's status comes from what its phases did and from the evidence it recorded, and is journalled after teardown;
- a row's status never gets milder: not by a skip in teardown, not by what follows a failed subtest;
- a row that comes by a second time in one session fails the run, whoever sent it;
- no time limit of pytest-timeout ends a row, or the settling after the last one: a row waits for people and providers
  under deadlines of its own, and one that is cut off between a charge and its refund leaves money out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.errors import (
    ApprovalError,
    InterlockError,
    JournalError,
    MissingFactError,
    PaygateError,
    RowPendingError,
    StoreError,
)
from pytest_paygate.core.events import AnomalyRecorded, RowStatus
from pytest_paygate.core.inert import inert, terminal_text
from pytest_paygate.core.run import IllegalEventError, missing_evidence
from pytest_paygate.plugin.row_checks import told_of_money
from pytest_paygate.plugin.stash import GATE, ROW, RUNS

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_paygate.plugin.gate_run import GateRun
    from pytest_paygate.plugin.runs import GateFolder


@dataclass(slots=True)
class Outcome:
    """What is known of the row that pytest is running now."""

    status: RowStatus = RowStatus.NOT_RUN
    reason: str = ""
    expected: str = ""
    observed: str = ""
    settled: bool = False
    began: bool = False
    kept: bool = False
    error: BaseException | None = None
    called: bool = False
    words: dict[str, str] = field(default_factory=dict)


class OwnFailureError(Exception):
    """A row that this plugin fails, in words of its own, which may be shown as they are."""


class OwnSkip(pytest.skip.Exception):  # type: ignore[name-defined, misc]  # pytest makes it at run time
    """A row that this plugin holds back, in words of its own, which may be shown as they are."""


OUTCOME: pytest.StashKey[Outcome] = pytest.StashKey()
# How a report tells the terminal (also through xdist) which word to print for the row.
PROPERTY = "paygate_row"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Begin the gate's run with its first row, and journal the row's status after its last phase."""
    folder = folder_of(item)
    if folder is None:
        return (yield)
    run = item.config.stash[RUNS].begin(folder)
    item.stash[OUTCOME] = Outcome()
    result = yield
    if run is not None and not item.stash[OUTCOME].kept:
        _settle(run, item, item.stash[OUTCOME])
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold the row back, or journal that it begins, before any fixture of it is set up."""
    folder = folder_of(item)
    if folder is None:
        return
    outcome = item.stash[OUTCOME]
    if folder.run is None:
        refusal = folder.refused
        raise refusal if refusal is not None else RuntimeError("a row is set up outside its protocol")
    row_id = item.stash[ROW]
    known = folder.run.state.rows[row_id]
    if folder.run.runs.is_resumed and not outcome.began and (known.status is not RowStatus.NOT_RUN or known.first):
        outcome.status, outcome.settled, outcome.kept = known.status, True, True
        raise OwnSkip(f"{known.status}: as it was when the run was resumed")
    if outcome.began or outcome.settled or folder.run.state.rows[row_id].status is not RowStatus.NOT_RUN:
        _repeated(folder.run, row_id, outcome)
    held = folder.run.held_back(row_id)
    if held is not None:
        outcome.status, outcome.reason = held
        outcome.settled = True
        raise OwnSkip(f"{held[0]}: {held[1]}")
    try:
        folder.run.start_row(row_id)
    except IllegalEventError as error:
        raise OwnFailureError(f"{error}; it did not run") from None
    outcome.began = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tell the end of the row's body from the subtests inside it, which report as calls too."""
    try:
        return (yield)
    finally:
        if OUTCOME in item.stash:
            item.stash[OUTCOME].called = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a phase did into the row's status, after every other plugin has had its say."""
    del call  # the choke point has kept what counts, and reduced the rest
    report = yield
    folder = folder_of(item)
    if folder is None or OUTCOME not in item.stash:
        return report
    outcome = item.stash[OUTCOME]
    if folder.run is not None and not outcome.settled:
        _weigh(folder.run, item, report, outcome)
    elif folder.refused is not None and report.failed:
        report.longrepr = terminal_text(folder.refused.refusal.text())
    number = folder.gate.number(item.stash[ROW])
    report.user_properties.append((PROPERTY, f"{number} {item.stash[ROW]} {outcome.status}"))
    return report


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item) -> bool | None:
    """Start no timer of pytest-timeout on a row."""
    return None if folder_of(item) is None else True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop that timer where the session's last test, of whatever kind, is torn down: runs are settled there."""
    cancel = getattr(item.config.hook, "pytest_timeout_cancel_timer", None)
    if nextitem is None and cancel is not None:
        cancel(item=item)


def folder_of(item: pytest.Item) -> GateFolder | None:
    """The gate an item belongs to, or None for any other test."""
    key = item.stash.get(GATE, "")
    return item.config.stash[RUNS].folders[key] if key else None


def _weigh(run: GateRun, item: pytest.Item, report: pytest.TestReport, outcome: Outcome) -> None:
    error = outcome.error
    if outcome.status is RowStatus.FAIL:
        return
    if isinstance(error, PaygateError):
        error.refusal = told_of_money(run, error.refusal)
    if isinstance(error, MissingFactError | RowPendingError | InterlockError | ApprovalError | StoreError):
        status = RowStatus.PENDING if isinstance(error, RowPendingError) else RowStatus.BLOCKED
        _note(outcome, status, error)
        report.outcome = "skipped"
        told = terminal_text(f"{status}: {inert(error.refusal.refused)}")
        report.longrepr = (str(item.path), (item.location[1] or 0) + 1, told)
    elif isinstance(error, PaygateError):
        _note(outcome, RowStatus.FAIL, error)
        report.outcome = "failed"
        report.longrepr = terminal_text(error.refusal.text())
    elif report.skipped or hasattr(report, "wasxfail"):
        outcome.status, outcome.reason = RowStatus.SKIPPED, "the test skipped itself or expects to fail"
    elif report.failed:
        outcome.status, outcome.reason = RowStatus.FAIL, place(item, error)
    elif report.when == "call" and outcome.called and outcome.status is RowStatus.NOT_RUN:
        missing = missing_evidence(run.state, run.gate, item.stash[ROW])
        outcome.status = RowStatus.PASS
        if missing:
            outcome.status, outcome.reason = RowStatus.INCONCLUSIVE, f"passed without recording {', '.join(missing)}"
            report.outcome = "failed"
            report.longrepr = f"INCONCLUSIVE: row {item.stash[ROW]} {outcome.reason}; a pass needs its evidence."


def _note(outcome: Outcome, status: RowStatus, error: PaygateError) -> None:
    refusal = error.refusal
    outcome.status, outcome.reason = status, refusal.refused
    outcome.expected, outcome.observed = refusal.expected, refusal.observed


def place(item: pytest.Item, error: BaseException | None) -> str:
    """Where a row failed, in our words: the exception's own text may hold anything and is not kept."""
    line = 0
    frame = error.__traceback__ if error is not None else None
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(item.path):
            line = frame.tb_lineno
        frame = frame.tb_next
    where = f"{item.path.name}:{line}" if line else item.path.name
    return f"{type(error).__name__ if error is not None else 'failure'} at {where}"


def _settle(run: GateRun, item: pytest.Item, outcome: Outcome) -> None:
    if outcome.status is RowStatus.NOT_RUN:
        outcome.status, outcome.reason = RowStatus.INCONCLUSIVE, "pytest reported nothing for the row"
    try:
        try:
            run.finish_row(item.stash[ROW], outcome.status, outcome.reason, outcome.expected, outcome.observed)
        except IllegalEventError as error:
            # A row out of turn or repeated: the journal refused it, so the run can no longer be complete.
            run.journal.record(AnomalyRecorded(code="row_refused", detail=str(error)[:200]))
    except JournalError as error:
        item.session.shouldfail = error.refusal.refused


def _repeated(run: GateRun, row_id: str, outcome: Outcome) -> None:
    outcome.settled = True
    run.journal.record(AnomalyRecorded(code="row_repeated", detail=f"row {row_id} was started a second time"))
    raise OwnFailureError(f"row {row_id} was started a second time in one run; it did not run again")


def plain_words(report: Any) -> list[str]:
    """Number, row id and status that a report carries, or nothing for any other test."""
    for name, value in getattr(report, "user_properties", ()):
        if name == PROPERTY:
            return str(value).split(" ")
    return []
