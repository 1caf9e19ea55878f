"""The choke point: what any reporter gets to see of a gate row, before the first of them looks.

Exception texts, values of variables, source lines, captured output, reasons of skips and expected failures, warnings,
recorded properties and log lines may hold keys, card pages or a target's hostile text. What is left is which exception
or warning it was, and where: file, line and function of each frame in the gate. Other tests of the session keep theirs.
"""

from __future__ import annotations

import dataclasses
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.plugin.distribution import gate_of
from pytest_paygate.plugin.protocol import OUTCOME, OwnFailureError, OwnSkip, folder_of, place

if TYPE_CHECKING:
    import logging
    import warnings
    from collections.abc import Callable, Generator

# The row that runs now, for hooks that are not told of it.
_ROW: pytest.StashKey[pytest.Item] = pytest.StashKey()
# Ctrl-C and the end of a hook are nothing that a fixture says.
_FROM_OUTSIDE = (KeyboardInterrupt, GeneratorExit)


class ReducedError(Exception):
    """Stands in the place of the exception that was reduced, for reporters that look at the call itself."""

    behind: BaseException | None = None


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """While a row runs, keep its log lines from handlers that write at once: the live log and the log file."""
    if folder_of(item) is None:
        return (yield)
    item.config.stash[_ROW] = item
    live = item.config.pluginmanager.get_plugin("logging-plugin")
    handlers = [getattr(live, name, None) for name in ("log_cli_handler", "log_file_handler")]
    for handler in handlers:
        if handler is not None:
            handler.addFilter(_not_shown)
    try:
        return (yield)
    except pytest.exit.Exception as error:
        raise pytest.exit.Exception(place(item, error), error.returncode) from None
    finally:
        del item.config.stash[_ROW]
        for handler in handlers:
            if handler is not None:
                handler.removeFilter(_not_shown)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Any:
    """Reduce what a fixture of a row raises, in its setup and in its teardown: some reporters look at fixtures."""
    item = request.config.stash.get(_ROW, None)
    if item is None:
        return (yield)
    error: BaseException | None = None
    try:
        result = yield
    except _FROM_OUTSIDE:
        raise
    except BaseException as raised:  # noqa: BLE001 - anything a fixture raises is reduced, a cancelled task too
        error = raised
    finalizers = fixturedef._finalizers  # noqa: SLF001 - where a reporter looks for them too
    finalizers[:] = [_reducing(item, finalizer) for finalizer in finalizers]
    if error is not None:
        raise _reduced(item, error) from None
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Innermost of all wrappers: the report is reduced before any other plugin gets it back."""
    report = yield
    if folder_of(item) is None or OUTCOME not in item.stash:
        return report
    error = _behind(call.excinfo.value) if call.excinfo is not None else None
    item.stash[OUTCOME].error = error
    report.sections = []
    report.user_properties = []
    if hasattr(report, "wasxfail"):
        report.wasxfail = ""
    if error is not None and not isinstance(error, OwnSkip):
        told = str(error) if isinstance(error, OwnFailureError) else _told(item, error)
        _put(report, call, error, told)
    return report


def _behind(error: BaseException) -> BaseException:
    """What a fixture really raised; it is let go of here, so that nobody else finds it."""
    if not isinstance(error, ReducedError) or error.behind is None:
        return error
    behind, error.behind = error.behind, None
    return behind


def _put(report: pytest.TestReport, call: pytest.CallInfo[None], error: BaseException, told: str) -> None:
    """Put what may be told in the place of the exception; pytest tells its outcomes by their types, which stay."""
    if report.skipped and isinstance(report.longrepr, tuple):
        file, line, _ = report.longrepr
        report.longrepr = (file, line, told)
    elif report.failed or report.skipped:
        report.longrepr = told
    kinds = (pytest.skip.Exception, pytest.xfail.Exception)
    kind = next((kind for kind in kinds if isinstance(error, kind)), ReducedError)
    call.excinfo = _raised(kind(told))


class BesideRows:
    """Reduces what comes out of a gate's code beside its rows' own reports: warnings, subtests, failing imports.

    Args:
        config: pytest's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A subtest's report is made from the row's and then given a message, parameters and output of its own."""
        if gate_of(self._config, report.nodeid):
            report.sections = []
            context = getattr(report, "context", None)
            if context is not None:
                report.context = dataclasses.replace(context, msg=None, kwargs={})  # type: ignore[attr-defined]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A gate file that cannot be imported: where, and nothing of what its import said."""
        report = yield
        if (collector.path.parent / "gate.toml").is_file():
            report.sections = []
            if report.failed:
                report.longrepr = f"{collector.path.name} cannot be collected; python -c 'import …' shows why"
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        """Before any reporter counts it, in a worker before it is sent to the controller."""
        file = Path(warning_message.filename)
        if (nodeid and gate_of(self._config, nodeid)) or (file.parent / "gate.toml").is_file():
            told = f"{warning_message.category.__name__} at {file.name}:{warning_message.lineno}"
            warning_message.message = UserWarning(told)
            warning_message.category = UserWarning
            warning_message.source = None
            warning_message.line = ""


def _reducing(item: pytest.Item, finalizer: Callable[[], object]) -> Callable[[], object]:
    def reduced() -> None:
        error: BaseException | None = None
        try:
            finalizer()
        except _FROM_OUTSIDE:
            raise
        except BaseException as raised:  # noqa: BLE001 - anything a fixture raises is reduced, a cancelled task too
            error = raised
        if error is not None:
            raise _reduced(item, error) from None

    return reduced


def _reduced(item: pytest.Item, error: BaseException) -> BaseException:
    """The exception as it may be seen; the one behind it goes to the row's status only."""
    if isinstance(error, ReducedError):
        return error
    told = _told(item, error)
    if isinstance(error, pytest.exit.Exception):
        return pytest.exit.Exception(told, error.returncode)
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return type(error)(told)
    reduced = ReducedError(told)
    reduced.behind = error
    return reduced


def _raised(reduced: BaseException) -> pytest.ExceptionInfo[BaseException]:
    """An exception with a traceback of its own, in whose only frame there is nothing but its reduced text."""
    try:
        raise reduced  # noqa: TRY301 - to give it a traceback
    except BaseException as caught:  # noqa: BLE001 - raised one line above
        return pytest.ExceptionInfo.from_exception(caught)


def _not_shown(record: logging.LogRecord) -> bool:
    del record
    return False


def _told(item: pytest.Item, error: BaseException) -> str:
    frames = [
        f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(item.path.parent)
    ]
    return "\n".join([place(item, error), *frames])
