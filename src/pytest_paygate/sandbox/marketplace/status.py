"""What the marketplace says of itself: health, environment, and the state of its payment processor.

The processor's state is asked of the processor, at most once a second, never assumed.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.marketplace import faults_orders
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from pytest_paygate.sandbox.marketplace.service import Marketplace

_PROBE_AGE_SECONDS_MAX = 1.0


class ProcessorProbe:
    """Remembers for a second whether Hyperswitch was healthy; many askers at once cause one question."""

    def __init__(self, marketplace: Marketplace) -> None:
        self._marketplace = marketplace
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._healthy = False

    async def status(self) -> str:
        """One of `operational`, `degraded`, `disabled`."""
        if self._marketplace.world.faults.active("hyperswitch_disabled"):
            return "disabled"
        async with self._lock:
            if time.monotonic() - self._asked_at > _PROBE_AGE_SECONDS_MAX:
                self._healthy = await self._marketplace.provider.healthy()
                self._asked_at = time.monotonic()
        return "operational" if self._healthy else "degraded"


def health(marketplace: Marketplace) -> dict[str, object]:
    """The health answer.

    Raises:
        ApiError: 503 while the fault `health_down` is on.
    """
    if marketplace.world.faults.active("health_down"):
        raise ApiError(503, "unhealthy", "the marketplace is down")
    if marketplace.world.faults.active("status_told_otherwise"):
        return {"checks": {"database": "ok"}, "build": "2026.11.1", "status": "ok"}
    return {"status": "ok"}


async def status(marketplace: Marketplace, probe: ProcessorProbe) -> dict[str, object]:
    """The status answer: the environment this marketplace believes it is, and its services."""
    environment = marketplace.world.environment
    if marketplace.world.faults.active("status_lies_environment"):
        lie = "sandbox" if environment == "live" else "live"
        environment = str(marketplace.world.faults.parameter("status_lies_environment", "environment", lie))
    processor: dict[str, object] = {"status": await probe.status()}
    if marketplace.world.faults.active("status_told_otherwise"):
        services = {"mail": {"status": "disabled"}, "hyperswitch": {"region": "live-eu", **processor}}
        return {"services": services, "previous_environment": "live", "environment": environment}
    told: dict[str, object] = {"environment": environment, "services": {"hyperswitch": processor}}
    return faults_orders.replica(marketplace, told)
