"""Gates under pytest-xdist: one worker, one run, one report, one exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

# Leaves the worker of every test, gate or not, outside the journal.
CONFTEST = """
import os, pathlib, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    with pathlib.Path(item.config.rootpath, "workers.txt").open("a") as file:
        file.write(f"{item.name} {os.environ.get('PYTEST_XDIST_WORKER', 'none')}\\n")
"""
ORDINARY = """
import pytest

@pytest.mark.parametrize("n", range(8))
def test_ordinary(n):
    pass
"""


def workers(project: Project, prefix: str) -> set[str]:
    """The workers that ran tests whose name starts so."""
    lines = (project.path / "workers.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[1] for line in lines if line.startswith(prefix)}


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadfile", "loadgroup", "worksteal", "each"])
def test_gate_stays_on_one_worker(project: Project, dist: str) -> None:
    """Whatever `--dist` says, a gate's rows run in order on one worker, in one run with one report, and exit with 0."""
    project.write("conftest.py", CONFTEST)
    project.write("test_ordinary.py", ORDINARY)

    result = project.run("-n", "2", "--dist", dist)

    assert result.ret == 0
    assert project.bodies() == ["ready", "order", "payment", "refund"]
    names = ("test_ready", "test_order", "test_payment", "test_refund")
    keepers = set.union(*(workers(project, name) for name in names))
    assert len(keepers) == 1
    assert project.judgement().verdict == "PASS"
    assert len(list((project.path / "reports" / "demo").glob("*/report.html"))) == 1
    assert sum("gate demo: PASS" in line for line in result.outlines) == 1
    assert workers(project, "test_ordinary") - keepers, "ordinary tests do not wait behind the gate"


def test_verdict_sets_the_exit_code_under_xdist(project: Project) -> None:
    """A FAIL on a worker is the session's FAIL, exit 1; a pending row its PENDING, exit 20."""
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, run)")
    project.body("refund", 'run.pending("no sign-off", expected="a name", observed="none", next_step="Ask.")')
    assert project.run("-n", "2").ret == 20

    project.body("order", "assert False")
    result = project.run("-n", "2")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*2 blocked*", "*gate demo: FAIL*"])


@pytest.mark.parametrize("dist", ["load", "each"])
def test_gate_alone_under_xdist(project: Project, dist: str) -> None:
    """A worker that is left with nothing to run does not turn a PASS into `no tests collected`."""
    result = project.run("-n", "2", "--dist", dist)

    assert result.ret == 0
    assert project.judgement().verdict == "PASS"


def test_dead_worker_leaves_an_incomplete_run(project: Project) -> None:
    """A worker that dies inside a gate is not replaced there: nothing runs again, and the run is INCOMPLETE."""
    project.body("payment", "import os\nos._exit(3)")

    result = project.run("-n", "2")

    assert result.ret == 24
    assert project.bodies() == ["ready", "order", "payment"]
    assert project.judgement().verdict == "INCOMPLETE"
    assert project.state().finished is None
    assert project.evidence()["verdict"] == "INCOMPLETE"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(("paygate.toml", 'payer = "http"', 'payer = "htp"'), id="settings"),
        pytest.param(("demo_gate/gate.toml", 'id = "order"', 'id = "odrer"'), id="gate"),
        pytest.param(("demo_gate/test_demo.py", 'row("order")', 'row("odrer")'), id="marker"),
    ],
)
def test_refusals_are_said_under_xdist(project: Project, wrong: tuple[str, str, str]) -> None:
    """What a worker refuses ends the session as a usage error with its own text, and no row's body runs."""
    file, old, new = wrong
    text = (project.path / file).read_text(encoding="utf-8")
    project.write(file, text.replace(old, new))

    result = project.run("-n", "2")

    assert result.ret == 4
    assert project.bodies() == []
    result.stderr.fnmatch_lines(["ERROR: *", "*expected  *Did you mean *", "*money     No money moved."])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_unrelated_session_keeps_the_scheduler(project: Project) -> None:
    """Beside a gate folder that is not collected, xdist schedules with its own class."""
    project.write("test_ordinary.py", ORDINARY)

    result = project.run("-v", "-n", "2", "test_ordinary.py")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["scheduling tests via LoadScheduling"])
    assert "paygate:" not in result.stdout.str()
