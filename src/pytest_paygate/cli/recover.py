"""`paygate recover`: settles what runs left open. Never buys; the second time it does nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.run_directory import RunDirectory, journals
from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.core.environment import secrets_of
from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.exposure_events import Rescuer
from pytest_paygate.core.settlement import SettleOutcome
from pytest_paygate.core.verdict import EXIT_CODES, Verdict
from pytest_paygate.exposure import recovery
from pytest_paygate.exposure.capacity import Capacity
from pytest_paygate.exposure.capacity_verdicts import note
from pytest_paygate.exposure.lock_keeper import LockKeeper
from pytest_paygate.exposure.stores import store_of
from pytest_paygate.reporting import run_reports

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_paygate.cli.project import Project
    from pytest_paygate.core.environment import Environment


@click.command()
@click.argument("run_ids", nargs=-1, metavar="[RUN]...")
@click.option("--env", "environment_name", default="", metavar="NAME", help="Environment; default: live_env.")
@click.option(
    "--patience", type=float, default=300.0, show_default=True, metavar="SECONDS", help="How long before it escalates."
)
@click.option("--reports", default="", metavar="DIR", help="Where runs are; default: reports/.")
@told
def recover(*, run_ids: tuple[str, ...], environment_name: str, patience: float, reports: str) -> None:
    """Refund and close whatever runs of an environment have left open.

    Exit code 0 when nothing is open any more, 23 when money is outstanding, 2 when it was refused.
    """
    project = open_project(reports=reports)
    environment = project.environment(environment_name)
    sys.exit(asyncio.run(_recover(project, environment, run_ids, patience)))


async def _recover(project: Project, environment: Environment, run_ids: Iterable[str], patience_seconds: float) -> int:
    keeper = LockKeeper(lambda: store_of(project.reports, project.store_dsn()))
    try:
        known = await keeper.call(keeper.store.exposures(environment.name))
        noted_open = [record.run_id for record in known if record.settled_at is None]
        folders = {path.parent.name: path.parent for path in journals(project.reports)}
        chosen = list(run_ids) or [run_id for run_id in folders if is_open(folders[run_id], environment)]
        chosen += [run_id for run_id in noted_open if run_id not in chosen and not run_ids]
        counted = environment.live.capacity is not None
        if not chosen and not (counted and await _has_open_units(keeper, environment)):
            click.echo(f"nothing is open in {environment.name}")
            return 0
        await keeper.take(environment.name, f"paygate recover on {socket.gethostname()}, process {os.getpid()}")
        left = 0
        for run_id in chosen:
            left += await _one(project, environment, keeper, run_id, folders, patience_seconds)
        if counted:
            await _note_capacity(project, environment, keeper)
        return EXIT_CODES[Verdict.ESCALATED] if left else 0
    finally:
        keeper.close()


async def _has_open_units(keeper: LockKeeper, environment: Environment) -> bool:
    """Whether a run has taken a unit of capacity of which nothing more is noted."""
    book = await keeper.call(keeper.store.capacity.read(environment.name))
    return any(unit.is_open for unit in book.units.values())


async def _note_capacity(project: Project, environment: Environment, keeper: LockKeeper) -> None:
    """Note what became of taken units; money is settled by now, so a log that fails is only told of."""
    capacity = Capacity(lambda: keeper.store.capacity, environment.name, environment.live.capacity)
    try:
        told = await keeper.call(note(capacity, project.reports, environment.name, has_lock=True))
    except PaygateError as error:
        told = [error.refusal.text()]
    for line in told:
        click.echo(f"capacity: {line}")


async def _one(  # noqa: PLR0913, PLR0917 - what one rescue is made of
    project: Project,
    environment: Environment,
    keeper: LockKeeper,
    run_id: str,
    folders: dict[str, Path],
    patience_seconds: float,
) -> int:
    """Settle one run; 1 when something of it is still open."""
    folder = folders.get(run_id)
    if folder is None:
        click.echo(f"{run_id}: its journal is not here; look on the machine that ran it, or use `paygate orphans`")
        return 1
    directory = RunDirectory(project.reports, folder.parent.name, run_id)
    try:
        done = await recovery.rescue(
            directory, environment, by=Rescuer.RECOVER, clock=SystemClock(), give_up_seconds=patience_seconds
        )
    except PaygateError as error:
        click.echo(f"{run_id}:\n{error.refusal.text()}", err=True)
        return 1
    if done.outcome is not None:
        run_reports.write(project.reports, run_id, [folder.parent.name], secrets=secrets_of(environment))
    if done.outcome is SettleOutcome.ESCALATED:
        click.echo(f"{run_id}: ESCALATED, money is outstanding; see incident.md in {directory.path}")
        return 1
    await keeper.call(keeper.store.settle_exposure(environment.name, run_id, datetime.now(UTC)))
    charges = done.state.exposure.charges.values()
    returned = ", ".join(f"{charge.charge_id} {charge.amount}" for charge in charges) or "no charge was found"
    click.echo(f"{run_id}: {'nothing was open' if done.outcome is None else f'settled: {returned}'}")
    return 0


def is_open(folder: Path, environment: Environment) -> bool:
    """Whether a run of this environment has anything open; one that cannot be read counts as open."""
    try:
        state = recovery.read_state(folder)
    except PaygateError:
        return True
    started = state.started
    mine = started is not None and started.environment == environment.name
    return mine and state.is_guarded and state.exposure.is_open
