"""Sending a notice: signed, tried a few times, bounded in time, and never an exception. A real server on loopback."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Library
from standardwebhooks.webhooks import WebhookVerificationError

from pytest_paygate.adapters import http_webhook
from pytest_paygate.adapters.http_webhook import Webhook
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.notices import TEXT_LENGTH, Notice, NotifySettings, Occasion, check, line
from pytest_paygate.core.secret import Secret
from tests.notices.receiver import SECRET, Receiver

NOTICE = Notice(
    occasion=Occasion.REFUND_OVERDUE,
    event_id="msg_1",
    at=datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC),
    gate="e2e",
    environment="prod",
    mode="live",
    run_id="20261121T120000000Z-1a2b3c4d",
    text="money is outstanding: EUR 5.00 of ch_1: ü",
)
BODY = json.dumps(NOTICE.payload(), ensure_ascii=False)


def webhook(url):
    """A sender to an address."""
    return Webhook(url, Secret(SECRET, "env:T"), "paygate.toml: notify.secret")


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Pauses between tries are short here."""
    monkeypatch.setattr(http_webhook, "_FIRST_PAUSE_SECONDS", 0.02)


def test_a_receiver_can_verify_it(receiver):
    """The library verifies id, time and body; one changed byte, or another key, does not."""
    sender = webhook(receiver.url)
    assert sender.send("msg_1", BODY) == ""
    sender.close()
    assert receiver.received == [NOTICE.payload()]
    assert receiver.refused == 0
    headers, body = receiver.headers[0], receiver.bodies[0]
    for changed in (body.replace(b"5.00", b"9.00"), body + b" "):
        with pytest.raises(WebhookVerificationError):
            Library(SECRET).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Library("whsec_" + "A" * 40).verify(body, headers)


def test_an_old_notice_is_out_of_its_window(receiver):
    """A delivery that is sent again later by somebody else fails the library's window of five minutes."""
    sender = webhook(receiver.url)
    sender.send("msg_1", BODY)
    sender.close()
    old = datetime.now(UTC) - timedelta(minutes=6)
    stamp = {"webhook-id": "msg_1", "webhook-timestamp": str(int(old.timestamp()))}
    signature = Library(SECRET).sign("msg_1", old, BODY)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Library(SECRET).verify(BODY, {**stamp, "webhook-signature": signature})
    moved = {**receiver.headers[0], "webhook-timestamp": str(int(time.time()) - 100)}
    with pytest.raises(WebhookVerificationError):
        Library(SECRET).verify(BODY, moved)


@pytest.mark.parametrize(
    ("answers", "tries", "told"),
    [
        ((500, 503, 204), 3, ""),
        ((500, 500, 500), 3, "it answered 500"),
        ((429, 200), 2, ""),
        ((404,), 1, "it answered 404"),
        ((302,), 1, "it answered 302"),
    ],
)
def test_what_may_pass_is_tried_again(receiver, answers, tries, told):
    """5xx and 429 are tried three times, each under the same id; a refusal or a redirect is final."""
    receiver.answers = list(answers)
    sender = webhook(receiver.url)
    assert sender.send("msg_1", BODY) == told
    sender.close()
    assert len(receiver.bodies) == tries
    assert {headers["webhook-id"] for headers in receiver.headers} == {"msg_1"}


def test_nobody_there_is_said_and_not_raised():
    """A port where nobody listens, and a name that does not exist, come back as a reason."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sender = webhook(f"http://127.0.0.1:{port}/x")
    assert sender.send("msg_1", BODY) == "ConnectError"
    sender.close()


def test_a_slow_receiver_is_given_up(monkeypatch):
    """A receiver that does not answer in time costs the time of its tries and no more."""
    monkeypatch.setattr(http_webhook, "TIMEOUT_SECONDS", 0.2)
    slow = Receiver(slow_seconds=1.5)
    sender = webhook(slow.url)
    began = time.monotonic()
    assert sender.send("msg_1", BODY) == "ReadTimeout"
    assert time.monotonic() - began < 3
    sender.close()
    slow.close()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "short", "whsec_" + "A" * 16])
def test_a_key_of_another_form_is_refused(secret):
    """What is no key names its place, and is not repeated."""
    with pytest.raises(ConfigurationError) as refused:
        Webhook("https://x.example", Secret(secret, "env:T"), "paygate.toml: notify.secret")
    text = refused.value.refusal.text()
    assert text.startswith("paygate.toml: notify.secret: is no key that notices can be signed with")
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in text


def test_the_payload_is_small_and_versioned():
    """Type, time, and what applies; nothing that does not."""
    assert NOTICE.payload() == {
        "type": "paygate.refund_overdue",
        "timestamp": "2026-11-21T12:00:01Z",
        "data": {
            "schema_version": 1,
            "event_id": "msg_1",
            "gate": "e2e",
            "environment": "prod",
            "mode": "live",
            "run_id": "20261121T120000000Z-1a2b3c4d",
            "text": "money is outstanding: EUR 5.00 of ch_1: ü",
        },
    }


def test_a_line_holds_no_address():
    """Links that can pay, control characters and long texts do not get into a notice."""
    assert line("Pay\nat https://pay.example/x?id=1 now\x1b[2J") == "Pay at (an address, left out) now [2J"
    assert len(line("x" * 900)) == TEXT_LENGTH


REFUSED = {
    "http elsewhere": (
        {"webhook": "http://hooks.example/x", "secret": "env:S"},
        "notify.webhook",
        "'http://hooks.example/x'",
    ),
    "a query": ({"webhook": "https://hooks.example/x?key=1", "secret": "env:S"}, "notify.webhook", "something else"),
    "a user": ({"webhook": "https://a:b@hooks.example/", "secret": "env:S"}, "notify.webhook", "something else"),
    "no host": ({"webhook": "https:///x", "secret": "env:S"}, "notify.webhook", "'https:///x'"),
    "no address": ({"webhook": "hooks", "secret": "env:S"}, "notify.webhook", "'hooks'"),
    "a port too high": (
        {"webhook": "https://h.example:99999/", "secret": "env:S"},
        "notify.webhook",
        "'https://h.example:99999/'",
    ),
    "no secret": ({"webhook": "https://hooks.example/"}, "notify.secret", "webhook alone"),
    "no webhook": ({"secret": "env:S"}, "notify.webhook", "secret alone"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_work_name_their_key(name):
    """Each wrong setting is refused with file, key and value; what could be a secret is not repeated."""
    values, key, observed = REFUSED[name]
    with pytest.raises(ConfigurationError) as refused:
        check("paygate.toml: notify", NotifySettings(**values))
    assert refused.value.refusal.refused.startswith(f"paygate.toml: {key}: is ")
    assert refused.value.refusal.observed == observed


def test_https_anywhere_and_http_on_this_machine_are_fine():
    """The two kinds of address that are taken."""
    for url in ("https://hooks.example:8443/a/b", "http://127.0.0.1:9/x", "http://localhost/x"):
        check("paygate.toml: notify", NotifySettings(webhook=url, secret="env:S"))
