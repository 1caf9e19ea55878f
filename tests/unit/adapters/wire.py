"""Real parts for tests: a journal in memory, a clock moved by hand, a TCP server that says what it is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pytest_paygate.core.events import EventBody

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Journal:
    """A recorder that keeps its events in a list."""

    def __init__(self) -> None:
        self.events: list[EventBody] = []

    def record(self, body: EventBody) -> int:
        """Append one event; its number is its place."""
        self.events.append(body)
        return len(self.events) - 1

    def of(self, kind: str) -> list[EventBody]:
        """The events of one kind, in order."""
        return [event for event in self.events if event.kind == kind]


class ManualClock:
    """A clock that moves only when somebody sleeps on it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The start of the test plus what was slept."""
        return START + timedelta(seconds=self.seconds)

    def elapsed_seconds(self) -> float:
        """What was slept."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.seconds += seconds


Talk: TypeAlias = "Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]"


@dataclass
class Wire:
    """A running server: where it is, the requests it saw in full, and how many connections it took."""

    base_url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def serve(talk: Talk) -> AsyncIterator[Wire]:
    """Run a raw HTTP/1.1 server: `talk` writes the bytes of every answer."""
    wire = Wire()
    open_writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        open_writers.add(writer)
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                request = head + await reader.readexactly(length)
                wire.requests.append(request)
                await talk(reader, writer, request)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            open_writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    wire.base_url = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        server.close()
        for writer in tuple(open_writers):
            writer.transport.abort()
        await server.wait_closed()


def answer(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json") -> bytes:
    """The bytes of one complete HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *([headers] if headers else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(data: bytes) -> Talk:
    """A talk that always answers the same bytes."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(data)

    return talk
