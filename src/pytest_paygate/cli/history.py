"""`paygate history`: the runs there have been, newest first, with a line of how the last ones went."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_paygate.cli.refusals import told
from pytest_paygate.core.history import RUNS_MAX
from pytest_paygate.core.inert import terminal_text
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.renderers.plain_text import csv_cell, sparkline
from pytest_paygate.reporting.index_writing import known_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

from pytest_paygate.core.history import HistoryLine

COLUMNS = ("run", "gate", "environment", "mode", "verdict", "rows", "seconds", "started", "commit")


@click.command()
@click.argument("gate", required=False, default="")
@click.option("--env", "environment", default="", metavar="NAME", help="Runs of this environment only.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many runs.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def history(*, gate: str, environment: str, limit: int, form: str, reports: str) -> None:
    """Show the runs of a GATE, or of all."""
    runs = known_runs(Path(reports))
    wanted = [line for line in runs.lines if gate in {"", line.gate} and environment in {"", line.environment}]
    shown = wanted[:limit]
    if form == "csv":
        sys.stdout.write(as_csv(shown))
    elif form == "json":
        click.echo(json.dumps([line.model_dump(mode="json") for line in shown], indent=2, ensure_ascii=False))
    else:
        for told_line in as_table(shown, wanted[:RUNS_MAX]):
            click.echo(told_line)
        for broken in runs.unreadable:
            click.echo(f"{broken.word} {terminal_text(f'{broken.gate_id}/{broken.run_id}: {broken.reason}')}")


def as_table(shown: Sequence[HistoryLine], last: Sequence[HistoryLine]) -> list[str]:
    """The table for a terminal: plain text, whatever the journals say.

    Args:
        shown: the runs to list, newest first.
        last: the runs of the sparkline, newest first.
    """
    if not shown:
        return ["No run yet."]
    cells = [COLUMNS, *(_cells(line) for line in shown)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(COLUMNS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    passed = sum(line.verdict is Verdict.PASS for line in last)
    line = sparkline([one.seconds for one in reversed(last)])
    return [*table, "", f"last {len(last)}: {passed} PASS   duration {line} (oldest to newest)"]


def as_csv(shown: Sequence[HistoryLine]) -> str:
    """The same for a spreadsheet: no cell can become a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in shown:
        writer.writerow([csv_cell(cell) for cell in _cells(line)])
    return out.getvalue()


def _cells(line: HistoryLine) -> tuple[str, ...]:
    cells = (
        line.run_id,
        line.gate,
        line.environment,
        line.mode.value.upper(),
        line.verdict.value,
        f"{line.passed}/{line.rows}",
        f"{line.seconds:.1f}",
        line.started_at,
        line.commit[:12],
    )
    return tuple(terminal_text(cell) for cell in cells)
