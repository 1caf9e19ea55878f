"""One live sandbox in a process of its own for the tests of a module, and a project that points at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.project import LiveSandbox, Project

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LiveSandbox]:
    """`paygate sandbox --environment live`."""
    running = LiveSandbox()
    yield running
    running.stop()


@pytest.fixture
def project(tmp_path, sandbox: LiveSandbox) -> Iterator[Project]:
    """A project that can rehearse; whatever faults a test switched on are off afterwards."""
    yield Project(tmp_path / "project", sandbox)
    sandbox.clear_faults()
