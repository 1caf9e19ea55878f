"""What the emulator can be made to tell under the microcharge gate that is not as its own books have it.

Owns the spoiled answers and their names; `untruths` looks them up. Nothing here is stored.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.sandbox.stripe.context import Json
    from pytest_paygate.sandbox.world import World

    Spoil = Callable[[World, Json], bool]

_CHARGES, _REFUNDS, _REFUND = "/v1/charges", "/v1/refunds", "/v1/refunds/{id}"
_INTENT, _SESSION = "/v1/payment_intents/{id}", "/v1/checkout/sessions/{id}"
_POSTED, _ACCOUNT, _BALANCE = "/v1/balance_transactions/{id}", "/v1/account", "/v1/balance"
_OTHER_ACCOUNT = "acct_1PaygateSomebody0"


def _where(applies: Callable[[Json], bool], **changes: object) -> Spoil:
    """Set members of the object that is answered, or of those of a list, of which something is true."""

    def spoil(_world: World, body: Json) -> bool:
        hit = [one for one in (body["data"] if body["object"] == "list" else [body]) if applies(one)]
        for one in hit:
            one.update(copy.deepcopy(changes))
        return bool(hit)

    return spoil


def _always(_one: Json) -> bool:
    return True


def _of_charge(one: Json) -> bool:
    return str(one["type"]) == "charge"


def _is_paid(one: Json) -> bool:
    return str(one["status"]) == "succeeded"


def _is_refunded(one: Json) -> bool:
    return int(one["amount_refunded"]) > 0


def _second_refund(world: World, body: Json) -> bool:
    if body["data"]:
        body["data"].append(copy.deepcopy(body["data"][0]) | {"id": world.identifiers.make("re", 24)})
    return bool(body["data"])


def _overdrawn(_world: World, body: Json) -> bool:
    for one in body["available"]:
        one["amount"] = -1
    return True


_BENIGN = ""
# As in `untruths`: what it does, the row that must go red, the addresses it spoils, and how.
DECLARED: dict[str, tuple[str, str, tuple[str, ...], Spoil]] = {
    "fleet_account_restricted": (
        "the account may not take charges",
        "account",
        (_ACCOUNT,),
        _where(_always, charges_enabled=False),
    ),
    "fleet_account_overdrawn": ("the account owes the provider a cent", "account", (_BALANCE,), _overdrawn),
    "fleet_page_asks_more": (
        "the page asks for another amount than its payment",
        "checkout",
        (_SESSION,),
        _where(_always, amount_total=5000, amount_subtotal=5000),
    ),
    "fleet_page_subscribes": (
        "the page sells a subscription",
        "checkout",
        (_SESSION,),
        _where(_always, mode="subscription"),
    ),
    "fleet_money_passed_on": (
        "the payment's money goes to another account",
        "checkout",
        (_INTENT,),
        _where(_always, transfer_data={"destination": _OTHER_ACCOUNT, "amount": None}),
    ),
    "fleet_platform_takes_fee": (
        "a platform takes a fifth of the payment",
        "checkout",
        (_INTENT,),
        _where(_always, application_fee_amount=10),
    ),
    "fleet_charge_passed_on": (
        "the charge has passed its money on to another account, and its payment does not say so",
        "pay",
        (_CHARGES,),
        _where(_is_paid, transfer_data={"destination": _OTHER_ACCOUNT, "amount": None}),
    ),
    "fleet_charge_disputed": (
        "the card's holder disputes the charge",
        "pay",
        (_CHARGES,),
        _where(_is_paid, disputed=True),
    ),
    "fleet_charge_disputed_late": (
        "the charge is disputed once it is refunded",
        "proofs",
        (f"{_CHARGES}?created",),
        _where(_is_refunded, disputed=True),
    ),
    "fleet_charge_posted_short": (
        "the balance shows a cent less than was captured",
        "refund",
        (_POSTED,),
        _where(_of_charge, amount=49, net=17),
    ),
    "fleet_charge_unposted": (
        "the charge is captured and not in the balance",
        "refund",
        (_CHARGES,),
        _where(_always, balance_transaction=None),
    ),
    "fleet_charge_posted_late": (
        "the charge is in the balance `times` (default 3) reads late; benign",
        _BENIGN,
        (f"{_CHARGES}?payment_intent",),
        _where(_always, balance_transaction=None),
    ),
    "fleet_charge_settled_in_pounds": (
        "the charge is posted in pounds",
        "refund",
        (_POSTED,),
        _where(_of_charge, currency="gbp", amount=38, net=5, fee=33),
    ),
    "fleet_refund_doubled": ("the ledger has two refunds of the charge", "refund", (_REFUNDS,), _second_refund),
    "fleet_refund_of_other_charge": (
        "the refund is of another charge",
        "refund",
        (_REFUNDS, _REFUND),
        _where(_always, charge="ch_somebodyElses0000000000"),
    ),
    "fleet_refund_to_balance": (
        "the refund goes to the student's balance at A5, not to the card",
        "refund",
        (_REFUNDS, _REFUND),
        _where(_always, destination_details={"type": "customer_cash_balance"}),
    ),
    "fleet_payment_received_less": (
        "the payment says it received a cent less than was captured",
        "refund",
        (_INTENT,),
        _where(_is_paid, amount_received=49),
    ),
    "fleet_payment_of_other_charge": (
        "the payment names another charge",
        "refund",
        (_INTENT,),
        _where(_is_paid, latest_charge="ch_somebodyElses0000000000"),
    ),
    "fleet_charge_grows": (
        "the charge is a hundred times what it was once it is refunded",
        "refund",
        (_CHARGES,),
        _where(_is_refunded, amount=5000, amount_captured=5000, amount_refunded=5000),
    ),
}

_TIMES = {"fleet_charge_posted_late": 3}
REGISTRY.update(
    {
        name: Fault(name, "stripe", told[0], told[1], "microcharge", times=_TIMES.get(name))
        for name, told in DECLARED.items()
    }
)
