"""What became of the units that runs have taken: their verdicts, and units that come back, noted in the capacity log.

Called at the end of a session and by `paygate recover`; whoever comes second changes nothing.

Rules (each held by a test):
- the verdict is computed from the run's journal; a PASS counts only while the run's sealed bundle is believed;
- a run that was cut off is judged only by whoever holds the environment's lock, and so knows that it has ended;
- a unit comes back only when the journal proves that nothing was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.adapters.report_logs import sign_offs
from pytest_paygate.core.bundle import is_quarantined
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.launch import signed_judgement
from pytest_paygate.core.verdict import Verdict, judge
from pytest_paygate.exposure.recovery import read_state
from pytest_paygate.reporting.launching import launch_run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.capacity import Unit
    from pytest_paygate.core.run import RunState
    from pytest_paygate.exposure.capacity import Capacity


async def note(capacity: Capacity, reports: Path, environment: str, *, has_lock: bool = False) -> list[str]:
    """Note what became of every unit whose run lies here.

    Args:
        capacity: the environment's capacity.
        reports: the reports folder.
        environment: whose runs.
        has_lock: whether no guarded run of the environment can be under way, because its lock is ours.

    Returns:
        What was noted, and what could not be, a line each.

    Raises:
        StoreError: when the capacity log cannot be read or written.
    """
    told = []
    for unit in [unit for unit in (await capacity.book()).units.values() if unit.is_open]:
        folder = reports / unit.gate_id / unit.run_id
        if folder.is_dir():
            told += await _one(capacity, reports, folder, unit, environment, has_lock=has_lock)
    return told


async def _one(  # noqa: PLR0911, PLR0913 - one unit, one line for each thing that can have become of it
    capacity: Capacity, reports: Path, folder: Path, unit: Unit, environment: str, *, has_lock: bool
) -> list[str]:
    try:
        state = read_state(folder)
    except JournalError as error:
        return [f"{unit.run_id}: its unit stays taken, {error.refusal.refused}"]
    started = state.started
    if started is None or (started.run_id, started.environment) != (unit.run_id, environment):
        return [f"{unit.run_id}: its unit stays taken, the journal is another run's"]
    if state.finished is None and not (has_lock and state.is_guarded):
        return []
    if _was_not_sent(state) and unit.verdict is None:
        returned = await capacity.give_back(unit.run_id, "the journal proves that nothing was sent")
        return [f"{unit.run_id}: nothing was sent, its unit is given back, {returned.left} left"]
    verdict, problem = _verdict(state, folder, reports)
    if problem:
        return [f"{unit.run_id}: not noted, {problem}"]
    if verdict is unit.verdict:
        return []
    book = await capacity.judge(unit.run_id, verdict)
    return [f"{unit.run_id}: {verdict}, {book.left} left, pause level {book.pause_level}"]


def _was_not_sent(state: RunState) -> bool:
    exposure = state.exposure
    return exposure.intent is None or (exposure.sent is not None and exposure.sent.outcome is SendOutcome.NOT_SENT)


def _verdict(state: RunState, folder: Path, reports: Path) -> tuple[Verdict, str]:
    """A run's verdict with its sign-offs, and why it cannot be noted, or nothing."""
    if is_quarantined(path.name for path in folder.iterdir()):
        return Verdict.FAIL, ""
    run = launch_run(folder)
    if run.problem:
        # What no bundle proves lowers nothing; that it was red may be said all the same.
        verdict = judge(state).verdict
        return verdict, f"its bundle is not believed: {run.problem}" if verdict is Verdict.PASS else ""
    try:
        return signed_judgement(run, sign_offs(reports)).verdict, ""
    except JournalError as error:
        return Verdict.PENDING, error.refusal.refused
