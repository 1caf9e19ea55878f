"""Things that happen later on their own: written as rows, so that no restart loses one.

Owns `stripe.jobs`: scheduling and taking. Who acts on a job is `timers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call

REFUND_SETTLES = "refund_settles"
REFUND_FAILS = "refund_fails"
SESSION_EXPIRES = "session_expires"
FUNDS_ARRIVED = "funds_arrived"

# Seconds until each happens, unless the world's delays say otherwise (`stripe.refund_settles` and so on).
_DELAY_SECONDS = {REFUND_SETTLES: 0.3, REFUND_FAILS: 0.3}


async def schedule(call: Call, kind: str, object_id: str, after_seconds: float | None = None) -> None:
    """Write a job in the call's transaction; the loop is woken when that commits."""
    if after_seconds is None:
        after_seconds = float(call.world.delays_seconds.get(f"stripe.{kind}", _DELAY_SECONDS[kind]))
    due = call.world.clock.now() + after_seconds
    await call.connection.execute(
        "INSERT INTO stripe.jobs (due, kind, object_id, livemode) VALUES (%s, %s, %s, %s)",
        (due, kind, object_id, call.livemode),
    )
    call.scheduled.append(due)


async def forget(call: Call, kind: str, object_id: str) -> None:
    """Drop a job that has lost its purpose; one that is just being acted on is left to find that out itself."""
    await call.connection.execute(
        "DELETE FROM stripe.jobs WHERE id IN"
        " (SELECT id FROM stripe.jobs WHERE kind = %s AND object_id = %s FOR UPDATE SKIP LOCKED)",
        (kind, object_id),
    )
