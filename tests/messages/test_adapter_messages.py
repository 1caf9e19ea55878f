"""Every refusal of the adapters and providers, word for word."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from pytest_paygate.adapters import quarantine, tls
from pytest_paygate.adapters.answers import Answer
from pytest_paygate.adapters.http_failures import Failure, target_error
from pytest_paygate.adapters.http_requests import checked_base_url
from pytest_paygate.adapters.postgres_failures import database_error
from pytest_paygate.core.errors import JournalError, PaygateError
from pytest_paygate.core.leaks import Scanner
from pytest_paygate.core.ports import Capability
from pytest_paygate.core.secret import Secret
from pytest_paygate.providers import build, failures

NOTHING = "No money moved."
UNKNOWN = "Unknown: the request may have been carried out. Look it up before anything is sent again."
UNKNOWN_CALL = "Unknown: the call may have been carried out. Look it up at the provider before anything is sent again."
START = "Check that the target is running and that base_url in paygate.toml is right."
SLOW = "See why the target is slow; its own log has the request under the trace id."
BROKE = "See the target's log for this trace id: it, or a proxy before it, ended the connection."
SIZE = "See what answers at this address; the answers of an API are far smaller."
OTHER = "See what answers at this address: a proxy's error page, another release, another service."


def text(refused: str, expected: str, observed: str, money: str, next_step: str) -> str:
    """A refusal as it is printed."""
    return f"{refused}\n  expected  {expected}\n  observed  {observed}\n  money     {money}\n  next      {next_step}"


@pytest.mark.parametrize(
    ("failure", "observed", "money", "next_step"),
    [
        (Failure.CONNECT_ERROR, "nothing accepts connections there", NOTHING, START),
        (Failure.CONNECT_TIMEOUT, "no connection within the deadline", NOTHING, START),
        (Failure.NAME_NOT_RESOLVED, "the host name does not resolve", NOTHING, START),
        (
            Failure.TLS_ERROR,
            "the TLS handshake failed: wrong host name, expired or unknown certificate, or no TLS there",
            NOTHING,
            "Check the certificate and base_url; for a private authority set ca_file.",
        ),
        (Failure.TIMEOUT_BEFORE_ANSWER, "no answer within the deadline", UNKNOWN, SLOW),
        (Failure.TIMEOUT_IN_BODY, "the answer began and did not end within the deadline", UNKNOWN, SLOW),
        (Failure.RESET, "the connection ended before an answer", UNKNOWN, BROKE),
        (Failure.CUT_SHORT, "the answer began and broke off", UNKNOWN, BROKE),
        (Failure.BODY_TOO_LARGE, "more than that", UNKNOWN, SIZE),
        (Failure.BAD_ENCODING, "a compressed body that does not decompress", UNKNOWN, SIZE),
        (Failure.UNKNOWN_ENCODING, "a body in a compression nobody asked for", UNKNOWN, SIZE),
        (
            Failure.REDIRECT_REFUSED,
            "a redirect to another origin, of a request that is not a read, or one too many",
            UNKNOWN,
            "Set base_url to the address that answers itself, and check nobody intercepts the connection.",
        ),
        (Failure.TRANSPORT_ERROR, "the connection failed", UNKNOWN, BROKE),
    ],
)
def test_failed_exchange(failure, observed, money, next_step) -> None:
    """Each way a call can end without an answer says what was seen and what it means for the money."""
    error = target_error(
        failure, party="target", method="POST", path="/orders", deadline_seconds=10.0, body_bytes_max=1048576
    )
    assert str(error) == text(
        f"target: POST /orders brought no usable answer ({failure})",
        "an answer of at most 1048576 bytes within 10 s, without redirect",
        observed,
        money,
        next_step,
    )


def test_failed_read_moved_nothing() -> None:
    """The same failure of a read moved nothing."""
    error = target_error(
        Failure.RESET, party="target", method="GET", path="/x", deadline_seconds=10.0, body_bytes_max=1
    )
    assert error.refusal.money == NOTHING


def an_answer(body: bytes, content_type: str = "application/json", method: str = "POST") -> Answer:
    """A complete answer."""
    headers = MappingProxyType({"content-type": content_type})
    return Answer("target", method, "/orders", 200, headers, body, 0.1, "", 7)


def test_answer_that_is_not_json() -> None:
    """A page instead of JSON names its type and size, never its content."""
    with pytest.raises(PaygateError) as caught:
        an_answer(b"<html>", "text/html; charset=utf-8").json()
    assert str(caught.value) == text(
        "target: the answer to POST /orders cannot be read as JSON",
        "one JSON document in UTF-8, every key once, finite numbers",
        "status 200, 6 bytes, text/html: it is not JSON",
        UNKNOWN,
        OTHER,
    )


def test_odd_content_type_is_not_shown() -> None:
    """A content type that is no plain media type is called untyped."""
    with pytest.raises(PaygateError, match="status 200, 1 bytes, untyped: it is not JSON"):
        an_answer(b"x", "<script>alert(1)</script>").json()


@pytest.mark.parametrize(
    ("body", "observed"),
    [
        (b'{"a":1,"b":2}', "status 200, an object with 2 keys, without it"),
        (b"[]", "status 200, a list, without it"),
        (b"null", "status 200, a null, without it"),
    ],
)
def test_answer_without_envelope(body, observed) -> None:
    """A document without the envelope is told by its shape."""
    with pytest.raises(PaygateError) as caught:
        _ = an_answer(body, method="GET").data
    assert str(caught.value) == text(
        "target: the answer to GET /orders has no data envelope",
        'an object with the key "data"',
        observed,
        NOTHING,
        "Read answer.json() where the API has no such envelope; else see what answers at this address.",
    )


def test_answer_that_is_not_text() -> None:
    """Bytes that are no UTF-8 are refused as text too."""
    with pytest.raises(PaygateError) as caught:
        _ = an_answer(b"\xff", "text/plain", "GET").text
    assert str(caught.value) == text(
        "target: the answer to GET /orders cannot be read as text",
        "UTF-8",
        "status 200, 1 bytes, text/plain, not UTF-8",
        NOTHING,
        OTHER,
    )


def test_base_url() -> None:
    """A base URL with a user is refused without showing it."""
    with pytest.raises(PaygateError) as caught:
        checked_base_url("https://user:secret@shop.example/api?x=1")
    assert str(caught.value) == text(
        "base_url: cannot be used",
        "http:// or https://, a host, perhaps a port and a path; no user, query or fragment",
        "scheme https, host shop.example",
        NOTHING,
        "Correct base_url in paygate.toml.",
    )


def test_ca_file(tmp_path) -> None:
    """A CA file that is not there is named."""
    path = tmp_path / "ca.pem"
    with pytest.raises(PaygateError) as caught:
        tls.context(path)
    assert str(caught.value) == text(
        "ca_file: cannot be used",
        "a readable PEM file with at least one certificate",
        str(path),
        NOTHING,
        "Correct ca_file in paygate.toml, or leave it out to trust the public authorities.",
    )


GRANT = "Give the role SELECT on the tables the gate reads, and nothing else."
LOGIN = "Correct the reference to the DSN in paygate.toml, or the role's password."
SCHEMA = "Compare the query with the target's schema."
HAND = "Run the statement by hand with the same role; its error code is above."
WHERE = "Check that the database runs and that the DSN's host and port are right."


@pytest.mark.parametrize(
    ("reason", "lost", "observed", "next_step"),
    [
        (
            "dsn",
            True,
            "the DSN cannot be read",
            "Write it as postgresql://user@host:port/database or as libpq keywords.",
        ),
        (
            "connect_timeout",
            True,
            "no connection within the time allowed",
            "Check host, port and network of the DSN.",
        ),
        ("28P01", True, "the password was refused", LOGIN),
        ("28000", True, "the login was refused", LOGIN),
        ("3D000", True, "there is no such database", "Correct the database name in the DSN."),
        ("42501", False, "the role may not read this (42501)", GRANT),
        (
            "25006",
            False,
            "the statement would write (25006)",
            "Use a SELECT: a gate only reads the target's database.",
        ),
        (
            "57014",
            False,
            "the statement took too long and was cancelled (57014)",
            "Add an index or narrow the query.",
        ),
        ("42P01", False, "a table of the statement does not exist (42P01)", SCHEMA),
        ("42703", False, "a column of the statement does not exist (42703)", SCHEMA),
        (
            "53300",
            True,
            "the server has no connection left (53300)",
            "Free connections, or give the gate's role its own.",
        ),
        (None, True, "the server cannot be reached", WHERE),
        ("57P01", True, "the server cannot be reached", WHERE),
        ("42601", False, "the statement failed (42601)", HAND),
        (None, False, "the statement failed", HAND),
    ],
)
def test_database(reason, lost, observed, next_step) -> None:
    """Each way a database read can fail has its own cause and its own remedy."""
    assert str(database_error(reason, lost=lost)) == text(
        "The target's database could not be read",
        "a connection and one read-only statement within its timeout",
        observed,
        NOTHING,
        next_step,
    )


def test_database_with_too_many_rows() -> None:
    """More rows than the cap is half an answer."""
    assert str(database_error("rows", rows_max=1000)) == text(
        "The target's database could not be read",
        "at most 1000 rows",
        "more than 1000",
        NOTHING,
        "Narrow the query, or let the database aggregate.",
    )


DASHBOARD = "Look the request up in the provider's dashboard; nothing here repeats a call that moves money."


@pytest.mark.parametrize(
    ("status", "money", "next_step"),
    [
        (400, NOTHING, DASHBOARD),
        (401, NOTHING, "Check the key of this provider in paygate.toml: it is wrong, revoked, or of another account."),
        (403, NOTHING, "Give the key the permission this call needs, or use one that has it."),
        (404, NOTHING, "Check the id and the mode: an object of the other mode is not found either."),
        (409, UNKNOWN_CALL, DASHBOARD),
        (429, NOTHING, "Wait: the provider limits how often it may be asked."),
        (500, UNKNOWN_CALL, DASHBOARD),
    ],
)
def test_provider_refuses(status, money, next_step) -> None:
    """A provider's no carries its status, code and request id; its own message never."""
    error = failures.refused(
        "stripe", "refund payment pi_1", status=status, code="some_code", request_id="req_1", moves_money=True
    )
    assert str(error) == text(
        "stripe: it was refused to refund payment pi_1",
        "a successful answer",
        f"status {status}, some_code, request req_1",
        money,
        next_step,
    )


def test_provider_refuses_with_words_from_outside() -> None:
    """Ids and codes that are not plain are left out."""
    error = failures.refused("stripe", "read payment <b>", status=404, code="<i>", request_id="a b", moves_money=False)
    assert (error.refusal.refused, error.refusal.observed) == (
        "stripe: it was refused to carry out the call",
        "status 404",
    )
    assert (error.code, error.request_id) == ("", "")


def test_provider_too_slow() -> None:
    """A call past its deadline says so; one that moves money is unknown."""
    error = failures.too_slow("stripe", "refund payment pi_1", deadline_seconds=30.0, moves_money=True)
    assert str(error) == text(
        "stripe: it took too long to refund payment pi_1",
        "an answer within 30 s, pages and repeated reads included",
        "none",
        UNKNOWN_CALL,
        "See the provider's status page; read again later.",
    )


def test_provider_answers_oddly() -> None:
    """A field that is not as documented is named."""
    error = failures.odd_answer("stripe", "read payment pi_1", "amount", moves_money=False)
    assert str(error) == text(
        "stripe: the answer cannot be used to read payment pi_1",
        "the field amount as the provider documents it",
        "missing, or of another shape",
        NOTHING,
        "Compare the provider's release notes; this project may need an update.",
    )


def test_provider_lacks_a_capability() -> None:
    """What a provider cannot do is said, not guessed."""
    assert str(failures.lacking("hyperswitch", Capability.TRANSFERS)) == text(
        "hyperswitch: it has no transfers",
        "a provider with this capability",
        "one without it",
        NOTHING,
        "Ask the processor behind it, or let a person look it up and sign it off.",
    )


def test_unknown_provider() -> None:
    """A name nobody wrote is refused with the nearest one."""
    with pytest.raises(PaygateError) as caught:
        build("strip", Secret("x"), "", client=lambda _address: None, clock=None)
    assert str(caught.value) == text(
        "provider 'strip': is not known",
        "one of: stripe, hyperswitch. Did you mean 'stripe'?",
        "'strip'",
        NOTHING,
        "Correct the name in the suite and under [env.NAME.providers].",
    )


def test_a_file_that_cannot_be_searched_for_secrets():
    """What was not searched is not known to be clean, so it is refused and not passed over."""
    with pytest.raises(JournalError) as caught:
        quarantine.search(Scanner([Secret("hunter2hunter2", "env:X")]), [Path("/proc/self/mem")], Path("/proc"))
    assert str(caught.value) == text(
        "mem cannot be searched for secrets",
        "every file that was written can be read again",
        "Input/output error",
        "Nothing is sent at this point. What moved stands in the journal.",
        "Treat the file as one that holds secrets until it has been searched.",
    )
