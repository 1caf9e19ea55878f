"""Charges of ours that nobody gave back, found from the provider's ledger alone. Needs no journal and no store.

A charge is ours when it carries a trace id of our form. The ledger is read from its list, never from a search, which
may be an hour behind. Nothing is given back here unless the caller says so, and never a charge without such a trace id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import ProviderError
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import RefundStatus
from pytest_paygate.core.redaction import safe_trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_paygate.core.ports import Charge, Provider, Refund


@dataclass(frozen=True, slots=True)
class Orphan:
    """A charge of ours of which something is outstanding. `pending` is on its way back and not there yet."""

    trace_id: str
    charge_id: str
    payment_id: str
    charged: Money
    outstanding: Money
    pending: Money
    created: datetime


async def find(ledger: Provider, since: datetime) -> Sequence[Orphan]:
    """Every charge of ours since a moment that has not come back in full, oldest first.

    Raises:
        ProviderError: when the ledger cannot be read; half a list is no list.
    """
    found = []
    for charge in await ledger.charges_since(since):
        trace_id = safe_trace_id(charge.metadata.get("trace_id"))
        if not trace_id or not charge.succeeded or charge.captured.minor <= 0:
            continue
        refunds = [one for one in await ledger.refunds(charge.payment_id) if one.charge_id in {charge.charge_id, ""}]
        orphan = _orphan(trace_id, charge, refunds)
        if orphan.outstanding.minor > 0:
            found.append(orphan)
    return sorted(found, key=lambda orphan: orphan.created)


async def give_back(ledger: Provider, orphan: Orphan) -> str:
    """Refund what is outstanding of one charge; returns why not, or nothing.

    Without a journal the run's id is not known, so the key is derived from the trace id. It differs from the key of the
    run's own settlement; that a charge is not refunded twice rests on the provider, which gives back what was charged
    and no more, and on the pending part being left alone here.
    """
    amount = Money(orphan.outstanding.minor - orphan.pending.minor, orphan.outstanding.currency)
    if amount.minor <= 0:
        return ""
    key = refund_key(orphan.trace_id, orphan.charge_id)
    try:
        await ledger.refund(orphan.payment_id, amount, idempotency_key=key, trace_id=orphan.trace_id)
    except ProviderError as error:
        return error.refusal.refused
    return ""


def _orphan(trace_id: str, charge: Charge, refunds: Sequence[Refund]) -> Orphan:
    currency = charge.captured.currency
    back = sum(one.amount.minor for one in refunds if one.status is RefundStatus.SUCCEEDED)
    coming = sum(
        one.amount.minor for one in refunds if one.status in {RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION}
    )
    return Orphan(
        trace_id,
        charge.charge_id,
        charge.payment_id,
        charge.captured,
        Money(charge.captured.minor - back, currency),
        Money(coming, currency),
        charge.created,
    )
