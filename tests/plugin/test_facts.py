"""Facts between rows: typed, written once, named when missing, and never a way for a value to slip into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

KEY = "sk_" + "live_4eC39HqLyjWDarjtT1"
CARD = "4242424242424242"


def written(project: Project) -> str:
    """Every byte of the run folder, as text."""
    (folder,) = project.folders()
    return "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())


def test_missing_fact_blocks_by_name(project: Project) -> None:
    """A row that asks for a fact nobody recorded is BLOCKED with the fact's name, and no KeyError is seen."""
    project.body("order", "facts['refund_id']")

    result = project.run_here()

    row = project.state().rows["order"]
    assert (result.ret, row.status) == (24, "BLOCKED")
    assert row.reason == "fact refund_id is missing"
    assert row.expected == "an earlier row to have recorded refund_id"
    result.stdout.no_fnmatch_line("*KeyError*")


def test_undeclared_fact_is_a_configuration_error(project: Project) -> None:
    """A fact that gate.toml does not declare fails the row with the nearest declared name."""
    project.body("order", "facts['ordr_id'] = 'ord_1'")

    result = project.run_here()

    assert result.ret == 1
    assert project.state().rows["order"].reason == "demo_gate/gate.toml: facts.ordr_id: is not declared"
    result.stdout.fnmatch_lines(["*Did you mean 'order_id'?*"])


def test_changed_fact_fails(project: Project) -> None:
    """A fact written a second time with another value is FAIL, and the first value stands."""
    project.body("payment", "facts['order_id'] = 'ord_2'")

    result = project.run_here()

    row = project.state().rows["payment"]
    assert (result.ret, row.status) == (1, "FAIL")
    assert row.reason == "fact order_id changed during the run"
    assert (row.expected, row.observed) == ("still ord_1", "ord_2")
    assert project.state().facts["order_id"] == "ord_1"


def test_same_fact_twice_is_no_change(project: Project) -> None:
    """Writing the same value again is allowed and journalled once."""
    project.body("refund", "facts['order_id'] = 'ord_1'\nfacts['refund_id'] = 're_1'\nfacts['refund_id'] = 're_1'")

    assert project.run_here().ret == 0
    assert sum(getattr(entry.event, "name", "") == "refund_id" for entry in project.entries()) == 1


@pytest.mark.parametrize(
    "value",
    ["not an identifier <b>", KEY, f"pi_1_secret_{'x' * 24}", CARD, "9" * 400, "id\nwith a second line"],
    ids=["markup", "live key", "client secret", "card number", "too long", "line break"],
)
def test_unfit_value_fails_and_is_not_kept(project: Project, value: str) -> None:
    """A value that does not fit its kind is FAIL, and the value itself is in no file of the run."""
    project.body("order", f"facts['order_id'] = {value!r}")

    result = project.run_here("--tb=no")

    assert result.ret == 1
    assert project.statuses()["order"] == "FAIL"
    assert project.state().rows["order"].reason == "fact order_id cannot be recorded"
    assert value not in written(project)
    assert value not in result.stdout.str()


def test_exception_text_is_not_kept(project: Project) -> None:
    """What an exception says stays out of the run's files: only its class and place are kept."""
    project.body("order", f"raise ValueError('token={KEY}')")

    project.run_here()

    assert KEY not in written(project)
    assert project.state().rows["order"].reason.startswith("ValueError at test_demo.py:")


def test_checks_compare_value_and_type(project: Project) -> None:
    """`run.check` fails the row for another value and for another type, and journals what was expected and seen."""
    project.change("test_demo.py", "def test_order(facts: Facts)", "def test_order(facts: Facts, run)")
    project.body("order", "run.check('quantity', observed=True, expected=1)")

    assert project.run_here().ret == 1
    row = project.state().rows["order"]
    assert (row.reason, row.expected, row.observed) == ("quantity is not as expected", "1", "yes")


def test_money_sentence_follows_the_journal(project: Project) -> None:
    """Once a money row has begun, a failure no longer says that no money moved."""
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, run)")
    project.body("refund", "run.fail('refund', observed='none', expected='one')")

    result = project.run_here()

    result.stdout.fnmatch_lines(["*money     Test money may have moved in this run: look trace id DEMO-*"])
    result.stdout.no_fnmatch_line("*No money moved*")


def test_gate_fixture_outside_a_gate_is_refused(project: Project) -> None:
    """A test of no gate that asks for a gate's fixture fails with a sentence that says so."""
    project.write("test_other.py", "def test_other(facts):\n    assert facts\n")

    result = project.run_here()

    assert result.ret == 1
    assert project.judgement().verdict == "PASS"
    result.stdout.fnmatch_lines(["*test_other.py::test_other: asks for a gate fixture outside a gate*"])
