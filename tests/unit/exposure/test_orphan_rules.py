"""Orphans: which charges of a ledger are ours and outstanding, by how much, and what giving them back asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_paygate.core.errors import ProviderError, Refusal
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Charge, Refund, RefundStatus
from pytest_paygate.exposure.orphans import Orphan, find, give_back
from tests.unit.exposure.told_run import charge

pytestmark = pytest.mark.asyncio(loop_scope="function")
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
TRACE = "SHOP-1700000000-abcd1234"
OURS = replace(charge(Money(500, "EUR")), metadata={"trace_id": TRACE})


def refund(minor: int, status: str, charge_id: str = "ch_1") -> Refund:
    """A refund in the ledger."""
    return Refund("re_1", "pi_1", charge_id, Money(minor, "EUR"), RefundStatus(status), SINCE)


@dataclass
class Ledger:
    """A provider that keeps what it was asked."""

    charges: list[Charge] = field(default_factory=lambda: [OURS])
    given: list[Refund] = field(default_factory=list)
    error: ProviderError | None = None
    asked: list[object] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    async def charges_since(self, since: datetime) -> list[Charge]:
        """Every charge."""
        assert since == SINCE
        return self.charges

    async def refunds(self, payment_id: str) -> list[Refund]:
        """Every refund of a payment."""
        self.looked.append(payment_id)
        return [one for one in self.given if one.payment_id == payment_id]

    async def refund(self, payment_id: str, amount: Money, *, idempotency_key: str, trace_id: str) -> None:
        """Give money back."""
        self.asked.append((payment_id, amount, idempotency_key, trace_id))
        if self.error is not None:
            raise self.error


def orphan(outstanding: int = 500, pending: int = 0, **other) -> Orphan:
    """What is outstanding of the charge."""
    told = Orphan(
        trace_id=TRACE,
        charge_id="ch_1",
        payment_id="pi_1",
        charged=Money(500, "EUR"),
        outstanding=Money(outstanding, "EUR"),
        pending=Money(pending, "EUR"),
        created=OURS.created,
    )
    return replace(told, **other)


STATUSES = {
    "succeeded": orphan(498),
    "pending": orphan(500, 2),
    "requires_action": orphan(500, 2),
    "failed": orphan(),
    "cancelled": orphan(),
    "unknown": orphan(),
}


@pytest.mark.parametrize("status", [status.value for status in RefundStatus])
async def test_only_what_has_succeeded_is_back_and_what_may_is_pending(status):
    """Each status of a refund counts as back, as on its way, or as nothing."""
    assert await find(Ledger(given=[refund(2, status)]), SINCE) == [STATUSES[status]]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ([], [orphan()]),
        ([refund(500, "succeeded")], []),
        ([refund(499, "succeeded")], [orphan(1)]),
        ([refund(501, "succeeded")], []),
        ([refund(300, "succeeded"), refund(200, "succeeded", "")], []),
        ([refund(300, "succeeded"), refund(100, "pending"), refund(50, "requires_action")], [orphan(200, 150)]),
        ([refund(500, "succeeded", "ch_2")], [orphan()]),
        ([replace(refund(500, "succeeded"), payment_id="pi_2")], [orphan()]),
    ],
)
async def test_what_is_outstanding_is_the_charge_less_its_own_refunds(given, left):
    """Refunds of the charge, and those that name none, count; those of another charge or payment do not."""
    assert await find(Ledger(given=given), SINCE) == left


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {}},
        {"metadata": {"trace": TRACE}},
        {"metadata": {"trace_id": "not one of ours"}},
        {"succeeded": False},
        {"captured": Money(0, "EUR")},
    ],
    ids=["no metadata", "another name", "another form", "failed", "not captured"],
)
async def test_what_is_not_ours_or_took_nothing_is_no_orphan(other):
    """Without a trace id of our form, without success or capture there is nothing to give back; the rest is looked at."""
    last = replace(OURS, charge_id="ch_9", captured=Money(1, "EUR"))
    ledger = Ledger([replace(OURS, payment_id="pi_0", **other), last])
    assert await find(ledger, SINCE) == [orphan(1, charge_id="ch_9", charged=Money(1, "EUR"))]
    assert ledger.looked == ["pi_1"]


async def test_the_oldest_comes_first():
    """Whatever order the ledger lists them in."""
    times = [OURS.created + timedelta(minutes=minutes) for minutes in (2, 1, 3)]
    charges = [replace(OURS, created=at) for at in times]
    assert await find(Ledger(charges), SINCE) == [orphan(created=at) for at in sorted(times)]


async def test_giving_back_asks_for_what_is_neither_back_nor_on_its_way():
    """One request, under a key of trace and charge."""
    ledger = Ledger()
    assert await give_back(ledger, orphan(300, 299)) == ""
    assert ledger.asked == [("pi_1", Money(1, "EUR"), refund_key(TRACE, "ch_1"), TRACE)]


@pytest.mark.parametrize("pending", [300, 301])
async def test_what_is_all_on_its_way_is_left_alone(pending):
    """Nothing is asked for, and nothing stands in the way."""
    ledger = Ledger()
    assert await give_back(ledger, orphan(300, pending)) == ""
    assert ledger.asked == []


async def test_a_refusal_of_the_provider_is_told():
    """Why nothing was given back, in the provider's words as we have them."""
    ledger = Ledger(error=ProviderError(Refusal("stripe refused it", "", "", "", "")))
    assert await give_back(ledger, orphan()) == "stripe refused it"
