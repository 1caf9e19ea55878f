"""`--live` without `--confirm`: the plan on the terminal, with what is missing. Nothing is moved and no row runs.

Owns the layout of the plan on the terminal. It reads the provider's account and nothing else over the network.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.core.errors import PaygateError
from pytest_paygate.core.plan import bound_sha256, plan_lines

if TYPE_CHECKING:
    from pytest_paygate.plugin.runs import GateFolder, Runs


def show(config: pytest.Config, runs: Runs) -> None:
    """Print the plan of every gate that was collected."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for folder in runs.folders.values():
        try:
            lines = asyncio.run(_lines(config, runs, folder))
        except PaygateError as error:
            lines = str(error).splitlines()
        if reporter is not None:
            _print(reporter, folder, lines)


async def _lines(config: pytest.Config, runs: Runs, folder: GateFolder) -> list[str]:
    from pytest_paygate.exposure import preview

    told = await preview.preview(
        runs.live_environment(),
        preview.Project(
            root=config.rootpath,
            reports=runs.choice.reports,
            settings_file=runs.settings_file,
            store_dsn=runs.store_dsn,
        ),
        folder.path,
        folder.gate,
        folder.gate_sha256,
        now=datetime.now(UTC),
    )
    lines = [f"  {label:<12} {value}" for label, value in plan_lines(told.bound)]
    lines.append(f"  {'plan':<12} sha256 {bound_sha256(told.bound)}")
    lines += [f"  {'approved by':<12} {', '.join(told.approvers) or 'nobody yet'}"]
    lines += [f"  {'open':<12} {', '.join(told.exposures_open) or 'no exposure in this environment'}"]
    lines += [f"  {'left':<12} {told.capacity}"] if told.capacity else []
    lines += [f"  {'missing':<12} {one}" for one in told.missing]
    lines += ["", "  Nothing was sent that moves money. To go on, add --confirm."]
    return lines


def _print(reporter: Any, folder: GateFolder, lines: list[str]) -> None:
    reporter.write_line("")
    reporter.write_sep("=", f"PLAN of gate {folder.gate.id}: nothing is moved", bold=True, yellow=True)
    for line in lines:
        reporter.write_line(line)
