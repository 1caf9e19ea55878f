"""Capacity on the operator's path: granted and overridden at a terminal, part of plan and interlock, settled after crashes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core.verdict import Verdict
from tests.rehearsal.project import PYTHON, environ
from tests.rehearsal.terminal import CONFIRM, start, typed

PAYGATE = (PYTHON, "-m", "pytest_paygate.cli")
TYPED = re.compile(r"what it comes to, like (?P<answer>[0-9]+ [a-z]+)\s+> $")
NEEDS = "\n[capacity]\nrequired = true\n"
TABLE = '\n[env.rehearsal.capacity]\nbudget = 25\npause_below = 5\nperiod = "30d"\n'


@pytest.fixture
def counted(project):
    """A project whose gate counts its charges."""
    gate = project.gate / "gate.toml"
    gate.write_text(gate.read_text() + NEEDS)
    settings = project.folder / "paygate.toml"
    settings.write_text(settings.read_text() + TABLE)
    return project


def said(project, *arguments, answer=typed, code=0):
    """Run `paygate capacity …` at a terminal; what was shown."""
    session = start([*PAYGATE, "capacity", *arguments], cwd=project.folder, env=environ(), answers={TYPED: answer})
    assert session.wait() == code, session.output
    return session.output


def grant(project, units, **more):
    """Grant."""
    return said(project, "grant", "--by", "Ann", "--reason", "new period", "--units", str(units), **more)


def override(project, hours=1.0, **more):
    """Override."""
    until = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    return said(project, "override", "--by", "Bob", "--reason", "launch day", "--until", until, **more)


def book(project):
    """The capacity log, folded."""
    return asyncio.run(FileStore(project.reports / ".live").capacity.read("rehearsal"))


def run(project, code, **more):
    """Approve and run, see the exit code; what was shown."""
    project.approve()
    session = project.start(**more)
    assert session.wait() == code, session.output
    return session.output


def test_no_charge_without_a_grant_nor_in_a_pause_without_a_word(counted, sandbox):
    """Missing, paused, overridden, paused again: the interlock names it, and one charge follows one override."""
    before = sandbox.money()
    assert "nobody has granted any capacity" in run(counted, 22)
    grant(counted, 4)
    shown = run(counted, 22)
    assert "capacity_left" in shown
    assert "4 left, fewer than 5: a safety pause" in shown
    assert sandbox.money() == before
    override(counted)
    looked = counted.start("--live")
    looked.wait()
    assert "25 charges in 30 d, pause below 5" in looked.output
    assert "4 of 4 left" in looked.output
    assert "SAFETY PAUSE, override by Bob" in looked.output
    assert counted.start().wait() == 20
    assert counted.settled(before).charges == 1
    log = (counted.runs()[-1] / "session.log").read_text()
    assert "CAPACITY TAKEN: 3 left, in a safety pause that Bob has overridden" in log
    assert log.index("CAPACITY TAKEN") < log.index("CHARGE INTENDED")
    assert "no fresh override" in run(counted, 22)
    assert counted.settled(before).charges == 1
    shown = said(counted)
    for line in ("GRANTED 4 of 25", "OVERRIDE for one charge", "taken by e2e", "PENDING of"):
        assert line in shown


def test_the_log_is_shown_and_typed_words_are_needed(counted):
    """Three wrong answers grant nothing; without a terminal nothing is granted either; a wrong number is refused."""
    assert "nobody has granted any capacity" in said(counted)
    assert "nothing was approved" in grant(counted, 5, answer=lambda _: "yes", code=2)
    assert book(counted).grant is None
    line = [*PAYGATE, "capacity", "grant", "--by", "Ann", "--reason", "piped"]
    done = subprocess.run(
        line,
        cwd=counted.folder,
        env=environ(),
        input="25 units\n" * 9,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2
    assert "a controlling terminal" in done.stderr
    assert book(counted).grant is None
    assert "between 1 and 25 units" in grant(counted, 26, code=2)
    grant(counted, 5)
    assert "there is no safety pause to override" in override(counted, code=2)
    grant(counted, 4)
    assert "would not be fresh" in override(counted, hours=25, code=2)
    naive = ("override", "--by", "Bob", "--reason", "r", "--until", "2026-11-21 12:00")
    assert "--until is not a moment" in said(counted, *naive, code=2)
    assert "cannot stand in the capacity log" in said(counted, "grant", "--by", "A", "--reason", " \x1b[2J", code=2)
    assert [line.entry.kind for line in book(counted).lines] == ["granted", "granted"]


def test_an_environment_that_counts_nothing_says_so(project):
    """Without the table there is nothing to grant."""
    assert "env.rehearsal.capacity: is missing" in said(project, code=2)


def test_a_log_edited_by_hand_is_refused_everywhere(counted, sandbox):
    """One digit more in the log: not shown, not granted on top of, not run on."""
    before = sandbox.money()
    grant(counted, 5)
    path = counted.reports / ".live" / "rehearsal" / "capacity.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"units":5', b'"units":9'))
    assert "cannot be trusted" in said(counted, code=2)
    assert "cannot be trusted" in grant(counted, 25, code=2)
    assert "cannot be trusted" in run(counted, 22)
    assert sandbox.money() == before


def test_a_run_killed_after_its_purchase_is_judged_by_recover_once(counted, sandbox):
    """SIGKILL after the charge: the guardian refunds, `paygate recover` notes the verdict, twice changes nothing."""
    before = sandbox.money()
    grant(counted, 25)
    counted.approve()
    (counted.folder / "conftest.py").write_text(
        "import os, signal, pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_call(item):\n"
        "    if 'test_licence' in item.nodeid:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert counted.start().wait() == -9
    money = counted.settled(before)
    counted.quiet()
    assert (money.charges, money.open_minor) == (1, 0)
    assert [unit.verdict for unit in book(counted).units.values()] == [None]
    done = counted.command("recover")
    assert done.returncode == 0, done.stderr
    after = book(counted)
    (unit,) = after.units.values()
    assert unit.verdict not in {None, Verdict.PASS}
    assert (after.left, after.pause_level) == (24, 4)
    assert "nothing is open" in counted.command("recover").stdout
    assert book(counted) == after


def test_a_run_that_died_before_its_purchase_gets_its_unit_back(counted, sandbox):
    """The unit is taken, the intent never written: the journal proves that nothing was sent, and recover says so."""
    before = sandbox.money()
    grant(counted, 25)
    counted.approve()
    (counted.folder / "conftest.py").write_text(
        "import os, signal\n"
        "from pytest_paygate.exposure import watching\n"
        "take = watching.Watch.take_capacity\n"
        "async def dies(self):\n"
        "    await take(self)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "watching.Watch.take_capacity = dies\n"
    )
    assert counted.start().wait() == -9
    counted.quiet()
    assert book(counted).left == 24
    done = counted.command("recover")
    assert done.returncode == 0, done.stderr
    assert "its unit is given back, 25 left" in done.stdout
    assert book(counted).left == 25
    assert counted.settled(before).charges == 0


def test_the_last_unit_taken_while_the_operator_reads_is_refused(counted, sandbox):
    """Between the interlock's look and the purchase somebody takes the last unit: nothing is sent."""
    before = sandbox.money()
    grant(counted, 5)
    counted.approve()
    session = counted.start(answers={})
    session.until("type the amount")
    log = FileStore(counted.reports / ".live").capacity
    from pytest_paygate.core.capacity import Taken

    asyncio.run(log.change("rehearsal", lambda _: Taken(run_id="another", gate_id="e2e"), datetime.now(UTC)))
    session.answers = {CONFIRM: typed}
    session._seen = 0
    session._answer()
    assert session.wait() == 22, session.output
    assert counted.settled(before).charges == 0
    assert book(counted).left == 4
    assert json.loads((counted.runs()[-1] / "evidence.json").read_text())["mode"] == "rehearsal"
