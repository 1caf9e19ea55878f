"""Plans and approvals on disk: `approvals/<nonce>/plan.json`, beside it a file and a signature for each approver.

Owns their places. Nothing is overwritten; whatever cannot be read is a refusal, because somebody put it there.
"""

from __future__ import annotations

import re
from pathlib import Path

from pytest_paygate.adapters.ssh_signatures import verifies
from pytest_paygate.core.approval import Approval, Held, encode_approval, read_approval
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal
from pytest_paygate.core.plan import Plan, damaged, encode_plan, read_plan

FOLDER = "approvals"
PLAN = "plan.json"
_APPROVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_+-]{0,79}")


def write_plan(root: Path, plan: Plan) -> Path:
    """Write a plan into a folder of its own.

    Raises:
        ApprovalError: when it cannot be written.
    """
    path = root / FOLDER / plan.nonce / PLAN
    _write_new(path, encode_plan(plan))
    return path


def find_plans(root: Path) -> list[tuple[Plan, Path]]:
    """Every plan of a project with its folder.

    Raises:
        ApprovalError: when one is damaged.
    """
    found = []
    for path in sorted((root / FOLDER).glob(f"*/{PLAN}")):
        plan = read_plan(_read(path), f"{path.parent.name[:8]}/{PLAN}")
        if plan.nonce != path.parent.name:
            raise damaged(str(path), f"the plan of nonce {path.parent.name}", "another plan")
        found.append((plan, path.parent))
    return found


def held_approvals(folder: Path, allowed_signers: Path) -> list[Held]:
    """The approvals beside a plan, each with what its signature says.

    Raises:
        ApprovalError: when one is damaged.
    """
    held = []
    for path in sorted(folder.glob("*.json")):
        if path.name == PLAN:
            continue
        content = _read(path)
        approval = read_approval(content, path.name)
        signature = path.with_name(f"{path.name}.sig")
        verified = None
        if signature.exists():
            verified = verifies(content, signature, principal=approval.approver, allowed_signers=allowed_signers)
        held.append(Held(approval, path.name, verified))
    return held


def write_approval(folder: Path, approval: Approval) -> Path:
    """Write an approval beside its plan.

    Raises:
        ApprovalError: when this approver has given one already, or the name makes no file name.
    """
    if not _APPROVER.fullmatch(approval.approver) or f"{approval.approver}.json" == PLAN:
        raise ApprovalError(
            Refusal(
                refused="the approver's name cannot be used",
                expected="a name like ann@example.test",
                observed="other characters, or too many",
                money=NOTHING_MOVED,
                next_step="Name the approver with --by, as in the allowed-signers file.",
            )
        )
    path = folder / f"{approval.approver}.json"
    _write_new(path, encode_approval(approval))
    return path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(str(path), "a readable file", error.strerror or type(error).__name__) from None


def _write_new(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise ApprovalError(
            Refusal(
                refused=f"{path.name} is there already",
                expected="one file for each plan and each approver",
                observed=str(path),
                money=NOTHING_MOVED,
                next_step="Nobody approves twice; for a new try make a new plan.",
            )
        ) from None
    except OSError as error:
        raise damaged(str(path), "a folder that can be written to", error.strerror or type(error).__name__) from None
