"""An answer that arrived: what a row may read of it, and each refusal word for word, without anything of the body."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytest_paygate.adapters.answers import READ_MONEY, UNKNOWN_MONEY, Answer, money_sentence
from pytest_paygate.core.errors import Refusal, TargetError

MOVED_NOTHING = "No money moved."
MAY_HAVE_MOVED = "Unknown: the request may have been carried out. Look it up before anything is sent again."
ELSEWHERE = "See what answers at this address: a proxy's error page, another release, another service."
ONE_DOCUMENT = "one JSON document in UTF-8, every key once, finite numbers"


def answer(body: bytes = b"{}", method: str = "GET", **headers: str) -> Answer:
    """An answer of the target."""
    return Answer(
        party="target",
        method=method,
        path="/orders",
        status=200,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        elapsed_seconds=0.25,
        trace_echo="E2E-1-a",
        exchange_seq=7,
    )


def refusal(of: Answer, name: str) -> Refusal:
    """Why an answer's document, data or text is refused."""
    with pytest.raises(TargetError) as refused:
        getattr(of, name)() if name == "json" else getattr(of, name)
    return refused.value.refusal


@pytest.mark.parametrize(
    ("method", "sent", "money"),
    [
        ("GET", True, MOVED_NOTHING),
        ("HEAD", True, MOVED_NOTHING),
        ("POST", True, MAY_HAVE_MOVED),
        ("DELETE", True, MAY_HAVE_MOVED),
        ("get", True, MAY_HAVE_MOVED),
        ("GET", False, MOVED_NOTHING),
        ("POST", False, MOVED_NOTHING),
    ],
)
def test_only_a_read_or_what_never_left_moved_nothing(method, sent, money):
    """Whatever else failed may have been carried out."""
    assert money_sentence(method, sent=sent) == money
    assert (READ_MONEY, UNKNOWN_MONEY) == (MOVED_NOTHING, MAY_HAVE_MOVED)


def test_a_request_has_left_unless_said_otherwise():
    """Nobody who says nothing is told that nothing moved."""
    assert money_sentence("POST") == MAY_HAVE_MOVED


def test_an_answer_shows_neither_headers_nor_body():
    """Both may hold what nobody may read in a log."""
    told = repr(answer(b"the body", x_key="the header"))
    assert told == (
        "Answer(party='target', method='GET', path='/orders', status=200, "
        "elapsed_seconds=0.25, trace_echo='E2E-1-a', exchange_seq=7)"
    )


@pytest.mark.parametrize("left_out", ["headers", "body"])
def test_an_answer_is_complete(left_out):
    """There is none without headers or body."""
    told = {name: getattr(answer(), name) for name in Answer.__dataclass_fields__ if name != left_out}
    with pytest.raises(TypeError, match=f"missing 1 required positional argument: '{left_out}'"):
        Answer(**told)


def test_when_the_party_answered():
    """By its own `Date` header, and never guessed without one."""
    assert answer(date="Sat, 21 Nov 2026 09:15:00 GMT").answered_at == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
    assert answer().answered_at is None


def test_what_an_answer_holds():
    """Its document, what stands in the envelope, and its text; an envelope may hold nothing."""
    of = answer('{"data": {"order": "ö"}, "more": 1}'.encode())
    assert of.json() == {"data": {"order": "ö"}, "more": 1}
    assert of.data == {"order": "ö"}
    assert of.text == '{"data": {"order": "ö"}, "more": 1}'
    assert answer(b'{"data": null}').data is None


@pytest.mark.parametrize(
    ("body", "observed"),
    [
        (b"<html>", "status 200, 6 bytes, text/html: it is not JSON"),
        (b'{"a": 1, "a": 2}', "status 200, 16 bytes, text/html: a key stands twice in one object"),
        (b"\xff", "status 200, 1 bytes, text/html: it is not UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["json", "data"])
def test_what_is_no_document_is_refused(name, body, observed):
    """Whichever way it is read: how much arrived, of which type, and why it cannot be read."""
    assert refusal(answer(body, "POST", content_type="text/html"), name) == Refusal(
        "target: the answer to POST /orders cannot be read as JSON",
        ONE_DOCUMENT,
        observed,
        MAY_HAVE_MOVED,
        ELSEWHERE,
    )


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"{}", "an object with 0 keys"),
        (b'{"DATA": 1, "result": 2}', "an object with 2 keys"),
        (b'["data"]', "a list"),
        (b'"data"', "a text"),
        (b"true", "a truth value"),
        (b"1", "a number"),
        (b"1.5", "a number"),
        (b"null", "a null"),
    ],
)
def test_what_has_no_envelope_is_refused(body, shape):
    """Its shape is told, and nothing of what it holds."""
    assert refusal(answer(body), "data") == Refusal(
        "target: the answer to GET /orders has no data envelope",
        'an object with the key "data"',
        f"status 200, {shape}, without it",
        MOVED_NOTHING,
        "Read answer.json() where the API has no such envelope; else see what answers at this address.",
    )


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("text/plain", "text/plain"),
        ("Application/JSON; charset=utf-8; q=1", "application/json"),
        (" application/problem+json ;x", "application/problem+json"),
        ("a" * 20 + "/" + "b" * 40, "a" * 20 + "/" + "b" * 40),
        ("a" * 21 + "/b", "untyped"),
        ("a/" + "b" * 41, "untyped"),
        ("text", "untyped"),
        ("text/plain and more", "untyped"),
        ("x/4242424242424242", "untyped"),
        ("", "untyped"),
        (None, "untyped"),
    ],
)
def test_what_is_no_text_is_refused(content_type, told):
    """Its type is told where it is one; a header is not a way to bring words, or a card number, into a text."""
    headers = {} if content_type is None else {"content_type": content_type}
    assert refusal(answer(b"ok \xff", **headers), "text") == Refusal(
        "target: the answer to GET /orders cannot be read as text",
        "UTF-8",
        f"status 200, 4 bytes, {told}, not UTF-8",
        MOVED_NOTHING,
        ELSEWHERE,
    )
