"""Serves ASGI apps on loopback sockets inside a running asyncio loop.

Must not touch signals, logging configuration or any address but 127.0.0.1.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import ASGIApp

_DRAIN_SECONDS = 2
# Longer than any client here keeps an idle connection (httpx: 5 seconds): a server that closes at the same moment at
# which a client sends looks like a lost answer.
_KEEP_ALIVE_SECONDS = 75
# The Date header is renewed this often.
_TICK_SECONDS = 1.0


class LoopbackServer(uvicorn.Server):
    """A uvicorn server that stops when told instead of looking ten times a second whether it should."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
        )
        self._ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Keep the Date header fresh until `end`."""
        while not self._ended.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation that meets the event.
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._ended.wait()

    def end(self) -> None:
        """Stop accepting, finish what is being answered."""
        self.should_exit = True
        self._ended.set()


@asynccontextmanager
async def serving(apps: Mapping[str, ASGIApp], sockets: Mapping[str, socket.socket]) -> AsyncIterator[None]:
    """Serve each app on the socket of its name for as long as the context is open."""
    servers = {name: LoopbackServer(app) for name, app in apps.items()}
    tasks = [
        asyncio.create_task(server.serve(sockets=[sockets[name]]), name=f"serve-{name}")
        for name, server in servers.items()
    ]
    try:
        while not all(server.started for server in servers.values()):
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0)
        yield
    finally:
        for server in servers.values():
            server.end()
        await asyncio.gather(*tasks)
