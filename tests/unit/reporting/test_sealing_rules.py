"""Sealing a run: which files come about, what they are sealed behind, and what stops it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters import seal_log
from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.adapters.ssh_signatures import verifies
from pytest_paygate.core.bundle import believe, statement
from pytest_paygate.core.envelope import SIGNATURE_NAMESPACE
from pytest_paygate.core.errors import ApprovalError, JournalError
from pytest_paygate.core.seal_chain import Sealed
from pytest_paygate.core.strict import sha256
from pytest_paygate.reporting.sealing import seal
from tests.golden.scenes import RUN_ID
from tests.unit.core.bundles import FILES, SEALED, SHORT, carried_on

if TYPE_CHECKING:
    from pathlib import Path

ANN = "ann@example.test"
LINK = f"""run {RUN_ID} cannot be sealed
  expected  a folder of regular files, as a run leaves it
  observed  link is not a regular file
  money     Sealing moves no money; what the run moved stands in its journal.
  next      Look at what was put into the folder; the run's own files are complete."""


def laid(root: Path, files: dict[str, bytes] = FILES, run_id: str = RUN_ID) -> RunDirectory:
    """A run's folder with these files."""
    directory = RunDirectory(root, SHORT.gate.id, run_id)
    directory.create()
    for name, content in files.items():
        directory.write_new(name, content)
    return directory


def test_a_sealed_run_can_be_believed(tmp_path):
    """Manifest and attestation stand beside the files, unsigned without a key; the hash of the latter is the seal."""
    directory = laid(tmp_path)
    made = seal(directory, 0)
    files = read_folder(directory.path)
    bundle = believe(files)
    assert set(files) == {*FILES, "manifest.json", "attestation.json"}
    assert made == bundle.seal == sha256(files["attestation.json"])
    assert (bundle.previous, bundle.number, bundle.signatures) == ("", 0, ())
    assert seal_log.read(tmp_path) == (Sealed("prod", RUN_ID, SHORT.gate.id, made, ""),)


def test_a_seal_stands_behind_the_one_before(tmp_path):
    """The next run of the environment names the seal before it, in its manifest, its statement and the log."""
    first = seal(laid(tmp_path), 0)
    directory = laid(tmp_path, run_id="another-folder")
    second = seal(directory, 0)
    bundle = believe(read_folder(directory.path))
    assert (bundle.previous, bundle.told["previous_seal"]) == (first, first)
    assert [(line.seal, line.previous) for line in seal_log.read(tmp_path)] == [(first, ""), (second, first)]


def test_a_run_that_was_carried_on_is_sealed_anew(tmp_path):
    """The later seal has its number in its names, and covers the files of the earlier one too."""
    directory = laid(tmp_path, carried_on(SEALED, SHORT))
    made = seal(directory, 1)
    files = read_folder(directory.path)
    bundle = believe(files)
    assert set(files) - set(SEALED) == {"journal-1.jsonl", "manifest-1.json", "attestation-1.json"}
    assert (bundle.seal, bundle.number) == (made, 1)
    told = statement(
        bundle.state,
        files["manifest-1.json"],
        manifest_name="manifest-1.json",
        journal_head=bundle.told["journal_sha256"],
        previous="",
    )
    assert bundle.envelope.payload == told


@pytest.mark.parametrize("named", [{"principal": ANN}, {}])
def test_a_key_signs_type_and_payload(tmp_path, named):
    """With a key there is one signature over the whole statement, under the name that is given, or under none."""
    key = tmp_path / "ann"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "allowed").write_text(f"{ANN} {(tmp_path / 'ann.pub').read_text()}")
    directory = laid(tmp_path / "reports")
    seal(directory, 0, key=key, **named)
    bundle = believe(read_folder(directory.path))
    (signature,) = bundle.signatures
    (tmp_path / "made.sig").write_bytes(signature.sig)
    assert signature.keyid == named.get("principal", "")
    assert verifies(
        bundle.envelope.pae,
        tmp_path / "made.sig",
        principal=ANN,
        allowed_signers=tmp_path / "allowed",
        namespace=SIGNATURE_NAMESPACE,
    )


def test_a_key_that_does_not_sign_seals_nothing(tmp_path):
    """Neither a file of the seal nor a line of the log comes about."""
    directory = laid(tmp_path)
    with pytest.raises(ApprovalError):
        seal(directory, 0, key=tmp_path / "no-key", principal=ANN)
    assert read_folder(directory.path) == FILES
    assert seal_log.read(tmp_path) == ()


def test_a_run_that_never_started_is_not_sealed(tmp_path):
    """An empty journal is no run: nothing is written for it."""
    directory = laid(tmp_path, {"journal.jsonl": b""})
    with pytest.raises(ValueError, match=r"^a run that never started is not sealed$"):
        seal(directory, 0)
    assert list(read_folder(directory.path)) == ["journal.jsonl"]
    assert seal_log.read(tmp_path) == ()


def test_what_is_no_regular_file_is_not_sealed(tmp_path):
    """A link in the folder is named; nothing is written."""
    directory = laid(tmp_path)
    (directory.path / "link").symlink_to("report.md")
    with pytest.raises(JournalError) as refused:
        seal(directory, 0)
    assert refused.value.refusal.text() == LINK
    assert seal_log.read(tmp_path) == ()


@pytest.mark.parametrize("name", ["manifest.json", "attestation.json"])
def test_a_seal_is_never_overwritten(tmp_path, name):
    """Where a file of the seal stands already there is no second one, and no line of the log."""
    directory = laid(tmp_path, {**FILES, name: b"before"})
    with pytest.raises(JournalError, match=f"{name} cannot be written in"):
        seal(directory, 0)
    assert (directory.path / name).read_bytes() == b"before"
    assert seal_log.read(tmp_path) == ()
