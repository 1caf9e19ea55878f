"""Nobody else has the last word on the order of a gate, and nothing runs a row twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

IN_ORDER = ["ready", "order", "payment", "refund"]
REVERSE = "import pytest\n@pytest.hookimpl({how})\ndef pytest_collection_modifyitems(items):\n    {body}\n"


def test_random_order_leaves_gates_alone(project: Project) -> None:
    """pytest-randomly shuffles ordinary tests but not the rows of a gate."""
    project.write(
        "pytest.ini",
        "[pytest]\naddopts = -p no:sugar -p no:rerunfailures\nasyncio_default_fixture_loop_scope = session\n",
    )
    result = project.run("-p", "randomly", "-p", "randomly")

    assert result.ret == 0
    assert project.bodies() == IN_ORDER
    result.stdout.fnmatch_lines(["Using --randomly-seed=*"])


@pytest.mark.parametrize("how", ["", "trylast=True", "tryfirst=True"])
def test_reversing_conftest_leaves_gates_alone(project: Project, how: str) -> None:
    """A conftest that reverses all tests does not reverse the rows of a gate."""
    project.write("conftest.py", REVERSE.format(how=how, body="items.reverse()"))

    assert project.run_here().ret == 0
    assert project.bodies() == IN_ORDER


def test_reversing_wrapper_leaves_gates_alone(project: Project) -> None:
    """Neither does one that reverses after everybody else."""
    project.write("conftest.py", REVERSE.format(how="wrapper=True, tryfirst=True", body="yield\n    items.reverse()"))

    assert project.run_here().ret == 0
    assert project.bodies() == IN_ORDER


def test_order_broken_at_the_last_moment_never_passes(project: Project) -> None:
    """Where the order is broken after collection, rows are held back and the run is INCOMPLETE."""
    project.write("conftest.py", "def pytest_collection_finish(session):\n    session.items.reverse()\n")

    result = project.run_here()

    assert result.ret == 24
    assert project.bodies() == []
    assert project.judgement().verdict == "INCOMPLETE"
    assert {anomaly.code for anomaly in project.state().anomalies} == {"row_refused"}
    result.stdout.fnmatch_lines(["row ready is out of turn or runs twice; it did not run"])


def test_ordinary_tests_keep_their_place(project: Project) -> None:
    """Ordinary tests around a gate keep their order; the gate stands where its first row stood."""
    project.write("test_a.py", "def test_first():\n    pass\n")
    project.write("test_z.py", "def test_last():\n    pass\n")

    result = project.run_here("-v")

    order = [line.split(" ")[0].split("::")[-1] for line in result.outlines if "PASSED" in line]
    assert order == ["test_ready", "test_order", "test_payment", "test_refund", "test_first", "test_last"]


def test_rerun_from_the_ini_is_stopped_at_run_time(project: Project) -> None:
    """Reruns that the ini asks for do not run a row's body twice, and do not turn a FAIL into a pass."""
    project.write(
        "pytest.ini",
        "[pytest]\naddopts = -p no:randomly -p no:sugar\nreruns = 2\nasyncio_default_fixture_loop_scope = session\n",
    )
    project.body("order", "import pathlib\nassert pathlib.Path('bodies.txt').read_text().count('order') > 1")

    result = project.run()

    assert result.ret == 1
    assert project.bodies() == ["ready", "order"]
    assert project.statuses()["order"] == "FAIL"
    assert {anomaly.code for anomaly in project.state().anomalies} == {"row_repeated"}


def test_conftest_that_runs_a_row_twice_is_stopped(project: Project) -> None:
    """A project that sends a row through the protocol twice gets its body run once and the run is no PASS."""
    project.write(
        "conftest.py",
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    for _ in range(2):\n"
        "        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)\n"
        "        runtestprotocol(item, nextitem=nextitem)\n"
        "        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)\n"
        "    return True\n",
    )

    result = project.run_here()

    assert result.ret == 1
    assert project.bodies().count("ready") == 1
