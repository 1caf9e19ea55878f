"""The faults of the e2e gate that act before anybody pays, or without: goods for nothing, doors that are open."""

from __future__ import annotations

from tests.faults.entry import E2E, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION, _HANDLER = Layer.APPLICATION, Layer.CONFIGURATION, Layer.WEBHOOK_HANDLER
_TOLD = twin("order_told_otherwise")
_EARLIER = twin("earlier_order")
_NOT_FOUND = twin("token_refused_as_not_found")
_REFUSED_OTHERWISE = twin("webhook_refusals_told_otherwise")
_AGAIN = twin("webhook_refused", event_type="payment_")


def _e2e(fault: str, layer: Layer, row: str, *twins: Planted, number: str = "") -> Entry:
    rows, criteria = rows_and_criteria(E2E, row)
    return Entry(fault, E2E, layer, rows, criteria, twins, number)


ENTRIES: tuple[Entry, ...] = (
    _e2e("licence_before_payment", _APPLICATION, "order_probes", _EARLIER),
    _e2e("unpaid_order_completes", _APPLICATION, "order_probes", _TOLD),
    _e2e("cancelled_payment_completes", _HANDLER, "order_probes", twin("closed_payment_expired")),
    _e2e("order_key_race", _APPLICATION, "order_probes", twin("orders_at_once_refused"), number="F28"),
    _e2e("replay_opens_second", _APPLICATION, "order_probes", twin("order_replayed_with_200"), number="F28"),
    _e2e("order_key_forgotten", _APPLICATION, "order_probes", twin("ended_order_key_refused"), number="F28"),
    _e2e("refund_unauthenticated", _APPLICATION, "order_probes", _NOT_FOUND),
    _e2e("login_any_password", _APPLICATION, "order_refusals", twin("slow_answers", seconds=0.2)),
    _e2e("reads_unauthenticated", _APPLICATION, "order", _NOT_FOUND),
    _e2e("any_token_taken", _APPLICATION, "order", _NOT_FOUND),
    _e2e("webhook_empty_key_taken", _CONFIGURATION, "webhooks", _REFUSED_OTHERWISE, number="F10"),
    _e2e("webhook_signature_reused", _HANDLER, "webhooks", _REFUSED_OTHERWISE, number="F10"),
    _e2e("webhook_amount_believed", _HANDLER, "webhooks", _AGAIN),
    _e2e("webhook_processing_completes", _HANDLER, "webhooks", twin("webhook_conflict_told")),
    _e2e("late_failure_demotes", _HANDLER, "completed", twin("order_seen_late"), number="F16"),
)
