"""What is left to people: `paygate recover`, `paygate orphans`, incidents, resuming, and input that cannot be trusted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.rehearsal.project import UNMEASURED, Project

HERE = Path(__file__).parent
SHORT_LEASE = "from pytest_paygate.exposure import lock_keeper\nlock_keeper.LockKeeper.__init__.__defaults__ = (1.0,)\n"


@pytest.fixture
def dead(project: Project):
    """Runs that die at a point together with their guardian; returns the folder of the run that is left."""
    shutil.copy(HERE / "dying.py", project.folder / "conftest.py")

    def die(point: str = "24:after:both") -> Path:
        project.approve()
        session = project.start(env={"PAYGATE_TEST_DIE": point, **UNMEASURED})
        assert session.wait() == -9, session.output
        return project.runs()[-1]

    return die


def test_recover_settles_and_says_so(project, sandbox, dead):
    """A run whose two processes died is settled by `paygate recover`; it is then CONDITIONAL at best, and reported on."""
    before = sandbox.money()
    run = dead()
    assert (sandbox.money() - before).open_minor == 500
    done = project.command("recover")
    assert done.returncode == 0, done.stderr
    assert "settled: ch_" in done.stdout
    assert (sandbox.money() - before).open_minor == 0
    evidence = json.loads((run / "evidence-1.json").read_text())
    assert evidence["verdict"] not in {"PASS", "PENDING"}
    assert "carried on by recover" in (run / "report-1.md").read_text()
    assert not (run / "incident-1.md").exists()


def test_a_torn_last_line_is_dropped_and_kept_as_it_is(project, sandbox, dead):
    """Half a line at the end is what a crash leaves: it is not read, not mended, and the run is settled."""
    before = sandbox.money()
    run = dead()
    with (run / "journal.jsonl").open("ab") as file:
        file.write(b'{"at":"2026-11-21T09:15')
    content = (run / "journal.jsonl").read_bytes()
    assert project.command("recover").returncode == 0
    assert (run / "journal.jsonl").read_bytes() == content
    assert "23 torn bytes left where they are" in (run / "session-1.log").read_text()
    assert (sandbox.money() - before).open_minor == 0


def test_a_damaged_journal_stops_recovery_and_orphans_still_finds_the_charge(project, sandbox, dead):
    """A journal with a bad line is not believed; the ledger alone tells what is outstanding, and gives it back."""
    before = sandbox.money()
    run = dead()
    good = (run / "journal.jsonl").read_bytes()
    (run / "journal.jsonl").write_bytes(good.replace(b"EUR", b"USD", 1))
    done = project.command("recover")
    assert done.returncode == 23
    assert "cannot be trusted" in done.stderr
    assert (sandbox.money() - before).open_minor == 500

    listed = project.command("orphans", "--json")
    assert listed.returncode == 23
    (orphan,) = json.loads(listed.stdout)
    assert (orphan["outstanding"], orphan["pending"]) == ("EUR 5.00", "EUR 0.00")
    assert (sandbox.money() - before).open_minor == 500
    assert project.command("orphans", "--yes-refund", "EUR 50.00").returncode == 2
    assert (sandbox.money() - before).open_minor == 500
    assert project.command("orphans", "--yes-refund", "EUR 5.00").returncode == 0
    assert (sandbox.money() - before).open_minor == 0
    (run / "journal.jsonl").write_bytes(good)
    assert project.command("recover").returncode == 0


def test_a_journal_of_another_environment_is_refused(project, sandbox, dead):
    """A run is settled with the account it was made with, or not at all."""
    run = dead()
    text = (project.folder / "paygate.toml").read_text()
    (project.folder / "paygate.toml").write_text(
        text.replace("env.rehearsal", "env.other").replace('live_env = "rehearsal"', 'live_env = "other"')
    )
    done = project.command("recover", run.name)
    assert done.returncode == 23
    assert f"run {run.name} is not of environment other" in done.stderr
    (project.folder / "paygate.toml").write_text(text)
    assert project.command("recover").returncode == 0


def test_a_folder_that_cannot_be_written_refunds_nothing_and_says_so(project, sandbox, dead):
    """Without a journal nothing is sent, a refund neither; the refusal says what to do."""
    if os.geteuid() == 0:
        # Root writes anywhere: a file in the place of the next journal stands for the full disk.
        run = dead()
        (run / "journal-1.jsonl").mkdir()
    else:
        run = dead()
        run.chmod(0o500)
    before = sandbox.money()
    done = project.command("recover")
    assert done.returncode == 23
    assert "journal" in done.stderr
    assert sandbox.money() == before
    if os.geteuid() == 0:
        (run / "journal-1.jsonl").rmdir()
    run.chmod(0o700)
    assert project.command("recover").returncode == 0


def test_a_provider_that_is_down_is_waited_for(project, sandbox, dead):
    """While the ledger cannot be read nothing is settled; a later `paygate recover` settles."""
    before = sandbox.money()
    dead()
    text = (project.folder / "paygate.toml").read_text()
    (project.folder / "paygate.toml").write_text(text.replace(sandbox.description["stripe_url"], "http://127.0.0.1:9"))
    done = project.command("recover", "--patience", "2")
    assert done.returncode == 23
    assert "ESCALATED" in done.stdout
    run = project.runs()[-1]
    incident = (run / "incident-1.md").read_text()
    assert "the provider's ledger could not be read" in incident
    assert "paygate recover --env rehearsal" in incident
    (project.folder / "paygate.toml").write_text(text)
    assert project.command("recover").returncode == 0
    assert (sandbox.money() - before).open_minor == 0


def test_a_refund_that_fails_is_escalated_with_the_command_to_do_it_by_hand(project, sandbox):
    """Refunds that fail end the run as ESCALATED, exit code 23, with an incident file; the next start is refused."""
    sandbox.set_fault("refund_fails_later")
    text = (project.folder / "paygate.toml").read_text()
    (project.folder / "paygate.toml").write_text(text.replace("late_charge_seconds = 0.5", "late_charge_seconds = 6.0"))
    project.approve()
    session = project.start()
    assert session.wait() == 23, session.output
    run = project.runs()[-1]
    incident = (run / "incident.md").read_text()
    assert "EUR 5.00" in incident
    assert 'curl https://api.stripe.com/v1/refunds -u "$PROVIDER_KEY:"' in incident
    assert "is failed" in incident
    assert "sk_live" not in incident
    project.approve()
    again = project.start()
    assert again.wait() == 22
    assert "no_exposure_open" in again.output
    sandbox.clear_faults()


def test_escalated_money_beats_a_leak(project, sandbox):
    """A run that is escalated and has a key in its files is quarantined, keeps its incident, and exits with 23."""
    sandbox.set_fault("refund_fails_later")
    text = (project.folder / "paygate.toml").read_text()
    (project.folder / "paygate.toml").write_text(text.replace("late_charge_seconds = 0.5", "late_charge_seconds = 6.0"))
    with (project.folder / "suites" / "e2e" / "conftest.py").open("a") as file:
        file.write(
            "\n\ndef pytest_runtest_teardown(item):\n"
            "    for path in item.config.rootpath.glob('reports/e2e/*/journal.jsonl'):\n"
            "        path.with_name('note.txt').write_text('sk_live_PaygateRehearsalNoFunds000000')\n"
        )
    project.approve()
    session = project.start()
    assert session.wait() == 23, session.output
    assert "QUARANTINED (otherwise ESCALATED)" in session.output
    run = project.runs()[-1]
    assert (run / "incident.md").exists()
    assert (run / "quarantine.json").exists()
    assert not (run / "manifest.json").exists()


def test_a_key_without_the_right_is_refused_before_money_moves(project, sandbox, monkeypatch):
    """A guardian whose key may not read charges is no guardian: the run is refused while nothing has moved."""
    before = sandbox.money()
    text = (project.folder / "paygate.toml").read_text()
    (project.folder / "paygate.toml").write_text(
        text.replace('refund_key = "sandbox:stripe_refund_key"', 'refund_key = "env:T_KEY"')
    )
    monkeypatch.setenv("T_KEY", "rk_live_" + "x" * 24)
    project.approve()
    session = project.start()
    assert session.wait() == 22
    assert "guardian_ready" in session.output
    assert project.settled(before).charges == 0


def test_a_run_is_resumed_without_moving_money(project, sandbox, dead):
    """After recovery a run can be carried on: rows that moved money stay, reads run, and it is CONDITIONAL at best."""
    run = dead("24:after:both")
    refused = project.start("suites/e2e", "--env=rehearsal", f"--resume={run.name}")
    assert refused.wait() == 23
    assert "Run `paygate recover" in refused.output
    assert project.command("recover").returncode == 0
    before = sandbox.money()
    session = project.start("suites/e2e", "--env=rehearsal", f"--resume={run.name}")
    code = session.wait()
    assert code not in {0, 20}, session.output
    assert sandbox.money() == before
    log = (run / "session-2.log").read_text()
    assert "resume carries the run on" in log
    assert "GET /v1/charges" in log
    report = (run / "report-2.md").read_text()
    assert "carried on by resume" in report


def test_stopped_past_its_lease_a_run_sends_nothing(project, sandbox):
    """SIGSTOP while the operator reads, past the lease, then SIGCONT: the purchase is not sent."""
    before = sandbox.money()
    (project.folder / "conftest.py").write_text(SHORT_LEASE)
    project.approve()
    session = project.start(answers={})
    session.until("type the amount")
    os.kill(session.pid, signal.SIGSTOP)
    time.sleep(2.0)
    os.kill(session.pid, signal.SIGCONT)
    from tests.rehearsal.terminal import CONFIRM, typed

    session.answers = {CONFIRM: typed}
    session._seen = 0
    session._answer()
    code = session.wait()
    assert code not in {0, 20}, session.output
    assert project.settled(before).charges == 0
    assert "lock" in session.output


def test_a_guardian_that_has_died_closes_the_desk(project, sandbox):
    """Without its guardian a run buys nothing, even after the operator has confirmed."""
    before = sandbox.money()
    (project.folder / "conftest.py").write_text(
        "import os, signal\n"
        "from pytest_paygate.exposure import arming\n"
        "_use = arming._use_approval\n"
        "async def use(run, keeper, gathered):\n"
        "    await _use(run, keeper, gathered)\n"
        "    for pid in _guardians:\n"
        "        os.kill(pid, signal.SIGKILL)\n"
        "        os.waitpid(pid, 0)\n"
        "_guardians = []\n"
        "_init = arming.Guardian.__init__\n"
        "def init(self, *a, **k):\n"
        "    _init(self, *a, **k)\n"
        "    _guardians.append(self.pid)\n"
        "arming.Guardian.__init__ = init\n"
        "arming._use_approval = use\n"
    )
    project.approve()
    session = project.start(env=UNMEASURED)
    assert session.wait() not in {0, 20}
    assert "is not sent, because of armed" in session.output
    assert project.settled(before).charges == 0


def test_two_machines_share_one_store(tmp_path, sandbox, monkeypatch):
    """With a shared database, what one machine left open stops the other, until the first has settled it."""
    monkeypatch.setenv("T_STORE", sandbox.description["marketplace_dsn"])
    machines = [Project(tmp_path / name, sandbox) for name in ("one", "two")]
    for machine in machines:
        path = machine.folder / "paygate.toml"
        path.write_text(f'{path.read_text()}\n[store]\ndsn = "env:T_STORE"\n')
    shutil.copy(HERE / "dying.py", machines[0].folder / "conftest.py")
    with (machines[0].folder / "conftest.py").open("a") as file:
        file.write(SHORT_LEASE)
    before = sandbox.money()
    machines[0].approve()
    assert machines[0].start(env={"PAYGATE_TEST_DIE": "24:after:both", **UNMEASURED}).wait() == -9
    assert (sandbox.money() - before).open_minor == 500

    machines[1].approve()
    session = machines[1].start()
    assert session.wait() == 22, session.output
    assert "no_exposure_open" in session.output
    there = machines[1].command("recover")
    deadline = time.monotonic() + 30
    while "is in use by another live run" in there.stderr and time.monotonic() < deadline:
        # The dead run's lease has not lapsed yet: the database cannot know that its process is gone.
        time.sleep(0.5)
        there = machines[1].command("recover")
    assert there.returncode == 23
    assert "its journal is not here" in there.stdout
    assert machines[0].command("recover").returncode == 0
    assert (sandbox.money() - before).open_minor == 0
    machines[1].approve()
    assert machines[1].start().wait() == 20
