"""What each check of a purchase finds, word for word, and what it lets pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pytest_paygate import checks
from pytest_paygate.checks.check import CHECKS, Finding
from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import (
    Account,
    Card,
    Charge,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    Transfer,
)
from pytest_paygate.core.secret import Secret

FIVE, TAX, SHARE = Money(500, "EUR"), Money(83, "EUR"), Money(450, "EUR")
NONE = Money(0, "EUR")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUCCEEDED, FAILED = RefundStatus.SUCCEEDED, RefundStatus.FAILED
CHARGE = Charge(
    "ch_1", "pi_1", FIVE, FIVE, FIVE, True, True, NOW, False, metadata={"trace_id": "T-1", "order_id": "ord_1"}
)
HELD = replace(CHARGE, charge_id="ch_2", is_captured=False)
FAILED_CHARGE = replace(CHARGE, charge_id="ch_3", succeeded=False)
OURS = replace(CHARGE, card=Card("visa", "1881"))
UNNAMED = replace(OURS, charge_id="ch_2", metadata={})
PAID = Payment("pay_1", PaymentStatus.SUCCEEDED, FIVE, FIVE, NOW, None, "stripe", metadata={"order_id": "ord_1"})
OPEN = replace(PAID, status=PaymentStatus.REQUIRES_PAYMENT)
REFUND = Refund("re_1", "pi_1", "ch_1", FIVE, SUCCEEDED, NOW)
TRANSFER = Transfer("tr_1", SHARE, SHARE, "acct_seller", "ch_1", NOW, False)
PAID_OUT = replace(TRANSFER, reversed_amount=NONE)
AGAIN = replace(PAID_OUT, transfer_id="tr_2")
UNSOURCED = replace(PAID_OUT, source_charge_id="")
FILED = replace(UNSOURCED, transfer_id="tr_3", group="ord_1")
MARKED = replace(UNSOURCED, transfer_id="tr_4", metadata={"order_id": "ord_1"})
TOKEN = Secret("0123456789abcdef", "login")
TEST_CARD = replace(CHARGE, card=Card("visa", "4242"), livemode=True)
COPY = "Have the target copy the request's X-Trace-Id into the payment's metadata as trace_id."
REPLICAS = [{"environment": "live", "instance": "1"}, {"environment": "live", "instance": "2"}]

PAID_ONLY = "Do not pay. Have orders completed by a signed payment_succeeded of their whole amount and currency only."
FORWARD_ONLY = "The buyer has paid and loses the order: have events of a payment only move its order forward."

# A check, what is put before it, and what it finds: what, observed, expected, and the next step where there is one.
FINDS = (
    (checks.access.nothing_told_to_others, ([("GET /a", 404), ("GET /b", 200)],), {},
     ("the status of GET /b", "200", "401, 403 or 404",
      "Have every route of orders and licences verify the token, and look for the buyer's own rows only.")),
    (checks.access.refund_needs_token, (409,), {},
     ("the status of a refund without a bearer token", "409", "401, 403 or 404",
      "Whoever knows an order's id can refund it: have the route verify the token before it looks at the order.")),
    (checks.access.wrong_password_refused, (200,), {},
     ("the status of a login with a wrong password", "200", "401",
      "Everybody's orders are open: have the login compare the password with what is stored.")),
    (checks.accounts.account_pinned, (Account("acct_2", False), "acct_1", "stripe", "env.x.account"), {},
     ("the account behind the stripe key", "acct_2", "acct_1",
      "Take the key of the pinned account, or correct env.x.account.")),
    (checks.accounts.account_mode, (Account("acct_1", True), "stripe"), {"livemode": False},
     ("livemode of the stripe account", True, False,
      "Take the key of the other mode, or correct the environment's mode.")),
    (checks.accounts.account_in_order, (Account("acct_1", False, takes_charges=False),), {},
     ("whether the account may take charges", "no", "yes", "Give the provider what it asks of the account.")),
    (checks.catalogue.has_products, (0,), {}, ("the number of products", "0", "at least 1", "Publish the test product.")),
    (checks.catalogue.listed_once, (2, "prod_1"), {}, ("how often product prod_1 is listed", 2, 1, "")),
    (checks.catalogue.price_planned, (SHARE, FIVE), {}, ("the price", SHARE, FIVE, "")),
    (checks.charges.payment_succeeded, ("",), {}, ("the payment's status", "none", "succeeded", "")),
    (checks.charges.unpaid_took_nothing, ("failed", [CHARGE]), {},
     ("the payment's status, while money has moved", ("failed at the orchestrator", "ch_1 of EUR 5.00"), "succeeded",
      "Refund or release ch_1 at the provider; see which page was paid, and why the orchestrator does not call it paid.")),
    (checks.charges.unpaid_took_nothing, ("", [HELD, CHARGE, FAILED_CHARGE]), {},
     ("the payment's status, while money has moved",
      ("none at the orchestrator", "ch_2 of EUR 5.00 held", "ch_1 of EUR 5.00"), "succeeded",
      "Refund or release ch_2, ch_1 at the provider; see which page was paid, and why the orchestrator does not call it "
      "paid.")),
    (checks.charges.page_of_payment, ("https://pay.test/pay_2", replace(OPEN, page=Page("https://pay.test/pay_1", "", None))), {},
     ("the payment whose page the buyer is sent to", "a page of the orchestrator that does not name this payment",
      "the page of pay_1", "Do not pay: the page takes the money for another payment.")),
    (checks.charges.received_is_captured, (replace(PAID, received=SHARE), CHARGE), {},
     ("the amount received, as the orchestrator has it", SHARE, FIVE,
      "See which of the two is right before anybody reconciles: reminders and refunds follow these books.")),
    (checks.charges.one_charge, ([CHARGE, CHARGE],), {}, ("the number of charges for this payment", 2, 1, "")),
    (checks.charges.no_other_charge, ([CHARGE, replace(CHARGE, charge_id="ch_2")], frozenset({"ch_1"})), {},
     ("what other charges there are under this run's trace id", ("ch_2 of EUR 5.00",), "none",
      "Refund each of them at the provider; find out who sent the payment twice.")),
    (checks.charges.charge_whole, (replace(CHARGE, is_captured=False), FIVE), {},
     ("whether the charge is captured", False, True, "")),
    (checks.charges.charge_whole, (replace(CHARGE, captured=SHARE), FIVE), {}, ("the amount captured", SHARE, FIVE, "")),
    (checks.charges.charge_whole, (replace(CHARGE, amount=SHARE), FIVE), {}, ("the amount authorised", SHARE, FIVE, "")),
    (checks.charges.charge_posted, (CHARGE, None, FIVE), {},
     ("the charge's line in the provider's balance", "none", "EUR 5.00", "")),
    (checks.charges.charge_posted, (CHARGE, SHARE, FIVE), {}, ("the amount posted", SHARE, FIVE, "")),
    (checks.charges.charge_posted, (replace(CHARGE, captured=SHARE), FIVE, FIVE), {},
     ("the amount captured against the amount posted", SHARE, FIVE, "")),
    (checks.charges.paid_once, ([PAID, PAID],), {},
     ("what is paid under this run's trace id", ("pay_1 of EUR 5.00",) * 2, "one payment",
      "Refund all but one at the provider; find out who sent the payment twice.")),
    (checks.charges.charge_trace, (replace(CHARGE, metadata={}), "T-1"), {},
     ("the trace id on the charge", "none", "T-1", COPY)),
    (checks.charges.charge_order, (CHARGE, "ord_2"), {}, ("the order on the charge", "ord_1", "ord_2", "")),
    (checks.charges.charge_mode, (CHARGE,), {"livemode": True}, ("livemode of the charge", False, True, "")),
    (checks.charges.real_card, (TEST_CARD,), {"livemode": True},
     ("the card of a live charge", "the published test card", "a real card", "")),
    (checks.charges.charge_undisputed, (replace(CHARGE, disputed=True),), {},
     ("whether the charge is disputed", True, False,
      "Answer the dispute at the provider before anything is refunded: the money may leave twice.")),
    (checks.charges.charge_pays_us_only,
     (replace(CHARGE, besides=("money for another account", "an application fee")),), {},
     ("what happens with the charge besides", "money for another account, an application fee", "nothing",
      "See at the provider which account has the money: a refund may not take it back from there, and a transfer beside"
      " it pays that account twice.")),
    (checks.refunds.refund_leaves, (replace(REFUND, goes_to="customer_cash_balance"),), {},
     ("where the refund goes", "customer_cash_balance", "the card that paid",
      "Refund to the card: what stands in a balance at the shop is credit, and the buyer has no money back.")),
    (checks.refunds.refund_blames_nobody, (replace(REFUND, reason="fraudulent"),), {},
     ("the reason of the refund", "fraudulent", "requested_by_customer, or none",
      "Take card and e-mail address off the provider's block lists: this buyer can buy nothing any more. Have the target"
      " give the buyer's own reason.")),
    (checks.charges.one_payment, ([PAID, OPEN], "ord_1"), {},
     ("the number of payments of this order that are paid or can be paid", 2, 1,
      "Close all but one at the orchestrator: two open pages of one order can both be paid.")),
    (checks.charges.one_payment, ([PAID, replace(OPEN, metadata={})], "ord_1"), {},
     ("the number of payments of this order that are paid or can be paid", 2, 1,
      "Close all but one at the orchestrator: two open pages of one order can both be paid.")),
    (checks.charges.one_payment, ([replace(OPEN, metadata={"order_id": "ord_2"})], "ord_1"), {},
     ("the number of payments of this order that are paid or can be paid", 0, 1, COPY)),
    (checks.charges.trace_unused, ([PAID],), {},
     ("the number of payments under this run's trace id before the purchase", 1, 0,
      "Find out who uses this trace id, and start a new run.")),
    (checks.charges.payment_is_new, (121.0, 120.0), {},
     ("the age of the order's payment", "121 s older than this run", "made in this run",
      "The target has handed out an earlier payment: do not pay it.")),
    (checks.charges.link_is_dead, (OPEN,), {},
     ("whether the payment can still be paid", "requires_payment", "a payment that has ended",
      "Close the payment at the orchestrator: whoever has the link can pay it.")),
    (checks.licences.one_licence, (0,), {}, ("the number of licences of this order", 0, 1, "")),
    (checks.licences.nothing_else_granted, (1, 2), {}, ("the number of licences of other orders", 2, 1, "")),
    (checks.licences.nothing_for_unpaid, (1,), {},
     ("the number of licences of an order that nobody has paid", 1, 0,
      "Do not pay: whoever orders owns the goods. Have licences issued when the order completes.")),
    (checks.licences.licence_type, ("extended", "standard"), {}, ("the licence's type", "extended", "standard", "")),
    (checks.licences.licence_rights, (("a", "b"), ["b"]), {}, ("the licence's rights", ("a", "b"), ("b",), "")),
    (checks.licences.licence_rights, ((), ["b"]), {}, ("the licence's rights", "none", ("b",), "")),
    (checks.licences.licence_owner, ([("b_1", "b_1"), ("b_2", "b_1")],), {},
     ("the number of licences of this order with another owner", 1, 0, "")),
    (checks.orders.trace_echoed, ("", "T-1"), {}, ("the trace id that came back", "", "T-1", "")),
    (checks.orders.order_pending, ("completed",), {}, ("the order's status", "completed", "pending", "")),
    (checks.orders.order_amounts, (SHARE, TAX, FIVE, Decimal("0.20")), {}, ("the order's total", SHARE, FIVE, "")),
    (checks.orders.order_amounts, (FIVE, NONE, FIVE, Decimal("0.20")), {}, ("the order's tax", NONE, TAX, "")),
    (checks.orders.order_amounts, (FIVE, Money(83, "USD"), FIVE, Decimal("0.20")), {},
     ("the order's tax", Money(83, "USD"), TAX, "")),
    (checks.orders.stranger_refused, (404,), {},
     ("the status of an order without a bearer token", "404", "401 or 403", "")),
    (checks.orders.unknown_product_refused, (201,), {},
     ("the status of an order of an unknown product", "201", "400 or 404 or 422", "")),
    (checks.orders.buyers_price_ignored, (Money(1, "EUR"), 1), {},
     ("the total of an order that named its own price", Money(1, "EUR"), "the price of the catalogue", "")),
    (checks.orders.replay_is_same, (("ord_1", "pay_1"), ("ord_2", "pay_2")), {},
     ("the order and payment of a repeated request", "ord_2 pay_2", "ord_1 pay_1",
      "A client that repeats a request buys twice: have the target keep orders by their Idempotency-Key.")),
    (checks.orders.key_conflict_refused, (201,), {},
     ("the status of a used Idempotency-Key with another product", "201", "400 or 404 or 409 or 422", "")),
    (checks.orders.only_forward, (["pending", "completed", "odd", "pending"],), {},
     ("the direction of the order's status", "completed, then pending",
      "pending, completed, refund_pending, refunded, in this direction only",
      "Look for a stale replica or a late event that overwrites a newer state.")),
    (checks.orders.order_keeps_payment, ("pay_2", "pay_1"), {},
     ("the payment of the completed order", "pay_2", "pay_1", "")),
    (checks.orders.stays_refunded, ("completed",), {},
     ("the order's status after a late payment event", "completed", "refunded", "")),
    (checks.orders.unpaid_stays_unpaid, (("pending", "completed"),), {},
     ("the status of an order that nobody has paid", "completed", "pending or failed", PAID_ONLY)),
    (checks.orders.unpaid_stays_unpaid, (("refunded",), "a cent"), {},
     ("the status of an order that nobody has paid, after a cent", "refunded", "pending or failed", PAID_ONLY)),
    (checks.orders.unpaid_stays_unpaid, ((),), {},
     ("the status of an order that nobody has paid", "none that could be read", "pending or failed", PAID_ONLY)),
    (checks.orders.one_order_at_once, ([("ord_1", "pay_1"), ("ord_2", "pay_2")],), {},
     ("what orders and payments came of requests at once under one key",
      ("ord_1 with pay_1", "ord_2 with pay_2"), "one order",
      "Two clicks buy twice: have the database keep buyer and Idempotency-Key unique, and retry on it.")),
    (checks.orders.replay_opens_nothing, (frozenset({"pay_1"}), frozenset({"pay_1", "pay_2"})), {},
     ("what payments a repeated request has opened", ("pay_2",), "none",
      "Both pages can be paid: have a repetition answer with the payment that is there.")),
    (checks.orders.stays_completed, (("completed", "failed"),), {},
     ("the order's status after a late payment_failed of another attempt", "failed", "completed", FORWARD_ONLY)),
    (checks.orders.stays_completed, ((),), {},
     ("the order's status after a late payment_failed of another attempt", "none that could be read", "completed",
      FORWARD_ONLY)),
    (checks.refunds.one_refund, ([REFUND, REFUND],), {},
     ("what refunds there are of this charge", ("re_1 of EUR 5.00 succeeded",) * 2, "one", "")),
    (checks.refunds.refund_whole, (replace(REFUND, amount=SHARE), "ch_1", FIVE), {},
     ("the amount refunded", SHARE, FIVE, "")),
    (checks.refunds.refund_whole, (replace(REFUND, status=FAILED), "ch_1", FIVE), {},
     ("the refund's status", "failed", "succeeded", "")),
    (checks.refunds.refund_whole, (REFUND, "ch_2", FIVE), {}, ("the refunded charge", "ch_1", "ch_2", "")),
    (checks.refunds.charge_given_back, (replace(CHARGE, refunded=SHARE),), {},
     ("how much of the charge is marked refunded", SHARE, FIVE, "")),
    (checks.refunds.pending_refund_refused, (202,), {}, ("the status of a refund of an unpaid order", 202, 409, "")),
    (checks.refunds.second_refund_refused, (202,), {}, ("the status of a second refund", 202, 409, "")),
    (checks.replies.no_secret_told, (b'{"a":"0123456789abcdef"}', [TOKEN]), {},
     ("how many secrets of this run the answer holds", 1, 0,
      "Rotate what was told, and have the target answer without it.")),
    (checks.replies.no_key_told, ("GET /a", ["sk_live_" + "a" * 6, "rk_test_Z09aZ0", "ok", "x whsec_a+/=_- y"]), {},
     ("how many headers and bodies of GET /a hold a key of the provider", 3, 0,
      "Rotate the key now: whoever can ask has it. Have the target answer without it.")),
    (checks.replies.no_card_told, (b'{"note":"4000 0000 0000 0077"}',), {},
     ("how many card numbers the answer holds", 1, 0,
      "Have the target answer with brand and last four digits at most; the answer was not kept here.")),
    (checks.status.healthy, (503, ""), {}, ("the status of GET /health", 503, 200, "")),
    (checks.status.healthy, (200, "down"), {}, ("data.status of GET /health", "down", "ok", "")),
    (checks.status.environment_named, ("staging", "live"), {},
     ("the environment the target says it is", "staging", "live",
      "Point the environment in paygate.toml at the right target, or correct its mode.")),
    (checks.status.processor_enabled, ("disabled",), {},
     ("the state of Hyperswitch", "disabled", "operational or degraded",
      "Enable Hyperswitch on the target; a purchase now would not be charged.")),
    (checks.status.replicas_agree, ([*REPLICAS, {"environment": "live", "build": "old"}],), {},
     ("how many different systems gave 3 answers", 2, 1,
      "Look for a replica with an older build, or one that belongs to another environment.")),
    (checks.transfers.transfer_amount, (FIVE, SHARE), {}, ("the amount of the transfer", FIVE, SHARE, "")),
    (checks.transfers.transfer_known, (), {"known": False}, ("whether the provider knows the transfer", False, True, "")),
    (checks.transfers.transfer_at_provider, (TRANSFER, FIVE), {},
     ("the transfer's amount at the provider", SHARE, FIVE, "")),
    (checks.transfers.transfer_source, (TRANSFER, "ch_2"), {},
     ("the charge that the transfer was made from", "ch_1", "ch_2", "")),
    (checks.transfers.transfer_destination, (TRANSFER, "acct_2"), {},
     ("the account that the transfer went to", "acct_seller", "acct_2", "")),
    (checks.transfers.transfer_mode, (TRANSFER,), {"livemode": True}, ("livemode of the transfer", False, True, "")),
    (checks.transfers.no_other_transfer, ([PAID_OUT, AGAIN, FILED, MARKED], PAID_OUT, "ord_1"), {},
     ("what other transfers there are of this charge or this order",
      ("tr_2 of EUR 4.50", "tr_3 of EUR 4.50", "tr_4 of EUR 4.50"), "none",
      "Reverse each of them at the provider: the seller was paid more than once, and a refund takes back only one.")),
    (checks.transfers.transfer_row_follows, ("paid",), {},
     ("the status of the seller_transfers row after the refund", "paid", "anything but paid",
      "Mend the row: the next payout and the accounts count on it.")),
    (checks.transfers.transfer_reversed, (replace(TRANSFER, reversed_amount=NONE), SHARE), {},
     ("how much of the transfer is reversed", NONE, SHARE,
      "Reverse the transfer at the provider, and find out why the target did not.")),
    (checks.webhooks.unsigned_refused, (200,), {},
     ("the status of a webhook without a signature", "200", "4xx",
      "Have the handler verify the signature of the raw body before anything else.")),
    (checks.webhooks.forged_refused, (200, "the signature of an empty key"), {},
     ("the status of a webhook with the signature of an empty key", "200", "4xx",
      "Have the handler verify the signature of the raw body before anything else.")),
    (checks.webhooks.forged_refused, (500,), {},
     ("the status of a webhook with a wrong signature", "500", "4xx",
      "Have the handler verify the signature of the raw body before anything else.")),
    (checks.webhooks.stale_refused, (200,), {},
     ("the status of a webhook that was rightly signed an hour ago", "200", "4xx",
      "Have the handler compare the signature's time with its clock: who once saw an event can send it for ever.")),
)  # fmt: skip

PASSES = (
    (checks.access.nothing_told_to_others, ([("GET /a", 401), ("GET /b", 404)],), {}),
    (checks.licences.nothing_for_unpaid, (0,), {}),
    (checks.orders.unpaid_stays_unpaid, (("pending", "failed", "on_hold"), "a cent"), {}),
    (checks.orders.one_order_at_once, ([("ord_1", "pay_1"), ("ord_1", "pay_1")],), {}),
    (checks.orders.one_order_at_once, ([],), {}),
    (checks.orders.replay_opens_nothing, (frozenset({"pay_1"}), frozenset({"pay_1"})), {}),
    (checks.orders.replay_opens_nothing, (frozenset({"pay_1", "pay_2"}), frozenset({"pay_1"})), {}),
    (checks.orders.stays_completed, (("completed",),), {}),
    (checks.accounts.account_mode, (Account("acct_1", None), "hyperswitch"), {"livemode": True}),
    (checks.charges.one_charge, ([replace(CHARGE, succeeded=False), CHARGE],), {}),
    (checks.charges.no_other_charge, ([CHARGE, replace(CHARGE, charge_id="ch_2", succeeded=False)], {"ch_1"}), {}),
    (checks.charges.charge_whole, (CHARGE, FIVE), {}),
    (checks.charges.charge_posted, (CHARGE, FIVE, FIVE), {}),
    (checks.charges.charge_posted, (CHARGE, Money(541, "USD"), FIVE), {}),
    (checks.charges.paid_once, ([OPEN, PAID],), {}),
    (checks.charges.charge_order, (replace(CHARGE, metadata={}), "ord_1"), {}),
    (checks.charges.real_card, (TEST_CARD,), {"livemode": False}),
    (checks.charges.real_card, (replace(TEST_CARD, card=Card("visa", "4241")),), {"livemode": True}),
    (checks.charges.one_payment, ([PAID, replace(OPEN, status=PaymentStatus.CANCELLED)], "ord_1"), {}),
    (checks.charges.one_payment, ([PAID, replace(OPEN, metadata={"order_id": "ord_2"})], "ord_1"), {}),
    (checks.charges.one_payment, ([replace(OPEN, metadata={})], "ord_1"), {}),
    (checks.charges.one_payment, ([replace(OPEN, metadata={"order_id": ""})], "ord_1"), {}),
    (checks.charges.payment_is_new, (-3.0, 120.0), {}),
    (checks.charges.charge_undisputed, (CHARGE,), {}),
    (checks.charges.charge_pays_us_only, (CHARGE,), {}),
    (checks.refunds.refund_leaves, (REFUND,), {}),
    (checks.refunds.refund_blames_nobody, (REFUND,), {}),
    (checks.refunds.refund_blames_nobody, (replace(REFUND, reason="duplicate"),), {}),
    (checks.refunds.refund_leaves, (replace(REFUND, goes_to="card"),), {}),
    (checks.charges.unpaid_took_nothing, ("succeeded", [CHARGE]), {}),
    (checks.charges.unpaid_took_nothing, ("failed", [FAILED_CHARGE]), {}),
    (checks.charges.page_of_payment, ("https://pay.test/a", replace(OPEN, page=Page("https://pay.test/a", "", None))), {}),
    (checks.charges.page_of_payment, ("https://pay.test/x/pay_1?a=b", replace(OPEN, page=Page("https://pay.test/a", "", None))), {}),
    (checks.charges.page_of_payment, ("https://shop.test/x", replace(OPEN, page=Page("https://pay.test/a", "", None))), {}),
    (checks.charges.page_of_payment, ("https://pay.test/x", OPEN), {}),
    (checks.charges.received_is_captured, (PAID, CHARGE), {}),
    (checks.charges.received_is_captured, (replace(PAID, received=NONE), CHARGE), {}),
    (checks.charges.link_is_dead, (PAID,), {}),
    (checks.charges.link_is_dead, (replace(OPEN, status=PaymentStatus.EXPIRED),), {}),
    (checks.licences.licence_rights, (("b", "a"), ["a", "b"]), {}),
    (checks.licences.nothing_else_granted, (2, 2), {}),
    (checks.orders.order_amounts, (FIVE, Money(84, "EUR"), FIVE, Decimal("0.20")), {}),
    (checks.orders.buyers_price_ignored, (FIVE, 1), {}),
    (checks.orders.only_forward, (["pending", "odd", "pending", "completed", "refunded"],), {}),
    (checks.orders.order_keeps_payment, ("", "pay_1"), {}),
    (checks.refunds.one_refund, ([replace(REFUND, status=FAILED), REFUND],), {}),
    (checks.refunds.one_refund, ([replace(REFUND, status=FAILED)],), {}),
    (checks.refunds.charge_given_back, (CHARGE,), {}),
    (checks.replies.no_secret_told, (b"{}", [TOKEN]), {}),
    (checks.replies.no_key_told,
     ("GET /a", ["pk_live_" + "a" * 24, "sk_live_" + "a" * 5, "rk_test_...", "whsec_a1b2c", "sk_prod_abcdef", ""]), {}),
    (checks.replies.no_card_told, (b'"400000******0077", 4000000000000078, "tr-4000000000000077"',), {}),
    (checks.status.replicas_agree, (REPLICAS,), {}),
    (checks.status.processor_enabled, ("degraded",), {}),
    (checks.transfers.transfer_source, (replace(TRANSFER, source_charge_id=""), "ch_2"), {}),
    (checks.transfers.transfer_mode, (replace(TRANSFER, livemode=None),), {"livemode": True}),
    (checks.transfers.no_other_transfer, ([PAID_OUT, replace(AGAIN, reversed_amount=SHARE)], PAID_OUT, "ord_1"), {}),
    (checks.transfers.no_other_transfer, ([replace(AGAIN, source_charge_id="ch_2")], PAID_OUT, "ord_1"), {}),
    (checks.transfers.no_other_transfer, ([replace(AGAIN, source_charge_id="")], UNSOURCED, "ord_1"), {}),
    (checks.transfers.no_other_transfer, ([], PAID_OUT, "ord_1"), {}),
    (checks.webhooks.forged_refused, (400,), {}),
)  # fmt: skip


def name_of(value: object) -> str | None:
    """The id of a check, for a test's name."""
    return getattr(value, "id", None)


@pytest.mark.parametrize(("check", "args", "named", "found"), FINDS, ids=name_of)
def test_what_a_check_finds(check, args, named, found):
    """A fact against the statement is told with what was observed, what was expected, and what to do."""
    assert check.judge(*args, **named) == Finding(*found)


@pytest.mark.parametrize(("check", "args", "named"), PASSES, ids=name_of)
def test_what_a_check_lets_pass(check, args, named):
    """What only looks like a fault is no finding."""
    assert check.judge(*args, **named) is None


def test_every_check_of_a_purchase_has_been_seen_to_find_something():
    """A check that nothing can fail would be none."""
    subjects = {check.judge.__module__ for check, *_ in FINDS}
    mine = {name for name, check in CHECKS.items() if check.judge.__module__ in subjects}
    assert mine <= {check.id for check, *_ in FINDS}
