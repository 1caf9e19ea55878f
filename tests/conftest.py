"""Shared by all tests: pytester, and the folder of other people's contracts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = "pytester"


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of provider contracts; they are data to test against and not part of the project."""
    folder = os.environ.get("PAYGATE_CONTRACTS")
    if folder is None:
        pytest.skip("PAYGATE_CONTRACTS is not set: the provider contracts are not here to test against")
    return Path(folder)
