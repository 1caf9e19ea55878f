"""What the operator's page shows, as plain values: the open question, the waits, the rows, and how it ended.

Owns the shapes that cross between the seat that serves the page and the renderer that draws it. Nothing here can pay,
and nothing here is a secret but the form's own token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_paygate.core.seats import Card
    from pytest_paygate.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """The card that is open now.

    Args:
        number: counts the cards of a session, so that two of them can be told apart.
        card: what is put before the person.
        form: the one-time token its answer must carry; empty while what was sent last is being taken.
        left_seconds: how long it stays open, at least 0.
        ends_at: when it closes, in UTC, for display.
    """

    number: int
    card: Card
    form: str
    left_seconds: float
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence for the person, with the moment it was said."""

    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row of a gate: its number in the gate, its title, its status as a word, and a sign beside that word."""

    number: str
    title: str
    status: str
    sign: str


@dataclass(frozen=True, slots=True)
class GateTable:
    """One gate of the session.

    Args:
        gate_id: the gate's id.
        title: its title.
        mode: `sandbox`, `staging`, `rehearsal` or `live`; empty while its first row has not begun.
        environment: what it runs against.
        run_id: the run, empty while its first row has not begun.
        preflight: its pre-flight rows.
        rows: the rows of its session report.
    """

    gate_id: str
    title: str
    mode: str
    environment: str
    run_id: str
    preflight: Sequence[RowLine]
    rows: Sequence[RowLine]


@dataclass(frozen=True, slots=True)
class Ending:
    """How one gate ended: the line the terminal shows too, and the verdict as far as it may be believed."""

    headline: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PageView:
    """The whole page at one moment.

    Args:
        now: the moment, in UTC.
        question: the card that is open, None when nothing is asked.
        last: what became of the card before; empty when there was none.
        told: what was said to the person, oldest first.
        waits: each wait that is worth a line.
        gates: every gate of the session.
        endings: how each ended; empty until the session is over.
        is_over: whether the session has ended.
    """

    now: datetime
    question: Question | None
    last: str
    told: Sequence[Told]
    waits: Sequence[str]
    gates: Sequence[GateTable]
    endings: Sequence[Ending]
    is_over: bool
