"""The account of a run: it adds up, or it says that it does not, or that it cannot be known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_paygate.checks import bookkeeping, charges, refunds  # noqa: F401 - makes their checks known
from pytest_paygate.checks.check import CHECKS
from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.renderers.money_view import COUNTING_CHECKS, UNKNOWN, account
from tests.golden import scenes
from tests.golden.scenes import SCENES, SOURCE


def accounted(name, **facts):
    """The account of a golden scene, with other facts where a test says so."""
    scene = SCENES[name]()
    changed = {**scene.state.facts, **facts}
    known = {fact: value for fact, value in changed.items() if value is not None}
    return account(replace(scene.state, facts=known), scene.gate)


def amounts(view):
    """Amount by line."""
    return {line.line_id: line.amount for line in view.lines}


def test_a_refunded_run_costs_the_fee():
    """Gross, tax, refund and fee as recorded; outstanding is nothing, and the net is the fee, lost."""
    view = accounted("go")
    assert amounts(view) == {
        "gross": "EUR 5.00",
        "tax": "EUR 0.83",
        "refunded": "EUR 5.00",
        "outstanding": "EUR 0.00",
        "fee": "EUR 0.33",
        "net": "EUR -0.33",
    }
    assert (view.adds_up, view.is_outstanding, view.word) == (True, False, "adds up")
    assert view.check == "Adds up: EUR 5.00 charged − EUR 5.00 refunded = EUR 0.00 outstanding."


def test_money_that_is_out_is_said():
    """With a failed refund the sums agree and the money is still out; the word says both."""
    view = accounted("escalated")
    assert (view.outstanding, view.adds_up, view.is_outstanding) == ("EUR 5.00", True, True)
    assert view.word == "adds up, MONEY IS OUTSTANDING"


@pytest.mark.parametrize(
    ("facts", "check"),
    [
        (
            {"amount_paid": Money(450, "EUR")},
            "Does not add up: the ledger says EUR 5.00 charged, the rows recorded EUR 4.50.",
        ),
        (
            {"amount_refunded": Money(501, "EUR")},
            "Does not add up: the ledger says EUR 5.00 refunded, the rows recorded EUR 5.01.",
        ),
        (
            {"amount_paid": Money(500, "USD")},
            "Does not add up: the ledger says EUR 5.00 charged, the rows recorded USD 5.00.",
        ),
        ({"order_tax": Money(501, "EUR")}, "Does not add up: EUR 5.01 of tax in EUR 5.00."),
        ({"order_tax": Money(83, "USD")}, "Does not add up: USD 0.83 of tax in EUR 5.00."),
    ],
)
def test_witnesses_that_differ_are_named(facts, check):
    """Two witnesses of one amount that differ, or tax that cannot be in it: said in numbers, never averaged."""
    view = accounted("go", **facts)
    assert (view.adds_up, view.word, view.check) == (False, "DOES NOT ADD UP", check)


def test_what_nobody_recorded_is_unknown():
    """An amount nobody recorded is not zero, and nothing is added up from it."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    view = account(scene.state, scene.gate)
    assert set(amounts(view).values()) == {UNKNOWN}
    assert (view.adds_up, view.word, view.check) == (None, "not known", "Nothing is known to have been charged.")
    paid = account(replace(scene.state, facts={"amount_paid": Money(500, "EUR")}), scene.gate)
    assert paid.check == "EUR 5.00 charged; what came back was not recorded."
    assert amounts(paid)["fee"] == "EUR 0.33"
    assert paid.lines[4].source == "expected, from the gate's [purchase]"


LOOK = "look trace id {trace_id} up at the provider and refund what it shows."


def test_money_is_not_denied_once_a_row_that_can_move_it_began():
    """A charge or a refund that no row recorded may still be: what is not known is said, and what to do."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    row = next(row.id for row in scene.gate.all_rows() if row.money)
    rows = {**scene.state.rows, row: replace(scene.state.rows[row], began=True)}
    look = LOOK.format(trace_id=scene.state.started.trace_id)
    began = account(replace(scene.state, rows=rows), scene.gate)
    assert began.check == f"No charge was recorded, though a row that can move money began. Money may be out: {look}"
    paid = account(replace(scene.state, rows=rows, facts={"amount_paid": Money(500, "EUR")}), scene.gate)
    assert paid.check == f"EUR 5.00 charged; what came back was not recorded. Money may be out: {look}"
    assert (began.adds_up, paid.adds_up) == (None, None)


def test_a_row_that_was_held_back_moved_nothing():
    """A row that can move money and never began leaves nothing to look for."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    row = next(row.id for row in scene.gate.all_rows() if row.money)
    rows = {**scene.state.rows, row: replace(scene.state.rows[row], first=9, last=9)}
    assert account(replace(scene.state, rows=rows), scene.gate).check == "Nothing is known to have been charged."


def test_a_purchase_that_was_not_sent_charged_nothing():
    """Where the journal tells that no request left, or the ledger's last look closed the run, nothing may be out."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    row = next(row.id for row in scene.gate.all_rows() if row.money)
    rows = {**scene.state.rows, row: replace(scene.state.rows[row], began=True)}
    not_sent = replace(scene.state.exposure, sent=SimpleNamespace(outcome=SendOutcome.NOT_SENT))
    guarded = scene.state.started.model_copy(update={"mode": scenes.Mode.REHEARSAL})
    for state in (
        replace(scene.state, rows=rows, exposure=not_sent),
        replace(scene.state, rows=rows, started=guarded),
    ):
        assert account(state, scene.gate).check == "Nothing is known to have been charged."


def saw_otherwise(scene, check):
    """The rows of a scene, in which the last one that can move money failed a check; and that row's place."""
    row = [row.id for row in scene.gate.all_rows() if row.money][-1]
    failed = replace(
        scene.state.rows[row],
        began=True,
        failed_check=check,
        reason="the number of other charges is not as expected",
        expected="0",
        observed="1",
    )
    return {**scene.state.rows, row: failed}, f"row {scene.gate.number(row)} ({row})"


@pytest.mark.parametrize("check", sorted(COUNTING_CHECKS))
def test_what_was_counted_is_not_all_where_a_row_saw_more(check):
    """Nothing is called outstanding or back while the ledger holds charges or refunds that were not counted."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    facts = {"amount_paid": Money(500, "EUR"), "amount_refunded": Money(500, "EUR")}
    rows, place = saw_otherwise(scene, check)
    view = account(replace(scene.state, rows=rows, facts=facts), scene.gate)
    look = LOOK.format(trace_id=scene.state.started.trace_id)
    assert view.check == (
        f"Counted were EUR 5.00 charged and EUR 5.00 refunded, but {place} saw otherwise: "
        f"the number of other charges is not as expected (expected 0, observed 1). Money may be out: {look}"
    )
    assert (view.adds_up, view.outstanding, amounts(view)["net"]) == (None, UNKNOWN, UNKNOWN)
    paid = account(replace(scene.state, rows=rows, facts={"amount_paid": Money(500, "EUR")}), scene.gate)
    assert paid.check.startswith(f"Counted were EUR 5.00 charged, but {place} saw otherwise: ")
    other, _ = saw_otherwise(scene, "event_unchanged")
    assert account(replace(scene.state, rows=other, facts=facts), scene.gate).adds_up is True


def test_a_settled_run_has_counted_everything():
    """What the ledger showed at the end stands, whatever a row had seen before."""
    scene = SCENES["go"]()
    rows, _ = saw_otherwise(scene, "no_other_charge")
    assert account(replace(scene.state, rows=rows), scene.gate).adds_up is True


def test_every_counting_check_exists():
    """The names are those of checks."""
    assert set(CHECKS) >= COUNTING_CHECKS


def test_currencies_are_never_added():
    """A fee in the account's own currency stands beside the amounts, and there is no net."""
    view = accounted("go", provider_fee=Money(36, "USD"))
    assert (amounts(view)["fee"], amounts(view)["net"]) == ("USD 0.36", UNKNOWN)


def test_more_back_than_out_does_not_add_up():
    """More refunded than charged is said as what it is."""
    scene = scenes.begun(scenes.Mode.SANDBOX)
    facts = {"amount_paid": Money(500, "EUR"), "amount_refunded": Money(700, "EUR")}
    view = account(replace(scene.state, facts=facts), scene.gate)
    assert view.adds_up is False
    assert view.check.startswith("Does not add up: more came back than was charged.")


def test_a_gate_without_money_has_no_account():
    """A gate that names no amounts, and a run that saw no charge, show none."""
    source = SOURCE[: SOURCE.index(b"[money]")] + SOURCE[SOURCE.index(b"# -----") :]
    scene = scenes.begun(scenes.Mode.SANDBOX, source)
    assert read_gate(source, "gate.toml").money is None
    assert account(scene.state, scene.gate) is None
