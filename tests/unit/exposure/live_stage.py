"""A small project with one environment that may be driven live: what the tests of arming, planning and looking use.

Gate, settings, plans, approvals and journal are real files; the provider is a server on this machine.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.approval_files import write_approval, write_plan
from pytest_paygate.core.approval import approve
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.environment import (
    Acknowledgement,
    ApprovalSettings,
    CapAmounts,
    Environment,
    LivePolicy,
    LiveRules,
    Payer,
    ProviderAccess,
)
from pytest_paygate.core.events import Mode
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.plan import Plan
from pytest_paygate.core.ports import Account
from pytest_paygate.core.secret import Secret
from pytest_paygate.exposure import planning
from tests.unit.adapters.wire import answer, serve

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pytest_paygate.core.gate import Gate
    from pytest_paygate.core.plan import Bound
    from tests.unit.adapters.wire import Wire

SOURCE = b"""
[gate]
id = "shop"
title = "one purchase"
trace_prefix = "SHOP"
[facts]
up = "integer"
says = "word"
order = "identifier"
[purchase]
product = "licence"
amount = "EUR 5.00"
tax = "EUR 0.83"
fee = "EUR 0.33"
ledger = "stripe"
payments = ["hyperswitch"]
says_live = "says"
refund = "at the provider"
[[preflight]]
id = "health"
title = "it answers"
records = ["up"]
observed = "{up}"
[[preflight]]
id = "mode"
title = "it says what it is"
records = ["says"]
observed = "{says}"
[[rows]]
id = "order"
title = "buy"
money = true
records = ["order"]
observed = "{order}"
[[criteria]]
id = "bought"
title = "it was bought"
owner = "engineering"
rows = ["order"]
"""
FILE = "paygate.toml"
GATE_SHA256, SUITE_SHA256, COMMIT = "1" * 64, "2" * 64, "3" * 40
ACCOUNT = Account("acct_1", livemode=True)
EUR_5 = Money(500, "EUR")
TODAY = datetime.now(UTC).date()
ACKNOWLEDGED = Acknowledgement(
    by="rita", at=date(2026, 1, 2), ground="the provider asks for it", until=date(2099, 12, 31)
)
KEY, REFUND_KEY = "sk_" + "live_abcdefghijklmnop", "rk_" + "live_abcdefghijklmnop"
COUNTED = CapacityRules(budget=25, pause_below=5, period=timedelta(days=30))


def gate(*, counted: bool = False) -> Gate:
    """The gate; counted ones take a unit of capacity for each charge."""
    return read_gate(SOURCE + (b"[capacity]\nrequired = true\n" if counted else b""), "gate.toml")


def source(*, counted: bool = False) -> planning.GateSource:
    """The gate with its hashes."""
    return planning.GateSource(gate(counted=counted), GATE_SHA256, SUITE_SHA256, COMMIT)


RULES = LiveRules(
    policy=LivePolicy.DRIVE,
    acknowledgement=ACKNOWLEDGED,
    caps=CapAmounts(Money(600, "EUR"), Money(700, "EUR"), Money(1200, "EUR")),
    approval=ApprovalSettings(required=1, unsigned=True),
    late_charge_seconds=45.0,
)


def environment(stripe_url: str = "", *, live: LiveRules = RULES, **changed: Any) -> Environment:
    """An environment declared live that may be driven; its providers are at `stripe_url`."""
    providers = {
        name: ProviderAccess(name, Secret(KEY), stripe_url, "acct_1", "", Secret(REFUND_KEY))
        for name in ("stripe", "hyperswitch")
    }
    known: dict[str, Any] = {
        "providers": providers,
        "values": {"licence": "prod_1", "other": "prod_2"},
        "live": live,
    }
    known = {"mode": Mode.LIVE, "base_url": "https://shop.example:8443", **known, **changed}
    return Environment("prod", payer=Payer.PERSON, **known)


def ruled(**changed: Any) -> LiveRules:
    """The rules with something changed."""
    return replace(RULES, **changed)


def planned(root: Path, bound: Bound, *, at: datetime, nonce: str = "a" * 32, by: tuple[str, ...] = ("bob",)) -> Plan:
    """Write a plan that ann makes at this moment, approved by these, unsigned, a second later."""
    plan = planning.new_plan(bound, requester="ann", now=at).model_copy(update={"nonce": nonce})
    folder = write_plan(root, plan).parent
    for name in by:
        write_approval(folder, approve(plan, approver=name, typed=bound.gross, at=at + timedelta(seconds=1)))
    return plan


def stripe_says(account_id: str = "acct_1", *, livemode: bool = True, status: str = "200 OK") -> Callable[..., Any]:
    """A provider with this account behind every key."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        path = request.split(b" ", 2)[1]
        told: dict[str, object] = {"error": {"type": "invalid_request_error", "code": "denied", "message": "no"}}
        if status.startswith("2"):
            told = (
                {"object": "account", "id": account_id, "default_currency": "eur"}
                if path == b"/v1/account"
                else {"object": "balance", "livemode": livemode, "available": [{"amount": 0, "currency": "eur"}]}
            )
        writer.write(answer(json.dumps(told).encode(), status=status))

    return talk


@asynccontextmanager
async def stripe(account_id: str = "acct_1", *, livemode: bool = True, status: str = "200 OK") -> AsyncIterator[Wire]:
    """Such a provider, running."""
    async with serve(stripe_says(account_id, livemode=livemode, status=status)) as wire:
        yield wire
