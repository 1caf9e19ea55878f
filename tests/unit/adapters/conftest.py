"""What the tests of the adapters are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.http import Api
from tests.unit.adapters import wire

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def journal() -> wire.Journal:
    """An empty journal."""
    return wire.Journal()


@pytest.fixture
def manual_clock() -> wire.ManualClock:
    """A clock at its start."""
    return wire.ManualClock()


@pytest.fixture(name="serve")
def serve_fixture() -> Callable[[wire.Talk], object]:
    """Start a raw server: `async with serve(talk) as wire`."""
    return wire.serve


@pytest.fixture(name="answer")
def answer_fixture() -> Callable[..., bytes]:
    """Build the bytes of an answer."""
    return wire.answer


@pytest.fixture(name="says")
def says_fixture() -> Callable[[bytes], wire.Talk]:
    """Build a talk that always answers the same."""
    return wire.says


@pytest.fixture
def api(journal: wire.Journal) -> Callable[..., object]:
    """Build an `Api` of the party `target` on the real clock."""

    def build(base_url: str, **settings: object) -> Api:
        given = {"party": "target", "trace_id": "E2E-1795262400-abc123", "deadline_seconds": 5.0} | settings
        return Api(base_url, recorder=journal, clock=SystemClock(), **given)  # type: ignore[arg-type]

    return build
