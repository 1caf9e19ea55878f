"""The operator's whole path in a rehearsal: plan, approval, confirmation, one purchase, and everything that is refused."""

from __future__ import annotations

import json

import pytest

from tests.rehearsal.project import LIVE, PYTHON, environ
from tests.rehearsal.terminal import APPROVE, CONFIRM, start, typed

PAYGATE = (PYTHON, "-m", "pytest_paygate.cli")


def refused(project, *arguments, env=None, answers=None, code=22):
    """Start the gate, see it refused without money having moved; what was shown."""
    before = project.sandbox.money()
    session = project.start(*arguments, env=env, answers=answers)
    assert session.wait() == code, session.output
    assert project.settled(before).charges == 0
    return session.output


def change(project, before, after):
    """Change the project's settings."""
    path = project.folder / "paygate.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_whole_path(project, sandbox):
    """Plan, approve, look, confirm: one charge, refunded, nothing open, nine rows passed, and only the statement pending."""
    before = sandbox.money()
    planned = project.command("plan", "--by", "ann@example.test")
    assert planned.returncode == 0, planned.stderr
    plan = planned.stdout.strip().rsplit(" ", 1)[1]

    looked = project.start("--live")
    assert looked.wait() == 24
    assert "0 of 1 approvals" in looked.output
    assert "Nothing was sent that moves money" in looked.output

    approving = start(
        [*PAYGATE, "approve", plan, "--by", "bob@example.test", "--unsigned"], cwd=project.folder, env=environ()
    )
    assert approving.wait() == 0, approving.output
    assert "1 of 1 approvals are given" in approving.output

    session = project.start()
    assert session.wait() == 20, session.output
    assert "REHEARSAL · gate e2e: PENDING" in session.output
    money = project.settled(before)
    assert (money.charges, money.taken_minor, money.returned_minor, money.payable) == (1, 500, 500, 0)
    (run,) = project.runs()
    log = (run / "session.log").read_text()
    stages = ["PLANNED", "operator typed", "APPROVED", "FENCED", "CHARGE INTENDED", "purchase was sent: SEEN"]
    stages += ["REFUND INTENDED", "SETTLED: 1 charges, EUR 5.00 returned"]
    places = [log.index(stage) for stage in stages]
    assert places == sorted(places)
    assert "UNSIGNED" in log
    assert (run / "guardian.log").read_text() == ""


def test_an_approval_is_for_one_run(project):
    """The same approval a second time is refused; a fresh one is attempt 2."""
    project.approve()
    assert project.start().wait() == 20
    assert "approval_unused" in refused(project)
    project.approve()
    assert project.start().wait() == 20
    assert "attempt 2" in (project.runs()[-1] / "session.log").read_text()


def test_a_changed_gate_needs_a_new_approval(project):
    """One changed line in a test of the gate, and the approval is for something else."""
    project.approve()
    path = project.gate / "test_2_walkthrough.py"
    path.write_text(path.read_text() + "\n# changed\n")
    output = refused(project)
    assert "approved" in output
    assert "suite_sha256" in output


def test_three_wrong_answers_end_it(project):
    """Whoever types the wrong thing three times moves nothing, and the approval is not used up."""
    project.approve()
    output = refused(project, answers={CONFIRM: lambda _: "EUR 5.00"})
    assert output.count("That is not it") == 3
    assert "operator_confirmed" in output
    assert project.start().wait() == 20


def test_enter_alone_never_confirms(project):
    """Enter is no answer and costs no try, however often; three wrong ones end it."""
    project.approve()
    typed_words = iter(["", "", "", "", "", "y", "", "yes", "EUR 5.00"])
    output = refused(project, answers={CONFIRM: lambda _: next(typed_words)})
    assert "operator_confirmed" in output
    assert next(typed_words, None) is None


def test_without_a_terminal_nothing_moves(project, sandbox):
    """A process without a controlling terminal cannot be confirmed, whatever is piped into it."""
    import subprocess

    before = sandbox.money()
    project.approve()
    done = subprocess.run(
        [PYTHON, "-m", "pytest", "-p", "no:randomly", "-p", "no:sugar", "-p", "no:rerunfailures", *LIVE],
        cwd=project.folder,
        env=environ(),
        input="EUR 5.00 amber\n" * 50,
        capture_output=True,
        text=True,
        timeout=170,
        start_new_session=True,
        check=False,
    )
    assert done.returncode not in {0, 20}, done.stdout
    assert "no terminal" in done.stdout + done.stderr
    assert project.settled(before).charges == 0


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('live_policy = "drive"', 'live_policy = "observe"', "policy_allows"),
        ("until = 2036-01-01", "until = 2026-01-02", "policy_allows"),
        ('per_day = "EUR 5000.00"', 'per_day = "EUR 5.00"', "within_caps"),
        ("required = 1", "required = 2", "approved"),
    ],
    ids=["observe", "acknowledgement", "day", "approvals"],
)
def test_a_condition_that_does_not_hold_is_named(project, before, after, named):
    """Policy, acknowledgement, caps of the day, number of approvals: each alone stops the run."""
    if named == "within_caps":
        project.approve()
        assert project.start().wait() == 20
    change(project, before, after)
    project.approve()
    assert named in refused(project)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            'account = "acct_1PaygateSandbox00"',
            'account = "acct_another"',
            "the account behind the stripe key is not as expected",
        ),
        (
            'key = "sandbox:hyperswitch_api_key"',
            'key = "env:T_KEY"',
            "hyperswitch: it was refused to list the payments",
        ),
    ],
    ids=["another_account", "test_key"],
)
def test_the_pre_flight_finds_the_wrong_account(project, before, after, said):
    """Another account than the pinned one, and the test key of a live provider: FAIL before anything is asked."""
    project.approve()
    change(project, before, after)
    output = refused(project, env={"T_KEY": "snd_" + "a" * 60}, code=1)
    assert f"pre-flight P5 (account) is FAIL: {said}" in output
    assert "Nothing is known to have been charged." in output


def test_without_caps_there_is_no_plan(project):
    """An environment without caps allows nothing, and says what to write."""
    text = (project.folder / "paygate.toml").read_text()
    start_of, end_of = text.index("[env.rehearsal.caps]"), text.index("[env.rehearsal.approval]")
    (project.folder / "paygate.toml").write_text(text[:start_of] + text[end_of:])
    assert "env.rehearsal.caps: are missing" in project.command("plan").stderr


def test_what_the_settings_leave_open_is_asked_for(project):
    """Without a path, the default gate and the live environment must be written down; never `testpaths`."""
    change(project, 'default_gate = "suites/e2e"\n', "")
    assert 'Write default_gate = "suites/e2e"' in refused(project, code=4)
    change(project, 'live_env = "rehearsal"\n', "")
    assert "live_env: is missing" in refused(project, code=4)


def test_live_does_not_fit_a_dry_environment(project):
    """`--live` against the embedded sandbox is refused before anything runs."""
    assert "is refused" in refused(project, "suites/e2e", "--live", "--confirm", "--env=sandbox", code=4)


def test_two_runs_at_once_are_one(project, sandbox):
    """While one run waits for its operator, another is refused: the environment is in use."""
    before = sandbox.money()
    project.approve()
    project.approve()
    first = project.start(answers={})
    first.until("type the amount")
    second = project.start()
    assert second.wait() == 22
    assert "is in use by another live run" in second.output
    first.answers = {CONFIRM: typed}
    first._seen = 0
    first._answer()
    assert first.wait() == 20
    assert project.settled(before).charges == 1


def test_wrong_typing_approves_nothing(project):
    """An approver who types another amount three times has approved nothing."""
    plan = project.command("plan", "--by", "ann@example.test").stdout.strip().rsplit(" ", 1)[1]
    arguments = [*PAYGATE, "approve", plan, "--by", "bob@example.test", "--unsigned"]
    session = start(arguments, cwd=project.folder, env=environ(), answers={APPROVE: lambda _: "EUR 50.00"})
    assert session.wait() == 2
    assert "nothing was approved" in session.output
    assert "0 of 1 approvals" in refused(project)


def test_signed_approvals(project, tmp_path):
    """With signatures required, an SSH key in the project's allowed-signers file approves, and another one does not."""
    import subprocess

    change(project, "unsigned = true", "unsigned = false")
    keys = {}
    for name in ("bob", "eve"):
        keys[name] = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys[name])], check=True)
    public = keys["bob"].with_suffix(".pub").read_text()
    (project.folder / "allowed_signers").write_text(f'bob@example.test namespaces="paygate-approval-v1" {public}')
    for name, code in (("eve", 22), ("bob", 20)):
        plan = project.command("plan", "--by", "ann@example.test").stdout.strip().rsplit(" ", 1)[1]
        arguments = [*PAYGATE, "approve", plan, "--by", "bob@example.test", "--key", str(keys[name])]
        assert start(arguments, cwd=project.folder, env=environ()).wait() == 0
        session = project.start()
        assert session.wait() == code, session.output
        if name == "eve":
            assert "its signature is not bob@example.test's" in session.output
    evidence = json.loads((project.runs()[-1] / "evidence.json").read_text())
    assert evidence["mode"] == "rehearsal"


def test_the_requester_does_not_approve(project):
    """Where signatures are required, the requester cannot approve the own plan."""
    change(project, "unsigned = true", "unsigned = false")
    plan = project.command("plan", "--by", "ann@example.test").stdout.strip().rsplit(" ", 1)[1]
    done = project.command("approve", plan, "--by", "ann@example.test")
    assert done.returncode == 2
    assert "the requester does not approve" in done.stderr
