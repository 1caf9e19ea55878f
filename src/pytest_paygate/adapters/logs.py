"""The target's application log, read by trace id: what an entry is, and the one way every log is watched.

Owns what is taken over of an entry (event, time, trace id and what it tells of a payment under a few known names, each
typed; the rest only to be searched), the limits of a look, and that each entry seen is journalled once. Where entries
come from is the matter of `log_file`, `log_http`, `log_loki` and `log_postgres`. Does not judge entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, TargetError
from pytest_paygate.core.events import LogSeen
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.core.log_settings import LogFields
    from pytest_paygate.core.ports import Recorder

# A trace with more entries is refused: half a log is no log.
ENTRIES_MAX = 5_000
# A log that is huge or hostile must not fill the journal.
TOLD_MAX = 200
_DEPTH_MAX = 8
# What an entry may tell of its payment, and in which shape; a log that calls it otherwise tells nothing.
_OF_PAYMENT = {
    "payment_intent_id": FactKind.IDENTIFIER,
    "session_id": FactKind.IDENTIFIER,
    "refund_id": FactKind.IDENTIFIER,
    "amount_minor": FactKind.INTEGER,
    "amount_cents": FactKind.INTEGER,
    "currency": FactKind.WORD,
    "credits": FactKind.INTEGER,
    "order_id": FactKind.IDENTIFIER,
}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a trace: what the application says happened, and when by its own clock.

    `at` is ISO 8601 in UTC. A field is empty where the log held nothing of its shape. `tells_secret` says that anything
    in the entry, whatever its name, looks like a key, a token or a card number. `content` is everything that it says,
    to be searched for the run's own secrets; it is never journalled or shown. `told` is what it tells of its payment,
    by name; a currency is in capitals.
    """

    event: str
    at: str
    trace_id: str
    tells_secret: bool = False
    content: bytes = field(default=b"", repr=False, compare=False)
    told: tuple[tuple[str, str | int], ...] = ()


class LogSource(Protocol):
    """A log that can be asked for one trace."""

    async def entries(self, trace_id: str, event: str = "") -> Sequence[LogEntry]:
        """The entries of one trace, oldest first, optionally of one event only.

        Raises:
            TargetError: when the log is down, slow, larger than its limits, or holds something other than entries.
            DatabaseError: the same of a log in a database.
        """

    async def aclose(self) -> None:
        """Release what the log is read through."""


class EntryReader(Protocol):
    """One kind of log. `read` may return entries of other traces; its caller leaves them out."""

    async def read(self, trace_id: str) -> Sequence[LogEntry]:
        """Everything the log holds of a trace; raises as `LogSource.entries` does."""

    async def aclose(self) -> None:
        """Release what the log is read through."""


class WatchedLog:
    """A `LogSource` over one kind of log: bounded in time, exact about the trace, journalling what it sees.

    Args:
        reader: where entries come from.
        recorder: is told of each entry once, the first time it is seen.
        deadline_seconds: for one look.
    """

    def __init__(self, reader: EntryReader, recorder: Recorder, deadline_seconds: float) -> None:
        self._reader = reader
        self._recorder = recorder
        self._deadline_seconds = deadline_seconds
        self._told: set[LogEntry] = set()

    async def entries(self, trace_id: str, event: str = "") -> Sequence[LogEntry]:
        """See `LogSource`. Entries of another trace are left out even when the log sends them."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                found = await self._reader.read(trace_id)
        except TimeoutError:
            raise unreadable(f"no whole answer within {self._deadline_seconds:g} s") from None
        ours = [entry for entry in found if entry.trace_id == trace_id]
        if len(ours) > ENTRIES_MAX:
            raise unreadable(f"more than {ENTRIES_MAX} entries of one trace")
        # Stable: entries whose time cannot be read keep their place in front.
        ours.sort(key=lambda entry: entry.at)
        for entry in ours:
            if entry.event and entry not in self._told and len(self._told) < TOLD_MAX:
                self._told.add(entry)
                self._recorder.record(LogSeen(name=entry.event, logged_at=entry.at))
        return [entry for entry in ours if event in {"", entry.event}]

    async def aclose(self) -> None:
        """Release what the log is read through."""
        await self._reader.aclose()


def entry_of(fields: Mapping[str, object], names: LogFields) -> LogEntry:
    """Take over event, time, trace id and what is told of the payment, each only in its shape.

    Args:
        fields: the entry as the log holds it; its values may be anything.
        names: under which names the log keeps the three.
    """
    texts = list(_texts(fields, 0))
    return LogEntry(
        event=_typed(FactKind.WORD, fields.get(names.event)),
        at=_typed(FactKind.TIME, fields.get(names.at)),
        trace_id=_typed(FactKind.IDENTIFIER, fields.get(names.trace_id)),
        tells_secret=any(looks_secret(text) for text in texts),
        content="\n".join(texts).encode(errors="surrogatepass"),
        told=tuple(_told(fields)),
    )


def _told(fields: Mapping[str, object]) -> Iterator[tuple[str, str | int]]:
    """What an entry tells of its payment, name by name."""
    for name, kind in _OF_PAYMENT.items():
        value = fields.get(name)
        if kind is FactKind.INTEGER:
            if type(value) is int:
                yield name, value
        elif (text := _typed(kind, value)) and not looks_secret(text):
            yield name, text.upper() if name == "currency" else text


def object_of(line: bytes) -> Mapping[str, object]:
    """One line of a log as the JSON object it must be.

    Raises:
        TargetError: for anything else.
    """
    try:
        document = strict_json(line)
    except (ValueError, RecursionError) as error:
        raise unreadable(f"a line of {len(line)} bytes that is no JSON: {type(error).__name__}") from None
    if not isinstance(document, dict):
        raise unreadable(f"a line of {len(line)} bytes that is no JSON object")
    return document


def unreadable(observed: str, next_step: str = "") -> TargetError:
    """Build the refusal of a log that cannot be read. `observed` holds nothing of the log's own text."""
    return TargetError(
        Refusal(
            refused="the target's log cannot be read",
            expected="JSON objects with event, time and trace id, whole and within the limits of one look",
            observed=observed,
            money=NOTHING_MOVED,
            next_step=next_step or "Check the log of the environment in paygate.toml, and that it can be read by hand.",
        )
    )


def _texts(value: object, depth: int) -> Iterator[str]:
    """Every text of an entry, names included, as deep as an entry may be nested."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner, depth + 1) if depth < _DEPTH_MAX else ()
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, depth + 1) if depth < _DEPTH_MAX else ()
    elif isinstance(value, str | int):
        yield str(value)


def _typed(kind: FactKind, value: object) -> str:
    try:
        return str(to_json(kind, value))
    except (FactShapeError, OverflowError):
        # The first moments of year 1 cannot be told in UTC.
        return ""
