"""The faults of the e2e gate that lie between one look at the money and the next, each with its harmless twins."""

from __future__ import annotations

from tests.faults.entry import E2E, Entry, Layer, Planted, rows_and_criteria, twin

_APPLICATION, _DATABASE, _LOG = Layer.APPLICATION, Layer.DATABASE, Layer.LOG
_PROVIDER = Layer.PROVIDER
_LEDGER_TOLD = twin("provider_told_otherwise")
_ORDER_TOLD = twin("order_told_otherwise")


def _money(fault: str, layer: Layer, row: str, *twins: Planted, number: str = "") -> Entry:
    rows, criteria = rows_and_criteria(E2E, row)
    return Entry(fault, E2E, layer, rows, criteria, twins, number)


ENTRIES: tuple[Entry, ...] = (
    # Before and while the buyer pays.
    _money("payment_asks_more", _PROVIDER, "order", twin("payment_told_otherwise")),
    _money("page_of_another_payment", _APPLICATION, "order", twin("payment_tells_no_page")),
    _money("charged_again_unnamed", _PROVIDER, "pay", twin("charge_of_another_amount"), number="F30"),
    _money("received_short", _PROVIDER, "pay", twin("received_untold")),
    _money("transfer_doubled", _PROVIDER, "transfer", twin("transfer_taken_back"), twin("other_buyers_order")),
    _money("transfer_after_refund", _PROVIDER, "reversal", twin("transfer_taken_back")),
    _money("charge_disputed", _PROVIDER, "pay", _LEDGER_TOLD),
    _money("charge_passed_on", _PROVIDER, "pay", _LEDGER_TOLD),
    _money("refund_to_balance", _PROVIDER, "reversal", _LEDGER_TOLD),
    _money("refund_called_fraud", _PROVIDER, "reversal", _LEDGER_TOLD),
    # What is told later, and what must last.
    _money("order_total_changes", _APPLICATION, "completed", twin("order_told_otherwise")),
    _money("order_reverts", _APPLICATION, "reversal", twin("order_told_otherwise")),
    _money("licence_returns", _APPLICATION, "reversal", twin("licence_told_otherwise"), number="F54"),
    _money("refund_revokes_all", _DATABASE, "reversal", twin("earlier_order"), number="F54"),
    _money("transfer_row_stays_paid", _DATABASE, "reversal", twin("database_slow")),
    _money("refund_of_nobody", _APPLICATION, "reversal", twin("refund_told_otherwise")),
    # What the log tells, and what the balance does not.
    _money("refund_unposted", _PROVIDER, "reversal", _LEDGER_TOLD),
    _money("provider_fee_tenfold", _PROVIDER, "reversal", twin("provider_fee_higher")),
    _money("log_tells_password", _LOG, "reversal", twin("log_tells_masked_card"), number="F46"),
    _money("log_tells_card", _LOG, "reversal", twin("log_tells_masked_card"), number="F46"),
    _money("log_amount_other", _LOG, "reversal", twin("log_tells_amount")),
    _money("log_order_other", _LOG, "reversal", twin("log_tells_amount")),
    _money("log_failed_after", _LOG, "reversal", twin("log_failed_before"), number="F34"),
)
