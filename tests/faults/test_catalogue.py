"""The catalogue agrees with the sandbox, with the gates, and with the page that tells people about it."""

from __future__ import annotations

import json
import tomllib

import pytest

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.faults import page, result
from tests.faults.catalogue import ENTRIES
from tests.faults.entry import Layer
from tests.faults.matrix import SMOKE, chosen, pair_jobs
from tests.gate_runs import ROOT

load_registry()
HARMFUL = {name: fault for name, fault in REGISTRY.items() if fault.row}
TWINS = [(entry, twin) for entry in ENTRIES for twin in entry.twins]


def test_every_fault_of_the_sandbox_is_in_the_catalogue_once():
    """A fault that is added without saying what must catch it stops here."""
    assert sorted(entry.fault for entry in ENTRIES) == sorted(HARMFUL)


def test_every_benign_variant_is_somebodys_twin():
    """Noise that nothing plants would be noise that nothing has shown to stay green."""
    assert {name for name, fault in REGISTRY.items() if not fault.row} <= {twin.name for _, twin in TWINS}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.fault)
def test_an_entry_names_what_its_gate_has(entry):
    """Gate, rows and criteria exist, and the sandbox's own list names the same row."""
    gate = tomllib.loads((ROOT / "suites" / entry.gate / "gate.toml").read_text())
    rows = {row["id"] for row in [*gate["preflight"], *gate["rows"]]}

    assert entry.gate == REGISTRY[entry.fault].gate
    assert entry.rows <= rows
    assert entry.criteria <= {criterion["id"] for criterion in gate["criteria"]}
    assert entry.rows in ({REGISTRY[entry.fault].row}, set() if entry.proof else {REGISTRY[entry.fault].row})


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.fault)
def test_an_entry_has_a_twin_or_says_which_test_holds_it(entry):
    """No fault is left without a harmless double, unless another test plants it where it can act."""
    if entry.held_by:
        assert entry.fault in (ROOT / entry.held_by).read_text()
    else:
        assert entry.twins


@pytest.mark.parametrize(("entry", "twin"), TWINS, ids=lambda one: getattr(one, "fault", str(one)))
def test_a_twin_is_harmless_by_declaration(entry, twin):
    """A twin is a benign fault of the sandbox, or a fault that its parameters make harmless; never the fault itself."""
    assert twin.name in REGISTRY
    assert twin != entry.planted
    assert not REGISTRY[twin.name].row or twin.parameters


def test_the_smoke_size_meets_every_layer_both_gates_and_a_missing_witness():
    """What `make test` plants is a cross-section, not a corner."""
    entries = chosen("smoke")
    assert {entry.fault for entry in entries} == set(SMOKE)
    assert {entry.layer for entry in entries} == set(Layer)
    assert {entry.gate for entry in entries} == {"e2e", "microcharge"}
    assert any(entry.proof for entry in entries)


def test_the_page_is_that_of_the_result():
    """The published table is written from the last result: `python -m tests.faults page`."""
    assert page.PAGE.read_text() == page.text()


def test_the_result_knows_every_entry_of_today():
    """The published result is of this catalogue: `make faults` after a change, or `python -m tests.faults page`, which says what is not measured."""
    kept = json.loads(result.RESULT.read_text())
    assert [
        (one["fault"], one["gate"], one["rows"], one["critical"], [twin["name"] for twin in one["twins"]])
        for one in kept["faults"]
    ] == [
        (entry.fault, entry.gate, sorted(entry.rows), entry.critical, [twin.name for twin in entry.twins])
        for entry in ENTRIES
    ]


def test_the_worst_are_planted_in_pairs_within_their_gate():
    """There are twenty; every two of them that one sandbox can show, each once, but for the two that make one right."""
    worst = [entry for entry in ENTRIES if entry.critical]
    jobs = pair_jobs(ENTRIES)
    pairs = {frozenset((one.fault, other.fault)) for one in worst for other in worst if one.gate == other.gate}
    wanted = {pair for pair in pairs if len(pair) == 2} - {
        frozenset({"charge_amount_hundredfold", "charge_amount_hundredth"})
    }
    assert len(worst) == 20
    assert {frozenset(one.name for one in job.planted) for job in jobs} == wanted
    assert len(jobs) == len(wanted) == 93
    assert all(job.is_fault for job in jobs)


def test_what_is_not_measured_is_told_so(tmp_path, monkeypatch):
    """A kept result is brought up to date without a run, and claims nothing of what has changed since."""
    kept = json.loads(result.RESULT.read_text())
    first, second, third = kept["faults"][:3]
    first |= {"caught_by": [{"check": "one", "row": "health"}], "end": "slips"}
    second |= {"end": "slips", "rows": ["another"]}
    mine = tmp_path / "result.json"
    mine.write_text(json.dumps({**kept, "faults": [first, second]}))
    monkeypatch.setattr(result, "RESULT", mine)
    result.refresh()
    now = json.loads(mine.read_text())
    assert [one["fault"] for one in now["faults"]] == [entry.fault for entry in ENTRIES]
    assert [one["end"] for one in now["faults"][:3]] == ["slips", "", ""]
    assert now["faults"][0] == first
    assert third["fault"] == now["faults"][2]["fault"]
    assert now["figures"] == kept["figures"]
