"""The faults that are planted under the microcharge gate, each with what must catch it and its harmless twins."""

from __future__ import annotations

from tests.faults.entry import MICROCHARGE, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION, _DATABASE = Layer.APPLICATION, Layer.CONFIGURATION, Layer.DATABASE
_LOG, _NETWORK, _PROVIDER = Layer.LOG, Layer.NETWORK, Layer.PROVIDER
_CLOCK, _OPERATOR = Layer.CLOCK, Layer.OPERATOR
_TOLD_CHECKOUT = twin("fleet_checkout_told_otherwise")
_TOLD_REFUND = twin("fleet_refund_told_otherwise")
_TOLD_EVENT = twin("fleet_event_told_otherwise")
_NAMED = twin("fleet_replicas_named")
_FEE = twin("provider_fee_higher")
_AHEAD = twin("fleet_provider_ahead")


def _micro(
    fault: str, layer: Layer, row: str, *twins: Planted, number: str = "", held_by: str = "", critical: bool = False
) -> Entry:
    rows, criteria = rows_and_criteria(MICROCHARGE, row)
    return Entry(fault, MICROCHARGE, layer, rows, criteria, twins, number, held_by=held_by, critical=critical)


def _silent(fault: str, layer: Layer, *twins: Planted, number: str = "") -> Entry:
    proof = "proof charge_log (application log) is missing"
    return Entry(fault, MICROCHARGE, layer, frozenset(), frozenset(), twins, number, proof=proof)


ENTRIES: tuple[Entry, ...] = (
    _micro("fleet_environment_lies", _CONFIGURATION, "environment", _NAMED, number="F02"),
    _micro("fleet_mode_lies", _CONFIGURATION, "environment", _NAMED, number="F01"),
    _micro("fleet_system_other", _CONFIGURATION, "environment", _NAMED, number="F02", critical=True),
    _micro("fleet_replica_stale", _CONFIGURATION, "environment", _NAMED, number="F08"),
    _micro("fleet_account_other", _CONFIGURATION, "account", _AHEAD, number="F04"),
    _micro("fleet_provider_other_mode", _CONFIGURATION, "account", _FEE, number="F01", critical=True),
    _micro(
        "fleet_a3_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a3"), twin("fleet_database_slow")
    ),
    _micro("fleet_a6_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a6")),
    _micro("fleet_a8_down", _APPLICATION, "core_window", twin("fleet_answers_late", app="a8")),
    _micro("fleet_history_bad", _APPLICATION, "core_window", twin("fleet_history_a3_slow")),
    _micro("fleet_history_gap", _OPERATOR, "core_window", twin("fleet_history_gap", minutes=4)),
    _micro("fleet_history_thin", _OPERATOR, "core_window", twin("fleet_history_thin", pauses=10)),
    _micro("fleet_a1_slow", _APPLICATION, "a1_window", twin("fleet_a1_slow", seconds=0.1)),
    _micro("fleet_settles_elsewhere", _CONFIGURATION, "minimum_charge", twin("fleet_settles_elsewhere", also_usd=1)),
    _micro("fleet_a3_goes_down", _APPLICATION, "probe", twin("fleet_answers_late", app="a3")),
    _micro("fleet_a8_goes_down", _APPLICATION, "checkout", twin("fleet_answers_late", app="a8")),
    _micro("fleet_trace_not_echoed", _NETWORK, "checkout", twin("fleet_more_headers")),
    _micro("fleet_session_missing", _APPLICATION, "checkout", _TOLD_CHECKOUT),
    _micro("fleet_session_of_another", _APPLICATION, "checkout", twin("fleet_checkout_asked_twice")),
    _micro("fleet_checkout_accepted_only", _APPLICATION, "checkout", _TOLD_CHECKOUT),
    _micro("fleet_answer_holds_key", _APPLICATION, "checkout", twin("fleet_answer_masks_key"), number="F46"),
    _micro("fleet_wrong_amount", _APPLICATION, "checkout", _TOLD_CHECKOUT, critical=True),
    _micro("fleet_amount_hundredfold", _APPLICATION, "checkout", _TOLD_CHECKOUT, number="F20", critical=True),
    _micro("fleet_wrong_currency", _APPLICATION, "checkout", _TOLD_CHECKOUT, number="F24", critical=True),
    _micro("fleet_asks_more", _APPLICATION, "checkout", _TOLD_CHECKOUT, critical=True),
    _micro("fleet_payment_older", _APPLICATION, "checkout", twin("fleet_payment_older", seconds=60)),
    _micro("fleet_payment_live", _PROVIDER, "checkout", _FEE, number="F01"),
    _micro("fleet_page_charges_nothing", _OPERATOR, "pay", twin("webhook_delayed", source="stripe", seconds=0.5)),
    _micro("fleet_card_declined", _OPERATOR, "pay", twin("fleet_payer_late")),
    _micro("fleet_charge_live", _PROVIDER, "pay", _FEE, number="F01"),
    _micro("fleet_surcharge", _PROVIDER, "pay", _FEE, number="F25"),
    _micro("fleet_ledger_test_card", _PROVIDER, "pay", number="F06", held_by="tests/rehearsal/test_microcharge.py"),
    _micro(
        "fleet_log_before_commit", _LOG, "pay", twin("fleet_log_before_commit", event="payment_started"), number="F44"
    ),
    _micro("fleet_refund_refused", _APPLICATION, "refund", twin("fleet_answers_late", app="a5")),
    _micro("fleet_refund_misnamed", _APPLICATION, "refund", _TOLD_REFUND),
    _micro("fleet_trace_lost_at_refund", _NETWORK, "refund", twin("fleet_more_headers")),
    _micro(
        "fleet_refund_partial",
        _APPLICATION,
        "refund",
        twin("fleet_refund_partial", short_minor=0),
        number="F50",
        critical=True,
    ),
    _micro(
        "fleet_refund_pends",
        _PROVIDER,
        "refund",
        twin("fleet_refund_pends", seconds=0.5),
        twin("provider_unwell"),
    ),
    _micro("fleet_refund_fails", _PROVIDER, "refund", twin("fleet_refund_pends", seconds=0.5), number="F48"),
    _micro("fleet_refund_unposted", _PROVIDER, "refund", _FEE),
    _micro("fleet_refund_unmarked", _PROVIDER, "refund", _TOLD_REFUND),
    _micro(
        "fleet_refund_late",
        _CLOCK,
        "refund",
        twin("fleet_refund_late", seconds=59),
        _AHEAD,
        number="F53",
    ),
    _micro("fleet_refund_at_the_limit", _CLOCK, "refund", twin("fleet_refund_at_the_limit", seconds=1)),
    _micro("fleet_refund_before_charge", _CLOCK, "refund", _AHEAD),
    _micro(
        "fleet_charges_twice", _APPLICATION, "proofs", twin("fleet_checkout_asked_twice"), number="F30", critical=True
    ),
    _micro("fleet_second_page", _APPLICATION, "proofs", twin("fleet_checkout_asked_twice"), number="F31"),
    _silent("fleet_log_missing", _LOG, twin("fleet_log_late"), number="F42"),
    _silent("fleet_log_other_trace", _LOG, twin("fleet_log_other_trace", also=1)),
    _micro("fleet_log_twice", _LOG, "proofs", twin("webhook_duplicated", source="stripe")),
    _micro("fleet_log_says_failed", _LOG, "proofs", twin("fleet_log_failed_before"), number="F34"),
    _micro("fleet_log_holds_card", _LOG, "proofs", twin("fleet_log_masks_card"), number="F46"),
    _micro("fleet_event_accepted_only", _APPLICATION, "event", twin("fleet_event_answered_200"), _TOLD_EVENT),
    _micro("fleet_event_lost", _DATABASE, "event", twin("fleet_event_late")),
    _micro(
        "fleet_event_of_another_run",
        _DATABASE,
        "event",
        twin("fleet_event_told_as_floats"),
        twin("fleet_event_noted"),
        number="F47",
    ),
    _micro("fleet_event_under_another_app", _DATABASE, "event", _TOLD_EVENT),
    _micro("fleet_checksum_differs", _DATABASE, "event", _TOLD_EVENT, number="F47"),
    _micro("fleet_checksum_unformed", _DATABASE, "event", _TOLD_EVENT),
)

# Checks that no run in the embedded sandbox can show to bear load, each with the test that takes it away elsewhere.
SHOWN_BY = {
    "real_card": "tests/rehearsal/test_microcharge.py::test_without_its_check_the_test_card_slips_through",
    "previous_run_passed": (
        "tests/gates/test_microcharge_green.py::test_a_red_e2e_run_keeps_the_charge_from_happening"
    ),
}
