"""Faults under the microcharge gate that only a second book shows: page, balance, payment, list of charges, A5's log."""

from __future__ import annotations

from tests.faults.entry import MICROCHARGE, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION = Layer.APPLICATION, Layer.CONFIGURATION
_LOG, _PROVIDER = Layer.LOG, Layer.PROVIDER
_FEE = twin("provider_fee_higher")
_DECORATED = twin("fleet_page_decorated")
_ASKED_TWICE = twin("fleet_checkout_asked_twice")
_TELLS_LESS = twin("fleet_log_tells_less")
_HEARD_LATE = twin("fleet_refund_heard_late")
_FAILED_BEFORE = twin("refund_failed_before")


def _micro(fault: str, layer: Layer, row: str, *twins: Planted) -> Entry:
    rows, criteria = rows_and_criteria(MICROCHARGE, row)
    return Entry(fault, MICROCHARGE, layer, rows, criteria, twins)


ENTRIES: tuple[Entry, ...] = (
    _micro("fleet_account_restricted", _CONFIGURATION, "account", _FEE),
    _micro("fleet_account_overdrawn", _CONFIGURATION, "account", _FEE),
    _micro("fleet_page_elsewhere", _APPLICATION, "checkout", _DECORATED),
    _micro("fleet_page_asks_more", _APPLICATION, "checkout", _DECORATED),
    _micro("fleet_page_subscribes", _APPLICATION, "checkout", _DECORATED),
    _micro("fleet_money_passed_on", _APPLICATION, "checkout", _DECORATED),
    _micro("fleet_platform_takes_fee", _APPLICATION, "checkout", _FEE),
    _micro("fleet_charge_passed_on", _PROVIDER, "pay", _FEE),
    _micro("fleet_charge_disputed", _PROVIDER, "pay", _FEE),
    _micro("fleet_charge_disputed_late", _PROVIDER, "proofs", _FEE),
    _micro("fleet_charge_posted_short", _PROVIDER, "refund", _FEE),
    _micro("fleet_charge_unposted", _PROVIDER, "refund", twin("fleet_charge_posted_late")),
    _micro("fleet_charge_settled_in_pounds", _CONFIGURATION, "refund", twin("fleet_settles_elsewhere", also_usd=1)),
    _micro("fleet_refund_doubled", _APPLICATION, "refund", _FAILED_BEFORE),
    _micro("fleet_refund_of_other_charge", _PROVIDER, "refund", _FAILED_BEFORE),
    _micro("fleet_refund_to_balance", _PROVIDER, "refund", _FAILED_BEFORE),
    _micro("fleet_fee_tenfold", _PROVIDER, "refund", _FEE),
    _micro("fleet_payment_received_less", _PROVIDER, "refund", _FEE),
    _micro("fleet_payment_of_other_charge", _PROVIDER, "refund", _FEE),
    _micro("fleet_charge_grows", _PROVIDER, "refund", _FEE),
    _micro("fleet_charges_untraced", _APPLICATION, "proofs", _ASKED_TWICE),
    _micro("fleet_charges_renamed", _APPLICATION, "proofs", _ASKED_TWICE),
    _micro("fleet_log_amount_other", _LOG, "proofs", _TELLS_LESS),
    _micro("fleet_log_payment_other", _LOG, "proofs", _TELLS_LESS),
    _micro("fleet_refund_unheard", _LOG, "proofs", _HEARD_LATE),
    _micro("fleet_refund_heard_failed", _LOG, "proofs", _HEARD_LATE),
    _micro("fleet_charges_after_event", _APPLICATION, "event", twin("fleet_event_late")),
    _micro("fleet_page_after_event", _APPLICATION, "event", twin("fleet_event_late")),
)
