"""Starting and stopping the whole sandbox: it starts as a whole or not at all, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from pytest_paygate.core.environment import read_settings
from pytest_paygate.sandbox.errors import SandboxError
from pytest_paygate.sandbox.listening import PORTS, Ports
from pytest_paygate.sandbox.server import Sandbox
from pytest_paygate.sandbox.serving import LoopbackServer
from pytest_paygate.sandbox.world import REHEARSAL_CARD_NUMBER, REHEARSAL_STRIPE_KEY

Start = Callable[..., Sandbox]


def refusal(**choices: object) -> str:
    """The text with which a sandbox refuses to start."""
    with pytest.raises(SandboxError) as refused:
        Sandbox.start(**choices)  # type: ignore[arg-type]
    return str(refused.value)


def free_base() -> int:
    """The first of enough free ports below the range from which the system hands out ports to clients."""
    while True:
        base = random.randrange(20_000, 32_000, PORTS)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(base, base + PORTS):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return base


def test_the_description_is_one_line_that_leads_everywhere(sandbox: Sandbox) -> None:
    """Every URL and DSN of the description answers, and it is one line of JSON."""
    text = sandbox.description.to_json()
    assert "\n" not in text
    told = json.loads(text)
    assert told["pid"] == os.getpid()
    answers = {
        f"{told['api_url']}/health": 200,
        f"{told['hyperswitch_url']}/health": 200,
        f"{told['stripe_url']}/v1/balance": 401,
        f"{told['control_url']}/_sandbox/health": 200,
    }
    assert {url: httpx.get(url, trust_env=False).status_code for url in answers} == answers
    for name in ("marketplace_dsn", "provider_dsn", "marketplace_read_only_dsn", "provider_read_only_dsn"):
        with psycopg.connect(told[name]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_read_only_dsn_cannot_write(sandbox: Sandbox) -> None:
    """What a gate is given to look at the database can only look."""
    with (
        psycopg.connect(sandbox.description.marketplace_read_only_dsn) as connection,
        pytest.raises(psycopg.Error),
    ):
        connection.execute("UPDATE orders SET status = 'completed'")


def test_the_environment_for_paygate_toml_is_valid(sandbox: Sandbox) -> None:
    """The ready-to-paste environment is read without complaint and names every variable it needs."""
    import tomllib

    text = sandbox.description.environment_toml("local") + sandbox.description.fleet_environment_toml()
    settings = read_settings(tomllib.loads(text), "paygate.toml")
    assert settings.env["local"].base_url == sandbox.description.api_url
    for name in sandbox.description.exports():
        assert f'"env:{name}"' in text


def test_a_rehearsal_says_live_and_has_the_published_keys(rehearsal: Sandbox) -> None:
    """Environment live means rehearsal: live keys that no real account has, and its own card."""
    description = rehearsal.description
    status = httpx.get(f"{description.api_url}/status", trust_env=False).json()["data"]
    assert (status["environment"], description.livemode) == ("live", True)
    assert description.stripe_secret_key == REHEARSAL_STRIPE_KEY
    assert description.cards["succeeds"] == REHEARSAL_CARD_NUMBER


def test_a_seed_gives_the_same_keys_and_ids(own_sandbox: Start) -> None:
    """Two sandboxes of one seed hand out the same keys; their ports and databases are their own."""
    one, two = own_sandbox(seed=7), own_sandbox(seed=7)
    assert one.description.stripe_secret_key == two.description.stripe_secret_key
    assert one.description.buyer_password == two.description.buyer_password
    assert one.description.marketplace_url != two.description.marketplace_url


def test_a_frozen_clock_stands_until_it_is_moved(own_sandbox: Start) -> None:
    """The sandbox's time is the one it was given, plus what it was advanced by."""
    running = own_sandbox(frozen_at=1_800_000_000.0)
    url = f"{running.description.control_url}/_sandbox/health"
    assert httpx.get(url, trust_env=False).json()["now"] == "2027-01-15T08:00:00+00:00"
    running.advance_clock(60)
    assert httpx.get(url, trust_env=False).json()["now"] == "2027-01-15T08:01:00+00:00"


def test_fixed_ports_are_used_and_can_be_used_again(own_sandbox: Start) -> None:
    """A sandbox takes the ports it was told, and a next one can take them as soon as it has stopped."""
    base = free_base()
    first = own_sandbox(ports=Ports.from_base(base))
    assert first.description.marketplace_url == f"http://127.0.0.1:{base}"
    assert httpx.get(f"{first.description.api_url}/health", trust_env=False).status_code == 200
    first.stop()
    second = own_sandbox(ports=Ports.from_base(base))
    assert second.description.control_url == f"http://127.0.0.1:{base + 3}"


def test_stopping_leaves_no_thread_socket_or_file(own_sandbox: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """After stop there is nothing: threads, listening ports, PostgreSQL and its folder are gone; twice is harmless."""
    # A temporary folder of its own: other tests start clusters at the same time.
    temporary = Path(tempfile.mkdtemp(prefix="pgt-", dir="/tmp"))
    temporary.chmod(0o755)  # PostgreSQL runs as another user when this suite is root
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    threads = set(threading.enumerate())
    running = own_sandbox()
    description = running.description
    running.stop()
    running.stop()
    assert set(threading.enumerate()) <= threads
    assert list(temporary.iterdir()) == []
    temporary.rmdir()
    for url in (description.marketplace_url, description.stripe_url, description.control_url):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(description.marketplace_dsn)
    with pytest.raises(SandboxError, match="the sandbox has been stopped"):
        running.ledger()


def test_a_taken_port_is_said_plainly() -> None:
    """The refusal names port, party and remedy, and leaves none of the other ports bound."""
    base = free_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 2))
        other.listen()
        assert refusal(ports=Ports.from_base(base)) == (
            f"The sandbox was not started: port {base + 2} on 127.0.0.1 (stripe) is not free (Address already in use);"
            " stop what uses it, or choose others with `paygate sandbox --port-base N` (0 takes free ones)"
        )
    with socket.socket() as again:
        again.bind(("127.0.0.1", base))


def test_no_postgresql_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL the launcher's own text is the sandbox's refusal, and no thread stays."""
    monkeypatch.setenv("PAYGATE_SANDBOX_DSN", "postgresql://127.0.0.1:9/postgres?connect_timeout=2")
    before = threading.active_count()
    text = refusal()
    assert text.startswith(
        "The sandbox was not started: it has no PostgreSQL.\nCause: the server in PAYGATE_SANDBOX_DSN"
    )
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"environment": "prod"}, "unknown sandbox environment 'prod': choose one of sandbox, staging, live"),
        ({"faults": {"no_such": {}}}, "unknown fault 'no_such': see `paygate sandbox --list-faults`"),
        (
            {"delays_seconds": {"marketplace.nothing": 1}},
            (
                "unknown delay 'marketplace.nothing': choose from marketplace.completion, marketplace.reversal,"
                " stripe.refund_settles, stripe.refund_fails, webhooks.first_retry"
            ),
        ),
        (
            {"delays_seconds": {"marketplace.completion": -1}},
            "delay marketplace.completion must be 0 to 3600 seconds, not -1",
        ),
    ],
)
def test_a_wrong_choice_is_refused_before_anything_starts(choices: dict[str, object], text: str) -> None:
    """An unknown environment, fault or delay is named together with what there is."""
    assert refusal(**choices) == text


@pytest.mark.parametrize("base", [1, 1023, 65_525, 70_000, -1])
def test_an_impossible_port_base_is_refused(base: int) -> None:
    """Every port must fit, above the privileged ones."""
    with pytest.raises(SandboxError) as refused:
        Ports.from_base(base)
    assert str(refused.value) == f"The sandbox was not started: port base {base} is not 0 or 1024 to 65524"


def test_a_server_keeps_idle_connections_longer_than_any_client_does():
    """Who closes at the moment at which the other sends loses a payment's answer; so only the clients close."""
    server = LoopbackServer(lambda *_: None)
    assert server.config.timeout_keep_alive > 2 * httpx.Limits().keepalive_expiry
