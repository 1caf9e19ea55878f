"""pytest-html as a host: a verdict block above its results, the columns Row and Proof, and each row's record inside.

Rules of a good guest: every text is escaped here, because pytest-html takes HTML; no link opens a `data:` address,
which browsers block, so evidence stands inline; its order and its sorting are left alone; other tests get empty cells.
pytest-html itself puts test ids and environment values into the page as they are. In a session with a gate they are
escaped too, so that nobody can forge a verdict beside ours.
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.inert import inert
from pytest_paygate.plugin.protocol import plain_words
from pytest_paygate.plugin.stash import RUNS

if TYPE_CHECKING:
    from pytest_paygate.plugin.mirrors import RowRecord
    from pytest_paygate.reporting.run_reports import Outcome

NAME = "paygate-html"
_ROW_HEADER = '<th class="sortable" data-column-type="paygateRow">Row</th>'
_PROOF_HEADER = '<th class="sortable" data-column-type="paygateProof">Proof</th>'


def register(config: pytest.Config) -> None:
    """Be a guest of pytest-html, if it writes a report in this session."""
    on = getattr(config.option, "htmlpath", None) and config.pluginmanager.hasplugin("html")
    if on and not hasattr(config, "workerinput") and not config.pluginmanager.hasplugin(NAME):
        config.pluginmanager.register(HtmlGuest(config), NAME)


def add_details(report: Any, record: RowRecord) -> None:
    """Put a row's record into its line, once: with its body, or with the setup that kept it from running."""
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        from pytest_html import extras

        report.extras = [*getattr(report, "extras", []), extras.html(_details(record))]


class HtmlGuest:
    """The hooks of pytest-html.

    Args:
        config: pytest's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._has_columns = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Row after the result, Proof before the links."""
        self._has_columns = True
        cells.insert(1, _ROW_HEADER)
        cells.insert(len(cells) - 1, _PROOF_HEADER)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """The same columns for every line, empty for a test of no gate."""
        cells[:] = [_escaped_id(cell, report) for cell in cells]
        if self._has_columns and cells:
            words = plain_words(report)
            proof = next(
                (value for name, value in getattr(report, "user_properties", ()) if name == "paygate_proof"), ""
            )
            cells.insert(1, f'<td class="col-paygateRow">{escape(words[0] if words else "")}</td>')
            cells.insert(len(cells) - 1, f'<td class="col-paygateProof">{escape(inert(str(proof)))}</td>')

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str], session: pytest.Session) -> None:
        """The verdict of each gate, first of all. The runs end here, if nobody has ended them before."""
        if RUNS not in self._config.stash:
            return
        from pytest_paygate.plugin.terminal import END

        end: Any = self._config.pluginmanager.get_plugin(END)
        end.end(session, int(session.exitstatus))
        page = (
            Path(self._config.invocation_params.dir)
            / Path(os.path.expandvars(self._config.option.htmlpath)).expanduser()
        )
        prefix[:0] = [_verdict(outcome, page) for outcome in end.outcomes]
        _escape_environment(self._config)


def _details(record: RowRecord) -> str:
    lines = {
        "status": str(record.status),
        "reason": record.reason,
        "expected": record.expected,
        "observed": record.observed,
        **record.facts,
        "trace id": record.trace_id,
        "session log": record.log,
        "run": record.run_id,
    }
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in lines.items() if text)
    return f"<details><summary>{escape(record.heading)}</summary><table>{rows}</table></details>"


def _verdict(outcome: Outcome, page: Path) -> str:
    told = f"<strong>{escape(inert(outcome.headline))}</strong>"
    why = f"<p>{escape(inert(outcome.lines[0].strip()))}</p>" if outcome.lines else ""
    return f'<section class="paygate-verdict"><p>{told}</p>{why}{_link(outcome, page)}</section>'


def _link(outcome: Outcome, page: Path) -> str:
    if outcome.page is None:
        return ""
    try:
        relative = Path(os.path.relpath(outcome.page, page.parent)).as_posix()
    except ValueError:
        # Another drive: nothing relative leads there.
        return ""
    from urllib.parse import quote

    return f'<p><a href="{escape(quote(relative))}">the session report of this run</a></p>'


def _escaped_id(cell: str, report: Any) -> str:
    raw = report.nodeid if report.when == "call" else f"{report.nodeid}::{report.when}"
    same = cell == f'<td class="col-testId">{raw}</td>'
    return f'<td class="col-testId">{escape(inert(raw))}</td>' if same else cell


def _escape_environment(config: pytest.Config) -> None:
    """Values of the environment table come from CI variables such as a branch's name, and are shown as HTML."""
    from pytest_metadata.plugin import metadata_key

    from pytest_paygate.core.leaks import Scanner

    scanner = Scanner(config.stash[RUNS].held)
    table: dict[str, Any] = config.stash.get(metadata_key, {})
    for name, value in table.items():
        if isinstance(value, str):
            table[name] = "holds a secret, not shown" if scanner.holds(value) else escape(inert(value), quote=False)
