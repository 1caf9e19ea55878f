"""Looking back at a run: its report rendered again, and a row explained."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.gate_runs import copy_gate, run_gate


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    """A run whose login was refused."""
    folder = tmp_path_factory.mktemp("red")
    copy_gate(folder)
    return run_gate(folder, "suites/e2e", "--paygate-fault=login_refused").folder


def paygate(folder, *arguments):
    """Run `paygate …` in a project."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_paygate.cli", *arguments],
        cwd=folder.parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


def test_the_same_journal_gives_the_same_bytes(red):
    """Rendering again gives exactly the report that was written, in every form."""
    for form, name in (("md", "report.md"), ("html", "report.html"), ("json", "evidence.json")):
        again = paygate(red, "report", red.name, "--format", form)
        assert again.returncode == 0, again.stderr
        assert again.stdout == (red / name).read_text()


def test_a_report_is_never_written_over_a_file(red, tmp_path):
    """`--out` makes a new file, and refuses one that is there."""
    path = tmp_path / "again.md"
    assert paygate(red, "report", red.name, "--out", str(path)).returncode == 0
    assert path.read_text() == (red / "report.md").read_text()
    assert paygate(red, "report", red.name, "--out", str(path)).returncode == 1


@pytest.mark.parametrize("row", ["login", "1"])
def test_a_red_row_is_explained(red, row):
    """By id or number: status, cause, what was expected and seen, its log lines, and what to do."""
    said = paygate(red, "explain", red.name, row).stdout
    assert said.startswith("1 login — Login as buyer: FAIL")
    for text in (
        "because   the outcome of the login",
        "expected  token captured",
        "observed  401",
        "POST /api/v1/auth",
    ):
        assert text in said
    assert "next      Read what was observed" in said


def test_a_blocked_row_names_what_it_waited_for(red):
    """A row that never ran says which one kept it back, and which facts it has not recorded."""
    said = paygate(red, "explain", red.name[:12], "products").stdout
    assert "needs     1 (login), which is FAIL" in said
    assert "missing   product_id, price" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "nothing", "login"), "run 'nothing': is not there"),
        (("explain", "", "login"), "run '': is not there"),
        (("report", "nothing"), "run 'nothing': is not there"),
    ],
)
def test_a_run_that_is_not_there(red, arguments, said):
    """Unknown runs are refused with exit code 2."""
    done = paygate(red, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_row_that_is_not_there(red):
    """An unknown row is refused with the nearest known one."""
    done = paygate(red, "explain", red.name, "logn")
    assert done.returncode == 2
    assert "Did you mean 'login'?" in done.stderr
