"""The last look of a session: no file may hold a secret of it, whoever wrote the file.

Owns which files other reporters of this session wrote. A run's own folder is searched before it is sealed, by
`reporting`; here come the pages across runs and the files of the guests, once all of them have written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters import quarantine
from pytest_paygate.core.errors import JournalError
from pytest_paygate.core.leaks import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_paygate.plugin.runs import Runs

# Options of reporters that name a file or a folder they write: JUnit, pytest-html, Allure, reportlog, the log file,
# json-report, CTRF. Whoever is not installed has no such option.
_OPTIONS = ("xmlpath", "htmlpath", "allure_report_dir", "report_log", "log_file", "json_report_file", "ctrf")


def look(runs: Runs) -> list[str]:
    """Search every file of the guests, and our pages across runs.

    Returns:
        A line for each find, and for what could not be searched; empty when everything is clean.
    """
    reports = runs.choice.reports
    pages = [*reports.glob("*.md"), *reports.glob("*.html"), *reports.glob("*/*.md"), *reports.glob("*/*.html")]
    try:
        found = quarantine.search(Scanner(runs.held), [*_guests(runs.config), *pages], runs.config.rootpath)
    except JournalError as error:
        return [error.refusal.refused]
    return [str(one) for one in found]


def _guests(config: pytest.Config) -> Iterator[Path]:
    for name in _OPTIONS:
        written = config.getoption(name, None) or (config.getini(name) if name == "log_file" else None)
        # An empty one is what pytest takes for none; as a path it would be the whole folder.
        if isinstance(written, str) and written:
            path = Path(config.invocation_params.dir) / Path(os.path.expandvars(written)).expanduser()
            yield path
            if name == "htmlpath":
                yield path.parent / "assets"
