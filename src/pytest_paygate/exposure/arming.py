"""Arming a live run: from "pre-flight is green" to "money may move", or a refusal that names what is missing.

Owns the order in which the interlock's facts are gathered and journalled. The conditions themselves are in
`core.interlock`; what is done here is to find out, to take the lock, to start the guardian, to ask the operator, and to
use the approval up.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.approval_files import find_plans, held_approvals
from pytest_paygate.core import events as ev
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core import interlock
from pytest_paygate.core.approval import Sufficient, check
from pytest_paygate.core.confirmation import Confirmation
from pytest_paygate.core.errors import InterlockError, PaygateError
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord
from pytest_paygate.core.money import Money
from pytest_paygate.core.plan import bound_sha256, plan_lines
from pytest_paygate.core.settlement import Settlement, SettleOutcome, SettlePolicy
from pytest_paygate.exposure.gathering import Gathered, LiveRun, capacity_refusal, gather
from pytest_paygate.exposure.guardian import Guardian, duty_of
from pytest_paygate.exposure.lock_keeper import LockKeeper
from pytest_paygate.exposure.recovery import quiet_seconds, witnesses_of
from pytest_paygate.exposure.settling import settle

if TYPE_CHECKING:
    from pytest_paygate.adapters.journal_file import JournalFile
    from pytest_paygate.core.environment import LiveRules
    from pytest_paygate.core.plan import Bound, Plan
    from pytest_paygate.exposure.settling import TargetRefund

CONFIRM_SECONDS = 600.0
# Known only after the lock is taken and the operator was asked; everything else is checked before anybody is bothered.
_LATE = frozenset({"lock_held", "guardian_ready", "operator_confirmed", "approval_unused"})


@dataclass(slots=True)
class Armed:
    """A run whose money may move, with everything that must be undone or handed on when it ends."""

    run: LiveRun
    keeper: LockKeeper
    guardian: Guardian
    target: Callable[[], TargetRefund | None] = field(default=lambda: None)

    def closed(self) -> str:
        """Why no money may move now, or nothing. Asked by the desk before every request."""
        if self.keeper.lost:
            return "the environment's lock was lost"
        if not self.guardian.is_alive:
            return "the guardian has ended"
        return ""

    async def settle(self) -> SettleOutcome | None:
        """Settle what is open, then release guardian and lock. None when nothing was open.

        When it cannot be settled, the guardian keeps its duty: it goes on when this process ends.
        """
        run, journal = self.run, self.run.journal
        outcome: SettleOutcome | None = None
        if journal.state.exposure.is_open:
            outcome = await self._settle_open()
        if not journal.state.exposure.is_open:
            settled = self.keeper.store.settle_exposure(run.environment.name, run.run_id, datetime.now(UTC))
            await self.keeper.call(settled)
            self.guardian.release()
        self.keeper.close()
        return outcome

    async def _settle_open(self) -> SettleOutcome:
        run, journal = self.run, self.run.journal
        journal.record(ex.PhaseStarted(phase="settling", cause="the rows are done"))
        looks = witnesses_of(journal.state, run.environment, journal, run.clock, for_refunds=False)
        target = self.target()
        policy = SettlePolicy(
            late_charge_seconds=run.environment.live.late_charge_seconds,
            quiet_seconds=quiet_seconds(journal.state, datetime.now(UTC)),
            through_target=target is not None,
        )
        settlement = Settlement(run.run_id, lambda: journal.state.exposure, policy, run.clock.elapsed_seconds)
        try:
            outcome = await settle(settlement, looks, recorder=journal, clock=run.clock, target=target)
        finally:
            await looks.aclose()
        journal.record(ex.PhaseFinished(phase="settling", outcome=outcome.value))
        return outcome


async def arm(run: LiveRun) -> Armed:
    """Let money move, or say why not.

    Raises:
        InterlockError: naming every condition that does not hold; nothing moved.
        PaygateError: when a store, a plan or the environment is not usable; nothing moved.
    """
    journal = run.journal
    journal.record(ex.PhaseStarted(phase="interlock"))
    keeper = LockKeeper(run.make_store)
    guardian: Guardian | None = None
    try:
        gathered = await gather(run, keeper)
        early = [one for one in interlock.CONDITIONS if one.name not in _LATE]
        interlock.require(gathered.facts(), early)
        await _take_lock(run, keeper, gathered)
        lock_fd = getattr(keeper.store, "lock_fd", None)
        duty = duty_of(
            run.environment,
            reports=run.reports,
            gate_id=run.source.gate.id,
            run_id=run.run_id,
            store_dsn="" if run.store_dsn is None else run.store_dsn.reveal(),
        )
        guardian = Guardian(duty, folder=journal.directory.path, lock_fd=lock_fd)
        await guardian.wait_ready()
        gathered.guardian_ready = True
        await _confirm(run, gathered)
        await _use_approval(run, keeper, gathered)
        interlock.require(gathered.facts())
        await _open_exposure(run, keeper, gathered)
    except BaseException as error:
        if guardian is not None:
            guardian.release()
        keeper.close()
        _journal_refusal(journal, error)
        raise
    journal.record(ex.PhaseFinished(phase="interlock", outcome="money may move"))
    return Armed(run, keeper, guardian)


async def _take_lock(run: LiveRun, keeper: LockKeeper, gathered: Gathered) -> None:
    await keeper.take(run.environment.name, f"{run.run_id} on {socket.gethostname()}, process {os.getpid()}")
    gathered.lock_held = True
    gathered.capacity = await capacity_refusal(run, keeper)
    # Between the first look and the lock somebody else may have opened an exposure.
    known = await keeper.call(keeper.store.exposures(run.environment.name))
    gathered.exposures_open = tuple(record.run_id for record in known if record.settled_at is None)
    interlock.require(
        gathered.facts(), [interlock.condition(name) for name in ("capacity_left", "no_exposure_open", "lock_held")]
    )


async def _confirm(run: LiveRun, gathered: Gathered) -> None:
    bound, sufficient = _known(gathered)
    gross = Money.parse(bound.gross)
    kind = "signed" if sufficient.signed else "UNSIGNED"
    # What was needed is known to be given by now; the rest must fit one small window.
    told = [
        *((label, value) for label, value in plan_lines(bound) if label != "approvals"),
        ("approved by", f"{', '.join(sufficient.approvers)} ({kind})"),
        ("plan", f"sha256 {bound_sha256(bound)[:16]}…"),
        ("by hand", f"{_trace(run)}: `paygate recover`, `paygate orphans`"),
    ]
    lines = [f"{label:<12} {value}" for label, value in told]
    headline = (
        "THIS MOVES REAL MONEY. Read the plan:"
        if run.environment.mode is ev.Mode.LIVE
        else "REHEARSAL, no funds: do as if it were real. Read the plan:"
    )
    asked = Confirmation(
        headline=headline,
        lines=lines,
        amount=str(gross),
        word=run.word,
        deadline_seconds=CONFIRM_SECONDS,
        is_live=run.environment.mode is ev.Mode.LIVE,
    )
    said = await run.operator.confirm(asked)
    gathered.operator = said.refusal
    interlock.require(gathered.facts(), [interlock.condition("operator_confirmed")])
    run.journal.record(_planned(run, bound))
    run.journal.record(
        ex.OperatorConfirmed(amount=str(gross), waited_seconds=round(said.waited_seconds, 3), tries=said.tries)
    )


async def _use_approval(run: LiveRun, keeper: LockKeeper, gathered: Gathered) -> None:
    """Use the approval up, durably, before anything can be sent; then say so in the journal."""
    bound, sufficient = _known(gathered)
    # The operator may have taken minutes: the deadlines count now, and so does everything that is bound.
    again = check(
        sufficient.plan,
        held_approvals(_folder(run, sufficient.plan), run.root / run.environment.live.approval.signers),
        bound,
        now=datetime.now(UTC),
    )
    gathered.approval = "" if isinstance(again, Sufficient) else "; ".join(again)
    interlock.require(gathered.facts(), [interlock.condition("approved")])
    environment, gate_id = run.environment.name, run.source.gate.id
    earlier = await keeper.call(keeper.store.uses(environment, gate_id, run.source.commit))
    use = ApprovalUse(
        nonce=sufficient.plan.nonce,
        environment=environment,
        gate_id=gate_id,
        commit=run.source.commit,
        run_id=run.run_id,
        used_at=datetime.now(UTC),
    )
    gathered.unused = await keeper.call(keeper.store.consume(use))
    interlock.require(gathered.facts(), [interlock.condition("approval_unused")])
    run.journal.record(
        ex.ApprovalConsumed(
            nonce=sufficient.plan.nonce,
            plan_sha256=bound_sha256(bound),
            requester=sufficient.plan.requester,
            approvers=sufficient.approvers,
            signed=sufficient.signed,
            attempt=len(earlier) + 1,
        )
    )
    lease = keeper.lease
    if lease is not None:
        run.journal.record(
            ex.FenceTaken(store=keeper.store.kind, fence=lease.fence, holder=lease.holder, lease_seconds=lease.seconds)
        )


async def _open_exposure(run: LiveRun, keeper: LockKeeper, gathered: Gathered) -> None:
    bound, _ = _known(gathered)
    record = ExposureRecord(
        run_id=run.run_id,
        environment=run.environment.name,
        gate_id=run.source.gate.id,
        trace_id=_trace(run),
        amount=Money.parse(bound.gross),
        opened_at=datetime.now(UTC),
    )
    await keeper.call(keeper.store.open_exposure(record))


def _planned(run: LiveRun, bound: Bound) -> ex.ExposurePlanned:
    gross, cap = Money.parse(bound.gross), Money.parse(bound.cap_per_charge)
    return ex.ExposurePlanned(
        plan_sha256=bound_sha256(bound),
        account=bound.account,
        host=bound.host,
        product=bound.product,
        amount_minor=gross.minor,
        cap_minor=cap.minor,
        currency=gross.currency,
        policy=bound.policy,
        acknowledgement=_acknowledged(run.environment.live),
        late_charge_seconds=run.environment.live.late_charge_seconds,
    )


def _acknowledged(rules: LiveRules) -> str:
    """Who took it upon themselves that this environment may be driven, when, until when, and on what ground."""
    told = rules.acknowledgement
    return "" if told is None else f"{told.by}, {told.at} until {told.until}: {told.ground}"


def _known(gathered: Gathered) -> tuple[Bound, Sufficient]:
    if gathered.bound is None or gathered.sufficient is None:
        raise RuntimeError("the plan and its approval are required before this")
    return gathered.bound, gathered.sufficient


def _journal_refusal(journal: JournalFile, error: BaseException) -> None:
    """Say in the journal that the interlock stopped the run; a journal that fails now changes nothing for the money."""
    refusal = error.refusal if isinstance(error, PaygateError) else None
    names = ", ".join(error.conditions) if isinstance(error, InterlockError) else type(error).__name__
    try:
        journal.record(
            ev.RunStopped(
                guard=f"interlock ({names})",
                threshold=refusal.expected if refusal is not None else "an uninterrupted interlock",
                observed=refusal.observed if refusal is not None else type(error).__name__,
            )
        )
        journal.record(ex.PhaseFinished(phase="interlock", outcome="refused"))
    except PaygateError:
        return


def _folder(run: LiveRun, plan: Plan) -> Path:
    return next(folder for found, folder in find_plans(run.root) if found.nonce == plan.nonce)


def _trace(run: LiveRun) -> str:
    started = run.journal.state.started
    return started.trace_id if started is not None else ""
