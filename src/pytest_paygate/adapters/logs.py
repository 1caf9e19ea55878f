"""The target's application log, read by trace id from an HTTP endpoint that answers JSON or JSON Lines.

Owns finding entries, not judging them. Only event, time and trace id of an entry are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_paygate.core.errors import NOTHING_MOVED, Refusal, TargetError
from pytest_paygate.core.events import LogSeen
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.journal import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_paygate.core.ports import HttpAnswer, HttpClient, Recorder

# A log that is huge or hostile must not fill the journal.
TOLD_MAX = 200


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a trace: what the application says happened, and when by its own clock."""

    event: str
    at: str
    trace_id: str


class HttpLog:
    """A log behind `GET <url>?trace_id=…`.

    Args:
        http: a client bound to the log's host and parent path.
        path: the last part of the log's URL, starting with `/`.
        recorder: is told of each entry once, the first time it is seen.
    """

    def __init__(self, http: HttpClient, path: str, recorder: Recorder | None = None) -> None:
        self._http = http
        self._path = path
        self._recorder = recorder
        self._told: set[LogEntry] = set()

    async def entries(self, trace_id: str, event: str = "") -> Sequence[LogEntry]:
        """The entries of one trace, oldest first, optionally of one event only.

        Entries of another trace are left out even when the endpoint sends them.

        Raises:
            TargetError: when the log cannot be read or holds something other than JSON objects.
        """
        answer = await self._http.request("GET", f"{self._path}?trace_id={quote(trace_id, safe='')}")
        if answer.status != 200:
            raise _unreadable(f"status {answer.status}")
        found = [_entry(document) for document in _documents(answer)]
        ours = [entry for entry in found if entry.trace_id == trace_id]
        for entry in ours:
            if self._recorder is not None and entry.event and entry not in self._told and len(self._told) < TOLD_MAX:
                self._told.add(entry)
                self._recorder.record(LogSeen(name=entry.event, logged_at=entry.at))
        return [entry for entry in ours if event in {"", entry.event}]

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _documents(answer: HttpAnswer) -> Sequence[object]:
    """A JSON array, or one JSON object a line."""
    try:
        if answer.body.lstrip().startswith(b"["):
            documents: list[object] = strict_json(answer.body)
            return documents
        return [strict_json(line) for line in answer.body.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"{len(answer.body)} bytes that are no JSON: {type(error).__name__}") from None


def _entry(document: object) -> LogEntry:
    fields = document if isinstance(document, dict) else {}
    return LogEntry(*(_word(fields.get(name)) for name in ("event", "at", "trace_id")))


def _word(value: object) -> str:
    try:
        return str(to_json(FactKind.WORD, value))
    except FactShapeError:
        return ""


def _unreadable(observed: str) -> TargetError:
    return TargetError(
        Refusal(
            refused="the target's log cannot be read",
            expected="200 with JSON objects, one a line or in one array",
            observed=observed,
            money=NOTHING_MOVED,
            next_step="Check log_url of the environment in paygate.toml.",
        )
    )
