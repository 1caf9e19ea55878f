"""What can go wrong between a provider and a webhook's receiver, and the plan each delivery gets on its first claim.

Parameters every fault here takes: `event_type` (a prefix) and `source` (stripe or hyperswitch); both default to all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault

if TYPE_CHECKING:
    from pytest_paygate.sandbox.faults import Faults

LOST = Fault("webhook_lost", "webhooks", "a webhook is dropped on its way and never retried", "completed")
DELAYED = Fault("webhook_delayed", "webhooks", "a webhook leaves `seconds` later (default 1)", "")
DUPLICATED = Fault("webhook_duplicated", "webhooks", "a webhook is delivered twice", "")
REORDERED = Fault(
    "webhook_reordered",
    "webhooks",
    "a webhook is overtaken by the next one to the same endpoint (held at most `seconds`, default 1)",
    "",
)
REFUND_LOST = Fault(
    "refund_webhook_lost", "webhooks", "the processor's refund webhook is dropped and never retried", "reversal"
)

for _fault in (LOST, DELAYED, DUPLICATED, REORDERED, REFUND_LOST):
    REGISTRY[_fault.name] = _fault


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one delivery before its first attempt."""

    lost: bool = False
    delay_seconds: float = 0.0
    duplicated: bool = False
    hold_seconds: float = 0.0


def plan_for(faults: Faults, *, source: str, event_type: str) -> Plan:
    """Decide one delivery's fate and count each fault that acts on it."""
    if _acts(faults, LOST.name, source, event_type):
        return Plan(lost=True)
    refund_of_processor = source == "hyperswitch" and event_type.startswith("refund_")
    if refund_of_processor and _acts(faults, REFUND_LOST.name, source, event_type):
        return Plan(lost=True)
    delay = _seconds(faults, DELAYED.name) if _acts(faults, DELAYED.name, source, event_type) else 0.0
    hold = _seconds(faults, REORDERED.name) if _acts(faults, REORDERED.name, source, event_type) else 0.0
    duplicated = _acts(faults, DUPLICATED.name, source, event_type)
    return Plan(delay_seconds=delay, duplicated=duplicated, hold_seconds=hold)


def _acts(faults: Faults, name: str, source: str, event_type: str) -> bool:
    prefix = str(faults.parameter(name, "event_type", ""))
    wanted_source = str(faults.parameter(name, "source", source))
    # `active` counts what has fired, so the filters come first.
    return event_type.startswith(prefix) and wanted_source == source and faults.active(name)


def _seconds(faults: Faults, name: str) -> float:
    value = faults.parameter(name, "seconds", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        return 1.0
    return float(value)
