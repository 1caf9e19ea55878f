"""Every refusal of a gate file: file, key, value, what was expected and the nearest valid name."""

from __future__ import annotations

import pytest

from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.gate import read_gate
from tests.properties.gates import SOURCE

NEXT = "Correct the file; a gate is data only, its keys are listed in docs/reference/gate-toml.md."


@pytest.mark.parametrize(
    ("old", "new", "refused", "expected", "observed"),
    [
        ("[gate]", "[gate", "gate.toml: is not readable TOML", None, None),
        ("[gate]\n", "", "gate.toml: gate: is missing", "a table [gate]", "none"),
        ('title = "Small"', "", "gate.toml: title: is missing", "a value for this key", None),
        (
            'optional_in = ["sandbox"]',
            'optional_in = ["sandbx"]',
            "gate.toml: rows[1].optional_in[0]: is not one of the allowed values",
            "one of: sandbox, staging, rehearsal, live. Did you mean 'sandbox'?",
            "'sandbx'",
        ),
        (
            'needs = ["one"]',
            'needs = ["ome"]',
            "gate.toml: row two.needs: names something that is not there",
            "an earlier row. Did you mean 'one'?",
            "'ome'",
        ),
        (
            'records = ["paid"]',
            'records = ["payd"]',
            "gate.toml: row one.records: names something that is not there",
            "a fact declared in [facts]. Did you mean 'paid'?",
            "'payd'",
        ),
        (
            'observed = "{paid}"',
            'observed = "{payd}"',
            "gate.toml: row one.observed: names something that is not there",
            "a fact declared in [facts], or log. Did you mean 'paid'?",
            "'payd'",
        ),
        (
            'observed = "{paid}"',
            'observed = "{paid.minor}"',
            "gate.toml: row one.observed: has an odd place",
            "{fact_name}",
            "{paid.minor}",
        ),
        (
            'observed = "{paid}"',
            'observed = "{paid"',
            "gate.toml: row one.observed: is not a template",
            "text with {fact} places",
            None,
        ),
        (
            'id = "two"',
            'id = "one"',
            "gate.toml: row one: is there more than once",
            "each row id once, pre-flight and rows together",
            "2 times",
        ),
        (
            'rows = ["two"]\nholds',
            'rows = ["tow"]\nholds',
            "gate.toml: criterion fast.rows: names something that is not there",
            "a row of this gate. Did you mean 'two'?",
            "'tow'",
        ),
        (
            'at_most = "limit"',
            'at_most = "limt"',
            "gate.toml: criterion fast.holds: names something that is not there",
            "a number or a name from [thresholds]. Did you mean 'limit'?",
            "'limt'",
        ),
        (
            ', at_most = "limit"',
            "",
            "gate.toml: criterion fast.holds: has no condition",
            "equals, at_most or at_least",
            "only fact = 'seconds'",
        ),
        (
            "whole_walkthrough = true\npreflight = true",
            "",
            "gate.toml: criterion whole: is not bound to anything",
            "rows, preflight, whole_walkthrough or person",
            "none of them",
        ),
    ],
)
def test_each_refusal_of_a_gate_file(old, new, refused, expected, observed):
    """A wrong gate file is refused with the place, the value and what would do, and no money has moved."""
    source = SOURCE.decode()
    assert old in source
    with pytest.raises(ConfigurationError) as error:
        read_gate(source.replace(old, new, 1).encode(), "gate.toml")
    refusal = error.value.refusal
    assert refusal.refused == refused
    assert refusal.expected == (expected or refusal.expected)
    assert refusal.observed == (observed or refusal.observed)
    assert (refusal.money, refusal.next_step) == ("No money moved.", NEXT)
