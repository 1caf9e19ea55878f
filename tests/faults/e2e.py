"""The faults that are planted under the e2e gate, each with what must catch it and its harmless twins."""

from __future__ import annotations

from tests.faults.entry import E2E, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _CONFIGURATION, _DATABASE = Layer.APPLICATION, Layer.CONFIGURATION, Layer.DATABASE
_HANDLER, _LOG, _NETWORK, _PROVIDER = Layer.WEBHOOK_HANDLER, Layer.LOG, Layer.NETWORK, Layer.PROVIDER
_OTHER_FORM = twin("json_told_otherwise", path="/api/v1/auth/login")
_EARLIER = twin("earlier_order")
_PAID_LATE = twin("webhook_delayed", source="stripe", seconds=0.5)
_LEDGER_TOLD = twin("provider_told_otherwise")
_OTHER_BUYERS = twin("other_buyers_order")
_REFUSED_OTHERWISE = twin("order_refusals_told_otherwise")
_BY_TRACE = twin("payment_names_no_order")
_SMALL_LETTERS = twin("currency_in_small_letters")
_SAME_KEY = twin("connector_asked_twice")
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
    _e2e("product_price_wrong", _APPLICATION, "products", twin("catalogue_longer"), number="F26", critical=True),
    _e2e("order_without_payment_url", _APPLICATION, "order", twin("order_told_otherwise")),
    _e2e("order_total_wrong", _APPLICATION, "order", twin("order_told_otherwise"), critical=True),
    _e2e("charge_amount_short", _PROVIDER, "pay", twin("provider_fee_higher"), critical=True),
    _e2e("charge_not_captured", _PROVIDER, "pay", _PAID_LATE, twin("provider_unwell"), number="F35", critical=True),
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
    _e2e("transfer_amount_wrong", _DATABASE, "transfer", _EARLIER, _SMALL_LETTERS, number="F40"),
    _e2e("transfer_unavailable", _PROVIDER, "transfer", twin("transfer_unavailable", times=1)),
    _e2e("refund_refused", _APPLICATION, "refund", twin("refund_told_otherwise")),
    _e2e("refund_not_sent", _APPLICATION, "reversal", twin("refund_not_sent", seconds=0.5)),
    _e2e("refund_never_settles", _HANDLER, "reversal", twin("webhook_refused", event_type="refund_succeeded")),
    _e2e("refund_webhook_lost", _NETWORK, "reversal", _REFUND_LATE),
    _e2e(
        "refund_fails_later",
        _PROVIDER,
        "reversal",
        twin("fleet_refund_pends", seconds=0.5),
        number="F48",
        critical=True,
    ),
    _e2e(
        "licence_kept_after_refund",
        _APPLICATION,
        "reversal",
        _EARLIER,
        twin("licence_kept_after_refund", seconds=0.5),
        number="F54",
    ),
    # Pre-flight: the system we think it is, and what it must refuse.
    _e2e("replica_stale", _CONFIGURATION, "replicas", twin("replica_names_itself"), number="F08"),
    _e2e("replica_of_other_environment", _CONFIGURATION, "replicas", twin("replica_names_itself"), number="F08"),
    _e2e("account_other", _CONFIGURATION, "account", _LEDGER_TOLD, number="F04"),
    _e2e("account_other_mode", _CONFIGURATION, "account", _LEDGER_TOLD, number="F01"),
    _e2e("trace_used_before", _APPLICATION, "account", twin("more_headers")),
    _e2e("catalogue_empty_to_strangers", _APPLICATION, "catalogue", twin("catalogue_longer")),
    _e2e("order_unauthenticated", _APPLICATION, "order_refusals", _REFUSED_OTHERWISE),
    _e2e("order_product_unknown", _APPLICATION, "order_refusals", _REFUSED_OTHERWISE),
    _e2e("order_price_from_client", _APPLICATION, "order_probes", twin("order_price_refused"), number="F23"),
    _e2e("order_key_ignored", _APPLICATION, "order_probes", twin("order_replayed_with_200"), number="F28"),
    _e2e("order_key_taken_for_another", _APPLICATION, "order_probes", _REFUSED_OTHERWISE),
    _e2e("pending_order_refunded", _APPLICATION, "order_probes", _REFUSED_OTHERWISE, number="F56"),
    _e2e("closed_payment_still_payable", _PROVIDER, "order_probes", twin("closed_payment_expired"), number="F33"),
    _e2e("webhook_unsigned_taken", _HANDLER, "webhooks", twin("webhook_refusals_told_otherwise"), number="F10"),
    _e2e("webhook_forged_taken", _HANDLER, "webhooks", twin("webhook_refusals_told_otherwise"), number="F10"),
    _e2e("webhook_secret_other", _CONFIGURATION, "webhooks", twin("webhook_refused", times=1), number="F09"),
    # The order and its payment.
    _e2e("product_dearer", _APPLICATION, "products", twin("catalogue_longer"), number="F26"),
    _e2e("product_listed_twice", _DATABASE, "products", twin("catalogue_longer"), twin("tax_rate_a_number")),
    _e2e("trace_not_echoed", _NETWORK, "order", twin("more_headers")),
    _e2e("order_called_completed", _APPLICATION, "order", twin("order_told_otherwise")),
    _e2e("order_tax_missing", _APPLICATION, "order", twin("order_told_otherwise")),
    _e2e("order_total_hundredth", _APPLICATION, "order", twin("order_told_otherwise"), number="F21", critical=True),
    _e2e("payment_older_than_run", _APPLICATION, "order", twin("payment_older_than_run", seconds=5)),
    _e2e("order_paid_by_two", _APPLICATION, "order", twin("order_earlier_payment_closed"), _BY_TRACE, number="F31"),
    # What was charged.
    _e2e("payment_failed_but_charged", _PROVIDER, "pay", twin("payment_told_late"), number="F34"),
    _e2e("charge_absent", _CONFIGURATION, "pay", _LEDGER_TOLD, number="F02"),
    _e2e("charge_doubled", _PROVIDER, "pay", _SAME_KEY, number="F30"),
    _e2e("charged_again", _PROVIDER, "pay", _SAME_KEY, number="F30", critical=True),
    _e2e("payment_paid_again", _PROVIDER, "pay", _SAME_KEY, number="F31"),
    _e2e("charge_currency_other", _PROVIDER, "pay", twin("order_told_otherwise"), number="F24", critical=True),
    _e2e("charge_amount_hundredfold", _PROVIDER, "pay", twin("provider_fee_higher"), number="F20", critical=True),
    _e2e("charge_amount_hundredth", _PROVIDER, "pay", twin("provider_fee_higher"), number="F21", critical=True),
    _e2e("charge_surcharged", _PROVIDER, "pay", twin("provider_fee_higher"), number="F25", critical=True),
    _e2e("charge_authorised_more", _PROVIDER, "pay", twin("provider_fee_higher")),
    _e2e("charge_flagged_uncaptured", _PROVIDER, "pay", _LEDGER_TOLD, number="F35"),
    _e2e("charge_not_posted", _PROVIDER, "pay", twin("provider_fee_higher")),
    _e2e("charge_livemode_other", _PROVIDER, "pay", _LEDGER_TOLD, number="F02"),
    _e2e("charge_shows_test_card", _PROVIDER, "pay", number="F06", held_by="tests/rehearsal/test_posing_as_live.py"),
    _e2e("charge_without_trace", _APPLICATION, "pay", twin("more_headers")),
    _e2e("charge_of_other_order", _APPLICATION, "pay", _EARLIER),
    # What was delivered.
    _e2e("order_goes_back", _APPLICATION, "completed", twin("order_seen_late")),
    _e2e("trace_lost_on_reads", _NETWORK, "completed", twin("more_headers")),
    _e2e("order_of_other_payment", _HANDLER, "completed", twin("order_told_otherwise"), number="F07"),
    _e2e("order_tells_token", _LOG, "completed", twin("order_tells_masked_card"), number="F46"),
    _e2e("order_tells_card", _LOG, "completed", twin("order_tells_masked_card"), number="F46"),
    _e2e("licence_twice", _DATABASE, "licence", _EARLIER, number="F37"),
    _e2e("licence_besides", _DATABASE, "licence", _OTHER_BUYERS),
    _e2e("licence_of_other_buyer", _DATABASE, "licence", _OTHER_BUYERS, number="F36"),
    _e2e("licence_type_wrong", _APPLICATION, "licence", twin("licence_told_otherwise"), number="F38"),
    _e2e("licence_rights_wrong", _APPLICATION, "licence", twin("licence_told_otherwise"), number="F38"),
    _e2e("webhook_repeated_grants", _HANDLER, "licence", twin("webhook_duplicated"), number="F14"),
    _e2e("webhook_race_grants", _HANDLER, "licence", twin("webhook_conflict_told"), number="F15"),
    _e2e("transfer_id_unknown", _DATABASE, "transfer", _EARLIER, number="F40"),
    _e2e("transfer_short_at_provider", _PROVIDER, "transfer", _LEDGER_TOLD, number="F40"),
    _e2e("transfer_of_other_charge", _PROVIDER, "transfer", _OTHER_BUYERS),
    _e2e("transfer_to_other_account", _PROVIDER, "transfer", _LEDGER_TOLD),
    _e2e("transfer_livemode_other", _PROVIDER, "transfer", _LEDGER_TOLD),
    # What came back.
    _e2e("refund_goes_back", _APPLICATION, "reversal", _REFUND_LATE),
    _e2e(
        "refund_partial", _APPLICATION, "reversal", twin("refund_partial", short_minor=0), number="F50", critical=True
    ),
    _e2e("refund_doubled", _PROVIDER, "reversal", twin("refund_failed_before")),
    _e2e("refund_of_other_charge", _PROVIDER, "reversal", _LEDGER_TOLD),
    _e2e("refund_read_failed", _PROVIDER, "reversal", twin("refund_failed_before"), number="F48"),
    _e2e("refund_accepted_twice", _APPLICATION, "reversal", twin("refund_told_otherwise")),
    _e2e("charge_trace_lost", _PROVIDER, "reversal", _LEDGER_TOLD),
    _e2e("charge_not_marked_refunded", _PROVIDER, "reversal", _LEDGER_TOLD),
    _e2e("charge_late_again", _PROVIDER, "reversal", _SAME_KEY, number="F30"),
    _e2e("transfer_not_reversed", _APPLICATION, "reversal", twin("transfer_not_reversed", seconds=0.5)),
    _e2e("payment_reopened", _PROVIDER, "reversal", twin("payment_told_otherwise"), number="F33"),
    _e2e("payment_event_revives", _HANDLER, "reversal", twin("webhook_conflict_told"), number="F16"),
)
