"""A gate on the fleet: `system` chooses it, services are asked by name, and every way is journalled like any other."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from pytest_paygate.adapters import settings
from pytest_paygate.core.environment import Environment, Payer, choose, read_settings
from pytest_paygate.core.errors import ConfigurationError
from pytest_paygate.core.events import Mode
from pytest_paygate.exposure.gathering import _telling_host
from pytest_paygate.sandbox.server import Sandbox
from tests.gate_runs import INI, GateRunResult, run_gate

GATE = Path(__file__).parent / "examples" / "small_gate"


def _run(folder: Path, *arguments: str, **changes: str) -> GateRunResult:
    target = folder / "small_gate"
    shutil.copytree(GATE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for old, new in changes.items():
        for path in (target / "gate.toml", target / "test_small.py"):
            path.write_text(path.read_text().replace(old, new))
    (folder / "pytest.ini").write_text(INI)
    return run_gate(folder, "small_gate", "-q", *arguments)


def test_a_gate_of_the_fleet_passes(tmp_path: Path) -> None:
    """The embedded sandbox puts A5 before the gate, its services, its database and its log; each party has its name."""
    result = _run(tmp_path)
    assert (result.exit_code, set(result.statuses.values())) == (0, {"PASS"}), result.output
    assert result.folder is not None
    lines = [json.loads(line) for line in (result.folder / "journal.jsonl").read_text().splitlines()]
    parties = {line["event"]["party"] for line in lines if "party" in line["event"]}
    assert {"a1", "a8", "a5", "target", "stripe", "log"} <= parties
    assert result.evidence["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("fault", "row"),
    [
        ("fleet_trace_not_echoed", "checkout"),
        ("fleet_wrong_amount", "checkout"),
        ("fleet_refund_refused", "refund"),
        ("fleet_event_lost", "event"),
    ],
)
def test_a_fault_of_the_fleet_reaches_the_gate(tmp_path: Path, fault: str, row: str) -> None:
    """`--paygate-fault` takes the fleet's faults, and they turn the row red that meets them."""
    result = _run(tmp_path, f"--paygate-fault={fault}")
    assert result.exit_code != 0
    assert result.red_rows() == [row], result.output


def test_an_unknown_service_is_refused_by_name(tmp_path: Path) -> None:
    """A service that the environment does not have is named, with the nearest there is."""
    result = _run(tmp_path, **{'service("a8")': 'service("a9")'})
    assert result.red_rows() == ["event"], result.output
    assert "env.sandbox.services.a9: is missing" in result.output


def test_an_unknown_system_is_refused(tmp_path: Path) -> None:
    """A gate names one of the systems there are."""
    result = _run(tmp_path, **{'system = "fleet"': 'system = "fleets"'})
    assert result.exit_code != 0
    assert "one of: marketplace, fleet" in result.output


def test_the_printed_environments_are_valid(sandbox: Sandbox) -> None:
    """What `paygate sandbox` prints for paygate.toml can be read, names every service, and needs no more exports."""
    described = sandbox.description
    text = described.environment_toml() + described.fleet_environment_toml()
    found = read_settings(tomllib.loads(text), "paygate.toml").env
    assert found["local_fleet"].services == described.services
    assert found["local_fleet"].base_url == described.a5_url
    wanted = {word.strip('"').removeprefix("env:") for word in text.split() if word.startswith('"env:')}
    assert wanted == set(described.exports())


def test_references_lead_to_what_a_running_sandbox_publishes(sandbox: Sandbox) -> None:
    """`sandbox:NAME` gives addresses and DSNs of the fleet, so that a rehearsal needs no fixed ports."""
    document = {
        "mode": "staging",
        "sandbox": sandbox.description.control_url,
        "base_url": "sandbox:a5_url",
        "log_url": "sandbox:fleet_log_url",
        "database": "sandbox:fleet_read_only_dsn",
        "services": {"a8": "sandbox:a8_url", "other": "https://other.example/api/"},
    }
    declared = choose(read_settings({"env": {"fleet": document}}, "paygate.toml"), "fleet", "paygate.toml")
    found = settings.resolve("fleet", declared, "paygate.toml")
    assert (found.base_url, found.log_url) == (sandbox.description.a5_url, sandbox.description.fleet_log_url)
    assert found.services == {"a8": sandbox.description.a8_url, "other": "https://other.example/api"}
    assert found.database is not None
    assert found.database.reveal() == sandbox.description.fleet_read_only_dsn


@pytest.mark.parametrize("name", ["fleet_read_only_dsn", "buyer_password", "no_such_thing"])
def test_a_reference_to_something_else_is_no_address(sandbox: Sandbox, name: str) -> None:
    """A published value that is no base URL is refused, and not repeated where it could be a secret."""
    document = {
        "mode": "staging",
        "sandbox": sandbox.description.control_url,
        "base_url": "https://s.example",
        "services": {"a8": f"sandbox:{name}"},
    }
    declared = read_settings({"env": {"fleet": document}}, "paygate.toml").env["fleet"]
    with pytest.raises(ConfigurationError, match=r"env.fleet.services.a8") as refused:
        settings.resolve("fleet", declared, "paygate.toml")
    assert sandbox.description.buyer_password not in str(refused.value)


@pytest.mark.parametrize(
    ("services", "text"),
    [
        ({"a8": "ftp://x"}, "env.staging.services.a8: is not a base URL"),
        ({"a8": "https://u:hunter2@x"}, "env.staging.services.a8: is not a base URL"),
        ({"a8": "sandbox:A8 URL"}, "env.staging.services.a8: is not a base URL"),
        ({"A 8": "https://x"}, "env.staging.services.A 8: cannot have this name"),
        ({"target": "https://x"}, "env.staging.services.target: cannot have this name"),
        ({"stripe": "https://x"}, "env.staging.services.stripe: cannot have this name"),
    ],
)
def test_a_wrong_service_is_refused(services: dict[str, str], text: str) -> None:
    """A service has a name of its own and a plain http(s) address, like the target."""
    document = {
        "mode": "staging",
        "base_url": "https://s.example",
        "services": services,
        "providers": {"stripe": {"key": "env:T_KEY"}},
    }
    with pytest.raises(ConfigurationError) as refused:
        read_settings({"env": {"staging": document}}, "paygate.toml")
    assert str(refused.value).startswith(f"paygate.toml: {text}")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "base", "service", "told"),
    [
        (Mode.LIVE, "https://shop.example", "http://127.0.0.1:8471", "127.0.0.1:8471"),
        (Mode.LIVE, "https://shop.example", "https://a8.example", "shop.example"),
        (Mode.REHEARSAL, "http://127.0.0.1:8468", "https://a8.example", "a8.example"),
        (Mode.REHEARSAL, "http://127.0.0.1:8468", "http://localhost:8471", "127.0.0.1:8468"),
    ],
)
def test_the_interlock_looks_at_every_service(mode: Mode, base: str, service: str, told: str) -> None:
    """A service on this machine gives a live environment away, and a real one a rehearsal."""
    environment = Environment("prod", mode, base, Payer.PERSON, services={"a8": service})
    assert _telling_host(environment) == told
