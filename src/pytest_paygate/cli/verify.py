"""`paygate verify BUNDLE`: believes a run's folder or archive, or says why not. Fails closed; takes no key from it.

Exit codes: 0 valid and PASS, 1 valid and not PASS, 2 invalid, 3 cannot decide (what would be needed is missing).
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_bundle
from pytest_paygate.adapters.ssh_signatures import verifies
from pytest_paygate.core.bundle import Believed, believe
from pytest_paygate.core.envelope import SIGNATURE_NAMESPACE
from pytest_paygate.core.errors import ApprovalError, PaygateError
from pytest_paygate.core.seal_chain import Sealed, check_chain, check_place, read_log
from pytest_paygate.core.strict import BundleError
from pytest_paygate.core.trust import Policy, check_pinned, missing_signatures, read_policy
from pytest_paygate.core.verdict import Verdict

VALID, NOT_PASS, INVALID, UNDECIDED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of looking at a bundle: the exit code, what to print, and the bundle when it is sound."""

    code: int
    lines: list[str]
    bundle: Believed | None = None


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--policy", "policy_file", default="", metavar="FILE", help="Whom to believe (TOML).")
@click.option("--log", "log_file", default="", metavar="FILE", help="Log of seals; default: the one beside the bundle.")
@click.option("--head", default="", metavar="SEAL", help="A seal that must stand in the log, known from elsewhere.")
@click.option("--against-ledger", is_flag=True, help="Read every charge and refund again at the provider.")
@click.option(
    "--env", "environment", default="", metavar="NAME", help="Whose ledger; default: the bundle's own environment."
)
def verify(  # noqa: PLR0913 - one parameter for each option
    *, bundle: Path, policy_file: str, log_file: str, head: str, against_ledger: bool, environment: str
) -> None:
    """Check a bundle: every file, the chain, the gate, the verdict computed again, the signatures, and the log."""
    if environment and not against_ledger:
        raise click.UsageError("--env says whose ledger to read: it needs --against-ledger")
    examined = look(
        bundle,
        Path(policy_file) if policy_file else None,
        log=Path(log_file) if log_file else None,
        head=head,
    )
    code, lines = examined.code, examined.lines
    if against_ledger and examined.bundle is not None:
        from pytest_paygate.cli.against_ledger import compare

        code, more = compare(examined.bundle, environment, code)
        lines = [*lines, *more]
    for line in lines:
        click.echo(line)
    sys.exit(code)


def examine(
    bundle: Path, policy_file: Path | None, *, log: Path | None = None, head: str = ""
) -> tuple[int, list[str]]:
    """Believe a bundle or not; the exit code and what to print. Arguments as in `look`."""
    examined = look(bundle, policy_file, log=log, head=head)
    return examined.code, examined.lines


def look(path: Path, policy_file: Path | None, *, log: Path | None = None, head: str = "") -> Examined:
    """Believe a bundle or not.

    Args:
        path: a run's folder, or an archive of one.
        policy_file: whom to believe; None for the default, which asks for nothing but in live mode cannot decide.
        log: the log of seals; None for the policy's, or the one beside the bundle if it is there.
        head: a seal that must stand in the log; empty for those the policy pins.
    """
    try:
        policy = Policy() if policy_file is None else read_policy(policy_file.read_bytes(), policy_file.name)
        bundle = believe(read_bundle(path))
        check_pinned(policy, bundle)
        missing = _check_log(policy, bundle, _log_file(policy, policy_file, path, log), head)
        signed = _vouched(policy, policy_file, bundle)
    except (ApprovalError, OSError) as error:
        # Nothing is wrong with the bundle: a file, or the ssh-keygen to ask, is not there.
        return Examined(UNDECIDED, [f"CANNOT DECIDE: {_said(error)}"])
    except (BundleError, PaygateError) as error:
        return Examined(INVALID, [f"INVALID: {_said(error)}"])
    except Exception as error:  # noqa: BLE001 - whatever a forged bundle may break, it is not believed
        return Examined(INVALID, [f"INVALID: it cannot be read ({type(error).__name__})"])
    lines = facts(bundle, signed)
    missing = missing or missing_signatures(policy, bundle, len(signed))
    if missing:
        return Examined(UNDECIDED, [f"CANNOT DECIDE: {missing}", *lines], bundle)
    if bundle.verdict is not Verdict.PASS:
        return Examined(NOT_PASS, [f"VALID, and not a pass: {bundle.verdict}", *lines], bundle)
    return Examined(VALID, ["VALID: PASS", *lines], bundle)


def _said(error: Exception) -> str:
    """What an error says in one line."""
    if isinstance(error, PaygateError):
        return error.refusal.refused
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def facts(bundle: Believed, signed: list[str]) -> list[str]:
    """The five facts a person must read, from verified bytes only, and who stands for them."""
    told, planned = bundle.told, bundle.state.exposure.planned
    amount = f"{planned.amount_minor} minor units {planned.currency}" if planned is not None else "no purchase planned"
    return [
        f"  environment  {told['environment']} ({told['mode']}) at {told['target']}",
        f"  account      {told['account'] or 'not recorded'}",
        f"  amount       {amount}",
        f"  commit       {told['commit']}",
        f"  time         {told['started_at']} to {told['ended_at']}",
        f"  signed by    {', '.join(signed) or 'nobody: UNSIGNED'}",
    ]


def _log_file(policy: Policy, policy_file: Path | None, path: Path, named: Path | None) -> Path | None:
    """Which log to look at: the named one, the policy's, or the one of the reports folder the bundle lies in."""
    if named is not None:
        return named
    if policy.log and policy_file is not None:
        return policy_file.parent / policy.log
    # reports/<gate>/<run_id>/ and reports/archive/<gate>/<run_id>.tar.gz
    above = path.resolve().parents
    depth = 1 if path.is_dir() else 2
    beside = above[depth] / seal_log.NAME if len(above) > depth else None
    return beside if beside is not None and beside.is_file() else None


def _check_log(policy: Policy, bundle: Believed, file: Path | None, head: str) -> str:
    """Check the log of seals; returns what is missing for a decision, or nothing."""
    told = bundle.told
    pinned = [seal for seal in (head, policy.heads.get(str(told["environment"]))) if seal]
    if file is None or not file.is_file():
        wanted = "a pinned head" if pinned else "a log of seals named" if file is not None else ""
        return f"{wanted}, and no log of seals to look it up in" if wanted else ""
    chain = check_chain(read_log(file.read_bytes()), str(told["environment"]), pinned)
    mine = Sealed(str(told["environment"]), str(told["run_id"]), str(told["gate"]), bundle.seal, bundle.previous)
    check_place(chain, mine)
    return ""


def _vouched(policy: Policy, policy_file: Path | None, bundle: Believed) -> list[str]:
    """Who has signed, each once. Whom to ask is the policy's to say, never the bundle's."""
    good: list[str] = []
    if policy_file is None:
        return good
    # Without a name this is the policy's folder, which is no file of signers, and nobody counts.
    allowed = policy_file.parent / policy.allowed_signers
    with tempfile.TemporaryDirectory() as folder:
        for number, signature in enumerate(bundle.signatures):
            path = Path(folder) / f"{number}.sig"
            path.write_bytes(signature.sig)
            known = signature.keyid in policy.signers and signature.keyid not in good
            if (
                known
                and signature.is_armoured
                and verifies(
                    bundle.envelope.pae,
                    path,
                    principal=signature.keyid,
                    allowed_signers=allowed,
                    namespace=SIGNATURE_NAMESPACE,
                )
            ):
                good.append(signature.keyid)
    return good
