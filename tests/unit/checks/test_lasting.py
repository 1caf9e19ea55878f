"""What stays as it was reached, and what each last look finds, word for word."""

from __future__ import annotations

import pytest

from pytest_paygate.checks import lasting, transfers
from pytest_paygate.checks.check import Finding
from pytest_paygate.core.money import Money

FIVE, TAX = Money(500, "EUR"), Money(83, "EUR")
SHOWN = "See what the buyer is shown, and what the accounts will take over: the charge is not this."
ROW = "the status of the seller_transfers row after the refund"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"total_minor": 500, "tax_minor": 83, "currency": "EUR"},
        {"total_minor": 500, "currency": "eur"},
        {"total_minor": None, "tax_minor": None, "currency": None},
        {"total_minor": "500", "currency": 978},
    ],
    ids=str,
)
def test_an_order_may_tell_less_than_it_was_made_with(told):
    """What is absent, null or of no shape is silent; the letters of a currency may be small."""
    assert lasting.order_keeps_amounts.judge(told, FIVE, TAX) is None


@pytest.mark.parametrize(
    ("told", "what", "observed", "expected"),
    [
        ({"total_minor": 50000}, "total", "50000", "500"),
        ({"total_minor": [500]}, "total", "[500]", "500"),
        ({"total_minor": 500, "tax_minor": 84}, "tax", "84", "83"),
        ({"total_minor": 500, "currency": "usd"}, "currency", "USD", "EUR"),
        ({"total_minor": 1, "tax_minor": 1, "currency": "USD"}, "total", "1", "500"),
    ],
    ids=str,
)
def test_an_order_keeps_its_amounts(told, what, observed, expected):
    """Total, tax and currency, in this order."""
    found = Finding(f"the {what} of the order, when it is read later", observed, expected, SHOWN)
    assert lasting.order_keeps_amounts.judge(told, FIVE, TAX) == found


def test_a_refunded_order_stays_so():
    """Any other word at the last look is a finding."""
    assert lasting.order_stays_refunded.judge("refunded") is None
    assert lasting.order_stays_refunded.judge("completed") == Finding(
        "the order's status at the last look",
        "completed",
        "refunded",
        "Look for a job or a stale copy that writes an older state back.",
    )


def test_a_licence_stays_gone():
    """None of the order is left at the last look."""
    assert lasting.licence_stays_gone.judge(0) is None
    assert lasting.licence_stays_gone.judge(1) == Finding(
        "the number of licences of the refunded order at the last look",
        1,
        0,
        "Look for a job that grants what was revoked: the buyer has the money and the goods.",
    )


@pytest.mark.parametrize(("after", "is_kept"), [(1, False), (2, True), (3, True)])
def test_a_refund_takes_no_other_licence(after, is_kept):
    """As many as before, or more, which another order brought."""
    found = Finding(
        "the number of licences of other orders after the refund",
        after,
        2,
        "Give back what was taken: the refund of one order revokes licences of others.",
    )
    assert lasting.other_licences_kept.judge(2, after) == (None if is_kept else found)


@pytest.mark.parametrize(
    ("named", "known"),
    [
        ("ref_1234", ("ref_1234", "re_12")),
        ("ref_1234", ()),
        ("ref_1234", ("re_1234", "ref_12345", "ref-1234")),
        ("4711", ("re_1234",)),
    ],
    ids=str,
)
def test_a_refund_by_another_kind_of_id_says_nothing(named, known):
    """A target may have ids of its own: only one of the same prefix and length is compared."""
    assert lasting.refund_known.judge(named, known) is None


def test_a_refund_that_nobody_knows():
    """Of the same form as a known one, and another."""
    assert lasting.refund_known.judge("ref_9999", ["ref_2222", "re_1", "ref_1111"]) == Finding(
        "the refund that the target names",
        "ref_9999",
        "ref_1111 or ref_2222",
        "See whose refund that is: nobody can look the buyer's refund up by the id they were told.",
    )


def test_the_prefix_of_an_id_ends_at_its_first_joint():
    """What follows may hold joints of its own."""
    assert lasting.refund_known.judge("ref_a_12", ["ref_ab_1"]) is not None


@pytest.mark.parametrize("status", ["paid", " Paid", "PAID "])
def test_a_row_that_still_says_paid(status):
    """In any letters; it is told as it came."""
    found = Finding(ROW, status, "anything but paid", "Mend the row: the next payout and the accounts count on it.")
    assert transfers.transfer_row_follows.judge(status) == found


@pytest.mark.parametrize("status", ["reversed", "refunded", "", "unpaid"])
def test_a_row_in_other_words(status):
    """The contract names no word for a transfer that came back."""
    assert transfers.transfer_row_follows.judge(status) is None
