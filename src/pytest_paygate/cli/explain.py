"""`paygate explain RUN ROW`: why a row has its status, what is missing, what to do next. Reads the journal alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pytest_paygate.cli.refusals import told
from pytest_paygate.cli.runs import loaded
from pytest_paygate.core.errors import configuration, nearest
from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.facts import shown
from pytest_paygate.core.inert import terminal_text
from pytest_paygate.core.proof import rests_on
from pytest_paygate.core.run import RunState, missing_evidence
from pytest_paygate.core.verdict import judge
from pytest_paygate.renderers import session_log
from pytest_paygate.renderers.action_items import NEXT_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.events import Entry
    from pytest_paygate.core.gate import Gate, Row


@click.command()
@click.argument("run")
@click.argument("row")
@click.option("--reports", default="reports", show_default=True, metavar="DIR", help="Where runs are.")
@told
def explain(*, run: str, row: str, reports: str) -> None:
    """Say why a ROW of a RUN has its status.

    RUN is a run's id or folder, or a gate's id for its newest run. ROW is an id or a number, such as order, 3 or P1.
    """
    found = loaded(run, reports)
    if found.state.gate is None:
        raise RuntimeError("a run that was loaded has a gate")
    for line in explanation(found.state, found.state.gate, _row(found.state.gate, row), found.entries):
        click.echo(terminal_text(line))


def explanation(state: RunState, gate: Gate, row: Row, entries: tuple[Entry, ...]) -> Iterator[str]:
    """The explanation, line by line.

    Args:
        state: the run.
        gate: its gate.
        row: the row that is asked about.
        entries: the whole journal.
    """
    known = state.rows[row.id]
    waiver = judge(state).waived.get(row.id)
    yield f"{gate.number(row.id)} {row.id} — {row.title}: {known.status if waiver is None else RowStatus.WAIVED}"
    if state.damage:
        yield f"  damaged   {state.damage}; what follows is what stands before it"
    if waiver is not None:
        yield f"  waiver    was {known.status}, {waiver.told()}"
    for label, text in (("because", known.reason), ("expected", known.expected), ("observed", known.observed)):
        if text:
            yield f"  {label:<9} {text}"
    yield from _evidence(state, gate, row)
    for criterion in gate.criteria:
        if row.id in criterion.rows or criterion.whole_walkthrough or criterion.preflight:
            yield f"  counts in {criterion.id} ({criterion.owner})"
    yield f"  next      {NEXT_STEPS[known.status]}"
    if known.first is not None and known.last is not None:
        yield f"  log       {session_log.reference(known)}"
        for entry in entries[known.first : known.last + 1]:
            yield f"    {session_log.line(entry, replace(state, open_row=row.id))}"


def _evidence(state: RunState, gate: Gate, row: Row) -> Iterator[str]:
    """What the row has recorded, what it has not, and what it waits for."""
    missing = missing_evidence(state, gate, row.id)
    if missing:
        yield f"  missing   {', '.join(missing)}"
    for name, value in state.rows[row.id].facts.items():
        yield f"  fact      {name} = {shown(value)}"
    for need in row.needs:
        if state.rows[need].status is not RowStatus.PASS:
            yield f"  needs     {gate.number(need)} ({need}), which is {state.rows[need].status}"
    for proof in state.rows[row.id].proofs:
        told = "; ".join(part for part in (proof.detail, rests_on(proof)) if part)
        yield f"  proof     {proof.name} ({proof.source}) {proof.status}{f': {told}' if told else ''}"


def _row(gate: Gate, wanted: str) -> Row:
    for row in gate.all_rows():
        if wanted in {row.id, gate.number(row.id)}:
            return row
    ids = [row.id for row in gate.all_rows()]
    raise configuration(
        f"row {wanted!r}",
        "is not in the gate",
        expected=f"one of: {', '.join(ids)}.{nearest(wanted, ids)}",
        observed=repr(wanted),
        next_step="Name the row by its id or its number.",
    )
