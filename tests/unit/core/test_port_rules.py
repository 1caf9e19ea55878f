"""What crosses a port: its words, and what a value says when nothing is said."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any

import pytest

from pytest_paygate.core import confirmation, live_ports, ports

# Value → its fields that may be left out, with what they hold then.
LEFT_OUT: dict[type, dict[str, Any]] = {
    ports.Outgoing: {},
    ports.Account: {"default_currency": "", "settles_in": (), "takes_charges": None, "overdrawn_in": ()},
    ports.Card: {},
    ports.Payment: {
        "card": None,
        "charge_id": "",
        "connector_payment_id": "",
        "metadata": {},
        "page": None,
        "besides": (),
    },
    ports.Charge: {"card": None, "balance_transaction_id": "", "metadata": {}, "disputed": False, "besides": ()},
    ports.Refund: {"failure_reason": "", "balance_transaction_id": "", "goes_to": "", "reason": ""},
    ports.Transfer: {"group": "", "metadata": {}},
    ports.BalanceTransaction: {},
    ports.HoldPoint: {"fields": (), "url": "", "notice": None, "confirm_seconds": 0.0},
    ports.HoldAnswer: {"fields": {}, "note": ""},
    confirmation.Confirmation: {"tries_max": 3, "is_live": False},
    confirmation.Confirmed: {},
    live_ports.Lease: {},
    live_ports.ApprovalUse: {},
    live_ports.ExposureRecord: {"settled_at": None},
}
WORDS: dict[type[Enum], tuple[str, ...]] = {
    ports.PaymentStatus: (
        *("requires_payment", "requires_action", "processing", "requires_capture", "succeeded", "failed"),
        *("cancelled", "expired", "unknown"),
    ),
    ports.RefundStatus: ("pending", "requires_action", "succeeded", "failed", "cancelled", "unknown"),
    ports.Capability: (
        *("account", "charges", "refund", "transfers", "balance_transactions", "list_by_trace", "close_payment"),
    ),
}


@pytest.mark.parametrize("value", LEFT_OUT)
def test_what_is_not_said_is_empty(value):
    """Nothing is guessed of a payment, a charge or a refund; no card, amount, status or time is left out."""
    told = {
        one.name: one.default if one.default_factory is MISSING else one.default_factory()
        for one in fields(value)
        if (one.default, one.default_factory) != (MISSING, MISSING)
    }
    assert told == LEFT_OUT[value]


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_both_providers_map_to(kind):
    """Statuses and capabilities stand in journals and settings under these words, and there are no others."""
    assert {one.name: one.value for one in kind} == {word.upper(): word for word in WORDS[kind]}


def test_the_tables_hold_everything_that_crosses():
    """No value and no word escapes the tables."""
    here = [
        one
        for module in (confirmation, ports, live_ports)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__
    ]
    assert {one for one in here if is_dataclass(one)} == set(LEFT_OUT)
    assert {one for one in here if issubclass(one, Enum)} == set(WORDS)


def test_a_request_is_one_that_moves_no_money():
    """Only who says `once` gets a connection of its own; it is the first attempt, with nothing else sent."""
    told = inspect.signature(ports.HttpClient.request).parameters
    assert {name: one.default for name, one in told.items() if one.kind is inspect.Parameter.KEYWORD_ONLY} == {
        **dict.fromkeys(("json", "form", "content", "headers", "bearer", "deadline_seconds")),
        "once": False,
        "attempt": 1,
    }
