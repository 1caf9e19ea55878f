"""Picking a value out of an answer: by path and type, or a failed row that names the field."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from pytest_paygate.core.documents import pick
from pytest_paygate.core.errors import RowFailedError

DOCUMENT = {
    "order_id": "ord_1",
    "services": MappingProxyType({"hyperswitch": {"status": "up"}}),
    "items": [{"price": 5}, {"price": 7}],
    "0": "a key of digits",
    "paid": True,
    "words": ["one", "two"],
    "": "nameless",
}


@pytest.mark.parametrize(
    ("path", "kind", "value"),
    [
        ("order_id", str, "ord_1"),
        ("services.hyperswitch.status", str, "up"),
        ("items.0.price", int, 5),
        ("items.1.price", int, 7),
        ("items", list, DOCUMENT["items"]),
        ("0", str, "a key of digits"),
        ("paid", bool, True),
        ("", dict, DOCUMENT),
    ],
)
def test_a_value_is_found_at_its_path(path, kind, value):
    """Keys from the outside in, numbers for lists, and the whole for an empty path."""
    assert pick(DOCUMENT, path, kind) == value


@pytest.mark.parametrize(
    ("path", "kind", "observed"),
    [
        ("order", str, "no such field"),
        ("order_id.x", str, "no such field"),
        ("order_id.0", str, "no such field"),
        ("order_id.ord", str, "no such field"),
        ("words.one", str, "no such field"),
        ("items.2.price", int, "no such field"),
        ("items.-1.price", int, "no such field"),
        ("items.x", int, "no such field"),
        ("items.²", int, "no such field"),
        ("paid", int, "a value of type bool"),
        ("order_id", int, "a value of type str"),
        ("items", dict, "a value of type list"),
    ],
)
def test_what_is_not_there_is_a_failed_row(path, kind, observed):
    """A missing field and one of another type are named with what was seen, never with the value."""
    with pytest.raises(RowFailedError) as refused:
        pick(DOCUMENT, path, kind)
    assert refused.value.refusal.text() == (
        f"the answer has no usable field {path}\n"
        f"  expected  {path} of type {kind.__name__}\n"
        f"  observed  {observed}\n"
        "  money     What the target did with the money is unknown from this answer; the run's trace id finds it.\n"
        "  next      Compare the target's answer in the session log with the API the gate was written for."
    )


def test_a_whole_answer_of_another_type():
    """Where no field is asked for, the refusal speaks of the document."""
    with pytest.raises(RowFailedError) as refused:
        pick([], "", dict)
    assert refused.value.refusal.refused == "the answer has no usable field (whole)"
    assert refused.value.refusal.expected == "a document of type dict"
    assert refused.value.refusal.observed == "a value of type list"
