"""A project that rehearses microcharge: a live fleet, a rehearsed and signed e2e run behind it, capacity granted at a terminal."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.gate_runs import GATE
from tests.gates.fleet_project import SERVICES, commit
from tests.rehearsal.project import ACCOUNT, PYTHON, Project, environ
from tests.rehearsal.terminal import APPROVE, start, typed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.rehearsal.project import LiveSandbox
    from tests.rehearsal.terminal import Session

PAYGATE = (PYTHON, "-m", "pytest_paygate.cli")
UNITS = re.compile(r"what it comes to, like (?P<answer>[0-9]+ [a-z]+)\s+> $")
LIVE_FLEET = ("suites/microcharge", "--env=fleet", "--live", "--confirm", "--payer=http")


class LiveFleet(Project):
    """Both gates, both environments, one commit.

    Args:
        folder: made here.
        sandbox: the running world.
        thresholds: other thresholds of microcharge, where a test must not wait minutes.
    """

    def __init__(self, folder: Path, sandbox: LiveSandbox, **thresholds: int) -> None:
        super().__init__(folder, sandbox)
        self.microcharge = folder / "suites" / "microcharge"
        shutil.copytree(GATE.parent / "microcharge", self.microcharge, ignore=shutil.ignore_patterns("__pycache__"))
        gate = self.microcharge / "gate.toml"
        for name, value in thresholds.items():
            gate.write_text(re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", gate.read_text()))
        settings = folder / "paygate.toml"
        settings.write_text(settings.read_text() + fleet_table(sandbox.description))
        (folder / ".gitignore").write_text("reports/\napprovals/\n__pycache__/\nconftest.py\nstatement.txt\n")
        commit(folder)
        self.look_back()

    def look_back(self) -> None:
        """Give the fleet a healthy day of samples."""
        url = f"{self.sandbox.description['control_url']}/_sandbox/history"
        urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST"), timeout=30).close()

    def grant(self) -> None:
        """`paygate capacity grant`, typed at a terminal."""
        words = ("capacity", "grant", "--env", "fleet", "--by", "Ann", "--reason", "a new quarter")
        session = start([*PAYGATE, *words], cwd=self.folder, env=environ(), answers={UNITS: typed})
        assert session.wait() == 0, session.output

    def rehearse_e2e(self) -> None:
        """A rehearsed e2e run whose one pending criterion, funds seen on the bank statement, is signed."""
        self.approve()
        session = self.start()
        assert session.wait() == 20, session.output
        self.quiet()
        (self.folder / "statement.txt").write_text("EUR 5.00 and EUR 5.00 back\n")
        run = self.runs()[-1].name
        words = ("sign-off", "e2e/funds_seen", "--by", "Ann", "--evidence", "statement.txt", "--run", run)
        signed = self.command(*words)
        assert signed.returncode == 0, signed.stderr

    def approve_microcharge(self) -> None:
        """`paygate plan` and `paygate approve`, by two people."""
        planned = self.command("plan", "--env", "fleet", "--gate", "suites/microcharge", "--by", "ann@example.test")
        assert planned.returncode == 0, planned.stderr
        plan = planned.stdout.strip().rsplit(" ", 1)[1]
        words = ("approve", plan, "--by", "bob@example.test", "--unsigned")
        session = start([*PAYGATE, *words], cwd=self.folder, env=environ(), answers={APPROVE: typed})
        assert session.wait() == 0, session.output

    def ready(self) -> None:
        """Everything a live microcharge asks for."""
        self.rehearse_e2e()
        self.grant()
        self.approve_microcharge()

    def charge(self) -> Session:
        """The live microcharge with a scripted operator at the terminal; ended."""
        session = self.start(*LIVE_FLEET)
        session.wait()
        return session

    def microcharges(self) -> list[Path]:
        """The folders of its microcharge runs, oldest first."""
        return sorted(path.parent for path in self.reports.glob("microcharge/*/journal.jsonl"))

    def evidence(self) -> dict[str, Any]:
        """The evidence of the newest microcharge."""
        return json.loads((self.microcharges()[-1] / "evidence.json").read_text())


def fleet_table(description: Mapping[str, Any]) -> str:
    """The environment `fleet` of `paygate.toml`."""
    services = "\n".join(f'{name} = "{description[f"{name}_url"]}"' for name in SERVICES)
    return f"""
[env.fleet]
mode = "live"
base_url = "{description["a5_url"]}"
payer = "person"
sandbox = "{description["control_url"]}"
database = "sandbox:fleet_read_only_dsn"
log_url = "sandbox:fleet_log_url"
live_policy = "drive"
late_charge_seconds = 0.5

[env.fleet.services]
{services}

[env.fleet.samples]
source = "database:probe_samples"
interval_seconds = 60

[env.fleet.capacity]
budget = 25
pause_below = 5
period = "30d"

[env.fleet.acknowledgement]
by = "the people who rehearse"
at = 2026-01-01
ground = "A rehearsal against the sandbox: no provider, no card, no funds."
until = 2036-01-01

[env.fleet.caps]
per_charge = "USD 0.50"
per_run = "USD 0.50"
per_day = "USD 500.00"

[env.fleet.approval]
required = 1
unsigned = true

[env.fleet.values]
operator_email = "{description["buyer_email"]}"
product_id = "credits-50"
e2e_environment = "rehearsal"

[env.fleet.secrets]
operator_password = "sandbox:buyer_password"

[env.fleet.providers.stripe]
base_url = "{description["stripe_url"]}"
key = "sandbox:stripe_secret_key"
refund_key = "sandbox:stripe_refund_key"
account = "{ACCOUNT}"
"""
