"""What decides a run's verdict and the exit code: every way a row can end, and every way a session can."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

PENDING = 'run.pending("no sign-off", expected="a signature", observed="none", next_step="Ask for one.")'


def with_run(project: Project, row: str, code: str) -> None:
    """Give a row the `run` fixture and another body."""
    project.change("test_demo.py", f"def test_{row}(facts: Facts)", f"def test_{row}(facts: Facts, run)")
    project.body(row, code)


def test_whole_gate_passes(project: Project) -> None:
    """A gate whose every row passes with its evidence is PASS and exits with 0."""
    result = project.run()

    assert result.ret == 0
    assert project.judgement().verdict == "PASS"
    assert project.statuses() == dict.fromkeys(("ready", "order", "payment", "refund"), "PASS")


def test_rows_run_in_the_gates_order(project: Project) -> None:
    """Rows run in the order of gate.toml whatever their order in the file."""
    project.run_here()

    assert project.bodies() == ["ready", "order", "payment", "refund"]


def test_failed_row_blocks_its_dependants(project: Project) -> None:
    """A failed row is FAIL, exit 1, and blocks what needs it, naming the row that failed."""
    project.body("order", "assert False")

    result = project.run()

    assert result.ret == 1
    assert project.judgement().verdict == "FAIL"
    assert project.bodies() == ["ready", "order"]
    assert project.state().rows["payment"].reason == "row 1 (order) is FAIL"
    assert project.state().rows["refund"].reason == "row 2 (payment) is BLOCKED"


def test_red_preflight_holds_everything_back(project: Project) -> None:
    """With one red pre-flight check no row's body runs."""
    project.body("ready", "assert False")

    result = project.run()

    assert result.ret == 1
    assert project.bodies() == ["ready"]
    assert project.statuses() == {"ready": "FAIL", "order": "BLOCKED", "payment": "BLOCKED", "refund": "BLOCKED"}
    assert project.state().rows["order"].reason == "pre-flight P1 (ready) is FAIL"


def test_pending_row_exits_20(project: Project) -> None:
    """A row that waits for a person makes the run PENDING, exit 20."""
    with_run(project, "refund", PENDING)

    result = project.run()

    assert result.ret == 20
    assert project.statuses()["refund"] == "PENDING"


def test_left_out_refund_is_conditional(project: Project) -> None:
    """An optional row left out with --no-refund makes the run CONDITIONAL, exit 21."""
    result = project.run("--no-refund", refund=False)

    assert result.ret == 21
    assert project.judgement().verdict == "CONDITIONAL"
    assert project.statuses()["refund"] == "SKIPPED"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("-k", "not refund"), id="k"),
        pytest.param(("--deselect", "demo_gate/test_demo.py::test_refund"), id="deselect"),
        pytest.param(("demo_gate/test_demo.py::test_ready", "demo_gate/test_demo.py::test_order"), id="node ids"),
    ],
)
def test_partial_runs_are_incomplete(project: Project, arguments: tuple[str, ...]) -> None:
    """A run from which rows were left out is INCOMPLETE, exit 24, though everything that ran passed."""
    result = project.run(*arguments)

    assert result.ret == 24
    assert project.judgement().verdict == "INCOMPLETE"
    assert project.statuses()["refund"] == "NOT_RUN"


def test_last_failed_is_incomplete(project: Project) -> None:
    """`--lf` runs only what failed before, and is INCOMPLETE even when that passes now."""
    healed = "import pathlib\nassert pathlib.Path('healed').exists()\n"
    project.body("refund", f"{healed}facts['refund_id'] = 're_1'")
    project.run_here()
    project.write("healed", "")

    result = project.run_here("--lf")

    assert result.ret == 24
    assert project.bodies() == ["ready", "order", "payment", "refund"]
    result.stdout.fnmatch_lines(["*gate demo: INCOMPLETE*"])


def test_early_stop_is_incomplete(project: Project) -> None:
    """`-x` after a row without evidence leaves rows that never ran: INCOMPLETE, exit 24."""
    project.body("order", "pass")

    result = project.run("-x")

    assert result.ret == 24
    assert project.statuses() == {"ready": "PASS", "order": "INCONCLUSIVE", "payment": "NOT_RUN", "refund": "NOT_RUN"}


def test_deleted_test_is_a_row_not_run(project: Project) -> None:
    """A row without a test is NOT_RUN and the run INCOMPLETE: rows come from gate.toml, not from what was collected."""
    project.change("test_demo.py", "def test_refund", "def no_longer_a_test")

    result = project.run()

    assert result.ret == 24
    assert project.statuses()["refund"] == "NOT_RUN"
    assert "row 3 (refund) is NOT_RUN" in project.judgement().reasons


def test_failing_neighbour_keeps_its_exit_code(project: Project) -> None:
    """A failing ordinary test beside a passing gate leaves the verdict PASS and the exit code 1."""
    project.write("test_other.py", "def test_other():\n    assert False\n")

    result = project.run()

    assert result.ret == 1
    assert project.judgement().verdict == "PASS"


@pytest.mark.parametrize(
    ("body", "row_status"),
    [
        pytest.param("pytest.skip('not today')", "SKIPPED", id="skip"),
        pytest.param("facts['order_id'] = 'ord_1'\npytest.skip('after the fact')", "SKIPPED", id="skip with evidence"),
        pytest.param("pytest.importorskip('no_such_module')", "SKIPPED", id="importorskip"),
        pytest.param("facts['order_id'] = 'ord_1'\npytest.xfail('known')", "SKIPPED", id="xfail"),
        pytest.param("pass", "INCONCLUSIVE", id="no evidence"),
    ],
)
def test_what_is_no_pass(project: Project, body: str, row_status: str) -> None:
    """Skip, xfail, importorskip and a pass without evidence never count as a pass."""
    project.body("order", body)

    result = project.run_here()

    assert result.ret == 24
    assert project.statuses()["order"] == row_status
    assert project.statuses()["payment"] == "BLOCKED"


@pytest.mark.parametrize("marker", ["xfail", "xfail(strict=True)", "skip", "skipif(True, reason='so')"])
def test_markers_of_pytest_are_no_pass(project: Project, marker: str) -> None:
    """A row marked xfail or skip never passes, not even when its body does."""
    project.change("test_demo.py", '@pytest.mark.row("order")', f'@pytest.mark.{marker}\n@pytest.mark.row("order")')

    result = project.run_here()

    assert result.ret in {1, 24}
    assert project.statuses()["order"] in {"SKIPPED", "FAIL"}
    assert project.statuses()["payment"] == "BLOCKED"


def test_teardown_error_after_a_pass_fails(project: Project) -> None:
    """A row whose teardown breaks after its body passed is FAIL."""
    project.write(
        "demo_gate/conftest.py",
        "import pytest\n@pytest.fixture\ndef breaking():\n    yield\n    raise RuntimeError('left open')\n",
    )
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, breaking)")

    result = project.run()

    assert result.ret == 1
    assert project.statuses()["refund"] == "FAIL"


def test_skip_in_teardown_does_not_soften_a_failure(project: Project) -> None:
    """A row that failed stays FAIL when its teardown skips."""
    project.write(
        "demo_gate/conftest.py",
        "import pytest\n@pytest.fixture\ndef skipping():\n    yield\n    pytest.skip('in teardown')\n",
    )
    project.change("test_demo.py", "def test_refund(facts: Facts)", "def test_refund(facts: Facts, skipping)")
    project.body("refund", "assert False")

    result = project.run_here()

    assert result.ret == 1
    assert project.statuses()["refund"] == "FAIL"


@pytest.mark.parametrize(
    ("inside", "status", "code"),
    [("assert False", "FAIL", 1), ("pytest.skip('so')", "SKIPPED", 24), ("pass", "PASS", 0)],
)
def test_subtests_count(project: Project, inside: str, status: str, code: int) -> None:
    """A failed or skipped subtest keeps its row from passing; a passed one does not."""
    project.change("test_demo.py", "def test_order(facts: Facts)", "def test_order(facts: Facts, subtests)")
    project.body("order", f"with subtests.test('one'):\n    {inside}\nfacts['order_id'] = 'ord_1'")

    result = project.run_here()

    assert result.ret == code
    assert project.statuses()["order"] == status


def test_ctrl_c_is_incomplete(project: Project) -> None:
    """Ctrl-C inside a row exits with 2; the journal ends incomplete and the report says INCOMPLETE."""
    project.body(
        "payment", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nawait __import__('asyncio').sleep(30)"
    )

    result = project.run()

    assert result.ret == 2
    finished = project.state().finished
    assert finished is not None
    assert not finished.complete
    assert project.evidence()["verdict"] == "INCOMPLETE"
    assert project.statuses()["refund"] == "NOT_RUN"


def test_ctrl_c_from_outside_is_incomplete(project: Project) -> None:
    """A SIGINT that reaches the process from outside, inside a synchronous row, ends the same way."""
    project.body("order", "print('READY', flush=True)\nimport signal\nsignal.pause()")
    command = [sys.executable, "-m", "pytest", "-s", "--paygate-env=demo", "--paygate-refund"]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "READY" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert process.returncode == 2
    assert "gate demo: INCOMPLETE" in rest
    assert project.judgement().verdict == "INCOMPLETE"


def test_verdict_is_said_last(project: Project) -> None:
    """The verdict and where its report lies are the last lines of the output."""
    result = project.run_here("-ra", "--durations=2")
    last = [line for line in result.outlines if line.strip()][-6:]
    (folder,) = project.folders()

    assert "STAGING · gate demo: PASS" in last[0]
    assert last[-2:] == [f"  report    {folder / 'report.html'}", f"  journal   {folder / 'journal.jsonl'}"]
    assert sum("gate demo: PASS" in line for line in result.outlines) == 1


def test_rows_have_their_own_words(project: Project) -> None:
    """The terminal says BLOCKED and INCONCLUSIVE of a row, not skipped and failed."""
    project.body("order", "pass")

    result = project.run_here("-v")

    result.stdout.fnmatch_lines(["*test_order INCONCLUSIVE*", "*test_payment BLOCKED*", "*1 inconclusive, 2 blocked*"])
