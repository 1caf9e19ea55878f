"""Gathering the interlock's facts for one run: from settings, project, store, provider and the run's own journal.

Finds out, and decides nothing: whether the facts are good enough is `core.interlock`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.approval_files import find_plans, held_approvals
from pytest_paygate.checks.keys import key_mode
from pytest_paygate.core import events as ev
from pytest_paygate.core import interlock
from pytest_paygate.core.approval import Sufficient, check
from pytest_paygate.core.environment import LOOPBACK
from pytest_paygate.core.errors import ProviderError
from pytest_paygate.exposure import planning
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.capacity_witness import newest_witness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.adapters.journal_file import JournalFile
    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.live_ports import LiveStore
    from pytest_paygate.core.plan import Bound, Plan
    from pytest_paygate.core.ports import Account, Clock, Operator
    from pytest_paygate.core.secret import Secret
    from pytest_paygate.exposure.lock_keeper import LockKeeper


@dataclass(frozen=True, slots=True)
class LiveSession:
    """What the session says of itself: which flags were typed, and what in it does not belong into a live run."""

    live_typed: bool
    confirm_typed: bool
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveRun:
    """Everything arming needs of one run.

    Args:
        run_id: the run.
        reports: the reports folder.
        root: the project, where approvals are.
        settings_file: for messages.
        environment: the target.
        source: the gate and its hashes.
        journal: the run's journal.
        clock: measures.
        session: what the session says of itself.
        make_store: makes the store that live runs share.
        operator: the person.
        offsets: how far our clock is ahead of each party that answered, seconds.
        word: what the operator must type besides the amount.
    """

    run_id: str
    reports: Path
    root: Path
    settings_file: str
    environment: Environment
    source: planning.GateSource
    journal: JournalFile
    clock: Clock
    session: LiveSession
    make_store: Callable[[], LiveStore]
    operator: Operator
    offsets: Callable[[], Sequence[float]]
    word: str
    store_dsn: Secret | None = None


@dataclass(slots=True)
class Gathered:
    """The interlock's facts as far as they are known."""

    run: LiveRun
    account: Account | None = None
    bound: Bound | None = None
    approval: str | None = None
    sufficient: Sufficient | None = None
    capacity: str | None = None
    exposures_open: tuple[str, ...] | None = None
    spent_today_minor: int | None = None
    unused: bool | None = None
    lock_held: bool = False
    guardian_ready: bool = False
    operator: str | None = None

    def facts(self) -> interlock.InterlockFacts:
        """What is known now."""
        run = self.run
        environment, state = run.environment, run.journal.state
        gate = run.source.gate
        purchase = planning.purchase_of(gate)
        access = environment.providers.get(purchase.ledger)
        offsets = run.offsets()
        said = state.facts.get(purchase.says_live)
        host = _telling_host(environment)
        return interlock.InterlockFacts(
            live_typed=run.session.live_typed,
            confirm_typed=run.session.confirm_typed,
            mode=environment.mode,
            declared_live=planning.is_live_like(environment.mode),
            target_says=said if isinstance(said, str) else None,
            keys={name: key_mode(one.key).value for name, one in environment.providers.items()},
            account_livemode=None if self.account is None else self.account.livemode,
            account_id=None if self.account is None else self.account.account_id,
            account_pinned=access.account if access is not None else "",
            host=host,
            host_is_loopback=_is_loopback(host),
            preflight_open=[row.id for row in gate.preflight if state.rows[row.id].status is not ev.RowStatus.PASS],
            rules=environment.live,
            today=datetime.now(UTC).date(),
            approval=self.approval,
            approval_unused=self.unused,
            capacity=self.capacity,
            exposures_open=self.exposures_open,
            lock_held=self.lock_held,
            spent_today_minor=self.spent_today_minor,
            gross=purchase.gross,
            operator=self.operator,
            session=run.session.findings,
            guardian_ready=self.guardian_ready,
            clock_offset_seconds=max(offsets, key=abs) if offsets else None,
        )


async def gather(run: LiveRun, keeper: LockKeeper) -> Gathered:
    """Everything that can be known without taking anything."""
    gathered = Gathered(run)
    purchase = planning.purchase_of(run.source.gate)
    ledger = run.environment.providers.get(purchase.ledger)
    if ledger is not None:
        gathered.account = await _account(run, purchase.ledger)
    if gathered.account is not None and run.environment.live.caps is not None:
        gathered.bound = planning.bind(run.environment, run.source, gathered.account, file=run.settings_file)
        gathered.approval, gathered.sufficient = _approval(run, gathered.bound)
    name = run.environment.name
    gathered.capacity = await capacity_refusal(run, keeper)
    known = await keeper.call(keeper.store.exposures(name))
    gathered.exposures_open = tuple(record.run_id for record in known if record.settled_at is None)
    today = datetime.now(UTC).date()
    gross = purchase.gross
    gathered.spent_today_minor = sum(
        record.amount.minor
        for record in known
        if record.opened_at.astimezone(UTC).date() == today and record.amount.currency == gross.currency
    )
    return gathered


async def capacity_refusal(run: LiveRun, keeper: LockKeeper) -> str:
    """Why no unit of capacity may be taken now; nothing when one may, or when the gate asks for none.

    Raises:
        StoreError: when the capacity log cannot be read or believed.
    """
    if not run.source.gate.capacity.required:
        return ""
    environment = run.environment
    witness = newest_witness(run.reports, environment.name, besides=run.run_id)
    capacity = Capacity(lambda: keeper.store.capacity, environment.name, environment.live.capacity, lambda: witness)
    return (await keeper.call(capacity.standing())).refusal


async def _account(run: LiveRun, name: str) -> Account | None:
    from pytest_paygate.exposure.clients import provider_client

    # A provider is not told the trace, and nothing is bought here that would carry it.
    client = provider_client(run.environment, name, recorder=run.journal, clock=run.clock, trace_id="")
    try:
        return await client.account()
    except ProviderError:
        return None
    finally:
        await client.aclose()


def _approval(run: LiveRun, bound: Bound) -> tuple[str, Sufficient | None]:
    """The newest plan for this environment and gate that is approved well enough, or why there is none."""
    now = datetime.now(UTC)
    signers = run.root / run.environment.live.approval.signers
    reason = "no plan was made"
    plans: list[tuple[Plan, Path]] = find_plans(run.root)
    mine = [
        (plan, folder)
        for plan, folder in plans
        if (plan.bound.environment, plan.bound.gate_id) == (bound.environment, bound.gate_id)
    ]
    for plan, folder in sorted(mine, key=lambda found: datetime.fromisoformat(found[0].created_at), reverse=True):
        result = check(plan, held_approvals(folder, signers), bound, now=now)
        if isinstance(result, Sufficient):
            return "", result
        reason = reason if reason != "no plan was made" else f"plan {plan.nonce[:8]}: {'; '.join(result)}"
    return reason, None


def _telling_host(environment: Environment) -> str:
    """The target's host, or the first of its services that is where this environment must not be."""
    sandboxed = environment.mode is ev.Mode.REHEARSAL
    return next((host for host in environment.hosts if _is_loopback(host) is not sandboxed), environment.host)


def _is_loopback(netloc: str) -> bool:
    host = netloc.rpartition(":")[0] if not netloc.endswith("]") and ":" in netloc else netloc
    return host.strip("[]") in LOOPBACK or host.startswith("127.")
