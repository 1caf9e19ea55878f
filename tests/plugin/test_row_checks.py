"""What a row says of charges, refunds, accounts, polls and the gate's own tables, word for word where it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.project import Project

CHARGE = """
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from pytest_paygate import Charge, Money, Refund, RefundStatus
five = Money(500, "EUR")
now = datetime.now(UTC)
charge = Charge("ch_1", "pi_1", five, five, Money(0, "EUR"), True, True, now, False, metadata={"trace_id": run.trace_id})
refund = Refund("re_1", "pi_1", "ch_1", five, RefundStatus.SUCCEEDED, now)
"""
TABLES = '[expect]\nprice = "EUR 5.00"\nword = "five"\n\n[thresholds]\nwithin_seconds = 5\n\n[facts]'

PURCHASE = """
[purchase]
product = "product_id"
amount = "EUR 5.00"
tax = "EUR 0.83"
fee = "EUR 0.33"
ledger = "stripe"
payments = ["stripe"]
says_live = "order_id"
refund = "by hand"
"""


def refused(project: Project, code: str) -> tuple[str, str, str, str]:
    """What the row `order` is refused with: what, expected, observed, and what to do."""
    project.change("gate.toml", "[facts]", TABLES)
    project.change("test_demo.py", "def test_order(facts: Facts)", "def test_order(facts: Facts, run)")
    project.body("order", CHARGE.strip() + f"\n{code}\nfacts['order_id'] = 'ord_1'")
    result = project.run_here()
    row = project.state().rows["order"]
    steps = [line.strip().removeprefix("next      ").strip() for line in result.outlines if line.startswith("  next ")]
    return row.reason, row.expected, row.observed, steps[0] if steps else ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "run.one_charge([])",
            ("the number of charges for this payment is not as expected", "1", "0"),
        ),
        (
            "run.one_charge([charge, replace(charge, charge_id='ch_2')])",
            ("the number of charges for this payment is not as expected", "1", "2"),
        ),
        (
            "run.check_charge(replace(charge, is_captured=False), amount=five)",
            ("whether the charge is captured is not as expected", "yes", "no"),
        ),
        (
            "run.check_charge(charge, amount=Money(501, 'EUR'))",
            ("the amount captured is not as expected", "EUR 5.01", "EUR 5.00"),
        ),
        (
            "run.check_charge(replace(charge, livemode=True), amount=five)",
            ("livemode of the charge is not as expected", "no", "yes"),
        ),
        (
            "run.check_refund(replace(refund, amount=Money(499, 'EUR')), charge_id='ch_1', amount=five)",
            ("the amount refunded is not as expected", "EUR 5.00", "EUR 4.99"),
        ),
        (
            "run.check_refund(replace(refund, status=RefundStatus.PENDING), charge_id='ch_1', amount=five)",
            ("the refund's status is not as expected", "succeeded", "pending"),
        ),
        (
            "run.check_refund(refund, charge_id='ch_2', amount=five)",
            ("the refunded charge is not as expected", "ch_2", "ch_1"),
        ),
        (
            "run.reached('the order', SimpleNamespace(reached=False, last=None, told='open'), expected='paid')",
            ("the order is not as expected", "paid", "open"),
        ),
    ],
)
def test_what_is_wrong_is_named(project: Project, code: str, said: tuple[str, str, str]) -> None:
    """A charge, refund or poll that is not as the plan says fails the row with what was expected and observed."""
    assert refused(project, code)[:3] == said


def test_a_charge_without_the_trace_says_how_to_carry_it(project: Project) -> None:
    """A target that loses the trace id is told where to put it."""
    reason, _, observed, step = refused(project, "run.check_charge(replace(charge, metadata={}), amount=five)")
    assert (reason, observed) == ("the trace id on the charge is not as expected", "none")
    assert step == "Have the target copy the request's X-Trace-Id into the payment's metadata as trace_id."


def test_what_is_right_passes(project: Project) -> None:
    """One captured charge of that amount, its refund, a goal, the gate's own tables, any fee where none is planned."""
    code = """
assert run.one_charge([replace(charge, succeeded=False), charge]) is charge
run.check_charge(charge, amount=run.expected_money("price"))
run.check_refund(refund, charge_id="ch_1", amount=five)
seen = SimpleNamespace(reached=True, last=charge, value="paid")
assert run.reached("the order", seen, expected="paid") is charge
run.check_fee(Money(100_000, "EUR"))
assert (run.livemode, dict(run.thresholds), "price" in run.expect) == (False, {"within_seconds": 5}, True)
"""
    assert refused(project, code.strip())[0] == ""


def test_a_fee_is_held_against_the_planned_one(project: Project) -> None:
    """The gate's `[purchase]` says what the provider may keep; a little more passes, and far more is told."""
    project.change("gate.toml", "[facts]", f"{PURCHASE}\n[facts]")
    code = "run.check_fee(Money(100, 'EUR'))\nrun.check_fee(Money(450, 'EUR'))"
    reason, expected, observed, step = refused(project, code)
    assert reason == "the fee that the provider has kept is not as expected"
    assert (expected, observed) == ("EUR 0.33 as planned, at most EUR 1.00", "EUR 4.50")
    assert step.startswith("See at the provider what it is made of")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "run.thresholds['within_second']",
            (
                "demo_gate/gate.toml: thresholds.within_second: is missing",
                "every name a row reads in [thresholds]. Did you mean 'within_seconds'?",
                "the keys: within_seconds",
                "Add it to [thresholds], or correct its name in the test.",
            ),
        ),
        (
            "run.expected_money('prise')",
            (
                "demo_gate/gate.toml: expect.prise: is missing",
                "every name a row reads in [expect]. Did you mean 'price'?",
                "the keys: price, word",
                "Add it to [expect], or correct its name in the test.",
            ),
        ),
        (
            "run.expected_money('word')",
            (
                "demo_gate/gate.toml: expect.word: is not an amount",
                "an amount like 'EUR 5.00'",
                "",
                "Write currency and amount in quotes, or read the value as run.expect[...].",
            ),
        ),
    ],
)
def test_a_name_that_the_gate_does_not_have_is_refused(
    project: Project, code: str, said: tuple[str, str, str, str]
) -> None:
    """A misspelt threshold or amount names the file, the key and the nearest one."""
    reason, expected, observed, step = refused(project, code)
    assert (reason, expected, step) == (said[0], said[1], said[3])
    assert said[2] in observed


ACCOUNT = """
from pytest_paygate.core.ports import Account
run.check_account(Account("acct_1Seen", {livemode}), provider="stripe")
"""
STRIPE = '\n[env.demo.providers.stripe]\nkey = "env:DEMO_KEY"\nbase_url = "http://127.0.0.1:9"\n{pinned}\n'


@pytest.mark.parametrize(
    ("pinned", "livemode", "said"),
    [
        (
            "",
            "False",
            (
                "paygate.toml: env.demo.providers.stripe.account: is missing",
                "the account that the key must belong to, like acct_…",
                "none",
                'After making sure that it is yours: account = "acct_1Seen"',
            ),
        ),
        (
            'account = "acct_1Ours"',
            "False",
            (
                "the account behind the stripe key is not as expected",
                "acct_1Ours",
                "acct_1Seen",
                "Take the key of the pinned account, or correct env.demo.providers.stripe.account.",
            ),
        ),
        (
            'account = "acct_1Seen"',
            "True",
            (
                "livemode of the stripe account is not as expected",
                "no",
                "yes",
                "Take the key of the other mode, or correct the environment's mode.",
            ),
        ),
        ('account = "acct_1Seen"', "None", ("", "", "", "")),
    ],
)
def test_the_account_is_the_pinned_one(
    project: Project, monkeypatch, pinned: str, livemode: str, said: tuple[str, str, str, str]
) -> None:
    """A key of another account or mode fails the row, and so does an environment that pins none."""
    monkeypatch.setenv("DEMO_KEY", "sk_test_demoDemoDemoDemoDemo")
    settings = project.path / "paygate.toml"
    settings.write_text(settings.read_text() + STRIPE.format(pinned=pinned))
    assert refused(project, ACCOUNT.format(livemode=livemode).strip()) == said


def test_a_live_key_in_staging_is_refused_before_any_row(project: Project, monkeypatch) -> None:
    """Whoever mixes the keys up must not charge a real card past the interlock."""
    monkeypatch.setenv("DEMO_KEY", "sk_" + "live_demoDemoDemoDemoDemo")
    settings = project.path / "paygate.toml"
    settings.write_text(settings.read_text() + STRIPE.format(pinned=""))

    result = project.run()

    assert project.bodies() == []
    result.stdout.fnmatch_lines(
        [
            "paygate.toml: env.demo.providers.stripe.key: is a live key in a staging environment",
            "  expected  a key of the provider's test mode",
            "  observed  a key whose form says live",
            "  money     No money moved.",
            '  next      Point the reference at the test key, or declare the environment mode = "live".',
        ]
    )


def test_a_row_without_a_test_is_named(project: Project) -> None:
    """A row that no test is bound to is told apart from one that was cut off."""
    project.change(
        "gate.toml",
        "[[criteria]]",
        '[[rows]]\nid = "later"\ntitle = "L"\nrecords = ["paid"]\nobserved = "x"\n\n[[criteria]]',
    )

    project.run_here()

    finished = project.state().finished
    assert finished is not None
    assert finished.reason == "rows never run: later; no collected test is bound to later"


def test_an_undeclared_purchase_is_not_sent(project: Project) -> None:
    """A money row that forgets to say what it charges is held back before its request leaves, in staging too."""
    project.change("test_demo.py", "async def test_payment(facts: Facts)", "async def test_payment(facts: Facts, api)")
    project.body("payment", "await api.post('/orders', json={})\nfacts['paid'] = Money(1999, 'EUR')")

    project.run()

    row = project.state().rows["payment"]
    assert (row.status, row.reason) == (
        "BLOCKED",
        "interlock: POST /orders is not sent, because of declared",
    )
    assert not [entry for entry in project.entries() if entry.event.kind == "exchange"]


PAYING = """
from pytest_paygate import PaymentStatus
class Person:
    async def hold(self, point):
        return SimpleNamespace(answered=await point.notice())
async def look():
    return SimpleNamespace(status=PaymentStatus.%s)
run.wait(run.ask_to_pay(Person(), "http://pay.example/", amount=five, deadline_seconds=0.3, look=look))
"""


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("SUCCEEDED", ""),
        ("EXPIRED", "whether the payment was made is not as expected"),
        ("PROCESSING", "whether the payment was made is not as expected"),
    ],
)
def test_a_payment_is_noticed_by_itself(project: Project, status: str, reason: str) -> None:
    """With a look at the payment, the hold point ends once it has succeeded, or once it cannot any more."""
    assert refused(project, PAYING.strip() % status)[0] == reason


CHECKS = """
from pytest_paygate import Check, Finding
def judge(count): return None if count == 1 else Finding("the count of orders", count, 1, "Count them again.")
one_order, never = Check("one_order", "There is one order", judge), Check("never", "It is never made", judge)
"""


def test_a_row_tells_the_checks_it_made(project):
    """A check that holds lets the row go on; journal and record keep it with its statement."""
    refused(project, CHECKS + "run.verify(one_order, 1)")
    row = project.state().rows["order"]
    assert (row.status, row.checks, row.failed_check) == ("PASS", {"one_order": "There is one order"}, "")
    recorded = next(row for row in project.evidence()["rows"] if row["id"] == "order")
    assert recorded["checks"] == [{"id": "one_order", "holds": "There is one order", "held": True}]


def test_a_check_that_finds_something_fails_its_row(project):
    """The finding is told word for word, the failed check by its id, and no later check is made."""
    said = refused(project, CHECKS + "run.verify(one_order, 2)\nrun.verify(never, 2)")
    assert said == ("the count of orders is not as expected", "1", "2", "Count them again.")
    row = project.state().rows["order"]
    assert (row.status, row.failed_check, list(row.checks)) == ("FAIL", "one_order", ["one_order"])
    recorded = next(row for row in project.evidence()["rows"] if row["id"] == "order")
    assert recorded["checks"] == [{"id": "one_order", "holds": "There is one order", "held": False}]
    assert "check one_order failed" in (project.folders()[0] / "session.log").read_text()


def test_a_row_that_goes_on_over_a_failed_check_fails(project):
    """Catching the error of a check, or making a better one after it, does not make a pass of it."""
    code = "try:\n    run.verify(one_order, 2)\nexcept Exception:\n    run.verify(never, 1)"
    said = refused(project, CHECKS + code)
    assert said[0] == "check one_order failed, and the row went on over it"
    row = project.state().rows["order"]
    assert (row.status, row.failed_check) == ("FAIL", "one_order")
    assert project.judgement().verdict == "FAIL"
