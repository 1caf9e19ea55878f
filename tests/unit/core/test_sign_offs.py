"""Sign-offs: the form of a person's word, which one counts, and for which bundles."""

from __future__ import annotations

import pytest

from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.sign_offs import SignOff, is_for, last_word

WORD = {
    "item": "e2e/funds_seen",
    "by": "Ann",
    "at": "2026-11-21T09:15:00Z",
    "evidence": "statement.pdf",
    "evidence_sha256": "0123456789abcdef" * 4,
    "seals": {"e2e": "1" * 64},
    "previous": "",
}
HELD = SignOff.model_validate(WORD)


def test_a_word_is_no_refusal_and_has_no_note_unless_it_says_so():
    """What is left out."""
    assert (HELD.refused, HELD.note) == (False, "")


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (
            "item",
            ["a", "a" * 40, "a1_/b2_", "a/" + "b" * 40],
            ["", "a" * 41, "A", "1a", "a/", "a/b/c", "a/1", "a/" + "b" * 41],
        ),
        ("by", ["A", "A" * 120], ["", "A" * 121]),
        ("evidence", ["e", "e" * 255], ["", "e" * 256]),
        ("evidence_sha256", ["a" * 64], ["a" * 63, "a" * 65, "A" * 64, "g" * 64]),
        ("note", ["", "n" * 400], ["n" * 401]),
    ],
)
def test_the_form_of_a_word(key, good, bad):
    """Every text has its bounds."""
    for value in good:
        assert getattr(SignOff.model_validate({**WORD, key: value}), key) == value
    for value in bad:
        with pytest.raises(ValidationError) as refused:
            SignOff.model_validate({**WORD, key: value})
        assert [error["loc"] for error in refused.value.errors()] == [(key,)]


def test_the_last_word_on_an_item_counts():
    """Of this item, whatever was said of others since."""
    again = HELD.model_copy(update={"by": "Bob"})
    other = HELD.model_copy(update={"item": "e2e/other"})
    assert last_word([HELD, again, other], "e2e/funds_seen") is again
    assert last_word([HELD, HELD, again], "e2e/funds_seen") is again
    assert last_word([HELD], "e2e/funds_seen") is HELD
    assert last_word([other], "e2e/funds_seen") is None
    assert last_word([], "e2e/funds_seen") is None


@pytest.mark.parametrize(
    ("signed", "seals", "counts"),
    [
        ({"e2e": "1"}, {"e2e": "1"}, True),
        ({"e2e": "1", "b": "2"}, {"b": "2", "e2e": "1"}, True),
        ({"e2e": "1"}, {"e2e": "2"}, False),
        ({"e2e": "1"}, {"e2e": "1", "b": "2"}, False),
        ({"e2e": "1", "b": "2"}, {"e2e": "1"}, False),
        ({}, {}, False),
        ({"e2e": ""}, {"e2e": ""}, False),
        ({"e2e": "1", "b": ""}, {"e2e": "1", "b": ""}, False),
    ],
)
def test_a_word_is_for_exactly_its_bundles(signed, seals, counts):
    """Neither more nor fewer, and none without a seal."""
    assert is_for(HELD.model_copy(update={"seals": signed}), seals) is counts
