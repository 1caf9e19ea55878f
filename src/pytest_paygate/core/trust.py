"""Whom to believe: the policy of a verifier, kept apart from every bundle.

Owns the policy's form and its pins. Signatures are checked by an adapter; whom to ask for one is said here, never by
the bundle.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pytest_paygate.core.events import Mode
from pytest_paygate.core.model import Field, Model, parse
from pytest_paygate.core.strict import BundleError

if TYPE_CHECKING:
    from pytest_paygate.core.bundle import Believed


class Policy(Model):
    """Whom to believe.

    `signers` are principals of the allowed-signers file, of whom `required` must have signed or countersigned;
    `unsigned` are the modes in which no signature is asked for; `accounts` and `gates` pin an environment's account and
    a gate's hash; `log` is the log of seals, and `heads` pins for each environment a seal that must stand in it.
    """

    allowed_signers: str = ""
    signers: tuple[str, ...] = ()
    required: int = Field(default=1, ge=0, le=6)
    unsigned: tuple[Mode, ...] = (Mode.SANDBOX, Mode.STAGING, Mode.REHEARSAL)
    accounts: dict[str, str] = Field(default_factory=dict)
    gates: dict[str, str] = Field(default_factory=dict)
    log: str = ""
    heads: dict[str, str] = Field(default_factory=dict)


def read_policy(content: bytes, file: str) -> Policy:
    """Read a policy file.

    Raises:
        BundleError: when it is not TOML.
        ConfigurationError: naming the key that is wrong.
    """
    try:
        document = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BundleError(f"the policy cannot be read: {error}") from None
    return parse(Policy, document, file=file, next_step="Correct the policy file.")


def check_pinned(policy: Policy, bundle: Believed) -> None:
    """Check a sound bundle against what the policy pins.

    Raises:
        BundleError: when account or gate is another one.
    """
    told = bundle.told
    account = policy.accounts.get(str(told["environment"]))
    if account is not None and account != told["account"]:
        raise BundleError(f"account {told['account'] or 'unknown'} is not the one of environment {told['environment']}")
    gate = policy.gates.get(str(told["gate"]))
    if gate is not None and gate != told["gate_sha256"]:
        raise BundleError(f"gate {told['gate']} is not the pinned one")


def missing_signatures(policy: Policy, bundle: Believed, good: int) -> str:
    """What is missing for a decision, or nothing.

    Args:
        policy: whom to believe.
        bundle: a sound bundle.
        good: how many of its signatures are by different people of the policy.
    """
    given = len(bundle.signatures)
    if good < given:
        return f"{given - good} signatures that the policy cannot vouch for"
    if bundle.state.mode not in policy.unsigned and good < policy.required:
        return f"{good} of {policy.required} signatures by people of the policy"
    return ""
