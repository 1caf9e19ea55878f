"""An exchange that works: what is sent, what comes back, what the journal keeps."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from pytest_paygate.core.errors import TargetError
from pytest_paygate.core.facts import FactKind
from pytest_paygate.core.secret import Secret

pytestmark = pytest.mark.asyncio(loop_scope="function")
TRACE = "E2E-1795262400-abc123"
KEY = "sk_test_ThisMustNeverBeSeenAnywhere"


async def test_answer_holds_status_headers_document_and_place_in_the_journal(serve, says, answer, api, journal) -> None:
    """An answer gives status, lower-case headers, strict JSON, the data envelope and its number in the journal."""
    body = answer(b'{"data":{"order_id":"ord_1"}}', headers=f"Content-Type: application/json\r\nX-Trace-Id: {TRACE}")
    async with serve(says(body)) as wire, api(wire.base_url) as client:
        got = await client.get("/api/v1/orders/ord_1")
    assert (got.status, got.headers["content-type"], got.data) == (200, "application/json", {"order_id": "ord_1"})
    assert got.json() == {"data": {"order_id": "ord_1"}}
    assert (got.trace_echo, got.exchange_seq) == (TRACE, 0)
    with pytest.raises(TypeError):
        got.headers["x"] = "y"
    [event] = journal.of("exchange")
    assert (event.method, event.path, event.status, event.failure) == ("GET", "/api/v1/orders/ord_1", 200, "")
    assert (event.trace_id, event.fields) == (TRACE, {"data.order_id": "ord_1"})


async def test_trace_headers_go_to_a_first_party_only(serve, says, answer, api) -> None:
    """The trace id and a W3C traceparent of one trace and fresh spans reach the target, and nobody else."""
    async with serve(says(answer(b"{}"))) as wire:
        async with api(wire.base_url) as client:
            await client.get("/a")
            await client.get("/a")
        async with api(wire.base_url, first_party=False) as client:
            await client.get("/b")
    mine, again, theirs = (request.decode().lower() for request in wire.requests)
    assert f"x-trace-id: {TRACE.lower()}" in mine
    spans = [re.search(r"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01", text) for text in (mine, again)]
    assert spans[0][1] == spans[1][1]
    assert spans[0][2] != spans[1][2]
    assert "x-trace-id" not in theirs
    assert "traceparent" not in theirs


async def test_secrets_reach_the_wire_and_nothing_else(serve, says, answer, api, journal, caplog) -> None:
    """Bearer, header and body secrets are revealed on the wire and stand in no repr, journal line or log line."""
    caplog.set_level(logging.DEBUG)
    secret = Secret(KEY)
    talk = says(answer(b'{"access_token":"' + KEY.encode() + b'"}'))
    async with serve(talk) as wire, api(wire.base_url, headers={"api-key": secret}) as client:
        got = await client.post("/login", json={"password": secret}, bearer=secret)
        await client.post("/form", form={"password": secret}, headers={"X-Other": secret})
    first, second = (request.decode() for request in wire.requests)
    assert first.count(KEY) == 3
    assert second.count(KEY) == 3
    assert KEY not in repr(got)
    assert all(KEY not in event.model_dump_json() for event in journal.events)
    assert journal.of("exchange")[0].dropped == 1
    assert KEY not in caplog.text


async def test_gate_fields_are_kept_besides_the_allow_list(serve, says, answer, api, journal) -> None:
    """A field the gate declared is kept in its kind; every other unknown field is counted and dropped."""
    talk = says(answer(b'{"seats":3,"note":"free text","status":"ok"}'))
    async with serve(talk) as wire, api(wire.base_url, extra_fields={"seats": FactKind.INTEGER}) as client:
        await client.get("/x")
    [event] = journal.of("exchange")
    assert (event.fields, event.dropped) == ({"seats": 3, "status": "ok"}, 1)


async def test_reads_share_a_connection_and_a_money_call_has_its_own(serve, says, answer, api) -> None:
    """Reads keep a connection alive; each call marked once gets a fresh one."""
    async with serve(says(answer(b"{}"))) as wire, api(wire.base_url) as client:
        for _ in range(3):
            await client.get("/read")
        reads = wire.connections
        await client.post("/buy", json={}, once=True)
        await client.post("/buy", json={}, once=True)
        await client.get("/read")
    assert (reads, wire.connections) == (1, 3)


async def test_gzip_is_decoded(serve, says, answer, api) -> None:
    """A compressed body within the cap is read like any other."""
    import gzip

    packed = answer(gzip.compress(b'{"data":1}'), headers="Content-Encoding: gzip")
    async with serve(says(packed)) as wire, api(wire.base_url) as client:
        assert (await client.get("/x")).data == 1


async def test_same_origin_redirects_of_reads_are_followed_and_each_hop_recorded(serve, answer, api, journal) -> None:
    """A read follows a redirect within the origin with its headers, and both exchanges are in the journal."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, request: bytes) -> None:
        moved = answer(b"", status="302 Found", headers="Location: /new")
        writer.write(moved if request.startswith(b"GET /old") else answer(b'{"data":"here"}'))

    async with serve(talk) as wire, api(wire.base_url) as client:
        got = await client.get("/old", bearer=Secret("token-of-the-buyer"))
    assert got.data == "here"
    assert [(event.path, event.status) for event in journal.of("exchange")] == [("/old", 302), ("/new", 200)]
    assert all(b"token-of-the-buyer" in request for request in wire.requests)


async def test_proxy_variables_are_ignored(serve, says, answer, api, monkeypatch) -> None:
    """No proxy from the environment ever sees a request."""
    async with serve(says(answer(b'{"data":"proxy"}'))) as proxy, serve(says(answer(b'{"data":"target"}'))) as wire:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        async with api(wire.base_url) as client:
            assert (await client.get("/x")).data == "target"
    assert proxy.requests == []


async def test_query_never_reaches_the_journal(serve, says, answer, api, journal) -> None:
    """A query is sent and not recorded."""
    async with serve(says(answer(b"{}"))) as wire, api(wire.base_url) as client:
        await client.get("/x?token=abc")
    assert wire.requests[0].startswith(b"GET /x?token=abc ")
    assert journal.of("exchange")[0].path == "/x"


async def test_answer_without_envelope_is_refused(serve, says, answer, api) -> None:
    """`data` of a document without the envelope is a typed refusal, never a KeyError."""
    async with serve(says(answer(b"[1]"))) as wire, api(wire.base_url) as client:
        got = await client.get("/x")
    with pytest.raises(TargetError, match="has no data envelope"):
        _ = got.data
    assert got.text == "[1]"


async def test_one_body_and_a_rooted_path_are_asked_of_the_caller(api) -> None:
    """A request with two bodies, a relative path or an unprintable one is the caller's mistake, before anything is sent."""
    async with api("http://127.0.0.1:9") as client:
        for call in (
            client.post("/x", json={}, form={}),
            client.get("//evil.example".removeprefix("/").removeprefix("/")),
            client.get("/a\x00b"),
            client.post("/x", json={"x": object()}),
        ):
            with pytest.raises((ValueError, TypeError)):
                await call
