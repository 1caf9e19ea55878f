"""A proxy that breaks one chosen request in one chosen way, and writes down what really passed.

HTTP/1.1 over real sockets, one request a connection. Its own book is the oracle of every cell: which requests it saw in
full, which of them it handed on, and whether the fault really acted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


@dataclass(slots=True)
class Exchange:
    """One request as the proxy saw it."""

    request: bytes
    handed_on: bool = False
    fault: str = ""

    @property
    def line(self) -> str:
        """Method and path."""
        return " ".join(self.request.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2])


@dataclass(slots=True)
class Talk:
    """What a fault may do with one request: hand it on, answer, break the connection."""

    exchange: Exchange
    writer: asyncio.StreamWriter
    upstream: tuple[str, int]
    previous: bytes

    async def hand_on(self) -> bytes:
        """Send the request to the real party and read its whole answer."""
        self.exchange.handed_on = True
        reader, writer = await asyncio.open_connection(*self.upstream)
        try:
            head, _, body = self.exchange.request.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
            host = f"{self.upstream[0]}:{self.upstream[1]}".encode()
            head = b"\r\n".join([lines[0], b"Host: " + host, *lines[1:], b"Connection: close"])
            writer.write(head + b"\r\n\r\n" + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()

    async def say(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with a RST."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Act = Callable[[Talk], Awaitable[None]]


@dataclass(slots=True)
class Rule:
    """Which request to break, and how. `times` of -1 breaks every one that matches."""

    matches: Callable[[Exchange], bool]
    name: str
    act: Act
    times: int = 1
    fired: int = 0


@dataclass
class Proxy:
    """A running proxy. `book` is everything it saw, in order.

    Args:
        upstream: base URL of the real party; may be set after the start.
        certificate: makes it speak TLS, with this certificate and key.
    """

    upstream: str = ""
    certificate: ssl.SSLContext | None = None
    base_url: str = ""
    book: list[Exchange] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    connections: int = 0
    drops: int = 0
    _previous: bytes = b""
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.certificate, limit=2**20)
        port = self._server.sockets[0].getsockname()[1]
        scheme = "https" if self.certificate else "http"
        self.base_url = f"{scheme}://localhost:{port}" if self.certificate else f"{scheme}://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def lines(self, start: str) -> list[Exchange]:
        """What it saw of one kind of request."""
        return [exchange for exchange in self.book if exchange.line.startswith(start)]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            if self.drops:
                # Dropped before a byte of the request was read.
                self.drops -= 1
                Talk(Exchange(b""), writer, ("", 0), b"").reset()
                return
            await self._served(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        exchange = Exchange(head + await reader.readexactly(length))
        self.book.append(exchange)
        parts = urlsplit(self.upstream)
        talk = Talk(exchange, writer, (parts.hostname or "", parts.port or 80), self._previous)
        for rule in self.rules:
            if rule.times and rule.matches(exchange):
                rule.times -= 1
                rule.fired += 1
                exchange.fault = rule.name
                await rule.act(talk)
                return
        self._previous = await talk.hand_on()
        await talk.say(self._previous)
