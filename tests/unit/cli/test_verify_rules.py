"""`paygate verify`: which exit code and which words, for whatever may be right or wrong with a bundle."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_paygate.adapters import seal_log
from pytest_paygate.cli import against_ledger
from pytest_paygate.cli import verify as module
from pytest_paygate.cli.verify import INVALID, NOT_PASS, UNDECIDED, VALID, examine, look, verify
from pytest_paygate.core.strict import BundleError, canonical
from pytest_paygate.core.trust import Policy
from tests.unit.cli.sealed_runs import (
    ANN,
    EVE,
    HELD_BACK,
    NOBODY,
    OPS,
    TOLD,
    TOLD_HELD_BACK,
    archived,
    countersigned,
    sealed,
)

NOBODY_ASKED = "required = 0\n"


def policy(folder: Path, text: str = NOBODY_ASKED) -> Path:
    """A policy that asks for no signature, unless it says otherwise."""
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def said(*arguments: object) -> tuple[int, list[str]]:
    """`paygate verify`: exit code and lines."""
    done = CliRunner().invoke(verify, [str(one) for one in arguments])
    return done.exit_code, done.output.splitlines()


@pytest.fixture
def run(tmp_path) -> Path:
    """A live run that passed, sealed by nobody, with the log of seals beside it."""
    return sealed(tmp_path / "reports")


def signed(path: Path, people, text: str = "", required: int = 1) -> tuple[int, list[str]]:
    """What is said of a run under the people's policy."""
    return said(path, "--policy", people.policy(text, required=required))


def test_the_exit_codes_are_promised():
    """0 valid and PASS, 1 valid and not PASS, 2 invalid, 3 cannot decide."""
    assert (VALID, NOT_PASS, INVALID, UNDECIDED) == (0, 1, 2, 3)


def test_a_pass_that_is_believed(run, tmp_path):
    """Exit 0, the verdict, and the five facts with who stands for them; as a folder and as an archive."""
    expected = (0, ["VALID: PASS", *TOLD, NOBODY])
    assert said(run, "--policy", policy(tmp_path)) == expected
    assert said(archived(run), "--policy", policy(tmp_path)) == expected
    assert examine(run, policy(tmp_path)) == expected


def test_a_sound_run_that_is_no_pass(tmp_path):
    """Exit 1, with the verdict that it has instead; what was never recorded or planned is told as that."""
    held = sealed(tmp_path / "reports", HELD_BACK)
    assert said(held, "--policy", policy(tmp_path)) == (
        1,
        ["VALID, and not a pass: INCOMPLETE", *TOLD_HELD_BACK, NOBODY],
    )
    examined = look(held, policy(tmp_path))
    assert examined.bundle is not None
    assert examined.bundle.told["run_id"] == held.name


def test_a_live_run_that_nobody_vouches_for(run):
    """Without a policy a live bundle is not invalid, and not decided: exit 3, with its facts."""
    missing = "CANNOT DECIDE: 0 of 1 signatures by people of the policy"
    assert said(run) == (3, [missing, *TOLD, NOBODY])
    examined = look(run, None)
    assert (examined.code, examined.lines) == (3, [missing, *TOLD, NOBODY])
    assert examined.bundle is not None
    assert examined.bundle.told["run_id"] == run.name


def test_a_changed_file_is_named(run):
    """Exit 2, one line that says what is wrong, no facts, and no bundle for anybody to go on with."""
    (run / "report.md").write_bytes(b"all is well\n")
    assert said(run) == (2, ["INVALID: report.md is not as it was sealed"])
    examined = look(run, None)
    assert (examined.code, examined.lines, examined.bundle) == (
        2,
        ["INVALID: report.md is not as it was sealed"],
        None,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("required = 7\n", "INVALID: policy.toml: required: "),
        ("require = 1\n", "INVALID: policy.toml: require: "),
        ("required = \n", "INVALID: the policy cannot be read: "),
        (f'{NOBODY_ASKED}[accounts]\nprod = "acct_2"\n', "INVALID: account acct_1ExampleAccount is not the one of "),
        (f'{NOBODY_ASKED}[gates]\ne2e = "{"0" * 64}"\n', "INVALID: gate e2e is not the pinned one"),
    ],
)
def test_a_policy_that_is_wrong_or_pins_another(run, tmp_path, text, words):
    """A policy with a mistake believes nothing, and one that pins another account or gate does not believe this one."""
    code, lines = said(run, "--policy", policy(tmp_path, text))
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(words), lines


def test_what_is_needed_and_not_there(run, tmp_path, people, monkeypatch):
    """A missing policy file, or no ssh-keygen to ask, is nothing wrong with the bundle: exit 3, no facts."""
    assert said(run, "--policy", tmp_path / "none.toml") == (3, ["CANNOT DECIDE: No such file or directory"])
    assert look(run, tmp_path / "none.toml").bundle is None
    path = sealed(tmp_path / "signed", key=people.key("ops"), by=OPS)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert signed(path, people) == (3, ["CANNOT DECIDE: signatures cannot be made or checked"])


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(5, "Input/output error"), (3, "CANNOT DECIDE: Input/output error")),
        (OSError("only words"), (3, "CANNOT DECIDE: only words")),
        (OSError(), (3, "CANNOT DECIDE: OSError")),
        (BundleError("seven words"), (2, "INVALID: seven words")),
        (BundleError(), (2, "INVALID: BundleError")),
        (ZeroDivisionError("words of a forger"), (2, "INVALID: it cannot be read (ZeroDivisionError)")),
        (RecursionError(), (2, "INVALID: it cannot be read (RecursionError)")),
    ],
)
def test_whatever_goes_wrong_is_one_line(run, monkeypatch, error, expected):
    """What reading fails with is told in its own words where they are ours, and by its kind where they are not."""

    def fails(_: Path) -> dict[str, bytes]:
        raise error

    monkeypatch.setattr(module, "read_bundle", fails)
    assert said(run) == (expected[0], [expected[1]])


def test_people_of_the_policy_vouch(tmp_path, people):
    """A good signature by one of them decides, and is told by name; where more are asked for it does not."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    assert signed(path, people) == (0, ["VALID: PASS", *TOLD, f"  signed by    {OPS}"])
    missing = "CANNOT DECIDE: 1 of 2 signatures by people of the policy"
    assert signed(path, people, required=2) == (3, [missing, *TOLD, f"  signed by    {OPS}"])


@pytest.mark.parametrize(("key", "by"), [("eve", OPS), ("eve", EVE), ("ops", EVE), ("ops", ANN)])
def test_a_signature_that_nobody_can_vouch_for(tmp_path, people, key, by):
    """Another key, or a name that the policy does not list: told as unsigned, and never passed over."""
    path = sealed(tmp_path / "reports", key=people.key(key), by=by)
    missing = "CANNOT DECIDE: 1 signatures that the policy cannot vouch for"
    assert signed(path, people) == (3, [missing, *TOLD, NOBODY])
    assert said(path) == (3, [missing, *TOLD, NOBODY])


def test_everybody_counts_once(tmp_path, people):
    """Seal and countersignature add up; a second signature of one person is told once and leaves it undecided."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    countersigned(path, people.key("ann"), ANN)
    both = f"  signed by    {OPS}, {ANN}"
    assert signed(path, people, required=2) == (0, ["VALID: PASS", *TOLD, both])
    countersigned(path, people.key("ops"), OPS, 2)
    missing = "CANNOT DECIDE: 1 signatures that the policy cannot vouch for"
    assert signed(path, people) == (3, [missing, *TOLD, both])


def test_a_signature_that_is_spelled_otherwise_does_not_count(tmp_path, people):
    """ssh-keygen would read it all the same: here it is one that nobody can vouch for."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    countersigned(path, people.key("ann"), ANN)
    file = path / "countersignature-1.json"
    told = json.loads(file.read_bytes())
    respelled = base64.b64encode(base64.b64decode(told["sig"]) + b"more").decode()
    file.write_bytes(canonical({**told, "sig": respelled}))
    missing = "CANNOT DECIDE: 1 signatures that the policy cannot vouch for"
    assert signed(path, people) == (3, [missing, *TOLD, f"  signed by    {OPS}"])


def test_whom_to_ask_is_the_policy_s_to_say(tmp_path, people):
    """A name that stands in the allowed-signers file and not among the policy's signers does not count."""
    path = sealed(tmp_path / "reports", key=people.key("ops"), by=OPS)
    missing = "CANNOT DECIDE: 1 signatures that the policy cannot vouch for"
    for text in (f'allowed_signers = "allowed"\nsigners = ["{ANN}"]\n', f'signers = ["{OPS}"]\n'):
        folder = people.folder
        (folder / "other.toml").write_text(text)
        assert said(path, "--policy", folder / "other.toml") == (3, [missing, *TOLD, NOBODY])


def test_a_log_beside_the_bundle_is_looked_at(run, tmp_path):
    """The log of the reports folder, for a run's folder and for its archive; one that was cut off makes it invalid."""
    paths, log = (run, archived(run)), run.parents[1] / seal_log.NAME
    log.write_bytes(b"")
    cut = "INVALID: the log of seals was cut off: it ends at the seal before this bundle's"
    for path in paths:
        assert said(path, "--policy", policy(tmp_path)) == (2, [cut])
    log.unlink()
    for path in paths:
        assert said(path, "--policy", policy(tmp_path))[0] == 0


def test_a_bundle_that_lies_elsewhere_has_no_log_beside_it(run, tmp_path):
    """Only the log in its own place is taken: not one right beside the file, nor one of a folder above."""
    away = tmp_path / "away" / "deep" / "x.tar.gz"
    away.parent.mkdir(parents=True)
    away.write_bytes(archived(run).read_bytes())
    for folder in (away.parent, away.parents[1], tmp_path.parent):
        (folder / seal_log.NAME).write_bytes(b"damaged")
    assert said(away, "--policy", policy(tmp_path))[0] == 0
    (tmp_path.parent / seal_log.NAME).unlink()


def test_a_bundle_near_the_root_has_no_log_beside_it():
    """Where there are not enough folders above, there is no log."""
    for path in ("/", "/tmp", "/none.tar.gz", "/tmp/none.tar.gz"):  # noqa: S108 - nothing is written there
        assert module._log_file(Policy(), None, Path(path), None) is None


def test_a_relative_path_has_its_log_beside_it(run, monkeypatch):
    """The folders above are those that are really there, wherever the command is run from."""
    monkeypatch.chdir(run)
    (run.parents[1] / seal_log.NAME).write_bytes(b"damaged")
    assert said(".") == (2, ["INVALID: the last line of the log of seals is torn"])


def test_a_log_that_is_named_goes_before(run, tmp_path):
    """The one of the command line, then the policy's beside the policy, then the one beside the bundle."""
    mine, theirs = tmp_path / "mine.jsonl", tmp_path / "theirs.jsonl"
    for path in (mine, theirs):
        path.write_bytes((run.parents[1] / seal_log.NAME).read_bytes())
    (run.parents[1] / seal_log.NAME).write_bytes(b"damaged")
    torn = (2, ["INVALID: the last line of the log of seals is torn"])
    plain = policy(tmp_path)
    assert said(run, "--policy", plain) == torn
    assert said(run, "--policy", plain, "--log", mine)[0] == 0
    naming = policy(tmp_path, f'{NOBODY_ASKED}log = "theirs.jsonl"\n')
    assert said(run, "--policy", naming)[0] == 0
    theirs.write_bytes(b"damaged")
    assert said(run, "--policy", naming) == torn
    assert said(run, "--policy", naming, "--log", mine)[0] == 0


def test_another_run_s_line_is_no_place_in_the_log(run, tmp_path):
    """The bundle's run, gate, seal and seal before stand in one line of its environment, or it is invalid."""
    log = run.parents[1] / seal_log.NAME
    for key in ("e2e", run.name):
        whole = log.read_bytes()
        log.write_bytes(whole.replace(key.encode(), b"other"))
        told = "INVALID: the log of seals tells another run, gate or seal before at this bundle's seal"
        assert said(run, "--policy", policy(tmp_path)) == (2, [told])
        log.write_bytes(whole.replace(b'"prod"', b'"staging"'))
        code, lines = said(run, "--policy", policy(tmp_path))
        assert (code, lines[0].split(":")[:2]) == (2, ["INVALID", " the log of seals was cut off"])
        log.write_bytes(whole)
    second = sealed(run.parents[1], run_id="another-folder")
    assert said(second, "--policy", policy(tmp_path))[0] == 0


def test_a_pinned_head_must_stand_in_the_log(run, tmp_path):
    """A head that is typed, or that the policy pins for the environment: a log without it was cut off before it."""
    (head,) = (line.seal for line in seal_log.read(run.parents[1]))
    absent = "f" * 64
    lost = (
        "INVALID: the log of seals does not reach the pinned head ffffffffffff: it was cut off before it, put back to"
        " an earlier state, or went another way"
    )
    pinning = '{}[heads]\n{} = "{}"\n'
    plain = policy(tmp_path)
    assert said(run, "--policy", plain, "--head", head)[0] == 0
    assert said(run, "--policy", plain, "--head", absent) == (2, [lost])
    for name, pinned, expected in (("prod", head, 0), ("prod", absent, 2), ("staging", absent, 0)):
        path = policy(tmp_path, pinning.format(NOBODY_ASKED, name, pinned))
        assert said(run, "--policy", path)[0] == expected, (name, pinned)
    path = policy(tmp_path, pinning.format(NOBODY_ASKED, "prod", absent))
    assert said(run, "--policy", path, "--head", head) == (2, [lost])


def test_a_log_that_is_asked_for_and_not_there(run, tmp_path):
    """A named log or a pinned head, and nothing to look it up in: exit 3, with the facts."""
    (run.parents[1] / seal_log.NAME).unlink()
    plain, none = policy(tmp_path), tmp_path / "none.jsonl"
    named = "CANNOT DECIDE: a log of seals named, and no log of seals to look it up in"
    pinned = "CANNOT DECIDE: a pinned head, and no log of seals to look it up in"
    assert said(run, "--policy", plain, "--log", none) == (3, [named, *TOLD, NOBODY])
    assert said(run, "--policy", plain, "--head", "f" * 64) == (3, [pinned, *TOLD, NOBODY])
    assert examine(run, plain, log=none) == (3, [named, *TOLD, NOBODY])
    assert examine(run, plain, head="f" * 64) == (3, [pinned, *TOLD, NOBODY])
    assert said(run, "--policy", plain, "--log", none, "--head", "f" * 64) == (3, [pinned, *TOLD, NOBODY])
    path = policy(tmp_path, f'{NOBODY_ASKED}[heads]\nprod = "{"f" * 64}"\n')
    assert said(run, "--policy", path) == (3, [pinned, *TOLD, NOBODY])
    # What is missing of the log is told before what is missing of signatures.
    assert said(run, "--log", none) == (3, [named, *TOLD, NOBODY])


def test_a_policy_that_is_no_file_has_nothing_beside_it(run):
    """What a policy names lies beside its file: without one there is no other log, and nobody's signature counts."""
    bundle, log = look(run, None).bundle, run.parents[1] / seal_log.NAME
    made = Policy(log="theirs.jsonl", allowed_signers="allowed", signers=(OPS,))
    assert module._log_file(made, None, run, None) == log
    assert module._vouched(made, None, bundle) == []
    assert module._check_log(made, bundle, log, "") == ""


def test_a_ledger_needs_to_be_asked_for(run):
    """Whose ledger to read is refused as long as none is to be read."""
    code, lines = said(run, "--env", "prod")
    assert code == 2
    assert lines[-1] == "Error: --env says whose ledger to read: it needs --against-ledger"


def test_a_sound_bundle_is_compared_with_the_ledger(run, tmp_path, monkeypatch):
    """Bundle, environment and exit code go on to the comparison, whose code counts and whose lines come last."""
    asked = []

    def compare(bundle, environment, code):
        asked.append((bundle.told["run_id"], environment, code))
        return 3, ["more", "and more"]

    monkeypatch.setattr(against_ledger, "compare", compare)
    arguments = (run, "--policy", policy(tmp_path), "--against-ledger")
    expected = (3, ["VALID: PASS", *TOLD, NOBODY, "more", "and more"])
    assert said(*arguments) == expected
    assert said(*arguments, "--env", "other") == expected
    assert said(*arguments[:-1])[0] == 0
    assert asked == [(run.name, "", 0), (run.name, "other", 0)]
    (run / "report.md").write_bytes(b"changed")
    assert said(*arguments) == (2, ["INVALID: report.md is not as it was sealed"])
    assert len(asked) == 2
