"""What a CI system gets of a session: a summary on the job's page, properties in JUnit XML, a trend over sessions."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.journal_file import read_run
from pytest_paygate.core import events as ev
from pytest_paygate.core.run import fold

if TYPE_CHECKING:
    from tests.plugin.project import Project


@pytest.mark.parametrize("more", [(), ("-n", "2", "--dist", "loadscope")], ids=["alone", "workers"])
def test_the_job_s_page_gets_one_summary(
    project: Project, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """With GITHUB_STEP_SUMMARY the verdict, every row and the report's place are appended once; what was there stays."""
    page = project.write("summary.md", "before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    project.body("payment", "assert False")
    project.run(*more)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n## STAGING — FAIL — Demo launch\n")
    assert text.count("**FAIL**") == 1
    assert "| 2 | Payment" in text
    assert "report.html" in text
    assert len(text.encode()) < 60 * 1024


def test_a_page_that_cannot_be_written_changes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary is a mirror: without it the session ends as it would have."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "no" / "such" / "folder" / "summary.md"))
    assert project.run_here().ret == 0


@pytest.mark.parametrize("more", [(), ("-n", "2", "--dist", "loadscope")], ids=["alone", "workers"])
def test_junit_says_of_each_row_what_it_was(project: Project, more: tuple[str, ...]) -> None:
    """Every row's test case carries run, row, status and environment as properties, also from workers."""
    project.body("payment", "assert False")
    project.run("--junitxml=junit.xml", *more)
    (folder,) = project.folders()
    found = {}
    for case in ET.parse(project.path / "junit.xml").getroot().iter("testcase"):  # noqa: S314 - written a line above
        told = {one.get("name"): one.get("value") for one in case.iter("property")}
        found[told["paygate_row"]] = told
    assert {row: told["paygate_status"] for row, told in found.items()} == {
        "P1": "PASS",
        "1": "PASS",
        "2": "FAIL",
        "3": "BLOCKED",
    }
    assert {told["paygate_run"] for told in found.values()} == {folder.name}
    assert {told["paygate_environment"] for told in found.values()} == {"demo (staging)"}


def test_a_session_knows_the_ones_before_it(project: Project) -> None:
    """The second run of a gate journals what was known of the first, and its report shows a trend; the first shows none."""
    project.run_here()
    project.run_here()
    first, second = project.folders()
    assert '<h2 id="trend">' not in (first / "report.html").read_text(encoding="utf-8")
    assert "The last 2 runs, this one last: 2 PASS." in (second / "report.html").read_text(encoding="utf-8")
    (history,) = [one.event for one in read_run(second).journal.entries if isinstance(one.event, ev.HistoryKnown)]
    assert [run.run_id for run in history.runs] == [first.name]
    passed = {row.row_id for row in fold(read_run(first).journal.entries).rows.values() if row.status == "PASS"}
    assert {row.row for row in history.usual} == passed
    assert len(passed) == 4


def test_the_pages_across_runs_are_rebuilt(project: Project) -> None:
    """After each session sessions.md, go-no-go and index.html list it, newest first."""
    project.run_here()
    project.run_here()
    reports = project.path / "reports"
    first, second = (folder.name for folder in project.folders())
    text = (reports / "demo" / "sessions.md").read_text()
    assert text.index(second) < text.index(first)
    assert (reports / "index.html").read_text(encoding="utf-8").count("report.html") == 2
    assert second in (reports / "go-no-go.html").read_text(encoding="utf-8")
