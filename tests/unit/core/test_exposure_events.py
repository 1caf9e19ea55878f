"""The journal's vocabulary of exposure: its words are read by journals of years ago, so none of them may change."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.model import Model

# Event → the word it is journalled under, and what it holds when nothing is said. `...`: it must be said.
SHAPES = {
    ex.PhaseStarted: ("phase_started", {"phase": ..., "cause": ""}),
    ex.PhaseFinished: ("phase_finished", {"phase": ..., "outcome": ""}),
    ex.ExposurePlanned: (
        "exposure_planned",
        {
            "plan_sha256": ...,
            "account": ...,
            "host": ...,
            "product": ...,
            "amount_minor": ...,
            "cap_minor": ...,
            "currency": ...,
            "policy": ...,
            "acknowledgement": "",
            "late_charge_seconds": ...,
        },
    ),
    ex.ApprovalConsumed: (
        "approval_consumed",
        {"nonce": ..., "plan_sha256": ..., "requester": ..., "approvers": ..., "signed": ..., "attempt": ...},
    ),
    ex.FenceTaken: ("fence_taken", {"store": ..., "fence": ..., "holder": ..., "lease_seconds": ...}),
    ex.OperatorConfirmed: ("operator_confirmed", {"amount": ..., "waited_seconds": ..., "tries": ...}),
    ex.CapacityTaken: (
        "capacity_taken",
        {"line": ..., "line_sha256": ..., "log_sha256": ..., "left": ..., "override_by": ""},
    ),
    ex.CapacityReturned: ("capacity_returned", {"left": ..., "reason": ...}),
    ex.ChargeIntended: (
        "charge_intended",
        {"amount_minor": ..., "cap_minor": ..., "currency": ..., "method": ..., "path": ..., "body_sha256": ...},
    ),
    ex.ChargeSent: ("charge_sent", {"outcome": ..., "status": 0, "failure": ""}),
    ex.PaymentSeen: ("payment_seen", {"provider": ..., "payment_id": ..., "status": ..., "payable": ...}),
    ex.LinkClosing: ("link_closing", {"provider": ..., "payment_id": ...}),
    ex.ChargeSeen: (
        "charge_seen",
        {"provider": ..., "charge_id": ..., "payment_id": ..., "amount_minor": ..., "currency": ..., "created": ...},
    ),
    ex.RefundIntended: (
        "refund_intended",
        {
            "via": ...,
            "provider": ...,
            "charge_id": ...,
            "payment_id": ...,
            "amount_minor": ...,
            "currency": ...,
            "idempotency_key": ...,
        },
    ),
    ex.RefundSeen: (
        "refund_seen",
        {
            "provider": ...,
            "refund_id": ...,
            "charge_id": ...,
            "amount_minor": ...,
            "currency": ...,
            "status": ...,
            "failure_reason": "",
            "created": "",
            "posted": "",
        },
    ),
    ex.RefundRefused: ("refund_refused", {"via": ..., "charge_id": ..., "reason": ...}),
    ex.LedgerLooked: ("ledger_looked", {"reachable": ..., "charges": ..., "unrefunded": ..., "payable": ...}),
    ex.ExposureSettled: ("exposure_settled", {"charges": ..., "refunded_minor": ..., "currency": ...}),
    ex.RescueStarted: ("rescue_started", {"by": ..., "at_line": ..., "torn_bytes": ...}),
    ex.RescueFinished: ("rescue_finished", {"settled": ...}),
}
# What tells of the work around an exposure, and is no event of it.
AROUND = {ex.PhaseStarted, ex.PhaseFinished, ex.RescueStarted, ex.RescueFinished}


@pytest.mark.parametrize("event", SHAPES)
def test_each_event_has_its_word_and_its_fields(event):
    """An event is journalled under one word; what may be left out is empty, and the rest must be said."""
    word, fields = SHAPES[event]
    told = {name: ... if field.is_required() else field.default for name, field in event.model_fields.items()}
    assert told == {"kind": word, **fields}
    assert get_args(event.model_fields["kind"].annotation) == (word,)


def test_the_table_holds_every_event():
    """No event escapes the table, and all but those around an exposure are events of it."""
    events = {one for _, one in inspect.getmembers(ex, inspect.isclass) if issubclass(one, Model) and one is not Model}
    assert events == set(SHAPES)
    assert set(get_args(ex.ExposureEvent)) == events - AROUND


def test_the_words_of_an_exposure():
    """Outcomes, who is asked for a refund and who carries on are journalled under these words, and there are no others."""
    assert [one.value for one in ex.SendOutcome] == ["seen", "ambiguous", "not_sent"]
    assert [one.value for one in ex.Via] == ["target", "provider"]
    assert [one.value for one in ex.Rescuer] == ["guardian", "recover", "resume"]
