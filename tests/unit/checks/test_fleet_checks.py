"""Each check of the microcharge gate: what it finds, word for word, and the near-doubles in which it finds nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from pytest_paygate.checks import (
    checkouts,
    kept_events,
    log_entries,
    minimum_charge,
    previous,
    refund_course,
    windows,
)
from pytest_paygate.checks.check import Finding
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import BalanceTransaction, Payment, PaymentStatus
from pytest_paygate.core.previous_run import PreviousRun
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.window import Demand, Sample, check

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIFTY = Money(50, "USD")
ANSWER = "whether the answer holds something like a key, a token or a card number"
UNMASKED = "Rotate what was a key, and have the target answer without it; the answer was not kept here."
LOGGED = "how many log entries hold something like a key, a token or a card number"
PASSWORD = Secret("open sesame", "buyer_password")
CLEAN_LOG = "Take it out of the log, rotate what was a key, and have the target mask what it writes."
EARLY = "Have the target write paid after the commit of the payment, never with the checkout."
TWICE = "Two entries are two payments, or one that was handled twice: see what was granted."
FAILED = "The provider has charged what the target believes to have failed: see what the buyer was told and given."
LINE = "Look at the balance of the account: a refund that is not posted has not left it."
ANOTHER = "Look for the event of another run or app under this id."
OURS = "at most 60 s, and at exactly 60 s our own clock must agree"
SHA = "sha256:" + "a" * 64


def payment(amount=FIFTY, payment_id="pi_1", *, livemode=False):
    """A payment nobody has paid."""
    return Payment(
        payment_id, PaymentStatus.REQUIRES_PAYMENT, amount, Money(0, amount.currency), NOW, livemode, "stripe"
    )


def ended(status):
    """Another payment, in some status."""
    return Payment(
        f"pi_{status}", PaymentStatus(status), FIFTY, Money(0, "USD"), NOW, livemode=False, processor="stripe"
    )


def line(minor, currency="USD"):
    """A line of the ledger."""
    amount = Money(minor, currency)
    return BalanceTransaction("txn_1", "refund", amount, Money(0, currency), amount, NOW, "pending")


def found(what, observed, expected, next_step=""):
    """A finding."""
    return Finding(what, observed, expected, next_step)


def numbered(*pairs):
    """Cases under their numbers."""
    return [pytest.param(*pair, id=str(number)) for number, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(checkouts.target_mode.judge, said=True, livemode=True), None),
        (partial(checkouts.target_mode.judge, said=None, livemode=False), None),
        (
            partial(checkouts.target_mode.judge, said=True, livemode=False),
            found("livemode as the target says it", True, False, "Look at the keys the target was started with."),
        ),
        (partial(checkouts.checkout_made.judge, 200), None),
        (partial(checkouts.checkout_made.judge, 202), found("the status of create-checkout", 202, 200)),
        (partial(checkouts.trace_returned.judge, "T-1", "T-1", "the refund"), None),
        (
            partial(checkouts.trace_returned.judge, "", "T-1", "the refund"),
            found(
                "the trace id that came back from the refund",
                "none",
                "T-1",
                "Have the target, and every proxy before it, hand X-Trace-Id back unchanged.",
            ),
        ),
        (partial(checkouts.answer_tells_no_secret.judge, b'{"card": "424242******4242", "key": "sk_test_..."}'), None),
        (partial(checkouts.answer_tells_no_secret.judge, b"4242 4242 4242 4242"), found(ANSWER, True, False, UNMASKED)),
        (
            partial(checkouts.answer_tells_no_secret.judge, b"\xff sk_live_51H8abcdef"),
            found(ANSWER, True, False, UNMASKED),
        ),
        (partial(checkouts.clients_price_ignored.judge, None, FIFTY), None),
        (partial(checkouts.clients_price_ignored.judge, Money(51, "USD"), FIFTY), None),
        *(
            (
                partial(checkouts.clients_price_ignored.judge, Money(minor, "USD"), FIFTY),
                found(
                    "what many times the credits cost when the client names their price",
                    Money(minor, "USD"),
                    "more than USD 0.50, or no checkout",
                    "Have the target take the price from its own catalogue: whoever can send a request buys at any"
                    " price.",
                ),
            )
            for minor in (49, 50)
        ),
        (partial(checkouts.session_of_payment.judge, payment(), "pi_1"), None),
        (
            partial(checkouts.session_of_payment.judge, payment(payment_id="pi_2"), "pi_1"),
            found("the payment behind the session", "pi_2", "pi_1", "Do not pay: the page may be somebody else's."),
        ),
        (partial(checkouts.asks_for_plan.judge, payment(), FIFTY), None),
        (
            partial(checkouts.asks_for_plan.judge, payment(Money(50, "EUR")), FIFTY),
            found(
                "the amount the provider asks for",
                Money(50, "EUR"),
                FIFTY,
                "Do not pay: the page asks for another amount than the plan.",
            ),
        ),
        (
            partial(checkouts.one_payable.judge, [payment(), *map(ended, ("failed", "cancelled", "expired"))], "pi_1"),
            None,
        ),
        (partial(checkouts.one_payable.judge, [], "pi_1"), None),
        (
            partial(
                checkouts.one_payable.judge, [payment(), *map(ended, ("succeeded", "processing", "unknown"))], "pi_1"
            ),
            found(
                "what other payments under this trace id are paid or can be paid",
                ("pi_succeeded of USD 0.50", "pi_processing of USD 0.50", "pi_unknown of USD 0.50"),
                "none",
                "Close each of them at the provider, and refund what was paid: whoever has the page can pay it.",
            ),
        ),
        (partial(checkouts.payment_mode.judge, payment(), livemode=False), None),
        (
            partial(checkouts.payment_mode.judge, payment(livemode=True), livemode=False),
            found(
                "livemode of the payment",
                True,
                False,
                "Do not pay: the page belongs to the provider's other mode.",
            ),
        ),
    ),
)
def test_checkouts(judged, expected):
    """Before anybody can pay: mode, status, trace, session, amount and currency."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(refund_course.refunded_by_target.judge, "A5", "A5"), None),
        (
            partial(refund_course.refunded_by_target.judge, "the provider", "A5"),
            found("who gave the money back", "the provider", "A5"),
        ),
        (partial(refund_course.refund_named.judge, "re_1", "re_1"), None),
        (
            partial(refund_course.refund_named.judge, "", "re_1"),
            found(
                "the refund that the target names",
                "none",
                "re_1",
                "See whose refund that is: the target may have given somebody else's money back.",
            ),
        ),
        (partial(refund_course.refund_posted.judge, line(-50), FIFTY), None),
        (partial(refund_course.refund_posted.judge, line(-46, "EUR"), FIFTY), None),
        (
            partial(refund_course.refund_posted.judge, None, FIFTY),
            found("the ledger's line of the refund", "none", "a line of minus USD 0.50", LINE),
        ),
        (
            partial(refund_course.refund_posted.judge, line(-49), FIFTY),
            found("the amount of the ledger's line of the refund", Money(-49, "USD"), "minus USD 0.50", LINE),
        ),
        (
            partial(refund_course.refund_posted.judge, line(50), FIFTY),
            found("the amount of the ledger's line of the refund", FIFTY, "minus USD 0.50", LINE),
        ),
        (
            partial(refund_course.refund_posted.judge, line(0, "EUR"), FIFTY),
            found("the amount of the ledger's line of the refund", Money(0, "EUR"), "minus USD 0.50", LINE),
        ),
        (partial(refund_course.refund_in_time.judge, 0, 99.0, 60), None),
        (partial(refund_course.refund_in_time.judge, 59, 99.0, 60), None),
        (partial(refund_course.refund_in_time.judge, 60, 60.0, 60), None),
        (
            partial(refund_course.refund_in_time.judge, 60, 60.1, 60),
            found("how long the money was away", "60 s on the clock of the provider", OURS),
        ),
        (
            partial(refund_course.refund_in_time.judge, 61, 1.0, 60),
            found("how long the money was away", "61 s on the clock of the provider", OURS),
        ),
        (
            partial(refund_course.refund_in_time.judge, -1, 1.0, 60),
            found("how long the money was away", "a refund 1 s before its charge on the clock of the provider", OURS),
        ),
        (
            partial(refund_course.refund_in_time.judge, 0, 1.0, 0),
            found("how long the money was away", "0 s on the clock of the provider", OURS.replace("60", "0")),
        ),
    ),
)
def test_the_course_of_a_refund(judged, expected):
    """By whom, under which name, posted for how much, and when."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(log_entries.log_waits_for_payment.judge, 0, "paid"), None),
        (
            partial(log_entries.log_waits_for_payment.judge, 1, "paid"),
            found("entries of a payment before anybody has paid", 1, 0, EARLY),
        ),
        (partial(log_entries.logged_once.judge, 1, "paid"), None),
        (partial(log_entries.logged_once.judge, 2, "paid"), found("how often paid is in the log", 2, 1, TWICE)),
        (partial(log_entries.log_ends_in_success.judge, [], "paid", "failed"), None),
        (partial(log_entries.log_ends_in_success.judge, ["made", "other"], "paid", "failed"), None),
        (partial(log_entries.log_ends_in_success.judge, ["failed", "failed", "paid"], "paid", "failed"), None),
        (
            partial(log_entries.log_ends_in_success.judge, ["failed", "paid", "failed"], "paid", "failed"),
            found("the log's last word on the payment", "failed", "paid", FAILED),
        ),
        (partial(log_entries.log_ends_in_success.judge, ["failed", "paid", "refunded"], "paid", "failed"), None),
        (
            partial(log_entries.log_ends_in_success.judge, ["paid", "failed", "refunded"], "paid", "failed"),
            found("the log's last word on the payment", "failed", "paid", FAILED),
        ),
        (partial(log_entries.log_tells_no_secret.judge, 0), None),
        (partial(log_entries.log_tells_no_secret.judge, 1), found(LOGGED, 1, 0, CLEAN_LOG)),
        (partial(log_entries.log_keeps_our_secrets.judge, [b"order_completed", b""], [PASSWORD]), None),
        (
            partial(log_entries.log_keeps_our_secrets.judge, [b"login a:open sesame", b"", b"open sesame"], [PASSWORD]),
            found(
                "how many log entries hold a password, a key or a token of this run",
                2,
                0,
                "Change that password or key, take it out of the log, and have the target mask what it writes.",
            ),
        ),
    ),
)
def test_the_log(judged, expected):
    """After the payment, once, to its end, and without a secret."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(kept_events.event_created.judge, 201), None),
        (partial(kept_events.event_created.judge, 200), None),
        (partial(kept_events.event_created.judge, 202), found("the status of POST /events", 202, "200 or 201")),
        (partial(kept_events.checksum_whole.judge, SHA), None),
        (
            partial(kept_events.checksum_whole.judge, SHA[:-1]),
            found("the form of the checksum", "70 characters", "sha256: and 64 hexadecimal digits"),
        ),
        (
            partial(kept_events.checksum_whole.judge, SHA.upper()),
            found("the form of the checksum", "71 characters", "sha256: and 64 hexadecimal digits"),
        ),
        (partial(kept_events.checksum_unchanged.judge, SHA, SHA), None),
        (
            partial(kept_events.checksum_unchanged.judge, SHA + "b", SHA),
            found("the checksum read back", SHA + "b", SHA),
        ),
        (partial(kept_events.event_unchanged.judge, {"a": 50.0, "b": 2, "c": 3}, {"b": 2, "a": 50}), None),
        (
            partial(kept_events.event_unchanged.judge, {"a": 50}, {"a": 50, "b": None, "c": 1}),
            found("c of the event read back", "something else", "what was sent", ANOTHER),
        ),
    ),
)
def test_kept_events(judged, expected):
    """Created, whole checksum, the same checksum, the same event by value."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(minimum_charge.reaches_minimum.judge, FIFTY, "USD"), None),
        (
            partial(minimum_charge.reaches_minimum.judge, Money(49, "USD"), "USD"),
            found("the amount of the charge", Money(49, "USD"), "at least USD 0.50"),
        ),
        (
            partial(minimum_charge.reaches_minimum.judge, FIFTY, "GBP"),
            found(
                "the smallest charge the account takes",
                "a minimum in GBP that cannot be compared",
                "an account that settles in USD",
            ),
        ),
        (
            partial(minimum_charge.reaches_minimum.judge, FIFTY, ""),
            found(
                "the smallest charge the account takes",
                "a minimum in unknown that cannot be compared",
                "an account that settles in USD",
            ),
        ),
        (partial(previous.previous_run_passed.judge, PreviousRun("e2e", "prod", "r1", "PASS")), None),
        (
            partial(
                previous.previous_run_passed.judge,
                PreviousRun("e2e", "prod", problem=f"run r1: it is of commit {'ab' * 20}"),
            ),
            found(
                "the previous e2e run",
                "run r1: it is of commit abababababab",
                "a believed PASS, of this commit, in time",
                "Run e2e on this commit first.",
            ),
        ),
    ),
)
def test_preconditions(judged, expected):
    """The minimum of the currency it settles in, and the run this one rests on."""
    assert judged() == expected


def window(*, missing=(), status=None, latency_ms=40.0, p95_ms=None, minutes=100):
    """A window of one sample a minute, some of them missing, one with another status."""
    since = NOW - timedelta(minutes=minutes)
    samples = [
        Sample("a3", since + timedelta(minutes=minute), status if status and minute == 50 else 200, latency_ms)
        for minute in range(minutes)
        if minute not in missing
    ]
    demand = Demand(since, NOW, 60.0, p95_ms)
    return check(samples, ["a3"], demand, now=NOW)["a3"]


SAMPLE = "See why `paygate watch` took no samples then, and wait until the window is full again."
MEND = "Mend the service, and wait until the window is full again."
JUDGES = [windows.window_answered, windows.window_covered, windows.window_unbroken, windows.window_fast]


def test_a_healthy_window_holds_every_check():
    """All answered, covered, unbroken, fast."""
    assert [one.judge(window(p95_ms=40)) for one in JUDGES] == [None] * 4


@pytest.mark.parametrize(
    ("result", "at", "expected"),
    [
        (
            window(status=503),
            0,
            found("what a3 answered over the window", "1 times 503", "200 to every sample", MEND),
        ),
        (
            window(missing=range(20, 90, 10)),
            1,
            found("how much of its window the samples of a3 cover", "93.00 %", "at least 95 %", SAMPLE),
        ),
        (
            window(missing=range(50, 55)),
            2,
            found("the longest time without a sample of a3", "360 s", "at most 300 s", SAMPLE),
        ),
        (window(p95_ms=39), 3, found("the warm P95 of a3", "40 ms", "at most 39 ms", MEND)),
    ],
    ids=["answered", "covered", "unbroken", "fast"],
)
def test_each_blemish_is_found_by_its_own_check(result, at, expected):
    """One check finds it, word for word, and the other three find nothing."""
    findings = [one.judge(result) for one in JUDGES]
    assert findings.pop(at) == expected
    assert findings == [None] * 3


def test_a_window_without_a_sample_is_not_healthy():
    """No data is never healthy: nobody answered, nobody looked, nothing was fast."""
    result = window(missing=range(100), p95_ms=40)
    assert windows.window_answered.judge(result) == found(
        "the window of a3", "no sample", "samples, each answered 200", SAMPLE
    )
    assert windows.window_fast.judge(result) == found("the warm P95 of a3", "none", "at most 40 ms", MEND)
    assert all(one.judge(result) for one in JUDGES)
