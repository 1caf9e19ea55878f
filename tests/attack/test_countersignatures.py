"""Countersignatures: they add up with the seal's own, and nothing else may stand beside a seal."""

from __future__ import annotations

import base64
import json
import random
import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.cli import paygate
from pytest_paygate.cli.verify import INVALID, NOT_PASS, UNDECIDED, VALID, examine
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.exposure_events import RescueFinished, Rescuer, RescueStarted
from pytest_paygate.core.strict import BundleError, canonical
from pytest_paygate.renderers import session_log
from pytest_paygate.reporting.sealing import seal
from tests.attack.keys import Team, sealed_again, team
from tests.attack.second import second_verifier

if TYPE_CHECKING:
    from pathlib import Path

FIRST = "countersignature-1.json"
SECOND = second_verifier()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """Keys for the tests of this module."""
    return team(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def run(sealed, people, tmp_path) -> Path:
    """A run sealed with the key of the machine that ran it."""
    return sealed_again(sealed, tmp_path / "reports", key=people.key("ops"), principal="ops@example.test")


def countersign(run: Path, who: str, key: Path) -> str:
    """`paygate countersign`; what it printed."""
    done = CliRunner().invoke(paygate, ["countersign", str(run), "--by", who, "--key", str(key)])
    assert done.exit_code == 0, done.output
    return done.output


def test_countersignatures_add_up_with_the_seal(run, people):
    """Two are required: the sealing key and one approver are enough, the sealing key alone is not."""
    policy = people.policy(required=2)
    assert examine(run, policy)[0] == UNDECIDED
    said = countersign(run, "ann@example.test", people.key("ann"))
    assert "gate e2e" in said
    assert "PASS" in said
    code, lines = examine(run, policy)
    assert (code, lines[0]) == (VALID, "VALID: PASS")
    assert lines[-1].endswith("ops@example.test, ann@example.test")
    assert examine(run, people.policy(required=3))[0] == UNDECIDED
    countersign(run, "bob@example.test", people.key("bob"))
    assert examine(run, people.policy(required=3))[0] == VALID
    assert [path.name for path in sorted(run.glob("counter*"))] == [FIRST, "countersignature-2.json"]


def test_one_person_counts_once(run, people):
    """Whoever has signed is refused a second time, and a second signature written past the command decides nothing."""
    countersign(run, "ann@example.test", people.key("ann"))
    for who in ("ann@example.test", "ops@example.test"):
        again = CliRunner().invoke(paygate, ["countersign", str(run), "--by", who, "--key", str(people.key("ann"))])
        assert again.exit_code == 2
        assert f"{who} has signed this seal already" in again.stderr
    shutil.copy(run / FIRST, run / "countersignature-2.json")
    code, lines = examine(run, people.policy(required=2))
    assert (code, lines[0]) == (UNDECIDED, "CANNOT DECIDE: 1 signatures that the policy cannot vouch for")


@pytest.mark.parametrize(
    ("who", "key"), [("ann@example.test", "eve"), ("eve@example.test", "eve"), ("eve@example.test", "ann")]
)
def test_one_that_cannot_be_vouched_for_leaves_it_undecided(run, people, who, key):
    """A countersignature by another key, or by somebody the policy does not know, is never passed over."""
    countersign(run, who, people.key(key))
    assert examine(run, people.policy())[0] == UNDECIDED
    assert examine(run, None)[0] == UNDECIDED


def test_a_changed_bundle_is_not_countersigned(run, people):
    """Who countersigns is shown what is sealed, and only when it is sound."""
    (run / "report.md").write_bytes(b"all is well\n")
    done = CliRunner().invoke(
        paygate, ["countersign", str(run), "--by", "ann@example.test", "--key", str(people.key("ann"))]
    )
    assert done.exit_code == 2
    assert "INVALID: report.md is not as it was sealed" in done.stderr
    assert not (run / FIRST).exists()


def malformed(content: bytes) -> dict[str, bytes]:
    """One countersignature, spoilt in every way that must be noticed."""
    told = json.loads(content)
    return {
        "pretty": json.dumps(told, indent=1).encode(),
        "a key more": canonical({**told, "at": "2026-11-21"}),
        "a key less": canonical({"keyid": told["keyid"], "sig": told["sig"]}),
        "a key twice": content[:-1] + b',"keyid":"ann@example.test"}',
        "no base64": canonical({**told, "sig": told["sig"][:-2] + "!!"}),
        "base64 with a line break": canonical({**told, "sig": told["sig"] + "\n"}),
        "a number for a name": canonical({**told, "keyid": 7}),
        "another attestation": canonical({**told, "attestation": "0" * 64}),
        "a newline more": content + b"\n",
        "nothing": b"",
        "a list": b"[]",
    }


def test_a_malformed_or_stale_one_spoils_the_bundle(run, people):
    """A countersignature that is not exactly one, or is over another attestation, makes the bundle invalid."""
    countersign(run, "ann@example.test", people.key("ann"))
    files = read_folder(run)
    for content in malformed(files[FIRST]).values():
        with pytest.raises(BundleError):
            believe({**files, FIRST: content})
    for name in (
        "countersignature-0.json",
        "countersignature-01.json",
        "countersignature-.json",
        "countersignature.json",
    ):
        with pytest.raises(BundleError, match="is there and not listed"):
            believe({**files, name: files[FIRST]})
    with pytest.raises(BundleError, match="missing from the row of numbers"):
        believe({**files, "countersignature-3.json": files[FIRST]})


def test_no_flipped_bit_of_a_countersigned_bundle_passes(run, people, sweep_size):
    """One bit anywhere, in seal or countersignature, and the bundle no longer passes under its policy."""
    countersign(run, "ann@example.test", people.key("ann"))
    policy = people.policy(required=2)
    assert examine(run, policy)[0] == VALID
    files = read_folder(run)
    attested = believe(files)
    names = ["manifest.json", "attestation.json", FIRST]
    places = [(name, bit) for name in names for bit in range(len(files[name]) * 8)]
    chosen = random.Random(5).sample(places, 20_000 if sweep_size == "full" else 1_500)
    asked = []
    for name, bit in chosen:
        changed = bytearray(files[name])
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = believe({**files, name: bytes(changed)})
        except BundleError:
            continue
        # What still reads well differs in who signed or in the signature itself: ssh-keygen decides.
        assert found.signatures != attested.signatures, (name, bit)
        asked.append((name, bit, bytes(changed)))
    assert {name for name, _, _ in asked} == {FIRST}
    for name, _, content in random.Random(6).sample(asked, min(len(asked), 40)):
        (run / name).write_bytes(content)
        assert examine(run, policy)[0] == UNDECIDED
    (run / FIRST).write_bytes(files[FIRST])
    assert examine(run, policy)[0] == VALID


@pytest.mark.parametrize(
    "respelled",
    [
        lambda sig: sig.replace(b"\n", b"\x0b", 2).replace(b"\x0b", b"\n", 1),
        lambda sig: sig.replace(b"\n", b"\r\n"),
        lambda sig: sig[:-1] + b"*",
        lambda sig: sig + b"and more",
    ],
    ids=["other white space", "line ends of another system", "another last byte", "something behind"],
)
def test_a_signature_that_only_ssh_keygen_would_read_does_not_count(run, people, respelled):
    """It reads more than it writes; neither verifier takes another spelling of a good signature."""
    countersign(run, "ann@example.test", people.key("ann"))
    policy = people.policy(required=2)
    told = json.loads((run / FIRST).read_bytes())
    sig = base64.b64decode(told["sig"])
    assert respelled(sig) != sig
    assert (examine(run, policy)[0], SECOND.verify(run, policy)[0]) == (VALID, VALID)
    (run / FIRST).write_bytes(canonical({**told, "sig": base64.b64encode(respelled(sig)).decode()}))
    assert (examine(run, policy)[0], SECOND.verify(run, policy)[0]) == (UNDECIDED, UNDECIDED)


def carry_on(run: Path) -> None:
    """Somebody carries the run on and seals it again, as `paygate recover` does."""
    directory = RunDirectory(run.parent.parent, run.parent.name, run.name)
    journal = JournalFile.carried_on(directory, SystemClock(), session_log.line)
    journal.record(RescueStarted(by=Rescuer.RECOVER, at_line=journal.lines, torn_bytes=0))
    journal.record(RescueFinished(settled=True))
    journal.close()
    seal(directory, 1)


def test_a_rescued_run_is_countersigned_anew(run, people):
    """After a rescue the old countersignatures are files like any other, and the next one is for the new seal."""
    countersign(run, "ann@example.test", people.key("ann"))
    carry_on(run)
    assert examine(run, people.policy())[0] == UNDECIDED
    countersign(run, "ann@example.test", people.key("ann"))
    code, lines = examine(run, people.policy())
    assert (code, lines[0]) == (NOT_PASS, "VALID, and not a pass: CONDITIONAL")
    assert lines[-1].endswith("signed by    ann@example.test")
    files = read_folder(run)
    assert "countersignature-2.json" in files
    changed = {**files, "countersignature-2.json": files[FIRST]}
    with pytest.raises(BundleError, match=r"countersignature-2\.json is stale"):
        believe(changed)


def test_a_rescue_cannot_be_put_back(run, people):
    """The bundle as it was before the rescue is sound by itself; the log beside it knows better."""
    before = {path.name for path in run.iterdir()}
    carry_on(run)
    for path in run.iterdir():
        if path.name not in before:
            path.unlink()
    code, lines = examine(run, people.policy())
    assert code == INVALID
    assert "this bundle was put back to an earlier state" in lines[0]
