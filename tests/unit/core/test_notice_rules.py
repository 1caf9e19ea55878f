"""Notices: what leaves the process, what a line of one may hold, and which settings are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_paygate.core import notices
from pytest_paygate.core.errors import ConfigurationError, Refusal
from pytest_paygate.core.model import ValidationError
from pytest_paygate.core.notices import Notice, NotifySettings, Occasion, check, line

AT = datetime(2026, 11, 21, 9, 15, 0, 123000, tzinfo=UTC)
BOUND = {
    "event_id": "e1",
    "gate": "e2e",
    "environment": "prod",
    "mode": "live",
    "run_id": "r1",
    "text": "Pay EUR 5.00",
}
REFERENCE = "env:NOTIFY"


def notice(**changes: object) -> Notice:
    """A notice that says as little as one can."""
    return Notice(**{"occasion": Occasion.OPERATOR_NEEDED, "at": AT, **BOUND, **changes})


def refusal(**settings: str) -> Refusal:
    """Why settings are refused."""
    with pytest.raises(ConfigurationError) as refused:
        check("paygate.toml: notify", NotifySettings(**settings))
    return refused.value.refusal


def test_the_occasions():
    """Somebody is told of a person who is needed, of a refund that is overdue, and of the verdict; all by default."""
    assert {one.name: one.value for one in Occasion} == {
        "OPERATOR_NEEDED": "operator_needed",
        "REFUND_OVERDUE": "refund_overdue",
        "VERDICT": "verdict",
    }
    assert NotifySettings() == NotifySettings(webhook="", secret="", on=tuple(Occasion))
    with pytest.raises(ValidationError, match="at least 1 item"):
        NotifySettings(on=())
    assert NotifySettings(on=(Occasion.VERDICT,)).on == (Occasion.VERDICT,)


def test_what_does_not_apply_is_left_out():
    """A notice says what it is of, when, and of which run; no row, deadline, verdict, code or report by itself."""
    assert notice().payload() == {
        "type": "paygate.operator_needed",
        "timestamp": "2026-11-21T09:15:00.123000Z",
        "data": {"schema_version": 1, **BOUND},
    }
    assert (notice().row, notice().verdict, notice().report) == ("", "", "")


@pytest.mark.parametrize(
    "said",
    [
        {"row": "hosted_payment", "deadline_seconds": 300.0},
        {"deadline_seconds": 0.0},
        {"verdict": "ESCALATED", "exit_code": 23, "report": "reports/e2e/r1/report.html"},
        {"exit_code": 0},
    ],
)
def test_what_applies_is_said(said):
    """Also a deadline that is over and the code 0: only what is empty is left out."""
    assert notice(**said).payload()["data"] == {"schema_version": 1, **BOUND, **said}


def test_the_time_says_where_it_was_read():
    """UTC is written as `Z`; another zone keeps its offset."""
    elsewhere = AT.astimezone(timezone(timedelta(hours=3)))
    assert notice(at=elsewhere).payload()["timestamp"] == "2026-11-21T12:15:00.123000+03:00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Pay  EUR 5.00\n\tnow ", "Pay EUR 5.00 now"),
        ("a\x1b[31mb\u202ec", "a [31mb c"),
        ("Open https://pay.example/x?key=1, then wait", "Open (an address, left out) then wait"),
        ("://x and //y", "(an address, left out) and //y"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200),
        ("a" * 190 + " https://pay.example", "a" * 190 + " (an addre"),
    ],
)
def test_a_text_is_one_short_line_without_an_address(text, told):
    """Whatever stood in it: nothing that acts on a terminal, nowhere to go, and 200 characters at most."""
    assert line(text) == told
    assert notices.TEXT_LENGTH == 200


@pytest.mark.parametrize(
    "webhook",
    [
        "https://hooks.example",
        "https://hooks.example:8443/paygate/1",
        "https://hooks.example:1",
        "https://h/" + "a" * 200,
        "http://127.0.0.1:8080/x",
        "http://localhost/x",
        "http://[::1]:9/x",
        "https://[2001:db8::1]/x",
    ],
)
def test_an_address_that_notices_are_sent_to(webhook):
    """Encrypted, or on this machine."""
    check("f", NotifySettings(webhook=webhook, secret=REFERENCE))


def test_no_settings_are_fine():
    """Nobody has to be told."""
    check("f", NotifySettings())


@pytest.mark.parametrize(
    ("webhook", "observed"),
    [
        ("http://hooks.example/x", "'http://hooks.example/x'"),
        ("http://127.0.0.2/x", "'http://127.0.0.2/x'"),
        ("ftp://hooks.example/x", "'ftp://hooks.example/x'"),
        ("ftp://127.0.0.1/x", "'ftp://127.0.0.1/x'"),
        ("hooks.example", "'hooks.example'"),
        ("https:///x", "'https:///x'"),
        ("https://hooks.example:0/x", "'https://hooks.example:0/x'"),
        ("https://hooks.example:65536/x", "'https://hooks.example:65536/x'"),
        ("https://[hooks.example/x", "'https://[hooks.example/x'"),
        ("https://hooks.example/x#y", "'https://hooks.example/x#y'"),
        ("https://hooks.example/x y", "'https://hooks.example/x y'"),
        ("https://hooks.example/x\u202e", r"'https://hooks.example/x\u202e'"),
        ("ftp://h/" + "a" * 72, "'ftp://h/" + "a" * 72 + "'"),
        ("ftp://h/" + "a" * 73, "'ftp://h/" + "a" * 72 + "'"),
        ("https://hooks.example/x?key=1", "something else"),
        ("https://user@hooks.example/x", "something else"),
        ("https://:word@hooks.example/x", "something else"),
        ("https://user:word@hooks.example/x?key=1", "something else"),
    ],
)
def test_another_address_is_refused(webhook, observed):
    """What could leak, or leads nowhere; of one that may hold a secret, nothing is repeated."""
    assert refusal(webhook=webhook, secret=REFERENCE) == Refusal(
        "paygate.toml: notify.webhook: is no address that notices can be sent to",
        "https://host[:port][/path] without user, query or fragment; http only on this machine",
        observed,
        "No money moved.",
        "Correct [notify]; its keys are listed in docs/reference/notices.md.",
    )


@pytest.mark.parametrize(
    ("settings", "missing", "given"),
    [
        ({"webhook": "https://hooks.example"}, "secret", "webhook"),
        ({"webhook": "nonsense"}, "secret", "webhook"),
        ({"secret": REFERENCE}, "webhook", "secret"),
    ],
)
def test_an_address_and_its_secret_belong_together(settings, missing, given):
    """Nothing is sent unsigned, and no secret is kept for nothing."""
    assert refusal(**settings) == Refusal(
        f"paygate.toml: notify.{missing}: is missing beside {given}",
        "webhook and secret, or neither: an unsigned notice could be anybody's",
        f"{given} alone",
        "No money moved.",
        "Correct [notify]; its keys are listed in docs/reference/notices.md.",
    )
