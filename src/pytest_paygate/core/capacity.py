"""The capacity log of an environment: who granted and overrode what, each charge taken, each verdict reached.

Owns the shape of a line and the fold of all of them into a `Book`. Decides nothing: what may be taken now is in
`core.capacity_rules`, where lines lie is the adapters' business.

Rules (each held by a test):
- what is left is counted from the log alone; nothing else says how much capacity there is;
- every line carries the hash of the one before, its number and its environment: a line that was edited, cut out,
  moved or brought from another environment refuses the whole log, and a refused log has nothing left;
- a unit is taken once by a run, and given back only by that run's line, for the grant it was taken from;
- an override lets one charge through and does not outlive any charge;
- a PASS lowers the pause level by one, once for each run, never below 0; no other verdict does.
Pure: bytes and times in, books out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, StoreError
from pytest_paygate.core.journal import GENESIS, line_hash, strict_json
from pytest_paygate.core.model import Field, Model, ValidationError
from pytest_paygate.core.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,199}$"


class Granted(Model):
    """A period begins: so many units until a moment. `pause_below` and `pause_level` are the rules it began with."""

    kind: Literal["granted"] = "granted"
    by: str = Field(pattern=NAME)
    reason: str = Field(pattern=NAME)
    units: int = Field(ge=1, le=100_000)
    budget: int = Field(ge=1, le=100_000)
    pause_below: int = Field(ge=0, le=100_000)
    pause_level: int = Field(ge=0, le=100_000)
    until: str


class Overridden(Model):
    """One charge below the threshold is let through by a person, until a moment, once."""

    kind: Literal["overridden"] = "overridden"
    by: str = Field(pattern=NAME)
    reason: str = Field(pattern=NAME)
    until: str


class Taken(Model):
    """A run has taken one unit, before its money moves. `override_seq` is the line of the override it used, if any."""

    kind: Literal["taken"] = "taken"
    run_id: str = Field(pattern=NAME)
    gate_id: str = Field(pattern=NAME)
    override_seq: int | None = None


class GivenBack(Model):
    """A run's unit comes back, because nothing can have been sent."""

    kind: Literal["given_back"] = "given_back"
    run_id: str = Field(pattern=NAME)
    reason: str = Field(pattern=NAME)


class Judged(Model):
    """A run that took a unit has its verdict."""

    kind: Literal["judged"] = "judged"
    run_id: str = Field(pattern=NAME)
    verdict: Verdict


CapacityEntry = Granted | Overridden | Taken | GivenBack | Judged


class CapacityLine(Model):
    """One line: its number, the hash of the line before, whose log it is, when (ISO 8601, UTC), and what."""

    seq: int
    prev: str
    environment: str
    at: str
    entry: Annotated[CapacityEntry, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Unit:
    """What became of the unit of one run. `grant_seq` is the line of the grant it was taken from."""

    run_id: str
    gate_id: str
    grant_seq: int
    returned: bool = False
    verdict: Verdict | None = None

    @property
    def is_open(self) -> bool:
        """Whether the run's last word is still to come."""
        return not self.returned and self.verdict in {None, Verdict.PENDING}


@dataclass(frozen=True, slots=True)
class Book:
    """An environment's capacity as its log tells it.

    `override` is the last one that no charge has come after, and `override_seq` its line; whether it is still in time
    is for whoever knows the time. `head` is the hash of the last line.
    """

    environment: str
    lines: tuple[CapacityLine, ...] = ()
    head: str = GENESIS
    grant: Granted | None = None
    grant_seq: int = -1
    left: int = 0
    pause_level: int = 0
    override: Overridden | None = None
    override_seq: int | None = None
    units: Mapping[str, Unit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Witness:
    """What a run's journal tells of the unit it took: in which log (its first line's hash), in which line, and when."""

    run_id: str
    at: datetime
    log_sha256: str
    line: int
    line_sha256: str


class IllegalLineError(ValueError):
    """A line that may not follow what came before. The message names the rule."""


def encode(book: Book, entry: CapacityEntry, at: datetime) -> bytes:
    """The next line of a book, without newline, in the one form in which lines are written and hashed.

    Args:
        book: everything before.
        entry: what happened.
        at: when, aware.
    """
    line = CapacityLine(seq=len(book.lines), prev=book.head, environment=book.environment, at=told(at), entry=entry)
    return _spelled(line.model_dump())


def read(lines: Sequence[bytes], environment: str) -> Book:
    """Fold a whole log.

    Args:
        lines: every line without its newline, oldest first.
        environment: whose log it must be.

    Raises:
        StoreError: at the first line that cannot be believed, with its number.
    """
    book = Book(environment)
    for content in lines:
        book = follow(book, content)
    return book


def follow(book: Book, content: bytes) -> Book:
    """The book after one more line.

    Raises:
        StoreError: when the line cannot be believed.
    """
    number = len(book.lines)
    try:
        if _spelled(strict_json(content)) != content:
            raise damaged(book.environment, number, "one JSON object, spelled in one way", "another spelling of it")
        line = CapacityLine.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise damaged(book.environment, number, "a line of the capacity log", f"{where}: {first['type']}") from None
    except (ValueError, RecursionError) as error:
        raise damaged(book.environment, number, "one JSON object", str(error)[:80]) from None
    if line.environment != book.environment:
        raise damaged(book.environment, number, f"a line of {book.environment}", "a line of another environment")
    if (line.seq, line.prev) != (number, book.head):
        raise damaged(book.environment, number, "a line that follows on from the one before", "a break in the chain")
    try:
        after = _applied(book, line)
    except IllegalLineError as error:
        raise damaged(book.environment, number, "a story that can be", str(error)) from None
    return replace(after, lines=(*book.lines, line), head=line_hash(content))


def hash_of(book: Book, seq: int) -> str:
    """The hash of one line; empty when the book does not reach it."""
    if not 0 <= seq < len(book.lines):
        return ""
    return book.head if seq == len(book.lines) - 1 else book.lines[seq + 1].prev


def check_witness(book: Book, witness: Witness) -> None:
    """Compare a log with what a run has journalled of it.

    Another log than the one the run counted in counts only when it was begun after that run: by a person, afresh.

    Raises:
        StoreError: when it was put back to an earlier state, went another way, or is an older one from elsewhere.
    """
    if hash_of(book, 0) == witness.log_sha256:
        fits = hash_of(book, witness.line) == witness.line_sha256
    else:
        fits = not book.lines or moment(book.lines[0].at) > witness.at
    if not fits:
        raise damaged(
            book.environment,
            witness.line,
            f"the line that run {witness.run_id} has journalled",
            "another one, or none: the log was put back, or is another one",
        )


def moment(text: str) -> datetime:
    """Read a time of the log.

    Raises:
        ValueError: when it is no moment in UTC.
    """
    found = datetime.fromisoformat(text)
    if found.utcoffset() != timedelta(0):
        raise ValueError("not a moment in UTC")
    return found.astimezone(UTC)


def told(at: datetime) -> str:
    """A time as the log writes it: UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def damaged(environment: str, number: int, expected: str, observed: str) -> StoreError:
    """The refusal of a log at one of its lines."""
    return StoreError(
        Refusal(
            refused=f"the capacity log of {environment} cannot be trusted at line {number}, so nothing counts as left",
            expected=expected,
            observed=observed,
            money=f"{NOTHING_MOVED} How many charges were taken is not known.",
            next_step="Keep the log as it is, find out what changed it, and restore it from a copy.",
        )
    )


def _applied(book: Book, line: CapacityLine) -> Book:
    _moment_of(line.at)
    match line.entry:
        case Granted() as entry:
            return _granted(book, entry, line.seq)
        case Overridden() as entry:
            _moment_of(entry.until)
            _require(book.grant is not None, "an override follows a grant")
            return replace(book, override=entry, override_seq=line.seq)
        case Taken() as entry:
            return _taken(book, entry)
        case GivenBack() as entry:
            return _given_back(book, entry)
        case Judged() as entry:
            return _judged(book, entry)


def _granted(book: Book, entry: Granted, seq: int) -> Book:
    _moment_of(entry.until)
    _require(entry.units <= entry.budget, "a grant is not more than the budget")
    return replace(
        book,
        grant=entry,
        grant_seq=seq,
        left=entry.units,
        pause_level=entry.pause_level,
        override=None,
        override_seq=None,
    )


def _taken(book: Book, entry: Taken) -> Book:
    grant = book.grant
    before = book.units.get(entry.run_id)
    if grant is None:
        raise IllegalLineError("a unit is taken from a grant")
    _require(book.left > 0, "a unit is taken while one is left")
    _require(before is None or before.returned, "a run takes one unit")
    _require(entry.override_seq is None or entry.override_seq == book.override_seq, "an override is used once, fresh")
    _require(book.left >= grant.pause_below or entry.override_seq is not None, "a paused charge has its override")
    unit = Unit(entry.run_id, entry.gate_id, book.grant_seq)
    return replace(
        book,
        left=book.left - 1,
        # Fresh means: said after the charge before this one. Any charge makes what was said before it stale.
        override=None,
        override_seq=None,
        units={**book.units, entry.run_id: unit},
    )


def _given_back(book: Book, entry: GivenBack) -> Book:
    unit = _unit(book, entry.run_id)
    _require(unit.verdict is None, "a unit is given back before the run has its verdict")
    same = unit.grant_seq == book.grant_seq
    units = {**book.units, entry.run_id: replace(unit, returned=True)}
    return replace(book, units=units, left=book.left + 1 if same else book.left)


def _judged(book: Book, entry: Judged) -> Book:
    unit = _unit(book, entry.run_id)
    _require(unit.is_open and unit.verdict is not entry.verdict, "a run is judged once")
    lowered = max(0, book.pause_level - 1) if entry.verdict is Verdict.PASS else book.pause_level
    units = {**book.units, entry.run_id: replace(unit, verdict=entry.verdict)}
    return replace(book, units=units, pause_level=lowered)


def _unit(book: Book, run_id: str) -> Unit:
    unit = book.units.get(run_id)
    if unit is None or unit.returned:
        raise IllegalLineError("only a run that holds a unit gives it back or is judged")
    return unit


def _moment_of(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError:
        raise IllegalLineError("times are moments in UTC") from None


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise IllegalLineError(rule)


def _spelled(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
