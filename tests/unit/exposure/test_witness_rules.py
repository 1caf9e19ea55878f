"""The providers as witnesses: what of theirs becomes a sighting, when a look has failed, and what a refusal is called."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pytest_paygate.core.errors import ProviderError, Refusal, TargetError
from pytest_paygate.core.exposure import ChargeState
from pytest_paygate.core.gate import read_gate
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Capability, Charge, Payment, PaymentStatus, Refund, RefundStatus
from pytest_paygate.core.settlement import ChargeSighting, PaymentSighting, RefundSighting, Sightings
from pytest_paygate.exposure.witnesses import Witnesses
from tests.unit.exposure.told_run import BUYING, charge

pytestmark = pytest.mark.asyncio(loop_scope="function")
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
CREATED = "2026-11-21T09:15:00+00:00"
POSTED = datetime(2026, 11, 22, tzinfo=UTC)
EUR_5 = Money(500, "EUR")
CHARGE = charge(EUR_5)
BACK = Refund("re_1", "pi_1", "ch_1", EUR_5, RefundStatus.SUCCEEDED, CHARGE.created, "late", "txn_1")


def error(status: int = 0, code: str = "", words: str = "bank refused it") -> ProviderError:
    """A refusal by a provider."""
    return ProviderError(Refusal(words, "", "", "", ""), status=status, code=code)


NO_ANSWER = TargetError(Refusal("bank did not answer", "", "", "", ""), failure="reset")


def payment(status: str = "processing", payment_id: str = "pay_1") -> Payment:
    """A payment as its provider tells it."""
    return Payment(payment_id, PaymentStatus(status), EUR_5, EUR_5, CHARGE.created, None, "stripe")


@dataclass
class Party:
    """A provider that answers from lists, raises where it is told to, and keeps what it was asked."""

    name: str
    charges: list[Charge] = field(default_factory=list)
    given: list[Refund] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    wrong: dict[str, Exception] = field(default_factory=dict)
    capabilities: frozenset[Capability] = frozenset({Capability.BALANCE_TRANSACTIONS})
    asked: list[object] = field(default_factory=list)

    def _told(self, what: str, *told: object) -> None:
        self.asked.append((what, *told))
        if what in self.wrong:
            raise self.wrong[what]

    async def charges_since(self, since, *, trace_id):
        """Charges of the run."""
        self._told("charges", since, trace_id)
        return self.charges

    async def payments_since(self, since, *, trace_id):
        """Payments of the run."""
        self._told("payments", since, trace_id)
        return self.payments

    async def refunds(self, payment_id):
        """Refunds of a payment."""
        self._told("refunds", payment_id)
        return [one for one in self.given if one.payment_id == payment_id]

    async def balance_transaction(self, entry):
        """A line of the ledger."""
        self._told("balance", entry)
        return SimpleNamespace(created=POSTED)

    async def refund(self, payment_id, amount, *, idempotency_key, trace_id):
        """Give money back."""
        self._told("refund", payment_id, amount, idempotency_key, trace_id)

    async def close_payment(self, payment_id):
        """Make a payment unpayable."""
        self._told("close", payment_id)

    async def aclose(self):
        """Release connections."""
        self._told("aclose")


def over(bank: Party, shop: Party | None = None, payments: tuple[str, ...] = ("shop",)) -> Witnesses:
    """The witnesses of a run whose money shows at `bank` and is asked for at `shop`."""
    purchase = read_gate(BUYING, "gate.toml").purchase.model_copy(update={"payments": payments})
    parties = {"bank": bank, "shop": shop or Party("shop")}
    return Witnesses(purchase, parties, trace_id="trace-1", since=SINCE)


def sighting(*refunds: RefundSighting) -> Sightings:
    """A look that shows the charge with these refunds."""
    return Sightings((ChargeSighting("bank", "ch_1", "pi_1", EUR_5, CREATED, refunds),), ())


SEEN = RefundSighting("re_1", EUR_5, "succeeded", "late", CREATED, POSTED.isoformat())


async def test_a_look_shows_charges_with_refunds_and_payments():
    """One complete look: everything of the run since its beginning, from each of its providers."""
    bank, shop = Party("bank", [CHARGE], [BACK], [payment("succeeded", "pi_1")]), Party("shop", payments=[payment()])
    looks = over(bank, shop, ("bank", "shop"))
    assert await looks.look() == Sightings(
        sighting(SEEN).charges,
        (
            PaymentSighting("bank", "pi_1", "succeeded", payable=False),
            PaymentSighting("shop", "pay_1", "processing", payable=True),
        ),
    )
    assert looks.problem == ""
    assert ("charges", SINCE, "trace-1") in bank.asked
    assert shop.asked == [("payments", SINCE, "trace-1")]


async def test_only_money_that_was_taken_is_a_charge():
    """A charge that failed, or captured nothing, is none; one minor unit is one."""
    cent = replace(CHARGE, charge_id="ch_2", payment_id="pi_2", captured=Money(1, "EUR"))
    nothing = [replace(CHARGE, succeeded=False), replace(CHARGE, captured=Money(0, "EUR"))]
    found = await over(Party("bank", [*nothing, cent])).look()
    assert found.charges == (ChargeSighting("bank", "ch_2", "pi_2", Money(1, "EUR"), CREATED, ()),)


async def test_refunds_of_the_charge_and_those_that_name_none_are_its_own():
    """A refund of another charge of the same payment is left out."""
    refunds = [BACK, replace(BACK, refund_id="re_2", charge_id=""), replace(BACK, refund_id="re_3", charge_id="ch_9")]
    found = await over(Party("bank", [CHARGE], refunds)).look()
    assert found == sighting(SEEN, replace(SEEN, refund_id="re_2"))


PAYABLE = {"requires_payment", "requires_action", "processing", "requires_capture", "unknown"}


@pytest.mark.parametrize("status", [status.value for status in PaymentStatus])
async def test_what_is_not_over_can_be_paid(status):
    """Only a payment that succeeded, failed, was cancelled or expired takes no money any more."""
    found = await over(Party("bank"), Party("shop", payments=[payment(status)])).look()
    assert found.payments == (PaymentSighting("shop", "pay_1", status, payable=status in PAYABLE),)


@pytest.mark.parametrize(
    "other",
    [
        {"status": RefundStatus.PENDING},
        {"status": RefundStatus.FAILED},
        {"balance_transaction_id": ""},
    ],
)
async def test_what_is_not_posted_is_not_asked_for(other):
    """A refund that has not succeeded, or has no line in the ledger, has no time there."""
    bank = Party("bank", [CHARGE], [replace(BACK, **other)])
    found = await over(bank).look()
    assert found == sighting(replace(SEEN, status=other.get("status", BACK.status).value, posted=""))
    assert not [asked for asked in bank.asked if asked[0] == "balance"]


async def test_a_provider_without_a_balance_is_not_asked_for_one():
    """What a provider cannot do is not guessed."""
    bank = Party("bank", [CHARGE], [BACK], capabilities=frozenset({Capability.CHARGES}))
    assert await over(bank).look() == sighting(replace(SEEN, posted=""))
    assert not [asked for asked in bank.asked if asked[0] == "balance"]


@pytest.mark.parametrize("denied", [0, 401, 403])
async def test_when_a_refund_was_posted_is_asked_once(denied):
    """Also when the key may not read the balance: then there is no time, and that is no failed look."""
    bank = Party("bank", [CHARGE], [BACK], wrong={"balance": error(denied)} if denied else {})
    looks = over(bank)
    for _ in range(2):
        assert await looks.look() == sighting(replace(SEEN, posted="") if denied else SEEN)
    assert [asked for asked in bank.asked if asked[0] == "balance"] == [("balance", "txn_1")]


async def test_a_time_once_known_stays_when_the_refund_changes():
    """A refund that is taken back later keeps the time at which the ledger had shown it."""
    bank = Party("bank", [CHARGE], [BACK])
    looks = over(bank)
    await looks.look()
    bank.given = [replace(BACK, status=RefundStatus.FAILED)]
    assert await looks.look() == sighting(replace(SEEN, status="failed"))


@pytest.mark.parametrize("read", ["charges", "refunds", "balance", "payments"])
@pytest.mark.parametrize("wrong", [error(500), NO_ANSWER, error(404)])
async def test_half_a_look_is_no_look(read, wrong):
    """When one read fails the whole look has, and the problem says which."""
    bank = Party("bank", [CHARGE], [BACK], wrong={read: wrong})
    looks = over(bank, Party("shop", wrong={read: wrong}))
    assert await looks.look() is None
    assert looks.problem == wrong.refusal.refused


async def test_the_ledgers_problem_is_told_before_the_sellers():
    """When both fail, what is said is why the charges could not be read."""
    looks = over(Party("bank", wrong={"charges": error()}), Party("shop", wrong={"payments": NO_ANSWER}))
    assert await looks.look() is None
    assert looks.problem == "bank refused it"


@pytest.mark.parametrize("where", ["charges", "payments"])
async def test_a_mistake_of_ours_is_no_failed_look(where):
    """What no provider has said is raised, from either read."""
    looks = over(Party("bank", wrong={where: RuntimeError("ours")}), Party("shop", wrong={where: RuntimeError("ours")}))
    with pytest.raises(RuntimeError, match=r"^ours$"):
        await looks.look()
    assert looks.problem == ""


STATE = ChargeState("bank", "ch_1", "pi_1", EUR_5, CREATED)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (None, ""),
        (error(400, "charge_already_refunded"), ""),
        (error(401, "bad_key"), "permission denied: bad_key"),
        (error(403), "permission denied: 403"),
        (error(402, "no_funds"), "refused: no_funds"),
        (error(500), "refused: 500"),
        (error(), "refused: no answer"),
        (NO_ANSWER, "no answer: reset"),
    ],
)
async def test_a_refund_is_asked_for_at_the_ledger_and_its_refusal_is_told(wrong, told):
    """Amount, key and trace go there; a charge that is refunded already is no refusal."""
    bank = Party("bank", wrong={} if wrong is None else {"refund": wrong})
    assert await over(bank).refund(STATE, Money(300, "EUR"), idempotency_key="key") == told
    assert bank.asked == [("refund", "pi_1", Money(300, "EUR"), "key", "trace-1")]


@pytest.mark.parametrize("wrong", [None, error(), NO_ANSWER])
async def test_a_payment_is_closed_at_its_provider(wrong):
    """That it could not be is a problem, not the end: the next look tells."""
    shop = Party("shop", wrong={} if wrong is None else {"close": wrong})
    looks = over(Party("bank"), shop)
    assert await looks.close("shop", "pay_1") is None
    assert shop.asked == [("close", "pay_1")]
    assert looks.problem == ("" if wrong is None else wrong.refusal.refused)


async def test_every_provider_is_released():
    """Connections are given up, of the ledger and of every seller."""
    bank, shop = Party("bank"), Party("shop")
    await over(bank, shop).aclose()
    assert (bank.asked, shop.asked) == ([("aclose",)], [("aclose",)])
