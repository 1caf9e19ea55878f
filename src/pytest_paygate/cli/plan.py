"""`paygate plan`: writes a plan file, which others approve. Reads the provider's account; moves nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from pytest_paygate.adapters.approval_files import write_plan
from pytest_paygate.cli.project import open_project
from pytest_paygate.cli.refusals import told
from pytest_paygate.core.plan import bound_sha256, plan_lines
from pytest_paygate.exposure import planning, preview


@click.command()
@click.option("--env", "environment_name", default="", metavar="NAME", help="Environment; default: live_env.")
@click.option("--gate", "gate_folder", default="", metavar="FOLDER", help="Gate folder; default: default_gate.")
@click.option("--by", "requester", default="", metavar="NAME", help="Who asks; default: git's user.email.")
@told
def plan(*, environment_name: str, gate_folder: str, requester: str) -> None:
    """Write down what a live run would do, for others to approve."""
    project = open_project()
    environment = project.environment(environment_name)
    folder, gate, gate_sha256 = project.gate(gate_folder)
    now = datetime.now(UTC)
    home = preview.Project(project.root, project.reports, project.settings_file, project.store_dsn())
    found = asyncio.run(preview.preview(environment, home, folder, gate, gate_sha256, now=now))
    made = planning.new_plan(found.bound, requester=requester or planning.requester_of(project.root), now=now)
    path = write_plan(project.root, made)
    for label, value in plan_lines(made.bound):
        click.echo(f"  {label:<12} {value}")
    if found.capacity:
        click.echo(f"  {'left':<12} {found.capacity}")
    click.echo(f"  {'requester':<12} {made.requester}")
    click.echo(f"  {'plan':<12} sha256 {bound_sha256(made.bound)}")
    click.echo(f"  {'deadlines':<12} approve by {made.approve_by}, carry out by {made.execute_by}")
    click.echo(f"\nwritten to {path}\nnext: paygate approve {path}")
