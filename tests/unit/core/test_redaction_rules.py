"""The choke point, name by name and bound by bound: what of an answer is kept, under which path, and what is only counted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.money import Money
from pytest_paygate.core.redaction import (
    ALLOWED,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_NODES,
    Kept,
    keep,
    plain,
    safe_path,
    safe_trace_id,
)

# The whole list, once more: whoever adds a name to it has looked at what such a field may hold.
NAMES = {
    FactKind.IDENTIFIER: {
        *("id", "order_id", "payment_id", "hyperswitch_payment_id", "payment_intent", "payment_intent_id", "charge"),
        *("latest_charge", "refund_id", "refund", "license_id", "licence_id", "stripe_transfer_id", "transfer"),
        *("transfer_id", "product_id", "product", "price", "event_id", "account", "destination", "source_transaction"),
        *("balance_transaction", "connector_transaction_id", "connector_refund_id", "attempt_id", "transfer_group"),
        *("merchant_id", "profile_id", "payment_link_id", "request_id", "hyperswitch_refund_id"),
    },
    FactKind.WORD: {
        *("status", "payment_status", "refund_status", "state", "type", "object", "brand", "network", "funding"),
        *("processor", "connector", "environment", "currency", "code", "decline_code", "error_code", "reason"),
        *("pending_reason", "failure_code", "failure_reason", "reporting_category", "tax_rate", "title"),
        *("capture_method", "kind", "event_type", "country", "mode"),
    },
    FactKind.WORDS: {"rights"},
    FactKind.INTEGER: {
        *("amount", "amount_minor", "amount_received", "amount_capturable", "amount_captured", "amount_refunded"),
        *("amount_reversed", "fee", "net", "price_minor", "total_minor", "tax_minor", "quantity", "attempt_count"),
        *("pending_webhooks", "created", "available_on", "expires_at", "net_amount", "amount_total", "amount_subtotal"),
    },
    FactKind.LAST4: {"last4"},
    FactKind.FLAG: {
        *("livemode", "captured", "paid", "refunded", "reversed", "has_more", "charges_enabled", "payouts_enabled"),
    },
    FactKind.TIME: {"created_at", "updated_at", "issued_at", "revoked_at"},
}


def test_these_names_are_kept_and_no_others():
    """Every name with its kind."""
    assert {kind: {name for name, of in ALLOWED.items() if of is kind} for kind in NAMES} == NAMES
    assert len(ALLOWED) == sum(map(len, NAMES.values()))


@pytest.mark.parametrize(
    ("document", "fields", "dropped"),
    [
        ({"amount": 0, "paid": False, "rights": []}, {"amount": 0, "paid": False, "rights": ""}, 0),
        ({"created_at": "2026-11-21T10:15:00+01:00"}, {"created_at": "2026-11-21T09:15:00+00:00"}, 0),
        ({"amount": "5", "paid": 1, "status": "<b>", "last4": "42424"}, {}, 4),
        ({"rights": ["a", "b c"], "status": ["a"]}, {"rights": "a, b c"}, 1),
        ({"rights": [["a"], ["b", 5], "c"]}, {"rights.0": "a"}, 2),
        ({"id": None, "note": None}, {}, 2),
        ([{"amount": 1}, {"amount": 2}], {"0.amount": 1, "1.amount": 2}, 0),
        ({"a": {"b": [{"c": {"id": "x"}}]}}, {"a.b.0.c.id": "x"}, 0),
        ({"X-Key": {"id": "x"}, "a b": {"id": "y"}}, {"….id": "y"}, 0),
        ({"a.b": {"id": "x"}, 5: {"amount": 5}}, {"….id": "x", "….amount": 5}, 0),
        ({"a": {"ID": "x", "…": "y"}}, {}, 2),
        ({"k" * 40: {"id": "x"}, "k" * 41: {"amount": 5}}, {"k" * 40 + ".id": "x", "….amount": 5}, 0),
        ({"id\n": "x"}, {}, 1),
        ({}, {}, 0),
        ([], {}, 1),
        ("id", {}, 1),
        (5, {}, 1),
    ],
)
def test_what_is_kept_of_a_document(document, fields, dropped):
    """Allowed leaves by path in the form of their kind; keys of another form are not told; the rest is counted."""
    kept = keep(document)
    assert (dict(kept.fields), kept.dropped) == (fields, dropped)


def test_a_gate_may_declare_more():
    """A declared name is kept in its kind, which goes before the list's own; what the journal cannot hold is dropped."""
    document = {"checksum": "ab12", "amount": "ten", "price": Money(500, "EUR"), "id": "x"}
    extra = {"checksum": FactKind.IDENTIFIER, "amount": FactKind.WORD, "price": FactKind.MONEY}
    kept = keep(document, extra)
    assert (kept.fields, kept.dropped) == ({"checksum": "ab12", "amount": "ten", "id": "x"}, 1)
    assert (keep({"waited": 1.5}, {"waited": FactKind.SECONDS}).fields) == {"waited": 1.5}


def test_an_answer_without_a_document_leaves_nothing():
    """No field was kept, and none was dropped."""
    assert (Kept().fields, Kept().dropped) == ({}, 0)
    assert Kept(dropped=1).fields == {}


def test_what_is_no_object_has_neither_name_nor_path():
    """A document that is a single value is kept only where somebody declares the nameless."""
    assert keep(5, {"": FactKind.INTEGER}).fields == {"": 5}
    assert keep(["a", "b"], {"": FactKind.WORDS}).fields == {"": "a, b"}
    assert keep({"": 5}, {"…": FactKind.INTEGER}).fields == {"…": 5}


def test_forty_fields_are_kept():
    """The first forty allowed ones; the others are counted."""
    kept = keep([{"amount": number} for number in range(42)])
    assert list(kept.fields.items()) == [(f"{number}.amount", number) for number in range(40)]
    assert (kept.dropped, MAX_FIELDS) == (2, 40)


def test_four_thousand_leaves_are_looked_at():
    """The four-thousandth is kept, the one after it is neither kept nor counted."""
    many = {f"k{number}": number for number in range(3_999)}
    whole = keep({**many, "amount": 5, "fee": 1})
    assert (dict(whole.fields), whole.dropped, MAX_NODES) == ({"amount": 5}, 3_999, 4_000)
    beyond = keep({**many, "another": 0, "amount": 5})
    assert (dict(beyond.fields), beyond.dropped) == ({}, 4_000)


def test_eight_levels_are_walked():
    """A leaf on the eighth level is kept; what is deeper is one thing that is dropped."""
    document: object = {"amount": 1, "fee": 2}
    for _ in range(7):
        document = {"x": document}
    assert list(keep(document).fields) == ["x." * 7 + "amount", "x." * 7 + "fee"]
    deeper = keep({"x": document})
    assert (dict(deeper.fields), deeper.dropped, MAX_DEPTH) == ({}, 2, 8)
    lists: object = {"amount": 1}
    for _ in range(7):
        lists = [lists]
    assert list(keep(lists).fields) == ["0." * 7 + "amount"]
    assert (dict(keep([lists]).fields), keep([lists]).dropped) == ({}, 1)


def test_sixty_four_items_of_a_list_are_walked():
    """The sixty-fourth is, the one after it is not."""
    items = [{"note": "x"}] * 63
    assert keep([*items, {"amount": 5}]).fields == {"63.amount": 5}
    beyond = keep([*items, {"note": "x"}, {"amount": 5}])
    assert (dict(beyond.fields), beyond.dropped) == ({}, 64)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (False, "no"),
        (0, "0"),
        (-5, "-5"),
        (1.23456, "1.235"),
        (Money(500, "EUR"), "EUR 5.00"),
        (datetime(2026, 11, 21, 9, 15, tzinfo=UTC), "2026-11-21 09:15:00Z"),
        ("2026-11-21T10:15:00+01:00", "2026-11-21 09:15:00Z"),
        ("ord_1", "ord_1"),
        ("two words", "two words"),
        (("a", "b c"), "a, b c"),
        (["a"], "a"),
        ([], "none"),
        (-1.5, "a float that is not shown"),
        (b"abc", "a bytes of length 3 that is not shown"),
        ("", "a str of length 0 that is not shown"),
        (["<b>"], "a str of length 3 that is not shown"),
        (("<b>", "c"), "a str of length 3 that is not shown, c"),
        ((Money(500, "EUR"), 7, None), "EUR 5.00, 7, nothing"),
        ((["a"], ("b", "c")), "a list of length 1 that is not shown, a tuple of length 2 that is not shown"),
        (["x" * 120, "y" * 121], f"{'x' * 120}, {'y' * 121}"),
        (("4242424242424242", "a"), "a str of length 16 that is not shown, a"),
        ([*"abcdefgh"], "a, b, c, d, e, f, g, h"),
        ([*"abcdefghi"], "a, b, c, d, e, f, g, h, and 1 more"),
        ((*range(60),), "0, 1, 2, 3, 4, 5, 6, 7, and 52 more"),
        ({}, "a dict of length 0 that is not shown"),
        ({"a"}, "a set that is not shown"),
        (None, "nothing"),
        ("4242424242424242", "a str of length 16 that is not shown"),
    ],
)
def test_a_value_in_a_message(value, text):
    """Numbers, money, times and short words are shown in their one form; anything else by its type and length."""
    assert plain(value) == text


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("", ""),
        ("/", "/"),
        ("/orders/Ord_1.~:@-/", "/orders/Ord_1.~:@-/"),
        ("//a", "//a"),
        ("/a?b?c/d", "/a"),
        ("/a#b#c/d", "/a"),
        ("/a#b?c", "/a"),
        ("/a?b#c", "/a"),
        ("?", ""),
        ("/ä/b%20c/d", "/…/…/d"),
        ("/" + "x" * 80 + "/" + "x" * 81, "/" + "x" * 80 + "/…"),
        ("/a\n/b", "/…/b"),
        ("/sk_live_aZ09xY/b", "/…/b"),
        ("/a" * 19, "/a" * 19),
        ("/a" * 25, "/a" * 19),
    ],
)
def test_a_path_keeps_its_plain_segments(path, safe):
    """Query and fragment go, segments that are not plain or look like a secret are a dot of dots, twenty are kept."""
    assert safe_path(path) == safe


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("E2E-1795229581-94524e3f", True),
        ("A1-B-1795229581-aZ09", True),
        ("AB-1795229581-" + "a" * 32, True),
        ("A-1795229581-94524e3f", False),
        ("e2e-1795229581-94524e3f", False),
        ("E2E-179522958-94524e3f", False),
        ("E2E-1795229581-945", False),
        ("E2E-1795229581-" + "a" * 33, False),
        ("E2E-1795229581-94524e3f\n", False),
        (" E2E-1795229581-94524e3f", False),
        ("", False),
        (None, False),
    ],
)
def test_a_trace_id_has_our_form_or_is_dropped(text, kept):
    """Prefix in capitals, ten digits of a time, a random end; anything else is nothing."""
    assert safe_trace_id(text) == (text if kept else "")
