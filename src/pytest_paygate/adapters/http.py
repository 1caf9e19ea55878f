"""HTTP to one party: bounded, journalled, never repeated. The only module that knows httpx.

Rules:
- every exchange is recorded before its result can be acted on, and also when it fails or is cancelled;
- one deadline covers the whole call, redirects and body included; httpx's own timeouts are per operation;
- nothing is retried, leaves for another origin, or is taken from the environment: no proxy, CA variable or key log.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from pytest_paygate.adapters import tls
from pytest_paygate.adapters.answers import Answer
from pytest_paygate.adapters.http_causes import failure_of
from pytest_paygate.adapters.http_failures import Failure, target_error
from pytest_paygate.adapters.http_limits import BODY_BYTES_MAX, BodyRefusedError, BoundedBody, parse_json
from pytest_paygate.adapters.http_requests import (
    checked_base_url,
    clock_offset_seconds,
    content_type,
    declared,
    encoded_body,
    origin,
    over_the_desk,
    request_id,
    traceparent,
)
from pytest_paygate.core.events import ExchangeRecorded
from pytest_paygate.core.ports import Outgoing
from pytest_paygate.core.redaction import Kept, keep, safe_path, safe_trace_id
from pytest_paygate.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from pytest_paygate.adapters.http_requests import RowDesk
    from pytest_paygate.core.facts import FactKind
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Charge, Clock, Recorder

REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# httpx reports a connection that never came about apart from everything later. It gets nine tenths of the deadline, so
# that this answer (nothing was sent) always comes before our own, less certain one.
_CONNECT_SHARE = 0.9


class _FailedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(slots=True)
class _Exchange:
    """One request on the wire, filled in as far as it comes."""

    request: httpx.Request
    attempt: int
    started_seconds: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Api:
    """An HTTP client bound to one base URL and one party.

    Args:
        base_url: where the party answers; a path in it is put before every path.
        party: the party's name in the journal, such as `target` or `stripe`.
        recorder: takes one `ExchangeRecorded` for every exchange.
        clock: measures and, in polls, waits.
        trace_id: the run's trace id, `<GATE>-<unix seconds>-<random>`.
        extra_fields: answer fields a gate declared, kept besides the general allow-list.
        deadline_seconds: for one call from connect to last byte, redirects included.
        body_bytes_max: cap of one body, decoded.
        ca_file: trusted authorities instead of the public ones.
        headers: sent with every request.
        first_party: True sends the trace id along; False for third parties, which have no use for it.
        desk: where requests that move money pass; without one, `charge` and `refund` cannot be used.

    Raises:
        ConfigurationError: for a base URL that is not plain http(s), or an unusable `ca_file`.
    """

    def __init__(  # noqa: PLR0913 - independent settings, all but two with a default
        self,
        base_url: str,
        *,
        party: str,
        recorder: Recorder,
        clock: Clock,
        trace_id: str,
        extra_fields: Mapping[str, FactKind] = MappingProxyType({}),
        deadline_seconds: float = 10.0,
        body_bytes_max: int = BODY_BYTES_MAX,
        ca_file: Path | None = None,
        headers: Mapping[str, str | Secret] = MappingProxyType({}),
        first_party: bool = True,
        desk: RowDesk | None = None,
    ) -> None:
        self._desk = desk
        self.clock_offset_seconds: float | None = None
        self.base_url = checked_base_url(base_url)
        self._origin = origin(self.base_url)
        self._party = party
        self._recorder = recorder
        self._clock = clock
        self._trace_id = trace_id
        self._extra_fields = extra_fields
        self._deadline_seconds = deadline_seconds
        self._body_bytes_max = body_bytes_max
        self._headers = dict(headers)
        self._first_party = first_party
        # httpx logs whole URLs at INFO, httpcore headers at DEBUG.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        context = tls.context(ca_file, needed=self.base_url.startswith("https:"))
        self._kept_alive = _client(context, keepalive=10)
        self._fresh = _client(context, keepalive=0)

    async def request(  # noqa: PLR0913 - one keyword per independent part of a request
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str | Secret] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        bearer: Secret | None = None,
        deadline_seconds: float | None = None,
        once: bool = False,
        attempt: int = 1,
        charge: Money | None = None,
        refund: Charge | None = None,
        probe: bool = False,
    ) -> Answer:
        """Send one request, once, and return the complete answer, whatever its status.

        Args:
            method: `GET`, `POST`, …
            path: starts with `/`, may carry a query.
            json: sent as a JSON document; a `Secret` anywhere inside is revealed on the wire only.
            form: sent form-encoded.
            content: sent as it is; set its content type in `headers`.
            headers: for this request only.
            bearer: the bearer token.
            deadline_seconds: instead of the client's.
            once: the call may move money: it gets a fresh connection.
            attempt: for the journal, when the caller repeats a read.
            charge: this is the run's one purchase, and may lead to a charge of this amount.
            refund: this asks the target to give this charge back.
            probe: the target must refuse this, or change nothing; a dry run only.

        Raises:
            InterlockError: when money may not move; nothing was sent.
            TargetError: when no complete answer within the limits arrived. It never means that nothing was carried out.
            JournalError: when the exchange could not be recorded.
        """
        if not path.startswith("/"):
            raise ValueError("a path starts with /")
        deadline = self._deadline_seconds if deadline_seconds is None else deadline_seconds
        moves, body = charge is not None or refund is not None or probe, encoded_body(json, form, content)
        client = self._fresh if once or moves else self._kept_alive
        request = self._built(
            client,
            method,
            path,
            content=body,
            headers=self._all_headers(headers, bearer, content_type(json, form)),
            deadline_seconds=deadline,
        )

        async def send() -> Answer:
            return await self._within_deadline(client, request, attempt, deadline)

        outgoing = Outgoing(method, safe_path(request.url.path), body or b"")
        if moves:
            return await over_the_desk(self._desk, outgoing, send, charge, refund, probe=probe)
        return await declared(self._desk, outgoing, send, once=once)

    async def _within_deadline(
        self, client: httpx.AsyncClient, request: httpx.Request, attempt: int, deadline: float
    ) -> Answer:
        try:
            async with asyncio.timeout(deadline) as limit:
                return await self._followed(client, request, attempt, limit)
        except _FailedError as error:
            raise target_error(
                error.failure,
                party=self._party,
                method=request.method,
                path=safe_path(request.url.path),
                deadline_seconds=deadline,
                body_bytes_max=self._body_bytes_max,
            ) from None

    async def get(
        self,
        path: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        bearer: Secret | None = None,
        deadline_seconds: float | None = None,
    ) -> Answer:
        """Read; see `request`."""
        return await self.request("GET", path, headers=headers, bearer=bearer, deadline_seconds=deadline_seconds)

    async def post(  # noqa: PLR0913 - see request
        self,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str | Secret] | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        bearer: Secret | None = None,
        deadline_seconds: float | None = None,
        once: bool = False,
        charge: Money | None = None,
        refund: Charge | None = None,
        probe: bool = False,
    ) -> Answer:
        """Send; see `request`."""
        return await self.request(
            "POST",
            path,
            json=json,
            form=form,
            headers=headers,
            bearer=bearer,
            deadline_seconds=deadline_seconds,
            once=once,
            charge=charge,
            refund=refund,
            probe=probe,
        )

    async def aclose(self) -> None:
        """Release connections."""
        await self._kept_alive.aclose()
        await self._fresh.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_ended: object) -> None:
        await self.aclose()

    def _built(  # noqa: PLR0913 - what a request is made of
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        content: bytes | None,
        headers: dict[str, str],
        deadline_seconds: float,
    ) -> httpx.Request:
        connect_seconds = deadline_seconds * _CONNECT_SHARE
        limits = httpx.Timeout(None, connect=connect_seconds, pool=connect_seconds)
        try:
            return client.build_request(method, self.base_url + path, content=content, headers=headers, timeout=limits)
        except httpx.InvalidURL:
            raise ValueError("a path holds plain URL characters") from None

    async def _followed(
        self, client: httpx.AsyncClient, request: httpx.Request, attempt: int, limit: asyncio.Timeout
    ) -> Answer:
        """Follow redirects of reads within the origin, by hand; each hop is an exchange of its own."""
        for hop in range(REDIRECTS_MAX + 1):
            exchange = _Exchange(request, attempt, self._clock.elapsed_seconds())
            await self._exchanged(client, exchange, limit)
            if exchange.status not in _REDIRECTS or "location" not in exchange.headers:
                return self._answer(exchange)
            target = self._redirect_target(exchange, hop)
            if target is None:
                self._record(exchange, Failure.REDIRECT_REFUSED)
                raise _FailedError(Failure.REDIRECT_REFUSED)
            self._record(exchange, None)
            request = client.build_request(
                request.method, target, headers=request.headers, extensions=request.extensions
            )
        raise RuntimeError("unreachable: the last hop refuses")  # pragma: no cover

    async def _exchanged(self, client: httpx.AsyncClient, exchange: _Exchange, limit: asyncio.Timeout) -> None:
        """Send and read one request; a failure is recorded here, before it is raised."""
        try:
            await self._sent_and_read(client, exchange)
        except asyncio.CancelledError:
            # Our own deadline arrives as a cancellation too; only the timeout object can tell the two apart.
            if not limit.expired():
                self._record(exchange, Failure.CANCELLED)
                raise
            failure = Failure.TIMEOUT_IN_BODY if exchange.status else Failure.TIMEOUT_BEFORE_ANSWER
        except BodyRefusedError as error:
            failure = Failure(error.failure)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failure = failure_of(error, answered=bool(exchange.status))
        else:
            return
        self._record(exchange, failure)
        raise _FailedError(failure)

    async def _sent_and_read(self, client: httpx.AsyncClient, exchange: _Exchange) -> None:
        response = await client.send(exchange.request, stream=True)
        try:
            exchange.status = response.status_code
            exchange.headers = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
            body = BoundedBody(response.headers.get("content-encoding", ""), self._body_bytes_max)
            async for chunk in response.aiter_raw():
                body.feed(chunk)
            exchange.body = body.finish()
        finally:
            await response.aclose()

    def _redirect_target(self, exchange: _Exchange, hop: int) -> httpx.URL | None:
        if hop == REDIRECTS_MAX or exchange.request.method not in {"GET", "HEAD"}:
            return None
        try:
            target = exchange.request.url.join(exchange.headers["location"])
        except (httpx.InvalidURL, ValueError):
            return None
        return target if origin(str(target)) == self._origin and not target.userinfo else None

    def _answer(self, exchange: _Exchange) -> Answer:
        offset = clock_offset_seconds(exchange.headers, self._clock.now())
        self.clock_offset_seconds = self.clock_offset_seconds if offset is None else offset
        kept, failure = self._kept(exchange)
        seq = self._record(exchange, failure, kept)
        return Answer(
            party=self._party,
            method=exchange.request.method,
            path=safe_path(exchange.request.url.path),
            status=exchange.status,
            headers=exchange.headers,
            body=exchange.body,
            elapsed_seconds=self._clock.elapsed_seconds() - exchange.started_seconds,
            trace_echo=safe_trace_id(exchange.headers.get("x-trace-id")),
            exchange_seq=seq,
        )

    def _kept(self, exchange: _Exchange) -> tuple[Kept, Failure | None]:
        """The allowed fields; text that calls itself JSON and is not is a failure the journal should show."""
        if not exchange.body:
            return Kept(), None
        try:
            return keep(parse_json(exchange.body), self._extra_fields), None
        except ValueError:
            claimed = "json" in exchange.headers.get("content-type", "").lower()
            return Kept(dropped=1), Failure.BAD_JSON if claimed else None

    def _record(self, exchange: _Exchange, failure: Failure | None, kept: Kept | None = None) -> int:
        """Write the exchange down. `trace_id` is what the party echoed, `request_id` its own name for the call."""
        elapsed_seconds = self._clock.elapsed_seconds() - exchange.started_seconds
        return self._recorder.record(
            ExchangeRecorded(
                party=self._party,
                method=exchange.request.method,
                path=safe_path(exchange.request.url.path),
                status=exchange.status,
                failure="" if failure is None else failure.value,
                elapsed_ms=max(0, round(elapsed_seconds * 1000)),
                trace_id=safe_trace_id(exchange.headers.get("x-trace-id")),
                request_id=request_id(exchange.headers),
                attempt=exchange.attempt,
                fields={} if kept is None else dict(kept.fields),
                dropped=0 if kept is None else kept.dropped,
            )
        )

    def _all_headers(
        self, extra: Mapping[str, str | Secret] | None, bearer: Secret | None, body_type: str
    ) -> dict[str, str]:
        named: dict[str, str | Secret] = {"accept": "application/json", "accept-encoding": "gzip"}
        if body_type:
            named["content-type"] = body_type
        for headers in (self._headers, extra or {}):
            named |= {name.lower(): value for name, value in headers.items()}
        if self._first_party:
            named["x-trace-id"] = self._trace_id
            named["traceparent"] = traceparent(self._trace_id)
        revealed = {name: value.reveal() if isinstance(value, Secret) else value for name, value in named.items()}
        return revealed if bearer is None else revealed | {"authorization": f"Bearer {bearer.reveal()}"}


def _client(context: ssl.SSLContext, *, keepalive: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=keepalive)
    return httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, limits=limits)
