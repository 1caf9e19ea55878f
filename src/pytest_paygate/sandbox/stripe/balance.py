"""The balance and its transactions, read only; `money` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_paygate.sandbox.stripe import microcharge_faults as faults
from pytest_paygate.sandbox.stripe import money, pagination, storage
from pytest_paygate.sandbox.stripe.parameters import Spec, items, text
from pytest_paygate.sandbox.stripe.routing import Operation

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json


async def _balance(call: Call, _sent: Json) -> Json:
    currencies: tuple[str, ...] = (call.world.settlement_currency, *call.world.own_currencies)
    if call.world.faults.active(faults.ACCOUNT_SETTLES_ELSEWHERE):
        also = call.world.faults.parameter(faults.ACCOUNT_SETTLES_ELSEWHERE, "also_usd", default=False)
        currencies = ("gbp", "usd") if also else ("gbp",)
    available = [_funds(await money.available_minor(call, currency), currency) for currency in currencies]
    pending = [_funds(await money.pending_minor(call, currency), currency) for currency in currencies]
    livemode = call.livemode != call.world.faults.active(faults.OTHER_MODE)
    return {"object": "balance", "available": available, "livemode": livemode, "pending": pending}


def _funds(amount: int, currency: str) -> Json:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


async def _retrieve(call: Call, sent: Json) -> Json:
    return (await storage.in_url(call, "balance_transaction", sent["id"])).body


async def _list(call: Call, sent: Json) -> Json:
    where = {name: sent.get(name) for name in ("source", "type", "currency", "payout")}
    return await pagination.page(call, "balance_transaction", sent, url="/v1/balance_transactions", where=where)


_EXPAND: Spec = {"expand": items(text())}
_FILTERS: Spec = {name: text() for name in ("source", "type", "currency", "payout")}
OPERATIONS = (
    Operation("GET", "/v1/balance", _EXPAND, _balance),
    Operation("GET", "/v1/balance_transactions", pagination.SPEC_CREATED | _FILTERS, _list),
    Operation("GET", "/v1/balance_transactions/{id}", _EXPAND, _retrieve),
)
