"""The desk, refunds: intent first, asked once of each, what came of it on record, and each refusal whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.errors import InterlockError, ProviderError, Refusal, TargetError
from pytest_paygate.core.exposure import refund_key
from pytest_paygate.core.exposure_events import Via
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Outgoing, Refund, RefundStatus
from pytest_paygate.exposure.desk import MoneyDesk
from tests.unit.core.test_exposure import INTENDED, SENT
from tests.unit.exposure.told_run import BUYING, CREATED, PLAIN, ToldRun, at_its_money_row, charge

if TYPE_CHECKING:
    from pytest_paygate.core.events import EventBody

pytestmark = pytest.mark.asyncio(loop_scope="function")
EUR_5 = Money(500, "EUR")
CHARGE = charge(EUR_5)
REQUEST = Outgoing("POST", "/orders/1/refund", b"{}")
NO_ANSWER = TargetError(Refusal("r", "", "", "", ""), failure="reset")


def bought(source: bytes = BUYING, *events: EventBody) -> ToldRun:
    """A run whose purchase was sent, and what else happened; `events` begins after that."""
    run = at_its_money_row(source)
    for event in (INTENDED, SENT, *events):
        run.record(event)
    run.events.clear()
    return run


def seen(ledger: str = "bank") -> ex.ChargeSeen:
    """The journal's line of the charge."""
    return ex.ChargeSeen(
        provider=ledger,
        charge_id="ch_1",
        payment_id="pi_1",
        amount_minor=500,
        currency="EUR",
        created="2026-11-21T09:15:00+00:00",
    )


def back(minor: int, status: str = "succeeded", reason: str = "") -> ex.RefundSeen:
    """The journal's line of a refund."""
    return ex.RefundSeen(
        provider="bank",
        refund_id="re_1",
        charge_id="ch_1",
        amount_minor=minor,
        currency="EUR",
        status=status,
        failure_reason=reason,
        created="2026-11-21T09:15:00+00:00",
    )


def intent(via: Via, minor: int = 500, ledger: str = "bank") -> ex.RefundIntended:
    """The journal's line before a refund is asked for."""
    return ex.RefundIntended(
        via=via,
        provider=ledger,
        charge_id="ch_1",
        payment_id="pi_1",
        amount_minor=minor,
        currency="EUR",
        idempotency_key=refund_key("run-1", "ch_1"),
    )


def refused(via: Via, reason: str) -> ex.RefundRefused:
    """The journal's line of a refusal."""
    return ex.RefundRefused(via=via, charge_id="ch_1", reason=reason)


def desk(run: ToldRun, closed: str = "") -> MoneyDesk:
    """The desk of a run."""

    async def held() -> bool:
        return True

    return MoneyDesk("run-1", recorder=run, state=lambda: run.state, cap=EUR_5, closed=lambda: closed, holds_lock=held)


@dataclass
class Bank:
    """A provider that keeps what it was asked, and answers with a refund or an error."""

    name: str = "bank"
    answer: Refund | Exception | None = None
    asked: list[object] = field(default_factory=list)

    async def refund(self, payment_id: str, amount: Money, *, idempotency_key: str, trace_id: str) -> Refund:
        """Give money back."""
        self.asked.append((payment_id, amount, idempotency_key, trace_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or Refund("re_1", payment_id, "ch_1", amount, RefundStatus.PENDING, CREATED, "late")


async def by_target(run: ToldRun, answer: object = None, closed: str = "") -> list[str]:
    """Ask the target for the refund; what was sent."""
    sent = []

    async def send():
        sent.append("sent")
        if isinstance(answer, Exception):
            raise answer
        return answer or SimpleNamespace(status=200)

    if isinstance(answer, Exception):
        with pytest.raises(type(answer)) as error:
            await desk(run, closed).refund(CHARGE, REQUEST, send)
        assert error.value is answer
    else:
        found = await desk(run, closed).refund(CHARGE, REQUEST, send)
        assert answer is None or found is answer
    return sent


async def by_bank(run: ToldRun, bank: Bank, closed: str = "") -> Refund:
    """Ask the provider for the refund."""
    return await desk(run, closed).refund_at_provider(CHARGE, bank, trace_id="trace-1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (SimpleNamespace(status=199), "status 199"),
        (SimpleNamespace(status=200), ""),
        (SimpleNamespace(status=299), ""),
        (SimpleNamespace(status=300), "status 300"),
        (NO_ANSWER, "reset"),
    ],
)
async def test_a_refund_by_the_target_is_seen_intended_and_sent(answer, reason):
    """Charge and intent stand on record before the request; a refusal or no answer stands there afterwards."""
    run = bought()
    assert await by_target(run, answer) == ["sent"]
    after = [refused(Via.TARGET, reason)] if reason else []
    assert run.events == [seen(), intent(Via.TARGET), *after]


async def test_without_a_purchase_table_the_ledger_is_the_provider():
    """A gate that does not say where its money shows has its charges at `provider`."""
    run = bought(PLAIN)
    await by_target(run)
    assert run.events == [seen("provider"), intent(Via.TARGET, ledger="provider")]


async def test_what_came_back_already_is_not_asked_for_again():
    """The intent is for what is outstanding."""
    run = bought(BUYING, seen(), back(200))
    await by_target(run)
    assert run.events == [seen(), intent(Via.TARGET, 300)]
    run, bank = bought(BUYING, seen(), back(200)), Bank()
    await by_bank(run, bank)
    assert run.events[0] == intent(Via.PROVIDER, 300)
    assert bank.asked == [("pi_1", Money(300, "EUR"), refund_key("run-1", "ch_1"), "trace-1")]


def once(what: str, expected: str, observed: str) -> str:
    """The refusal of a second refund."""
    return (
        f"interlock: POST {what} is not sent, because of refund_once\n"
        f"  expected  {expected}\n"
        f"  observed  charge ch_1, {observed}\n"
        "  money     No money moved. This request was not sent.\n"
        "  next      Look at the refunds of the charge at the provider; settling sees to what is still open."
    )


@pytest.mark.parametrize("before", [intent(Via.TARGET), intent(Via.PROVIDER), back(500)])
async def test_the_target_is_asked_once_word_for_word(before):
    """A charge for which anybody was asked, or that has come back, is not asked for at the target."""
    run = bought(BUYING, seen(), before)
    with pytest.raises(InterlockError) as error:
        await by_target(run)
    assert error.value.conditions == ("refund_once",)
    assert error.value.refusal.text() == once(
        "/orders/1/refund",
        "a charge of which no refund was asked for",
        "for which a refund was asked for before",
    )
    assert run.events == [seen()]


@pytest.mark.parametrize("before", [intent(Via.PROVIDER), back(500)])
async def test_the_provider_is_asked_once_word_for_word(before):
    """A charge for which the provider was asked, or that has come back, is not asked for there again."""
    run, bank = bought(BUYING, seen(), before), Bank()
    with pytest.raises(InterlockError) as error:
        await by_bank(run, bank)
    assert error.value.conditions == ("refund_once",)
    assert error.value.refusal.text() == once(
        "bank/refunds",
        "a charge that its provider was not asked to refund",
        "which its provider was asked to refund before",
    )
    assert (run.events, bank.asked) == ([], [])


@pytest.mark.parametrize("before", [(), (seen(),), (seen(), intent(Via.TARGET))], ids=["new", "seen", "target"])
async def test_a_refund_at_the_provider_is_three_lines(before):
    """The charge when it is new, the intent, and the refund as the provider tells it; a target asked before is no bar."""
    run, bank = bought(BUYING, *before), Bank()
    found = await by_bank(run, bank)
    assert run.events == [*([] if before else [seen()]), intent(Via.PROVIDER), back(500, "pending", "late")]
    assert bank.asked == [("pi_1", EUR_5, refund_key("run-1", "ch_1"), "trace-1")]
    assert found == Refund("re_1", "pi_1", "ch_1", EUR_5, RefundStatus.PENDING, CREATED, "late")


async def test_a_refund_keeps_the_amount_and_the_ledger_of_its_own():
    """What the provider says was given back stands on record, not what was asked for; the ledger is the charge's."""
    run = bought(PLAIN)
    answer = Refund("re_1", "pi_1", "ch_1", Money(123, "USD"), RefundStatus.SUCCEEDED, CREATED)
    await by_bank(run, Bank(answer=answer))
    told = back(123).model_copy(update={"currency": "USD", "provider": "provider"})
    assert run.events == [seen("provider"), intent(Via.PROVIDER, ledger="provider"), told]


@pytest.mark.parametrize("error", [ProviderError(Refusal("r", "", "", "", "")), NO_ANSWER])
async def test_a_provider_that_refuses_is_on_record(error):
    """Whatever the project knows as an error is journalled by its name, and reaches whoever asked."""
    run = bought()
    with pytest.raises(type(error)) as raised:
        await by_bank(run, Bank(answer=error))
    assert raised.value is error
    assert run.events == [seen(), intent(Via.PROVIDER), refused(Via.PROVIDER, type(error).__name__)]


@pytest.mark.parametrize("ask", ["target", "bank"])
async def test_a_closed_desk_refunds_nothing(ask):
    """A desk that is closed records and asks nothing, and names the request."""
    run, bank = bought(), Bank()
    with pytest.raises(InterlockError) as error:
        await (by_target(run, closed="not armed") if ask == "target" else by_bank(run, bank, "not armed"))
    place = "/orders/1/refund" if ask == "target" else "bank/refunds"
    assert error.value.refusal.refused == f"interlock: POST {place} is not sent, because of armed"
    assert error.value.refusal.observed == "not armed"
    assert (run.events, bank.asked) == ([], [])


@pytest.mark.parametrize(
    ("ask", "illegal", "place"),
    [
        ("target", "charge_seen", "/orders/1/refund"),
        ("target", "refund_intended", "/orders/1/refund"),
        ("bank", "charge_seen", "bank/refunds"),
        ("bank", "refund_intended", "bank/refunds"),
        ("bank", "refund_seen", "bank/refunds"),
    ],
)
async def test_what_the_journal_does_not_allow_is_named(ask, illegal, place):
    """A line that may not follow is a refusal of that request, with the journal's reason; an intent first of all."""
    run, bank = bought(), Bank()
    run.illegal = illegal
    with pytest.raises(InterlockError) as error:
        await (by_target(run) if ask == "target" else by_bank(run, bank))
    assert error.value.refusal.refused == f"interlock: POST {place} is not sent, because of once"
    assert error.value.refusal.observed == "not now"
    assert len(bank.asked) == (illegal == "refund_seen")


async def test_a_run_that_never_began_refunds_nothing():
    """Its journal takes no line, so nothing is asked for."""
    run = ToldRun(PLAIN)
    with pytest.raises(InterlockError) as error:
        await by_target(run)
    assert error.value.refusal.observed == "a journal begins with run_started"
    assert run.events == []
