"""The choke point: whatever a failing row has in its hands, no reporter gets to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack import canaries
from tests.plugin.test_quarantine import run_with_reporters

if TYPE_CHECKING:
    from tests.plugin.project import Project


@pytest.mark.parametrize("channel", canaries.CHANNELS)
def test_no_canary_gets_out(channel: str) -> None:
    """Terminal with locals and captures, JUnit, pytest-html, Allure, the log and every file of the run: no form of it."""
    figures = canaries.Figures()
    canaries.one(figures, channel, "verbose", canaries.WAYS["verbose"])
    assert figures.leaked == []
    assert {"terminal", "junit.xml", "report.html", "log.txt"} <= figures.sinks


@pytest.mark.parametrize("channel", sorted(canaries.SMOKE))
def test_no_canary_gets_out_of_a_worker(channel: str) -> None:
    """The same with xdist, where reports travel between processes."""
    figures = canaries.Figures()
    canaries.one(figures, channel, "workers", canaries.WAYS["workers"])
    assert figures.leaked == []


def test_a_row_s_failure_still_says_where(project: Project) -> None:
    """What is left of a failure is the exception's name, file, line and function."""
    project.body("refund", 'raise RuntimeError("anything")')
    result = run_with_reporters(project, "-rA", "--showlocals")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*RuntimeError at test_demo.py:*"])
    assert "anything" not in result.stdout.str()


def test_a_warning_still_says_where(project: Project) -> None:
    """What is left of a warning is its class, file and line."""
    project.body("refund", 'import warnings\nwarnings.warn("anything", RuntimeWarning)\nfacts["refund_id"] = "re_1"')
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*RuntimeWarning at test_demo.py:*"])
    assert "anything" not in result.stdout.str()


def test_other_tests_keep_their_tracebacks(project: Project) -> None:
    """A project's own unit tests, in the same session as a gate, fail, warn, log and skip as they always did."""
    project.write(
        "test_unit.py",
        """
import logging, warnings, pytest

def test_unit():
    logging.getLogger("x").error("logged-here")
    warnings.warn("warned-here")
    assert 'compared-here' == 'x'

@pytest.fixture
def broken():
    raise OSError("broken-here")

def test_fixture(broken):
    pass

@pytest.mark.xfail(reason="expected-here")
def test_expected():
    assert False

def test_skipped():
    pytest.skip("skipped-here")

def test_again(subtests):
    with subtests.test(msg="sub-here"):
        assert False
""",
    )
    result = project.run("test_unit.py", "demo_gate", "-rA")
    for word in ("logged", "warned", "compared", "broken", "expected", "skipped", "sub"):
        result.stdout.fnmatch_lines([f"*{word}-here*"])
