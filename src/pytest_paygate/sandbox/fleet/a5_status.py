"""What A5 says of itself: environment, build and mode; and how one of its replicas can say something else.

Owns the status document and the count of who answered; the faults that spoil it act here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_paygate.sandbox.fleet.service import Fleet

BUILD = "2026.11.2"
_OLD_BUILD = "2026.10.9"
# One of so many replicas is the odd one.
REPLICAS = 4


def told(fleet: Fleet) -> dict[str, object]:
    """The document, as the next replica tells it."""
    world, faults = fleet.world, fleet.world.faults
    document: dict[str, object] = {
        "app": "A5",
        "environment": world.environment,
        "livemode": world.keys.livemode,
        "build": BUILD,
    }
    if faults.active("fleet_environment_lies"):
        document["environment"] = "staging" if world.environment == "sandbox" else "sandbox"
    if faults.active("fleet_system_other"):
        document |= {"environment": "production", "livemode": not world.keys.livemode}
    if faults.active("fleet_mode_lies"):
        document["livemode"] = not world.keys.livemode
    if faults.active("fleet_status_holds_key"):
        document["config"] = {"stripe": world.keys.stripe_secret}
    if faults.active("fleet_status_holds_published_key"):
        document["config"] = {"stripe": f"pk_test_{world.identifiers.token(24)}"}
    replica = fleet.next_replica()
    if replica == REPLICAS - 1 and faults.active("fleet_replica_stale"):
        document["build"] = _OLD_BUILD
    if faults.active("fleet_replicas_named"):
        document = {"replica": f"a5-{replica}", "uptime_seconds": 3600 + replica, **dict(reversed(document.items()))}
    return document
