"""How `paygate watch` shows itself: a live table on a terminal, plain lines everywhere else.

Owns the choice between the two and their forms. What stands in them comes from `core.board`, whose names are plain.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, Self

from pytest_paygate.core.board import status_shown
from pytest_paygate.core.window import OK, latency_shown

if TYPE_CHECKING:
    from rich.table import Table

    from pytest_paygate.core.board import Board
    from pytest_paygate.core.window import Sample

SUMMARY_SECONDS = 60.0
FRAMES_PER_SECOND = 4


class Display(Protocol):
    """Where the person, or the log of a service, sees what happens. Entered while the watch runs."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def seen(self, sample: Sample, change: str) -> None:
        """One look; `change` is a sentence when it brought something new."""

    def tell(self, sentence: str) -> None:
        """Something worth a line."""


def display_for(board: Board, *, plain: bool, each: bool) -> Display:
    """The table on a terminal that can move its cursor and whose owner wants colour; lines elsewhere.

    Args:
        board: what is shown.
        plain: lines in any case.
        each: a line for every look, not only for changes.
    """
    wanted = not plain and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return LiveTable(board) if wanted and os.environ.get("TERM", "dumb") != "dumb" else Lines(board, each=each)


class Lines:
    """One line for each change and each trouble, and a summary a minute. What cannot be written stops nothing."""

    def __init__(self, board: Board, *, each: bool) -> None:
        self._board, self._each = board, each
        self._unsaid = 0
        self._next_summary = time.monotonic() + SUMMARY_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def seen(self, sample: Sample, change: str) -> None:
        """A line when it is worth one."""
        if self._each:
            self.tell(f"{sample.endpoint}: {status_shown(sample.status)} after {sample.latency_ms:.0f} ms")
        elif change:
            self.tell(change)
        if time.monotonic() >= self._next_summary:
            self._next_summary = time.monotonic() + SUMMARY_SECONDS
            self.tell(self._board.summary())

    def tell(self, sentence: str) -> None:
        """A line with its time, at once also when a file or a pipe takes it.

        Past Python's buffer, which would keep what a full disk refuses and fail again with every line and at the end.
        """
        unsaid = f" ({self._unsaid} lines before this one could not be written)" if self._unsaid else ""
        line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {sentence}{unsaid}\n"
        try:
            os.write(sys.stdout.fileno(), line.encode())
            self._unsaid = 0
        except OSError:
            self._unsaid += 1


class LiveTable:
    """A table that is drawn again and again, with the lines worth keeping above it."""

    def __init__(self, board: Board) -> None:
        from rich.console import Console
        from rich.live import Live

        self._board = board
        self._console = Console()
        self._live = Live(
            console=self._console, refresh_per_second=FRAMES_PER_SECOND, get_renderable=self._table, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def seen(self, sample: Sample, change: str) -> None:
        """The next frame shows the look; a change stays above the table."""
        del sample
        if change:
            self.tell(change)

    def tell(self, sentence: str) -> None:
        """A line above the table."""
        at = datetime.now(UTC)
        self._console.print(f"{at:%H:%M:%SZ} {sentence}", markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("endpoint")
        table.add_column("answer")
        for name in ("last", "P95", "samples", "bad"):
            table.add_column(name, justify="right")
        table.add_column("at")
        for line in self._board.lines():
            good = line.last is not None and line.last.status == OK
            table.add_row(
                line.endpoint,
                line.status,
                "—" if line.last is None else f"{line.last.latency_ms:.0f} ms",
                latency_shown(line.p95_ms),
                str(line.samples),
                str(line.bad),
                "—" if line.last is None else f"{line.last.at:%H:%M:%SZ}",
                style="" if good or line.last is None else "red",
            )
        return table
