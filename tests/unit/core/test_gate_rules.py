"""A gate as a whole: what is read, what may be left out, and how its rows are found and numbered."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_paygate.core import gate as gates
from pytest_paygate.core.claims import Claim
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.gate import Gate, check_evidence, read_gate, sha256
from pytest_paygate.core.gate_tables import CapacityNeed, MoneyFacts, Note, System
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.proof import WitnessKind
from tests.unit.core.stories import GATE
from tests.unit.core.stories import SOURCE as SHOP

SOURCE = (
    SHOP.decode().replace(
        'trace_prefix = "SHOP"',
        'trace_prefix = "SHOP"\nbuild = "token"\nsystem = "fleet"',
    )
    + """
[thresholds]
limit = 60
[expect]
word = "x"
[purchase]
product = "product_id"
amount = "EUR 5.00"
tax = "EUR 0.83"
fee = "EUR 0.33"
ledger = "stripe"
payments = ["hyperswitch"]
says_live = "keys"
refund = "POST /refund"
[money]
paid = "total"
refunded = "total"
[evidence]
file = "mine.json"
keys = { run = "run.run_id", order = { id = "fact.order", token = "fact.token" } }
[[claims]]
id = "paid"
needs = ["http", "ledger"]
[[waivers]]
row = "look"
owner = "cto"
reason = "known"
until = 2026-01-31
[[waivers]]
criterion = "bound"
owner = "cto"
reason = "known"
until = 2026-01-31
[[criteria]]
id = "bound"
title = "Bound"
owner = "me"
rows = ["look", "health"]
holds = [{ fact = "seen", at_most = "limit" }, { fact = "up", equals = 0 }, { fact = "up", at_least = 0 }]
[[risks]]
id = "vat"
text = "EU VAT"
[[housekeeping]]
id = "archive"
text = "Archive"
"""
)


def of(old: str = "", new: str = "") -> Gate:
    """The gate with something else in it."""
    assert SOURCE.count(old) == 1 or not old, old
    return read_gate(SOURCE.replace(old, new).encode(), "g.toml")


def test_every_table_is_read():
    """The head of the file, and all tables beside it."""
    gate = of()
    assert (gate.id, gate.title, gate.trace_prefix, gate.build, gate.system) == (
        "shop",
        "Shop",
        "SHOP",
        "token",
        System.FLEET,
    )
    assert (gate.facts["total"], gate.thresholds, gate.expect) == (FactKind.MONEY, {"limit": 60}, {"word": "x"})
    assert (gate.capacity, gate.money) == (CapacityNeed(required=True), MoneyFacts(paid="total", refunded="total"))
    assert (gate.risks, gate.housekeeping) == ((Note(id="vat", text="EU VAT"),), (Note(id="archive", text="Archive"),))
    assert gate.claims == (Claim(id="paid", needs=(WitnessKind.HTTP, WitnessKind.LEDGER)),)
    assert [waiver.reason for waiver in gate.waivers] == ["known", "known"]
    assert gate.purchase is not None
    assert gate.evidence is not None
    check_evidence(gate, "g.toml")
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_gate_need_not_have():
    """Everything but its head, its facts, its rows and its criteria."""
    needed = {"id", "title", "trace_prefix", "facts", "preflight", "rows", "criteria"}
    plain = Gate.model_validate({key: value for key, value in GATE.model_dump().items() if key in needed})
    assert {key: value for key, value in plain.model_dump().items() if key not in needed} == {
        "thresholds": {},
        "expect": {},
        "purchase": None,
        "money": None,
        "build": "",
        "system": System.MARKETPLACE,
        "capacity": {"required": False},
        "evidence": None,
        "guards": (),
        "claims": (),
        "waivers": (),
        "risks": (),
        "housekeeping": (),
    }
    for key in needed:
        with pytest.raises(ValidationError):
            Gate.model_validate({name: value for name, value in plain.model_dump().items() if name != key})
    check_evidence(plain, "g.toml")


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("id", ("a", "a" * 40), ("", "a" * 41, "A", "1")),
        ("title", ("t", "t" * 120), ("", "t" * 121)),
        ("trace_prefix", ("A", "A" * 20, "A-1"), ("", "A" * 21, "a", "1A", "-A", "A_", "XaX")),
        ("preflight", (), ((),)),
        ("rows", (), ((),)),
        ("criteria", (), ((),)),
    ],
)
def test_the_bounds_of_a_gate(key: str, good: Any, bad: Any):
    """What is just within is taken; what is just beyond is refused."""
    plain = GATE.model_dump()
    for value in good:
        assert getattr(Gate.model_validate({**plain, key: value}), key) == value
    if not good:
        assert len(getattr(Gate.model_validate({**plain, key: plain[key][:1]}), key)) == 1
    for value in bad:
        with pytest.raises(ValidationError):
            Gate.model_validate({**plain, key: value})


@pytest.mark.parametrize("bound", ["person = true", "preflight = true", "whole_walkthrough = true"])
def test_what_a_criterion_may_be_bound_to(bound):
    """A person, pre-flight or the walkthrough do without a row."""
    assert of('rows = ["look", "health"]', bound).criteria[1].rows == ()


def test_a_gate_without_money_and_build_is_read():
    """Nothing is looked for in their place; every name that others take from here is here."""
    assert read_gate(SHOP, "g.toml") == GATE
    assert all(hasattr(gates, name) for name in gates.__all__)


def test_rows_are_found_and_numbered():
    """Pre-flight comes first and has a P before its number."""
    ids = ["health", "keys", "login", "buy", "look", "after"]
    assert [row.id for row in GATE.all_rows()] == ids
    assert [GATE.position(name) for name in ids] == [0, 1, 2, 3, 4, 5]
    assert [GATE.number(name) for name in ids] == ["P1", "P2", "1", "2", "3", "4"]
    assert [GATE.is_preflight(name) for name in ids] == [True, True, False, False, False, False]
    assert [GATE.row(name) for name in ids] == list(GATE.all_rows())
    assert GATE.row("nothing") is None
    for find in (GATE.position, GATE.number):
        with pytest.raises(KeyError) as error:
            find("nothing")
        assert error.value.args == ("nothing",)


def test_guards_and_thresholds_are_found_by_name():
    """Those read right before money moves are those not read after it."""
    assert [guard.id for guard in GATE.guards] == ["a3_up", "calm", "back"]
    assert [guard.id for guard in GATE.guards_of_money] == ["a3_up", "calm"]
    assert GATE.guard("calm") is GATE.guards[1]
    assert GATE.guard("nothing") is None
    assert (of().threshold("limit"), of().threshold(7)) == (60.0, 7.0)
    assert type(of().threshold(7)) is float
