"""A project that rehearses the live path: a sandbox that calls itself live, a copy of the gate, a plan with its approval.

The sandbox is a process of its own, because it must outlive the processes that are killed here.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.approval_files import write_approval, write_plan
from pytest_paygate.adapters.settings import load, resolve
from pytest_paygate.core.approval import approve
from pytest_paygate.core.environment import choose
from pytest_paygate.core.gate import read_gate, sha256
from pytest_paygate.core.ports import Account
from pytest_paygate.exposure import planning
from tests.gate_runs import GATE, QUIET
from tests.rehearsal.terminal import start

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from tests.rehearsal.terminal import Session

PYTHON = sys.executable
INI = '[tool.pytest]\naddopts = ["--import-mode=importlib"]\nasyncio_default_fixture_loop_scope = "session"\n'
# What would be refused in every run here, and belongs to this machine, not to the run.
FOREIGN = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
ACCOUNT = "acct_1PaygateSandbox00"


def environ(**more: str) -> dict[str, str]:
    """A clean set of environment variables for a live run.

    The terminal cannot move its cursor unless `more` says otherwise: what is asked there comes in lines.
    """
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    for name in [name for name in kept if name.lower().endswith("_proxy") or name.startswith("PYTEST_")]:
        del kept[name]
    return {**kept, "TERM": "dumb", **more}


@dataclass(frozen=True)
class Money:
    """What the sandbox's books say: charges, what they took, what came back for certain, links that can be paid."""

    charges: int
    taken_minor: int
    returned_minor: int
    payable: int

    @property
    def open_minor(self) -> int:
        """What was taken and has not come back."""
        return self.taken_minor - self.returned_minor

    def __sub__(self, before: Money) -> Money:
        return Money(
            self.charges - before.charges,
            self.taken_minor - before.taken_minor,
            self.returned_minor - before.returned_minor,
            self.payable - before.payable,
        )


class LiveSandbox:
    """`paygate sandbox --environment live` in a process of its own."""

    def __init__(self) -> None:
        arguments = [
            PYTHON,
            "-m",
            "pytest_paygate.cli",
            "sandbox",
            "--environment",
            "live",
            "--json",
            "--port-base",
            "0",
        ]
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environ())
        assert self._process.stdout is not None
        self.description: dict[str, Any] = json.loads(self._process.stdout.readline())

    def money(self) -> Money:
        """What really moved so far: the sandbox's own books, and its payments that somebody could still pay."""
        books = self._read(f"{self.description['control_url']}/_sandbox/ledger", {})["payments"]
        key = {"api-key": self.description["hyperswitch_api_key"]}
        listed = self._read(f"{self.description['hyperswitch_url']}/payments/list?limit=100", key)["data"]
        return Money(
            sum(payment["charges"] for payment in books),
            sum(payment["charged_minor"] for payment in books),
            sum(payment["refunded_minor"] for payment in books),
            sum(payment["status"].startswith(("requires_", "processing")) for payment in listed),
        )

    @staticmethod
    def _read(url: str, headers: dict[str, str]) -> dict[str, Any]:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return json.loads(answer.read())

    def set_fault(self, name: str) -> None:
        """Switch one named fault on."""
        request = urllib.request.Request(
            f"{self.description['control_url']}/_sandbox/faults", json.dumps({"name": name}).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()

    def set_delay(self, name: str, seconds: float) -> None:
        """Make a party wait, or not."""
        request = urllib.request.Request(
            f"{self.description['control_url']}/_sandbox/delays", json.dumps({name: seconds}).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()

    def clear_faults(self) -> None:
        """Switch every fault off."""
        request = urllib.request.Request(f"{self.description['control_url']}/_sandbox/faults", method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Project:
    """A project folder with the e2e gate and a rehearsal environment that points at a running sandbox.

    Args:
        folder: made here.
        sandbox: the running world.
        late_charge_seconds: how long a settlement watches for late charges.
    """

    def __init__(self, folder: Path, sandbox: LiveSandbox, *, late_charge_seconds: float = 0.5) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.sandbox = sandbox
        self.gate = folder / "suites" / "e2e"
        shutil.copytree(GATE, self.gate, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pyproject.toml").write_text(INI)
        (folder / "paygate.toml").write_text(settings(sandbox.description, late_charge_seconds))

    @property
    def reports(self) -> Path:
        """Where its runs are."""
        return self.folder / "reports"

    def approve(self, *, approver: str = "bob@example.test") -> Path:
        """Plan and approve, as `paygate plan` and `paygate approve --unsigned` do; the plan's folder."""
        known, file = load(self.folder)
        environment = resolve("rehearsal", choose(known, "rehearsal", file), file)
        source = (self.gate / "gate.toml").read_bytes()
        gate = read_gate(source, "gate.toml")
        bound = planning.bind(
            environment,
            planning.GateSource(
                gate, sha256(source), planning.suite_sha256(self.gate), planning.commit_of(self.folder)
            ),
            Account(ACCOUNT, livemode=True),
            file=file,
        )
        plan = planning.new_plan(bound, requester="ann@example.test", now=datetime.now(UTC))
        path = write_plan(self.folder, plan)
        write_approval(path.parent, approve(plan, approver=approver, typed=bound.gross, at=datetime.now(UTC)))
        return path.parent

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        answers: Mapping[re.Pattern[str], Callable[[re.Match[str]], str]] | None = None,
    ) -> Session:
        """Start the operator's run on a terminal of its own, with a scripted payer in the place of a card."""
        line = [PYTHON, "-m", "pytest", *QUIET, *(arguments or LIVE)]
        return start(line, cwd=self.folder, env=environ(**(env or {})), answers=answers)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `paygate …` in the project."""
        return subprocess.run(
            [PYTHON, "-m", "pytest_paygate.cli", *arguments],
            cwd=self.folder,
            env=environ(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def runs(self) -> list[Path]:
        """The folders of its runs, oldest first."""
        return sorted(path.parent for path in self.reports.glob("e2e/*/journal.jsonl"))

    def files(self) -> dict[str, int]:
        """Every file below the reports, but for the lock's text, with its size."""
        return {
            str(path.relative_to(self.reports)): path.stat().st_size
            for path in self.reports.rglob("*")
            if path.is_file() and path.name != "lock"
        }

    def quiet(self, *, timeout_seconds: float = 30.0) -> None:
        """Wait until no guardian holds the environment's lock any more."""
        deadline = time.monotonic() + timeout_seconds
        lock = self.reports / ".live" / "rehearsal" / "lock"
        while lock.exists() and time.monotonic() < deadline:
            with lock.open("rb+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    time.sleep(0.05)
                    continue
                return

    def settled(self, before: Money, *, timeout_seconds: float = 30.0) -> Money:
        """What moved since `before`, once nothing is open any more, or when a guardian should long have been done."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            money = self.sandbox.money() - before
            if (not money.open_minor and not money.payable) or time.monotonic() > deadline:
                return money
            time.sleep(0.1)


# Coverage doubles the time of a process; where there are many of them, it stays out.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
LIVE = ("--live", "--confirm", "--payer=http")


def settings(description: Mapping[str, Any], late_charge_seconds: float) -> str:
    """`paygate.toml` for a rehearsal against a sandbox on free ports."""
    return f"""
default_gate = "suites/e2e"
live_env = "rehearsal"

[env.rehearsal]
mode = "live"
base_url = "{description["api_url"]}"
payer = "person"
sandbox = "{description["control_url"]}"
database = "sandbox:marketplace_read_only_dsn"
log_url = "{description["control_url"]}/_sandbox/log"
live_policy = "drive"
late_charge_seconds = {late_charge_seconds}

[env.rehearsal.acknowledgement]
by = "the people who rehearse"
at = 2026-01-01
ground = "A rehearsal against the sandbox: no provider, no card, no funds."
until = 2036-01-01

[env.rehearsal.caps]
per_charge = "EUR 5.00"
per_run = "EUR 5.00"
per_day = "EUR 5000.00"

[env.rehearsal.approval]
required = 1
unsigned = true

[env.rehearsal.values]
buyer_email = "{description["buyer_email"]}"
operator_email = "{description["buyer_email"]}"
product_id = "{description["test_product_id"]}"

[env.rehearsal.secrets]
buyer_password = "sandbox:buyer_password"

[env.rehearsal.providers.hyperswitch]
base_url = "{description["hyperswitch_url"]}"
key = "sandbox:hyperswitch_api_key"

[env.rehearsal.providers.stripe]
base_url = "{description["stripe_url"]}"
key = "sandbox:stripe_secret_key"
refund_key = "sandbox:stripe_refund_key"
account = "{ACCOUNT}"
"""
