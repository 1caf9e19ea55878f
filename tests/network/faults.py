"""The ways in which a request and its answer can go wrong on the wire, each as something the proxy does."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.network.proxy import Act, Talk

HANG_SECONDS = 60.0


@dataclass(frozen=True)
class Fault:
    """A fault. `processed`: the real party has received the request. `readable`: the answer is a whole, true one."""

    name: str
    act: Act
    processed: bool
    readable: bool = False


async def _clean(talk: Talk) -> None:
    await talk.say(await talk.hand_on())


async def _skewed(talk: Talk) -> None:
    head, _, body = (await talk.hand_on()).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]
    await talk.say(b"\r\n".join([*lines, b"Date: Thu, 01 Jan 2026 00:00:00 GMT"]) + b"\r\n\r\n" + body)


async def _slow(talk: Talk) -> None:
    answer = await talk.hand_on()
    await asyncio.sleep(0.2)
    await talk.say(answer)


async def _reset_before(talk: Talk) -> None:
    talk.reset()


async def _reset_after(talk: Talk) -> None:
    await talk.hand_on()
    talk.reset()


async def _end_before(talk: Talk) -> None:
    talk.writer.close()


async def _end_after(talk: Talk) -> None:
    await talk.hand_on()
    talk.writer.close()


async def _hang_before(talk: Talk) -> None:
    del talk
    await asyncio.sleep(HANG_SECONDS)


async def _hang_after(talk: Talk) -> None:
    await talk.hand_on()
    await asyncio.sleep(HANG_SECONDS)


def _cut(keep: int, *, share: float = 0.0) -> Act:
    async def act(talk: Talk) -> None:
        answer = await talk.hand_on()
        await talk.say(answer[: keep or int(len(answer) * share)])

    return act


async def _half_headers(talk: Talk) -> None:
    head, _, _ = (await talk.hand_on()).partition(b"\r\n\r\n")
    await talk.say(head[: len(head) // 2])


async def _half_body(talk: Talk) -> None:
    head, _, body = (await talk.hand_on()).partition(b"\r\n\r\n")
    await talk.say(head + b"\r\n\r\n" + body[: len(body) // 2])


async def _truncated_json(talk: Talk) -> None:
    body = (await talk.hand_on()).partition(b"\r\n\r\n")[2]
    await talk.say(_answer(b"200 OK", body[: len(body) // 2], length=False))


async def _drip(talk: Talk) -> None:
    for byte in await talk.hand_on():
        await talk.say(bytes([byte]))
        await asyncio.sleep(0.05)


def _instead(status: bytes, body: bytes, *headers: bytes, processed: bool = True) -> Act:
    async def act(talk: Talk) -> None:
        if processed:
            await talk.hand_on()
        await talk.say(_answer(status, body, *headers))

    return act


def _answer(status: bytes, body: bytes, *headers: bytes, length: bool = True) -> bytes:
    kind = b"Content-Type: text/html" if body.startswith(b"<") else b"Content-Type: application/json"
    size = [f"Content-Length: {len(body)}".encode()] if length else []
    return b"\r\n".join([b"HTTP/1.1 " + status, kind, *size, *headers, b"Connection: close", b"", body])


async def _huge_headers(talk: Talk) -> None:
    await talk.hand_on()
    await talk.say(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"a" * 300_000 + b"\r\n\r\n{}")


async def _redirect_self(talk: Talk) -> None:
    path = talk.exchange.line.split(" ")[1].encode()
    await talk.say(_answer(b"307 Temporary Redirect", b"{}", b"Location: " + path))


_ERROR = b'{"error":{"code":"api_error","message":"x","type":"api_error"}}'
_HTML = b"<html><body>Please log in to the network</body></html>"
_TWICE = b'{"id":"a","id":"b","status":"x","status":"succeeded"}'
_BOMB = gzip.compress(b"0" * 20_000_000)

FAULTS = (
    Fault("clean", _clean, processed=True, readable=True),
    Fault("a Date header of another day", _skewed, processed=True, readable=True),
    Fault("a slow answer", _slow, processed=True, readable=True),
    Fault("reset before it was processed", _reset_before, processed=False),
    Fault("reset after it was processed", _reset_after, processed=True),
    Fault("ended before it was processed", _end_before, processed=False),
    Fault("ended after it was processed", _end_after, processed=True),
    Fault("no answer, not processed", _hang_before, processed=False),
    Fault("no answer, processed", _hang_after, processed=True),
    Fault("half a status line", _cut(10), processed=True),
    Fault("half the headers", _half_headers, processed=True),
    Fault("half the body", _half_body, processed=True),
    Fault("truncated JSON without a length", _truncated_json, processed=True),
    Fault("a dripping answer", _drip, processed=True),
    Fault("a page instead of JSON", _instead(b"200 OK", _HTML), processed=True),
    Fault("a captive portal", _instead(b"200 OK", _HTML, processed=False), processed=False),
    Fault("one key twice", _instead(b"200 OK", _TWICE), processed=True),
    Fault("NaN", _instead(b"200 OK", b'{"amount":NaN}'), processed=True),
    Fault("amounts as text", _instead(b"200 OK", b'{"id":"x","amount":"500","status":"succeeded"}'), processed=True),
    Fault("an array", _instead(b"200 OK", b"[]"), processed=True),
    Fault("an empty body", _instead(b"200 OK", b""), processed=True),
    Fault("500, not processed", _instead(b"500 Oops", _ERROR, processed=False), processed=False),
    Fault("502 from a gateway", _instead(b"502 Bad Gateway", _HTML), processed=True),
    Fault("503 though processed", _instead(b"503 Unavailable", _ERROR), processed=True),
    Fault("429", _instead(b"429 Slow", _ERROR, processed=False), processed=False),
    Fault("429 with Retry-After 1", _instead(b"429 Slow", _ERROR, b"Retry-After: 1", processed=False), processed=False),
    Fault("429, years", _instead(b"429 Slow", _ERROR, b"Retry-After: 999999999", processed=False), processed=False),
    Fault("a huge body", _instead(b"200 OK", b'{"a":"' + b"x" * 3_000_000 + b'"}'), processed=True),
    Fault("a compressed bomb", _instead(b"200 OK", _BOMB, b"Content-Encoding: gzip"), processed=True),
    Fault("huge headers", _huge_headers, processed=True),
    Fault("a redirect to itself", _redirect_self, processed=False),
    Fault(
        "a redirect to another host",
        _instead(b"307 Temporary Redirect", b"{}", b"Location: http://192.0.2.1/x", processed=False),
        processed=False,
    ),
    Fault(
        "a redirect after it was processed",
        _instead(b"302 Found", b"{}", b"Location: http://192.0.2.1/x"),
        processed=True,
    ),
)
SMOKE = {
    "clean",
    "reset before it was processed",
    "ended after it was processed",
    "503 though processed",
    "half the body",
}


def chosen(size: str) -> tuple[Fault, ...]:
    """The faults of a size."""
    return FAULTS if size == "full" else tuple(fault for fault in FAULTS if fault.name in SMOKE)
