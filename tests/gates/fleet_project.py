"""A project that runs the microcharge gate against a fleet in a sandbox of its own: settings, capacity, a green e2e before it."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core import capacity_rules
from pytest_paygate.core.capacity_rules import CapacityRules
from tests.gate_runs import GateRunResult, copy_gate, run_gate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RULES = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))
SERVICES = ("a1", "a3", "a5", "a6", "a8")
SECRETS = {
    "T_DSN": "marketplace_read_only_dsn",
    "T_FLEET_DSN": "fleet_read_only_dsn",
    "T_PASSWORD": "buyer_password",
    "T_HYPERSWITCH": "hyperswitch_api_key",
    "T_STRIPE": "stripe_secret_key",
}


@dataclass(frozen=True)
class FleetProject:
    """A checkout with both gates, the environment `staging` of the marketplace and `fleet` of the fleet.

    Args:
        folder: made into a repository of its own: the two gates must be of one commit.
        description: a running sandbox that calls itself staging, as `paygate sandbox --json` prints it.
    """

    folder: Path
    description: Mapping[str, Any]

    @property
    def secrets(self) -> dict[str, str]:
        """The environment variables its settings refer to."""
        return {name: str(self.description[key]) for name, key in SECRETS.items()}

    def make(self, **thresholds: float) -> None:
        """Write the project, commit it, and grant it a whole budget."""
        copy_gate(self.folder)
        copy_gate(self.folder, "microcharge", **thresholds)
        (self.folder / "paygate.toml").write_text(settings(self.description))
        (self.folder / ".gitignore").write_text("reports/\n__pycache__/\nconftest.py\n")
        commit(self.folder)
        self.grant()

    def grant(self, units: int | None = None) -> None:
        """Grant capacity, as `paygate capacity grant` does once the person has typed it."""
        now = datetime.now(UTC)
        entry = capacity_rules.grant(RULES, by="Ann", reason="a test", units=units, now=now)
        asyncio.run(FileStore(self.folder / "reports" / ".live").capacity.change("fleet", lambda _: entry, now))

    def e2e(self) -> GateRunResult:
        """The e2e gate in `staging`, which microcharge asks for."""
        return run_gate(self.folder, "suites/e2e", "--env=staging", "--refund", "-q", env=self.secrets)

    def run(self, *arguments: str) -> GateRunResult:
        """The microcharge gate in `fleet`."""
        return run_gate(
            self.folder, "suites/microcharge", "--env=fleet", "--refund", "-q", *arguments, env=self.secrets
        )


def commit(folder: Path) -> None:
    """Make a folder a repository with one commit of everything in it."""
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.test", "-c", "commit.gpgsign=false")
    for line in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "A project")):
        subprocess.run(["git", *line], cwd=folder, check=True, capture_output=True)


def settings(description: Mapping[str, Any]) -> str:
    """`paygate.toml` of such a project."""
    services = "\n".join(f'{name} = "{description[f"{name}_url"]}"' for name in SERVICES)
    return f"""
[env.staging]
mode = "staging"
base_url = "{description["api_url"]}"
payer = "http"
database = "env:T_DSN"
[env.staging.values]
buyer_email = "{description["buyer_email"]}"
operator_email = "{description["buyer_email"]}"
product_id = "{description["test_product_id"]}"
[env.staging.secrets]
buyer_password = "env:T_PASSWORD"
[env.staging.providers.hyperswitch]
base_url = "{description["hyperswitch_url"]}"
key = "env:T_HYPERSWITCH"
[env.staging.providers.stripe]
base_url = "{description["stripe_url"]}"
key = "env:T_STRIPE"
account = "{description["stripe_account_id"]}"

[env.fleet]
mode = "staging"
base_url = "{description["a5_url"]}"
payer = "http"
database = "env:T_FLEET_DSN"
log_url = "{description["fleet_log_url"]}"
[env.fleet.services]
{services}
[env.fleet.samples]
source = "database:probe_samples"
interval_seconds = 60
[env.fleet.capacity]
budget = 25
pause_below = 5
period = "30d"
[env.fleet.values]
operator_email = "{description["buyer_email"]}"
product_id = "credits-50"
e2e_environment = "staging"
[env.fleet.secrets]
operator_password = "env:T_PASSWORD"
[env.fleet.providers.stripe]
base_url = "{description["stripe_url"]}"
key = "env:T_STRIPE"
account = "{description["stripe_account_id"]}"
"""
