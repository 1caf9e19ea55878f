"""Logs behind HTTP and in Loki: real servers that answer as documented, or down, slow, huge and hostile."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_paygate.adapters.clock import SystemClock
from pytest_paygate.adapters.log_http import HttpLog
from pytest_paygate.adapters.log_loki import LINES_MAX, LokiLog
from pytest_paygate.adapters.logs import WatchedLog
from pytest_paygate.core.errors import TargetError
from pytest_paygate.core.log_settings import LogAccess, LogFields, LogKind
from pytest_paygate.core.secret import Secret

pytestmark = pytest.mark.asyncio(loop_scope="function")
TRACE = "MICRO-1795262400-abc123"
OTHER = "MICRO-1795262400-ffffff"
AT = "2026-11-21T12:00:00+00:00"


def entry(event="payment_succeeded", trace_id=TRACE, at=AT, **more):
    """One entry as an application writes it."""
    return {"at": at, "event": event, "trace_id": trace_id, **more}


def loki(*lines, kind="streams", metadata=False):
    """Loki's answer to `query_range`, as its API reference documents it; newer releases add structured metadata."""
    values = [
        [str(1795262400000000000 + number), line if isinstance(line, str) else json.dumps(line)]
        + ([{"trace_id": TRACE}] if metadata else [])
        for number, line in enumerate(lines)
    ]
    result = [{"stream": {"app": "a5", "level": "info"}, "values": values}] if values else []
    stats = {"summary": {"totalLinesProcessed": len(values)}, "ingester": {}, "store": {}}
    document = {"status": "success", "data": {"resultType": kind, "result": result, "stats": stats}}
    return json.dumps(document).encode()


def reader_of(kind, api, base_url, token=None, **settings):
    """The reader of one kind of log at an address."""
    client = api(base_url, party="log", first_party=False, **settings)
    if kind == "http":
        return HttpLog(client, "/internal/log", LogFields(), token)
    access = LogAccess(LogKind.LOKI, selector='{app="a5"}', tenant="shop", token=token, lookback_seconds=3600.0)
    return LokiLog(client, access, SystemClock())


@pytest.fixture
def ask(api, journal, serve, says, answer):
    """Ask a log that always gives one answer; returns entries and what was asked."""

    async def asked(kind, body, *, status="200 OK", token=None, **settings):
        async with serve(says(answer(body, status=status))) as wire:
            log = WatchedLog(reader_of(kind, api, wire.base_url, token, **settings), journal, 5.0)
            try:
                return await log.entries(TRACE), wire.requests
            finally:
                await log.aclose()

    return asked


BODIES = {
    "http": lambda *entries: "".join(json.dumps(one) + "\n" for one in entries).encode(),
    "loki": loki,
}


@pytest.mark.parametrize("kind", BODIES)
async def test_entries_of_the_trace_only(ask, kind, journal) -> None:
    """What the server sends of another trace is left out, and each entry is journalled once."""
    body = BODIES[kind](entry("order_created"), entry(trace_id=OTHER, note=TRACE), entry("paid"))
    found, _ = await ask(kind, body)
    assert [one.event for one in found] == ["order_created", "paid"]
    assert [event.name for event in journal.of("log_seen")] == ["order_created", "paid"]
    assert journal.of("exchange")[0].party == "log"


async def test_an_array_is_a_log_as_well(ask) -> None:
    """An endpoint may answer one JSON array."""
    found, _ = await ask("http", json.dumps([entry()]).encode())
    assert len(found) == 1


async def test_an_empty_log_is_empty(ask) -> None:
    """No entry is no refusal."""
    assert (await ask("http", b""))[0] == []
    assert (await ask("loki", loki()))[0] == []


async def test_what_loki_is_asked(ask) -> None:
    """Selector, trace as a text, a time range that ends a little after now, a limit, oldest first, and the tenant."""
    _, requests = await ask("loki", loki(), token=Secret("glc_token"))
    head = requests[0].decode()
    query = parse_qs(urlsplit(head.split()[1]).query)
    assert head.startswith("GET /loki/api/v1/query_range?")
    assert query["query"] == [f'{{app="a5"}} |= "{TRACE}"']
    assert (query["limit"], query["direction"]) == ([str(LINES_MAX)], ["forward"])
    assert int(query["end"][0]) - int(query["start"][0]) == (3600 + 300) * 10**9
    assert "x-scope-orgid: shop" in head.lower()
    assert "authorization: Bearer glc_token" in head
    assert "x-trace-id" not in head.lower()


async def test_a_user_of_loki_has_basic_credentials(api, journal, serve, says, answer) -> None:
    """With a user, the token travels as its password."""
    access = LogAccess(LogKind.LOKI, selector='{app="a5"}', user="1234", token=Secret("pass"))
    async with serve(says(answer(loki()))) as wire:
        log = WatchedLog(LokiLog(api(wire.base_url, party="log"), access, SystemClock()), journal, 5.0)
        await log.entries(TRACE)
        await log.aclose()
    assert "authorization: Basic MTIzNDpwYXNz" in wire.requests[0].decode()


async def test_structured_metadata_is_not_the_line(ask) -> None:
    """A trace id in Loki's own metadata does not make an entry ours; the parsed line decides."""
    found, _ = await ask("loki", loki(entry(trace_id=OTHER, note=TRACE), entry("paid"), metadata=True))
    assert [one.event for one in found] == ["paid"]


async def test_an_answer_that_may_be_cut_is_refused(ask) -> None:
    """As many lines as the limit may be more: half a log is no log."""
    with pytest.raises(TargetError) as refused:
        await ask("loki", loki(*[entry()] * LINES_MAX))
    assert refused.value.refusal.observed == f"{LINES_MAX} lines or more, which is where the answer is cut"


@pytest.mark.parametrize(
    ("kind", "body", "observed"),
    [
        ("http", b"<html>", "a line of 6 bytes that is no JSON: JSONDecodeError"),
        ("http", b"[1]", "an array that holds something other than objects"),
        ("http", b"[" * 90_000, "90000 bytes that are no JSON: "),
        ("http", b'"text"', "a line of 6 bytes that is no JSON object"),
        ("loki", b"<html>", "6 bytes that are no answer of Loki: JSONDecodeError"),
        ("loki", b"[]", "2 bytes that are no answer of Loki: TypeError"),
        ("loki", b'{"status":"success","data":{}}', "30 bytes that are no answer of Loki: KeyError"),
        ("loki", loki(kind="matrix"), "an answer that is no success with streams"),
        ("loki", b'{"status":"error","errorType":"bad_data"}', "an answer that is no success with streams"),
        ("loki", loki(f"plain text with {TRACE}"), "a line of 39 bytes that is no JSON: JSONDecodeError"),
    ],
)
async def test_an_answer_that_is_no_log_is_refused(ask, kind, body, observed) -> None:
    """A page, another document or a line that is no entry is refused, and nothing of it is told."""
    with pytest.raises(TargetError) as refused:
        await ask(kind, body)
    assert refused.value.refusal.observed.startswith(observed)
    assert refused.value.refusal.refused == "the target's log cannot be read"


@pytest.mark.parametrize("kind", BODIES)
async def test_a_status_other_than_200_is_refused(ask, kind) -> None:
    """Neither an error nor an empty success is an empty log."""
    for status in ("500 Internal Server Error", "204 No Content", "401 Unauthorized"):
        with pytest.raises(TargetError) as refused:
            await ask(kind, b"", status=status)
        assert refused.value.refusal.observed == f"status {status[:3]}"


@pytest.mark.parametrize("kind", BODIES)
async def test_a_huge_answer_is_refused(ask, kind) -> None:
    """An answer beyond the client's cap is not read on."""
    with pytest.raises(TargetError) as refused:
        await ask(kind, b"x" * 2_000_000)
    assert refused.value.failure == "body_too_large"


@pytest.mark.parametrize("kind", BODIES)
async def test_a_log_that_is_down_is_refused(api, journal, kind) -> None:
    """Nobody listens: a refusal, not an empty log."""
    log = WatchedLog(reader_of(kind, api, "http://127.0.0.1:9"), journal, 5.0)
    with pytest.raises(TargetError) as refused:
        await log.entries(TRACE)
    assert refused.value.failure == "connect_error"
    await log.aclose()


@pytest.mark.parametrize("kind", BODIES)
async def test_a_slow_log_is_refused(api, journal, serve, kind) -> None:
    """A server that never answers is given up at the look's deadline, whatever the client's own."""

    async def silent(_reader, _writer, _request) -> None:
        await asyncio.sleep(30)

    async with serve(silent) as wire:
        log = WatchedLog(reader_of(kind, api, wire.base_url, deadline_seconds=30.0), journal, 0.2)
        with pytest.raises(TargetError) as refused:
            await log.entries(TRACE)
        await log.aclose()
    assert refused.value.refusal.observed == "no whole answer within 0.2 s"
