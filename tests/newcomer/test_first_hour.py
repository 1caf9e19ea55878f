"""A newcomer's first hour, scripted: from an empty folder to a rehearsal with plan, approval and a person at a terminal."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.rehearsal.project import LIVE, environ
from tests.rehearsal.terminal import start

PAYGATE = (sys.executable, "-m", "pytest_paygate.cli")
PYTEST = (sys.executable, "-m", "pytest")
# What `paygate sandbox` listens on unless told otherwise, and what `init` therefore writes.
FIRST_PORT = 8460
PORTS = 12
WRITTEN_PORT = re.compile(r"(?<=127\.0\.0\.1:)84\d\d\b")


def run(folder, *line, env=None, code=0):
    """Run a command in the folder without a terminal; what it printed."""
    done = subprocess.run(
        [*line],
        cwd=folder,
        env=environ(**(env or {})),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def free_ports():
    """The first of as many free ports in a row as a sandbox needs; another machine's 8460 may be in use."""
    for first in range(20_460, 32_000, 20):
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + PORTS):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError("no free ports")


@contextmanager
def sandbox(environment, first_port):
    """`paygate sandbox` in another terminal; the variables that its `export` lines set in the shell they are pasted into."""
    line = [*PAYGATE, "sandbox", "--environment", environment, "--port-base", str(first_port)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environ()) as process:
        try:
            exports = {}
            for printed in process.stdout:
                if printed.startswith("export "):
                    name, _, value = shlex.split(printed)[1].partition("=")
                    exports[name] = value
                if printed.startswith("Ctrl-C"):
                    break
            assert exports
            yield exports
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def doctor(folder, name, env=None):
    """`paygate doctor` at a terminal; it finds nothing wrong."""
    session = start([*PAYGATE, "doctor", "--env", name], cwd=folder, env=environ(**(env or {})), answers={})
    assert session.wait() == 0, session.output
    assert re.search(rf"{name}: \d+ ok, \d+ warn, 0 fail", session.output)


def move(folder, first_port):
    """Let the written settings find the sandbox on other ports than its own."""
    path = folder / "paygate.toml"
    text = path.read_text()
    moved = WRITTEN_PORT.sub(lambda match: str(int(match[0]) - FIRST_PORT + first_port), text)
    assert moved != text
    path.write_text(moved)


@pytest.mark.timeout(600)
def test_from_an_empty_folder_to_a_rehearsal(tmp_path):
    """init, doctor, sandbox, staging over a sandbox of its own, rehearsal over a live one: each as init's texts say."""
    run(tmp_path, *PAYGATE, "init", "--defaults")
    # What doctor would name: plugins of this development environment that reorder tests.
    ini = tmp_path / "pytest.ini"
    ini.write_text(f"{ini.read_text()}addopts = -p no:randomly -p no:sugar -p no:rerunfailures\n")
    doctor(tmp_path, "sandbox")
    assert "SANDBOX · gate e2e: PASS" in run(tmp_path, *PYTEST, "suites/e2e")

    first_port = free_ports()
    move(tmp_path, first_port)
    with sandbox("staging", first_port) as exports:
        assert "env:PAYGATE_LOCAL_STRIPE_KEY, set" in run(
            tmp_path, *PAYGATE, "config", "--explain", "--env", "staging", env=exports
        )
        doctor(tmp_path, "staging", exports)
        shown = run(tmp_path, *PYTEST, "suites/e2e", "--env=staging", "--refund", env=exports)
        assert "STAGING · gate e2e: PASS" in shown

    with sandbox("live", first_port):
        doctor(tmp_path, "rehearsal")
        planned = run(tmp_path, *PAYGATE, "plan", "--by", "ann@example.test")
        plan = planned.strip().rsplit(" ", 1)[1]
        assert Path(plan).is_file()
        approving = start(
            [*PAYGATE, "approve", plan, "--by", "bob@example.test", "--unsigned"], cwd=tmp_path, env=environ()
        )
        assert approving.wait() == 0, approving.output
        # On a terminal that cannot move its cursor the operator is asked in lines.
        session = start([*PYTEST, *LIVE], cwd=tmp_path, env=environ())
        # A person still has to see the money on the bank statement.
        assert session.wait(180) == 20, session.output
        assert "REHEARSAL · gate e2e: PENDING" in session.output

    runs = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("reports/e2e/*/evidence.json"))]
    assert [one["mode"] for one in runs] == ["sandbox", "staging", "rehearsal"]
    gate = run(tmp_path, *PAYGATE, "gate", "e2e", "--require", "staging", code=20)
    assert gate.startswith("PENDING")


def test_production_says_what_is_missing(tmp_path):
    """As init leaves it, production can be looked at: every variable it needs is named, and nothing is bought."""
    run(tmp_path, *PAYGATE, "init", "--defaults", "--production-url", "https://no-such-host.invalid/api")
    found = json.loads(run(tmp_path, *PAYGATE, "doctor", "--env", "production", "--json", code=1))
    unset = {line["seen"] for line in found["lines"] if line["name"] == "secrets"}
    assert unset == {
        f"PAYGATE_PRODUCTION_{name} is not set"
        for name in ("DATABASE", "BUYER_PASSWORD", "HYPERSWITCH_KEY", "STRIPE_KEY")
    }
    (policy,) = [line for line in found["lines"] if line["name"] == "policy"]
    assert policy["seen"] == "live_policy observe: the gate looks on and buys nothing"
