"""The tables of a gate: what is left out, the bounds of every key, and what each table tells."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate_tables import (
    EVIDENCE_OF_RUN,
    ID_PATTERN,
    TAKEN_FILES,
    CapacityNeed,
    Criterion,
    EvidenceFile,
    Holds,
    MoneyFacts,
    Note,
    Purchase,
    Row,
    System,
)
from pytest_paygate.core.model import Model, ValidationError
from pytest_paygate.core.money import Money

ROW: dict[str, Any] = {"id": "login", "title": "Login", "records": ("token",), "observed": "{token}"}
CRITERION: dict[str, Any] = {"id": "fast", "title": "Fast", "owner": "me"}
NOTE: dict[str, Any] = {"id": "vat", "text": "EU VAT"}
PURCHASE: dict[str, Any] = {
    "product": "product_id",
    "amount": "EUR 5.00",
    "tax": "EUR 0.83",
    "fee": "EUR 0.33",
    "ledger": "stripe",
    "payments": ("hyperswitch",),
    "says_live": "environment",
    "refund": "POST /refund",
}
EVIDENCE: dict[str, Any] = {
    "file": "mine.json",
    "keys": {"run": "run.run_id", "order": {"id": "fact.a", "total": "fact.b"}},
}
IDS = (("a", "a" * 40, "a1_"), ("", "a" * 41, "A", "1a", "_a", "a-b", "xAx"))


def test_what_is_left_out_asks_for_nothing():
    """Every key that need not be there, with what stands for it."""
    assert Row(**ROW).model_dump() == {
        **ROW,
        "needs": (),
        "money": False,
        "person": False,
        "optional_in": (),
        "trace": "{log}",
    }
    assert Criterion(**CRITERION).model_dump() == {
        **CRITERION,
        "rows": (),
        "preflight": False,
        "whole_walkthrough": False,
        "person": False,
        "modes": (Mode.SANDBOX, Mode.STAGING, Mode.REHEARSAL, Mode.LIVE),
        "holds": (),
        "due_days": None,
    }
    assert Holds(fact="a").model_dump() == {"fact": "a", "equals": None, "at_most": None, "at_least": None}
    assert CapacityNeed().model_dump() == {"required": False}
    assert MoneyFacts(paid="a", refunded="b").model_dump() == {"paid": "a", "refunded": "b", "tax": "", "fee": ""}


@pytest.mark.parametrize(
    ("model", "plain", "key", "good", "bad"),
    [
        (Row, ROW, "id", *IDS),
        (Row, ROW, "title", ("t", "t" * 120), ("", "t" * 121)),
        (Row, ROW, "records", (("a",), ("a", "b")), ((),)),
        (Row, ROW, "observed", ("o",), ("",)),
        (Criterion, CRITERION, "id", *IDS),
        (Criterion, CRITERION, "title", ("t", "t" * 160), ("", "t" * 161)),
        (Criterion, CRITERION, "owner", ("o",), ("",)),
        (Criterion, CRITERION, "due_days", (None, 1, 90), (0, 91)),
        (Note, NOTE, "id", *IDS),
        (Note, NOTE, "text", ("t", "t" * 400), ("", "t" * 401)),
        (Purchase, PURCHASE, "payments", (("a",), ("a", "b")), ((),)),
        (Purchase, PURCHASE, "refund", ("r", "r" * 200), ("", "r" * 201)),
        (
            EvidenceFile,
            EVIDENCE,
            "file",
            ("a.json", "a" * 61 + ".json", "a1_-.json"),
            ("", ".json", "A.json", "1.json", "a" * 62 + ".json", "a.jsonl", "axjson", "a/b.json", "XXa.json"),
        ),
    ],
)
def test_the_bounds_of_every_key(model: type[Model], plain, key, good, bad):
    """What is just within is taken as it is; what is just beyond is refused at its key."""
    for value in good:
        assert getattr(model.model_validate({**plain, key: value}), key) == value
    for value in bad:
        with pytest.raises(ValidationError) as refused:
            model.model_validate({**plain, key: value})
        assert [error["loc"] for error in refused.value.errors()] == [(key,)]


@pytest.mark.parametrize(
    ("model", "plain"),
    [(Row, ROW), (Criterion, CRITERION), (Note, NOTE), (Purchase, PURCHASE), (EvidenceFile, EVIDENCE)],
)
def test_what_every_table_must_have(model: type[Model], plain):
    """Each of these keys is asked for."""
    for key in plain:
        with pytest.raises(ValidationError) as refused:
            model.model_validate({name: value for name, value in plain.items() if name != key})
        assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [((key,), "missing")]


def test_names_that_reports_and_other_files_rest_on():
    """The systems of the sandbox, the ids, what an evidence file may say of a run, and the files it must not be."""
    assert [system.value for system in System] == ["marketplace", "fleet"]
    assert ID_PATTERN == r"^[a-z][a-z0-9_]{0,39}$"
    assert EVIDENCE_OF_RUN == (
        "run_id",
        "trace_id",
        "started_at",
        "ended_at",
        "verdict",
        "decision",
        "environment",
        "mode",
        "commit",
    )
    assert {"evidence.json", "manifest.json", "attestation.json", "quarantine.json"} == TAKEN_FILES


def test_what_will_be_charged():
    """The gross amount."""
    assert Purchase(**PURCHASE).gross == Money(500, "EUR")


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, ()),
        ({"tax": "c"}, (("tax", "c"),)),
        ({"fee": "d"}, (("fee", "d"),)),
        ({"tax": "c", "fee": "d"}, (("tax", "c"), ("fee", "d"))),
    ],
)
def test_the_facts_that_a_report_adds_up(more, names):
    """Paid and refunded, then tax and fee where they are set."""
    assert tuple(MoneyFacts(paid="a", refunded="b", **more).names()) == (("paid", "a"), ("refunded", "b"), *names)


def test_every_place_of_an_evidence_file():
    """A key of a part is told with its part."""
    assert list(EvidenceFile(**EVIDENCE).places()) == [
        ("run", "run.run_id"),
        ("order.id", "fact.a"),
        ("order.total", "fact.b"),
    ]
