"""Two verifiers that share no code come to the same end over every bundle, sound or forged."""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.bundle_files import read_folder
from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.journal_file import JournalFile
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.cli.verify import INVALID, NOT_PASS, UNDECIDED, VALID, examine
from pytest_paygate.core import events, exposure_events
from pytest_paygate.core.bundle import believe
from pytest_paygate.core.claims import Claim
from pytest_paygate.core.currencies import EXPONENTS
from pytest_paygate.core.exposure_events import RescueFinished, Rescuer, RescueStarted
from pytest_paygate.core.gate import CapacityNeed, Criterion, EvidenceFile, Gate, MoneyFacts, Note, Purchase, Row
from pytest_paygate.core.gate_tables import Holds
from pytest_paygate.core.guards import Guard
from pytest_paygate.core.model import Model
from pytest_paygate.core.strict import sha256
from pytest_paygate.core.trust import Policy
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.core.waivers import Waiver
from pytest_paygate.renderers import session_log
from pytest_paygate.reporting.sealing import seal
from tests.attack import forged_rules
from tests.attack.bundles import structural
from tests.attack.forging import enveloped, forge, lines_of, said_of, unsealed
from tests.attack.keys import Team, sealed_again, team
from tests.attack.second import FILE
from tests.attack.test_countersignatures import countersign
from tests.attack.two_verifiers import SECOND, damaged, first, forged, sealed_by_whoever_believes_it, second
from tests.gate_runs import copy_gate, run_gate
from tests.golden.scenes import RUN_ID, SCENES, SOURCE
from tests.rehearsal.project import LiveSandbox, Project

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)
FULL = os.environ.get("PAYGATE_SWEEP") == "full"
FORGED, FLIPPED, SIGNED = (5_000, 2_500, 120) if FULL else (600, 200, 12)
OBJECTS = (
    events.Entry,
    events.PastRun,
    events.UsualRow,
    Policy,
    Gate,
    Row,
    Criterion,
    Holds,
    Purchase,
    MoneyFacts,
    CapacityNeed,
    EvidenceFile,
    Guard,
    Claim,
    Waiver,
    Note,
)


@pytest.fixture(scope="module")
def runs(sealed, tmp_path_factory) -> dict[str, Path]:
    """Sealed runs of every kind: passed, failed, rehearsed, carried on by somebody else."""
    folder = tmp_path_factory.mktemp("runs")
    copy_gate(folder)
    red = run_gate(folder, "suites/e2e", "--paygate-fault=login_refused")
    dry = run_gate(folder, "suites/e2e", "--paygate-no-refund")
    sandbox = LiveSandbox()
    try:
        project = Project(folder / "project", sandbox)
        project.approve()
        assert project.start().wait() == 20
    finally:
        sandbox.stop()
    rescued = sealed_again(sealed, folder / "rescued")
    directory = RunDirectory(rescued.parent.parent, rescued.parent.name, rescued.name)
    journal = JournalFile.carried_on(directory, SystemClock(), session_log.line)
    journal.record(RescueStarted(by=Rescuer.RECOVER, at_line=journal.lines, torn_bytes=0))
    journal.record(RescueFinished(settled=True))
    journal.close()
    seal(directory, 1)
    assert red.folder is not None
    assert dry.folder is not None
    return {
        "passed": sealed,
        "failed": red.folder,
        "dry": dry.folder,
        "rescued": rescued,
        "rehearsed": project.runs()[0],
    }


def test_it_is_small_and_needs_nothing():
    """At most 250 lines of at most 120 characters, the standard library alone, and not one import of the project."""
    lines = FILE.read_text().splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 120
    for node in ast.walk(ast.parse(FILE.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), names
    done = subprocess.run([sys.executable, "-I", "-S", str(FILE)], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" not in done.stderr


def declared(model: type[Model]) -> dict[str, bool]:
    """A model's keys, and whether each must be there."""
    return {name: field.is_required() for name, field in model.model_fields.items() if name != "kind"}


def test_its_form_is_the_project_s():
    """Every kind of event and every object has the keys here that it has in the project, and currencies their digits."""
    modules = (events, exposure_events)
    models = [
        one for module in modules for one in vars(module).values() if isinstance(one, type) and issubclass(one, Model)
    ]
    kinds = {one.model_fields["kind"].default: one for one in models if "kind" in one.model_fields}
    assert set(kinds) == set(SECOND.EVENTS)
    objects = {one.__name__: one for one in OBJECTS}
    assert set(objects) == set(SECOND.FORM["objects"])
    for name, model in {**kinds, **objects}.items():
        assert {key: not optional for key, (_, optional, _) in SECOND.SPECS[name].items()} == declared(model), name
    assert dict(EXPONENTS) == SECOND.DIGITS
    assert [*Verdict] == SECOND.ORDER


def test_they_agree_on_honest_runs(runs):
    """Passed, failed, pending, carried on: one verdict from both."""
    assert {name: first(read_folder(run)) for name, run in runs.items()} == {
        "passed": "PASS",
        "failed": "FAIL",
        "dry": "CONDITIONAL",
        "rescued": "CONDITIONAL",
        "rehearsed": "PENDING",
    }
    for run in runs.values():
        assert second(read_folder(run)) == first(read_folder(run))


def test_they_agree_on_structural_attacks(runs):
    """Files removed, added, renamed, swapped, spelled otherwise: invalid to both."""
    seen = 0
    for name in ("passed", "rehearsed"):
        files = read_folder(runs[name])
        for what, changed in structural(files):
            if changed != files:
                assert (first(changed), second(changed)) == ("INVALID", "INVALID"), what
                seen += 1
    assert seen >= 120


def test_they_agree_on_damage(runs):
    """Bits flipped, bytes put in and cut out, anywhere: the same end."""
    figures = damaged([read_folder(run) for run in runs.values()], FLIPPED)
    assert figures.disagreements == []
    assert figures.bundles == FLIPPED


def test_they_agree_on_forgeries_without_a_mistake(runs):
    """Rows, facts, order, gate and verdict forged, then chained, listed and sealed anew: the same end, and every end."""
    bases = [read_folder(runs[name]) for name in ("passed", "failed", "dry", "rehearsed")]
    figures = forged(bases, FORGED)
    assert figures.disagreements == []
    ends = figures.ends
    assert {"INVALID", "PASS", "PENDING", "CONDITIONAL", "INCOMPLETE", "FAIL", "ESCALATED"} <= set(ends), ends
    assert ends["INVALID"] < 0.9 * FORGED, ends


def both(run: Path, policy: Path | None) -> tuple[int, int]:
    """The exit codes of both over a folder."""
    return examine(run, policy)[0], SECOND.verify(str(run), None if policy is None else str(policy))[0]


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Team:
    """Keys for the tests of this module."""
    return team(tmp_path_factory.mktemp("keys"))


def test_they_agree_on_signatures(runs, people, tmp_path):
    """Signed by somebody known, by somebody else, by nobody; one required or two; forged under a good signature."""
    ends = Counter()
    for key, who in (("ops", "ops"), ("eve", "ops"), ("ops", "eve"), (None, "")):
        for name in ("passed", "rehearsed"):
            root = tmp_path / f"{key}-{who}-{name}"
            path = None if key is None else people.key(key)
            run = sealed_again(runs[name], root, key=path, principal=f"{who}@example.test")
            for required in (0, 1, 2):
                mine, other = both(run, people.policy(required=required))
                assert mine == other, (key, who, name, required)
                ends[mine] += 1
            assert both(run, None)[0] == both(run, None)[1]
            (root / "seals.jsonl").unlink()
    assert set(ends) == {VALID, NOT_PASS, UNDECIDED}


def test_they_agree_on_forgeries_under_a_signature(runs, people, tmp_path):
    """Whoever forges without the key keeps the old signature, and neither verifier passes the bundle."""
    run = sealed_again(runs["passed"], tmp_path / "signed", key=people.key("ops"), principal="ops@example.test")
    honest = believe(read_folder(run)).envelope.signatures
    policy = people.policy()
    ends = Counter()
    for seed in range(SIGNED):
        chance = random.Random(seed)
        files, lines = forge(chance, read_folder(run))
        forged = unsealed(files, lines)
        try:
            bundle = enveloped(forged, said_of(forged), signatures=honest)
        except Exception:  # noqa: BLE001, S112 - a story the project does not believe needs no signature
            continue
        folder = tmp_path / "forged" / "e2e" / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in bundle.items():
            (folder / name).write_bytes(content)
        mine, other = both(folder, policy)
        assert mine == other, f"seed {seed}"
        assert mine in {UNDECIDED, INVALID} or lines == [*lines_before(run)], f"seed {seed}"
        ends[mine] += 1
    assert ends[UNDECIDED]


def lines_before(run: Path) -> list[object]:
    """The lines of the honest journal."""
    return list(lines_of(read_folder(run)))


@pytest.mark.parametrize(
    "text",
    [
        *(
            'accounts = { sandbox = "acct_1" }\n',
            'gates = { e2e = "00" }\n',
            'gates = { other = "00" }\n',
            "required = 9\n",
        ),
        *(
            "signer = 1\n",
            "unsigned = []\n",
            'unsigned = ["prod"]\n',
            "[",
            "required = true\n",
            'heads = { prod = "00" }\n',
        ),
    ],
)
def test_they_agree_on_policies(runs, tmp_path, text):
    """A policy that pins, is malformed, or asks for signatures has the same effect on both."""
    run = shutil.copytree(runs["passed"], tmp_path / "a" / "b" / "run")
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    mine, other = both(run, policy)
    assert mine == other


def test_they_agree_on_countersigned_bundles(runs, people, tmp_path):
    """Countersignatures count for both, and one that is stale, malformed or a stranger's counts for neither."""
    run = sealed_again(runs["passed"], tmp_path / "reports", key=people.key("ops"), principal="ops@example.test")
    policy = people.policy(required=2)
    assert both(run, policy) == (UNDECIDED, UNDECIDED)
    countersign(run, "ann@example.test", people.key("ann"))
    assert both(run, policy) == (VALID, VALID)
    one = run / "countersignature-1.json"
    content = one.read_bytes()
    for spoilt, code in (
        (content.replace(b'"attestation":"', b'"attestation":"0', 1)[:-1] + b"}", INVALID),
        (content + b"\n", INVALID),
        (content.replace(b"ann@", b"bob@"), UNDECIDED),
        (content.replace(b"ann@", b"eve@"), UNDECIDED),
    ):
        one.write_bytes(spoilt)
        assert both(run, policy) == (code, code)
    one.write_bytes(content)
    shutil.copy(one, run / "countersignature-2.json")
    assert both(run, policy) == (UNDECIDED, UNDECIDED)
    one.unlink()
    assert both(run, policy) == (INVALID, INVALID)
    files = read_folder(runs["passed"])
    for seed in range(FLIPPED // 4):
        chance = random.Random(seed)
        spoilt = bytearray(content)
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        changed = {**files, "countersignature-1.json": bytes(spoilt)}
        assert first(changed) == second(changed), seed


def test_the_second_reads_an_archive_that_was_unpacked(runs, tmp_path):
    """An archived run, unpacked with tar, is what it was; packed, the second verifier cannot decide."""
    from pytest_paygate.adapters.archive_format import pack

    path = tmp_path / "run.tar.gz"
    path.write_bytes(pack(read_folder(runs["rehearsed"])))
    assert SECOND.verify(str(path))[0] == UNDECIDED
    (tmp_path / "a" / "b" / "run").mkdir(parents=True)
    subprocess.run(["tar", "xzf", str(path), "-C", str(tmp_path / "a" / "b" / "run")], check=True)
    assert examine(path, None)[0] == NOT_PASS
    assert both(tmp_path / "a" / "b" / "run", None) == (NOT_PASS, NOT_PASS)


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("4242 4242 4242 4242", INVALID),
        ("sk_live_" + "x" * 24, INVALID),
        ("4242 4242 4242 4241", VALID),
        ("4242", VALID),
    ],
)
def test_the_second_never_passes_what_looks_like_a_secret(runs, tmp_path, text, project):
    """A fact that looks like a key or a card number is refused by the project and undecided by the second, or stricter."""
    files = read_folder(runs["passed"])
    lines = lines_of(files)
    next(line["event"] for line in lines if line["event"].get("name") == "login_outcome")["value"] = text
    forged = sealed_by_whoever_believes_it(unsealed(files, lines))
    if project == INVALID:
        assert first(forged) == "INVALID"
        with pytest.raises(SECOND.Undecided):
            SECOND.fold([entry["event"] for entry in SECOND.read_journal(forged, 0)[0]])
    folder = tmp_path / "a" / "b" / "run"
    folder.mkdir(parents=True)
    for name, content in forged.items():
        (folder / name).write_bytes(content)
    mine, other = both(folder, None)
    assert mine == project
    assert other == (VALID if text == "4242" else UNDECIDED)


def test_they_agree_on_each_rule_of_witnesses_guards_and_capacity(runs):
    """Each table that a gate can have more, and each such event around the purchase: the same end, some of them sound."""
    files = read_folder(runs["passed"])
    ends: Counter[str] = Counter()
    for text in forged_rules.every_gate(files["gate.toml"].decode()):
        lines = lines_of(files)
        lines[0]["event"] |= {"gate": forged_rules.unread(text), "gate_sha256": sha256(text.encode())}
        told = sealed_by_whoever_believes_it(unsealed({**files, "gate.toml": text.encode()}, lines))
        assert second(told) == first(told), text[-200:]
        ends[first(told)] += 1
    assert min(ends["PASS"], ends["INVALID"]) >= 10, ends
    ends.clear()
    for number, lines in enumerate(forged_rules.every_journal(lines_of(files))):
        told = sealed_by_whoever_believes_it(unsealed(files, lines))
        assert second(told) == first(told), number
        ends[first(told)] += 1
    assert {"PASS", "CONDITIONAL", "FAIL", "INVALID"} <= set(ends), ends


def test_a_quarantined_run_is_invalid_to_both(runs):
    """A file that says that a secret was found shuts the run, even when the manifest lists it."""
    for name in ("quarantine.json", "quarantine-1.json"):
        files = {**unsealed(read_folder(runs["passed"]), lines_of(read_folder(runs["passed"]))), name: b"{}"}
        shut = enveloped(files, said_of(files))
        assert (first(shut), second(shut)) == ("INVALID", "INVALID")


@pytest.mark.parametrize("name", ["no-go", "pending", "escalated", "rehearsal"])
@pytest.mark.parametrize("until", ["2026-12-01", "2026-11-19"])
@pytest.mark.parametrize(
    "target", ['row = "licence"', 'row = "reversal"', 'criterion = "funds_seen"', 'criterion = "walkthrough"']
)
def test_they_agree_on_waivers(name, until, target, tmp_path):
    """With a waiver that holds or has ended, of a row or a criterion, both come to the same verdict."""
    waiver = f'\n[[waivers]]\n{target}\nowner = "cto"\nreason = "known"\nuntil = {until}\n'
    scene = SCENES[name](SOURCE + waiver.encode())
    scene.put(tmp_path)
    seal(RunDirectory(tmp_path, scene.gate.id, RUN_ID), 0)
    files = read_folder(tmp_path / scene.gate.id / RUN_ID)
    assert second(files) == first(files)
