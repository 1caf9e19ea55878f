"""Each planted fault of the fleet turns the microcharge row it names red, and the benign ones turn nothing."""

from __future__ import annotations

import pytest

from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.server import load_registry
from tests.gate_runs import copy_gate, run_gate

load_registry()
OURS = {name: fault for name, fault in REGISTRY.items() if fault.gate == "microcharge"}
# Acts only where charges say that they are live; held in the rehearsal's tests.
REHEARSED = {"fleet_ledger_test_card"}
HARMFUL = sorted(name for name, fault in OURS.items() if fault.row and name not in REHEARSED)
BENIGN = sorted(name for name, fault in OURS.items() if not fault.row)
QUICK = {
    "refund_within_seconds": 5,
    "charged_within_seconds": 5,
    "payment_hold_seconds": 20,
    "logged_within_seconds": 3,
}
# The log is one witness of three: without it nothing is red, and the run is CONDITIONAL.
SILENT = {"fleet_log_missing", "fleet_log_other_trace"}


@pytest.mark.parametrize("name", HARMFUL)
def test_fault_turns_its_row_red(name, tmp_path):
    """A fault turns exactly the row it names red, or leaves a proof missing; the run is never a PASS."""
    copy_gate(tmp_path, "microcharge", **QUICK)

    result = run_gate(tmp_path, "suites/microcharge", "-q", f"--paygate-fault={name}")

    assert result.exit_code != 0, result.output
    if name in SILENT:
        assert result.evidence["verdict"] == "CONDITIONAL", result.output
        assert "proof charge_log (application log) is missing" in " ".join(result.evidence["reasons"])
    else:
        assert result.evidence["verdict"] in {"FAIL", "STOPPED", "ESCALATED"}, result.output
        assert result.red_rows() == [REGISTRY[name].row], result.output


@pytest.mark.parametrize("name", BENIGN)
def test_benign_fault_stays_green(name, tmp_path):
    """Noise that a healthy fleet shows too turns nothing red."""
    copy_gate(tmp_path, "microcharge")

    result = run_gate(tmp_path, "suites/microcharge", "-q", f"--paygate-fault={name}")

    assert result.exit_code == 0, result.output
    assert set(result.statuses.values()) == {"PASS"}
