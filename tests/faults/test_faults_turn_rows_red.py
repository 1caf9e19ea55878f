"""A gate is worth what it catches: each planted fault turns the row it names red, and nothing that was fine."""

from __future__ import annotations

import pytest

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.gate_runs import copy_gate, run_gate

load_registry()
# Faults without a row are benign by declaration: the twin that must stay green.
OURS = {name: fault for name, fault in REGISTRY.items() if fault.gate == "e2e"}
HARMFUL = sorted(name for name, fault in OURS.items() if fault.row)
BENIGN = sorted(name for name, fault in OURS.items() if not fault.row)
QUICK = {
    "completed_within_seconds": 1.5,
    "refunded_within_seconds": 1.5,
    "transfer_within_seconds": 1.0,
    "payment_hold_seconds": 20,
    "refund_stays_seconds": 1.0,
}


def test_there_are_at_least_ten_faults():
    """The sandbox can break in ten or more named ways."""
    assert len(HARMFUL) >= 10


@pytest.mark.parametrize("name", HARMFUL)
def test_fault_turns_its_row_red(name, tmp_path):
    """A fault turns exactly the row it names red; rows after it are held back or fine, and the run is never a PASS."""
    copy_gate(tmp_path, **QUICK)

    result = run_gate(tmp_path, "suites/e2e", "-q", f"--paygate-fault={name}")

    assert result.evidence["verdict"] != "PASS", result.output
    assert result.exit_code != 0
    assert result.red_rows() == [REGISTRY[name].row], result.output


@pytest.mark.parametrize("name", BENIGN)
def test_benign_fault_stays_green(name, tmp_path):
    """Noise that a healthy system shows too turns nothing red."""
    copy_gate(tmp_path)

    result = run_gate(tmp_path, "suites/e2e", "-q", f"--paygate-fault={name}")

    assert result.exit_code == 0, result.output
    assert set(result.statuses.values()) == {"PASS"}
