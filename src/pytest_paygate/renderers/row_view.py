"""One row of the session report as plain values: status, what was observed, where to read on, and its proofs. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.events import RowStatus
from pytest_paygate.core.facts import shown
from pytest_paygate.core.proof import tally
from pytest_paygate.renderers import session_log
from pytest_paygate.renderers.proof_view import ProofView, proof_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.core.gate import Gate, Row
    from pytest_paygate.core.run import RunState
    from pytest_paygate.core.verdict import Judgement

MISSING = "—"
# Stands for the place in a trace where the session log is named; no fact can hold it.
_LOG = "\x00"


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the table. Its trace is text around `log`, the line range in the session log from `first_line` on.

    `checks` are those that were made, each with whether it held and its statement.
    """

    number: str
    row_id: str
    title: str
    status: RowStatus
    observed: str
    trace_before: str
    log: str
    trace_after: str
    first_line: str
    reason: str
    expected: str
    seen: str
    seconds: str
    facts: tuple[tuple[str, str], ...]
    checks: tuple[tuple[bool, str], ...]
    proofs: tuple[ProofView, ...]
    tally: str


def row_view(state: RunState, gate: Gate, row: Row, judgement: Judgement) -> RowView:
    """The view of one row.

    Args:
        state: the run.
        gate: its gate.
        row: the row.
        judgement: the verdict, which knows what is waived.
    """
    known = state.rows[row.id]
    began = known.first is not None
    log = session_log.reference(known) if began else ""
    facts = _Known({**{name: shown(value) for name, value in known.facts.items()}, "log": _LOG})
    trace = row.trace.format_map(facts) if began else MISSING
    if began and MISSING in trace:
        # A trace that names a fact the row did not record still points into the session log.
        trace = _LOG
    before, _, after = trace.partition(_LOG)
    waiver = judgement.waived.get(row.id)
    told = [known.reason] if known.reason else []
    return RowView(
        number=gate.number(row.id),
        row_id=row.id,
        title=row.title,
        status=known.status if waiver is None else RowStatus.WAIVED,
        observed=row.observed.format_map(facts).replace(_LOG, log) if known.facts else MISSING,
        trace_before=before,
        log=log,
        trace_after=after.replace(_LOG, log),
        first_line="" if known.first is None else f"{known.first + 1:05d}",
        reason="; ".join(told if waiver is None else [f"was {known.status}", *told, waiver.told()]),
        expected=known.expected,
        seen=known.observed,
        seconds=f"{known.elapsed_seconds:.2f} s" if known.first is not None and known.elapsed_seconds else MISSING,
        facts=tuple((name, shown(value)) for name, value in known.facts.items()),
        checks=tuple((name != known.failed_check, holds) for name, holds in known.checks.items()),
        proofs=tuple(proof_view(proof) for proof in known.proofs),
        tally=tally(known.proofs) if known.proofs else "",
    )


class _Known(defaultdict[str, str]):
    """Facts of a row for its templates; one that was not recorded shows as a dash."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        super().__init__(lambda: MISSING, facts)
