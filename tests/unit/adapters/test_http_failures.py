"""An exchange that fails: the word in the journal, one record each, and what it means for the money."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib

import pytest

from pytest_paygate.adapters.answers import READ_MONEY, UNKNOWN_MONEY
from pytest_paygate.core.errors import ConfigurationError, TargetError

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def failing(client, journal, method: str = "GET", path: str = "/x", **settings: object) -> tuple[str, str]:
    """Make one failing call; return its word in the journal and its sentence about the money."""
    with pytest.raises(TargetError) as caught:
        await client.request(method, path, **settings)
    return journal.of("exchange")[-1].failure, caught.value.refusal.money


async def test_refused_connection_moved_nothing_even_for_a_post(api, journal) -> None:
    """A connection that never came about is told apart: nothing was sent."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        async with api(f"http://127.0.0.1:{held.getsockname()[1]}") as client:
            assert await failing(client, journal, "POST") == ("connect_error", READ_MONEY)
    assert len(journal.events) == 1


async def test_unknown_host_moved_nothing(api, journal) -> None:
    """A name that does not resolve is told apart."""
    async with api("http://nowhere.invalid") as client:
        assert await failing(client, journal, "POST") == ("name_not_resolved", READ_MONEY)


async def test_plain_server_behind_https_moved_nothing(api, journal) -> None:
    """A TLS handshake that fails is told apart."""

    async def plain(_reader: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, api(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        assert await failing(client, journal, "POST") == ("tls_error", READ_MONEY)


async def test_a_handshake_that_never_ends_moved_nothing(serve, says, api, journal) -> None:
    """A server that takes the connection and never speaks TLS is told apart from one that took the request."""
    async with serve(says(b"")) as wire, api(wire.base_url.replace("http:", "https:")) as client:
        assert await failing(client, journal, "POST", deadline_seconds=0.3) == ("connect_timeout", READ_MONEY)
    assert wire.requests == []


async def test_silence_is_cut_at_the_deadline_and_leaves_a_post_unknown(serve, api, journal) -> None:
    """A server that takes the request and says nothing: a read moved nothing, a post is unknown."""

    async def talk(reader: asyncio.StreamReader, _writer: object, _request: bytes) -> None:
        await reader.read()

    async with serve(talk) as wire, api(wire.base_url) as client:
        assert await failing(client, journal, deadline_seconds=0.1) == ("timeout_before_answer", READ_MONEY)
        assert await failing(client, journal, "POST", deadline_seconds=0.1) == ("timeout_before_answer", UNKNOWN_MONEY)
    assert len(journal.events) == 2


async def test_a_dripping_body_is_cut_by_the_total_deadline(serve, api, journal) -> None:
    """One byte at a time never outlives the deadline."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serve(talk) as wire, api(wire.base_url) as client:
        word, money = await failing(client, journal, "POST", deadline_seconds=0.2)
    assert (word, money) == ("timeout_in_body", UNKNOWN_MONEY)
    assert journal.of("exchange")[0].status == 200


async def test_a_reset_leaves_a_post_unknown(serve, api, journal) -> None:
    """A connection reset after the request says nothing about what was done."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serve(talk) as wire, api(wire.base_url) as client:
        assert await failing(client, journal, "POST", once=True) == ("reset", UNKNOWN_MONEY)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
        + gzip.compress(b'{"data":"here"}')[:20],
    ],
    ids=["half a body", "half a gzip"],
)
async def test_half_a_body_is_no_answer(serve, api, journal, data: bytes) -> None:
    """A body that breaks off is not read as if it were whole."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(data)
        writer.close()

    async with serve(talk) as wire, api(wire.base_url) as client:
        assert await failing(client, journal) == ("cut_short", READ_MONEY)


async def test_a_gzip_bomb_is_refused_at_the_cap(serve, says, answer, api, journal) -> None:
    """Two hundred megabytes behind two hundred kilobytes stop at the cap, for gzip and for deflate."""
    zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(zeros.compress(bytes(1_000_000)) for _ in range(200)) + zeros.flush()
    async with serve(says(answer(bomb, headers="Content-Encoding: gzip"))) as wire, api(wire.base_url) as client:
        assert await failing(client, journal) == ("body_too_large", READ_MONEY)
    deflated = zlib.compress(bytes(3_000_000))
    async with serve(says(answer(deflated, headers="Content-Encoding: deflate"))) as wire, api(wire.base_url) as client:
        assert await failing(client, journal) == ("body_too_large", READ_MONEY)


async def test_a_plain_body_is_refused_past_the_cap_and_read_up_to_it(serve, says, answer, api, journal) -> None:
    """The cap is exact: that many bytes are an answer, one more is not."""
    async with serve(says(answer(b"x" * 1000))) as wire:
        async with api(wire.base_url, body_bytes_max=1000) as client:
            assert len((await client.get("/x")).body) == 1000
        async with api(wire.base_url, body_bytes_max=999) as client:
            assert await failing(client, journal) == ("body_too_large", READ_MONEY)


@pytest.mark.parametrize(("encoding", "word"), [("br", "unknown_encoding"), ("gzip", "bad_encoding")])
async def test_a_compression_nobody_asked_for_is_refused(serve, says, answer, api, journal, encoding, word) -> None:
    """Bytes that cannot be decoded are not guessed at."""
    talk = says(answer(b"rubbish", headers=f"Content-Encoding: {encoding}"))
    async with serve(talk) as wire, api(wire.base_url) as client:
        assert (await failing(client, journal))[0] == word


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 Moved"])
async def test_another_origin_never_sees_a_request(serve, says, answer, api, journal, status) -> None:
    """A redirect to another port is refused for reads and posts alike, and nothing reaches it."""
    async with serve(says(answer(b"{}"))) as other:
        moved = answer(b"", status=status, headers=f"Location: {other.base_url}/x")
        async with serve(says(moved)) as wire, api(wire.base_url) as client:
            assert await failing(client, journal) == ("redirect_refused", READ_MONEY)
            assert await failing(client, journal, "POST", json={"a": 1}) == ("redirect_refused", UNKNOWN_MONEY)
        assert other.requests == []
    assert len(journal.events) == 2


@pytest.mark.parametrize("location", ["/again", "http://user:pass@{host}/x", "http://[bad", "ftp://{host}/x"])
async def test_redirect_loops_and_odd_targets_end(serve, answer, api, journal, location) -> None:
    """A loop ends after three hops; a location with a user, another scheme or no sense is refused at once."""

    async def talk(_reader: object, writer: asyncio.StreamWriter, request: bytes) -> None:
        host = next(line for line in request.decode().split("\r\n") if line.lower().startswith("host:"))[6:]
        writer.write(answer(b"", status="302 Found", headers="Location: " + location.format(host=host)))

    async with serve(talk) as wire, api(wire.base_url) as client:
        assert (await failing(client, journal))[0] == "redirect_refused"
    assert len(wire.requests) == len(journal.events) == (4 if location == "/again" else 1)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"data":{"verdict":"FAIL","verdict":"PASS"}}', "a key stands twice"),
        (b'{"data":NaN}', "NaN or an infinity"),
        (b'{"data":1e999}', "NaN or an infinity"),
        (b'{"data":"\xff"}', "not UTF-8"),
        (b'{"data":', "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"<html>log in to the wifi</html>", "not JSON"),
    ],
    ids=["repeated key", "nan", "infinity", "latin-1", "half", "deep", "html"],
)
async def test_bad_json_is_recorded_as_such_and_refused_when_read(serve, says, answer, api, journal, body, why) -> None:
    """A document that is not exactly one JSON value is kept out; the refusal says why and holds nothing of it."""
    async with serve(says(answer(body))) as wire, api(wire.base_url) as client:
        got = await client.get("/x")
    assert journal.of("exchange")[0].failure == "bad_json"
    for read in (got.json, lambda: got.data):
        with pytest.raises(TargetError, match=why) as caught:
            read()
        assert "wifi" not in str(caught.value)


async def test_html_is_an_answer_but_no_document(serve, says, answer, api, journal) -> None:
    """A page that says it is a page is no failed exchange; reading it as JSON is refused, naming its type."""
    page = answer(b"<html>", headers="Content-Type: text/html; charset=utf-8")
    async with serve(says(page)) as wire, api(wire.base_url) as client:
        got = await client.get("/x")
    assert journal.of("exchange")[0].failure == ""
    with pytest.raises(TargetError, match="6 bytes, text/html: it is not JSON"):
        got.json()


async def test_429_is_an_answer_and_is_not_repeated(serve, says, answer, api) -> None:
    """Nothing is repeated by the client itself, whatever the status."""
    talk = says(answer(b"{}", status="429 Slow", headers="Retry-After: 1"))
    async with serve(talk) as wire, api(wire.base_url) as client:
        assert (await client.get("/x")).status == 429
        assert (await client.post("/x")).headers["retry-after"] == "1"
    assert len(wire.requests) == 2


async def test_a_cancelled_call_is_recorded(serve, api, journal) -> None:
    """A call that is cancelled from outside may have been carried out: it is in the journal, and stays cancelled."""
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _writer: object, _request: bytes) -> None:
        arrived.set()
        await reader.read()

    async with serve(talk) as wire, api(wire.base_url) as client:
        call = asyncio.create_task(client.post("/buy"))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert [event.failure for event in journal.events] == ["cancelled"]


@pytest.mark.parametrize("base_url", ["", "ftp://x", "http://", "http://u:p@x", "http://x?y=1", "http://x#f"])
async def test_a_base_url_that_is_not_plain_is_refused(api, base_url) -> None:
    """A base URL with a user, a query, a fragment or another scheme is refused, and its secret parts not shown."""
    with pytest.raises(ConfigurationError) as caught:
        api(base_url)
    assert "u:p" not in str(caught.value)
