"""What may be kept: facts by kind, fields by name and shape, and nothing that looks like a secret."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_paygate.core.facts import FactKind, FactShapeError, from_json, shown, to_json
from pytest_paygate.core.money import Money
from pytest_paygate.core.redaction import ALLOWED, MAX_FIELDS, keep, plain, safe_path, safe_trace_id
from pytest_paygate.core.secret import Secret, looks_secret

SECRETS = [
    "sk_live_51H8abcdefGHIJKL",
    "rk_test_51H8abcdefGHIJKL",
    "pk_live_51H8abcdefGHIJKL",
    "whsec_abcdefghijklmnop",
    "snd_" + "a1" * 32,
    "prd_" + "a1" * 32,
    "pi_3Q12345_secret_abcDEF",
    "pay_r2fC_secret_x1y2",
    "eyJhbGciOiJIUzI1NiJ9.e30",
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "378282246310005",
    "5555555555554444",
    "card 4000000000000002 declined",
    "3ffe2d2e-3bd7-46db-8c88-a10464918178-4242424242424242",
]
LEGITIMATE = [
    "ch_3QabcDEF123",
    "E2E-1795229581-94524e3f",
    "1763687378123",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "pi_2HGEkmItM7q1GQ0yvfa3Q3h7",
    "prod_test_licence",
    "req_j2W53hbUJxkAAi",
    "re_0USsNBYeyJrakhTAZwpbOXUa",
    "re_eyJrakhTAZwpbOXUa0USsNBY",
    # UUIDs whose decimal digits pass the check of a card number.
    "3ffe2d2e-3bd7-46db-8c88-410464918177",
    "40869953-2569-4115-ac88-a10464918178",
]


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("kind", [FactKind.IDENTIFIER, FactKind.WORD, FactKind.LINK])
def test_no_text_fact_holds_a_secret_or_a_card(kind, text):
    """Whatever its kind, a fact shaped like a key, a token or a card number is refused, and not quoted."""
    value = f"https://example.com/{text}" if kind is FactKind.LINK else text
    with pytest.raises(FactShapeError) as refused:
        to_json(kind, value)
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", LEGITIMATE)
def test_ids_trace_ids_and_times_survive(text):
    """Ids, trace ids and epoch milliseconds are not taken for secrets."""
    assert not looks_secret(text)
    assert to_json(FactKind.IDENTIFIER, text) == text


values = {
    FactKind.IDENTIFIER: st.from_regex(r"[a-z]{2,4}_[A-Za-z0-9]{8}", fullmatch=True),
    FactKind.WORD: st.from_regex(r"[a-z][a-z _]{0,20}", fullmatch=True),
    FactKind.INTEGER: st.integers(),
    FactKind.SECONDS: st.floats(0, 1e6).map(lambda value: round(value, 3)),
    FactKind.MONEY: st.builds(Money, st.integers(-(10**9), 10**9), st.sampled_from(["EUR", "JPY", "KWD"])),
    FactKind.TIME: st.datetimes(timezones=st.just(UTC)),
    FactKind.LAST4: st.from_regex(r"[0-9]{4}", fullmatch=True),
    FactKind.FLAG: st.booleans(),
    FactKind.WORDS: st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=5).map(tuple),
    FactKind.LINK: st.from_regex(r"https://[a-z]{1,8}\.example/[a-z]{0,8}", fullmatch=True),
}


@given(st.sampled_from(list(FactKind)).flatmap(lambda kind: st.tuples(st.just(kind), values[kind])))
def test_a_fact_comes_back_from_the_journal(pair):
    """What the journal holds is the value that was recorded, in value and type."""
    kind, value = pair
    back = from_json(kind, to_json(kind, value))
    assert back == value
    assert isinstance(shown(back), str)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (
            FactKind.IDENTIFIER,
            "two words",
            "the value is not an identifier (letters, digits and _ . : @ -, at most 128)",
        ),
        (FactKind.IDENTIFIER, "x" * 129, "the value is not an identifier (letters, digits and _ . : @ -, at most 128)"),
        (FactKind.WORD, "<script>", "the value is not a short plain phrase"),
        (FactKind.WORD, "a\nb", "the value is not a short plain phrase"),
        (FactKind.INTEGER, True, "the value is not an integer"),
        (FactKind.INTEGER, 1.0, "the value is not an integer"),
        (FactKind.SECONDS, float("nan"), "the value is not a number of seconds"),
        (FactKind.SECONDS, -1, "the value is not a number of seconds"),
        (FactKind.MONEY, 500, "the value is not Money"),
        (FactKind.TIME, datetime(2026, 1, 1), "the value is not an aware time"),  # noqa: DTZ001 - what is refused
        (FactKind.LAST4, "42424", "the value is not four digits"),
        (FactKind.FLAG, 1, "the value is not true or false"),
        (FactKind.LINK, "https://a.example/x?token=1", "the value is not a plain http(s) link without query"),
        (FactKind.LINK, "https://user@a.example/", "the value is not a plain http(s) link without query"),
        (FactKind.LINK, "javascript:alert(1)", "the value is not a plain http(s) link without query"),
        (FactKind.WORDS, ["a"] * 51, "the value is not a short list of words"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind, value, message):
    """A value of another shape is refused by name of the shape; it is never trimmed."""
    with pytest.raises(FactShapeError) as refused:
        to_json(kind, value)
    assert str(refused.value) == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=30,
)


@given(json_values)
def test_only_listed_names_are_kept(document):
    """No field whose name is not on the list survives, whatever the document."""
    kept = keep(document)
    assert len(kept.fields) <= MAX_FIELDS
    for path in kept.fields:
        names = [part for part in path.split(".") if not part.isdecimal()]
        assert names[-1] in ALLOWED


def test_listed_names_keep_their_values():
    """Ids, amounts and statuses pass unaltered; tokens, secrets and unknown names are counted and dropped."""
    document = {
        "data": {
            "order_id": "ord_1",
            "access_token": "abc",
            "client_secret": "pi_1_secret_2",
            "status": "completed",
            "rights": ["download", "resale"],
            "amount": 500,
            "items": [{"price_minor": 500, "note": "free text"}],
            "id": "sk_live_51H8abcdefGHIJKL",
        }
    }
    kept = keep(document)
    assert kept.fields == {
        "data.order_id": "ord_1",
        "data.status": "completed",
        "data.rights": "download, resale",
        "data.amount": 500,
        "data.items.0.price_minor": 500,
    }
    assert kept.dropped == 4


def test_depth_and_width_are_bounded():
    """A document built to exhaust the walk is cut, not followed."""
    deep: object = {"amount": 1}
    for _ in range(3000):
        deep = {"x": deep}
    assert keep(deep).fields == {}
    assert len(keep([{"amount": 1}] * 10_000).fields) == MAX_FIELDS


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/orders/ord_1?token=abc", "/orders/ord_1"),
        ("/pay/pi_1_secret_2", "/pay/…"),
        ("/a b/c", "/…/c"),
        ("/x#y", "/x"),
        ("/4242424242424242", "/…"),
    ],
)
def test_paths_lose_queries_and_secrets(path, safe):
    """A path keeps its plain segments only."""
    assert safe_path(path) == safe


def test_trace_ids_have_one_form():
    """Only a trace id of our own form is kept."""
    assert safe_trace_id("E2E-1795229581-94524e3f") == "E2E-1795229581-94524e3f"
    assert safe_trace_id("x") == safe_trace_id(None) == safe_trace_id("E2E-1795229581-94524e3f\n") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (200, "200"),
        (Money(500, "EUR"), "EUR 5.00"),
        ("completed", "completed"),
        (None, "nothing"),
        (True, "yes"),
        ("<b>", "a str of length 3 that is not shown"),
        ("sk_live_51H8abcdefGHIJKL", "a str of length 24 that is not shown"),
        ({"a": 1}, "a dict of length 1 that is not shown"),
        (object(), "a object that is not shown"),
    ],
)
def test_values_in_messages_are_plain(value, text):
    """A value in a message is shown when it is plain and only described otherwise."""
    assert plain(value) == text


def test_a_secret_has_no_readable_form():
    """Neither repr, str, format, comparison, hash, copy nor pickle give a secret away."""
    secret = Secret("hunter2-hunter2", "env:PASSWORD")
    assert "hunter2" not in f"{secret!r} {secret!s} {secret} {[secret]}"
    assert repr(secret) == "Secret(env:PASSWORD)"
    assert secret != Secret("hunter2-hunter2", "env:PASSWORD")
    assert not hasattr(secret, "__dict__")
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="a secret cannot be pickled or copied"):
            duplicate(secret)
    assert secret.reveal() == "hunter2-hunter2"
    assert secret.fingerprint() == Secret("hunter2-hunter2").fingerprint() != Secret("other").fingerprint()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FactKind.TIME, "tomorrow"),
        (FactKind.TIME, "0001-01-01T00:00:00+23:59"),
        (FactKind.TIME, "2026-11-21T07:39:35"),
        (FactKind.LINK, "HTTP://a.example/x"),
        (FactKind.LINK, "http://a.example\n/x"),
        (FactKind.LINK, "http://a.example/x?"),
        (FactKind.LINK, "http://[/x"),
    ],
)
def test_what_a_journal_holds_is_checked_like_what_is_written(kind, text):
    """A forged value is refused by its shape, and never ends the reader in another way."""
    with pytest.raises(FactShapeError):
        from_json(kind, text)
