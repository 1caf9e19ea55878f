"""A terminal for tests: a pseudo-terminal of a given size, and an emulator that shows what a person would see."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import termios

import pyte


class EmulatedTerminal:
    """A person's end and the device of a pseudo-terminal; `screen` holds what stands on it now, `raw` all that came."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.person, self._device = pty.openpty()
        self.path = os.ttyname(self._device)
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size, as dragging its corner does."""
        fcntl.ioctl(self._device, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def text(self) -> str:
        """The screen as text, without the spaces at the ends of its lines."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def type(self, text: str) -> None:
        """What the person types; Enter is a carriage return, as the key sends it."""
        os.write(self.person, text.replace("\n", "\r").encode())

    async def pump(self, seconds: float = 0.2) -> None:
        """Show what has come, for a while."""
        loop = asyncio.get_running_loop()
        stop = loop.time() + seconds
        while loop.time() < stop:
            arrived = loop.create_future()
            loop.add_reader(self.person, lambda one=arrived: one.done() or one.set_result(None))
            try:
                await asyncio.wait_for(arrived, max(0.01, stop - loop.time()))
            except TimeoutError:
                return
            finally:
                loop.remove_reader(self.person)
            chunk = os.read(self.person, 65536)
            self.raw += chunk
            self._stream.feed(chunk)

    async def until(self, text: str, timeout_seconds: float = 10.0) -> str:
        """Wait until a text stands on the screen, and return the screen."""
        loop = asyncio.get_running_loop()
        stop = loop.time() + timeout_seconds
        while text not in self.text():
            assert loop.time() < stop, f"{text!r} was never shown; the screen:\n{self.text()}"
            await self.pump(0.1)
        return self.text()

    def close(self) -> None:
        """Close both ends."""
        for handle in (self.person, self._device):
            os.close(handle)
