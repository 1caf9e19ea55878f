"""Rebuilding the pages across runs: each gate's sessions, the launch checklist, and the front page.

Sessions are listed from the history and, for runs that are not in it, from their journals; the launch is decided from
journals and bundles alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.adapters.report_logs import history
from pytest_paygate.adapters.run_directory import journals, replace_whole
from pytest_paygate.core.bundle import is_quarantined
from pytest_paygate.core.errors import JournalError, PaygateError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.history import HistoryLine, line_of, newest_first
from pytest_paygate.core.verdict import is_for_launch
from pytest_paygate.renderers import index_pages, planted_faults
from pytest_paygate.reporting import launching
from pytest_paygate.reporting.reading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """Every run below a reports folder, newest first: those that can be read, and those that cannot."""

    lines: tuple[HistoryLine, ...]
    unreadable: tuple[index_pages.UnreadableRun, ...]

    def of_unknown(self, gate: str, counts: Callable[[Mode], bool]) -> Iterator[index_pages.UnreadableRun]:
        """Runs of a gate that may count and cannot be read: those of a mode that counts, or of one nobody knows.

        Args:
            gate: the gate's id.
            counts: says of a mode whether it counts.
        """
        for run in self.unreadable:
            if run.gate_id == gate and (run.mode is None or counts(run.mode)):
                yield run

    def gates(self) -> list[str]:
        """Every gate that has a run."""
        return sorted({*(line.gate for line in self.lines), *(run.gate_id for run in self.unreadable)})


def known_runs(root: Path) -> KnownRuns:
    """Every run there is.

    Args:
        root: the reports folder.
    """
    told = {(line.gate, line.run_id): line for line in newest_first(history(root))}
    unreadable = []
    for path in journals(root):
        key = (path.parent.parent.name, path.parent.name)
        if key in told:
            continue
        try:
            run = load(path.parent)
            shut = is_quarantined(file.name for file in path.parent.iterdir())
        except (JournalError, ValueError, OSError) as error:
            unreadable.append(index_pages.UnreadableRun(*key, str(error).splitlines()[0]))
            continue
        if shut:
            unreadable.append(index_pages.quarantined(*key, run.state.mode))
        else:
            told[key] = line_of(run.state, run.entries[-1].elapsed_seconds)
    return KnownRuns(tuple(newest_first(told.values())), tuple(unreadable[::-1]))


def newest_live(root: Path, runs: KnownRuns) -> dict[str, Path | None]:
    """The folder of each gate's newest live run.

    A run that cannot be read counts as live when it is newer than every one that can: what it did is not known, and
    nothing older may decide in its place.
    """
    found: dict[str, Path | None] = {}
    for gate in runs.gates():
        live = [line.run_id for line in runs.lines if line.gate == gate and is_for_launch(line.mode)]
        live += [run.run_id for run in runs.of_unknown(gate, is_for_launch)] if live else []
        found[gate] = root / gate / max(live) if live else None
    return found


def write_indexes(root: Path, gate_ids: Sequence[str], now: datetime) -> str:
    """Rebuild the pages across runs.

    Args:
        root: the reports folder.
        gate_ids: the gates whose lists of sessions have changed.
        now: the time they are made.

    Returns:
        What could not be written, or nothing.
    """
    runs = known_runs(root)
    try:
        for gate_id in gate_ids:
            mine = [line for line in runs.lines if line.gate == gate_id]
            damaged = [run for run in runs.unreadable if run.gate_id == gate_id]
            replace_whole(root / gate_id / "sessions.md", index_pages.sessions(gate_id, mine, damaged).encode())
        checklist = index_pages.Checklist(
            launching.gather(root, newest_live(root, runs)).decide(now), _rehearsed(root, runs), runs.unreadable
        )
        replace_whole(root / "go-no-go.md", index_pages.go_no_go_markdown(checklist).encode())
        replace_whole(root / "go-no-go.html", index_pages.go_no_go_html(checklist).encode())
        front = index_pages.front_page(checklist.launch, runs.lines, runs.unreadable)
        replace_whole(root / "index.html", front.encode())
        replace_whole(root / planted_faults.PAGE, planted_faults.as_html().encode())
    except PaygateError as error:
        return error.refusal.refused
    return ""


def _rehearsed(root: Path, runs: KnownRuns) -> tuple[index_pages.Rehearsed, ...]:
    """The newest run of each gate in each life that decides nothing, with its criteria."""
    newest = {(line.gate, line.mode): line for line in reversed(runs.lines) if not is_for_launch(line.mode)}
    found = []
    for line in sorted(newest.values(), key=lambda one: (one.gate, list(Mode).index(one.mode))):
        try:
            found.append(index_pages.Rehearsed(line, load(root / line.gate / line.run_id).view().criteria))
        except (JournalError, ValueError):
            # Archived and taken away: the history still tells its verdict.
            found.append(index_pages.Rehearsed(line, ()))
    return tuple(found)
