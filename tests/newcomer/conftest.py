"""A staging sandbox for the tests of a module, and a project that points at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_paygate.sandbox.description import SandboxDescription


@dataclass(frozen=True)
class Staged:
    """A project with one environment `staging` of a running sandbox, its variables set."""

    folder: Path
    description: SandboxDescription

    def change(self, before: str, after: str) -> None:
        """Change its settings."""
        path = self.folder / "paygate.toml"
        text = path.read_text()
        assert before in text, before
        path.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def staging() -> Iterator[Sandbox]:
    """A sandbox that calls itself staging."""
    with Sandbox.start(environment="staging") as running:
        yield running


@pytest.fixture
def staged(staging: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staged:
    """The project, entered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paygate.toml").write_text(staging.description.environment_toml("staging"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = session\n")
    for name, value in staging.description.exports().items():
        monkeypatch.setenv(name, value)
    return Staged(tmp_path, staging.description)
