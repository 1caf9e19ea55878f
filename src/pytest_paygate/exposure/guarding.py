"""What the guardian does once the test process is gone: the rescue of one run, then its reports.

Runs in the guardian's process only. Its messages go to the run's guardian.log; it has no terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.run_directory import RunDirectory
from pytest_paygate.core.environment import Environment, LiveRules, Payer, ProviderAccess, secrets_of
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.exposure_events import Rescuer
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.settlement import SettleOutcome
from pytest_paygate.exposure import recovery
from pytest_paygate.exposure.recording import Unjournalled
from pytest_paygate.exposure.stores import store_of
from pytest_paygate.reporting import run_reports

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED = ("providers.stripe", "providers.hyperswitch", "adapters.http", "adapters.store_file")


def prepare(duty: Mapping[str, Any]) -> str:
    """Load everything a rescue needs, and look once with the keys it would use.

    Returns:
        Why a rescue would not work, or nothing: it is told before money moves.
    """
    for name in _NEEDED:
        import_module(f"pytest_paygate.{name}")
    try:
        return asyncio.run(_look(duty))
    except PaygateError as error:
        return error.refusal.refused


async def _look(duty: Mapping[str, Any]) -> str:
    state = recovery.read_state(directory_of(duty).path)
    environment = environment_of(duty["environment"])
    looks = recovery.witnesses_of(state, environment, Unjournalled(), SystemClock(), for_refunds=True)
    try:
        await looks.look()
        return looks.problem
    finally:
        await looks.aclose()


def settle_now(duty: Mapping[str, Any]) -> int:
    """Settle the run and report on it; the exit code says whether anything is left open."""
    directory = directory_of(duty)
    environment = environment_of(duty["environment"])
    _tell(f"the test process is gone; settling run {directory.path.name}")
    try:
        done = asyncio.run(
            recovery.rescue(directory, environment, by=Rescuer.GUARDIAN, clock=SystemClock()),
        )
    except PaygateError as error:
        _tell(str(error))
        return 1
    if done.outcome is None:
        _tell("nothing was open")
        note_settled(duty)
        return 0
    _tell(f"{done.outcome}: {len(done.state.exposure.charges)} charges")
    gate_ids = [str(duty["gate_id"])]
    run_reports.write(directory.root, directory.path.name, gate_ids, secrets=secrets_of(environment))
    if done.outcome is SettleOutcome.SETTLED:
        note_settled(duty)
        return 0
    return 1


def note_settled(duty: Mapping[str, Any]) -> None:
    """Note in the store that nothing of the run is open any more; where that fails, `paygate recover` does it."""
    with contextlib.suppress(PaygateError):
        asyncio.run(_note_settled(duty))


async def _note_settled(duty: Mapping[str, Any]) -> None:
    told = duty["environment"]
    store = store_of(Path(duty["reports"]), Secret(told["store_dsn"], "guardian") if told["store_dsn"] else None)
    try:
        await store.settle_exposure(str(told["name"]), str(duty["run_id"]), datetime.now(UTC))
    finally:
        await store.aclose()


def directory_of(duty: Mapping[str, Any]) -> RunDirectory:
    """The run's folder."""
    return RunDirectory(Path(duty["reports"]), str(duty["gate_id"]), str(duty["run_id"]))


def environment_of(told: Mapping[str, Any]) -> Environment:
    """The environment as it came through the pipe."""
    return Environment(
        name=told["name"],
        mode=Mode(told["mode"]),
        base_url=told["base_url"],
        payer=Payer.PERSON,
        ca_file=told["ca_file"],
        providers={
            name: ProviderAccess(
                name, Secret(access["key"], "guardian"), access["base_url"], access["account"], access["dashboard_url"]
            )
            for name, access in told["providers"].items()
        },
        live=LiveRules(late_charge_seconds=float(told["late_charge_seconds"])),
    )


def _tell(text: str) -> None:
    print(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log
