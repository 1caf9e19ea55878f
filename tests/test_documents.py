"""The documents tell the truth: commands, exit codes, keys, options and links are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_paygate.core.capacity_rules import CapacitySettings
from pytest_paygate.core.claims import Claim
from pytest_paygate.core.environment import (
    Acknowledgement,
    ApprovalSettings,
    Caps,
    EnvironmentSettings,
    ProviderSettings,
    Settings,
    StoreSettings,
    read_settings,
)
from pytest_paygate.core.events import Mode
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.gate import CapacityNeed, Criterion, EvidenceFile, Gate, MoneyFacts, Note, Purchase, Row
from pytest_paygate.core.gate_tables import Holds
from pytest_paygate.core.guards import Guard
from pytest_paygate.core.launch import GoLive, GoLiveItem
from pytest_paygate.core.log_settings import LogSettings
from pytest_paygate.core.proof import WitnessKind
from pytest_paygate.core.samples import SampleSettings
from pytest_paygate.core.trust import Policy
from pytest_paygate.core.verdict import EXIT_CODES
from pytest_paygate.core.waivers import Waiver
from pytest_paygate.core.window import Anomaly
from pytest_paygate.plugin.options import OPTIONS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_two_commands_exist():
    """README's commands are targets of the Makefile."""
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in re.findall(r"^\$ make (\w+)", README, re.MULTILINE):
        assert command in targets
    assert {"e2e", "test", "lint", "sandbox", "bench"} <= set(targets)


def test_the_exit_codes_are_those_of_the_verdict():
    """README's table has each verdict with its code."""
    for verdict, code in EXIT_CODES.items():
        assert f"| {code} | {verdict}" in README


def test_every_option_is_shown_by_help(tmp_path):
    """`pytest --help` lists every long option and, in a project without its own, every short one."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for option in OPTIONS:
        assert f"--{option.long}" in done.stdout
        assert not option.short or re.search(rf"--{option.short}\b", done.stdout)


@pytest.mark.parametrize(
    ("document", "models"),
    [
        (
            "gate-toml.md",
            [
                *(Gate, Row, Claim, Criterion, EvidenceFile, Holds, Note),
                *(Purchase, MoneyFacts, Waiver, CapacityNeed, Guard),
            ],
        ),
        ("go-live.md", [GoLive, GoLiveItem]),
        ("verify.md", [Policy]),
        (
            "paygate-toml.md",
            [
                CapacitySettings,
                EnvironmentSettings,
                ProviderSettings,
                Acknowledgement,
                Caps,
                ApprovalSettings,
                StoreSettings,
                LogSettings,
                SampleSettings,
                Settings,
            ],
        ),
    ],
)
def test_the_references_name_every_key(document, models):
    """Every key a file may hold stands in its reference."""
    text = (ROOT / "docs" / "reference" / document).read_text()
    for model in models:
        for key in model.model_fields:
            if key not in {"providers", "env", "store"}:
                assert re.search(rf"\b{key}\b", text), f"{document}: {model.__name__}.{key}"


def test_the_reference_names_every_kind_and_mode():
    """Every kind of fact and every mode stands in the gate's reference."""
    text = (ROOT / "docs" / "reference" / "gate-toml.md").read_text()
    assert all(f"`{kind}`" in text for kind in FactKind)
    assert all(f"`{mode}`" in text for mode in Mode)
    assert all(f"`{kind}`" in text for kind in WitnessKind)


def test_the_windows_reference_names_every_anomaly():
    """Everything that can be wrong with a sample stands in its reference."""
    text = (ROOT / "docs" / "reference" / "windows.md").read_text()
    assert all(f"*{anomaly}*" in text for anomaly in Anomaly)


def test_the_checkout_s_own_settings_are_valid():
    """paygate.toml of this checkout can be read."""
    import tomllib

    settings = read_settings(tomllib.loads((ROOT / "paygate.toml").read_text()), "paygate.toml")
    assert isinstance(settings, Settings)
    assert set(settings.env) == {"staging", "rehearsal", "fleet_staging", "fleet_rehearsal"}


def test_the_architecture_names_every_folder():
    """ARCHITECTURE.md has a line for each layer of the package."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for folder in (ROOT / "src" / "pytest_paygate").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert f"`{folder.name}/`" in text
    assert len(text.splitlines()) <= 80


def test_the_faults_are_listed(tmp_path):
    """`paygate sandbox --list-faults` names every fault with the row it turns red."""
    from pytest_paygate.sandbox.faults import REGISTRY
    from pytest_paygate.sandbox.server import load_registry

    load_registry()
    done = subprocess.run(
        [sys.executable, "-m", "pytest_paygate.cli", "sandbox", "--list-faults"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for fault in REGISTRY.values():
        assert re.search(
            rf"^{fault.name} .*{re.escape(f'[row {fault.row}]' if fault.row else '[benign]')}$",
            done.stdout,
            re.MULTILINE,
        )
