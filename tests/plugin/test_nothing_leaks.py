"""The choke point: whatever a failing row has in its hands, no reporter gets to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

CANARY = "canary-4f9a2c77d1e84b60"
ROWS = {
    "an exception's text": f'raise RuntimeError("{CANARY}")',
    "an assertion": f'assert "{CANARY}" == "x"',
    "a local variable": f'secret = "{CANARY}"\nassert False',
    "printed": f'print("{CANARY}")\nassert False',
    "written to standard error": f'import sys\nsys.stderr.write("{CANARY}")\nassert False',
    "logged": f'import logging\nlogging.getLogger("x").error("{CANARY}")\nassert False',
    "a failing call": f'int("{CANARY}")',
    "a chained exception": f'try:\n    int("{CANARY}")\nexcept ValueError as error:\n    raise KeyError("y") from error',
    "an exception group": f'raise ExceptionGroup("{CANARY}", [ValueError("{CANARY}")])',
    "pytest.fail": f'import pytest\npytest.fail("{CANARY}")',
    "an exception's note": f'error = ValueError("x")\nerror.add_note("{CANARY}")\nraise error',
}


@pytest.mark.parametrize("code", ROWS.values(), ids=ROWS)
def test_a_row_s_failure_shows_where_and_nothing_of_what(project: Project, code: str) -> None:
    """Terminal with locals and captures, JUnit, pytest-html, Allure and every file of the run: no value gets through."""
    project.body("refund", code)
    ini = (project.path / "pytest.ini").read_text(encoding="utf-8")
    for name in ("allure_pytest", "html", "metadata"):
        ini = ini.replace(f" -p no:{name}", "")
    project.write("pytest.ini", ini)
    arguments = ("--showlocals", "-rA", "-vv", "--junitxml=out/junit.xml", "--html=out/report.html")
    result = project.run(*arguments, "--self-contained-html", "--alluredir=out/allure", "-o", "junit_logging=all")
    assert result.ret == 1
    shown = result.stdout.str() + result.stderr.str()
    assert CANARY not in shown
    assert "test_demo.py:" in shown
    places = [project.path / "out", project.path / "reports"]
    written = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(written) >= 10
    assert [path.name for path in written if CANARY.encode() in path.read_bytes()] == []


def test_other_tests_keep_their_tracebacks(project: Project) -> None:
    """A project's own unit tests, in the same session as a gate, fail as they always did."""
    project.write("test_unit.py", f"def test_unit():\n    assert '{CANARY}' == 'x'\n")
    result = project.run("test_unit.py", "demo_gate")
    result.stdout.fnmatch_lines([f"*assert '{CANARY}' == 'x'*"])
