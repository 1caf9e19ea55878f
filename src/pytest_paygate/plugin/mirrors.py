"""pytest-html and Allure as guests: each row's number, word and observed facts, taken from the journal.

They are mirrors, never the record: nothing is read back from them, and nothing goes to them that is not journalled.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.facts import shown
from pytest_paygate.plugin.protocol import folder_of
from pytest_paygate.plugin.stash import ROW

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_paygate.plugin.gate_run import GateRun


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach a finished row's record to whichever guest is active."""
    report = yield
    folder = folder_of(item)
    if folder is not None and folder.run is not None and call.when == "call":
        facts = _facts(folder.run, item.stash[ROW])
        title = f"{folder.gate.number(item.stash[ROW])} · {folder.gate.row(item.stash[ROW]).title}"  # type: ignore[union-attr]
        _to_html(item.config, report, title, facts)
        _to_allure(item.config, folder.run, title, facts)
    return report


def _facts(run: GateRun, row_id: str) -> dict[str, str]:
    return {name: shown(value) for name, value in run.state.rows[row_id].facts.items()}


def _to_html(config: pytest.Config, report: Any, title: str, facts: dict[str, str]) -> None:
    if not config.pluginmanager.hasplugin("html") or not getattr(config.option, "htmlpath", None):
        return
    from pytest_html import extras

    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    block = f"<details><summary>{escape(title)}</summary><table>{rows}</table></details>"
    report.extras = [*getattr(report, "extras", []), extras.html(block)]


def _to_allure(config: pytest.Config, run: GateRun, title: str, facts: dict[str, str]) -> None:
    if not getattr(config.option, "allure_report_dir", None):
        return
    import allure

    allure.dynamic.title(title)
    allure.dynamic.epic("payment gate")
    allure.dynamic.feature(f"{run.gate.id} · {run.mode}")
    for name, value in facts.items():
        allure.dynamic.parameter(name, value)
