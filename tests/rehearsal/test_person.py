"""A person at a real screen: they read the plan, type the amount, pay on the page, and watch the seconds of the refund.

The terminal is emulated, so that what is asserted is what stands on the screen, not what was written to it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import signal
import time

import pytest

from pytest_paygate.adapters.operator_scripted import PUBLISHED_REHEARSAL_CARD
from pytest_paygate.adapters.payer_http import pay
from tests.gate_runs import QUIET
from tests.rehearsal.fleet_live import LiveFleet
from tests.rehearsal.project import PYTHON, Project, environ
from tests.rehearsal.terminal import start

SCREEN = {"TERM": "xterm-256color", "CI": "", "NO_COLOR": ""}
PERSON = ("--live", "--confirm", "--payer=person")
AMOUNT = r"type (?P<answer>[A-Z]{3} [0-9.]+ [a-z]+) >"
PAGE = r"(?P<url>http://\S+)"


def at_screen(project, *arguments, columns=100, rows=50, **env):
    """Start a run whose terminal is a screen."""
    session = project.start(*(arguments or PERSON), env={**SCREEN, **env}, answers={})
    session.emulate(columns, rows)
    return session


def approve_at_screen(session):
    """Read the plan and type what it asks for."""
    session.type(session.see(AMOUNT)["answer"] + "\n")


def pay_the_page(session):
    """Open the address that the screen shows, with the one card the rehearsal takes."""
    url = session.see(PAGE)["url"]
    session.see(r"done, abort, note, todo >")
    return asyncio.run(pay(url, card=PUBLISHED_REHEARSAL_CARD, timeout_seconds=20))


def journalled(run):
    """The events of a run."""
    return [json.loads(line)["event"] for line in (run / "journal.jsonl").read_text().splitlines()]


def test_a_person_does_e2e_at_their_screen(project, sandbox):
    """Plan, amount, page with its code, note, done: nine rows, one charge that came back; both times are journalled."""
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    plan = session.see(AMOUNT) and session.shown()
    assert "REHEARSAL, no funds" in plan
    assert "EUR 5.00" in plan
    session.type("\nEUR 500.00 amber\n")
    session.see(r"That is not it\. Nothing has been sent\. Tries left: 2\.")
    approve_at_screen(session)

    session.see(r"Pay EUR 5\.00 for order")
    session.see(r"done, abort, note, todo >")
    assert "▄▄▄▄▄" in session.shown(), "the page's address has a QR code in a window of that size"
    session.type("note the page was slow\n")
    session.see("Kept for the report: the page was slow")
    pay_the_page(session)
    session.see(r"It is seen to be done\. Say done too")
    session.type("done\n")

    assert session.wait() == 20, session.output
    money = project.settled(before)
    assert (money.charges, money.taken_minor, money.returned_minor, money.payable) == (1, 500, 500, 0)
    events = journalled(project.runs()[-1])
    answers = [(one["card"], one["seat"], one["counted"]) for one in events if one["kind"] == "seat_answered"]
    assert answers == [("confirm", "terminal", True), ("pay", "terminal", True)]
    noticed = [one for one in events if one["kind"] == "poll_finished" and one["poll"] == "payment_noticed"]
    assert [one["outcome"] for one in noticed] == ["reached"]
    assert ("operator_note", "the page was slow") in [
        (o["code"], o["detail"]) for o in events if o["kind"] == "anomaly"
    ]


def test_a_small_window_shows_the_whole_plan_and_no_code(project):
    """In 80 columns and 24 rows the plan and its question are on the screen at once; a QR code that does not fit is left out."""
    project.approve()
    session = at_screen(project, columns=80, rows=24)
    answer = session.see(AMOUNT)["answer"]
    plan = session.shown()
    for part in ("REHEARSAL, no funds", "EUR 5.00", "approved by", "paygate recover"):
        assert part in plan, plan
    session.type(answer + "\n")
    session.see(r"no QR code: it needs a window of \d+ rows")
    session.resize(100, 50)
    session.type("abort\n")
    assert session.wait() == 1, session.output


def test_enter_alone_and_three_wrong_answers_move_nothing(project, sandbox):
    """Enter is no answer; the third wrong one ends the run before anything was sent."""
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    session.see(AMOUNT)
    session.type("\n\n\ny\nyes\nEUR 5.00\n")
    assert session.wait() == 22, session.output
    assert "typed wrongly 3 times" in session.output
    assert project.settled(before).charges == 0


def test_a_piped_output_still_asks_at_the_terminal(project, sandbox):
    """Under `op run`, `tee` or `| cat` the question comes on the controlling terminal and is answered there."""
    project.approve()
    before = sandbox.money()
    pytest_line = shlex.join([PYTHON, "-m", "pytest", *QUIET, *PERSON])
    line = ["bash", "-c", f"set -o pipefail; {pytest_line} 2>&1 < /dev/null | cat > out.txt"]
    session = start(line, cwd=project.folder, env=environ(**SCREEN), answers={})
    session.emulate(100, 50)
    approve_at_screen(session)
    session.see(r"done, abort, note, todo >")
    session.type("abort\n")
    assert session.wait() == 1, session.output
    out = (project.folder / "out.txt").read_text()
    assert "REHEARSAL · gate e2e: FAIL" in out
    assert "to go on" not in out
    assert "EUR 5.00 >" not in out
    money = project.settled(before)
    assert (money.charges, money.payable) == (0, 0)


@pytest.mark.parametrize("how", ["abort", "ctrl-c", "sigterm", "sighup"])
def test_leaving_at_the_hold_point_closes_the_page(project, sandbox, how):
    """Abort, Ctrl-C, SIGTERM and a closed terminal: whatever was open is closed, and nothing can be paid afterwards."""
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    approve_at_screen(session)
    session.see(r"done, abort, note, todo >")
    if how == "abort":
        session.type("abort\n")
    elif how == "ctrl-c":
        session.type("\x03")
    else:
        session.kill(signal.SIGTERM if how == "sigterm" else signal.SIGHUP)
    code = session.wait()
    assert code in ({1} if how == "abort" else {2}), session.output
    money = project.settled(before)
    assert (money.charges, money.payable) == (0, 0)


def test_nobody_answers_and_the_page_is_closed(project, sandbox):
    """A hold point that nobody answers ends at its deadline: the row fails, the page can be paid no more."""
    gate = project.gate / "gate.toml"
    gate.write_text(gate.read_text().replace("payment_hold_seconds = 900", "payment_hold_seconds = 4"))
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    approve_at_screen(session)
    session.see(r"No answer within 4 s: the hold point is closed\.")
    assert session.wait() == 1, session.output
    money = project.settled(before)
    assert (money.charges, money.payable) == (0, 0)


def test_a_second_ctrl_c_leaves_settling_to_the_guardian(tmp_path, sandbox):
    """The first Ctrl-C settles and says so; the second ends at once, says who goes on, and nothing stays payable."""
    project = Project(tmp_path / "project", sandbox, late_charge_seconds=8.0)
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    approve_at_screen(session)
    session.see(r"done, abort, note, todo >")
    session.type("\x03")
    session.see(r"Refunding and closing what this run has opened\. Ctrl-C leaves that to the guardian")
    session.see(r"waiting for the ledger to show that nothing is open")
    session.kill(signal.SIGINT)
    assert session.wait() == 23, session.output
    assert "Interrupted while settling: the guardian goes on with it; `paygate recover` then says" in session.output
    assert "REHEARSAL · gate e2e: ESCALATED" in session.output
    assert "Traceback" not in session.output
    money = project.settled(before)
    assert (money.charges, money.payable) == (0, 0)


def test_the_seconds_of_the_refund_are_counted_down(tmp_path, sandbox):
    """Microcharge by a person: the payment is seen by itself, the refund's seconds are on the screen, and it passes."""
    fleet = LiveFleet(tmp_path / "project", sandbox, payment_hold_seconds=60)
    fleet.ready()
    before = sandbox.money()
    session = at_screen(fleet, "suites/microcharge", "--env=fleet", *PERSON, columns=140)
    approve_at_screen(session)
    pay_the_page(session)
    session.see(r"refund of USD 0\.50: over with (60|5\d) s left", timeout_seconds=30)
    assert session.wait() == 0, session.output
    assert re.search(r"refund of USD 0\.50: [56]\d s left of 60 s", session.output)
    assert "REHEARSAL · gate microcharge: PASS" in session.output
    money = fleet.settled(before)
    assert (money.charges, money.taken_minor, money.returned_minor, money.payable) == (1, 50, 50, 0)
    events = journalled(fleet.microcharges()[-1])
    (closed,) = [one for one in events if one["kind"] == "hold_closed"]
    assert closed["by"] == "provider"
    facts = {one["name"]: one["value"] for one in events if one["kind"] == "fact"}
    assert facts["refund_bound_seconds"] < 60


def test_a_killed_run_is_carried_on_without_a_second_charge(project, sandbox):
    """A kill -9 at the hold point after the payment: `--resume` proves what can be proved and buys nothing."""
    project.approve()
    before = sandbox.money()
    session = at_screen(project)
    approve_at_screen(session)
    session.see(r"done, abort, note, todo >")
    session.kill(signal.SIGKILL)
    session.wait()
    money = project.settled(before)
    assert (money.charges, money.payable) == (0, 0), "the guardian closes the link"
    project.quiet()
    time.sleep(0.1)
    run = project.runs()[-1].name
    again = at_screen(project, f"--resume={run}", *PERSON)
    assert again.wait() in {1, 22, 23, 24}, again.output
    assert project.settled(before).charges == 0
