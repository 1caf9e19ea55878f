"""The operator's page in a pytest session: asked for, opened before the first row, told, and closed with the verdict.

Owns `--operator` and the life of the one page that all runs of a session share. What stands on it, and who may see it,
are the adapters' business; the libraries behind it are loaded only where it was asked for.
"""

from __future__ import annotations

import contextlib
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.errors import ConfigurationError, configuration, nearest
from pytest_paygate.core.page import Ending
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.plugin import distribution
from pytest_paygate.plugin.options import TERMINAL, WEB, wants_page
from pytest_paygate.plugin.seats import TERMINAL as DEVICE
from pytest_paygate.plugin.stash import GATE, LIVE, PAGE, RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.adapters.page_server import PageServer
    from pytest_paygate.core.page import GateTable
    from pytest_paygate.core.seats import Seat
    from pytest_paygate.plugin.runs import Runs
    from pytest_paygate.reporting.run_reports import Outcome

_LIBRARIES = ("starlette", "uvicorn")
# A browser looks every two seconds: this long the last page waits to be seen.
_LINGER_SECONDS = 3.0


class SessionPage:
    """The page of one session, and a seat at it for each run.

    Args:
        runs: the gates of the session.
    """

    def __init__(self, runs: Runs) -> None:
        from pytest_paygate.adapters.clock import SystemClock
        from pytest_paygate.adapters.page_board import Board
        from pytest_paygate.adapters.page_server import PageServer
        from pytest_paygate.renderers import operator_page

        self._board = Board(SystemClock(), lambda: _gates(runs))
        self.server: PageServer = PageServer(self._board, operator_page)

    def seat(self) -> Seat:
        """A seat at the page, for one run's operator."""
        from pytest_paygate.adapters.seat_page import PageSeat

        return PageSeat(self._board)

    def line(self) -> str:
        """What tells the operator where to go."""
        return f"paygate: the operator's page, for one browser on this machine: {self.server.address}"


def check(config: pytest.Config) -> None:
    """Refuse what `--operator` cannot be, before anything is collected.

    Raises:
        pytest.UsageError: for an unknown place, a page in a session that is spread over processes, or one whose
            libraries are not installed.
    """
    typed = config.getoption("paygate_operator")
    places = (TERMINAL, WEB)
    refused: ConfigurationError | None = None
    if typed not in places:
        refused = configuration(
            f"--operator={typed}",
            "is not a place where an operator can be asked",
            expected=f"one of: {', '.join(places)}.{nearest(typed, places)}",
            observed=repr(typed[:40]),
            next_step="Choose one of them; `web` adds a page to the terminal, it does not take the terminal away.",
        )
    elif typed == WEB and (hasattr(config, "workerinput") or distribution.is_controller(config)):
        refused = configuration(
            "--operator=web",
            "is refused in a session that is spread over processes",
            expected="one process that asks its operator",
            observed="pytest-xdist at work (-n, --dist or --tx)",
            next_step="Leave -n out, or leave --operator=web out and let a scripted payer pay.",
        )
    elif typed == WEB and (missing := [name for name in _LIBRARIES if find_spec(name) is None]):
        refused = configuration(
            "--operator=web",
            "needs libraries that are not installed",
            expected=f"the extra `console`: {', '.join(_LIBRARIES)}",
            observed=f"missing: {', '.join(missing)}",
            next_step="Run `pip install 'pytest-paygate[console]'`, or answer at the terminal.",
        )
    if refused is not None:
        raise pytest.UsageError(refused.refusal.text())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Open the page once it is known that rows will run, and tell where; before the terminal reports the collection."""
    config = session.config
    if not wants_page(config) or not any(GATE in item.stash for item in session.items) or PAGE in config.stash:
        return
    only_shown = LIVE in config.stash and not config.stash[LIVE].confirm_typed
    if only_shown or config.getoption("collectonly", default=False):
        return
    try:
        page = SessionPage(config.stash[RUNS])
        config.add_cleanup(page.server.close)
        page.server.start()
    except ConfigurationError as error:
        raise pytest.UsageError(error.refusal.text()) from None
    config.stash[PAGE] = page
    _tell_device(config, page.line())


def end_page(config: pytest.Config, outcomes: Sequence[Outcome]) -> None:
    """Show how each gate ended to whoever still looks, and close the page."""
    page = config.stash.get(PAGE, None)
    if page is not None:
        endings = [Ending(one.headline, Verdict.FAIL if one.leaked else one.verdict) for one in outcomes]
        page.server.end(endings, linger_seconds=_LINGER_SECONDS)


def _tell_device(config: pytest.Config, line: str) -> None:
    """Where pytest's own output goes elsewhere (a pipe, a file), tell the terminal itself too, if there is one."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and getattr(reporter, "isatty", False):
        return
    with contextlib.suppress(OSError):
        handle = os.open(DEVICE, os.O_WRONLY | os.O_NOCTTY)
        try:
            os.write(handle, f"\r\n{line}\r\n".encode())
        finally:
            os.close(handle)


def _gates(runs: Runs) -> list[GateTable]:
    from pytest_paygate.renderers.operator_page import gate_table

    # Read by the page's thread: a run's state is one value that is replaced whole.
    return [
        gate_table(folder.gate, runs.choice.environment, None if folder.run is None else folder.run.state)
        for folder in list(runs.folders.values())
    ]
