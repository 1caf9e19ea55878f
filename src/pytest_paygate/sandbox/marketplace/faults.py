"""The ways the marketplace can lie or break, each with the e2e row it must turn red.

Owns the declarations; the code that misbehaves stands where the fault acts.
"""

from __future__ import annotations

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.marketplace import faults_fulfilment, faults_money, faults_orders, faults_unpaid

# The answer that the three faults of form spoil unless their `path` parameter names another.
SPOILED_PATH = "/api/v1/auth/login"
# No row: the fault is benign, the gate must stay green.
BENIGN = ""

_LAYER = "marketplace"

# Each stands in a file of its own, and declares itself when it is imported.
FURTHER = (faults_fulfilment, faults_money, faults_orders, faults_unpaid)

_DECLARED = (
    Fault("health_down", _LAYER, "GET /health answers 503", "health"),
    Fault("status_lies_environment", _LAYER, "GET /status names another environment", "environment"),
    Fault("hyperswitch_disabled", _LAYER, "GET /status says the payment processor is disabled", "processor"),
    Fault("catalogue_empty", _LAYER, "GET /marketplace/products lists nothing", "catalogue"),
    Fault("login_refused", _LAYER, "POST /auth/login answers 401 to the right password", "login"),
    Fault("product_price_wrong", _LAYER, "the product list shows another price (price_minor)", "products"),
    Fault("order_without_payment_url", _LAYER, "a new order has no payment URL", "order"),
    Fault("order_total_wrong", _LAYER, "the order's total is not the product's price (added_minor)", "order"),
    Fault("order_never_completes", _LAYER, "the payment webhook is acknowledged and dropped", "completed"),
    Fault("licence_missing", _LAYER, "the order completes without a licence", "licence"),
    Fault("transfer_id_null", _LAYER, "the seller transfer is recorded, and made `seconds` later or never", "transfer"),
    Fault("transfer_amount_wrong", _LAYER, "the recorded seller transfer is 1 minor unit short", "transfer"),
    Fault("transfer_unavailable", _LAYER, "Stripe does not answer about transfers while this is on", "transfer"),
    Fault("refund_refused", _LAYER, "POST /orders/{id}/refund answers 422", "refund"),
    Fault("refund_not_sent", _LAYER, "the refund is accepted, the provider asked `seconds` later or never", "reversal"),
    Fault("refund_never_settles", _LAYER, "the refund webhook is acknowledged and dropped", "reversal"),
    Fault("licence_kept_after_refund", _LAYER, "the licence stays after the refund", "reversal"),
    Fault("slow_answers", _LAYER, "every API answer waits (seconds); benign", BENIGN),
    Fault("huge_body", _LAYER, "an answer of 8 MiB (path; the login answer by default)", "login"),
    Fault("html_instead_of_json", _LAYER, "an answer is a 200 HTML page (path; the login answer by default)", "login"),
    Fault("malformed_json", _LAYER, "an answer is cut in the middle (path; the login answer by default)", "login"),
    Fault("status_told_otherwise", _LAYER, "/health and /status tell more, in another order; benign", BENIGN),
    Fault("catalogue_longer", _LAYER, "the product list begins with a dearer product; benign", BENIGN),
    Fault("earlier_order", _LAYER, "the buyer has an earlier order, with licence and transfer; benign", BENIGN),
    Fault("order_told_otherwise", _LAYER, "an order tells more, in another order; benign", BENIGN),
    Fault("webhook_refused", _LAYER, "a webhook (event_type) is answered 500 until redelivered; benign", BENIGN),
    Fault("refund_told_otherwise", _LAYER, "a refund is accepted with 200, and tells more; benign", BENIGN),
    Fault("orders_unwell", _LAYER, "GET /orders/{id} answers 503 twice (`times`); benign", BENIGN, times=2),
    Fault("database_slow", _LAYER, "seller_transfers answers `seconds` later (default 0.4); benign", BENIGN),
    Fault("json_told_otherwise", _LAYER, "an answer (path) is the same JSON, indented, after blanks; benign", BENIGN),
)

REGISTRY.update({fault.name: fault for fault in _DECLARED})
