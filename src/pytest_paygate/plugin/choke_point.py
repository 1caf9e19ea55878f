"""The choke point: what any reporter gets to see of a gate row, before the first of them looks.

Exception texts, values of variables, source lines and captured output may hold keys, card pages or a target's hostile
text. What is left is which exception it was, and where: file, line and function of each frame in the gate. Other tests
of the session keep their tracebacks.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.plugin.protocol import OUTCOME, OwnFailureError, folder_of, place

if TYPE_CHECKING:
    from collections.abc import Generator


class ReducedError(Exception):
    """Stands in the place of the exception that was reduced, for reporters that look at the call itself."""


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Innermost of all wrappers: the report is reduced before any other plugin gets it back."""
    report = yield
    if folder_of(item) is None or OUTCOME not in item.stash:
        return report
    error = call.excinfo.value if call.excinfo is not None else None
    item.stash[OUTCOME].error = error
    report.sections = []
    if report.failed and error is not None:
        told = str(error) if isinstance(error, OwnFailureError) else _told(item, error)
        report.longrepr = told
        # pytest tells an expected failure by its exception; anything else becomes one of ours.
        expected = isinstance(error, pytest.xfail.Exception)
        call.excinfo = _raised(pytest.xfail.Exception(told) if expected else ReducedError(told))
    return report


def _raised(reduced: BaseException) -> pytest.ExceptionInfo[BaseException]:
    """An exception with a traceback of its own, in whose only frame there is nothing but its reduced text."""
    try:
        raise reduced  # noqa: TRY301 - to give it a traceback
    except BaseException as caught:  # noqa: BLE001 - raised one line above
        return pytest.ExceptionInfo.from_exception(caught)


def _told(item: pytest.Item, error: BaseException) -> str:
    frames = [
        f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(item.path.parent)
    ]
    return "\n".join([place(item, error), *frames])
