"""Resuming a run in a new session: what can still be proved is proved; money is never moved again.

The provider is asked first. A run with anything open is settled before it is resumed, and a resumed run is CONDITIONAL
at best.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import NOTHING_MOVED, JournalError, PaygateError, Refusal
from pytest_paygate.core.settlement import Record, Settlement, SettlePolicy
from pytest_paygate.exposure.recovery import check_belongs, read_state, witnesses_of
from pytest_paygate.renderers import session_log

if TYPE_CHECKING:
    from pytest_paygate.adapters.run_directory import RunDirectory
    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.ports import Clock
    from pytest_paygate.core.run import RunState
    from pytest_paygate.exposure.planning import GateSource


def resume(directory: RunDirectory, environment: Environment, source: GateSource, *, clock: Clock) -> JournalFile:
    """Carry a run's journal on, after a look at the provider.

    Args:
        directory: the run's folder.
        environment: the environment of this session.
        source: the gate as it is now.
        clock: measures.

    Raises:
        JournalError: when the run is another environment's or another gate's, is damaged, or has something open.
    """
    state = read_state(directory.path)
    check_belongs(state, environment, directory.path)
    _check_same_gate(state, source, directory)
    if state.is_guarded and state.exposure.is_open:
        raise _refused(
            directory,
            expected="a run of which nothing is open",
            observed=f"exposure at stage {state.exposure.stage}",
            money="Money or a payable link of that run may be outstanding.",
            next_step=f"Run `paygate recover {directory.path.name}` first, then resume.",
        )
    journal = JournalFile.carried_on(directory, clock, session_log.line)
    journal.record(ex.RescueStarted(by=ex.Rescuer.RESUME, at_line=journal.lines, torn_bytes=journal.torn_bytes))
    if state.exposure.intent is not None and source.gate.purchase is not None:
        try:
            asyncio.run(_ask(journal, environment, clock))
        except PaygateError:
            journal.close()
            raise
    return journal


async def _ask(journal: JournalFile, environment: Environment, clock: Clock) -> None:
    """Journal what the provider shows of the run now.

    Raises:
        JournalError: when it cannot be read, or shows something open.
    """
    looks = witnesses_of(journal.state, environment, journal, clock, for_refunds=True)
    try:
        seen = await looks.look()
    finally:
        await looks.aclose()
    directory = journal.directory
    if seen is None:
        raise _refused(
            directory,
            expected="a provider that says how the run's money stands",
            observed=looks.problem,
            money="What this run moved is not known until the provider has been read.",
            next_step="Try again when the provider answers.",
        )
    settlement = Settlement(directory.path.name, lambda: journal.state.exposure, SettlePolicy(), clock.elapsed_seconds)
    for step in settlement.sighting_steps(seen):
        if isinstance(step, Record):
            journal.record(step.event)
    if journal.state.is_guarded and journal.state.exposure.is_open:
        raise _refused(
            directory,
            expected="a run of which nothing is open",
            observed="a charge or a link that was not there before",
            money="Money or a payable link of that run is outstanding.",
            next_step=f"Run `paygate recover {directory.path.name}` first, then resume.",
        )


def _check_same_gate(state: RunState, source: GateSource, directory: RunDirectory) -> None:
    started = state.started
    was = ("", "") if started is None else (started.gate_sha256, started.suite_sha256)
    if was != (source.gate_sha256, source.suite_sha256):
        raise _refused(
            directory,
            expected=f"the gate of that run, sha256 {was[0][:16]}…, suite {was[1][:16]}…",
            observed=f"sha256 {source.gate_sha256[:16]}…, suite {source.suite_sha256[:16]}…",
            money=f"{NOTHING_MOVED} Nothing was sent.",
            next_step="Go back to that version of the gate, or start a new run.",
        )


def _refused(directory: RunDirectory, *, expected: str, observed: str, money: str, next_step: str) -> JournalError:
    return JournalError(
        Refusal(
            refused=f"run {directory.path.name} is not resumed",
            expected=expected,
            observed=observed,
            money=money,
            next_step=next_step,
        )
    )
