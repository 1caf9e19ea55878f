"""Settling what a run left open, from its journal and the providers: the guardian's work and `paygate recover`'s.

Rules:
- a purchase is never sent here; it is looked up;
- a run without open exposure is left exactly as it is: nothing is written;
- what is done is journalled in a file of its own beside the run's, intent first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.adapters.journal_file import JournalFile, read_run
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import NOTHING_MOVED, JournalError, Refusal
from pytest_paygate.core.run import IllegalEventError, RunState, fold
from pytest_paygate.core.settlement import Settlement, SettleOutcome, SettlePolicy
from pytest_paygate.exposure.clients import provider_client
from pytest_paygate.exposure.settling import settle
from pytest_paygate.exposure.witnesses import Witnesses
from pytest_paygate.renderers import session_log

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.adapters.run_directory import RunDirectory
    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.ports import Clock, Recorder
    from pytest_paygate.exposure.witnesses import Witnesses as Looks

# Charges are looked for from a little before the run's own start: two clocks never agree to the second.
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one run. `outcome` is None when there was nothing to do; `problem` is what stood in the way."""

    run_id: str
    outcome: SettleOutcome | None
    state: RunState
    problem: str = ""


def read_state(folder: Path) -> RunState:
    """Fold a run from its files.

    Raises:
        JournalError: when a file cannot be read, is damaged, or tells an impossible story.
    """
    try:
        return fold(read_run(folder).journal.entries)
    except IllegalEventError as error:
        raise JournalError(
            Refusal(
                refused=f"the journal of run {folder.name} tells an impossible story",
                expected="events in an order that can be",
                observed=str(error),
                money="What this run moved must be read from the provider's ledger.",
                next_step="Keep the folder as it is, and look with `paygate orphans`, which needs no journal.",
            )
        ) from None


def check_belongs(state: RunState, environment: Environment, folder: Path) -> None:
    """Refuse a journal that is not of this environment.

    Raises:
        JournalError: when environment, mode or host differ.
    """
    started = state.started
    seen = ("", "", "") if started is None else (started.environment, started.mode.value, started.target)
    expected = (environment.name, environment.mode.value, environment.host)
    if seen != expected:
        raise JournalError(
            Refusal(
                refused=f"run {folder.name} is not of environment {environment.name}",
                expected=f"a journal of {' '.join(expected)}",
                observed=" ".join(seen).strip() or "a journal without a beginning",
                money=f"{NOTHING_MOVED} Nothing was looked up with the wrong account.",
                next_step="Choose the environment the run was made in with --env.",
            )
        )


def witnesses_of(
    state: RunState, environment: Environment, recorder: Recorder, clock: Clock, *, for_refunds: bool
) -> Looks:
    """The providers of a run, journalling into it."""
    if state.started is None or state.gate is None or state.gate.purchase is None:
        raise RuntimeError("only a run with a purchase is settled")
    purchase = state.gate.purchase
    names = dict.fromkeys([purchase.ledger, *purchase.payments])
    providers = {
        name: provider_client(
            environment,
            name,
            recorder=recorder,
            clock=clock,
            trace_id=state.started.trace_id,
            extra_fields=state.gate.facts,
            for_refunds=for_refunds,
        )
        for name in names
    }
    since = datetime.fromisoformat(state.started_at) - MARGIN
    return Witnesses(purchase, providers, trace_id=state.started.trace_id, since=since)


def quiet_seconds(state: RunState, now: datetime) -> float:
    """How long ago the last thing was after which a charge may turn up; 0 when a clock makes that doubtful."""
    if not state.exposure.risky_at:
        return 0.0
    return max(0.0, (now - datetime.fromisoformat(state.exposure.risky_at)).total_seconds())


async def rescue(
    directory: RunDirectory,
    environment: Environment,
    *,
    by: ex.Rescuer,
    clock: Clock,
    give_up_seconds: float = 300.0,
) -> Settled:
    """Settle one run whose process has gone.

    Args:
        directory: the run's folder.
        environment: the environment it was made in.
        by: who settles.
        clock: measures and waits.
        give_up_seconds: after how long without an end it escalates.

    Raises:
        JournalError: when its journal cannot be trusted, is another environment's, or cannot be carried on.
    """
    state = read_state(directory.path)
    check_belongs(state, environment, directory.path)
    if not state.is_guarded or not state.exposure.is_open:
        return Settled(directory.path.name, None, state)
    journal = JournalFile.carried_on(directory, clock, session_log.line)
    journal.record(ex.RescueStarted(by=by, at_line=journal.lines, torn_bytes=journal.torn_bytes))
    looks = witnesses_of(state, environment, journal, clock, for_refunds=True)
    policy = SettlePolicy(
        late_charge_seconds=environment.live.late_charge_seconds,
        quiet_seconds=quiet_seconds(state, datetime.now(UTC)),
        give_up_seconds=give_up_seconds,
    )
    settlement = Settlement(directory.path.name, lambda: journal.state.exposure, policy, clock.elapsed_seconds)
    try:
        outcome = await settle(settlement, looks, recorder=journal, clock=clock)
        journal.record(ex.RescueFinished(settled=outcome is SettleOutcome.SETTLED))
    finally:
        await looks.aclose()
        journal.close()
    return Settled(directory.path.name, outcome, journal.state, looks.problem)
