"""An application log in Grafana Loki, read through its HTTP API `GET /loki/api/v1/query_range`.

Owns the query and what is believed of its answer. Loki narrows by label selector, text and time; that an entry is of
the trace is decided on the parsed line alone. An answer as long as the limit may be cut, and is refused.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pytest_paygate.adapters.logs import entry_of, object_of, unreadable
from pytest_paygate.core.journal import strict_json
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_paygate.adapters.logs import LogEntry
    from pytest_paygate.core.log_settings import LogAccess
    from pytest_paygate.core.ports import Clock, HttpClient

# Well below Loki's own `max_entries_limit_per_query`, which is 5000 unless somebody lowered it.
LINES_MAX = 1_000
PATH = "/loki/api/v1/query_range"
# The application's clock may be ahead of ours.
AHEAD_SECONDS = 300
_NARROW = "Narrow `selector` to the one application, or shorten `lookback_seconds`."


class LokiLog:
    """A log in Loki.

    Args:
        http: a client bound to Loki's base URL.
        access: selector, names, look-back, tenant and credentials.
        clock: says what now is; the query ends a little after it.
    """

    def __init__(self, http: HttpClient, access: LogAccess, clock: Clock) -> None:
        self._http = http
        self._access = access
        self._clock = clock
        self._headers = _headers(access)
        self._bearer = None if access.user else access.token

    async def read(self, trace_id: str) -> Sequence[LogEntry]:
        """Everything Loki holds of a trace in the time looked back.

        Raises:
            TargetError: when it does not answer 200 with whole streams of JSON lines within the client's limits.
        """
        now_ns = round(self._clock.now().timestamp() * 1_000) * 1_000_000
        query = {
            # A JSON text of printable ASCII is a LogQL text.
            "query": f"{self._access.selector} |= {json.dumps(trace_id)}",
            "start": str(now_ns - round(self._access.lookback_seconds * 1_000) * 1_000_000),
            "end": str(now_ns + AHEAD_SECONDS * 1_000_000_000),
            "limit": str(LINES_MAX),
            "direction": "forward",
        }
        answer = await self._http.request(
            "GET", f"{PATH}?{urlencode(query)}", headers=self._headers, bearer=self._bearer
        )
        if answer.status != 200:
            raise unreadable(f"status {answer.status}")
        lines = list(_lines(answer.body))
        if len(lines) >= LINES_MAX:
            raise unreadable(f"{LINES_MAX} lines or more, which is where the answer is cut", _NARROW)
        # Only a line that holds the trace can be its entry; Loki is not believed to have left out the others.
        return [entry_of(object_of(line), self._access.names) for line in lines if trace_id.encode() in line]

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _headers(access: LogAccess) -> dict[str, str | Secret]:
    """Tenant and, for a user with a token, basic credentials; a token alone travels as a bearer."""
    headers: dict[str, str | Secret] = {}
    if access.tenant:
        headers["X-Scope-OrgID"] = access.tenant
    if access.user and access.token is not None:
        pair = f"{access.user}:{access.token.reveal()}".encode()
        headers["Authorization"] = Secret(f"Basic {base64.b64encode(pair).decode()}", access.token.source)
    return headers


def _lines(body: bytes) -> Iterator[bytes]:
    """The text of every entry: `data.result[].values[]` are pairs of nanoseconds and line."""
    try:
        document = strict_json(body)
        if document["status"] != "success" or document["data"]["resultType"] != "streams":
            raise unreadable(
                "an answer that is no success with streams", "See that `selector` selects logs, no metric."
            )
        for stream in document["data"]["result"]:
            for value in stream["values"]:
                # Newer releases add an object of structured metadata as a third element, which is not taken over.
                yield str(value[1]).encode()
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise unreadable(f"{len(body)} bytes that are no answer of Loki: {type(error).__name__}") from None
