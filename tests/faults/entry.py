"""What the catalogue says of one planted fault: where it sits, what must turn red, and its harmless twins.

Owns the form of an entry only; the entries of each gate stand in a module of their own.
The catalogue number is that of the list of known faults of payment systems (F01 …) where the fault is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

E2E = "e2e"
MICROCHARGE = "microcharge"


class Layer(StrEnum):
    """Which part of a payment system lies or breaks."""

    CONFIGURATION = "configuration"
    APPLICATION = "application"
    WEBHOOK_HANDLER = "webhook handler"
    DATABASE = "database"
    LOG = "log"
    PROVIDER = "provider"
    NETWORK = "network"
    CLOCK = "clock"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Planted:
    """What is switched on in one run's sandbox: a fault of its registry, with parameters."""

    name: str
    parameters: tuple[tuple[str, str | float], ...] = ()

    @property
    def settings(self) -> Mapping[str, str | float]:
        """The parameters by name."""
        return dict(self.parameters)

    def __str__(self) -> str:
        """The name, and the parameters in brackets where there are any."""
        told = ", ".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.name}({told})" if told else self.name


@dataclass(frozen=True, slots=True)
class Entry:
    """One fault: where it sits, what must turn red, and its twins.

    `rows` and `criteria` are exact sets: one red row too many is as wrong as one too few. `proof` names the witness
    that must be missing where nothing is red and the run is CONDITIONAL. `held_by` names the test that plants a fault
    which no sandbox run can show. `critical` marks the worst: planted in pairs too, and caught by two checks.
    """

    fault: str
    gate: str
    layer: Layer
    rows: frozenset[str]
    criteria: frozenset[str]
    twins: tuple[Planted, ...]
    number: str = ""
    proof: str = ""
    held_by: str = ""
    critical: bool = False

    @property
    def planted(self) -> Planted:
        """The fault as it is switched on."""
        return Planted(self.fault)


def twin(name: str, **parameters: str | float) -> Planted:
    """A harmless near-double: a benign fault, or a fault whose parameters make it harmless."""
    return Planted(name, tuple(sorted(parameters.items())))


def rows_and_criteria(gate: str, row: str) -> tuple[frozenset[str], frozenset[str]]:
    """The sets of an entry whose fault turns this one row red: the row, and its lines of the checklist."""
    return frozenset({row}), _criteria(gate, row)


# Which lines of the checklist go red with a row; `walkthrough` goes with every row that is not pre-flight.
_CRITERIA: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    E2E: {
        "completed": ("completed_in_time",),
        "licence": ("licence_attributed",),
        "transfer": ("transfer_known",),
        "refund": ("refund_accepted",),
        "reversal": ("refunded_in_time", "licence_gone"),
    },
    MICROCHARGE: {"refund": ("refunded_in_time",), "proofs": ("three_proofs",), "event": ("round_trip",)},
}
_BEFORE_E2E = frozenset(
    {
        "health",
        "environment",
        "processor",
        "replicas",
        "account",
        "catalogue",
        "operator_email",
        "order_refusals",
        "order_probes",
        "webhooks",
    }
)
_PREFLIGHT: Mapping[str, tuple[str, frozenset[str]]] = {
    E2E: ("preflight_passes", _BEFORE_E2E),
    MICROCHARGE: (
        "preconditions",
        frozenset(
            {"environment", "account", "core_window", "a1_window", "minimum_charge", "checkout_probes", "webhooks"}
        ),
    ),
}


def _criteria(gate: str, row: str) -> frozenset[str]:
    criterion, preflight = _PREFLIGHT[gate]
    if row in preflight:
        return frozenset({criterion})
    return frozenset({"walkthrough", *_CRITERIA[gate].get(row, ())})
