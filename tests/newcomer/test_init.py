"""`paygate init`: what it writes works, what is there stays, and wrong answers write nothing."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
import sys
import tomllib

import pytest
import yaml
from click.testing import CliRunner

from pytest_paygate.cli import paygate
from pytest_paygate.core.environment import DeclaredMode, LivePolicy, read_settings
from tests.rehearsal.project import environ
from tests.rehearsal.terminal import start

PAYGATE = (sys.executable, "-m", "pytest_paygate.cli")
E2E = {
    *("RUNBOOK.md", "__init__.py", "conftest.py", "gate.toml"),
    *("test_1_preflight.py", "test_1_probes.py", "test_2_walkthrough.py", "test_3_reversal.py"),
}
WRITTEN = {
    "paygate.toml",
    "pytest.ini",
    ".gitignore",
    ".gitlab-ci.yml",
    ".github/workflows/paygate.yml",
    "suites/__init__.py",
    *(f"suites/e2e/{name}" for name in E2E),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, entered."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments):
    """`paygate init …` without a terminal."""
    done = CliRunner().invoke(paygate, ["init", *arguments], prog_name="paygate")
    return done.exit_code, done.output


def files(folder):
    """Every file with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def settings(folder):
    """The settings that were written, checked."""
    return read_settings(tomllib.loads((folder / "paygate.toml").read_text()), "paygate.toml")


def test_an_empty_folder_gets_everything(folder):
    """Settings, gate, CI files, ignore lines; nothing was asked."""
    code, output = init()
    assert code == 0, output
    assert set(files(folder)) == WRITTEN
    found = settings(folder)
    assert set(found.env) == {"staging", "rehearsal", "production"}
    production = found.env["production"]
    assert production.mode is DeclaredMode.LIVE
    assert production.live_policy is LivePolicy.OBSERVE
    assert production.acknowledgement is None
    assert production.base_url.startswith("https://")
    assert found.live_env == "rehearsal"


def test_the_commented_drive_block_is_right_once_it_is_uncommented(folder):
    """Taking the comment signs away gives an acknowledgement that can be read, and whose days are its writer's."""
    init("--account", "acct_1ShopLive")
    text = (folder / "paygate.toml").read_text()
    block = re.search(r"(?:^# (?:\[env\.production\.ack|\w+ = ).*\n)+", text, re.MULTILINE)
    assert block is not None
    driven = text.replace(block[0], re.sub(r"^# ", "", block[0], flags=re.MULTILINE))
    driven = driven.replace('live_policy = "observe"', 'live_policy = "drive"')
    production = read_settings(tomllib.loads(driven), "paygate.toml").env["production"]
    assert production.acknowledgement is not None
    assert (production.acknowledgement.until - production.acknowledgement.at).days == 90
    assert production.providers["stripe"].account == "acct_1ShopLive"


def test_answers_reach_the_files(folder):
    """What options say stands in the settings, quoted as TOML wants it; a staging of one's own has its own variables."""
    code, _ = init("--staging-url", "https://staging.shop.example/api/", "--buyer-email", "o'neil@shop.example")
    assert code == 0
    staging = settings(folder).env["staging"]
    assert staging.base_url == "https://staging.shop.example/api"
    assert staging.values["buyer_email"] == "o'neil@shop.example"
    assert staging.log_url == ""
    assert staging.providers["stripe"].base_url == ""
    variables = {staging.database, staging.secrets["buyer_password"], *(one.key for one in staging.providers.values())}
    workflow = (folder / ".github" / "workflows" / "paygate.yml").read_text()
    for variable in (reference.removeprefix("env:") for reference in variables):
        assert variable.startswith("PAYGATE_STAGING_")
        assert f"secrets.{variable} " in workflow


def test_microcharge_brings_what_it_stands_behind(folder):
    """Both gates, and the fleet's environments, each behind the e2e environment it names."""
    assert init("--gate", "microcharge")[0] == 0
    assert (folder / "suites" / "e2e" / "gate.toml").is_file()
    assert (folder / "suites" / "microcharge" / "gate.toml").is_file()
    found = settings(folder).env
    assert set(found) == {"staging", "rehearsal", "production", "fleet_staging", "fleet_rehearsal"}
    for name in ("staging", "rehearsal"):
        fleet = found[f"fleet_{name}"]
        assert fleet.values["e2e_environment"] == name
        assert fleet.mode is found[name].mode
        assert set(fleet.services) == {"a1", "a3", "a5", "a6", "a8"}
        assert fleet.capacity is not None


@pytest.mark.parametrize("gate", ["e2e", "microcharge"])
def test_the_github_workflow(folder, gate):
    """It parses, runs at night, keeps the report of a red gate, pins every action, and deploys only behind the gate."""
    init("--gate", gate, "--ci", "github")
    assert not (folder / ".gitlab-ci.yml").exists()
    text = (folder / ".github" / "workflows" / "paygate.yml").read_text()
    workflow = yaml.safe_load(text)
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True]["schedule"][0]["cron"]
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    for uses in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", uses)
    for name in ("sandbox", "staging"):
        upload = next(step for step in jobs[name]["steps"] if "upload-artifact" in step.get("uses", ""))
        assert upload["if"] == "always()"
        assert "reports/" in upload["with"]["path"]
    steps = [step.get("run", "") for step in jobs["deploy"]["steps"]]
    assert jobs["deploy"]["needs"] == "sandbox"
    gated = next(index for index, run in enumerate(steps) if run.startswith(f"paygate gate {gate} "))
    assert '--commit "$GITHUB_SHA"' in steps[gated]
    assert gated < steps.index('echo "deploy here"')
    assert f"suites/{gate}" in " ".join(step.get("run", "") for step in jobs["sandbox"]["steps"])


@pytest.mark.parametrize("gate", ["e2e", "microcharge"])
def test_the_gitlab_pipeline(folder, gate):
    """It parses, keeps the report of a red gate, and deploys only behind the gate."""
    init("--gate", gate, "--ci", "gitlab")
    assert not (folder / ".github").exists()
    pipeline = yaml.safe_load((folder / ".gitlab-ci.yml").read_text())
    assert pipeline[".paygate"]["artifacts"]["when"] == "always"
    assert "reports/" in pipeline[".paygate"]["artifacts"]["paths"]
    assert pipeline["deploy"]["needs"] == ["paygate:gate"]
    assert pipeline["paygate:gate"]["needs"] == ["paygate:sandbox"]
    (gated,) = pipeline["paygate:gate"]["script"]
    assert gated.startswith(f"paygate gate {gate} ")
    assert {job["stage"] for job in pipeline.values() if isinstance(job, dict) and "stage" in job} == set(
        pipeline["stages"]
    )


def test_what_is_there_stays(folder):
    """No file is overwritten, each is named; `.gitignore` grows once and keeps what it had."""
    mine = {
        "paygate.toml": '[env.mine]\nmode = "staging"\nbase_url = "http://h"\n',
        "suites/e2e/gate.toml": "mine",
        ".gitlab-ci.yml": "mine",
        "pytest.ini": "[pytest]\n",
        ".gitignore": "*.log\n.env",
    }
    for place, text in mine.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    code, output = init()
    assert code == 0
    after = files(folder)
    for place in (*mine, "suites/e2e"):
        if place not in {".gitignore", "suites/e2e/gate.toml"}:
            assert f"left as it is  {place}\n" in output
    assert {place: after[place].decode() for place in mine if place != ".gitignore"} == {
        place: text for place, text in mine.items() if place != ".gitignore"
    }
    ignored = after[".gitignore"].decode()
    assert ignored.startswith("*.log\n.env\n")
    assert ignored.splitlines().count(".env") == 1
    assert "/reports/" in ignored.splitlines()
    assert set(after) - set(mine) == {".github/workflows/paygate.yml"}
    init()
    assert files(folder) == after


def test_a_gate_whose_copy_was_cut_off_is_completed(folder):
    """The gate's own file comes last: without it a second init adds what is missing."""
    _, output = init()
    assert re.findall(r"written +suites/e2e/(.*)", output)[-1] == "gate.toml"
    whole = files(folder)
    for name in ("gate.toml", "test_1_preflight.py"):
        (folder / "suites" / "e2e" / name).unlink()
    assert init()[0] == 0
    assert files(folder) == whole


def test_settings_in_pyproject_are_settings(folder):
    """Where `[tool.paygate]` is, a `paygate.toml` would win over it, so none is written."""
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\n[tool.paygate]\nlive_env = "x"\n')
    code, output = init()
    assert code == 0
    assert "left as it is  pyproject.toml" in output
    assert not {"paygate.toml", "pytest.ini"} & set(files(folder))


def test_dry_run_writes_nothing(folder):
    """The text of every file that would be made for the project is shown."""
    code, output = init("--dry-run")
    assert code == 0
    assert files(folder) == {}
    for place in WRITTEN:
        assert re.search(rf"would (write|add to) +{re.escape(place)}$", output, re.MULTILINE)
    assert '    | live_env = "rehearsal"' in output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[env.staging\nmode = 'staging'\n",
            """paygate.toml: cannot be read
  expected  a readable UTF-8 TOML file
  observed  Expected ']' at the end of a table declaration (at line 1, column 13)
  money     No money moved.
  next      Correct the file or its path.
""",
        ),
        (
            "[env.staging]\nmode = 'stagign'\nbase_url = 'http://h'\n",
            """paygate.toml: env.staging.mode: is not one of the allowed values
  expected  one of: sandbox, staging, live. Did you mean 'staging'?
  observed  'stagign'
  money     No money moved.
  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.
""",
        ),
        (
            "[env.staging]\nmode = 'staging'\n",
            """paygate.toml: env.staging.base_url: is missing
  expected  a value for this key
  observed  a table with the keys: mode
  money     No money moved.
  next      Correct the file; its keys are listed in docs/reference/paygate-toml.md.
""",
        ),
    ],
    ids=["cut off", "wrong value", "half written"],
)
def test_settings_that_are_wrong_are_named_and_left(folder, text, said):
    """A half-written settings file is a refusal that names file, key and value; nothing is written beside it."""
    (folder / "paygate.toml").write_text(text)
    code, output = init()
    assert code == 2
    assert output == said
    assert set(files(folder)) == {"paygate.toml"}


WRONG = {
    "gate": ("e3e", "one of: e2e, microcharge. Did you mean 'e2e'?"),
    "ci": ("jenkins", "one of: github, gitlab, both, none."),
    "staging_url": ("shop", "http(s)://host[:port][/path] without user, query or fragment"),
    "production_url": (
        "https://127.0.0.1/api",
        "an https address of another machine: a sandbox has no place in an environment declared live",
    ),
    "account": ("1Shop", "acct_… as the provider's dashboard shows it, or nothing"),
    "buyer_email": ("buyer", "name@host.domain"),
    "product_id": ("two words", "an id of up to 100 letters, digits, `_`, `.`, `:` and `-`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_option_is_refused(folder, name):
    """Each option names what it expects, and nothing is written."""
    wrong, expected = WRONG[name]
    option = f"--{name.replace('_', '-')}"
    code, output = init(option, wrong)
    assert code == 2
    assert (
        output
        == f"""paygate init {option}: is not accepted
  expected  {expected}
  observed  {wrong!r}
  money     No money moved.
  next      Nothing was written; run `paygate init` again, or give the answers as options.
"""
    )
    assert files(folder) == {}


def test_a_key_pasted_into_a_question_is_not_repeated(folder):
    """Whoever pastes a secret where an id belongs does not find it on the screen again."""
    key = "sk_live_" + "a1B2" * 6
    for option in ("--account", "--product-id", "--gate"):
        code, output = init(option, key)
        assert code == 2
        assert key not in output
        assert "observed  something that looks like a secret" in output


def asked(folder, answers):
    """`paygate init` at a terminal, with an answer for each question by a piece of its text; Enter for the others."""
    given = {re.compile(re.escape(text) + r".*: $", re.DOTALL): (lambda _, said=said: said) for text, said in answers}
    given[re.compile(r"[a-z)\]]: $")] = lambda _: ""
    return start([*PAYGATE, "init"], cwd=folder, env=environ(NO_COLOR="1", COLUMNS="200"), answers=given)


QUESTIONS = {
    "gate": "Which gate to adapt",
    "ci": "CI files for",
    "staging_url": "in test mode",
    "production_url": "with live keys",
    "account": "Stripe account of production",
    "buyer_email": "E-mail of the buyer",
    "product_id": "Id of the product",
}


def test_at_a_terminal_enter_takes_the_defaults(folder):
    """Every question has a default that works."""
    session = asked(folder, ())
    assert session.wait() == 0, session.output
    assert set(files(folder)) == WRITTEN
    for text in QUESTIONS.values():
        assert text in session.output


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_answered_wrongly(folder, name):
    """A wrong answer is asked again with the reason; the third one ends it, and nothing is written."""
    wrong, expected = WRONG[name]
    session = asked(folder, [(QUESTIONS[name], wrong)])
    assert session.wait() == 2, session.output
    assert session.output.count(f"not accepted: {wrong!r}; expected {expected}") == 3
    assert f"paygate init --{name.replace('_', '-')}: was answered wrongly 3 times" in session.output
    assert files(folder) == {}


def test_a_right_answer_after_a_wrong_one_counts(folder):
    """A question that was answered wrongly is asked again, and the right answer goes on."""
    said = iter(["nine", "github"])
    given = {
        re.compile(r"CI files for.*: $", re.DOTALL): lambda _: next(said),
        re.compile(r"[a-z)\]]: $"): lambda _: "",
    }
    session = start([*PAYGATE, "init"], cwd=folder, env=environ(), answers=given)
    assert session.wait() == 0, session.output
    assert session.output.count("not accepted: 'nine'") == 1
    assert set(files(folder)) == WRITTEN - {".gitlab-ci.yml"}


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_ends_it_has_written_nothing(folder, key):
    """Ctrl-C or the end of the input at any question: a sentence, code 130, no file."""
    session = start([*PAYGATE, "init"], cwd=folder, env=environ(), answers={})
    session.until("[e2e]: ")
    # A signal between the question and the read behind it is seen with the next key only, so it is pressed again.
    for _ in range(5):
        os.write(session.handle, key)
        with contextlib.suppress(AssertionError):
            session.until("nothing was written", timeout_seconds=5)
            break
    assert session.wait() == 130, session.output
    assert "nothing was written" in session.output
    assert files(folder) == {}


def test_without_a_terminal_nothing_is_asked(folder):
    """With input from elsewhere it asks nothing and reads nothing."""
    done = subprocess.run(
        [*PAYGATE, "init"],
        cwd=folder,
        env=environ(),
        input="microcharge\n" * 9,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Which gate" not in done.stdout
    assert set(files(folder)) == WRITTEN


def test_what_is_in_the_way_is_named_before_anything_is_written(folder):
    """A file where a folder belongs: the refusal names it, and the folder is as it was."""
    (folder / "suites").write_text("a file")
    code, output = init()
    assert code == 2
    assert (
        output
        == """paygate init: suites/__init__.py: cannot be written
  expected  a folder that can be written to, with nothing in the way
  observed  suites is there and is no folder
  money     No money moved.
  next      Clear the way and run `paygate init` again; files that are there stay as they are.
"""
    )
    assert set(files(folder)) == {"suites"}


def test_a_link_is_not_followed(folder, tmp_path_factory):
    """A dangling link in a file's place is something that is there: it stays, and nothing is written through it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "file"
    (folder / ".gitlab-ci.yml").symlink_to(elsewhere)
    code, output = init()
    assert code == 0
    assert "left as it is  .gitlab-ci.yml" in output
    assert not elsewhere.exists()


def test_files_are_for_the_project_not_for_its_owner_alone(folder):
    """Files have the mode the person's umask gives; none can be executed."""
    before = os.umask(0o022)
    try:
        init()
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o644}
