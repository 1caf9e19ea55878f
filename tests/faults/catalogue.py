"""The faults that are planted, each with what must catch it and the harmless twin that must not be caught.

Owns the expectations only. How the sandbox breaks stands in the sandbox; what runs the gates is `planting` and `score`.
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
    which no sandbox run can show.
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

    @property
    def planted(self) -> Planted:
        """The fault as it is switched on."""
        return Planted(self.fault)


def twin(name: str, **parameters: str | float) -> Planted:
    """A harmless near-double: a benign fault, or a fault whose parameters make it harmless."""
    return Planted(name, tuple(sorted(parameters.items())))


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
_PREFLIGHT: Mapping[str, tuple[str, frozenset[str]]] = {
    E2E: ("preflight_passes", frozenset({"health", "environment", "processor", "catalogue"})),
    MICROCHARGE: ("preconditions", frozenset({"core_window", "a1_window"})),
}


def _criteria(gate: str, row: str) -> frozenset[str]:
    criterion, preflight = _PREFLIGHT[gate]
    if row in preflight:
        return frozenset({criterion})
    return frozenset({"walkthrough", *_CRITERIA[gate].get(row, ())})


def _e2e(fault: str, layer: Layer, row: str, *twins: Planted, number: str = "") -> Entry:
    return Entry(fault, E2E, layer, frozenset({row}), _criteria(E2E, row), twins, number)


def _micro(fault: str, layer: Layer, row: str, *twins: Planted, number: str = "", held_by: str = "") -> Entry:
    rows, criteria = frozenset({row}), _criteria(MICROCHARGE, row)
    return Entry(fault, MICROCHARGE, layer, rows, criteria, twins, number, held_by=held_by)


def _silent(fault: str, layer: Layer, *twins: Planted, number: str = "") -> Entry:
    proof = "proof charge_log (application log) is missing"
    return Entry(fault, MICROCHARGE, layer, frozenset(), frozenset(), twins, number, proof=proof)


_APPLICATION, _CONFIGURATION, _DATABASE = Layer.APPLICATION, Layer.CONFIGURATION, Layer.DATABASE
_HANDLER, _LOG, _NETWORK, _PROVIDER = Layer.WEBHOOK_HANDLER, Layer.LOG, Layer.NETWORK, Layer.PROVIDER
_OTHER_FORM = twin("json_told_otherwise", path="/api/v1/auth/login")
_EARLIER = twin("earlier_order")
_TOLD_CHECKOUT = twin("fleet_checkout_told_otherwise")
_PAID_LATE = twin("webhook_delayed", source="stripe", seconds=0.5)
_REFUND_LATE = twin("webhook_delayed", source="hyperswitch", event_type="refund_", seconds=0.5)

ENTRIES: tuple[Entry, ...] = (
    _e2e("health_down", _APPLICATION, "health", twin("status_told_otherwise")),
    _e2e("status_lies_environment", _CONFIGURATION, "environment", twin("status_told_otherwise"), number="F02"),
    _e2e("hyperswitch_disabled", _CONFIGURATION, "processor", twin("status_told_otherwise")),
    _e2e("catalogue_empty", _APPLICATION, "catalogue", twin("catalogue_longer")),
    _e2e("login_refused", _APPLICATION, "login", twin("slow_answers", seconds=0.2)),
    _e2e("huge_body", _NETWORK, "login", _OTHER_FORM),
    _e2e("html_instead_of_json", _NETWORK, "login", _OTHER_FORM),
    _e2e("malformed_json", _NETWORK, "login", _OTHER_FORM),
    _e2e("product_price_wrong", _APPLICATION, "products", twin("catalogue_longer"), number="F26"),
    _e2e("order_without_payment_url", _APPLICATION, "order", twin("order_told_otherwise")),
    _e2e("order_total_wrong", _APPLICATION, "order", twin("order_told_otherwise")),
    _e2e("charge_amount_short", _PROVIDER, "pay", twin("provider_fee_higher")),
    _e2e("charge_not_captured", _PROVIDER, "pay", _PAID_LATE, number="F35"),
    _e2e("webhook_lost", _NETWORK, "completed", twin("webhook_delayed"), twin("webhook_reordered"), number="F09"),
    _e2e(
        "order_never_completes",
        _HANDLER,
        "completed",
        twin("webhook_refused", event_type="payment_succeeded"),
        twin("webhook_duplicated"),
        number="F17",
    ),
    _e2e("licence_missing", _DATABASE, "licence", _EARLIER, number="F38"),
    _e2e("transfer_id_null", _DATABASE, "transfer", twin("transfer_id_null", seconds=0.5), number="F39"),
    _e2e("transfer_amount_wrong", _DATABASE, "transfer", _EARLIER, number="F40"),
    _e2e("transfer_unavailable", _PROVIDER, "transfer", twin("transfer_unavailable", times=1)),
    _e2e("refund_refused", _APPLICATION, "refund", twin("refund_told_otherwise")),
    _e2e("refund_not_sent", _APPLICATION, "reversal", twin("refund_not_sent", seconds=0.5)),
    _e2e("refund_never_settles", _HANDLER, "reversal", twin("webhook_refused", event_type="refund_succeeded")),
    _e2e("refund_webhook_lost", _NETWORK, "reversal", _REFUND_LATE),
    _e2e("refund_fails_later", _PROVIDER, "reversal", twin("fleet_refund_pends", seconds=0.5), number="F48"),
    _e2e("licence_kept_after_refund", _APPLICATION, "reversal", _EARLIER, number="F54"),
    _micro("fleet_a3_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a3")),
    _micro("fleet_a6_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a6")),
    _micro("fleet_a8_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a8")),
    _micro("fleet_a1_slow", _APPLICATION, "a1_window", twin("fleet_a1_slow", seconds=0.1)),
    _micro("fleet_trace_not_echoed", _NETWORK, "checkout", twin("fleet_more_headers")),
    _micro("fleet_session_missing", _APPLICATION, "checkout", _TOLD_CHECKOUT),
    _micro("fleet_wrong_amount", _APPLICATION, "checkout", _TOLD_CHECKOUT),
    _micro("fleet_wrong_currency", _APPLICATION, "checkout", _TOLD_CHECKOUT, number="F24"),
    _micro("fleet_charges_twice", _APPLICATION, "proofs", twin("fleet_checkout_asked_twice"), number="F30"),
    _silent("fleet_log_missing", _LOG, twin("fleet_log_late"), number="F42"),
    _silent("fleet_log_other_trace", _LOG, twin("fleet_log_other_trace", also=1)),
    _micro(
        "fleet_log_before_commit", _LOG, "pay", twin("fleet_log_before_commit", event="payment_started"), number="F44"
    ),
    _micro("fleet_refund_refused", _APPLICATION, "refund", twin("fleet_answers_late", app="a5")),
    _micro("fleet_refund_partial", _APPLICATION, "refund", twin("fleet_refund_partial", short_minor=0), number="F50"),
    _micro("fleet_refund_pends", _PROVIDER, "refund", twin("fleet_refund_pends", seconds=0.5)),
    _micro("fleet_checksum_differs", _DATABASE, "event", twin("fleet_event_told_otherwise"), number="F47"),
    _micro("fleet_event_lost", _DATABASE, "event", twin("fleet_event_told_otherwise")),
    _micro("fleet_ledger_test_card", _PROVIDER, "pay", number="F06", held_by="tests/rehearsal/test_microcharge.py"),
)
