"""The embedded sandbox as an environment: started for this session, described in the terms of `core.environment`.

The only module of the plugin that reaches into `sandbox`, and only through its public facade.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.core.capacity_rules import CapacityRules, grant
from pytest_paygate.core.environment import SANDBOX, Environment, LiveRules, Payer, ProviderAccess
from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import System
from pytest_paygate.core.samples import SampleSettings
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.sandbox.description import SandboxDescription
    from pytest_paygate.sandbox.server import Sandbox


# A whole budget for every session, so that a gate that counts its charges runs on a fresh machine.
CAPACITY = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))


def start(faults: Sequence[str]) -> Sandbox:
    """Start the embedded world with some faults on.

    Raises:
        ConfigurationError: when the sandbox extra is not installed, the world cannot start, or a fault is unknown.
    """
    try:
        from pytest_paygate.sandbox.errors import SandboxError
        from pytest_paygate.sandbox.faults import REGISTRY
        from pytest_paygate.sandbox.server import Sandbox, load_registry

        load_registry()
    except ImportError as error:
        raise configuration(
            "the embedded sandbox",
            "cannot be started",
            expected="the packages of the extra `sandbox`",
            observed=f"no module named {error.name}",
            next_step="pip install 'pytest-paygate[sandbox]', or choose an environment with --env.",
        ) from None
    for fault in faults:
        if fault not in REGISTRY:
            raise configuration(
                f"--paygate-fault={fault}",
                "is not a known fault",
                expected=f"a name from `paygate sandbox --list-faults`.{nearest(fault, REGISTRY)}",
                observed=repr(fault),
                next_step="Choose a fault from that list.",
            )
    try:
        return Sandbox.start(faults={fault: {} for fault in faults})
    except SandboxError as error:
        raise configuration(
            "the embedded sandbox",
            "cannot be started",
            expected="PostgreSQL and twelve loopback servers",
            observed=str(error),
            next_step="Do what the lines above say, or choose an environment with --env.",
        ) from None


def environment_of(sandbox: Sandbox, system: System) -> Environment:
    """Describe one system of a running sandbox as an environment, with its published keys as secrets.

    The fleet gets a past: a day of probe samples up to now.
    """
    if system is System.FLEET:
        sandbox.write_history()
        return _fleet(sandbox.description)
    return _marketplace(sandbox.description)


def _fleet(description: SandboxDescription) -> Environment:
    return Environment(
        name=SANDBOX,
        mode=Mode.SANDBOX,
        base_url=description.a5_url,
        payer=Payer.HTTP,
        database=_published(description, "fleet_read_only_dsn"),
        log_url=description.fleet_log_url,
        webhook_url=description.fleet_webhook_url,
        services=description.services,
        samples=SampleSettings(source="database:probe_samples", interval_seconds=60.0),
        providers={"stripe": _stripe(description)},
        values={"operator_email": description.buyer_email, "product_id": "credits-50"},
        secrets={
            "operator_password": _published(description, "buyer_password"),
            "webhook_secret": _published(description, "fleet_webhook_secret"),
        },
        live=LiveRules(capacity=CAPACITY),
    )


def _stripe(description: SandboxDescription) -> ProviderAccess:
    key = _published(description, "stripe_secret_key")
    return ProviderAccess("stripe", key, description.stripe_url, description.stripe_account_id, "")


def _marketplace(description: SandboxDescription) -> Environment:
    return Environment(
        name=SANDBOX,
        mode=Mode.SANDBOX,
        base_url=description.api_url,
        payer=Payer.HTTP,
        database=_published(description, "marketplace_read_only_dsn"),
        log_url=f"{description.control_url}/_sandbox/log",
        providers={
            "hyperswitch": ProviderAccess(
                "hyperswitch", _published(description, "hyperswitch_api_key"), description.hyperswitch_url, "", ""
            ),
            "stripe": _stripe(description),
        },
        services={"webhooks": f"{description.marketplace_url}/webhooks"},
        values={
            "buyer_email": description.buyer_email,
            "operator_email": description.buyer_email,
            "product_id": description.test_product_id,
            "seller_account": description.seller_account_id,
        },
        secrets={
            "buyer_password": _published(description, "buyer_password"),
            "webhook_secret": _published(description, "hyperswitch_webhook_secret"),
        },
        live=LiveRules(capacity=CAPACITY),
    )


def capacity_log() -> MemoryCapacity:
    """The capacity of a world that lives for one session: a whole budget, in memory."""
    log, now = MemoryCapacity(), datetime.now(UTC)
    entry = grant(CAPACITY, by="the embedded sandbox", reason="a world of its own", units=None, now=now)
    log.begin(SANDBOX, entry, now)
    return log


def secrets_of_world(description: SandboxDescription) -> list[Secret]:
    """What the embedded world made up for itself and no suite is handed: no file may hold it either."""
    return [
        _published(description, name)
        for name in (
            "fleet_dsn",
            "fleet_read_only_dsn",
            "fleet_webhook_secret",
            "marketplace_dsn",
            "marketplace_read_only_dsn",
            "provider_dsn",
            "provider_read_only_dsn",
            "stripe_refund_key",
            "stripe_webhook_secret",
            "hyperswitch_webhook_secret",
        )
    ]


def _published(description: SandboxDescription, name: str) -> Secret:
    return Secret(getattr(description, name), f"sandbox:{name}")
