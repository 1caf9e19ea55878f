"""Guests' reports as mirrors: a finished row's record, taken from the journal, handed to pytest-html and Allure.

They are mirrors, never the record: nothing is read back from them, nothing goes to them that is not journalled, and no
live object ever does. What each guest makes of the record is in `html_guest.py` and `allure_guest.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.facts import shown
from pytest_paygate.core.inert import inert
from pytest_paygate.plugin.protocol import OUTCOME, folder_of
from pytest_paygate.plugin.stash import ROW
from pytest_paygate.renderers import session_log

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_paygate.core.events import RowStatus
    from pytest_paygate.plugin.gate_run import GateRun
    from pytest_paygate.plugin.protocol import Outcome

# What each row's report carries for whoever reads JUnit XML: also under xdist, where properties of the suite get lost.
RUN, PROOF = "paygate_run", "paygate_proof"


@dataclass(frozen=True, slots=True)
class RowRecord:
    """What a guest may know of a row. Every text is one printable line."""

    run_id: str
    gate_id: str
    environment: str
    mode: str
    trace_id: str
    number: str
    row_id: str
    title: str
    is_money: bool
    is_preflight: bool
    status: RowStatus
    reason: str
    expected: str
    observed: str
    log: str
    facts: dict[str, str]

    @property
    def heading(self) -> str:
        """Number and title."""
        return f"{self.number} · {self.title}"

    def properties(self) -> list[tuple[str, object]]:
        """What JUnit XML gets of the row."""
        return [
            (RUN, self.run_id),
            ("paygate_gate", self.gate_id),
            ("paygate_row", self.number),
            ("paygate_status", str(self.status)),
            ("paygate_environment", f"{self.environment} ({self.mode})"),
            ("paygate_trace_id", self.trace_id),
            (PROOF, self.proof),
        ]

    @property
    def proof(self) -> str:
        """What it recorded, and where that stands."""
        told = "; ".join(f"{name} {value}" for name, value in self.facts.items())
        return " · ".join(part for part in (told, self.log) if part)


# After `protocol`, which is registered before: this wrapper is outside it, and sees the status it gave.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hand a row's record to whichever guest is active."""
    report = yield
    folder = folder_of(item)
    if folder is None or folder.run is None or OUTCOME not in item.stash:
        return report
    record = record_of(folder.run, item.stash[ROW], item.stash[OUTCOME])
    report.user_properties += record.properties()
    config = item.config
    if getattr(config.option, "htmlpath", None) and config.pluginmanager.hasplugin("html"):
        from pytest_paygate.plugin.html_guest import add_details

        add_details(report, record)
    if report.when == "teardown" and config.pluginmanager.hasplugin("allure_listener"):
        from pytest_paygate.plugin.allure_guest import publish

        publish(config, record, log_lines(folder.run, record.row_id))
    return report


def record_of(run: GateRun, row_id: str, outcome: Outcome) -> RowRecord:
    """A row as it stands now."""
    row, known = run.gate.row(row_id), run.state.rows[row_id]
    return RowRecord(
        run_id=run.runs.identity,
        gate_id=run.gate.id,
        environment=run.environment.name,
        mode=run.mode.value,
        trace_id=run.trace_id,
        number=run.gate.number(row_id),
        row_id=row_id,
        title=inert(row.title) if row is not None else row_id,
        is_money=row is not None and row.money,
        is_preflight=run.gate.is_preflight(row_id),
        status=outcome.status,
        reason=inert(outcome.reason),
        expected=inert(outcome.expected),
        observed=inert(outcome.observed),
        log="" if known.first is None else f"{session_log.NAME} L{known.first + 1}",
        facts={name: inert(shown(value)) for name, value in known.facts.items()},
    )


def log_lines(run: GateRun, row_id: str) -> list[str]:
    """The lines of the session log since the row began; it is the last one that did."""
    first = run.state.rows[row_id].first
    logs = sorted(run.journal.directory.path.glob("session*.log"), key=lambda path: path.stat().st_mtime_ns)
    if first is None or not logs:
        return []
    return logs[-1].read_text(encoding="utf-8").splitlines()[first:]
