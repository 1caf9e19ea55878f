"""Plans: what each field may hold, the one form of the file, and what is shown to whoever decides."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from pytest_paygate.core.errors import ApprovalError
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.money import Money
from pytest_paygate.core.plan import Bound, Plan, bound_sha256, canonical, encode_plan, moment, plan_lines, read_plan
from tests.unit.core.test_approval import BOUND, PLAN

NAMES = [
    "environment",
    "host",
    "provider",
    "account",
    "gate_id",
    "commit",
    "product",
    "policy",
    "acknowledged_by",
    "ground",
    "refund",
    "capacity",
]
AMOUNTS = ["gross", "tax", "fee", "cap_per_charge", "cap_per_run", "cap_per_day"]
NO_NAMES = ["", " x", "\tx", "\x1fx", "\x7fx", "a\nb", "a\x1fb", "a\x7f", "a\n", "x" * 201]
NO_AMOUNTS = ["", "5.00", "EUR5.00", "eur 5.00", "EUR -5.00", "EUR 5.", "EUR 5.00000", "EUR 5,00", "EUR 5.00\n", "E 5"]
NO_HASHES = ["", "1" * 63, "1" * 65, "A" * 64, "g" * 64, "1" * 64 + "\n"]


def bound(**changed: object) -> Bound:
    """The plan's bound fields, checked anew."""
    return Bound(**{**BOUND.model_dump(), **changed})


def plan(**changed: object) -> Plan:
    """The plan, checked anew."""
    return Plan(**{**PLAN.model_dump(), **changed})


def refusal(content: bytes):
    """The refusal of a plan file, which must be one that tells what to do."""
    with pytest.raises(ApprovalError) as refused:
        read_plan(content, "plan.json")
    told = refused.value.refusal
    assert told.money == "No money moved."
    assert told.next_step == "Make a new plan with `paygate plan` and have it approved."
    return told.refused, told.expected, told.observed


@pytest.mark.parametrize("field", NAMES)
def test_a_name_is_one_line_of_at_most_200_characters(field):
    """Control characters, blanks in front and overlong texts are no names; nothing else is refused."""
    for name in ("x", "two words", "ä" * 200):
        assert getattr(bound(**{field: name}), field) == name
    for wrong in NO_NAMES:
        with pytest.raises(ValidationError, match="match pattern"):
            bound(**{field: wrong})


@pytest.mark.parametrize("field", AMOUNTS)
def test_an_amount_is_written_like_one(field):
    """Code, one space, digits; anything else is refused before it is read as money."""
    for amount in ("EUR 5", "EUR 5.0", "EUR 123456789012345.1234"):
        assert getattr(bound(**{field: amount}), field) == amount
    for wrong in NO_AMOUNTS:
        with pytest.raises(ValidationError, match="match pattern"):
            bound(**{field: wrong})


@pytest.mark.parametrize("field", ["gate_sha256", "suite_sha256"])
def test_a_hash_is_written_like_one(field):
    """Sixty-four small hexadecimal digits."""
    assert getattr(bound(**{field: "0123456789abcdef" * 4}), field) == "0123456789abcdef" * 4
    for wrong in NO_HASHES:
        with pytest.raises(ValidationError, match="match pattern"):
            bound(**{field: wrong})


@pytest.mark.parametrize("wrong", ["", "EU", "EURO", "eur", "EU1"])
def test_a_currency_is_three_capitals(wrong):
    """Whether there is such a currency is asked when the amounts are read."""
    assert bound(currency="XXX").currency == "XXX"
    with pytest.raises(ValidationError, match="match pattern"):
        bound(currency=wrong)


def test_one_to_six_approvals_may_be_asked_for():
    """A plan that nobody needs to approve is none, and more than six are never found."""
    for count in (1, 6):
        assert bound(approvals_required=count).approvals_required == count
    for count in (0, 7):
        with pytest.raises(ValidationError, match="than or equal"):
            bound(approvals_required=count)


@pytest.mark.parametrize("field", [name for name in Bound.model_fields if name != "capacity"])
def test_every_bound_field_is_said(field):
    """Only the capacity may be left out, of gates that count none."""
    told = {name: value for name, value in BOUND.model_dump().items() if name != field}
    with pytest.raises(ValidationError, match="Field required"):
        Bound(**told)
    del told["capacity"]
    assert Bound(**{**told, field: getattr(BOUND, field)}).capacity == "not counted"


def test_what_stays_with_the_provider_is_the_cost():
    """After a full refund the run has cost the provider's fee."""
    assert BOUND.net_cost == Money(33, "EUR")


def test_a_plan_has_a_nonce_of_its_own_and_a_requester():
    """Thirty-two small hexadecimal digits, and one line for who asks; the version is the present one."""
    assert plan().version == 1
    assert Plan(**{name: value for name, value in PLAN.model_dump().items() if name != "version"}) == PLAN
    for wrong in ("", "a" * 31, "a" * 33, "A" * 32, "g" * 32):
        with pytest.raises(ValidationError, match="match pattern"):
            plan(nonce=wrong)
    for wrong in NO_NAMES:
        with pytest.raises(ValidationError, match="match pattern"):
            plan(requester=wrong)
    for field in ("nonce", "requester"):
        with pytest.raises(ValidationError, match="Field required"):
            Plan(**{name: value for name, value in PLAN.model_dump().items() if name != field})


def test_a_plan_file_has_one_form():
    """Sorted keys, no spaces, UTF-8 as it is, one newline; the hash is over the bound fields in that form."""
    told = plan(bound=bound(ground="schriftlich erlaubt für Käufe", product="p").model_dump())
    content = canonical(told)
    assert content.startswith(
        b'{"approve_by":"2026-11-21T13:00:00Z","bound":{"account":"acct_1","acknowledged_by":"ann"'
    )
    assert '"ground":"schriftlich erlaubt für Käufe"'.encode() in content
    assert b'"mode":"live"' in content
    assert content.endswith(b'"requester":"ann@example.test","version":1}\n')
    assert json.loads(content) == json.loads(told.model_dump_json())
    assert encode_plan(told) == content
    assert read_plan(content, "plan.json") == told
    assert bound_sha256(BOUND) == hashlib.sha256(canonical(BOUND)).hexdigest()


@pytest.mark.parametrize(
    ("content", "expected", "observed"),
    [
        (b"[]", "a plan file", "another JSON value"),
        (b"", "a plan file", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":1,"a":2}', "a plan file", "a key stands twice in one object"),
        (
            b"1" * 5000,
            "a plan file",
            "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 di",
        ),
        (
            encode_plan(PLAN).replace(b'"nonce"', b'"nonse"'),
            "a plan file: a value for this key",
            "plan.json: nonce: is missing",
        ),
        (
            encode_plan(PLAN).replace(b'"gross":"EUR 5.00"', b'"gross":"5"'),
            r"a plan file: String should match pattern '^[A-Z]{3} [0-9]{1,15}(\.[0-9]{1,4})?$'",
            "plan.json: bound.gross: has the wrong type or form",
        ),
        (
            b" " + encode_plan(PLAN),
            "the exact form that `paygate plan` writes",
            "another spelling of it",
        ),
    ],
)
def test_what_is_no_plan_file_is_told(content, expected, observed):
    """Other JSON, no JSON, a field too few or of another form, and another spelling are each named."""
    assert refusal(content) == ("plan.json cannot be used", expected, observed)


def test_brackets_without_end_are_no_plan_file():
    """A file built to exhaust the reader is refused like any other."""
    assert refusal(b"[" * 200_000)[:2] == ("plan.json cannot be used", "a plan file")


@pytest.mark.parametrize("field", ["created_at", "approve_by", "execute_by"])
@pytest.mark.parametrize(
    ("text", "expected", "observed"),
    [
        ("soon", "a moment like 2026-11-21T09:15:00Z", "something else"),
        ("2026-11-21T09:15:00", "a moment in UTC", "another zone, or none"),
        ("2026-11-21T09:15:00+01:00", "a moment in UTC", "another zone, or none"),
    ],
)
def test_a_plan_tells_its_moments_in_utc(field, text, expected, observed):
    """A moment that cannot be read, or of another zone, is named with its key."""
    assert refusal(encode_plan(plan(**{field: text}))) == (f"plan.json: {field} cannot be used", expected, observed)


def test_a_moment_is_read_with_its_zone():
    """`Z` and a zero offset are both UTC."""
    for text in ("2026-11-21T09:15:00Z", "2026-11-21T09:15:00+00:00"):
        assert moment(text, "at") == datetime(2026, 11, 21, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize("field", AMOUNTS)
def test_a_plan_is_in_one_known_currency(field):
    """One amount of another currency or of none, or with other decimals, and the plan is refused."""
    told = ("plan.json cannot be used", "amounts in EUR, the gross above zero", "something else")
    assert refusal(encode_plan(plan(bound=bound(**{field: "USD 5.00"}).model_dump()))) == told
    known = ("plan.json cannot be used", "amounts of a known currency")
    assert refusal(encode_plan(plan(bound=bound(**{field: "EUE 5.00"}).model_dump()))) == (
        *known,
        "'EUE' is not an ISO 4217 currency; did you mean EUR?",
    )
    assert refusal(encode_plan(plan(bound=bound(**{field: "EUR 5"}).model_dump()))) == (
        *known,
        "'EUR 5' has 0 decimals; EUR has 2",
    )


def test_a_plan_is_for_an_amount():
    """A gross of nothing is refused, of one minor unit is not."""
    told = ("plan.json cannot be used", "amounts in EUR, the gross above zero", "something else")
    assert refusal(encode_plan(plan(bound=bound(gross="EUR 0.00").model_dump()))) == told
    assert refusal(encode_plan(plan(bound=bound(currency="USD").model_dump()))) == (
        told[0],
        "amounts in USD, the gross above zero",
        told[2],
    )
    least = plan(bound=bound(gross="EUR 0.01", tax="EUR 0.00").model_dump())
    assert read_plan(encode_plan(least), "plan.json") == least


def test_the_plan_is_shown_whole():
    """Every bound field stands in the lines from which a person decides, in this order and in these words."""
    assert plan_lines(BOUND) == (
        ("environment", "prod (live)"),
        ("host", "shop.example"),
        ("account", "acct_1 at stripe"),
        ("product", "prod_1"),
        ("gross", "EUR 5.00 (500 minor units), tax EUR 0.83 in it"),
        ("fee", "EUR 0.33, which the provider keeps on a refund"),
        ("net cost", "EUR 0.33 after the refund"),
        ("cap", "EUR 5.00 a charge, EUR 5.00 a run, EUR 15.00 a day"),
        ("capacity", "not counted"),
        ("policy", "drive, acknowledged by ann: the provider asks for it"),
        ("refund", "through the target"),
        ("gate", "e2e, sha256 1111111111111111…, suite 2222222222222222…"),
        ("commit", "3" * 40),
        ("approvals", "2 needed, signed, the requester not counted"),
    )
    assert plan_lines(bound(unsigned_allowed=True, approvals_required=1))[-1] == (
        "approvals",
        "1 needed, unsigned ones are allowed here",
    )
