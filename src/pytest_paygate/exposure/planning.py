"""Gathering what a live run would do, afresh from its sources: settings, gate, project, and the provider's account.

Owns where each bound field comes from. `paygate plan`, `pytest --live` and the interlock all plan through here, so that
what was approved and what is about to be done differ only if the world does.
"""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration
from pytest_paygate.core.events import Mode
from pytest_paygate.core.plan import Bound, Plan

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pytest_paygate.core.environment import CapAmounts, Environment
    from pytest_paygate.core.gate import Gate, Purchase
    from pytest_paygate.core.ports import Account

APPROVE_WITHIN = timedelta(hours=4)
EXECUTE_WITHIN = timedelta(hours=8)
_SKIPPED = frozenset({"__pycache__"})


@dataclass(frozen=True, slots=True)
class GateSource:
    """A gate with the folder it came from and the two hashes an approval binds."""

    gate: Gate
    gate_sha256: str
    suite_sha256: str
    commit: str


def suite_sha256(folder: Path) -> str:
    """Hash over every file of a gate's folder, names included, so that a changed test is a changed gate."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not any(part in _SKIPPED or part.startswith(".") for part in place.parts):
            content = path.read_bytes()
            digest.update(f"{place.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def commit_of(root: Path) -> str:
    """The project's commit, `-dirty` when it has uncommitted changes, or `unknown` outside git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607 - git from PATH
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()[:60] or "unknown"


def purchase_of(gate: Gate, file: str = "gate.toml") -> Purchase:
    """What the gate buys.

    Raises:
        ConfigurationError: when the gate does not say.
    """
    if gate.purchase is None:
        raise configuration(
            f"{gate.id}/{file}: purchase",
            "is missing, so this gate cannot be run live",
            expected="a table [purchase]: product, amount, tax, fee, ledger, payments, says_live, refund",
            observed="none",
            next_step="Write it; its keys are listed in docs/reference/gate-toml.md.",
        )
    return gate.purchase


def caps_of(environment: Environment, file: str) -> CapAmounts:
    """The environment's caps.

    Raises:
        ConfigurationError: when it has none.
    """
    if environment.live.caps is None:
        raise configuration(
            f"{file}: env.{environment.name}.caps",
            "are missing, and without them nothing may be charged",
            expected='per_charge, per_run and per_day, like "EUR 10.00"',
            observed="none",
            next_step="Write them; see docs/reference/paygate-toml.md.",
        )
    return environment.live.caps


def bind(environment: Environment, source: GateSource, account: Account, *, file: str) -> Bound:
    """Everything an approval of this run would bind.

    Raises:
        ConfigurationError: when the environment or the gate does not say enough for a live run.
    """
    purchase = purchase_of(source.gate)
    caps = caps_of(environment, file)
    product = environment.values.get(purchase.product)
    if not product:
        raise configuration(
            f"{file}: env.{environment.name}.values.{purchase.product}",
            "is missing",
            expected="the product that the gate buys",
            observed="nothing",
            next_step="Add it to the environment.",
        )
    acknowledgement = environment.live.acknowledgement
    return Bound(
        environment=environment.name,
        mode=environment.mode,
        host=environment.host,
        provider=purchase.ledger,
        account=account.account_id,
        gate_id=source.gate.id,
        gate_sha256=source.gate_sha256,
        suite_sha256=source.suite_sha256,
        commit=source.commit,
        product=product,
        currency=purchase.gross.currency,
        gross=purchase.amount,
        tax=purchase.tax,
        fee=purchase.fee,
        cap_per_charge=str(caps.per_charge),
        cap_per_run=str(caps.per_run),
        cap_per_day=str(caps.per_day),
        policy=environment.live.policy.value,
        acknowledged_by=acknowledgement.by if acknowledgement is not None else "nobody",
        ground=acknowledgement.ground if acknowledgement is not None else "none",
        refund=purchase.refund,
        approvals_required=environment.live.approval.required,
        unsigned_allowed=environment.live.approval.unsigned,
        capacity=_capacity(environment, source.gate),
    )


def new_plan(bound: Bound, *, requester: str, now: datetime) -> Plan:
    """A fresh plan: a new nonce and new deadlines around what is bound."""
    return Plan(
        nonce=secrets.token_hex(16),
        bound=bound,
        requester=requester,
        created_at=_text(now),
        approve_by=_text(now + APPROVE_WITHIN),
        execute_by=_text(now + EXECUTE_WITHIN),
    )


def requester_of(root: Path) -> str:
    """Who asks: git's e-mail address of this project, or the name of the user."""
    import getpass

    try:
        done = subprocess.run(
            ["git", "config", "user.email"],  # noqa: S607 - git from PATH
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return getpass.getuser()
    return done.stdout.strip() or getpass.getuser()


def is_live_like(mode: Mode) -> bool:
    """Whether a mode takes the whole interlock."""
    return mode in {Mode.LIVE, Mode.REHEARSAL}


def _capacity(environment: Environment, gate: Gate) -> str:
    """The rules under which charges are counted; what is left changes by the hour and is shown beside the plan."""
    if not gate.capacity.required:
        return "not counted"
    return "none is written" if environment.live.capacity is None else environment.live.capacity.told()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
