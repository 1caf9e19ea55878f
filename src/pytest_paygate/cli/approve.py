"""`paygate approve PLAN`: shows what the plan's own bytes say, has the amount typed, and signs.

Reads the plan file and nothing of the approver's own configuration: what is shown is what is signed.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import click

from pytest_paygate.adapters.approval_files import write_approval
from pytest_paygate.adapters.ssh_signatures import sign
from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.typing_terminal import type_at_terminal
from pytest_paygate.core import approval as approvals
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal
from pytest_paygate.core.plan import Plan, bound_sha256, moment, plan_lines, read_plan

_KEYS = ("id_ed25519_sk", "id_ed25519", "id_ecdsa_sk", "id_ecdsa", "id_rsa")


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", "approver", default="", metavar="NAME", help="Who approves; default: git's user.email.")
@click.option("--key", default="", metavar="FILE", help="SSH key to sign with; default: git's or ~/.ssh's.")
@click.option("--unsigned", is_flag=True, help="Do not sign; only where the plan says that this is allowed.")
@told
def approve(*, plan_file: Path, approver: str, key: str, unsigned: bool) -> None:
    """Approve a plan: read what it does, type its amount."""
    plan = read_plan(plan_file.read_bytes(), plan_file.name)
    who = approver or _git("user.email") or "nobody"
    now = datetime.now(UTC)
    _check(plan, who, now, unsigned=unsigned)
    signing_key = None if unsigned else _key(key)
    click.echo(f"\n  A LIVE RUN asks for your approval. This is what the plan file itself says ({plan_file}):\n")
    for label, value in plan_lines(plan.bound):
        click.echo(f"  {label:<12} {value}")
    minutes = int((moment(plan.approve_by, "approve_by") - now).total_seconds() // 60)
    click.echo(f"  {'requester':<12} {plan.requester}")
    click.echo(f"  {'plan':<12} sha256 {bound_sha256(plan.bound)}")
    click.echo(f"  {'deadlines':<12} approve by {plan.approve_by} ({minutes} min left), carry out by {plan.execute_by}")
    typed = type_at_terminal(
        f"\n  {who}: to approve, type the amount with its currency, like {plan.bound.gross}\n  > ", plan.bound.gross
    )
    path = write_approval(plan_file.parent, approvals.approve(plan, approver=who, typed=typed, at=datetime.now(UTC)))
    if signing_key is not None:
        sign(path, signing_key)
    given = len([other for other in plan_file.parent.glob("*.json") if other.name != plan_file.name])
    kind = "UNSIGNED" if unsigned else "signed"
    click.echo(f"\napproved by {who} ({kind}): {path}\n{given} of {plan.bound.approvals_required} approvals are given")


def _check(plan: Plan, who: str, now: datetime, *, unsigned: bool) -> None:
    if now > moment(plan.approve_by, "approve_by"):
        raise _refused("the plan is too old", f"an approval by {plan.approve_by}", "later", "Make a new plan.")
    if unsigned and not plan.bound.unsigned_allowed:
        raise _refused(
            "an unsigned approval does not count for this plan",
            "a signature",
            "--unsigned",
            "Leave --unsigned out, or allow it for the environment and make a new plan.",
        )
    if who == plan.requester and not plan.bound.unsigned_allowed:
        raise _refused(
            "the requester does not approve", f"somebody other than {plan.requester}", who, "Ask a colleague."
        )


def _key(named: str) -> Path:
    wanted = named or _git("user.signingkey")
    home = Path.home() / ".ssh"
    candidates = [Path(wanted).expanduser()] if wanted else [home / name for name in _KEYS]
    for path in candidates:
        if path.is_file():
            return path
    raise _refused(
        "there is no SSH key to sign with",
        "an SSH key named with --key, by git's user.signingkey, or in ~/.ssh",
        ", ".join(str(path) for path in candidates),
        "Name one with --key. A one-person team can allow unsigned approvals in paygate.toml.",
    )


def _git(name: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["git", "config", name],  # noqa: S607 - git from PATH
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _refused(refused: str, expected: str, observed: str, next_step: str) -> ApprovalError:
    return ApprovalError(
        Refusal(refused=refused, expected=expected, observed=observed, money=NOTHING_MOVED, next_step=next_step)
    )
