"""What is registered once a session has a gate: collection, row protocol, fixtures, terminal, mirrors.

With wrong settings nothing is registered but the refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.plugin import (
    choke_point,
    collection,
    distribution,
    fixtures,
    html_guest,
    mirrors,
    page,
    protocol,
    terminal,
)
from pytest_paygate.plugin.exit_guard import ExitGuard
from pytest_paygate.plugin.runs import Runs, new_identity
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from types import ModuleType

REFUSED = "paygate-refused"
MODULES: tuple[ModuleType, ...] = (fixtures, collection, protocol, choke_point, mirrors, page, terminal)


class Refused:
    """Stops a session whose settings are wrong.

    Only once everything is collected: an error raised while a file is collected counts as that file's, not as a wrong
    command line.
    """

    def __init__(self, error: ConfigurationError) -> None:
        self._error = error

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Refuse."""
        distribution.refuse(config, items, self._error)


def register(config: pytest.Config) -> None:
    """Read the settings and register the modules, or the refusal of what is wrong in them."""
    if config.pluginmanager.has_plugin(REFUSED):
        return
    try:
        resumed = config.getoption("paygate_resume")
        config.stash[RUNS] = Runs(config, resumed or distribution.identity(config) or new_identity())
    except ConfigurationError as error:
        config.pluginmanager.register(Refused(error), REFUSED)
        return
    config.pluginmanager.register(terminal.SessionEnd(), terminal.END)
    config.pluginmanager.register(choke_point.BesideRows(config), "paygate-beside-rows")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ExitGuard(), "paygate-exit-guard")
    html_guest.register(config)
    for module in MODULES:
        config.pluginmanager.register(module, f"paygate-{module.__name__.rsplit('.', 1)[-1]}")
