"""The microcharge gate on the operator's whole path, in a rehearsal against a live fleet."""

from __future__ import annotations

import pytest

from tests.rehearsal.fleet_live import LiveFleet

# Put beside the gate, it takes one check away: what slips through then, that check alone has caught.
WITHOUT = """
from dataclasses import replace
from pytest_paygate.plugin.row_checks import Checks

verify = Checks.verify

def verify_without(row, check, /, *args, **kwargs):
    if check.id == "real_card":
        check = replace(check, judge=lambda *_args, **_kwargs: None)
    verify(row, check, *args, **kwargs)

Checks.verify = verify_without
"""


@pytest.fixture
def fleet(tmp_path, sandbox):
    """A project that can rehearse microcharge; whatever faults a test switched on are off afterwards."""
    yield LiveFleet(tmp_path / "project", sandbox, payment_hold_seconds=30, charged_within_seconds=10)
    sandbox.clear_faults()


def test_the_whole_path(fleet, sandbox):
    """After a signed e2e rehearsal, a grant and an approval: fifty cents, back within a minute, PASS."""
    fleet.ready()
    before = sandbox.money()

    session = fleet.charge()

    assert session.status == 0, session.output
    assert "REHEARSAL · gate microcharge: PASS" in session.output
    money = fleet.settled(before)
    assert (money.charges, money.taken_minor, money.returned_minor, money.payable) == (1, 50, 50, 0)
    log = (fleet.microcharges()[-1] / "session.log").read_text()
    stages = ["PLANNED", "operator typed", "APPROVED", "FENCED", "CAPACITY TAKEN", "CHARGE INTENDED"]
    stages += ["purchase was sent: SEEN", "REFUND INTENDED", "SETTLED: 1 charges, USD 0.50 returned"]
    places = [log.index(stage) for stage in stages]
    assert places == sorted(places)


def test_a_published_test_card_on_a_live_charge_is_a_sandbox_posing_as_live(fleet, sandbox):
    """A livemode charge that shows 4242 is FAIL and named; the money goes back all the same."""
    fleet.ready()
    before = sandbox.money()
    sandbox.set_fault("fleet_ledger_test_card")

    session = fleet.charge()

    assert session.status == 1, session.output
    assert "the published test card" in session.output
    rows = {row["id"]: row["status"] for row in fleet.evidence()["rows"]}
    assert (rows["pay"], rows["refund"]) == ("FAIL", "BLOCKED")
    money = fleet.settled(before)
    assert (money.charges, money.open_minor, money.payable) == (1, 0, 0)


def test_without_its_check_the_test_card_slips_through(fleet, sandbox):
    """No other check sees that a livemode charge was paid with a published test card: this one is load-bearing."""
    fleet.ready()
    sandbox.set_fault("fleet_ledger_test_card")
    (fleet.folder / "conftest.py").write_text(WITHOUT)

    session = fleet.charge()

    assert session.status == 0, session.output
    pay = next(row for row in fleet.evidence()["rows"] if row["id"] == "pay")
    assert {check["id"]: check["held"] for check in pay["checks"]}["real_card"]
