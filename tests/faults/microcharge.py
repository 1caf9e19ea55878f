"""The faults that are planted under the microcharge gate, each with what must catch it and its harmless twins."""

from __future__ import annotations

from tests.faults.entry import MICROCHARGE, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION, _DATABASE = Layer.APPLICATION, Layer.CONFIGURATION, Layer.DATABASE
_HANDLER, _LOG, _NETWORK, _PROVIDER = Layer.WEBHOOK_HANDLER, Layer.LOG, Layer.NETWORK, Layer.PROVIDER
_TOLD_CHECKOUT = twin("fleet_checkout_told_otherwise")


def _micro(
    fault: str, layer: Layer, row: str, *twins: Planted, number: str = "", held_by: str = "", critical: bool = False
) -> Entry:
    rows, criteria = rows_and_criteria(MICROCHARGE, row)
    return Entry(fault, MICROCHARGE, layer, rows, criteria, twins, number, held_by=held_by, critical=critical)


def _silent(fault: str, layer: Layer, *twins: Planted, number: str = "") -> Entry:
    proof = "proof charge_log (application log) is missing"
    return Entry(fault, MICROCHARGE, layer, frozenset(), frozenset(), twins, number, proof=proof)


ENTRIES: tuple[Entry, ...] = (
    _micro(
        "fleet_a3_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a3"), twin("fleet_database_slow")
    ),
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
    _micro(
        "fleet_refund_pends",
        _PROVIDER,
        "refund",
        twin("fleet_refund_pends", seconds=0.5),
        twin("provider_unwell"),
    ),
    _micro("fleet_checksum_differs", _DATABASE, "event", twin("fleet_event_told_otherwise"), number="F47"),
    _micro("fleet_event_lost", _DATABASE, "event", twin("fleet_event_told_otherwise")),
    _micro("fleet_ledger_test_card", _PROVIDER, "pay", number="F06", held_by="tests/rehearsal/test_microcharge.py"),
)
