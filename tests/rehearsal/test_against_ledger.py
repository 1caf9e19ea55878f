"""What a verified journal says of the ledger is read again at the provider: the same, different, or not to be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.core.bundle import believe
from tests.attack.forging import resealed
from tests.rehearsal.project import LiveSandbox, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory, sandbox: LiveSandbox) -> Iterator[Project]:
    """A project with one rehearsed run: one purchase, paid, refunded, sealed."""
    project = Project(tmp_path_factory.mktemp("ledger") / "project", sandbox)
    project.approve()
    session = project.start()
    assert session.wait() == 20, session.output
    yield project
    sandbox.clear_faults()


def verify(project: Project, bundle: Path, *arguments: str) -> tuple[int, str]:
    """`paygate verify BUNDLE --against-ledger`."""
    done = project.command("verify", str(bundle), "--against-ledger", *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout


def forged(run: Path, folder: Path, before: str, after: str) -> Path:
    """A copy of a run whose journal says something else, sealed anew without a mistake."""
    files = read_folder(run)
    lines = [json.loads(line) for line in files["journal.jsonl"].decode().replace(before, after).splitlines()]
    assert before in files["journal.jsonl"].decode()
    for name, content in resealed(files, lines).items():
        path = folder / "e2e" / run.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "e2e" / run.name


def test_an_honest_journal_is_what_the_ledger_says(rehearsed):
    """Charge, refund and payment of a run are there as it says, one line each, and the exit code stays the verdict's."""
    (run,) = rehearsed.runs()
    code, said = verify(rehearsed, run)
    assert code == 1, said
    assert "VALID, and not a pass: PENDING" in said
    looked = [line.split() for line in said.splitlines() if line.startswith("  ledger")]
    assert sorted(line[1] for line in looked) == ["charge", "payment", "refund"]
    assert all(line[-1] == "same" for line in looked), said
    assert "EUR 5.00" in said


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("charge", "it is not in the ledger"),
        ("refund", "it is not in the ledger"),
        ("payment", "it is not in the ledger"),
    ],
)
def test_an_object_that_is_not_there_is_found_out(rehearsed, tmp_path, fact, said):
    """A journal forged without a mistake still names ids that only the provider can make up."""
    (run,) = rehearsed.runs()
    exposure = believe(read_folder(run)).state.exposure
    (charge,) = exposure.charges.values()
    name = {"charge": charge.charge_id, "refund": next(iter(charge.refunds)), "payment": next(iter(exposure.payments))}
    code, told = verify(rehearsed, forged(run, tmp_path, name[fact], name[fact][:-4] + "zzzz"))
    assert code == 2, told
    assert f"DIFFERS, {said}" in told
    assert told.splitlines()[-1] == "INVALID: the ledger of rehearsal tells otherwise"


def test_another_amount_is_found_out(rehearsed, tmp_path):
    """A journal that says a cent less than was charged and refunded differs in both."""
    (run,) = rehearsed.runs()
    changed = forged(run, tmp_path, '_minor":500', '_minor":499')
    code, told = verify(rehearsed, changed)
    assert code == 2, told
    assert told.count("amount is EUR 5.00, the journal says EUR 4.99") == 2, told


def test_a_ledger_that_cannot_be_read_decides_nothing(rehearsed, sandbox, tmp_path):
    """A provider that is not there, or an environment without it, is no difference and no confirmation."""
    (run,) = rehearsed.runs()
    path = rehearsed.folder / "paygate.toml"
    settings = path.read_text()
    path.write_text(settings.replace(sandbox.description["stripe_url"], "http://127.0.0.1:9"))
    try:
        code, said = verify(rehearsed, run)
    finally:
        path.write_text(settings)
    assert code == 3, said
    assert "CANNOT BE READ" in said
    assert said.splitlines()[-1] == "CANNOT DECIDE: the ledger of rehearsal cannot be read in full"
    code, said = verify(rehearsed, run, "--env", "nowhere")
    assert code == 3
    assert "CANNOT DECIDE" in said


def test_an_unsound_bundle_asks_nobody(rehearsed, tmp_path):
    """What is not believed is not looked up either."""
    (run,) = rehearsed.runs()
    (tmp_path / "e2e" / "run").mkdir(parents=True)
    for name, content in read_folder(run).items():
        (tmp_path / "e2e" / "run" / name).write_bytes(content + b" ")
    code, said = verify(rehearsed, tmp_path / "e2e" / "run")
    assert code == 2
    assert "ledger" not in said
