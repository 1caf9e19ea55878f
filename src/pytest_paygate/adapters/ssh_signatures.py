"""Signatures with the SSH keys people already have: `ssh-keygen -Y sign` and `-Y verify`. No key is ever read here.

A signature counts only against the project's allowed-signers file; which key signed is never taken from the signature.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from pytest_paygate.core.approval import SIGNATURE_NAMESPACE
from pytest_paygate.core.errors import NOTHING_MOVED, ApprovalError, Refusal

if TYPE_CHECKING:
    from pathlib import Path

# A hardware key waits for a touch.
SIGN_SECONDS = 120
VERIFY_SECONDS = 20


def sign(file: Path, key: Path, *, namespace: str = SIGNATURE_NAMESPACE) -> Path:
    """Sign a file; the signature stands beside it, with `.sig` after its name.

    Raises:
        ApprovalError: when there is no ssh-keygen, or it does not sign.
    """
    signature = file.with_name(f"{file.name}.sig")
    if signature.exists():
        raise _refused(f"{signature.name} exists already", "no signature yet", "one", "Make a new plan.")
    _run(["-Y", "sign", "-f", str(key), "-n", namespace, str(file)], seconds=SIGN_SECONDS, what=f"signing with {key}")
    return signature


def sign_bytes(content: bytes, key: Path, *, namespace: str) -> bytes:
    """Sign some bytes; returns the signature as `ssh-keygen` writes it.

    Raises:
        ApprovalError: when there is no ssh-keygen, or it does not sign.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", namespace],  # noqa: S607 - from PATH, like git
            input=content,
            capture_output=True,
            timeout=SIGN_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise _refused(
            f"signing with {key} did not work",
            "an SSH private key that signs",
            type(error).__name__,
            "Correct signing_key in paygate.toml, or load the key into the agent.",
        ) from None
    except OSError as error:
        raise _missing(error) from None
    return done.stdout


def verifies(
    content: bytes, signature: Path, *, principal: str, allowed_signers: Path, namespace: str = SIGNATURE_NAMESPACE
) -> bool:
    """Whether a signature over some bytes is one of this person's, by the project's allowed-signers file.

    Raises:
        ApprovalError: when there is no ssh-keygen.
    """
    if not allowed_signers.is_file() or not signature.is_file():
        return False
    arguments = ["-Y", "verify", "-f", str(allowed_signers), "-I", principal, "-n", namespace, "-s", str(signature)]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["ssh-keygen", *arguments],  # noqa: S607 - from PATH, like git
            input=content,
            capture_output=True,
            timeout=VERIFY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError as error:
        raise _missing(error) from None
    return done.returncode == 0


def _run(arguments: list[str], *, seconds: float, what: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - our own arguments
            ["ssh-keygen", *arguments],  # noqa: S607 - from PATH, like git
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise _refused(
            f"{what} did not work",
            "an SSH private key that signs",
            type(error).__name__,
            "Name another key with --key, or load it into the agent.",
        ) from None
    except OSError as error:
        raise _missing(error) from None


def _missing(error: OSError) -> ApprovalError:
    return _refused(
        "signatures cannot be made or checked",
        "ssh-keygen on the PATH",
        error.strerror or type(error).__name__,
        "Install OpenSSH.",
    )


def _refused(refused: str, expected: str, observed: str, next_step: str) -> ApprovalError:
    return ApprovalError(
        Refusal(refused=refused, expected=expected, observed=observed, money=NOTHING_MOVED, next_step=next_step)
    )
