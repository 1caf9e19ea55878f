"""Reading runs back from disk for whoever shows them: strictly where it can be, as far as it goes where it cannot.

A run of which only a part can be believed is shown with that part, and is never better than INCOMPLETE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.adapters.journal_file import read_run_as_far
from pytest_paygate.core.run import RunState, fold_as_far
from pytest_paygate.renderers.view import ReportView, view

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.events import Entry


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run as it can be shown. `state.damage` says what of its journal is not believed; `files` counts its files."""

    folder: Path
    state: RunState
    entries: tuple[Entry, ...]
    head: str
    torn_bytes: int
    files: int

    def view(self) -> ReportView:
        """What its report shows.

        Raises:
            ValueError: when it holds no run.
        """
        return view(self.state, self.head, self.torn_bytes, self.entries)


def load(folder: Path) -> LoadedRun:
    """Read one run back, from the first of its journal files on.

    Raises:
        JournalError: when a file cannot be read.
        ValueError: when it holds no run.
    """
    found = read_run_as_far(folder)
    state = fold_as_far(found.journal.entries, found.damage)
    if state.started is None:
        raise ValueError(f"no run can be read from {folder.name}: {state.damage or 'its journal is empty'}")
    return LoadedRun(folder, state, found.journal.entries, found.journal.head, found.journal.torn_bytes, found.files)
