"""One look at one endpoint over HTTP: its status, and how long the whole answer took.

Rules:
- every look has a connection of its own, as a new client would: a kept-alive one that the server just closed would
  count as an outage that nobody saw;
- a redirect is an answer, and not the one that was asked for;
- an answer that is late, broken off or without end is none: status 0.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from pytest_paygate.adapters import tls

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.ports import Clock

NO_ANSWER: Final = 0
BODY_BYTES_MAX: Final = 65_536


class HttpProber:
    """Looks at endpoints. Close it when done.

    Args:
        clock: measures.
        timeout_seconds: a whole look ends by then, from name resolution to the answer's last byte.
        ca_file: trusted authorities instead of the public ones.
    """

    def __init__(self, *, clock: Clock, timeout_seconds: float, ca_file: Path | None = None) -> None:
        self._clock, self._timeout_seconds = clock, timeout_seconds
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "paygate-watch", "Accept-Encoding": "identity"},
            timeout=timeout_seconds,
            verify=tls.context(ca_file),
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
        )

    async def look(self, url: str) -> tuple[int, float]:
        """Status and milliseconds of one GET; 0 and the time it took to know when no whole answer came."""
        started_seconds = self._clock.elapsed_seconds()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status = await self._status(url)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
            status = NO_ANSWER
        return status, max(0.0, (self._clock.elapsed_seconds() - started_seconds) * 1000)

    async def aclose(self) -> None:
        """Release what is open."""
        await self._client.aclose()

    async def _status(self, url: str) -> int:
        async with self._client.stream("GET", url) as answer:
            count = 0
            async for part in answer.aiter_raw():
                count += len(part)
                if count > BODY_BYTES_MAX:
                    return NO_ANSWER
            return answer.status_code
