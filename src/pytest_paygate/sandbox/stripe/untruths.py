"""What the emulator can be made to tell that is not as its own books have it: answers to reads, spoiled by name.

Owns the spoiled answers only; nothing here is stored, so the books stay right and a test can compare. A fault acts only
where it changes an answer, and is counted there.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pytest_paygate.sandbox.faults import REGISTRY, Fault
from pytest_paygate.sandbox.stripe import microcharge_untruths

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.sandbox.stripe.context import Json
    from pytest_paygate.sandbox.world import World

    # Takes an answer and changes it in place; False when there was nothing to change.
    Spoil = Callable[[World, Json], bool]

_CHARGES, _REFUNDS, _TRANSFER = "/v1/charges", "/v1/refunds", "/v1/transfers/{id}"
_TRANSFERS = "/v1/transfers"
_INTENTS, _POSTED = "/v1/payment_intents", "/v1/balance_transactions/{id}"
_REFUND = "/v1/refunds/{id}"
_ACCOUNT, _BALANCE = "/v1/account", "/v1/balance"
_OTHER_ACCOUNT = "acct_1PaygateSomebody0"


def _objects(body: Json) -> list[Json]:
    return body["data"] if body["object"] == "list" else [body]


def _each(**changes: object) -> Spoil:
    """Set members of the object that is answered, or of every object of a list."""

    def spoil(_world: World, body: Json) -> bool:
        for one in _objects(body):
            one.update(changes)
        return bool(_objects(body))

    return spoil


def _amounts(change: Callable[[int], int]) -> Spoil:
    """Change what every charge of a list says was asked and taken."""

    def spoil(_world: World, body: Json) -> bool:
        for one in body["data"]:
            one |= {"amount": change(one["amount"]), "amount_captured": change(one["amount_captured"])}
        return bool(body["data"])

    return spoil


def _metadata(name: str, value: str) -> Spoil:
    """Set one entry of the metadata of every object of a list; an empty value takes it away."""

    def spoil(_world: World, body: Json) -> bool:
        for one in body["data"]:
            kept = {key: told for key, told in one["metadata"].items() if key != name}
            one["metadata"] = kept | ({name: value} if value else {})
        return bool(body["data"])

    return spoil


def _none(_world: World, body: Json) -> bool:
    had = bool(body["data"])
    body["data"] = []
    return had


def _again(prefix: str, **changes: object) -> Spoil:
    """Tell the newest object of a list a second time, under an id of its own."""

    def spoil(world: World, body: Json) -> bool:
        if not body["data"]:
            return False
        twin = copy.deepcopy(body["data"][0]) | {"id": world.identifiers.make(prefix, 24)} | changes
        body["data"].append(twin)
        return True

    return spoil


def _again_once_refunded(world: World, body: Json) -> bool:
    refunded = [one for one in body["data"] if one["amount_refunded"]]
    for one in refunded:
        late = {"id": world.identifiers.make("ch", 24), "amount_refunded": 0, "refunded": False}
        body["data"].append(copy.deepcopy(one) | late)
    return bool(refunded)


def _again_once_reversed(world: World, body: Json) -> bool:
    taken_back = [one for one in body["data"] if one["reversed"]]
    for one in taken_back:
        late = {"id": world.identifiers.make("tr", 24), "amount_reversed": 0, "reversed": False}
        body["data"].append(copy.deepcopy(one) | late)
    return bool(taken_back)


def _trace_lost_once_refunded(_world: World, body: Json) -> bool:
    refunded = [one for one in body["data"] if one["amount_refunded"] and "trace_id" in one["metadata"]]
    for one in refunded:
        one["metadata"] = {key: told for key, told in one["metadata"].items() if key != "trace_id"}
    return bool(refunded)


def _authorised_more(_world: World, body: Json) -> bool:
    for one in body["data"]:
        one["amount"] += 25
    return bool(body["data"])


def _posted_short(_world: World, body: Json) -> bool:
    body |= {"amount": body["amount"] - 1, "net": body["net"] - 1}
    return True


def _test_card(_world: World, body: Json) -> bool:
    live = [one for one in _objects(body) if one["livemode"]]
    for one in live:
        one["payment_method_details"]["card"] |= {"brand": "visa", "last4": "4242"}
    return bool(live)


def _transfer_short(_world: World, body: Json) -> bool:
    body["amount"] -= 1
    return True


def _told_otherwise(_world: World, body: Json) -> bool:
    turned = dict(reversed(list(body.items())))
    body.clear()
    body |= {"presentment_details": {"presentment_currency": "usd"}, "livemode_note": "see livemode"} | turned
    return True


_BENIGN = ""
# Each by name: what it does, the row that must go red, the address it spoils and how. `payment_intent` in the address
# means the list of one payment, without it the list of a period.
_PAYMENT_CHARGES, _ALL_CHARGES = f"{_CHARGES}?payment_intent", f"{_CHARGES}?created"
_DECLARED: dict[str, tuple[str, str, tuple[str, ...], Spoil]] = {
    "account_other": ("the key opens another account", "account", (_ACCOUNT,), _each(id=_OTHER_ACCOUNT)),
    "account_other_mode": ("the key opens the account in the other mode", "account", (_BALANCE,), _each(livemode=True)),
    "charge_absent": ("the ledger has no charge of the payment", "pay", (_PAYMENT_CHARGES,), _none),
    "charge_doubled": (
        "the ledger has two charges of the one payment",
        "pay",
        (_PAYMENT_CHARGES,),
        _again("ch", metadata={}),
    ),
    "charge_currency_other": ("charges the same number of another currency", "pay", (_CHARGES,), _each(currency="usd")),
    "charge_amount_hundredfold": (
        "charges a hundred times the amount",
        "pay",
        (_CHARGES,),
        _amounts(lambda n: n * 100),
    ),
    "charge_amount_hundredth": ("charges a hundredth of the amount", "pay", (_CHARGES,), _amounts(lambda n: n // 100)),
    "charge_surcharged": ("charges 25 minor units on top", "pay", (_CHARGES,), _amounts(lambda n: n + 25)),
    "charge_authorised_more": (
        "authorises 25 minor units more than it captures",
        "pay",
        (_CHARGES,),
        _authorised_more,
    ),
    "charge_not_posted": ("the balance shows a unit less than was captured", "pay", (_POSTED,), _posted_short),
    "payment_paid_again": (
        "the processor lists a second paid payment of the run",
        "pay",
        (_INTENTS,),
        _again("pi"),
    ),
    "refund_read_failed": (
        "the refund says succeeded in the list, and failed when it is read by itself",
        "reversal",
        (_REFUND,),
        _each(status="failed", failure_reason="unknown"),
    ),
    "charge_flagged_uncaptured": ("says captured: false of a whole charge", "pay", (_CHARGES,), _each(captured=False)),
    "charge_livemode_other": ("the charge is of the other mode", "pay", (_CHARGES,), _each(livemode=True)),
    "charge_without_trace": ("the charge carries no trace id", "pay", (_CHARGES,), _metadata("trace_id", "")),
    "charge_of_other_order": (
        "the charge names another order",
        "pay",
        (_CHARGES,),
        _metadata("order_id", "ord_somebody_elses00"),
    ),
    "charge_shows_test_card": (
        "in a rehearsal, a livemode charge shows the published test card 4242",
        "pay",
        (_CHARGES,),
        _test_card,
    ),
    "charge_late_again": (
        "a second charge of the run shows up once the first is refunded",
        "reversal",
        (_ALL_CHARGES,),
        _again_once_refunded,
    ),
    "charged_again_unnamed": (
        "the ledger has a second charge of the card that carries no mark of anybody",
        "pay",
        (_ALL_CHARGES,),
        _again("ch", metadata={}, payment_intent="pi_ofNobody0000000000000"),
    ),
    "charge_of_another_amount": (
        "the ledger has a charge of the same card, of another amount, without any mark; benign",
        _BENIGN,
        (_ALL_CHARGES,),
        _again("ch", metadata={}, payment_intent="pi_ofNobody0000000000000", amount=700, amount_captured=700),
    ),
    "charge_disputed": ("the charge is disputed", "pay", (_CHARGES,), _each(disputed=True)),
    "charge_passed_on": (
        "the charge has passed its money on to another account",
        "pay",
        (_CHARGES,),
        _each(transfer_data={"destination": _OTHER_ACCOUNT, "amount": None}),
    ),
    "refund_to_balance": (
        "the refund goes to the buyer's balance at the shop, not to the card",
        "reversal",
        (_REFUNDS, _REFUND),
        _each(destination_details={"type": "customer_cash_balance"}),
    ),
    "refund_called_fraud": (
        "the refund's reason is that the payment was fraudulent",
        "reversal",
        (_REFUNDS, _REFUND),
        _each(reason="fraudulent"),
    ),
    "charge_trace_lost": (
        "the charge loses its trace id when it is refunded",
        "reversal",
        (_PAYMENT_CHARGES,),
        _trace_lost_once_refunded,
    ),
    "charge_not_marked_refunded": (
        "the charge is not marked refunded although its refund is there",
        "reversal",
        (_CHARGES,),
        _each(amount_refunded=0, refunded=False),
    ),
    "transfer_short_at_provider": (
        "the provider's transfer is 1 minor unit short of the recorded one",
        "transfer",
        (_TRANSFER,),
        _transfer_short,
    ),
    "transfer_of_other_charge": (
        "the provider's transfer was made from another charge",
        "transfer",
        (_TRANSFER,),
        _each(source_transaction="ch_somebodyElses0000000000"),
    ),
    "transfer_to_other_account": (
        "the provider's transfer went to another account",
        "transfer",
        (_TRANSFER,),
        _each(destination=_OTHER_ACCOUNT),
    ),
    "transfer_doubled": (
        "the provider has a second transfer of the order, which is recorded nowhere",
        "transfer",
        (_TRANSFERS,),
        _again("tr"),
    ),
    "transfer_after_refund": (
        "the provider has a second transfer of the order once the first is reversed",
        "reversal",
        (_TRANSFERS,),
        _again_once_reversed,
    ),
    "transfer_taken_back": (
        "the provider has a second transfer of the order, which was reversed; benign",
        _BENIGN,
        (_TRANSFERS,),
        _again("tr", amount_reversed=450, reversed=True),
    ),
    "transfer_livemode_other": (
        "the provider's transfer is of the other mode",
        "transfer",
        (_TRANSFER,),
        _each(livemode=True),
    ),
    "refund_of_other_charge": (
        "the refund is of another charge",
        "reversal",
        (_REFUNDS, _REFUND),
        _each(charge="ch_somebodyElses0000000000"),
    ),
    "refund_doubled": ("the ledger has two refunds of the charge", "reversal", (_REFUNDS,), _again("re")),
    "refund_failed_before": (
        "the ledger has an earlier refund that failed; benign",
        _BENIGN,
        (_REFUNDS,),
        _again("re", status="failed", failure_reason="unknown"),
    ),
    "provider_told_otherwise": (
        "the provider's answers tell more, in another order; benign",
        _BENIGN,
        (_ACCOUNT, _TRANSFER, _CHARGES, _REFUNDS),
        _told_otherwise,
    ),
}

REGISTRY.update({name: Fault(name, "stripe", told[0], told[1]) for name, told in _DECLARED.items()})


def spoiled(world: World, method: str, path: str, sent: Json, body: Json) -> Json:
    """An answer as the faults that are on tell it.

    Args:
        world: whose faults are asked.
        method: the request's method; only reads are spoiled.
        path: the endpoint's path as declared, such as `/v1/transfers/{id}`.
        sent: the request's parameters.
        body: the true answer; changed in place.
    """
    if method != "GET":
        return body
    for name, (_summary, _row, addresses, spoil) in (_DECLARED | microcharge_untruths.DECLARED).items():
        hit = any(address == path or (address.startswith(f"{path}?") and address.split("?")[1] in sent)
                  for address in addresses)  # fmt: skip
        if hit and world.faults.is_set(name) and spoil(world, body):
            world.faults.active(name)
    return body
