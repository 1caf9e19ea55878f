"""The waits somebody may ask the emulated parties for, by name, in seconds.

Owns the names; the party that waits reads its own from `World.delays_seconds`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

DELAYS: dict[str, str] = {
    "marketplace.completion": "from the payment webhook to the completed order",
    "marketplace.reversal": "from the refund webhook to the refunded order",
    "stripe.refund_settles": "from pending to succeeded, for the test cards that refund so",
    "stripe.refund_fails": "from succeeded to failed, for the test cards that refund so",
    "webhooks.first_retry": "from a failed webhook delivery to its first repetition; doubles after that",
}
DELAY_SECONDS_MAX = 3600.0


def checked(delays_seconds: Mapping[str, object]) -> dict[str, float]:
    """Take delays by name.

    Raises:
        SandboxError: for an unknown name, or a value that is not 0 to 3600 seconds.
    """
    taken: dict[str, float] = {}
    for name, value in delays_seconds.items():
        if name not in DELAYS:
            message = f"unknown delay {name!r}: choose from {', '.join(DELAYS)}"
            raise SandboxError(message)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = float(value) if isinstance(value, int | float) and number else math.nan
        if not 0 <= seconds <= DELAY_SECONDS_MAX:
            message = f"delay {name} must be 0 to {DELAY_SECONDS_MAX:g} seconds, not {value!r}"
            raise SandboxError(message)
        taken[name] = seconds
    return taken
