"""A sandbox that poses as live shows itself in a rehearsal, which looks live to everybody but the report."""

from __future__ import annotations

import json


def test_a_published_test_card_on_a_live_charge_fails_the_payment(project, sandbox):
    """A livemode charge that shows 4242 turns row pay red and is named; the money goes back all the same."""
    project.approve()
    before = sandbox.money()
    sandbox.set_fault("charge_shows_test_card")

    session = project.start()

    assert session.wait() == 1, session.output
    assert "the card of a live charge is not as expected" in session.output
    evidence = json.loads((project.runs()[-1] / "evidence.json").read_text())
    red = [row["id"] for row in evidence["rows"] if row["status"] == "FAIL"]
    failed = [check["id"] for row in evidence["rows"] for check in row["checks"] if not check["held"]]
    assert (red, failed) == (["pay"], ["real_card"])
    money = project.settled(before)
    assert (money.charges, money.open_minor, money.payable) == (1, 0, 0)


def test_nothing_is_probed_where_money_is_real(project, sandbox):
    """A rehearsal sends no probe: the rows say so, and its journal holds none."""
    project.approve()
    sandbox.money()

    session = project.start()

    assert session.wait() == 20, session.output
    (run,) = project.runs()
    assert "probe_intended" not in (run / "journal.jsonl").read_text()
    facts = {
        name: value
        for row in json.loads((run / "evidence.json").read_text())["rows"]
        for name, value in row["facts"].items()
    }
    said = {facts["order_refusals"], facts["order_probes"], facts["webhook_probes"]}
    assert said == {"none: money is real here"}
