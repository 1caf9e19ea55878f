"""An application log behind an HTTP endpoint that answers JSON or JSON Lines: `GET <url>?trace_id=…`.

Owns reading that answer. Time, size and redirects are bounded by the client it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_paygate.adapters.logs import entry_of, object_of, unreadable
from pytest_paygate.core.journal import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_paygate.adapters.logs import LogEntry
    from pytest_paygate.core.log_settings import LogFields
    from pytest_paygate.core.ports import HttpClient
    from pytest_paygate.core.secret import Secret


class HttpLog:
    """A log behind an HTTP endpoint.

    Args:
        http: a client bound to the log's host.
        path: the path of the log's URL, starting with `/`.
        names: under which names an entry keeps event, time and trace id.
        token: sent as a bearer token; None for none.
    """

    def __init__(self, http: HttpClient, path: str, names: LogFields, token: Secret | None = None) -> None:
        self._http = http
        self._path = path
        self._names = names
        self._token = token

    async def read(self, trace_id: str) -> Sequence[LogEntry]:
        """Everything the endpoint answers for a trace.

        Raises:
            TargetError: when it does not answer 200 with JSON objects within the client's limits.
        """
        answer = await self._http.request(
            "GET", f"{self._path}?trace_id={quote(trace_id, safe='')}", bearer=self._token
        )
        if answer.status != 200:
            raise unreadable(f"status {answer.status}")
        return [entry_of(document, self._names) for document in _documents(answer.body)]

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _documents(body: bytes) -> Sequence[Mapping[str, object]]:
    """A JSON array, or one JSON object a line."""
    if not body.lstrip().startswith(b"["):
        return [object_of(line) for line in body.splitlines() if line.strip()]
    try:
        documents = strict_json(body)
    except (ValueError, RecursionError) as error:
        raise unreadable(f"{len(body)} bytes that are no JSON: {type(error).__name__}") from None
    if not all(isinstance(document, dict) for document in documents):
        raise unreadable("an array that holds something other than objects")
    return list(documents)
