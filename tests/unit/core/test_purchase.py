"""The one purchase, step by step: intent, lock, one send, and what is known of it."""

from __future__ import annotations

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.exposure_events import SendOutcome
from pytest_paygate.core.money import Money
from pytest_paygate.core.purchase import HoldsLock, Send, Sent, outcome_of, purchase
from pytest_paygate.core.settlement import Record

SHA = "f" * 64
INTENT = Record(
    ex.ChargeIntended(amount_minor=500, cap_minor=600, currency="EUR", method="POST", path="/orders", body_sha256=SHA)
)


def steps(*answers):
    """Every step of a purchase, given what came back for each but the last, and what it returned."""
    going = purchase(Money(500, "EUR"), Money(600, "EUR"), method="POST", path="/orders", body_sha256=SHA)
    *answered, last = answers
    taken = [next(going), *(going.send(answer) for answer in answered)]
    with pytest.raises(StopIteration) as ended:
        going.send(last)
    return taken, ended.value.value


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (Sent(200), SendOutcome.SEEN),
        (Sent(201), SendOutcome.SEEN),
        (Sent(299), SendOutcome.SEEN),
        (Sent(199), SendOutcome.AMBIGUOUS),
        (Sent(300), SendOutcome.AMBIGUOUS),
        (Sent(402, "refused"), SendOutcome.AMBIGUOUS),
        (Sent(503), SendOutcome.AMBIGUOUS),
        (Sent(0, "timeout"), SendOutcome.AMBIGUOUS),
        (Sent(0, "no_connection", connected=False), SendOutcome.NOT_SENT),
        (Sent(200, connected=False), SendOutcome.NOT_SENT),
    ],
)
def test_a_purchase_is_intended_locked_sent_once_and_told(sent, outcome):
    """Only an answer of success is seen, only what never connected was not sent; all else may have charged."""
    assert outcome_of(sent) is outcome
    taken, known = steps(None, True, sent, None)
    told = Record(ex.ChargeSent(outcome=outcome, status=sent.status, failure=sent.failure))
    assert taken == [INTENT, HoldsLock(), Send(), told]
    assert known is outcome


@pytest.mark.parametrize("held", [False, None])
def test_without_the_lock_nothing_is_sent(held):
    """A lock that was lost, or of which nobody knows, ends the purchase before its send."""
    taken, known = steps(None, held, None)
    assert taken == [INTENT, HoldsLock(), Record(ex.ChargeSent(outcome=SendOutcome.NOT_SENT, failure="lock_lost"))]
    assert known is SendOutcome.NOT_SENT


def test_what_is_not_said_of_a_send():
    """A send that says nothing else was connected and has no failure."""
    assert (Sent(200).failure, Sent(200).connected) == ("", True)
