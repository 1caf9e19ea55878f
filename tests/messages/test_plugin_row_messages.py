"""What a row is told when it goes wrong, word for word."""

from __future__ import annotations

import re

import pytest

from tests.plugin.project import Project, project

__all__ = ["project"]

# What a row does, and what it is told; `…` stands for the trace id.
INSIDE_A_ROW = (
    pytest.param(
        "facts['refund_id']",
        """fact refund_id is missing
  expected  an earlier row to have recorded refund_id
  observed  no row of this run has
  money     No money moved.
  next      See which row records it in gate.toml, and why that row did not.""",
        id="missing fact",
    ),
    pytest.param(
        "facts['paid'] = 'nineteen'",
        """fact paid cannot be recorded
  expected  a value of kind money
  observed  the value is not Money
  money     No money moved.
  next      Look at what the target answered; a value that does not fit is not evidence.""",
        id="unfit fact",
    ),
    pytest.param(
        "facts['ready_checks'] = 4",
        """fact ready_checks changed during the run
  expected  still 3
  observed  4
  money     No money moved.
  next      A fact is written once. Find out which of the two answers is right.""",
        id="changed fact",
    ),
    pytest.param(
        "facts['order']",
        """demo_gate/gate.toml: facts.order: is not declared
  expected  every fact in [facts] with its kind. Did you mean 'order_id'?
  observed  a row used 'order'
  money     No money moved.
  next      Declare the fact, or correct its name in the test.""",
        id="undeclared fact",
    ),
    pytest.param(
        "run.kept('payment_url')",
        """kept value payment_url is missing
  expected  an earlier row to have kept payment_url
  observed  no row of this process has
  money     No money moved.
  next      Run the gate from its first row; kept values are never written to disk.""",
        id="missing kept value",
    ),
    pytest.param(
        "run.value('buyer')",
        """paygate.toml: env.demo.values.buyer: is missing
  expected  a value the gate demo asks for.
  observed  the keys: none
  money     No money moved.
  next      Add it to the environment.""",
        id="missing value",
    ),
    pytest.param(
        "run.secret('buyer_password')",
        """paygate.toml: env.demo.secrets.buyer_password: is missing
  expected  a value the gate demo asks for.
  observed  the keys: none
  money     No money moved.
  next      Add it to the environment.""",
        id="missing secret",
    ),
    pytest.param(
        "run.provider('stripe')",
        """paygate.toml: env.demo.providers.stripe: is missing
  expected  a value the gate demo asks for.
  observed  the keys: none
  money     No money moved.
  next      Add it to the environment.""",
        id="missing provider",
    ),
    pytest.param(
        "run.check('order status', observed='failed', expected='completed')",
        """order status is not as expected
  expected  completed
  observed  failed
  money     No money moved.
  next      Read the row's lines in the session log; trace id ….""",
        id="check",
    ),
    pytest.param(
        "run.check('answer', observed='<b>no</b>', expected=None, next_step='Look there.')",
        """answer is not as expected
  expected  nothing
  observed  a str of length 9 that is not shown
  money     No money moved.
  next      Look there.""",
        id="check of something odd",
    ),
    pytest.param(
        "run.pending('no signature', expected='a name', observed='none', next_step='Ask for one.')",
        """no signature
  expected  a name
  observed  none
  money     No money moved.
  next      Ask for one.""",
        id="pending",
    ),
)


@pytest.mark.parametrize(("does", "said"), INSIDE_A_ROW)
def test_said_inside_a_row(project: Project, does: str, said: str) -> None:
    """What a row is told when it goes wrong, with the sentence about the money."""
    assert told(project, "order", does) == said


def test_money_is_not_denied_once_it_may_have_moved(project: Project) -> None:
    """In a row that can move money, the sentence names the trace id and what to do."""
    said = told(project, "payment", "run.fail('status', observed='none', expected='paid', next_step='Look.')")

    assert said == (
        "status is not as expected\n"
        "  expected  paid\n"
        "  observed  none\n"
        "  money     Test money may have moved in this run: look trace id … up at the provider and refund what it shows.\n"
        "  next      Look."
    )


def test_what_came_back_is_not_to_be_refunded_again(project: Project) -> None:
    """A row that fails after the whole refund says what was counted, and sends nobody to refund it once more."""
    project.change("gate.toml", "[facts]", '[money]\npaid = "paid"\nrefunded = "back"\n\n[facts]\nback = "money"')
    does = "facts['back'] = facts['paid']; run.fail('status', observed='none', expected='paid', next_step='Look.')"

    assert told(project, "refund", does) == (
        "status is not as expected\n"
        "  expected  paid\n"
        "  observed  none\n"
        "  money     EUR 19.99 was charged and EUR 19.99 came back, as far as the rows counted. "
        "Look trace id … up at the provider and refund only what it shows beyond that.\n"
        "  next      Look."
    )


def test_one_call_does_not_speak_for_the_money_of_a_run(project: Project) -> None:
    """A read that fails after the payment moved nothing itself; the row ends with what the run may have moved."""
    project.change("test_demo.py", "async def test_payment(facts: Facts)", "async def test_payment(facts: Facts, run)")
    project.body(
        "payment",
        "from pytest_paygate.providers.failures import refused\n"
        "raise refused('stripe', 'list the charges', status=404, code='', request_id='', moves_money=False)",
    )

    result = project.run_here()

    trace_id = project.state().started.trace_id
    look = f"look trace id {trace_id} up at the provider and refund what it shows."
    result.stdout.fnmatch_lines(
        [
            "stripe: it was refused to list the charges",
            "  expected  a successful answer",
            "  observed  status 404",
            f"  money     Test money may have moved in this run: {look}",
        ]
    )
    result.stdout.no_fnmatch_line("*No money moved*")


def test_a_row_that_moves_nothing_says_so_still(project: Project) -> None:
    """Before any row that can move money has begun, the call's own sentence stands."""
    project.body(
        "order",
        "from pytest_paygate.providers.failures import refused\n"
        "raise refused('stripe', 'list the charges', status=404, code='', request_id='', moves_money=False)",
    )

    project.run_here().stdout.fnmatch_lines(["  money     No money moved."])


def told(project: Project, row: str, does: str) -> str:
    """Let a row do something and return what the error it got says, with `…` for the trace id."""
    said = project.path / "said.txt"
    project.change("test_demo.py", f"def test_{row}(facts: Facts)", f"def test_{row}(facts: Facts, run)")
    project.body(
        row,
        "from pytest_paygate import PaygateError\n"
        f"try:\n    {does}\n"
        f"except PaygateError as error:\n    Path({str(said)!r}).write_text(str(error))\n    raise",
    )
    project.run_here("--tb=no")
    return re.sub(r"DEMO-\d+-[0-9a-f]+", "…", said.read_text(encoding="utf-8"))
