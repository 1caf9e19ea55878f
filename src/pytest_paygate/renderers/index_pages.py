"""Pages across runs: a gate's sessions, newest first, and the go/no-go checklist of all gates.

Rules:
- only a live run can say GO or NO-GO for a launch; without one the launch is PENDING, whatever a sandbox run says;
- each line names the run it rests on, its environment and commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.verdict import Decision, is_for_launch
from pytest_paygate.renderers import templating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.renderers.view import ReportView


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A run whose journal cannot be trusted, and why."""

    gate_id: str
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaunchLine:
    """The launch decision of one gate: from its newest live run, or PENDING."""

    gate_id: str
    title: str
    decision: str
    why: str
    run: ReportView | None
    rehearsed: tuple[ReportView, ...]


def sessions(gate_id: str, runs: Sequence[ReportView], unreadable: Sequence[UnreadableRun]) -> str:
    """`sessions.md` of one gate.

    Args:
        gate_id: the gate.
        runs: its readable runs, newest first.
        unreadable: its other runs.
    """
    return templating.markdown("sessions.md", {"gate_id": gate_id, "runs": runs, "unreadable": unreadable})


def launch_lines(runs: Sequence[ReportView]) -> tuple[LaunchLine, ...]:
    """One line for each gate, from runs of any gates, newest first."""
    lines = []
    for gate_id in sorted({run.gate_id for run in runs}):
        mine = [run for run in runs if run.gate_id == gate_id]
        live = [run for run in mine if is_for_launch(run.mode)]
        newest = {run.mode: run for run in reversed(mine) if not is_for_launch(run.mode)}
        decision, why = str(Decision.PENDING), "no live run yet"
        if live:
            decision, why = live[0].decision, live[0].sentence
        lines.append(
            LaunchLine(gate_id, mine[0].gate_title, decision, why, live[0] if live else None, tuple(newest.values()))
        )
    return tuple(lines)


def go_no_go_markdown(lines: Sequence[LaunchLine]) -> str:
    """`go-no-go.md`."""
    return templating.markdown("go_no_go.md", {"lines": lines})


def go_no_go_html(lines: Sequence[LaunchLine]) -> str:
    """`go-no-go.html`."""
    return templating.html("go_no_go.html", {"lines": lines})
