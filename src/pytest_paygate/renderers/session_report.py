"""The session report in its two forms: layouts of one view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.renderers import templating

if TYPE_CHECKING:
    from pytest_paygate.renderers.view import ReportView


def as_html(report: ReportView) -> str:
    """One self-contained page: no script, no request, strict content security policy."""
    return templating.html("report.html", {"r": report})


def as_markdown(report: ReportView) -> str:
    """The same content for a pull request or a chat."""
    return templating.markdown("report.md", {"r": report})


SUMMARY_BYTES_MAX = 60 * 1024


def as_summary(report: ReportView, path: str) -> str:
    """The report for a CI job's page: what decides first, details folded, never larger than such a page takes.

    Args:
        report: the run.
        path: where the whole report is.
    """
    whole = templating.markdown("summary.md", {"r": report, "path": path, "brief": False})
    if len(whole.encode()) <= SUMMARY_BYTES_MAX:
        return whole
    brief = templating.markdown("summary.md", {"r": report, "path": path, "brief": True}).encode()
    # Cut at a line, so that no table cell is left open.
    return brief.decode() if len(brief) <= SUMMARY_BYTES_MAX else _cut(brief)


def _cut(text: bytes) -> str:
    note = "\n\nThe rest does not fit here; see the report.\n"
    kept = text[: SUMMARY_BYTES_MAX - len(note.encode())].decode(errors="ignore")
    return kept.rpartition("\n")[0] + note
