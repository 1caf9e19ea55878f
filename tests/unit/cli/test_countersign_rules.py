"""`paygate countersign`: what is shown, what is written, and who is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.ssh_signatures import verifies
from pytest_paygate.cli import verify
from pytest_paygate.cli.countersign import countersign
from pytest_paygate.core.bundle import believe
from tests.golden.scenes import RUN_ID
from tests.unit.cli.sealed_runs import ANN, BOB, HELD_BACK, NOBODY, OPS, TOLD, TOLD_HELD_BACK, countersigned, sealed

FIRST = "countersignature-1.json"


def said(run: object, who: str, key: Path, *more: str) -> tuple[int, str, str]:
    """`paygate countersign`: exit code, output and standard error."""
    done = CliRunner().invoke(countersign, [str(run), "--by", who, "--key", str(key), *more])
    return done.exit_code, done.stdout, done.stderr


def written(*lines: str) -> str:
    """Lines as they are printed."""
    return "".join(f"{line}\n" for line in lines)


def refusal(refused: str, expected: str, observed: str, next_step: str) -> str:
    """A refusal's whole text."""
    return written(
        refused,
        f"  expected  {expected}",
        f"  observed  {observed}",
        "  money     No money moved.",
        f"  next      {next_step}",
    )


@pytest.fixture
def run(tmp_path) -> Path:
    """A live run that passed, sealed by nobody."""
    return sealed(tmp_path / "reports")


def test_a_run_is_countersigned(run, people):
    """Whose word it is, on what, the five facts, and the file that was written: a signature over what the seal says."""
    first = f"{ANN} countersigns: gate e2e, run {RUN_ID}: PASS"
    expected = written(first, *TOLD, NOBODY, f"countersigned: {run / FIRST}")
    before = read_folder(run)
    assert said(run, ANN, people.key("ann")) == (0, expected, "")
    files = read_folder(run)
    assert {**before, FIRST: files[FIRST]} == files
    bundle = believe(files)
    (signature,) = bundle.signatures
    assert signature.keyid == ANN
    (run.parent / "made.sig").write_bytes(signature.sig)
    given = {"principal": ANN, "allowed_signers": people.folder / "allowed"}
    assert verifies(bundle.envelope.pae, run.parent / "made.sig", namespace="paygate-seal-v1", **given)


def test_who_signed_before_is_shown_and_not_checked(tmp_path, people):
    """Names that stand at the seal are only names here; the next file has the next number."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    countersigned(path, people.key("ann"), ANN)
    code, output, error = said(path, BOB, people.key("bob"))
    signed = f"  signed by    {OPS} (not checked here), {ANN} (not checked here)"
    first = f"{BOB} countersigns: gate e2e, run {RUN_ID}: PASS"
    assert output == written(first, *TOLD, signed, f"countersigned: {path / 'countersignature-2.json'}")
    assert (code, error) == (0, "")
    assert [one.keyid for one in believe(read_folder(path)).signatures] == [OPS, ANN, BOB]


def test_a_run_that_did_not_pass_can_be_countersigned(tmp_path, people):
    """What is sealed is what is signed: the verdict is shown as it is."""
    path = sealed(tmp_path / "reports", HELD_BACK)
    first = f"{ANN} countersigns: gate e2e, run {RUN_ID}: INCOMPLETE"
    expected = written(first, *TOLD_HELD_BACK, NOBODY, f"countersigned: {path / FIRST}")
    assert said(path, ANN, people.key("ann")) == (0, expected, "")


def test_a_run_is_found_by_its_id(run, people, monkeypatch):
    """Below the folder that is named, `reports` where none is; the file is told by its whole path."""
    monkeypatch.chdir(run.parents[2])
    assert said(RUN_ID[:12], ANN, people.key("ann"))[0] == 0
    code, output, _ = said(RUN_ID, BOB, people.key("bob"), "--reports", str(run.parents[1]))
    assert code == 0
    assert output.splitlines()[-1] == f"countersigned: {run / 'countersignature-2.json'}"
    code, _, error = said(RUN_ID, BOB, people.key("bob"), "--reports", "elsewhere")
    assert (code, error.splitlines()[0]) == (2, f"run '{RUN_ID}': is not there")


def test_a_run_is_found_by_its_folder(run, people, monkeypatch):
    """A relative path is a run's folder too, and lies where it really lies."""
    monkeypatch.chdir(run)
    code, output, _ = said(".", ANN, people.key("ann"))
    assert (code, output.splitlines()[-1]) == (0, f"countersigned: {run / FIRST}")


def test_a_run_that_cannot_be_believed_is_not_countersigned(run, people):
    """A bundle that is not sound is refused with what is wrong, and nothing is shown, signed or written."""
    (run / "report.md").write_bytes(b"all is well\n")
    expected = refusal(
        f"run {RUN_ID} is not countersigned",
        "a sealed run that can be believed",
        "INVALID: report.md is not as it was sealed",
        "Find out what changed it; `paygate verify` says the same.",
    )
    assert said(run, ANN, people.key("ann")) == (2, "", expected)
    assert not (run / FIRST).exists()


def test_a_run_that_cannot_be_read_is_not_countersigned(run, people, monkeypatch):
    """What could not be decided because a file of it cannot be read is refused as well."""

    def fails(_: Path) -> dict[str, bytes]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(verify, "read_bundle", fails)
    expected = refusal(
        f"run {RUN_ID} is not countersigned",
        "a sealed run that can be believed",
        "CANNOT DECIDE: Input/output error",
        "Find out what changed it; `paygate verify` says the same.",
    )
    assert said(run, ANN, people.key("ann")) == (2, "", expected)
    assert not (run / FIRST).exists()


@pytest.mark.parametrize("who", [OPS, ANN])
def test_one_person_signs_once(tmp_path, people, who):
    """Whoever has sealed or countersigned is refused, with everybody who has; nothing is shown or written."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    countersigned(path, people.key("ann"), ANN)
    expected = refusal(
        f"{who} has signed this seal already",
        "people who have not signed it",
        f"signatures of {OPS}, {ANN}",
        "Ask somebody else; one person counts once.",
    )
    assert said(path, who, people.key("bob")) == (2, "", expected)
    assert not (path / "countersignature-2.json").exists()


def test_a_key_that_does_not_sign(run, people):
    """Nothing is written where there is no signature to write."""
    none = people.folder / "none"
    code, _, error = said(run, ANN, none)
    assert (code, error.splitlines()[0]) == (2, f"signing with {none} did not work")
    assert not (run / FIRST).exists()
