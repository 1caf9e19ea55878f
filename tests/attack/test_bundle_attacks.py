"""A sealed run is believed as it is, and in no other form: every bit, every file, every field."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.cli.verify import INVALID, NOT_PASS, UNDECIDED, VALID, examine
from pytest_paygate.core.errors import JournalError
from pytest_paygate.reporting.sealing import seal
from tests.attack.bundles import flipped, restructured
from tests.gate_runs import copy_gate, run_gate

pytestmark = pytest.mark.timeout(900)
FLIPS = 200_000 if os.environ.get("PAYGATE_SWEEP") == "full" else 8_000


def test_as_it_is_it_is_believed(sealed):
    """An untouched bundle is valid and a PASS, and says the five facts a person must read."""
    code, lines = examine(sealed, None)
    assert (code, lines[0]) == (VALID, "VALID: PASS")
    assert [line.split()[0] for line in lines[1:]] == ["environment", "account", "amount", "commit", "time", "signed"]
    assert lines[-1].endswith("nobody: UNSIGNED")


def test_no_flipped_bit_is_believed(sealed):
    """One bit anywhere in the bundle, and it is refused."""
    accepted, count = flipped(read_folder(sealed), FLIPS)
    assert accepted == []
    assert count == FLIPS


def test_no_structural_attack_is_believed(sealed):
    """Files removed, added, renamed, swapped; statements rewritten; spellings changed: at least sixty ways, none believed."""
    accepted, count = restructured(read_folder(sealed))
    assert accepted == []
    assert count >= 60


def test_a_run_that_did_not_pass_is_valid_and_says_so(tmp_path):
    """A red run verifies as what it is."""
    copy_gate(tmp_path)
    result = run_gate(tmp_path, "suites/e2e", "--paygate-fault=login_refused")
    assert result.exit_code == 1
    code, lines = examine(result.folder, None)
    assert (code, lines[0]) == (NOT_PASS, "VALID, and not a pass: FAIL")


@pytest.mark.parametrize(
    ("policy", "code", "said"),
    [
        ("unsigned = []\n", UNDECIDED, "0 of 1 signatures"),
        ('accounts = { sandbox = "acct_live" }\n', INVALID, "account unknown is not the one of environment sandbox"),
        ('gates = { e2e = "00" }\n', INVALID, "gate e2e is not the pinned one"),
        ("required = 9\n", INVALID, "policy.toml: required"),
        ("signer = 1\n", INVALID, "policy.toml: signer"),
        ("[", INVALID, "the policy cannot be read"),
    ],
)
def test_a_policy_pins_and_fails_closed(sealed, tmp_path, policy, code, said):
    """Missing signatures, another account or gate, and a policy that cannot be read are never a pass."""
    path = tmp_path / "policy.toml"
    path.write_text(policy)
    found, lines = examine(sealed, path)
    assert found == code
    assert said in lines[0]


def test_signatures_count_only_by_the_policy(sealed, tmp_path):
    """A bundle signed by somebody the policy knows is believed; by another key, or without the policy, it is not."""
    for name in ("ops", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    public = (tmp_path / "ops.pub").read_text()
    (tmp_path / "allowed").write_text(f'ops@example.test namespaces="paygate-seal-v1" {public}')
    policy = tmp_path / "policy.toml"
    policy.write_text('allowed_signers = "allowed"\nsigners = ["ops@example.test"]\nunsigned = []\n')
    for key, principal, code in (
        ("ops", "ops@example.test", VALID),
        ("eve", "ops@example.test", UNDECIDED),
        ("ops", "eve@example.test", UNDECIDED),
    ):
        root = tmp_path / f"{key}-{principal}"
        run = root / "e2e" / sealed.name
        shutil.copytree(sealed, run, ignore=shutil.ignore_patterns("manifest.json", "attestation.json"))
        seal(RunDirectory(root, "e2e", sealed.name), 0, key=tmp_path / key, principal=principal)
        assert examine(run, policy)[0] == code, (key, principal)
        assert examine(run, None)[0] == UNDECIDED


def test_seals_of_one_environment_form_a_chain(tmp_path):
    """Each seal names the one before it in its environment; other environments have chains of their own."""
    seals = [
        seal_log.append(tmp_path, environment, f"run-{number}", lambda previous, n=number: f"{n}:{previous}")
        for number, environment in enumerate(["prod", "staging", "prod", "prod"])
    ]
    assert seals == ["0:", "1:", "2:0:", "3:2:0:"]
    assert [line.previous for line in seal_log.read(tmp_path)] == ["", "", "0:", "2:0:"]


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"seal":"x"}', b'{"seal":"a","seal":"b"}'])
def test_a_damaged_log_of_seals_is_a_refusal(tmp_path, line):
    """A log that somebody changed is not appended to."""
    (tmp_path / seal_log.NAME).write_bytes(line + b"\n")
    with pytest.raises(JournalError, match="cannot be used"):
        seal_log.append(tmp_path, "prod", "run-1", lambda previous: previous)
    assert (tmp_path / seal_log.NAME).read_bytes() == line + b"\n"
