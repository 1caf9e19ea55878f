"""The official SDK's way out: our HTTP client instead of its own.

The SDK lets a client be handed in; its stock ones read the environment, know no total deadline and journal nothing,
and their inner client is private. This one leaves the SDK its retries (reads only, by option) and sees every attempt.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import stripe

from pytest_paygate.core.errors import TargetError
from pytest_paygate.providers.rate_limits import patiently

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from pytest_paygate.core.ports import Clock, HttpAnswer, HttpClient

# How often each address was asked within one call of the provider; the SDK does not tell its client.
attempts: ContextVar[dict[str, int]] = ContextVar("attempts")


class Transport(stripe.HTTPClient):
    """Carries the SDK's requests over the given client."""

    name = "paygate"

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        super().__init__()
        self._http = http
        self._clock = clock

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One attempt. An exchange without a complete answer becomes the SDK's own connection error."""
        if not url.startswith(f"{self._http.base_url}/"):
            raise RuntimeError("the SDK asks another host than the one it was given")
        is_read = method.upper() == "GET"

        async def send(_attempt: int = 1) -> HttpAnswer:
            # Counted over the SDK's own attempts too.
            counts = attempts.get({})
            counts[url] = counts.get(url, 0) + 1
            return await self._http.request(
                method.upper(),
                url.removeprefix(self._http.base_url),
                content=post_data.encode() if isinstance(post_data, str) else post_data,
                headers=headers,
                once=not is_read,
                attempt=counts[url],
            )

        try:
            # The SDK takes a 429 for an answer.
            answer = await (patiently(send, self._clock) if is_read else send())
            if answer.status < 300:
                # The SDK reads JSON leniently: a key that stands twice would silently count once.
                answer.json()
        except TargetError as error:
            # A call that moves money is sent once, whatever retries somebody configures on the SDK.
            raise stripe.APIConnectionError("no complete answer", should_retry=is_read) from error  # type: ignore[no-untyped-call]
        return answer.body, answer.status, answer.headers

    async def close_async(self) -> None:
        """Release the connections."""
        await self._http.aclose()

    def sleep_async(self, secs: float) -> Awaitable[None]:
        """Wait between two attempts of a read."""
        return self._clock.sleep(secs)
