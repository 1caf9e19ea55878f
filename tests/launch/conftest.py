"""Fixtures of the launch commands' tests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.launch.folders import SIGNER, Reports

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SSH key of its own."""
    path = tmp_path_factory.mktemp("key") / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def reports(tmp_path: Path, signing_key: Path) -> Reports:
    """An empty reports folder with a policy beside it."""
    public = signing_key.with_suffix(".pub").read_text().split()
    (tmp_path / "allowed_signers").write_text(f"{SIGNER} {public[0]} {public[1]}\n")
    policy = tmp_path / "policy.toml"
    policy.write_text(f'allowed_signers = "allowed_signers"\nsigners = ["{SIGNER}"]\nrequired = 1\n')
    (tmp_path / "reports").mkdir()
    return Reports(tmp_path / "reports", signing_key, policy)
