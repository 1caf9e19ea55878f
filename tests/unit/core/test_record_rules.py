"""The record of a run: what a field holds when nothing is said, its bounds, and the head of the published schema."""

from __future__ import annotations

import inspect
import types
from typing import Any, get_args

import pytest

from pytest_paygate.core import record
from pytest_paygate.core.model import Model, TypeAdapter, ValidationError
from pytest_paygate.core.record import Record, RecordedRow

# Shape → its fields that may be left out, with what they hold then.
LEFT_OUT: dict[type[Model], dict[str, Any]] = {
    record.RecordedProof: {"claim": "", "witness": None, "at": "", "amount": "", "ids": {}, "extract_sha256": ""},
    record.RecordedClaim: {},
    record.RecordedCheck: {},
    record.RecordedRow: {"waiver": "", "checks": ()},
    record.RecordedCriterion: {},
    record.RecordedAmount: {},
    record.RecordedItem: {},
    record.RecordedOddity: {},
    record.Record: {"schema_version": 1, "claims": ()},
}
ROW = {
    "number": "1",
    "id": "buy",
    "title": "Buy",
    "status": "PASS",
    "reason": "",
    "expected": "",
    "observed": "",
    "trace": "",
    "elapsed_seconds": 0.0,
    "facts": {},
    "proofs": [],
}
TEXTS = (
    *("run_id", "gate", "gate_title", "gate_sha256", "suite_sha256", "environment", "target", "account", "trace_id"),
    *("commit", "build", "operator", "tool", "started_at", "ended_at", "damage", "journal_sha256"),
)
LISTS = ("approvers", "reasons", "rows", "criteria", "money", "proofs", "anomalies", "action_items")
RUN = {
    **dict.fromkeys(TEXTS, ""),
    **{name: [] for name in LISTS},
    "mode": "sandbox",
    "attended": False,
    "elapsed_seconds": 0.0,
    "verdict": "PASS",
    "decision": "PENDING",
    "money_adds_up": None,
}


@pytest.mark.parametrize("shape", LEFT_OUT)
def test_what_may_be_left_out_is_empty(shape):
    """Whoever fills a record says everything else."""
    told = {
        name: field.get_default(call_default_factory=True)
        for name, field in shape.model_fields.items()
        if not field.is_required()
    }
    assert told == LEFT_OUT[shape]


def test_the_table_holds_every_shape():
    """No shape of a record escapes the table."""
    shapes = {one for name, one in inspect.getmembers(record, inspect.isclass) if issubclass(one, Model)}
    assert shapes == {*LEFT_OUT, Model}


@pytest.mark.parametrize(("shape", "said"), [(RecordedRow, ROW), (Record, RUN)])
def test_nothing_takes_less_than_no_time(shape, said):
    """A row and a run last nothing or longer."""
    assert shape.model_validate_json(TypeAdapter(dict).dump_json(said)).elapsed_seconds == 0.0
    with pytest.raises(ValidationError) as refused:
        shape.model_validate_json(TypeAdapter(dict).dump_json({**said, "elapsed_seconds": -0.001}))
    assert [(one["loc"], one["type"]) for one in refused.value.errors()] == [
        (("elapsed_seconds",), "greater_than_equal")
    ]


def test_what_a_fact_may_be():
    """Text, a number, a truth value, a list of texts, or an amount: and nothing that is empty, cut or nested."""
    assert isinstance(record.FactJson, types.UnionType)
    assert get_args(record.FactJson) == (str, int, float, bool, list[str], dict[str, str | int])


def test_the_published_schema():
    """It says which draft it is written in, where it is found, and the whole form in which a record is written."""
    schema = record.json_schema()
    address = "https://pytest-paygate.dev/schemas/record-v1.json"
    assert (schema.pop("$schema"), schema.pop("$id")) == ("https://json-schema.org/draft/2020-12/schema", address)
    assert schema == Record.model_json_schema(mode="serialization")
    assert (schema["title"], record.SCHEMA_ID) == ("Record", address)
