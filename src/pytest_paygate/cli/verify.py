"""`paygate verify BUNDLE`: believes a run's folder or says why not. Takes no key from the bundle; fails closed.

Exit codes: 0 valid and PASS, 1 valid and not PASS, 2 invalid, 3 cannot decide (what would be needed is missing).
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.adapters.ssh_signatures import verifies
from pytest_paygate.core.bundle import SIGNATURE_NAMESPACE, BundleError, check, check_manifest, read_statement
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.model import Field, Model, parse
from pytest_paygate.core.run import IllegalEventError, fold
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.reporting.sealing import read_files

if TYPE_CHECKING:
    from pytest_paygate.core.bundle import Envelope
    from pytest_paygate.core.run import RunState

VALID, NOT_PASS, INVALID, UNDECIDED = 0, 1, 2, 3


class Policy(Model):
    """Whom to believe, kept apart from every bundle.

    `signers` are principals of the allowed-signers file, of whom `required` must have signed; `unsigned` are the modes
    in which no signature is asked for; `accounts` and `gates` pin an environment's account and a gate's hash.
    """

    allowed_signers: str = ""
    signers: tuple[str, ...] = ()
    required: int = Field(default=1, ge=0, le=6)
    unsigned: tuple[Mode, ...] = (Mode.SANDBOX, Mode.STAGING, Mode.REHEARSAL)
    accounts: dict[str, str] = Field(default_factory=dict)
    gates: dict[str, str] = Field(default_factory=dict)


@click.command()
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--policy", "policy_file", default="", metavar="FILE", help="Whom to believe (TOML).")
def verify(*, bundle: Path, policy_file: str) -> None:
    """Check a run's folder: every file, the chain, the gate, the verdict computed again, and the signatures."""
    code, lines = examine(bundle, Path(policy_file) if policy_file else None)
    for line in lines:
        click.echo(line)
    sys.exit(code)


def examine(bundle: Path, policy_file: Path | None) -> tuple[int, list[str]]:
    """Believe a bundle or not.

    Args:
        bundle: the run's folder.
        policy_file: whom to believe; None for the default, which asks for nothing but in live mode cannot decide.

    Returns:
        The exit code and what to print.
    """
    try:
        policy = _policy(policy_file)
        state, envelope, verdict = _checked(bundle)
        told: dict[str, Any] = read_statement(envelope)["predicate"]["paygate"]
        _check_pinned(policy, told)
        signed, missing = _signatures(policy, policy_file, envelope, state)
    except (BundleError, IllegalEventError) as error:
        return INVALID, [f"INVALID: {error}"]
    except PaygateError as error:
        return INVALID, ["INVALID: " + error.refusal.refused]
    except OSError as error:
        return UNDECIDED, [f"CANNOT DECIDE: {error.strerror or type(error).__name__}"]
    facts = _facts(told, state, signed)
    if missing:
        return UNDECIDED, [f"CANNOT DECIDE: {missing}", *facts]
    if verdict is not Verdict.PASS:
        return NOT_PASS, [f"VALID, and not a pass: {verdict}", *facts]
    return VALID, ["VALID: PASS", *facts]


def _checked(bundle: Path) -> tuple[RunState, Envelope, Verdict]:
    files = read_files(bundle)
    number = sum(name.startswith("journal-") for name in files)
    # Cheap and decisive first: what is not as it was sealed is not even parsed.
    check_manifest(files, number)
    read = read_run(bundle)
    state = fold(read.journal.entries)
    envelope, verdict = check(files, state, read.journal.head, read.files - 1)
    return state, envelope, verdict


def _policy(file: Path | None) -> Policy:
    if file is None:
        return Policy()
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(f"the policy cannot be read: {error}") from None
    return parse(Policy, document, file=file.name, next_step="Correct the policy file.")


def _check_pinned(policy: Policy, told: dict[str, Any]) -> None:
    account = policy.accounts.get(str(told["environment"]))
    if account is not None and account != told["account"]:
        raise BundleError(f"account {told['account'] or 'unknown'} is not the one of environment {told['environment']}")
    gate = policy.gates.get(str(told["gate"]))
    if gate is not None and gate != told["gate_sha256"]:
        raise BundleError(f"gate {told['gate']} is not the pinned one")


def _signatures(policy: Policy, policy_file: Path | None, envelope: Envelope, state: RunState) -> tuple[list[str], str]:
    """Who has signed, and what is missing for a decision. Whom to ask is the policy's to say, never the bundle's."""
    good: list[str] = []
    if policy.allowed_signers and policy_file is not None:
        allowed = policy_file.parent / policy.allowed_signers
        with tempfile.TemporaryDirectory() as folder:
            for number, signature in enumerate(envelope.signatures):
                path = Path(folder) / f"{number}.sig"
                path.write_bytes(signature.sig)
                known = signature.keyid in policy.signers and signature.keyid not in good
                if known and verifies(
                    envelope.pae,
                    path,
                    principal=signature.keyid,
                    allowed_signers=allowed,
                    namespace=SIGNATURE_NAMESPACE,
                ):
                    good.append(signature.keyid)
    if len(good) < len(envelope.signatures):
        return good, f"{len(envelope.signatures) - len(good)} signatures that the policy cannot vouch for"
    if state.mode not in policy.unsigned and len(good) < policy.required:
        return good, f"{len(good)} of {policy.required} signatures by people of the policy"
    return good, ""


def _facts(told: dict[str, Any], state: RunState, signed: list[str]) -> list[str]:
    """The five facts a person must read, from verified bytes only."""
    planned = state.exposure.planned
    amount = f"{planned.amount_minor} minor units {planned.currency}" if planned is not None else "no purchase planned"
    return [
        f"  environment  {told['environment']} ({told['mode']}) at {told['target']}",
        f"  account      {told['account'] or 'not recorded'}",
        f"  amount       {amount}",
        f"  commit       {told['commit']}",
        f"  time         {told['started_at']} to {told['ended_at']}",
        f"  signed by    {', '.join(signed) or 'nobody: UNSIGNED'}",
    ]
