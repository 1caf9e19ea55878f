"""Each side of each border of the checks of a purchase, every member of every table, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pytest_paygate import checks
from pytest_paygate.checks.check import CHECKS, Finding
from pytest_paygate.checks.keys import KeyKind, KeyMode
from pytest_paygate.checks.minimum_charge import minimum_charge
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Card, Charge, Payment, PaymentStatus, Refund, RefundStatus
from pytest_paygate.core.window import Demand, Sample
from pytest_paygate.core.window import check as judge_window

FIVE = Money(500, "EUR")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CHARGE = Charge("ch_1", "pi_1", FIVE, FIVE, FIVE, True, True, NOW, True, metadata={"trace_id": "T-1"})
PAYMENT = Payment("pay_1", PaymentStatus.SUCCEEDED, FIVE, FIVE, NOW, None, "stripe", metadata={"order_id": "ord_1"})
REFUND = Refund("re_1", "pi_1", "ch_1", FIVE, RefundStatus.SUCCEEDED, NOW)
VERIFY = "Have the handler verify the signature of the raw body before anything else."
IDENTITY = ("environment", "build", "version", "commit", "account", "payments_account")
ENDED = {PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED}
COPY = "Have the target copy the request's X-Trace-Id into the payment's metadata as trace_id."
HAND_BACK = "Have the target, and every proxy before it, hand X-Trace-Id back unchanged."
WHOSE = "See whose refund that is: the target may have given somebody else's money back."
MEND = "Mend the service, and wait until the window is full again."


@pytest.mark.parametrize(
    ("check", "seen", "expected", "finding"),
    [
        (checks.charges.payment_succeeded, ("processing",), (), ("the payment's status", "processing", "succeeded")),
        (
            checks.charges.charge_trace,
            (replace(CHARGE, metadata={"trace_id": "T-2"}),),
            ("T-1",),
            ("the trace id on the charge", "T-2", "T-1", COPY),
        ),
        (
            checks.checkouts.trace_returned,
            ("T-2",),
            ("T-1", "GET /x"),
            ("the trace id that came back from GET /x", "T-2", "T-1", HAND_BACK),
        ),
        (
            checks.refund_course.refund_named,
            ("re_2",),
            ("re_1",),
            ("the refund that the target names", "re_2", "re_1", WHOSE),
        ),
    ],
    ids=["status", "trace of a charge", "trace of an answer", "refund"],
)
def test_what_was_seen_is_told(check, seen, expected, finding):
    """`none` stands only for what is empty: anything else is told as it came."""
    assert check.judge(*seen, *expected) == Finding(*finding)


def test_what_is_as_planned_is_no_finding():
    """The plain good case of each check that compares one thing with another."""
    good = [
        checks.charges.payment_succeeded.judge("succeeded"),
        checks.charges.charge_trace.judge(CHARGE, "T-1"),
        checks.catalogue.has_products.judge(1),
        checks.catalogue.listed_once.judge(1, "prod_1"),
        checks.charges.trace_unused.judge([]),
        checks.charges.real_card.judge(CHARGE, livemode=True),
        checks.refunds.refund_whole.judge(REFUND, "ch_1", FIVE),
        checks.status.healthy.judge(200, "ok"),
        checks.status.processor_enabled.judge("operational"),
        checks.licences.licence_owner.judge([("b_1", "b_1")]),
        checks.orders.only_forward.judge(checks.orders.STATES),
    ]
    assert good == [None] * len(good)


@pytest.mark.parametrize("card", [("visa", "4242"), ("mastercard", "4444"), ("amex", "0005"), ("visa", "5556")])
def test_each_published_test_card_is_known_by_brand_and_digits(card):
    """Either alone says nothing: a real card of another brand may end in the same digits."""
    brand, last4 = card
    judge = checks.charges.real_card.judge
    found = Finding("the card of a live charge", "the published test card", "a real card")
    assert judge(replace(CHARGE, card=Card(brand, last4)), livemode=True) == found
    assert judge(replace(CHARGE, card=Card("discover", last4)), livemode=True) is None
    assert judge(replace(CHARGE, card=Card(brand, "1111")), livemode=True) is None


@pytest.mark.parametrize("status", list(PaymentStatus))
def test_a_payment_that_has_ended_unpaid_cannot_be_paid(status):
    """Failed, cancelled and expired have ended unpaid; succeeded has ended too, and counts as paid. Nothing else has."""
    one = replace(PAYMENT, status=status)
    assert (checks.charges.link_is_dead.judge(one) is None) is (status in ENDED | {PaymentStatus.SUCCEEDED})
    assert (checks.charges.one_payment.judge([PAYMENT, one], "ord_1") is None) is (status in ENDED)


@pytest.mark.parametrize("status", list(RefundStatus))
def test_a_refund_that_came_to_nothing_does_not_count(status):
    """Failed and cancelled beside another refund are nothing; whatever may still move money is a second one."""
    found = checks.refunds.one_refund.judge([REFUND, replace(REFUND, status=status)])
    assert (found is None) is (status in {RefundStatus.FAILED, RefundStatus.CANCELLED})


def test_one_refund_counts_however_many_came_to_nothing():
    """Two tries that failed before it are no refunds."""
    failed = replace(REFUND, status=RefundStatus.FAILED)
    assert checks.refunds.one_refund.judge([failed, failed, REFUND]) is None


@pytest.mark.parametrize(("age", "is_new"), [(119.0, True), (120.0, True), (120.5, False), (121.0, False)])
def test_a_payment_may_be_as_old_as_clocks_differ(age, is_new):
    """The slack itself is allowed."""
    assert (checks.charges.payment_is_new.judge(age, 120.0) is None) is is_new


@pytest.mark.parametrize(("tax", "fits"), [(81, False), (82, True), (83, True), (84, True), (85, False)])
def test_a_tax_may_differ_by_one_minor_unit(tax, fits):
    """A target may round the other way, and no further."""
    judge = checks.orders.order_amounts.judge
    found = None if fits else Finding("the order's tax", Money(tax, "EUR"), Money(83, "EUR"))
    assert judge(FIVE, Money(tax, "EUR"), FIVE, Decimal("0.20")) == found


def test_half_a_minor_unit_of_tax_is_rounded_up():
    """5 at a rate of 1 hold 2.5: three are due, where rounding to even would say two."""
    found = checks.orders.order_amounts.judge(Money(5, "EUR"), Money(0, "EUR"), Money(5, "EUR"), Decimal(1))
    assert found == Finding("the order's tax", Money(0, "EUR"), Money(3, "EUR"))


def test_a_wrong_total_is_told_before_a_wrong_tax():
    """The total is what the buyer pays."""
    found = checks.orders.order_amounts.judge(Money(1, "EUR"), Money(0, "EUR"), FIVE, Decimal("0.20"))
    assert found == Finding("the order's total", Money(1, "EUR"), FIVE)


def test_an_order_goes_one_way_only():
    """Of the four states each may follow those before it, and itself, and none may follow a later one."""
    states = ("pending", "completed", "refund_pending", "refunded")
    assert states == checks.orders.STATES
    for before, one in enumerate(states):
        for after, other in enumerate(states):
            assert (checks.orders.only_forward.judge([one, other]) is None) is (before <= after), (one, other)


@pytest.mark.parametrize(
    ("check", "allowed"),
    [
        (checks.orders.stranger_refused, {401, 403}),
        (checks.orders.unknown_product_refused, {400, 404, 422}),
        (checks.orders.key_conflict_refused, {400, 404, 409, 422}),
        (checks.refunds.pending_refund_refused, {409}),
        (checks.refunds.second_refund_refused, {409}),
        (checks.access.refund_needs_token, {401, 403, 404}),
        (checks.access.wrong_password_refused, set(range(400, 500))),
        (checks.webhooks.unsigned_refused, set(range(400, 500))),
        (checks.webhooks.forged_refused, set(range(400, 500))),
        (checks.webhooks.stale_refused, set(range(400, 500))),
    ],
    ids=lambda value: getattr(value, "id", ""),
)
def test_a_refusal_has_one_of_its_statuses(check, allowed):
    """Any other status is no refusal."""
    assert {status for status in range(100, 600) if check.judge(status) is None} == allowed


@pytest.mark.parametrize("status", [399, 400, 499, 500])
def test_whatever_is_refused_is_not_told(status):
    """A refusal in any words tells nothing; an answer, and an error, may."""
    found = checks.access.nothing_told_to_others.judge([("GET /a", status)])
    assert (found is None) is (status in {400, 499})


@pytest.mark.parametrize("word", ["completed", "refund_pending", "refunded"])
def test_whatever_says_paid_is_found_in_an_unpaid_order(word):
    """Each of the states that only a paid order can have, however often the order was pending."""
    found = checks.orders.unpaid_stays_unpaid.judge(("pending", word, "pending"))
    assert found.observed == word


CARDS = {
    "4222222222222": 1,
    "4222222222223": 0,
    "422222222222": 0,
    "4000000000000077": 1,
    "4000 0000 0000 0077": 1,
    "4000-0000-0000-0077": 1,
    "4000000000000078": 0,
    "4000000000000067": 0,
    "5555555555554444": 1,
    "2223003122003222": 1,
    "6011111111111117": 1,
    "7000000000000005": 0,
    "1000000000000008": 0,
    "6000000000000000004": 1,
    "x4000000000000077": 0,
    "4000000000000077.5": 0,
    "4222222222222 and 5555555555554444": 2,
}


@pytest.mark.parametrize(("text", "count"), CARDS.items())
def test_a_card_number_has_its_digits_and_its_check_digit(text, count):
    """Thirteen to nineteen digits that begin with 2 to 6, alone or in groups, with a sum that fits."""
    found = checks.replies.no_card_told.judge(f'{{"note": "{text}"}}'.encode())
    assert (found.observed if found else 0) == count


@pytest.mark.parametrize("name", IDENTITY)
def test_replicas_differ_in_anything_that_names_a_system(name):
    """One that answers another value, or none, is another system; the same value is the same."""
    judge = checks.status.replicas_agree.judge
    assert judge([{name: "a", "instance": 1}, {name: "a", "instance": 2}]) is None
    for other in ({name: "b"}, {}):
        found = judge([{name: "a"}, other])
        assert (found.observed, found.expected) == (2, 1)


MINIMUM = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50,
    "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip


@pytest.mark.parametrize(("currency", "minor"), MINIMUM.items())
def test_the_smallest_charge_is_the_published_one(currency, minor):
    """In either case of letters, and never for another currency than the account settles in."""
    assert minimum_charge(currency.lower(), currency) == Money(minor, currency)
    assert minimum_charge(currency, currency.lower()) == Money(minor, currency)
    assert minimum_charge(currency, "ISK") is None
    assert minimum_charge("ISK", currency) is None


def test_a_currency_without_a_published_minimum_has_none():
    """Nothing is guessed."""
    assert minimum_charge("ISK", "ISK") is None


def test_subjects_are_loaded_by_their_names():
    """Every subject of the package, and nothing besides."""
    subjects = [
        *(
            "access",
            "accounts",
            "bookkeeping",
            "catalogue",
            "charges",
            "checkouts",
            "kept_events",
            "lasting",
            "licences",
        ),
        *("log_entries", "minimum_charge", "orders", "previous", "refund_course", "refunds", "replies", "status"),
        *("transfers", "webhooks", "windows"),
    ]
    assert checks.__all__ == subjects
    for name in subjects:
        module = checks.__getattr__(name)
        assert module.__name__ == f"pytest_paygate.checks.{name}"
        assert any(one.judge.__module__ == module.__name__ for one in CHECKS.values())
    for name in ("setup", "nothing"):
        with pytest.raises(AttributeError) as raised:
            checks.__getattr__(name)
        assert str(raised.value) == f"module 'pytest_paygate.checks' has no attribute '{name}'"


def test_the_words_for_a_key():
    """They stand in what doctor prints."""
    assert [*KeyMode] == ["live", "test", "unknown"]
    assert [*KeyKind] == ["secret", "restricted", "publishable", "webhook", "unknown"]


def window(statuses=(), missing=()):
    """A window of one sample a minute over a hundred minutes."""
    since = NOW - timedelta(minutes=100)
    told = dict(enumerate(statuses))
    samples = [
        Sample("a3", since + timedelta(minutes=minute), told.get(minute, 200), 40.0)
        for minute in range(100)
        if minute not in missing
    ]
    return judge_window(samples, ["a3"], Demand(since, NOW, 60.0, None), now=NOW)["a3"]


def test_the_first_three_bad_statuses_are_told():
    """By number, each with how often."""
    found = checks.windows.window_answered.judge(window([504, 500, 502, 503, 500]))
    assert found == Finding(
        "what a3 answered over the window",
        "2 times 500, 1 times 502, 1 times 503",
        "200 to every sample",
        MEND,
    )


def test_the_bounds_of_a_window_are_allowed():
    """Covered as much as is asked for, and a gap as long as may be, are no finding."""
    result = window(missing=(10, 30, 50, 70, 90))
    assert result.coverage_percent == result.demand.coverage_min_percent
    assert checks.windows.window_covered.judge(result) is None
    result = window(missing=(50, 51, 52, 53))
    assert result.worst_gap_seconds == result.demand.gap_max_seconds
    assert checks.windows.window_unbroken.judge(result) is None
