"""A read that the provider's rate limit turns away: asked again after the pause it asks for.

Owns when a read is repeated and when its 429 is the answer. Must never be put around a call that moves money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_paygate.core.retry_after import retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_paygate.core.ports import Clock, HttpAnswer

TOO_MANY: Final = 429
# Without a Retry-After, which Stripe does not send; a limit per second is over after the first of them.
PAUSES_SECONDS: Final = (1.0, 2.0, 4.0)
# A provider that asks for more is not waited for: its 429 is the answer, and whoever polls obeys it there.
PAUSE_SECONDS_MAX: Final = 10.0


async def patiently(read: Callable[[int], Awaitable[HttpAnswer]], clock: Clock) -> HttpAnswer:
    """Read until the answer is something else than 429, at most `len(PAUSES_SECONDS)` times more.

    Args:
        read: sends a request that only reads; it is told which attempt this is, from 1.
        clock: waits between two of them.

    Returns:
        The answer that is not 429, or the last one.
    """
    answer = await read(1)
    for attempt, usual_seconds in enumerate(PAUSES_SECONDS, start=2):
        if answer.status != TOO_MANY:
            break
        asked = retry_after_seconds(answer.headers.get("retry-after"), clock.now())
        pause_seconds = usual_seconds if asked is None else asked
        if pause_seconds > PAUSE_SECONDS_MAX:
            break
        await clock.sleep(pause_seconds)
        answer = await read(attempt)
    return answer
