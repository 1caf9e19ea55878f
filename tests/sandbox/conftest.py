"""One whole running sandbox for every test that wants a world, and variants of it.

The session's sandbox is shared: a test that sets a fault asks for `faults`, which clears it again; a test that moves
the clock or wants a world of its own starts one with `own_sandbox`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The session's sandbox: environment `sandbox`, free ports, no delays, no faults."""
    with Sandbox.start() as running:
        yield running


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[Faults]:
    """The shared sandbox's fault switches, all off before and after the test."""
    sandbox.faults.clear()
    yield sandbox.faults
    sandbox.faults.clear()


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Sandbox]:
    """A sandbox that calls itself live: the rehearsal keys, no funds."""
    with Sandbox.start(environment="live") as running:
        yield running


@pytest.fixture
def own_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that belong to one test; each is stopped after it."""
    with ExitStack() as stack:

        def start(**choices: Any) -> Sandbox:
            return stack.enter_context(Sandbox.start(**choices))

        yield start
