"""What is taken over of a log entry: three typed fields, what it tells of a payment, and whether anything in it is what nobody may read."""

from __future__ import annotations

import pytest

from pytest_paygate.adapters.logs import entry_of
from pytest_paygate.core.log_settings import LogFields

NAMES = LogFields(event="event", at="at", trace_id="trace_id")
ENTRY = {"event": "payment_succeeded", "at": "2026-11-21T09:00:00+00:00", "trace_id": "T-1"}


def test_what_is_known_by_name_is_taken_over_and_nothing_else():
    """Event, time, trace id and what is told of the payment, in their shapes; an ordinary entry tells no secret."""
    entry = entry_of({**ENTRY, "amount_minor": 50, "session_id": "cs_test_a1B2c3", "more": None}, NAMES)
    assert (entry.event, entry.at, entry.trace_id) == tuple(ENTRY.values())
    assert entry.told == (("session_id", "cs_test_a1B2c3"), ("amount_minor", 50))
    assert not entry.tells_secret


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"currency": "usd", "credits": 50}, (("currency", "USD"), ("credits", 50))),
        ({"order_id": "ord_1", "amount_minor": 500}, (("amount_minor", 500), ("order_id", "ord_1"))),
        ({"amount_minor": "50", "amount_cents": True, "credits": 50.0, "refund_id": 7, "currency": {"a": 1}}, ()),
        ({"amount": 5000, "card": "visa"}, ()),
        ({"payment_intent_id": "sk_live_51H8abcdefGHIJKL", "amount_cents": 50}, (("amount_cents", 50),)),
    ],
    ids=["capitals", "an order", "other shapes", "other names", "a key in place of an id"],
)
def test_what_is_told_of_a_payment_is_typed(more, told):
    """A value of another shape, or one that looks like a secret, tells nothing; amounts are whole minor units."""
    assert entry_of({**ENTRY, **more}, NAMES).told == told


@pytest.mark.parametrize(
    "more",
    [
        {"card": "4242 4242 4242 4242"},
        {"card": 4242424242424242},
        {"request": {"headers": ["Authorization: Bearer sk_test_51H8abcdefGHIJKL"]}},
        {"sk_live_51H8abcdefGHIJKL": "used"},
        {"token": "eyJhbGciOiJIUzI1NiJ9.e30"},
    ],
    ids=["a card", "a card as a number", "a key deep inside", "a key as a name", "a token"],
)
def test_an_entry_with_a_key_a_token_or_a_card_says_so(more):
    """Wherever in the entry it stands and whatever its type; what it was is not taken over."""
    entry = entry_of({**ENTRY, **more}, NAMES)
    assert entry.tells_secret
    assert not any(str(value) in repr(entry) for value in more.values())


@pytest.mark.parametrize(
    "more",
    [{"card": "424242******4242"}, {"last4": "4242"}, {"key": "sk_test_…4f2a"}, {"at_ms": 1763687378123}, {"ok": True}],
    ids=str,
)
def test_what_is_masked_is_no_secret(more):
    """Masked cards and keys, last four digits, times and truth values may stand in a log."""
    assert not entry_of({**ENTRY, **more}, NAMES).tells_secret


def test_the_rest_of_an_entry_is_there_to_be_searched_and_never_shown():
    """Everything it says, names and nested values included; two entries of one event are still alike."""
    entry = entry_of({**ENTRY, "more": [{"login": "open sesame"}]}, NAMES)
    assert (
        entry.content
        == b"event\npayment_succeeded\nat\n2026-11-21T09:00:00+00:00\ntrace_id\nT-1\nmore\nlogin\nopen sesame"
    )
    assert "sesame" not in repr(entry)
    assert entry == entry_of(ENTRY, NAMES)


def test_an_entry_nested_without_end_is_looked_at_as_far_as_it_may_go():
    """A hostile entry costs no recursion: eight levels are searched."""
    deep: dict[str, object] = {"card": "4242424242424242"}
    for _ in range(2_000):
        deep = {"inner": deep}
    assert not entry_of({**ENTRY, "more": deep}, NAMES).tells_secret
