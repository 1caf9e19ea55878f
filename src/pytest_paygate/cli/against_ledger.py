"""`paygate verify --against-ledger`: everything a sound bundle says of the ledger, read again at the provider."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.cli.project import open_project
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.exposure import ledger_check
from pytest_paygate.exposure.clients import provider_client
from pytest_paygate.exposure.ledger_check import Outcome
from pytest_paygate.exposure.recording import Unjournalled

if TYPE_CHECKING:
    from pytest_paygate.core.bundle import Believed
    from pytest_paygate.core.environment import Environment

_INVALID, _UNDECIDED = 2, 3


def compare(bundle: Believed, environment: str, code: int) -> tuple[int, list[str]]:
    """Read again what the bundle's journal says of the ledger.

    Args:
        bundle: a sound bundle.
        environment: whose ledger; empty for the bundle's own environment.
        code: what `paygate verify` would end with otherwise.

    Returns:
        The exit code, which is never better than `code`, and one line for each object.
    """
    name = environment or str(bundle.told["environment"])
    try:
        found = asyncio.run(_compare(open_project().environment(name), bundle))
    except PaygateError as error:
        return _UNDECIDED, [f"CANNOT DECIDE: {error.refusal.refused}"]
    lines = [f"  ledger       {one.name}: {one.outcome}{f', {one.reason}' if one.reason else ''}" for one in found]
    outcomes = {one.outcome for one in found}
    if Outcome.DIFFERS in outcomes:
        return _INVALID, [*lines, f"INVALID: the ledger of {name} tells otherwise"]
    if Outcome.UNREADABLE in outcomes:
        return _UNDECIDED, [*lines, f"CANNOT DECIDE: the ledger of {name} cannot be read in full"]
    return code, lines or [f"  ledger       the journal names nothing to look up in {name}"]


async def _compare(environment: Environment, bundle: Believed) -> list[ledger_check.Finding]:
    clients = {
        name: provider_client(
            environment, name, recorder=Unjournalled(), clock=SystemClock(), trace_id="", for_refunds=True
        )
        for name in environment.providers
    }
    try:
        return await ledger_check.compare(bundle.state, clients)
    finally:
        for client in clients.values():
            await client.aclose()
