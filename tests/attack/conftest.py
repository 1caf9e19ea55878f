"""Sealed runs that the attacks start from: real ones, made once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.gate_runs import copy_gate, run_gate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run that passed and was sealed."""
    folder = tmp_path_factory.mktemp("sealed")
    copy_gate(folder)
    result = run_gate(folder, "suites/e2e")
    assert result.exit_code == 0, result.output
    assert result.folder is not None
    return result.folder


@pytest.fixture(scope="session")
def sweep_size() -> str:
    """`full` where every sweep runs whole, else `smoke`."""
    return "full" if os.environ.get("PAYGATE_SWEEP") == "full" else "smoke"
