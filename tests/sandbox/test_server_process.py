"""`paygate sandbox` as a process of its own: it says where it is, serves, and ends without leaving anything."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from pytest_paygate.cli import paygate

DEADLINE_SECONDS = 30.0
COMMAND = [sys.executable, "-c", "from pytest_paygate.cli import main; main()", "sandbox", "--json", "--port-base", "0"]


class Started:
    """A `paygate sandbox` process and what it said of itself."""

    def __init__(self, process: subprocess.Popen[str], description: dict[str, Any], folder: Path) -> None:
        self.process = process
        self.description = description
        self.folder = folder

    def ports(self) -> list[int]:
        """Every port it listens on, PostgreSQL's included."""
        urls = [value for name, value in self.description.items() if name.endswith("_url")]
        databases = [value for name, value in self.description.items() if name.endswith("_dsn")]
        return sorted({httpx.URL(url).port or 0 for url in urls + databases})

    def gone(self) -> bool:
        """Whether nothing of it is left: process, ports, files."""
        return not alive(self.description["pid"]) and not any(map(listens, self.ports())) and not leftovers(self.folder)


def alive(pid: int) -> bool:
    """Whether a process exists and is more than a corpse."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def leftovers(folder: Path) -> list[str]:
    """What a sandbox left in its temporary folder; the cache of binaries stands elsewhere."""
    return [path.name for path in folder.iterdir()]


def await_end(started: Started) -> None:
    """Wait until nothing is left of a sandbox, within a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not started.gone():
        assert time.monotonic() < deadline, (alive(started.description["pid"]), leftovers(started.folder))
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder of the process's own, short enough for a socket path."""
    with tempfile.TemporaryDirectory(prefix="pgt-") as path:
        Path(path).chmod(0o711)
        yield Path(path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends whatever a test leaves running."""
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, folder: Path, *options: str, command: list[str] | None = None) -> Started:
    """Start the command and read its one line."""
    environment = os.environ | {"TMPDIR": str(folder)}
    process = subprocess.Popen(
        [*(command or COMMAND), *options], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    return Started(process, json.loads(process.stdout.readline()), folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(stack: ExitStack, folder: Path, number: signal.Signals) -> None:
    """SIGTERM, Ctrl-C and a closed terminal end it with status 0 and nothing left."""
    started = start(stack, folder)
    assert httpx.get(started.description["api_url"] + "/health", trust_env=False).status_code == 200
    assert leftovers(folder)
    started.process.send_signal(number)
    assert started.process.wait(DEADLINE_SECONDS) == 0
    await_end(started)


def test_it_is_killed_and_postgresql_goes_with_it(stack: ExitStack, folder: Path) -> None:
    """Even kill -9 leaves no server, port or file."""
    started = start(stack, folder)
    started.process.kill()
    started.process.wait(DEADLINE_SECONDS)
    await_end(started)


def in_between(options: str = "") -> list[str]:
    """A parent process that starts the sandbox, passes its line on, and waits."""
    script = (
        "import subprocess, sys;"
        f"child = subprocess.Popen({COMMAND!r} + {options.split()!r}, stdout=subprocess.PIPE, text=True);"
        "print(child.stdout.readline(), end='', flush=True); child.wait()"
    )
    return [sys.executable, "-c", script]


def test_it_ends_when_its_parent_is_killed(stack: ExitStack, folder: Path) -> None:
    """Nobody has to clean up after a test run that died."""
    started = start(stack, folder, command=in_between())
    assert started.description["pid"] != started.process.pid
    started.process.kill()
    started.process.wait(DEADLINE_SECONDS)
    await_end(started)


def test_it_stays_without_its_parent_when_told_so(stack: ExitStack, folder: Path) -> None:
    """With --orphan-ok the sandbox outlives whoever started it, until it is ended."""
    started = start(stack, folder, command=in_between("--orphan-ok"))
    started.process.kill()
    started.process.wait(DEADLINE_SECONDS)
    assert httpx.get(started.description["api_url"] + "/health", trust_env=False).status_code == 200
    os.kill(started.description["pid"], signal.SIGTERM)
    await_end(started)


def test_environment_fault_and_delay_are_taken_from_the_command_line(stack: ExitStack, folder: Path) -> None:
    """What the options ask for is what the sandbox does."""
    options = ("--environment", "staging", "--fault", "health_down", "--delay", "marketplace.completion=1.5")
    started = start(stack, folder, *options)
    api, control = started.description["api_url"], started.description["control_url"] + "/_sandbox"
    assert httpx.get(f"{api}/status", trust_env=False).json()["data"]["environment"] == "staging"
    assert httpx.get(f"{api}/health", trust_env=False).status_code == 503
    delays = httpx.get(f"{control}/delays", trust_env=False).json()["delays_seconds"]
    assert delays == {"marketplace.completion": 1.5}


def test_faults_are_listed_with_their_rows() -> None:
    """--list-faults names every fault, its layer and the row it turns red, and starts nothing."""
    result = CliRunner().invoke(paygate, ["sandbox", "--list-faults"])
    assert result.exit_code == 0
    told = r"^transfer_id_null +marketplace: the seller transfer is recorded, and made `seconds` later or never \[row transfer]$"
    assert re.search(told, result.output, re.MULTILINE)
    assert "slow_answers" in result.output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--fault", "no_such"], "Error: unknown fault 'no_such': see `paygate sandbox --list-faults`"),
        (["--delay", "x"], "Error: --delay x: write NAME=SECONDS"),
        (
            ["--delay", "stripe.refund_fails=soon"],
            "Error: --delay stripe.refund_fails=soon: write stripe.refund_fails=SECONDS with a number",
        ),
        (["--port-base", "80"], "Error: The sandbox was not started: port base 80 is not 0 or 1024 to 65524"),
    ],
)
def test_a_wrong_option_is_refused(options: list[str], text: str) -> None:
    """A wrong option is named with what to write instead; nothing starts."""
    result = subprocess.run(
        [*COMMAND[:4], *options], capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert result.returncode in {1, 2}
    assert result.stderr.strip().splitlines()[-1] == text


def test_help_lists_the_commands_without_importing_them() -> None:
    """`paygate --help` is quick: no subcommand, server or database package is imported for it."""
    script = (
        "import sys\nfrom click.testing import CliRunner\nfrom pytest_paygate.cli import paygate\n"
        "output = CliRunner().invoke(paygate, ['--help']).output\n"
        "assert 'sandbox' in output, output\n"
        "print([name for name in ('uvicorn', 'psycopg', 'httpx', 'starlette') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_text_for_people_has_what_they_need(stack: ExitStack, folder: Path) -> None:
    """Without --json it prints addresses, cards, a paygate.toml environment and the exports for it."""
    environment = os.environ | {"TMPDIR": str(folder)}
    exports, hook = folder / "sandbox.env", "http://127.0.0.1:9/hook"
    command = [*COMMAND[:4], "--port-base", "0", "--environment", "live"]
    command += ["--env-file", str(exports), "--webhook", hook]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    lines = []
    while not lines or lines[-1] != "Ctrl-C ends it.\n":
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    text = "".join(lines)
    assert text.startswith("REHEARSAL: it calls itself live, and there are no funds\n")
    assert "4000000000000150  succeeds" in text
    assert "[env.local]" in text
    assert "export PAYGATE_LOCAL_STRIPE_KEY='sk_live_PaygateRehearsalNoFunds000000'" in text
    assert "export PAYGATE_LOCAL_STRIPE_WEBHOOK_SECRET='whsec_" in text
    assert exports.read_text() == "".join(f"{line}\n" for line in text.splitlines() if line.startswith("export "))
    assert exports.stat().st_mode & 0o777 == 0o600
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        (
            "--webhook",
            "nonsense",
            "--webhook nonsense: the emulator does not take it; write an address like http://127.0.0.1:8001/path",
        ),
        ("--env-file", "/nowhere/x", "--env-file /nowhere/x: cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_registered_or_written_is_refused(folder: Path, option: str, value: str, said: str) -> None:
    """A webhook that is no address, and a file that cannot be written, end it with a sentence."""
    done = subprocess.run(
        [*COMMAND[:4], "--port-base", "0", option, value],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
