"""The microcharge gate over a sandbox it did not start, with the provider's clock in the test's hand."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_paygate.sandbox.server import Sandbox
from tests.gates.fleet_project import FleetProject

# Before a row, this machine waits and the provider's clock goes forward.
AWAY = """
import time, urllib.request, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.nodeid.endswith("::%s") and "microcharge" in item.nodeid:
        time.sleep(%d)
        body = b'{"advance_seconds": %d}'
        request = urllib.request.Request("%s/_sandbox/clock", body, method="POST")
        urllib.request.urlopen(request, timeout=10).close()
"""


# Both runs have passed their pre-flight before either of them may go on to the purchase.
TOGETHER = """
import os, pathlib, time, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.nodeid.endswith("::test_checkout"):
        here = pathlib.Path(item.config.rootpath) / "reports" / "here"
        here.mkdir(exist_ok=True)
        (here / str(os.getpid())).touch()
        until = time.monotonic() + 60
        while len(list(here.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.01)
"""


@pytest.fixture
def fleet(tmp_path, request):
    """A project, and a sandbox whose clock stands; it differs from this machine's by the seconds asked for."""
    skew_seconds = getattr(request, "param", 0)
    with Sandbox.start(environment="staging", frozen_at=time.time() + skew_seconds) as sandbox:
        sandbox.write_history()
        project = FleetProject(tmp_path / "project", json.loads(sandbox.description.to_json()))
        project.folder.mkdir()
        yield project, sandbox


def test_green_over_a_separate_sandbox(fleet):
    """A staging fleet with a green e2e of the same commit behind it passes, and one charge stands there, refunded."""
    project, sandbox = fleet
    project.make()
    before = project.e2e()
    assert before.exit_code == 0, before.output

    result = project.run()

    assert result.exit_code == 0, result.output
    assert set(result.statuses.values()) == {"PASS"}
    assert result.evidence["mode"] == "staging"
    assert "PASS, 24 left, pause level 3" in result.output
    mine = [entry for entry in sandbox.ledger() if entry["currency"].upper() == "USD"]
    assert sorted(entry["kind"] for entry in mine) == ["charge", "fee", "refund"]


def test_two_runs_race_for_the_last_unit(fleet):
    """Both saw one charge left above the pause; one of them takes it, the other is STOPPED and has bought nothing."""
    project, sandbox = fleet
    project.make()
    assert project.e2e().exit_code == 0
    project.grant(units=5)
    (project.folder / "conftest.py").write_text(TOGETHER)

    with ThreadPoolExecutor(2) as pool:
        results = [one.result() for one in [pool.submit(project.run) for _ in range(2)]]

    assert sorted(one.exit_code for one in results) == [0, 22], "\n".join(one.output for one in results)
    (stopped,) = (one for one in results if one.exit_code == 22)
    assert "gate microcharge: STOPPED" in stopped.output
    mine = [entry for entry in sandbox.ledger() if entry["currency"].upper() == "USD"]
    assert sorted(entry["kind"] for entry in mine) == ["charge", "fee", "refund"]


def told(result):
    """The facts of row 4."""
    events = [json.loads(line)["event"] for line in (result.folder / "journal.jsonl").read_text().splitlines()]
    return {event["name"]: event["value"] for event in events if event["kind"] == "fact"}


@pytest.mark.parametrize(
    ("fleet", "away", "passes"),
    [(0, 59, True), (0, 60, True), (0, 61, False), (90, 59, True), (90, 61, False), (-90, 60, True), (-90, 61, False)],
    indirect=["fleet"],
)
def test_sixty_seconds_on_the_provider_s_clock(fleet, away, passes):
    """The minute is the provider's, however wrong this machine's clock is: 59 and 60 seconds pass, 61 do not."""
    project, _ = fleet
    project.make()
    assert project.e2e().exit_code == 0
    (project.folder / "conftest.py").write_text(AWAY % ("test_refund", 0, away, project.description["control_url"]))

    result = project.run()

    assert told(result)["refund_latency_seconds"] == away, result.output
    assert result.statuses["refund"] == ("PASS" if passes else "FAIL"), result.output
    assert (result.exit_code == 0) is passes


def test_at_exactly_the_limit_our_own_clock_must_agree(fleet):
    """Whole seconds hide up to one: at the limit on the provider's clock, and longer on ours, is too late."""
    project, _ = fleet
    project.make(refund_within_seconds=2)
    assert project.e2e().exit_code == 0
    (project.folder / "conftest.py").write_text(AWAY % ("test_refund", 3, 2, project.description["control_url"]))

    result = project.run()

    assert told(result)["refund_latency_seconds"] == 2, result.output
    assert told(result)["refund_bound_seconds"] > 2
    assert result.red_rows() == ["refund"], result.output
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("row", "fault", "delays"),
    [
        ("refund", "fleet_refund_fails", {"stripe.refund_settles": 0}),
        ("proofs", "refund_fails_later", {"stripe.refund_fails": 5}),
    ],
    ids=["at_once", "later"],
)
def test_a_refund_that_fails_calls_a_person(fleet, row, fault, delays):
    """The refund never says succeeded, or fails a look after it did: the money is still out, ESCALATED."""
    project, sandbox = fleet
    project.make()
    assert project.e2e().exit_code == 0
    sandbox.faults.set(fault, {})
    sandbox.set_delays(delays)
    (project.folder / "conftest.py").write_text(AWAY % ("test_proofs", 0, 10, project.description["control_url"]))

    result = project.run()

    assert result.evidence["verdict"] == "ESCALATED", result.output
    assert result.exit_code == 23
    assert result.red_rows() == [row]
