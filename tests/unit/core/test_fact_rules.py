"""Facts, kind by kind: what fits at its bounds, what does not and in which words, and how each is shown."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core.facts import FactKind, FactShapeError, from_json, shown, to_json
from pytest_paygate.core.money import Money

CARD = "4242424242424242"
NINE = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
TEN_IN_ZURICH = datetime(2026, 11, 21, 10, 15, tzinfo=timezone(timedelta(hours=1)))
IDENTIFIER = "the value is not an identifier (letters, digits and _ . : @ -, at most 128)"
WORD = "the value is not a short plain phrase"
WORDS = "the value is not a short list of words"
INTEGER = "the value is not an integer"
SECONDS = "the value is not a number of seconds"
MONEY = "the value is not Money"
TIME = "the value is not an aware time"
LAST4 = "the value is not four digits"
FLAG = "the value is not true or false"
LINK = "the value is not a plain http(s) link without query"
SECRET = "the value looks like a key, a token or a card number"


def test_the_kinds_are_named_as_gates_name_them():
    """A gate and a journal name a kind by its own word."""
    words = "identifier word words integer seconds money time last4 flag link"
    assert [kind.value for kind in FactKind] == words.split()
    assert [kind.name.lower() for kind in FactKind] == words.split()


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (FactKind.IDENTIFIER, "a", "a"),
        (FactKind.IDENTIFIER, "A9_.:@-z", "A9_.:@-z"),
        (FactKind.IDENTIFIER, "Z" + "x" * 127, "Z" + "x" * 127),
        (FactKind.WORD, "ä", "ä"),
        (FactKind.WORD, "5 of 6, done.: (a/b) +c%=d-e; f", "5 of 6, done.: (a/b) +c%=d-e; f"),
        (FactKind.WORD, "x" * 120, "x" * 120),
        (FactKind.WORDS, [], []),
        (FactKind.WORDS, ("download", "two words"), ["download", "two words"]),
        (FactKind.WORDS, ["a"] * 50, ["a"] * 50),
        (FactKind.INTEGER, 0, 0),
        (FactKind.INTEGER, -5, -5),
        (FactKind.SECONDS, 0, 0.0),
        (FactKind.SECONDS, 3, 3.0),
        (FactKind.SECONDS, 1.23456, 1.235),
        (FactKind.SECONDS, 999_999_999.999, 999_999_999.999),
        (FactKind.MONEY, Money(500, "EUR"), {"minor": 500, "currency": "EUR"}),
        (FactKind.TIME, NINE, "2026-11-21T09:15:00+00:00"),
        (FactKind.TIME, TEN_IN_ZURICH, "2026-11-21T09:15:00+00:00"),
        (FactKind.TIME, "2026-11-21T10:15:00+01:00", "2026-11-21T09:15:00+00:00"),
        (FactKind.TIME, "2026-11-21T09:15:00Z", "2026-11-21T09:15:00+00:00"),
        (FactKind.LAST4, "0042", "0042"),
        (FactKind.FLAG, True, True),
        (FactKind.FLAG, False, False),
        (FactKind.LINK, "http://a", "http://a"),
        (FactKind.LINK, "https://A-z.example:8443/Pay_1.~-/x", "https://A-z.example:8443/Pay_1.~-/x"),
        (FactKind.LINK, "https://a/" + "x" * 199, "https://a/" + "x" * 199),
    ],
)
def test_what_fits_is_kept_as_it_is(kind, value, kept):
    """Each kind at its bounds, in the one form the journal keeps, which reads back to the same."""
    told = to_json(kind, value)
    assert told == kept
    assert type(told) is type(kept)
    assert to_json(kind, from_json(kind, told)) == kept


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        *((FactKind.IDENTIFIER, value, IDENTIFIER) for value in ("", "_a", "-a", "a b", "ä", "a/b", "a\n", 5, None)),
        (FactKind.IDENTIFIER, "x" * 129, IDENTIFIER),
        (FactKind.IDENTIFIER, b"a", IDENTIFIER),
        *(
            (FactKind.WORD, value, WORD)
            for value in ("", " a", ".a", "a\n", "a\tb", "a<b", "a'b", 'a"b', "a&b", 5, None)
        ),
        (FactKind.WORD, "x" * 121, WORD),
        *((FactKind.WORDS, value, WORDS) for value in ("a", None, {"a"}, ["a"] * 51, ("a",) * 51)),
        *((FactKind.WORDS, value, WORD) for value in (["a", ""], ["a", 5], [["a"]], [None])),
        *((FactKind.INTEGER, value, INTEGER) for value in (True, 5.0, "5", None)),
        *(
            (FactKind.SECONDS, value, SECONDS)
            for value in (-0.001, -1, 1e9, float("nan"), float("inf"), True, "5", None)
        ),
        *((FactKind.MONEY, value, MONEY) for value in (500, "EUR 5.00", {"minor": 500, "currency": "EUR"}, None)),
        *(
            (FactKind.TIME, value, TIME)
            for value in (NINE.replace(tzinfo=None), "soon", "2026-11-21T09:15:00", 5, None)
        ),
        *((FactKind.LAST4, value, LAST4) for value in ("424", "42424", "424a", "٤٢٤٢", 4242, "4242\n", None)),
        *((FactKind.FLAG, value, FLAG) for value in (1, 0, "true", None)),
        *(
            (FactKind.LINK, value, LINK)
            for value in (
                "ftp://a/b",
                "https:/a",
                "https://",
                "https://a b/",
                "https://a:/x",
                "https://a:x/",
                "https://a/x?y",
                "https://a/x#y",
                "https://u@a/",
                "https://a/" + "x" * 200,
                "xhttps://a",
                "https://a\n",
                5,
                None,
            )
        ),
        (FactKind.IDENTIFIER, CARD, SECRET),
        (FactKind.WORD, f"card {CARD}", SECRET),
        (FactKind.WORDS, ["a", CARD], SECRET),
        (FactKind.WORDS, [CARD, "a"], SECRET),
        (FactKind.LINK, f"https://a/{CARD}", SECRET),
        (FactKind.IDENTIFIER, "sk_live_aZ09xY", SECRET),
    ],
)
def test_what_does_not_fit_is_refused_by_its_kind(kind, value, message):
    """A value beyond its bounds, of another type, or shaped like a secret is refused in its kind's words."""
    with pytest.raises(FactShapeError) as refused:
        to_json(kind, value)
    assert str(refused.value) == message


def test_a_number_is_never_taken_for_a_card():
    """Only texts are looked at: an integer of sixteen digits is an amount or a time."""
    assert to_json(FactKind.INTEGER, int(CARD)) == int(CARD)


@pytest.mark.parametrize(
    ("kind", "kept", "value"),
    [
        (FactKind.MONEY, {"minor": -500, "currency": "EUR"}, Money(-500, "EUR")),
        (FactKind.TIME, "2026-11-21T10:15:00+01:00", NINE),
        (FactKind.WORDS, ["a", "b c"], ("a", "b c")),
        (FactKind.WORDS, [], ()),
        (FactKind.IDENTIFIER, "ord_1", "ord_1"),
        (FactKind.SECONDS, 3, 3.0),
        (FactKind.FLAG, True, True),
    ],
)
def test_what_the_journal_holds_is_typed_again(kind, kept, value):
    """Money, times and lists of words come back as what they were; times in UTC."""
    back = from_json(kind, kept)
    assert back == value
    assert type(back) is type(value)
    if isinstance(back, datetime):
        assert back.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("kind", "kept", "message"),
    [
        *(
            (FactKind.MONEY, value, "the journal holds no money here")
            for value in (
                500,
                "EUR 5.00",
                {"minor": "500", "currency": "EUR"},
                {"minor": 500, "currency": 5},
                {"minor": 500},
                {"currency": "EUR"},
                {"minor": 500, "currency": "EUR", "more": 1},
                None,
            )
        ),
        (FactKind.MONEY, {"minor": 500, "currency": "QQQ"}, "'QQQ' is not an ISO 4217 currency"),
        (FactKind.MONEY, {"minor": True, "currency": "EUR"}, "money is an integer number of minor units, not bool"),
        *((FactKind.TIME, value, "the journal holds no time here") for value in (5, None, "soon", "")),
        (FactKind.TIME, "0001-01-01T00:00:00+23:59", "the journal holds no time here"),
        (FactKind.TIME, "2026-11-21T09:15:00", "the journal holds no time here"),
        *((FactKind.WORDS, value, "the journal holds no words here") for value in ("a", None, 5)),
        (FactKind.WORDS, ["a", CARD], SECRET),
        (FactKind.WORDS, ["a"] * 51, WORDS),
        (FactKind.INTEGER, "5", INTEGER),
        (FactKind.IDENTIFIER, CARD, SECRET),
    ],
)
def test_what_a_journal_cannot_hold_is_refused(kind, kept, message):
    """A forged or damaged value is refused in words, whatever is in its place."""
    with pytest.raises(FactShapeError) as refused:
        from_json(kind, kept)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (5, "5"),
        (100, "100"),
        (0.0, "0"),
        (10.0, "10"),
        (1.5, "1.5"),
        (1.2346, "1.235"),
        (1.0001, "1"),
        (NINE, "2026-11-21 09:15:00Z"),
        (TEN_IN_ZURICH, "2026-11-21 09:15:00Z"),
        (("a", "b c"), "a, b c"),
        (("a",), "a"),
        ((), "none"),
        ("as it is", "as it is"),
        (Money(500, "EUR"), "EUR 5.00"),
    ],
)
def test_a_fact_is_shown_in_one_way(value, text):
    """Words for flags, at most three decimals without idle noughts, times in UTC, lists with commas."""
    assert shown(value) == text


@pytest.fixture
def _in_kolkata(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_kolkata")
def test_times_are_in_utc_wherever_a_gate_runs():
    """The zone of the machine is in no journal and in no report."""
    assert to_json(FactKind.TIME, TEN_IN_ZURICH) == "2026-11-21T09:15:00+00:00"
    assert str(from_json(FactKind.TIME, "2026-11-21T10:15:00+01:00")) == "2026-11-21 09:15:00+00:00"
    assert shown(TEN_IN_ZURICH) == "2026-11-21 09:15:00Z"


def test_a_message_never_holds_the_value():
    """Whatever is refused, its value is not told."""
    for kind in FactKind:
        with pytest.raises(FactShapeError) as refused:
            to_json(kind, {"hunter2": "hunter2"})
        assert not re.search("hunter2", str(refused.value))
