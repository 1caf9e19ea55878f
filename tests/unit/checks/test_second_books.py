"""Checks that hold one book against another: page and payment, payment and charge, balance, account, log. Word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from pytest_paygate.checks import accounts, bookkeeping, checkouts, kept_events, log_entries
from pytest_paygate.checks.check import CHECKS, Finding
from pytest_paygate.core.hosted_page import Page
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Account, BalanceTransaction, Card, Charge, Payment, PaymentStatus

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIFTY, CENT_LESS = Money(50, "USD"), Money(49, "USD")
CARD = Card("visa", "4242")
PAGE = Page("https://pay.example/c/1", "payment", FIFTY)
PAYMENT = Payment("pi_1", PaymentStatus.SUCCEEDED, FIFTY, FIFTY, NOW, False, "stripe", charge_id="ch_1", page=PAGE)
CHARGE = Charge(
    "ch_1", "pi_1", FIFTY, FIFTY, FIFTY, True, True, NOW, False, card=CARD, metadata={"trace_id": "T-1"}
)  # fmt: skip
UNTRACED = replace(CHARGE, metadata={})
ACCOUNT = Account("acct_1", livemode=False, takes_charges=True)
BOOKS = "Look all of them up at the provider: one of its books is wrong, or belongs to another payment."
DO_NOT_PAY = "Do not pay: have the target ask the provider for one payment of the plan's amount, to its own account."
ELSEWHERE = "Do not pay: whoever answers at the other address would be told a card's number."
BOOKED = "See what the target has booked, and for whom: the log tells another payment than the provider's ledger."
HEARD = "The provider has given all of it back: see what the target has taken back from the buyer for it."
RATE = "Have the money converted nowhere: the rate takes its part when it comes and when it goes back."
TARIFF = (
    "See at the provider what it is made of, such as a conversion or another tariff: no refund brings it back. Have it"
    " mended, or plan with it as it is."
)
OWED = "Pay the balance up first: a refund out of an overdrawn account waits, or fails."
WHOSE = (
    "See at the provider whose each of them is, and refund it if it is of this run: its card and amount, or its"
    " metadata, are this run's."
)


def numbered(*pairs):
    """Cases under their numbers."""
    return [pytest.param(*pair, id=str(number)) for number, pair in enumerate(pairs)]


def paid(**changes):
    """The payment, changed."""
    return replace(PAYMENT, **changes)


def agrees(payment=PAYMENT, charge=CHARGE):
    """What the books say of fifty cents."""
    return partial(bookkeeping.payment_agrees.judge, payment, charge, FIFTY)


def posted(currency, kind="charge"):
    """A line of the balance in that currency, held against dollars."""
    amount = Money(50, currency)
    line = BalanceTransaction("txn_1", kind, amount, Money(0, currency), amount, NOW, "pending")
    return partial(bookkeeping.posted_unconverted.judge, line, "USD")


def beside(*others):
    """What is found beside our charge."""
    return partial(bookkeeping.nothing_beside.judge, [CHARGE, *others], CHARGE, "T-1")


def other(**changes):
    """Another charge of the account: somebody else's card, no trace id."""
    return replace(CHARGE, **{"charge_id": "ch_2", "card": Card("visa", "1111"), "metadata": {}, **changes})


def sells(payment):
    """What the page sells for fifty cents."""
    return partial(checkouts.page_sells_plan.judge, payment, FIFTY)


def at(url, page=PAGE):
    """Where the buyer is sent to."""
    return partial(checkouts.page_of_provider.judge, url, page)


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (agrees(), None),
        (agrees(paid(charge_id="")), None),
        (agrees(paid(amount=CENT_LESS)), Finding("the amount of the payment", CENT_LESS, FIFTY, BOOKS)),
        (agrees(paid(received=CENT_LESS)), Finding("what the payment says it received", CENT_LESS, FIFTY, BOOKS)),
        (
            agrees(charge=replace(CHARGE, captured=CENT_LESS)),
            Finding("what its charge says was captured", CENT_LESS, FIFTY, BOOKS),
        ),
        (agrees(paid(charge_id="ch_2")), Finding("the charge that the payment names", "ch_2", "ch_1", BOOKS)),
        (posted("USD"), None),
        (posted("GBP"), Finding("the currency of the charge's line in the balance", "GBP", "USD", RATE)),
        (posted("EUR", "refund"), Finding("the currency of the refund's line in the balance", "EUR", "USD", RATE)),
    ),
)
def test_payment_charge_and_balance(judged, expected):
    """One amount, one charge, one currency."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("fee", "planned", "most"),
    numbered(
        ("EUR 0.33", "EUR 0.33", ""),
        ("EUR 0.00", "EUR 0.33", ""),
        ("EUR 1.00", "EUR 0.33", ""),
        ("EUR 1.01", "EUR 0.33", "EUR 1.00"),
        ("EUR 1.02", "EUR 0.34", ""),
        ("EUR 1.03", "EUR 0.34", "EUR 1.02"),
        ("EUR 1.00", "EUR 0.00", ""),
        ("EUR 4.50", "EUR 0.00", "EUR 1.00"),
        ("JPY 1", "JPY 0", ""),
        ("JPY 31", "JPY 10", "JPY 30"),
        ("USD 9.00", "EUR 0.33", ""),
    ),
)
def test_a_fee_may_be_three_times_the_plan_and_a_unit(fee, planned, most):
    """Whichever of the two is more; in another currency the plan says nothing."""
    found = bookkeeping.fee_near_plan.judge(Money.parse(fee), Money.parse(planned))
    expected = Finding(
        "the fee that the provider has kept", Money.parse(fee), f"{planned} as planned, at most {most}", TARIFF
    )
    assert found == (expected if most else None)


@pytest.mark.parametrize(
    ("judged", "told"),
    numbered(
        (beside(), ()),
        (partial(bookkeeping.nothing_beside.judge, [UNTRACED], UNTRACED, "T-1"), ()),
        (beside(other()), ()),
        (beside(other(card=None)), ()),
        (partial(bookkeeping.nothing_beside.judge, [other(card=None)], replace(CHARGE, card=None), "T-1"), ()),
        (beside(other(card=CARD, captured=CENT_LESS)), ()),
        (beside(other(card=CARD, metadata={"trace_id": "T-0"})), ()),
        (beside(other(card=CARD, metadata={"trace_id": "T-1"})), ()),
        (beside(other(card=CARD, succeeded=False)), ()),
        (beside(other(metadata={"note": "not T-1"})), ()),
        (beside(other(card=CARD)), ("ch_2 of USD 0.50",)),
        (beside(other(card=CARD, metadata={"shop": "a5"})), ("ch_2 of USD 0.50",)),
        (beside(other(metadata={"trace_id": "T-1-retry"})), ("ch_2 of USD 0.50",)),
        (beside(other(metadata={"traceId": "T-1"})), ("ch_2 of USD 0.50",)),
        (
            beside(other(card=None, metadata={"a": "b", "traceId": "T-1"}), other(charge_id="ch_3", card=CARD)),
            ("ch_2 of USD 0.50", "ch_3 of USD 0.50"),
        ),
    ),
)
def test_what_else_of_the_run_stands_in_the_ledger(judged, told):
    """Under a trace id made of ours, or under none with our card and amount; somebody else's stays theirs."""
    expected = Finding("what other charges may be of this run", told, "none", WHOSE) if told else None
    assert judged() == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (at(PAGE.url), None),
        (at("HTTPS://Pay.Example/c/1/?locale=en#fid"), None),
        (at("https://elsewhere.example/", None), None),
        (at("https://elsewhere.example/", replace(PAGE, url="")), None),
        (
            at("https://pay.example.evil/c/1"),
            Finding(
                "the address of the page to pay on",
                "a page at pay.example.evil",
                "the page of the provider at pay.example",
                ELSEWHERE,
            ),
        ),
        (
            at("http://pay.example/c/1"),
            Finding(
                "the address of the page to pay on",
                "another page at pay.example",
                "the page of the provider at pay.example",
                ELSEWHERE,
            ),
        ),
        (
            at("https://pay.example/c/2"),
            Finding(
                "the address of the page to pay on",
                "another page at pay.example",
                "the page of the provider at pay.example",
                ELSEWHERE,
            ),
        ),
        (
            at("https://[broken"),
            Finding(
                "the address of the page to pay on", "no address", "the page of the provider at pay.example", ELSEWHERE
            ),
        ),
        (sells(PAYMENT), None),
        (sells(paid(page=None)), None),
        (sells(paid(page=Page("", "", None))), None),
        (
            sells(paid(page=replace(PAGE, sells="subscription"))),
            Finding("what is done on the page", "subscription", "payment", DO_NOT_PAY),
        ),
        (
            sells(paid(page=replace(PAGE, amount=CENT_LESS))),
            Finding("the amount on the page", CENT_LESS, FIFTY, DO_NOT_PAY),
        ),
        (
            sells(paid(besides=("money for another account", "an application fee"))),
            Finding(
                "what happens with the payment besides",
                ("money for another account", "an application fee"),
                "nothing",
                DO_NOT_PAY,
            ),
        ),
    ),
)
def test_the_page(judged, expected):
    """The provider's own, for the plan's amount, to this account alone; what is not told is no finding."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("account", "expected"),
    numbered(
        (ACCOUNT, None),
        (replace(ACCOUNT, takes_charges=None), None),
        (
            replace(ACCOUNT, takes_charges=False),
            Finding(
                "whether the account may take charges", "no", "yes", "Give the provider what it asks of the account."
            ),
        ),
        (
            replace(ACCOUNT, overdrawn_in=("USD", "EUR")),
            Finding("the currencies in which the account owes its provider money", ("USD", "EUR"), "none", OWED),
        ),
    ),
)
def test_the_account(account, expected):
    """Open, and not overdrawn; silence is no finding."""
    assert accounts.account_in_order.judge(account) == expected


@pytest.mark.parametrize(
    ("judged", "expected"),
    numbered(
        (partial(log_entries.entry_agrees.judge, {}, {"amount_minor": 50}), None),
        (partial(log_entries.entry_agrees.judge, {"amount_minor": 50, "more": 1}, {"amount_minor": 50}), None),
        (
            partial(log_entries.entry_agrees.judge, {"b": 50, "a": "EUR"}, {"c": 1, "b": 50, "a": "USD"}),
            Finding("a in the log entry", "EUR", "USD", BOOKED),
        ),
        (partial(log_entries.refund_heard.judge, ["paid", "back", "more"], "back", ["failed"]), None),
        (partial(log_entries.refund_heard.judge, ["failed", "back"], "back", ["failed"]), None),
        (
            partial(log_entries.refund_heard.judge, ["paid"], "back", ["failed"]),
            Finding("the log's last word on the refund", "none", "back", HEARD),
        ),
        (
            partial(log_entries.refund_heard.judge, ["back", "partly", "more"], "back", ["failed", "partly"]),
            Finding("the log's last word on the refund", "partly", "back", HEARD),
        ),
    ),
)
def test_the_log(judged, expected):
    """What it tells of a payment is what was paid, and its last word on the refund is that it came."""
    assert judged() == expected


@pytest.mark.parametrize(
    ("read", "name"),
    numbered(
        ({"data": {"amount": 50.0, "id": "pi_1", "noted": "now"}, "app": "A5"}, ""),
        ({"data": {"amount": 49, "id": "pi_1"}, "app": "A5"}, "data.amount"),
        ({"data": {"amount": 50}, "app": "A5"}, "data.id"),
        ({"data": "pi_1", "app": "A5"}, "data"),
        ({"data": {"amount": 50, "id": "pi_1"}, "app": {"name": "A5"}}, "app"),
        ({"data": {"amount": 50, "id": "pi_1"}, "app": "A3"}, "app"),
    ),
)
def test_an_event_is_compared_name_by_name(read, name):
    """Also inside: what a service adds there is its own, what it changes or drops is named."""
    finding = kept_events.event_unchanged.judge(read, {"data": {"amount": 50, "id": "pi_1"}, "app": "A5"})
    assert (finding.what if finding else "") == (f"{name} of the event read back" if name else "")


def test_the_statements_say_what_holds():
    """A report tells a PASS by these sentences."""
    names = (
        *("payment_agrees", "posted_unconverted", "nothing_beside", "account_in_order"),
        *("page_of_provider", "page_sells_plan", "entry_agrees", "refund_heard", "fee_near_plan"),
    )
    assert [CHECKS[name].holds for name in names] == [
        "The payment, its charge and what was recorded of it agree on one amount, and on each other",
        "Charge and refund are posted in the currency that the account settles in",
        "No other charge of the run stands in the ledger without its trace id, or under one made of it",
        "The account may take charges, and owes its provider nothing",
        "The page that the buyer is sent to is the provider's own page of this payment",
        "The page sells for the plan's amount, and the payment does nothing but pay this account",
        "What a log entry tells of the payment is what was paid",
        "The log's last word on the refund is that all of it came back",
        "The provider's fee is no more than three times the planned one, and a unit of the currency",
    ]
