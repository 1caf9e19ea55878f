"""The precondition that another gate has passed: only the newest, believed, fitting and young run proves it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.report_logs import add_sign_off
from pytest_paygate.core.events import Mode
from pytest_paygate.core.previous_run import Asked
from pytest_paygate.core.sign_offs import SignOff
from pytest_paygate.reporting.launching import launch_run
from pytest_paygate.reporting.previous import previous_run
from tests.golden.scenes import BEGAN, RUN_ID, Scene
from tests.launch.folders import Reports, later, scenes

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.previous_run import PreviousRun

NOW = BEGAN + timedelta(hours=3)
STARTED = scenes.pending().state.started
assert STARTED is not None
ASKED = Asked(STARTED.gate["id"], STARTED.environment, STARTED.commit, timedelta(hours=24), clean_only=True)


def ask(reports: Reports, now: datetime = NOW, **changes: object) -> PreviousRun:
    """Ask for a run."""
    asked = {**{name: getattr(ASKED, name) for name in ASKED.__slots__}, **changes}
    return previous_run(reports.root, Asked(**asked), now)


def sign(reports: Reports, run_id: str = RUN_ID) -> None:
    """Sign whatever waits for a person, for this very bundle."""
    folder = reports.root / ASKED.gate_id / run_id
    seal = launch_run(folder).seal
    for criterion in scenes.pending().gate.criteria:
        if criterion.person:
            add_sign_off(
                reports.root,
                lambda before, item=f"{ASKED.gate_id}/{criterion.id}": SignOff(
                    item=item,
                    by="Ann",
                    at="2026-11-20T11:00:00Z",
                    evidence="statement.pdf",
                    evidence_sha256="0" * 64,
                    seals={ASKED.gate_id: seal},
                    previous=before,
                ),
            )


@pytest.fixture
def passed(reports: Reports) -> Reports:
    """One live run, sealed, signed for, PASS."""
    reports.add(scenes.pending())
    sign(reports)
    return reports


def folder(reports: Reports, run_id: str = RUN_ID) -> Path:
    """The folder of a run."""
    return reports.root / ASKED.gate_id / run_id


def test_a_signed_pass_of_this_commit_holds(passed):
    """Run, verdict, commit and age are told, and nothing is wrong."""
    found = ask(passed)
    assert found.problem == ""
    assert found.holds
    assert (found.run_id, found.verdict, found.commit) == (RUN_ID, "PASS", ASKED.commit)
    assert 2.9 < found.age_hours < 3


def test_a_run_that_still_waits_for_a_person_is_no_pass(reports):
    """PENDING is not FULL PASS."""
    reports.add(scenes.pending())
    assert ask(reports).problem == f"run {RUN_ID}: its verdict is PENDING"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"commit": "b" * 40}, f"it is of commit {ASKED.commit}, this run of {'b' * 40}"),
        ({"max_age": timedelta(hours=2)}, "h ago, more than 2 h"),
        ({"environment": "staging"}, "in environment staging; the newest"),
        ({"gate_id": "credits"}, "no run of gate credits"),
    ],
)
def test_another_commit_environment_gate_or_an_old_run_is_refused_by_name(passed, changes, problem):
    """Each alone refuses, and says what was seen."""
    assert problem in ask(passed, **changes).problem


def test_a_run_from_the_future_is_refused(passed):
    """A clock that went back makes no run young."""
    assert "ended in the future" in ask(passed, now=NOW - timedelta(hours=6)).problem


def test_a_newer_run_takes_an_older_pass_back(passed):
    """Whatever the newest run of the environment was, it counts."""
    newer = later(1)
    passed.add(scenes.no_go(), newer)
    found = ask(passed)
    assert found.run_id == newer
    assert not found.holds


def test_a_newer_run_that_cannot_be_read_takes_it_back_too(passed):
    """Nobody knows what it did."""
    newer = folder(passed, later(1))
    newer.mkdir()
    (newer / "journal.jsonl").write_text("{}\n")
    assert ask(passed).problem == f"run {newer.name}: its journal cannot be read"


def test_runs_of_other_environments_are_passed_over(passed):
    """A newer rehearsal says nothing of the live environment."""
    rehearsed = scenes.rehearsal()
    assert rehearsed.state.started.mode is Mode.REHEARSAL
    passed.add(rehearsed, later(1))
    if rehearsed.state.started.environment != ASKED.environment:
        assert ask(passed).holds


def test_a_bundle_that_is_not_sealed_is_refused(reports):
    """A journal alone proves nothing."""
    reports.lay(scenes.pending())
    assert "manifest.json is missing" in ask(reports).problem


@pytest.mark.parametrize("name", ["report.md", "session.log", "evidence.json", "journal.jsonl", "gate.toml"])
def test_a_changed_bundle_is_refused(passed, name):
    """One byte more in any file, and it is not believed."""
    path = folder(passed) / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert ask(passed).problem


def test_a_bundle_put_in_from_elsewhere_is_refused(passed):
    """A sealed bundle whose seal does not stand in this log of seals is another reports folder's."""
    (passed.root / "seals.jsonl").write_bytes(b"")
    assert "log of seals" in ask(passed).problem


def test_a_bundle_in_another_run_s_place_is_refused(passed):
    """An old PASS copied under a newer run's name is still the old one."""
    folder(passed).rename(folder(passed, later(2)))
    assert ask(passed, now=NOW + timedelta(days=2)).problem.startswith(f"run {later(2)}: ")


def test_a_broken_chain_of_sign_offs_signs_nothing(passed):
    """Sign-offs that were edited count for nothing."""
    sign(passed)
    path = passed.root / "sign-offs.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Ann", b"Bob", 1))
    assert "the sign-offs cannot be trusted" in ask(passed).problem


@pytest.mark.parametrize("commit", ["unknown", "a" * 40 + "-dirty"])
def test_a_changed_checkout_proves_nothing_where_money_is_real(reports, commit):
    """The same `-dirty` twice may be two different trees; in a dry run it has to do."""

    class Dirty(Scene):
        def tell(self, *events):
            changed = [
                event.model_copy(update={"commit": commit}) if event.kind == "run_started" else event
                for event in events
            ]
            return super().tell(*changed)

    before = scenes.Scene
    scenes.Scene = Dirty
    try:
        reports.add(scenes.pending())
    finally:
        scenes.Scene = before
    sign(reports)
    assert "names no checkout without changes" in ask(reports, commit=commit).problem
    assert ask(reports, commit=commit, clean_only=False).holds


def test_the_asking_session_is_not_its_own_previous_run(passed):
    """A gate cannot prove itself with a run of the same session."""
    found = previous_run(passed.root, ASKED, NOW, besides=RUN_ID)
    assert "no run of gate" in found.problem
