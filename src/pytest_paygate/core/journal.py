"""The journal as text: one JSON object a line, each carrying the SHA-256 of the line before it.

Rules:
- reading is strict: UTF-8, no duplicate keys, no NaN, known fields only, numbers in sequence, every hash matching,
  and every line spelled in the one way in which lines are written;
- a torn last line (no newline) is dropped and reported, because a crash can leave one;
- anything wrong before the last line is damage and stops everything.
Pure: bytes in, entries out. Appending and fsync are the adapter's.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_paygate.core.errors import NOTHING_MOVED, JournalError, Refusal
from pytest_paygate.core.events import Entry, EventBody
from pytest_paygate.core.model import ValidationError

if TYPE_CHECKING:
    from datetime import datetime

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal file holds: its entries, the hash of its last line, and the torn bytes that were dropped."""

    entries: tuple[Entry, ...]
    head: str
    torn_bytes: int = 0


def line_hash(line: bytes) -> str:
    """SHA-256 of one line without its newline, hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def encode(seq: int, prev: str, at: datetime, elapsed_seconds: float, event: EventBody) -> bytes:
    """Return one line, without newline, in the one form that is hashed: sorted keys, no spaces, UTF-8.

    Args:
        seq: number of the line, from 0.
        prev: hash of the line before, or `GENESIS`.
        at: wall time, aware; kept in UTC with milliseconds, for display only.
        elapsed_seconds: seconds since the run started, on the clock that runs through suspend.
        event: what happened.
    """
    entry = Entry(
        seq=seq,
        prev=prev,
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        elapsed_seconds=round(elapsed_seconds, 4),
        event=event,
    )
    return _spelled(entry.model_dump(mode="json"))


def read(content: bytes, file: str, after: Journal | None = None) -> Journal:
    """Read a whole journal, or the next of its files.

    A run that somebody else carried on has one more file for each time: it starts where the whole lines of the one
    before end, so that a torn last line stays as the evidence it is.

    Args:
        content: the bytes of the file.
        file: its name, for messages.
        after: what the files before it hold.

    Raises:
        JournalError: at the first line that does not fit the chain, with its number.
    """
    journal, damage = _read(content, file, after)
    if damage is not None:
        raise damage
    return journal


def read_as_far(content: bytes, file: str, after: Journal | None = None) -> tuple[Journal, str]:
    """Read a journal up to the first line that cannot be trusted, for whoever has to show what is known.

    Args:
        content: the bytes of the file.
        file: its name, for messages.
        after: what the files before it hold.

    Returns:
        What stands before the damage, and a sentence about the damage; the sentence is empty when there is none.
    """
    journal, damage = _read(content, file, after)
    return journal, "" if damage is None else f"{damage.refusal.refused} ({damage.refusal.observed})"


def _read(content: bytes, file: str, after: Journal | None) -> tuple[Journal, JournalError | None]:
    *lines, tail = content.split(b"\n")
    entries: list[Entry] = [] if after is None else list(after.entries)
    head = GENESIS if after is None else after.head
    for number, line in enumerate(lines, start=len(entries)):
        try:
            entry = _entry(line, number, file)
            if entry.seq != number or entry.prev != head:
                _damaged(file, number, f"line {number} follows on from the line before", "a break in the hash chain")
        except JournalError as damage:
            return Journal(tuple(entries), head), damage
        entries.append(entry)
        head = line_hash(line)
    return Journal(tuple(entries), head, len(tail)), None


def strict_json(text: bytes) -> Any:
    """Parse JSON without the liberties of the standard parser.

    Raises:
        ValueError: for duplicate keys, NaN or Infinity, bad UTF-8 or anything that is not JSON.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        document = dict(items)
        if len(document) != len(items):
            raise ValueError("a key stands twice in one object")
        return document

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text.decode(), object_pairs_hook=pairs, parse_constant=constant)


def _spelled(document: object) -> bytes:
    """A line's one spelling."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _entry(line: bytes, number: int, file: str) -> Entry:
    try:
        if _spelled(strict_json(line)) != line:
            _damaged(file, number, "one JSON object, spelled in one way", "another spelling of it")
        return Entry.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        _damaged(file, number, "an event of this journal version", f"{where}: {first['type']}")
    except (ValueError, RecursionError) as error:
        _damaged(file, number, "one JSON object", str(error)[:80])


def _damaged(file: str, number: int, expected: str, observed: str) -> NoReturn:
    raise JournalError(
        Refusal(
            refused=f"{file}: line {number} cannot be trusted, so nothing after it is read",
            expected=expected,
            observed=observed,
            money=f"{NOTHING_MOVED} What this run moved must be read from the provider's ledger.",
            next_step="Keep the file as it is, and look the run's trace id up at the provider.",
        )
    )
