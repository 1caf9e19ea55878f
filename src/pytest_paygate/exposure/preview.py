"""What a live run would do and what is still missing for it, for `--live` and `paygate plan`.

Reads settings, gate, approvals, store and the provider's account; moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_paygate.adapters.approval_files import find_plans, held_approvals
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.core.approval import Sufficient, check
from pytest_paygate.core.errors import configuration
from pytest_paygate.exposure import planning
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.clients import provider_client
from pytest_paygate.exposure.recording import Unjournalled
from pytest_paygate.exposure.stores import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.plan import Bound
    from pytest_paygate.core.ports import Account
    from pytest_paygate.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Project:
    """Where a project keeps what a plan needs."""

    root: Path
    reports: Path
    settings_file: str
    store_dsn: Secret | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with what is held and what is missing. `missing` is empty when only the operator's word is left.

    `capacity` is where the environment's capacity stands; empty for a gate that asks for none.
    """

    bound: Bound
    approvers: tuple[str, ...]
    exposures_open: tuple[str, ...]
    missing: tuple[str, ...]
    capacity: str


async def preview(  # noqa: PLR0913 - independent parts of one look
    environment: Environment, project: Project, folder: Path, gate: Gate, gate_sha256: str, *, now: datetime
) -> Preview:
    """Look at everything a live run would need.

    Raises:
        ConfigurationError: when settings or gate do not say enough.
        PaygateError: when the account or the store cannot be read.
    """
    source = planning.GateSource(gate, gate_sha256, planning.suite_sha256(folder), planning.commit_of(project.root))
    account = await account_of(environment, planning.purchase_of(gate).ledger, project.settings_file)
    bound = planning.bind(environment, source, account, file=project.settings_file)
    approvers, problems = _approvals(project, environment, bound, now)
    store = store_of(project.reports, project.store_dsn)
    try:
        known = await store.exposures(environment.name)
        capacity = Capacity(lambda: store.capacity, environment.name, environment.live.capacity)
        standing = await capacity.standing() if gate.capacity.required else None
    finally:
        await store.aclose()
    still_open = tuple(record.run_id for record in known if record.settled_at is None)
    missing = [*problems]
    if environment.live.policy.value != "drive":
        missing.append(f"live_policy is {environment.live.policy}: the gate may look on, not buy")
    missing += [f"exposure of run {run_id} is open: run `paygate recover`" for run_id in still_open]
    if standing is not None and standing.refusal:
        missing.append(f"capacity: {standing.refusal}")
    told = "" if standing is None else standing.told()
    return Preview(bound, approvers, still_open, tuple(missing), told)


async def account_of(environment: Environment, name: str, settings_file: str) -> Account:
    """The account behind the ledger's key.

    Raises:
        ConfigurationError: when the environment has no such provider.
        ProviderError: when it cannot be read.
    """
    if name not in environment.providers:
        raise configuration(
            f"{settings_file}: env.{environment.name}.providers.{name}",
            "is missing",
            expected="the provider that the gate's [purchase] names as its ledger",
            observed=", ".join(environment.providers) or "no provider",
            next_step="Declare it.",
        )
    client = provider_client(environment, name, recorder=Unjournalled(), clock=SystemClock(), trace_id="")
    try:
        return await client.account()
    finally:
        await client.aclose()


def _approvals(
    project: Project, environment: Environment, bound: Bound, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    mine = [
        (plan, folder)
        for plan, folder in find_plans(project.root)
        if (plan.bound.environment, plan.bound.gate_id) == (bound.environment, bound.gate_id)
    ]
    if not mine:
        return (), (f"{bound.approvals_required} approvals: run `paygate plan`, then `paygate approve`",)
    plan, folder = max(mine, key=lambda found: datetime.fromisoformat(found[0].created_at))
    result = check(plan, held_approvals(folder, project.root / environment.live.approval.signers), bound, now=now)
    if isinstance(result, Sufficient):
        return result.approvers, ()
    return (), tuple(f"plan {plan.nonce[:8]}: {one}" for one in result)
