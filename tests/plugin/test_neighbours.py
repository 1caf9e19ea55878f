"""Beside other people's plugins: their failures count, their reports show the rows, and hostile values stay text."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

QUIET = "-p no:randomly -p no:rerunfailures -p no:hypothesispytest -p no:anyio"
HOSTILE = 'Order <script>alert(1)</script> & \\"quoted\\"'
SHOWN = 'Order <script>alert(1)</script> & "quoted"'


@pytest.fixture(autouse=True)
def neighbours(project: Project) -> None:
    """An ini that leaves the plugins on that these tests are about."""
    project.write(
        "pytest.ini", f"[pytest]\naddopts = {QUIET} -p no:sugar\nasyncio_default_fixture_loop_scope = session\n"
    )


def mirrored(project: Project) -> list[str]:
    """What pytest-html was given of each test, in order."""
    page = (project.path / "mirror.html").read_text(encoding="utf-8")
    data = re.search(r'data-jsonblob="([^"]*)"', page)
    assert data is not None
    tests = json.loads(html.unescape(data[1]))["tests"].values()
    return [extra["content"] for runs in tests for run in runs for extra in run["extras"]]


TIMEOUTS = [
    pytest.param(["--timeout=0.3"], "", id="typed"),
    pytest.param(["--timeout=0.3", "--timeout-method=thread"], "", id="thread"),
    pytest.param([], "timeout = 0.3", id="ini"),
    pytest.param([], "timeout = 0.3\ntimeout_func_only = true\ntimeout_method = thread", id="body-only"),
]


@pytest.mark.parametrize("row", ["order", "payment"])
@pytest.mark.parametrize(("typed", "ini"), TIMEOUTS)
def test_no_time_limit_ends_a_row(project: Project, row: str, typed: list[str], ini: str) -> None:
    """A row that waits longer than pytest-timeout allows tests goes on, wherever the limit comes from."""
    project.write(
        "pytest.ini", f"[pytest]\naddopts = {QUIET} -p no:sugar\nasyncio_default_fixture_loop_scope = session\n{ini}\n"
    )
    project.change("test_demo.py", f'    ran("{row}")\n', f'    ran("{row}")\n    __import__("time").sleep(0.9)\n')

    result = project.run(*typed)

    assert result.ret == 0
    assert project.judgement().verdict == "PASS"
    result.stdout.fnmatch_lines(
        ["paygate: pytest-timeout ends no row of a gate; every wait of a row has a deadline of its own"]
    )


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_no_time_limit_of_the_environment_or_a_marker_ends_a_row(
    project: Project, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Neither a variable nor a marker of the row itself brings the limit back."""
    monkeypatch.setenv("PYTEST_TIMEOUT", "0.3")
    project.change(
        "test_demo.py", '@pytest.mark.row("order")', f'@pytest.mark.timeout(0.3, "{method}")\n@pytest.mark.row("order")'
    )
    project.change("test_demo.py", '    ran("order")\n', '    ran("order")\n    __import__("time").sleep(0.9)\n')

    assert project.run().ret == 0
    assert set(project.statuses().values()) == {"PASS"}


def test_no_time_limit_ends_the_settling_after_the_last_row(project: Project) -> None:
    """What a gate does once its rows are done happens in the last test's teardown: that has no limit either."""
    project.write("test_z.py", "def test_last():\n    pass\n")
    project.write(
        "demo_gate/conftest.py",
        "import pathlib\nimport time\nimport pytest\n\n\n"
        "@pytest.fixture(scope='session', autouse=True)\ndef afterwards():\n"
        "    yield\n    time.sleep(0.9)\n    pathlib.Path('settled.txt').touch()\n",
    )

    result = project.run("--timeout=0.3", "demo_gate", "test_z.py")

    assert result.ret == 0
    assert (project.path / "settled.txt").exists()


def test_a_test_beside_a_gate_keeps_its_time_limit(project: Project) -> None:
    """An ordinary test of the same session is ended as ever."""
    project.write("test_a.py", "import time\n\n\ndef test_hangs():\n    time.sleep(20)\n")

    result = project.run("--timeout=1", "--timeout-method=signal")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*Timeout (>1.0s) from pytest-timeout.*"])
    assert set(project.statuses().values()) == {"PASS"}


def test_sugar_changes_nothing(project: Project) -> None:
    """With pytest-sugar the verdict is the same and still said last."""
    project.write("pytest.ini", f"[pytest]\naddopts = {QUIET}\nasyncio_default_fixture_loop_scope = session\n")

    result = project.run("--force-sugar")

    assert result.ret == 0
    assert "gate demo: PASS" in [line for line in result.outlines if line.strip()][-6]


def test_pytest_html_shows_the_rows(project: Project) -> None:
    """pytest-html gets each row's number, title and facts, and a hostile title reaches it as text."""
    project.change("gate.toml", "Order placed", HOSTILE)

    result = project.run("--html=mirror.html", "--self-contained-html")

    blocks = mirrored(project)
    assert result.ret == 0
    assert len(blocks) == 4
    assert f"<summary>1 · {html.escape(SHOWN)}</summary>" in blocks[1]
    assert "<tr><th>paid</th><td>EUR 19.99</td></tr>" in blocks[2]
    assert not any("<script" in block for block in blocks)
    assert "<script>alert" not in (project.path / "mirror.html").read_text(encoding="utf-8")


def test_allure_gets_the_rows(project: Project) -> None:
    """Allure gets each row under its number and title, with the facts it recorded as parameters."""
    result = project.run("--alluredir=allure")

    results = [json.loads(path.read_text(encoding="utf-8")) for path in (project.path / "allure").glob("*-result.json")]
    by_name = {found["name"]: found for found in results}
    assert result.ret == 0
    assert set(by_name) == {
        "P1 · The target answers",
        "1 · Order placed",
        "2 · Payment captured",
        "3 · Refund accepted",
    }
    parameters = {entry["name"]: entry["value"] for entry in by_name["3 · Refund accepted"]["parameters"]}
    assert parameters["refund_id"].strip("'") == "re_ord_1"


def test_mirrors_work_from_workers(project: Project) -> None:
    """Under xdist the rows reach pytest-html all the same."""
    project.run("--html=mirror.html", "--self-contained-html", "-n", "2")

    assert [re.findall("<summary>(.*)</summary>", block) for block in mirrored(project)] == [
        *(["P1 · The target answers"], ["1 · Order placed"], ["2 · Payment captured"], ["3 · Refund accepted"]),
    ]


def test_failing_rows_are_failures_for_the_neighbours(project: Project) -> None:
    """JUnit XML counts a row without evidence as a failure and a blocked row as skipped, never as passed."""
    project.body("order", "pass")

    project.run("--junitxml=junit.xml")

    text = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert 'failures="1"' in text
    assert 'skipped="2"' in text
    assert 'tests="4"' in text
