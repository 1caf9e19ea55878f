"""What is planted reaches the run's sandbox, and a check that relents lets the row go on; both are told."""

from __future__ import annotations

import json

import pytest

from tests.faults.entry import E2E, Planted
from tests.faults.planting import PLANTED_VARIABLE, RELENTING_VARIABLE
from tests.faults.runs import look
from tests.faults.warm import Order, Warm
from tests.gate_runs import copy_gate

# Checks of a suite's own, in a row of its own copy of the gate, that never hold.
_DEFINED = """
from pytest_paygate import Finding, check
@check("The answer is 201")
def answers_201(status: int) -> Finding | None:
    return Finding("the answer", status, 201)
@check("The answer is 202")
def answers_202(status: int) -> Finding | None:
    return Finding("the answer", status, 202)
"""
_ROW = '    facts["health_status"] = answer.status\n'
_MADE = "".join(f"    run.verify(answers_{status}, answer.status)\n" for status in (201, 202, 201))


@pytest.mark.parametrize(
    ("relents", "verdict", "failed", "relented"),
    [
        (0, "FAIL", {"answers_201": "health"}, {}),
        (1, "FAIL", {"answers_202": "health"}, {"answers_201": "health"}),
        (2, "PASS", {}, {"answers_201": "health", "answers_202": "health"}),
    ],
    ids=["none", "one", "both"],
)
def test_a_check_that_relents_lets_the_row_go_on(tmp_path, relents, verdict, failed, relented):
    """As many as may be are set aside as they find something, in order, each with its row; the next one ends the row."""
    suite = copy_gate(tmp_path, E2E) / "test_1_preflight.py"
    source = suite.read_text()
    assert source.count(_ROW) == 1
    future = "from __future__ import annotations\n"
    suite.write_text(source.replace(future, future + _DEFINED, 1).replace(_ROW, _ROW + _MADE))
    noise = Planted("slow_answers", (("seconds", 0.01),))
    environment = {
        PLANTED_VARIABLE: json.dumps({noise.name: dict(noise.settings)}),
        RELENTING_VARIABLE: str(relents),
    }
    with Warm() as warm:
        warm.start(Order(1, str(tmp_path), ["suites/e2e", "-q", "-p", "tests.faults.planting"], environment))
        seen = look(tmp_path, warm.ended().exit_code)

    assert (seen.verdict, seen.failed, seen.relented) == (verdict, failed, relented), seen.output
    assert list(seen.relented) == list(relented)
    assert seen.made["answers_201"] == "The answer is 201"
    assert seen.fired["slow_answers"] > 0
