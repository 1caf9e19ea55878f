"""What is registered once a session has a gate: collection, row protocol, fixtures, terminal, mirrors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.plugin import collection, distribution, fixtures, mirrors, protocol, terminal
from pytest_paygate.plugin.runs import Runs, new_identity
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from types import ModuleType

MODULES: tuple[ModuleType, ...] = (fixtures, collection, protocol, mirrors, terminal)


def register(config: pytest.Config) -> None:
    """Read the settings and register the modules.

    Raises:
        pytest.UsageError: when the settings or the options are wrong.
    """
    try:
        config.stash[RUNS] = Runs(config, distribution.identity(config) or new_identity())
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None
    for module in MODULES:
        config.pluginmanager.register(module, f"paygate-{module.__name__.rsplit('.', 1)[-1]}")
