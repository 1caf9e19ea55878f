"""Secrets and addresses that a running sandbox publishes: asked once, on this machine only, and believed in nothing."""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

from pytest_paygate.adapters import settings
from tests.unit.adapters.test_settings_rules import SET_IT, refusal, resolved, said

if TYPE_CHECKING:
    from collections.abc import Iterator


class Described(http.server.BaseHTTPRequestHandler):
    """A sandbox that says what it publishes, and counts how often it is asked."""

    body: ClassVar[bytes] = b""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer with the description."""
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The address of a sandbox that is running."""
    Described.asked.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Described) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/anything"
        server.shutdown()
        thread.join()


WHERE = "p.toml: env.s"
EVERYWHERE = {
    "base_url": "sandbox:a",
    "log_url": "sandbox:b",
    "services": {"a1": "sandbox:c"},
    "providers": {"p": {"key": "sandbox:k", "base_url": "sandbox:d"}},
}


def test_what_a_sandbox_publishes_is_taken(sandbox):
    """Secrets as they are, addresses without their last slash; it is asked once, and only when it is needed."""
    told = {one: f"http://{one}.example:1/x/" for one in "abcd"} | {"k": "the key/"}
    Described.body = json.dumps(told).encode()
    found = resolved(sandbox=sandbox, **EVERYWHERE)
    assert (found.base_url, found.log_url) == ("http://a.example:1/x", "http://b.example:1/x")
    assert (found.services["a1"], found.providers["p"].base_url) == ("http://c.example:1/x", "http://d.example:1/x")
    assert (found.providers["p"].key.reveal(), found.providers["p"].key.source) == ("the key/", "sandbox:k")
    assert Described.asked == ["/_sandbox/description"]
    resolved(sandbox=sandbox)
    assert Described.asked == ["/_sandbox/description"]


@pytest.mark.parametrize(
    ("body", "key", "refused", "observed", "expected"),
    [
        ({}, "base_url", "sandbox:a", "the sandbox publishes nothing of that name", None),
        ({"a": 5}, "base_url", "sandbox:a", "the sandbox publishes nothing of that name", None),
        (["a"], "base_url", "sandbox:a", "the sandbox publishes nothing of that name", None),
        ({"a": "hunter2"}, "base_url", "sandbox:a", None, "a base URL behind the reference"),
        ({"a": ""}, "base_url", "sandbox:a", None, "a base URL behind the reference"),
        ({"a": "http://h", "b": "ftp://h"}, "log_url", "sandbox:b", None, "a base URL behind the reference"),
        (
            {"a": "http://h", "b": "http://h", "c": "http://u@h", "k": "k", "d": "http://h"},
            "services.a1",
            "sandbox:c",
            None,
            "a base URL behind the reference",
        ),
        ({"k": "k", "d": "http://h?a=b"}, "providers.p.base_url", "sandbox:d", None, "a base URL behind the reference"),
        ({"k": ""}, "providers.p.key", "sandbox:k", "an empty value", None),
        ({"k": None}, "providers.p.key", "sandbox:k", "the sandbox publishes nothing of that name", None),
    ],
)
def test_what_a_sandbox_does_not_publish_is_refused(sandbox, body, key, refused, observed, expected):
    """A text for a secret, a base URL for an address; what stands there instead is not repeated."""
    Described.body = json.dumps(body).encode()
    declared = {**EVERYWHERE, "sandbox": sandbox}
    if not key.startswith("providers"):
        declared.pop("providers")
    assert refusal(**declared) == said(
        f"{WHERE}.{key}: cannot be resolved from {refused}",
        observed or "the sandbox publishes something else under that name",
        expected or "a secret behind the reference",
    )


@pytest.mark.parametrize(
    ("address", "observed"),
    [
        ("", "no `sandbox` is named here"),
        ("http://sandbox.example:1", "`sandbox` is not an http address on loopback"),
        ("https://127.0.0.1:1", "`sandbox` is not an http address on loopback"),
        ("127.0.0.1:1", "`sandbox` is not an http address on loopback"),
        ("http://127.0.0.1:65536", "`sandbox` is not an http address on loopback"),
        ("http://[::1", "`sandbox` is not an http address on loopback"),
    ],
)
def test_only_a_sandbox_on_this_machine_is_asked(address, observed):
    """What is published by another machine would be believed: a base URL to send keys to."""
    told = said(f"{WHERE}.base_url: cannot be resolved from a running sandbox", observed, next_step=SET_IT)
    assert refusal(sandbox=address, base_url="sandbox:a") == told


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("http://127.0.0.1", ("127.0.0.1", 80)),
        ("http://LOCALHOST:81/x", ("localhost", 81)),
        ("http://[::1]:65535", ("::1", 65_535)),
    ],
)
def test_a_sandbox_is_asked_where_it_is_said_to_be(monkeypatch, address, place):
    """By its host and port, 80 where none is given, for at most five seconds; the connection is closed."""
    seen: list[object] = []

    class Silent(http.client.HTTPConnection):
        def __init__(self, *where: object, timeout: float) -> None:
            super().__init__(*where, timeout=timeout)
            seen.append((where, timeout))

        def connect(self) -> None:
            raise ConnectionRefusedError

        def close(self) -> None:
            super().close()
            seen.append("closed")

    monkeypatch.setattr(http.client, "HTTPConnection", Silent)
    refusal(sandbox=address, base_url="sandbox:a")
    assert seen[0] == (place, 5)
    assert seen[-1] == "closed"


def no_answer(address: str, observed: str) -> str:
    """The refusal of a sandbox that does not answer as one."""
    return said(
        f"{WHERE}.base_url: cannot be resolved: no sandbox answers",
        observed,
        f"a running sandbox at {address}",
        "Start it in another terminal: paygate sandbox --environment live",
    )


@pytest.mark.parametrize(
    ("body", "observed"),
    [(b"", "JSONDecodeError"), (b"\xff", "UnicodeDecodeError"), (b"[" * 60_000, "RecursionError")],
)
def test_an_answer_that_is_no_description_is_refused(sandbox, body, observed):
    """Its class is told, and nothing of it."""
    Described.body = body
    assert refusal(sandbox=sandbox, base_url="sandbox:a") == no_answer(sandbox, observed)


def test_a_description_has_a_bound(sandbox):
    """64 KiB are read; one byte more is none."""
    text = json.dumps({"a": "http://h"})
    Described.body = text.ljust(65_536).encode()
    assert resolved(sandbox=sandbox, base_url="sandbox:a").base_url == "http://h"
    Described.body = (text[:-1] + "}".rjust(65_538 - len(text))).encode()
    assert len(Described.body) == 65_537
    assert refusal(sandbox=sandbox, base_url="sandbox:a") == no_answer(sandbox, "JSONDecodeError")


@pytest.mark.timeout(10)
def test_a_sandbox_that_says_nothing_is_given_up(monkeypatch):
    """One that takes the connection and never answers, and one that is not there any more."""
    monkeypatch.setattr(settings, "SANDBOX_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert refusal(sandbox=address, base_url="sandbox:a") == no_answer(address, "TimeoutError")
    assert refusal(sandbox=address, base_url="sandbox:a") == no_answer(address, "ConnectionRefusedError")
