"""The pytest plugin: the only folder that imports pytest.

This module is loaded in every project that has the package installed, so it imports the standard library and pytest
only, and does nothing until a file next to a `gate.toml` is collected. Then `active` is registered with the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.plugin import options
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_paygate.core.notices import Notice

MARKERS = (
    'row(id): binds a test to the row of that id in gate.toml, e.g. @pytest.mark.row("login")',
    "preflight: the row is a pre-flight check; one that is not PASS holds everything else back",
    "live_money: the row can lead to money moving",
    "hitl_pause: the row waits for a person at a hold point",
)
GATE_FILE = "gate.toml"


class Hooks:
    """The hooks that a conftest or another plugin can implement; known in every project, so that a conftest may."""

    @pytest.hookspec
    def pytest_paygate_notify(self, notice: Notice) -> None:
        """Called when an operator is needed, a refund is overdue, and with a run's verdict.

        It is called on a thread of its own, one notice after another. Whatever it raises is journalled as an anomaly
        and told at the end of the session; it changes nothing else.

        Args:
            notice: what happened; see `docs/reference/notices.md`.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make our hooks known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the long options."""
    options.add_long(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> Generator[None, None, None]:
    """Register the short options last, so that a project's own conftest keeps `--env` or `--live` if it has them."""
    yield
    options.add_short(early_config, parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and refuse what this version cannot do safely."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("paygate_operator"):
        from pytest_paygate.plugin.page import check

        check(config)
    if config.getoption("paygate_live") or config.getoption("paygate_confirm"):
        from pytest_paygate.plugin.live import configure

        configure(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Where pytest-html writes a report and a gate may come: be its guest, before it asks for columns."""
    if session.config.getoption("htmlpath", None) and _may_have_gate(session.config):
        from pytest_paygate.plugin import html_guest

        html_guest.register(session.config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    """Wake up when a Python file next to a `gate.toml` is collected."""
    if file_path.suffix == ".py" and RUNS not in parent.config.stash and (file_path.parent / GATE_FILE).is_file():
        activate(parent.config)


def _may_have_gate(config: pytest.Config) -> bool:
    """Whether a gate lies at, or at most two folders below, what was typed; one that lies deeper gets no columns."""
    for argument in config.args:
        path = config.invocation_params.dir / argument.split("::", 1)[0]
        folder = path.parent if path.is_file() else path
        if any(next(folder.glob(f"{below}{GATE_FILE}"), None) for below in ("", "*/", "*/*/")):
            return True
    return False


def activate(config: pytest.Config) -> None:
    """Register everything else. From here on the session has a gate."""
    if RUNS in config.stash:
        return
    from pytest_paygate.plugin.active import register

    register(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give every xdist worker the same run identity, so that one session is one run."""
    from pytest_paygate.plugin.distribution import share_identity

    share_identity(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over an xdist worker's secrets, and refuse in the controller what it refused."""
    from pytest_paygate.plugin.distribution import pass_refusal_on, take_secrets

    take_secrets(node)
    pass_refusal_on(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each gate on one worker, whatever `--dist` says; without a gate, xdist schedules as if we were not here."""
    from pytest_paygate.plugin.distribution import make_scheduler

    return make_scheduler(config, log)
