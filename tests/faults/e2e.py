"""The faults that are planted under the e2e gate, each with what must catch it and its harmless twins."""

from __future__ import annotations

from tests.faults.entry import E2E, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION, _DATABASE = Layer.APPLICATION, Layer.CONFIGURATION, Layer.DATABASE
_HANDLER, _LOG, _NETWORK, _PROVIDER = Layer.WEBHOOK_HANDLER, Layer.LOG, Layer.NETWORK, Layer.PROVIDER
_OTHER_FORM = twin("json_told_otherwise", path="/api/v1/auth/login")
_EARLIER = twin("earlier_order")
_PAID_LATE = twin("webhook_delayed", source="stripe", seconds=0.5)
_REFUND_LATE = twin("webhook_delayed", source="hyperswitch", event_type="refund_", seconds=0.5)


def _e2e(
    fault: str, layer: Layer, row: str, *twins: Planted, number: str = "", held_by: str = "", critical: bool = False
) -> Entry:
    rows, criteria = rows_and_criteria(E2E, row)
    return Entry(fault, E2E, layer, rows, criteria, twins, number, held_by=held_by, critical=critical)


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
    _e2e("charge_not_captured", _PROVIDER, "pay", _PAID_LATE, twin("provider_unwell"), number="F35"),
    _e2e(
        "webhook_lost",
        _NETWORK,
        "completed",
        twin("webhook_delayed"),
        twin("webhook_reordered"),
        twin("orders_unwell"),
        number="F09",
    ),
    _e2e(
        "order_never_completes",
        _HANDLER,
        "completed",
        twin("webhook_refused", event_type="payment_succeeded"),
        twin("webhook_duplicated"),
        number="F17",
    ),
    _e2e("licence_missing", _DATABASE, "licence", _EARLIER, number="F38"),
    _e2e(
        "transfer_id_null",
        _DATABASE,
        "transfer",
        twin("transfer_id_null", seconds=0.5),
        twin("database_slow"),
        number="F39",
    ),
    _e2e("transfer_amount_wrong", _DATABASE, "transfer", _EARLIER, number="F40"),
    _e2e("transfer_unavailable", _PROVIDER, "transfer", twin("transfer_unavailable", times=1)),
    _e2e("refund_refused", _APPLICATION, "refund", twin("refund_told_otherwise")),
    _e2e("refund_not_sent", _APPLICATION, "reversal", twin("refund_not_sent", seconds=0.5)),
    _e2e("refund_never_settles", _HANDLER, "reversal", twin("webhook_refused", event_type="refund_succeeded")),
    _e2e("refund_webhook_lost", _NETWORK, "reversal", _REFUND_LATE),
    _e2e("refund_fails_later", _PROVIDER, "reversal", twin("fleet_refund_pends", seconds=0.5), number="F48"),
    _e2e("licence_kept_after_refund", _APPLICATION, "reversal", _EARLIER, number="F54"),
)
