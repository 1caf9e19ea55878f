"""What the emulator can be made to tell: a read is spoiled by name, counted where it is, and nothing else is touched."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

from pytest_paygate.sandbox.faults import Faults
from pytest_paygate.sandbox.identifiers import Identifiers
from pytest_paygate.sandbox.stripe import untruths

CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount": 500,
    "amount_captured": 500,
    "amount_refunded": 500,
    "captured": True,
    "currency": "eur",
    "livemode": False,
    "metadata": {"trace_id": "T-1", "order_id": "ord_1"},
    "refunded": True,
}
REFUND = {"id": "re_1", "object": "refund", "amount": 500, "charge": "ch_1", "status": "succeeded"}
TRANSFER = {
    "id": "tr_1",
    "object": "transfer",
    "amount": 450,
    "destination": "acct_1",
    "livemode": False,
    "source_transaction": "ch_1",
}
# Each address that a fault spoils: the parameters of the request, and the true answer.
ANSWERS = {
    "/v1/account": ({}, {"id": "acct_1", "object": "account"}),
    "/v1/balance": ({}, {"object": "balance", "livemode": False}),
    "/v1/balance_transactions/{id}": ({}, {"id": "txn_1", "object": "balance_transaction", "amount": 500, "net": 455}),
    "/v1/charges?payment_intent": ({"payment_intent": "pi_1"}, {"object": "list", "data": [CHARGE]}),
    "/v1/charges?created": ({"created": {"gte": 1}}, {"object": "list", "data": [CHARGE]}),
    "/v1/charges": ({}, {"object": "list", "data": [CHARGE]}),
    "/v1/payment_intents": ({}, {"object": "list", "data": [{"id": "pi_1", "object": "payment_intent"}]}),
    "/v1/refunds": ({}, {"object": "list", "data": [REFUND]}),
    "/v1/refunds/{id}": ({}, REFUND),
    "/v1/transfers/{id}": ({}, TRANSFER),
}


def world_with(name: str) -> SimpleNamespace:
    """As much of a world as an answer needs, with one fault on."""
    faults = Faults()
    faults.set(name)
    return SimpleNamespace(faults=faults, identifiers=Identifiers(seed=7))


LIVE_ONLY = "charge_shows_test_card"


@pytest.mark.parametrize("name", [name for name in untruths._DECLARED if name != LIVE_ONLY])
def test_an_untruth_is_told_counted_and_only_read(name):
    """Every address of a fault answers otherwise while it is on; a write, and every other address, answers the truth."""
    addresses = untruths._DECLARED[name][2]
    for address, (sent, truth) in ANSWERS.items():
        world, body = world_with(name), copy.deepcopy(truth)
        hit = address in addresses or address.split("?")[0] in addresses
        told = untruths.spoiled(world, "GET", address.split("?")[0], sent, body)
        assert (list(told.items()) != list(truth.items())) is hit, address
        assert (world.faults.report()[name]["fired"] > 0) is hit, address
        assert untruths.spoiled(world, "POST", address.split("?")[0], sent, copy.deepcopy(truth)) == truth


OF_CHARGES = [
    name
    for name, (_, row, addresses, _) in untruths._DECLARED.items()
    if row and name != LIVE_ONLY and any(address.startswith("/v1/charges") for address in addresses)
]


@pytest.mark.parametrize("name", OF_CHARGES)
def test_an_empty_list_is_no_untruth(name):
    """A fault that finds nothing to change has not acted."""
    world = world_with(name)
    for sent in ({"payment_intent": "pi_1"}, {"created": {"gte": 1}}):
        untruths.spoiled(world, "GET", "/v1/charges", sent, {"object": "list", "data": []})
    assert world.faults.report()[name]["fired"] == 0


def test_a_test_card_is_shown_on_live_charges_only():
    """Where charges are of the test mode, a test card is no untruth."""
    for livemode in (False, True):
        world = world_with(LIVE_ONLY)
        card = {"brand": "mastercard", "last4": "0150"}
        charge = {**CHARGE, "livemode": livemode, "payment_method_details": {"card": dict(card)}}
        untruths.spoiled(world, "GET", "/v1/charges", {"payment_intent": "pi_1"}, {"object": "list", "data": [charge]})
        assert (charge["payment_method_details"]["card"]["last4"] == "4242") is livemode
        assert world.faults.report()[LIVE_ONLY]["fired"] == int(livemode)
