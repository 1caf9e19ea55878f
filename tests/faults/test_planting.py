"""What is planted reaches the run's sandbox, and a check that is taken away finds nothing; both are counted."""

from __future__ import annotations

import json

import pytest

from tests.faults.entry import E2E, Planted
from tests.faults.planting import PLANTED_VARIABLE, REMOVED_VARIABLE
from tests.faults.runs import look
from tests.faults.warm import Order, Warm
from tests.gate_runs import copy_gate

# A check of a suite's own, in a row of its own copy of the gate, that never holds.
_DEFINED = """
from pytest_paygate import Finding, check
@check("The answer is 201")
def answers_201(status: int) -> Finding | None:
    return Finding("the answer", status, 201)
"""
_ROW = '    facts["health_status"] = answer.status\n'
_MADE = "    run.verify(answers_201, answer.status)\n"


@pytest.mark.parametrize(
    ("removed", "verdict", "failed", "asked"),
    [([], "FAIL", {"answers_201": "health"}, {}), (["answers_201"], "PASS", {}, {"answers_201": 1})],
    ids=["in place", "taken away"],
)
def test_a_check_that_is_taken_away_lets_the_row_go_on(tmp_path, removed, verdict, failed, asked):
    """With the check in place its row is red; without it the same run is a PASS, and the run says that it was asked."""
    suite = copy_gate(tmp_path, E2E) / "test_1_preflight.py"
    source = suite.read_text()
    assert source.count(_ROW) == 1
    future = "from __future__ import annotations\n"
    suite.write_text(source.replace(future, future + _DEFINED, 1).replace(_ROW, _ROW + _MADE))
    noise = Planted("slow_answers", (("seconds", 0.01),))
    environment = {
        PLANTED_VARIABLE: json.dumps({noise.name: dict(noise.settings)}),
        REMOVED_VARIABLE: json.dumps(removed),
    }
    with Warm() as warm:
        warm.start(Order(1, str(tmp_path), ["suites/e2e", "-q", "-p", "tests.faults.planting"], environment))
        seen = look(tmp_path, warm.ended().exit_code)

    assert (seen.verdict, seen.failed, seen.removed) == (verdict, failed, asked), seen.output
    assert seen.made["answers_201"] == "The answer is 201"
    assert seen.fired["slow_answers"] > 0
