"""Pages across runs: a gate's sessions, the go/no-go checklist of the launch, and the front page of the reports.

Rules:
- only a live run can say GO or NO-GO for a launch; without one the launch is PENDING, whatever a sandbox run says;
- each line names the run it rests on, its commit and when it was obtained.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_paygate.renderers import templating
from pytest_paygate.renderers.view import BANNERS, SIGNS, clock_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.events import Mode
    from pytest_paygate.core.history import HistoryLine
    from pytest_paygate.core.launch import Launch, LaunchLine
    from pytest_paygate.renderers.view import CriterionView

_SESSIONS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A run whose journal cannot be trusted, and why. `mode` is its life, None where that is not known."""

    gate_id: str
    run_id: str
    reason: str
    word: str = "UNREADABLE"
    mode: Mode | None = None


def quarantined(gate_id: str, run_id: str, mode: Mode) -> UnreadableRun:
    """A run in whose files a secret was found: it counts for nothing, and nobody is sent to read it."""
    return UnreadableRun(gate_id, run_id, "a secret was found in its files", "QUARANTINED", mode)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A run that decides nothing, with its criteria."""

    line: HistoryLine
    criteria: tuple[CriterionView, ...]


@dataclass(frozen=True, slots=True)
class Checklist:
    """What the go/no-go page shows."""

    launch: Launch
    rehearsed: tuple[Rehearsed, ...]
    unreadable: tuple[UnreadableRun, ...] = ()


def sessions(gate_id: str, runs: Sequence[HistoryLine], unreadable: Sequence[UnreadableRun]) -> str:
    """`sessions.md` of one gate.

    Args:
        gate_id: the gate.
        runs: its readable runs, newest first.
        unreadable: its other runs.
    """
    return templating.markdown("sessions.md", {"gate_id": gate_id, "runs": runs, "unreadable": unreadable, **_WORDS})


def go_no_go_markdown(checklist: Checklist) -> str:
    """`go-no-go.md`."""
    return templating.markdown("go_no_go.md", _checklist(checklist))


def go_no_go_html(checklist: Checklist) -> str:
    """`go-no-go.html`."""
    return templating.html("go_no_go.html", _checklist(checklist))


def front_page(launch: Launch, runs: Sequence[HistoryLine], unreadable: Sequence[UnreadableRun]) -> str:
    """`index.html` of the reports folder: the launch, every gate, and the newest sessions.

    Args:
        launch: the checklist's decision.
        runs: every readable run, newest first.
        unreadable: the others.
    """
    return templating.html(
        "index.html",
        {"launch": launch, "runs": runs[:_SESSIONS_SHOWN], "count": len(runs), "unreadable": unreadable, **_WORDS},
    )


def age(line: LaunchLine, now: datetime) -> str:
    """How old a line is, in words; nothing when it has no time."""
    try:
        then = datetime.fromisoformat(line.at)
    except ValueError:
        return ""
    hours = (now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _checklist(checklist: Checklist) -> dict[str, object]:
    return {
        "launch": checklist.launch,
        "lines": [(line, age(line, checklist.launch.as_of)) for line in checklist.launch.lines],
        "as_of": clock_time(checklist.launch.as_of.isoformat(timespec="seconds")),
        "rehearsed": checklist.rehearsed,
        "unreadable": checklist.unreadable,
        **_WORDS,
    }


_WORDS: dict[str, object] = {
    "word": lambda line: BANNERS[line.mode][0],
    "sign": lambda verdict: SIGNS[verdict],
    "clock_time": clock_time,
}
