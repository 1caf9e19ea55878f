"""The golden reports: both forms of each scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.renderers import session_report
from pytest_paygate.renderers.view import view
from tests.golden.scenes import SCENES

if TYPE_CHECKING:
    from pytest_paygate.renderers.view import ReportView

FILES = ("html", "md")


def shown(name: str) -> ReportView:
    """The view of one scene."""
    scene = SCENES[name]()
    journal = scene.journal()
    return view(scene.state, journal.head, journal.torn_bytes, journal.entries)


def rendered(name: str) -> tuple[str, str]:
    """The HTML page and the Markdown of one scene."""
    report = shown(name)
    return session_report.as_html(report), session_report.as_markdown(report)
