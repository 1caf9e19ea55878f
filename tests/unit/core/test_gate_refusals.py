"""What cannot be meant in a gate: every cross-check and every refusal, word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.gate import check_evidence, read_gate
from pytest_paygate.core.gate_tables import EvidenceFile
from tests.unit.core.test_gate_rules import of

NEXT = "Correct the file; a gate is data only, its keys are listed in docs/reference/gate-toml.md."
NOT_THERE = "names something that is not there"
DECLARED = "a fact declared in [facts]"


def refused(old: str, new: str) -> tuple[str, str, str]:
    """What is said of a gate that was changed so."""
    with pytest.raises(ConfigurationError) as error:
        of(old, new)
    refusal = error.value.refusal
    assert (refusal.money, refusal.next_step) == ("No money moved.", NEXT)
    return refusal.refused, refusal.expected, refusal.observed


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[gate]", "gate = 1\n[gat]", ("g.toml: gate: is missing", "a table [gate]", "none")),
        ("[gate]", "[gat]", ("g.toml: gate: is missing", "a table [gate]", "none")),
        (
            'id = "keys"',
            'id = "health"',
            (
                "g.toml: row health: is there more than once",
                "each row id once, pre-flight and rows together",
                "2 times",
            ),
        ),
        (
            'id = "after"',
            'id = "health"',
            (
                "g.toml: row health: is there more than once",
                "each row id once, pre-flight and rows together",
                "2 times",
            ),
        ),
        (
            'id = "bound"',
            'id = "whole"',
            (
                "g.toml: criterion whole: is there more than once",
                "each criterion id once, pre-flight and rows together",
                "2 times",
            ),
        ),
        (
            'needs = ["login"]',
            'needs = ["buy"]',
            (f"g.toml: row buy.needs: {NOT_THERE}", "an earlier row.", "'buy'"),
        ),
        (
            'needs = ["login"]',
            'needs = ["lookin"]',
            (f"g.toml: row buy.needs: {NOT_THERE}", "an earlier row. Did you mean 'login'?", "'lookin'"),
        ),
        (
            'records = ["token"]',
            'records = ["token", "tokem"]',
            (f"g.toml: row login.records: {NOT_THERE}", f"{DECLARED}. Did you mean 'token'?", "'tokem'"),
        ),
        (
            'observed = "{token}"',
            'observed = "{log} {lok}"',
            (f"g.toml: row login.observed: {NOT_THERE}", f"{DECLARED}, or log. Did you mean 'log'?", "'lok'"),
        ),
        (
            'observed = "{token}"',
            'observed = "{log}"\ntrace = "{tokem}"',
            (f"g.toml: row login.trace: {NOT_THERE}", f"{DECLARED}, or log. Did you mean 'token'?", "'tokem'"),
        ),
        (
            'observed = "{token}"',
            'observed = "{token"',
            (
                "g.toml: row login.observed: is not a template",
                "text with {fact} places",
                "expected '}' before end of string",
            ),
        ),
        (
            'observed = "{token}"',
            'observed = "x"\ntrace = "}"',
            (
                "g.toml: row login.trace: is not a template",
                "text with {fact} places",
                "Single '}' encountered in format string",
            ),
        ),
        (
            'observed = "{token}"',
            'observed = "{token[0]}"',
            ("g.toml: row login.observed: has an odd place", "{fact_name}", "{token[0]}"),
        ),
        (
            'observed = "{token}"',
            'observed = "{Token}"',
            ("g.toml: row login.observed: has an odd place", "{fact_name}", "{Token}"),
        ),
        (
            'rows = ["look", "health"]',
            'rows = ["health", "lok"]',
            (f"g.toml: criterion bound.rows: {NOT_THERE}", "a row of this gate. Did you mean 'look'?", "'lok'"),
        ),
        (
            'rows = ["look", "health"]',
            "rows = []",
            (
                "g.toml: criterion bound: is not bound to anything",
                "rows, preflight, whole_walkthrough or person",
                "none of them",
            ),
        ),
        (
            '{ fact = "seen", at_most',
            '{ fact = "sen", at_most',
            (f"g.toml: criterion bound.holds.fact: {NOT_THERE}", f"{DECLARED}. Did you mean 'seen'?", "'sen'"),
        ),
        (
            'at_most = "limit"',
            'at_least = "limt"',
            (
                f"g.toml: criterion bound.holds: {NOT_THERE}",
                "a number or a name from [thresholds]. Did you mean 'limit'?",
                "'limt'",
            ),
        ),
        (
            'at_most = "limit"',
            'at_most = "limt"',
            (
                f"g.toml: criterion bound.holds: {NOT_THERE}",
                "a number or a name from [thresholds]. Did you mean 'limit'?",
                "'limt'",
            ),
        ),
        (
            '{ fact = "up", equals = 0 }',
            '{ fact = "up" }',
            ("g.toml: criterion bound.holds: has no condition", "equals, at_most or at_least", "only fact = 'up'"),
        ),
        (
            'says_live = "keys"',
            'says_live = "key"',
            (f"g.toml: purchase.says_live: {NOT_THERE}", f"{DECLARED}. Did you mean 'keys'?", "'key'"),
        ),
        (
            'paid = "total"',
            'paid = "tota"',
            (
                f"g.toml: money.paid: {NOT_THERE}",
                "a fact of kind money declared in [facts]. Did you mean 'total'?",
                "'tota'",
            ),
        ),
        (
            'paid = "total"',
            'paid = "token"',
            (f"g.toml: money.paid: {NOT_THERE}", "a fact of kind money declared in [facts].", "'token'"),
        ),
        (
            'build = "token"',
            'build = "tokem"',
            (f"g.toml: gate.build: {NOT_THERE}", f"{DECLARED}. Did you mean 'token'?", "'tokem'"),
        ),
        (
            'needs = ["http", "ledger"]',
            'needs = ["http", "log", "log"]',
            (
                "g.toml: claims.paid.log: is asked for twice in one mode",
                "each witness of a claim once in a mode",
                "paid.log more than once",
            ),
        ),
        (
            'row = "look"',
            'row = "buy"',
            (f"g.toml: waiver buy.row: {NOT_THERE}", "a numbered row that moves no money.", "'buy'"),
        ),
        (
            'row = "look"',
            'row = "lok"',
            (
                f"g.toml: waiver lok.row: {NOT_THERE}",
                "a numbered row that moves no money. Did you mean 'look'?",
                "'lok'",
            ),
        ),
        (
            'row = "look"',
            'row = "health"',
            (f"g.toml: waiver health.row: {NOT_THERE}", "a numbered row that moves no money.", "'health'"),
        ),
        (
            'criterion = "bound"',
            'criterion = "bond"',
            (
                f"g.toml: waiver bond.criterion: {NOT_THERE}",
                "a criterion of this gate. Did you mean 'bound'?",
                "'bond'",
            ),
        ),
        (
            'id = "calm"',
            'id = "calm"\nfact = "tokem"',
            (f"g.toml: guard calm.fact: {NOT_THERE}", f"{DECLARED}. Did you mean 'token'?", "'tokem'"),
        ),
        (
            "equals = 200",
            'at_most = "limt"',
            (
                f"g.toml: guard a3_up: {NOT_THERE}",
                "a number or a name from [thresholds]. Did you mean 'limit'?",
                "'limt'",
            ),
        ),
    ],
)
def test_every_cross_check(old, new, told):
    """Place, expectation with the nearest valid name, and what stands there."""
    assert refused(old, new) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'amount = "EUR 5.00"',
            'amount = "5.00"',
            ("g.toml: purchase.amount: is not an amount", "an amount like 'EUR 5.00'"),
        ),
        ('tax = "EUR 0.83"', 'tax = "x"', ("g.toml: purchase.tax: is not an amount", "an amount like 'EUR 5.00'")),
        (
            'fee = "EUR 0.33"',
            f'fee = "{"x" * 200}"',
            ("g.toml: purchase.fee: is not an amount", "an amount like 'EUR 5.00'"),
        ),
    ],
)
def test_what_is_no_amount(old, new, told):
    """The key is named, and no more than 120 letters of what stands there."""
    *said, observed = refused(old, new)
    assert tuple(said) == told
    assert len(observed) <= 120
    assert (len(observed) == 120) is ("x" * 200 in new)


@pytest.mark.parametrize(
    ("old", "new", "observed"),
    [
        ('"EUR 5.00"', '"EUR 0.00"', "EUR 0.00, EUR 0.83, EUR 0.33"),
        ('"EUR 0.83"', '"EUR -0.01"', "EUR 5.00, EUR -0.01, EUR 0.33"),
        ('"EUR 0.33"', '"USD 0.33"', "EUR 5.00, EUR 0.83, USD 0.33"),
    ],
)
def test_a_purchase_adds_up(old, new, observed):
    """Above zero, nothing below zero, one currency; nought tax and fee, and one cent, are amounts."""
    assert refused(old, new) == (
        "g.toml: purchase: does not add up",
        "an amount above zero, tax and fee not below zero, all in one currency",
        observed,
    )
    assert of('"EUR 0.83"', '"EUR 0.00"').purchase is not None
    assert of('"EUR 5.00"', '"EUR 0.01"').purchase is not None


@pytest.mark.parametrize(
    ("content", "observed"),
    [
        (b"[gate", "Expected ']' at the end of a table declaration (at end of document)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_file_that_cannot_be_read(content, observed):
    """What the reader says is told."""
    with pytest.raises(ConfigurationError) as error:
        read_gate(content, "g.toml")
    refusal = error.value.refusal
    told = (refusal.refused, refusal.expected, refusal.observed, refusal.next_step)
    assert told == ("g.toml: is not readable TOML", "a UTF-8 TOML document", observed, NEXT)


def test_a_wrong_key_is_told_with_its_file():
    """As every file of the project's is."""
    told = refused('title = "Shop"', 'titel = "Shop"')
    assert told[0] == "g.toml: title: is missing"


@pytest.mark.parametrize(
    ("file", "keys", "told"),
    [
        (
            "manifest.json",
            {},
            (
                "g.toml: evidence.file: is the name of another file of the run",
                "another name than attestation.json, evidence.json, manifest.json, quarantine.json",
                "'manifest.json'",
            ),
        ),
        (
            "mine.json",
            {"a": "fact.tokem"},
            (
                f"g.toml: evidence.keys.a: {NOT_THERE}",
                "fact.NAME or run.NAME. Did you mean 'fact.token'?",
                "'fact.tokem'",
            ),
        ),
        (
            "mine.json",
            {"a": "run.run_id", "b": {"c": "run.commitx"}},
            (
                f"g.toml: evidence.keys.b.c: {NOT_THERE}",
                "fact.NAME or run.NAME. Did you mean 'run.commit'?",
                "'run.commitx'",
            ),
        ),
    ],
)
def test_an_evidence_file_is_another_file_and_asks_for_what_is_there(file, keys, told):
    """Neither a file of the run's own, nor a fact that nobody records."""
    gate = of().model_copy(update={"evidence": EvidenceFile(file=file, keys=keys)})
    with pytest.raises(ConfigurationError) as error:
        check_evidence(gate, "g.toml")
    refusal = error.value.refusal
    assert (refusal.refused, refusal.expected, refusal.observed, refusal.next_step) == (*told, NEXT)
