"""Guards and capacity in a whole run: checked in pre-flight, again before the purchase, judged once when it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.journal import read
from pytest_paygate.core.run import fold
from pytest_paygate.core.verdict import Verdict
from tests.plugin.guarded import PREFLIGHT, Books, Target, guard, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.plugin.project import Project


@pytest.fixture
def target() -> Iterator[Target]:
    """A target of its own."""
    running = Target()
    yield running
    running.stop()


@pytest.fixture
def books(project: Project, target: Target) -> Books:
    """The demo gate, guarded, with a whole budget."""
    guard(project, target)
    found = Books(project)
    found.grant(25)
    return found


def stopped(project: Project):
    """Where the newest run stopped; nothing of it was sent."""
    state = fold(read((project.folders()[-1] / "journal.jsonl").read_bytes(), "journal.jsonl").entries)
    assert state.exposure.intent is None
    return state.stopped


def run(project: Project, code: int, *arguments: str) -> str:
    """Run the gate, see its exit code; what was shown."""
    done = project.run(*arguments)
    assert done.ret == code, done.stdout.str()
    return done.stdout.str()


def test_a_pass_reads_every_guard_twice_takes_one_unit_and_lowers_the_level(project, target, books):
    """Pre-flight and the purchase each look; one unit is gone; 4 becomes 3, and the terminal says so."""
    shown = run(project, 0)
    kinds = [entry.event.kind for entry in project.entries()]
    assert kinds.count("guard_read") == 4
    assert kinds.index("capacity_taken") < kinds.index("charge_intended")
    assert (target.paid, target.looks) == (1, 2)
    book = books.book()
    assert (book.left, book.pause_level) == (24, 3)
    assert "PASS, 24 left, pause level 3" in shown


@pytest.mark.parametrize("health", [[503], [200, 503], [200, 404]], ids=["at the start", "before money", "gone"])
def test_a_guard_that_breaches_at_the_start_or_before_money_stops_the_run(project, target, books, health):
    """503 in pre-flight, or only at the second look: nothing is paid, nothing after it runs, exit code 22."""
    target.health = health
    shown = run(project, 22)
    assert "STOPPED" in shown
    found = stopped(project)
    assert (found.guard, found.threshold, found.observed) == ("a3_up", "200", str(health[-1]))
    assert target.paid == 0
    assert "refund" not in project.bodies()
    assert books.book().left == 25


def test_a_stop_that_the_suite_swallows_stops_all_the_same(project, target, books):
    """A row that catches the breach and tries to pay is refused: the run is stopped."""
    target.health = [200, 503, 200]
    project.body(
        "payment",
        "for _ in range(2):\n"
        "    try:\n"
        '        await api.post("/pay", json={}, charge=Money(1999, "EUR"))\n'
        "    except Exception:\n"
        "        pass\n"
        'facts["paid"] = Money(1999, "EUR")',
    )
    run(project, 22)
    assert target.paid == 0
    assert books.book().left == 25


def test_a_guard_without_a_reader_stops_before_the_money_row(project, target, books):
    """Nobody said how A3 is read again: the money row does not even begin its body."""
    project.change("test_demo.py", 'run.watch_guard("a3_up", lambda: health(api))', "pass")
    run(project, 22)
    assert stopped(project).observed == "not readable: no row has said how it is read"
    assert "payment" not in project.bodies()
    assert target.paid == 0


def test_a_reader_that_fails_is_a_breach(project, target, books):
    """What a reader raises is no answer, and its text stays out of the journal."""
    project.change("test_demo.py", "lambda: health(api))", "lambda: int('a secret of theirs'))")
    run(project, 22)
    assert stopped(project).observed == "not readable: ValueError"
    assert "a secret of theirs" not in (project.folders()[-1] / "journal.jsonl").read_text()


def test_four_left_is_a_safety_pause_until_a_person_says_otherwise_once(project, target, books):
    """With four left nothing is paid; with a fresh override exactly one charge is, and the next is paused again."""
    books.grant(4)
    run(project, 22)
    assert stopped(project).guard == "capacity"
    assert "4 left, fewer than 5" in stopped(project).observed
    books.override(timedelta(hours=1))
    run(project, 0)
    assert (books.book().left, target.paid) == (3, 1)
    run(project, 22)
    assert (books.book().left, target.paid) == (3, 1)


def test_a_capacity_that_was_never_granted_or_written_is_a_stop(project, target):
    """No grant, or no [env.demo.capacity] at all: a gate that asks for capacity has none."""
    guard(project, target)
    run(project, 22)
    assert stopped(project).observed == "nobody has granted any capacity"
    project.write("paygate.toml", settings(target, counted=False))
    run(project, 22)
    assert stopped(project).observed == "no [env.demo.capacity] is written"
    assert target.paid == 0


def test_a_capacity_edited_by_hand_is_a_stop(project, target, books):
    """One digit changed in the log, and nothing counts as left."""
    run(project, 0)
    books.file.write_bytes(books.file.read_bytes().replace(b'"units":25', b'"units":24', 1))
    run(project, 22)
    assert stopped(project).observed == "not readable: StoreError"
    assert target.paid == 1


def test_a_capacity_put_back_to_an_earlier_state_is_a_stop(project, target, books):
    """Log and head restored from a copy made before the last charge: that run's journal knows better."""
    kept = {path: path.read_bytes() for path in books.file.parent.glob("capacity.*")}
    run(project, 0)
    for path, content in kept.items():
        path.write_bytes(content)
    assert books.book().left == 25
    run(project, 22)
    assert stopped(project).observed == "not readable: StoreError"
    assert target.paid == 1


def test_a_log_that_is_edited_between_the_two_looks_stops_the_purchase(project, target, books):
    """Believed in pre-flight, changed before the purchase: the second look does not believe it."""
    project.body(
        "order",
        "from pathlib import Path\n"
        'log = Path(__file__).parent.parent / "reports/.live/demo/capacity.jsonl"\n'
        "log.write_bytes(log.read_bytes().replace(b'\"units\":25', b'\"units\":26'))\n"
        'facts["order_id"] = "ord_1"',
    )
    run(project, 22)
    assert (stopped(project).guard, stopped(project).observed) == ("capacity", "not readable: StoreError")
    assert target.paid == 0


def test_a_fail_lowers_nothing_and_costs_its_unit(project, target, books):
    """A run that paid and then failed has used a unit; the pause level stays."""
    project.body("refund", "raise AssertionError")
    run(project, 1)
    book = books.book()
    assert (book.left, book.pause_level) == (24, 4)
    assert [unit.verdict for unit in book.units.values()] == [Verdict.FAIL]


def test_a_run_that_ended_without_its_note_is_made_good_by_the_next(project, target, books):
    """The process died after its report and before the note: the next end of a session notes the PASS, once."""
    source = project.write("conftest.py", "")
    source.write_text(
        "from pytest_paygate.plugin import terminal\ndef gone(runs, outcomes): pass\nterminal._note_capacity = gone\n"
    )
    run(project, 0)
    assert books.book().pause_level == 4
    source.write_text("")
    run(project, 0)
    assert books.book().pause_level == 2
    run(project, 0)
    assert books.book().pause_level == 1


def test_a_changed_bundle_lowers_nothing(project, target, books):
    """A PASS whose sealed files were changed before it was noted proves nothing."""
    source = project.write(
        "conftest.py",
        "from pathlib import Path\n"
        "from pytest_paygate.plugin import terminal\n"
        "note = terminal._note_capacity\n"
        "def changed(runs, outcomes):\n"
        "    for path in Path('reports').glob('demo/*/report.md'):\n"
        "        path.write_text('PASS')\n"
        "    note(runs, outcomes)\n"
        "terminal._note_capacity = changed\n",
    )
    assert "its bundle is not believed" in run(project, 0)
    source.write_text("")
    assert books.book().pause_level == 4


def test_a_unit_of_a_send_that_never_left_comes_back(project, target, books):
    """The target is gone when the purchase is sent: nothing was sent for certain, and the unit is there again."""
    project.change("test_demo.py", "lambda: health(api))", "lambda: 200)")
    target.stop()
    project.body(
        "ready",
        'facts["ready_checks"] = 3\n'
        'run.watch_guard("a3_up", lambda: 200)\n'
        'run.guard("capacity", observed=await capacity.standing())\n'
        'facts["a3_status"] = 200',
    )
    run(project, 1)
    kinds = [entry.event.kind for entry in project.entries()]
    assert kinds.index("capacity_taken") < kinds.index("charge_sent") < kinds.index("capacity_returned")
    assert books.book().left == 25
    target.__init__()


def test_the_previous_run_is_asked_for_in_pre_flight(project, target, books):
    """The fixture finds nothing before the first run, the last PASS after it, and names what it refuses."""
    project.change("test_demo.py", "(facts, run, api, capacity)", "(facts, run, api, capacity, previous_run)")
    ask = 'found = previous_run("demo", max_age_hours=24)\n'
    project.body("ready", f"{PREFLIGHT}\n{ask}Path('said.txt').write_text(found.problem or found.verdict)")
    run(project, 0)
    said = project.path / "said.txt"
    assert said.read_text() == "no run of gate demo in environment demo"
    run(project, 0)
    assert said.read_text() == "PASS"
    report = project.folders()[-1] / "report.md"
    report.write_text("PASS")
    run(project, 0)
    assert said.read_text() == f"run {report.parent.name}: report.md is not as it was sealed"


def test_a_guard_that_the_gate_does_not_declare_is_refused(project, target, books):
    """A misspelt guard is a mistake that is named, never a check that quietly does nothing."""
    project.change("test_demo.py", 'run.guard("a3_up")', 'run.guard("a3_upp")')
    assert "guards.a3_upp" in run(project, 1)
    assert target.paid == 0
