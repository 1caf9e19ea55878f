"""Signatures with real keys: what is signed, what counts, and what is said when it does not work."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import ssh_signatures
from pytest_paygate.adapters.ssh_signatures import SIGN_SECONDS, VERIFY_SECONDS, sign, sign_bytes, verifies
from pytest_paygate.core.errors import ApprovalError

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"what was agreed\n"
SEAL = "paygate-seal-v1"
ANN, BOB = "ann@example.test", "bob@example.test"


@pytest.fixture
def key(tmp_path) -> Path:
    """Ann's key, beside an allowed-signers file that knows it for both namespaces."""
    path = tmp_path / "ann"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    public = (tmp_path / "ann.pub").read_text()
    (tmp_path / "allowed").write_text(f'{ANN} namespaces="{SEAL},paygate-approval-v1" {public}')
    return path


@pytest.fixture
def plan(tmp_path) -> Path:
    """A file to sign."""
    path = tmp_path / "plan.json"
    path.write_bytes(CONTENT)
    return path


def counts(key: Path, signature: Path, content: bytes = CONTENT, who: str = ANN, **named: str) -> bool:
    """Whether a signature counts, by the file beside the key."""
    return verifies(content, signature, principal=who, allowed_signers=key.with_name("allowed"), **named)


def refused(call, *arguments: object, **named: object) -> list[str]:
    """What a refusal says: refused, expected, observed, money, next."""
    with pytest.raises(ApprovalError) as error:
        call(*arguments, **named)
    told = error.value.refusal
    return [told.refused, told.expected, told.observed, told.money, told.next_step]


def hanging(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an ssh-keygen on the path that waits for longer than any of our patience."""
    folder.mkdir()
    (folder / "ssh-keygen").write_text("#!/bin/sh\nexec /bin/sleep 3\n")
    (folder / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(ssh_signatures, "SIGN_SECONDS", 0.05)
    monkeypatch.setattr(ssh_signatures, "VERIFY_SECONDS", 0.05)


def test_a_file_is_signed_beside_itself(key, plan, capfd):
    """The signature of a file has `.sig` after its name, is made for approvals, and ssh-keygen prints nothing."""
    signature = sign(plan, key)
    assert signature == plan.with_name("plan.json.sig")
    assert signature.read_bytes().startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    assert counts(key, signature)
    assert not counts(key, signature, namespace=SEAL)
    assert capfd.readouterr() == ("", "")


def test_bytes_are_signed_without_a_file(key, tmp_path, capfd):
    """The signature of some bytes is returned as ssh-keygen writes it, and nothing of it is printed."""
    made = sign_bytes(CONTENT, key, namespace=SEAL)
    (tmp_path / "made.sig").write_bytes(made)
    assert made.endswith(b"-----END SSH SIGNATURE-----\n")
    assert counts(key, tmp_path / "made.sig", namespace=SEAL)
    assert not counts(key, tmp_path / "made.sig")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["allowed", "ann", "ann.pub", "made.sig"]
    assert capfd.readouterr() == ("", "")


def test_a_signature_is_made_for_the_namespace_it_is_asked_for(key, plan):
    """A file can be signed for another purpose, and counts for that one alone."""
    signature = sign(plan, key, namespace=SEAL)
    assert counts(key, signature, namespace=SEAL)
    assert not counts(key, signature)


def test_a_signature_counts_for_these_bytes_of_this_person(key, plan, tmp_path, capfd):
    """Other bytes, another person, no signature or no list of signers: it does not count, and nothing is printed."""
    signature = sign(plan, key)
    assert not counts(key, signature, content=CONTENT + b" ")
    assert not counts(key, signature, who=BOB)
    assert not counts(key, tmp_path / "none.sig")
    assert not counts(tmp_path / "none" / "ann", signature)
    (tmp_path / "noise.sig").write_bytes(b"noise")
    assert not counts(key, tmp_path / "noise.sig")
    assert capfd.readouterr() == ("", "")


def test_nothing_is_run_without_a_signature_or_a_list(key, plan, tmp_path, monkeypatch):
    """A missing file needs no ssh-keygen to be judged."""
    signature = sign(plan, key)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not counts(key, tmp_path / "none.sig")
    assert not counts(tmp_path / "none" / "ann", signature)


def test_a_signature_is_never_replaced(key, plan):
    """Where one stands already nothing is signed, and the next step is a new plan."""
    signature = plan.with_name("plan.json.sig")
    signature.write_bytes(b"before")
    assert refused(sign, plan, key) == [
        "plan.json.sig exists already",
        "no signature yet",
        "one",
        "No money moved.",
        "Make a new plan.",
    ]
    assert signature.read_bytes() == b"before"


def test_a_key_that_does_not_sign(plan, tmp_path):
    """The key is named, no word of ssh-keygen's is repeated, and the next step is that of whoever asked."""
    missing = tmp_path / "no-key"
    assert refused(sign, plan, missing) == [
        f"signing with {missing} did not work",
        "an SSH private key that signs",
        "CalledProcessError",
        "No money moved.",
        "Name another key with --key, or load it into the agent.",
    ]
    assert refused(sign_bytes, CONTENT, missing, namespace=SEAL) == [
        f"signing with {missing} did not work",
        "an SSH private key that signs",
        "CalledProcessError",
        "No money moved.",
        "Correct signing_key in paygate.toml, or load the key into the agent.",
    ]


def test_nobody_is_waited_for_without_end(key, plan, tmp_path, monkeypatch):
    """A touch of a hardware key is waited for two minutes, a check twenty seconds; then it is no signature."""
    assert (SIGN_SECONDS, VERIFY_SECONDS) == (120, 20)
    signature = sign(plan, key)
    hanging(tmp_path / "hanging", monkeypatch)
    assert not counts(key, signature)
    other = tmp_path / "other.json"
    other.write_bytes(CONTENT)
    for call, arguments, named in ((sign, (other, key), {}), (sign_bytes, (CONTENT, key), {"namespace": SEAL})):
        assert refused(call, *arguments, **named)[2] == "TimeoutExpired"


def test_without_ssh_keygen(key, plan, tmp_path, monkeypatch):
    """Whoever signs or checks is told what to install."""
    signature = sign(plan, key)
    other = tmp_path / "other.json"
    other.write_bytes(CONTENT)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = [
        "signatures cannot be made or checked",
        "ssh-keygen on the PATH",
        "No such file or directory",
        "No money moved.",
        "Install OpenSSH.",
    ]
    assert refused(sign, other, key) == said
    assert refused(sign_bytes, CONTENT, key, namespace=SEAL) == said
    assert refused(counts, key, signature) == said


def test_a_failure_without_a_word_is_told_by_its_kind(key, plan, monkeypatch):
    """Where the system says nothing, the kind of error is what was observed."""

    def fails(*_: object, **__: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(subprocess, "run", fails)
    assert refused(sign, plan, key)[2] == "BlockingIOError"
