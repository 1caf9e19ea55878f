"""Reading again at the provider what a journal says: every claim is looked up, and each ends as one of three things."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.core.errors import PaygateError, ProviderError, Refusal, TargetError
from pytest_paygate.core.events import Mode
from pytest_paygate.core.exposure import ChargeState, Exposure, PaymentState, RefundState
from pytest_paygate.core.money import Money
from pytest_paygate.core.ports import Charge, Payment, PaymentStatus, Refund, RefundStatus
from pytest_paygate.exposure.ledger_check import Finding, Outcome, compare
from tests.golden.scenes import begun

if TYPE_CHECKING:
    from pytest_paygate.core.run import RunState

pytestmark = pytest.mark.asyncio(loop_scope="function")
AT = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
EUR_5 = Money(500, "EUR")
TRACE = "E2E-1795166042-5eed5eed"
REFUSED = Refusal("stripe refused to read it", "", "", "", "")
CHARGE = Charge("ch_1", "pi_1", EUR_5, EUR_5, EUR_5, True, True, AT, True, metadata={"trace_id": TRACE})
# Another charge of the same payment: it is no part of what is claimed.
DECLINED = replace(CHARGE, charge_id="ch_0", captured=Money(0, "EUR"), succeeded=False)
REFUND = Refund("re_1", "pi_1", "ch_1", EUR_5, RefundStatus.SUCCEEDED, AT)
PAYMENT = Payment("pay_1", PaymentStatus.SUCCEEDED, EUR_5, EUR_5, AT, livemode=True, processor="stripe")
MISSING = "it is not in the ledger"


class Ledger:
    """What a provider has, and what it was asked; `failing` is what a read fails with."""

    def __init__(
        self, *, charges: tuple[Charge, ...] = (DECLINED, CHARGE), failing: PaygateError | None = None
    ) -> None:
        self.asked: list[str] = []
        self.listed = charges
        self.failing = failing
        self.status = RefundStatus.SUCCEEDED
        self.state = PaymentStatus.SUCCEEDED

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if self.failing is not None:
            raise self.failing

    async def charges(self, payment_id: str) -> tuple[Charge, ...]:
        """The charges of a payment."""
        self._asked(f"charges of {payment_id}")
        return self.listed

    async def read_refund(self, refund_id: str) -> Refund:
        """A refund."""
        self._asked(f"refund {refund_id}")
        return replace(REFUND, status=self.status)

    async def payment(self, payment_id: str) -> Payment:
        """A payment."""
        self._asked(f"payment {payment_id}")
        return replace(PAYMENT, status=self.state)


def claiming(*, charges: bool = True, payments: bool = True) -> RunState:
    """A live run that claims a charge with its refund at stripe and a payment at hyperswitch that is over."""
    refunds = {"re_1": RefundState("re_1", EUR_5, "succeeded")}
    charge = ChargeState("stripe", "ch_1", "pi_1", EUR_5, "", refunds=refunds)
    payment = PaymentState("hyperswitch", "pay_1", "succeeded", payable=False)
    exposure = Exposure(charges={"ch_1": charge} if charges else {}, payments={"pay_1": payment} if payments else {})
    return replace(begun(Mode.LIVE).state, facts={}, exposure=exposure)


CHARGE_NAME, REFUND_NAME, PAYMENT_NAME = "charge ch_1 EUR 5.00", "refund re_1 EUR 5.00", "payment pay_1 at hyperswitch"


async def test_every_claim_is_looked_up_at_its_own_provider():
    """Charge and refund at the ledger, the payment at its seller; what stands there as claimed is the same."""
    stripe, hyperswitch = Ledger(), Ledger()
    found = await compare(claiming(), {"stripe": stripe, "hyperswitch": hyperswitch})
    assert found == [Finding(name, Outcome.SAME) for name in (CHARGE_NAME, REFUND_NAME, PAYMENT_NAME)]
    assert stripe.asked == ["charges of pi_1", "refund re_1"]
    assert hyperswitch.asked == ["payment pay_1"]
    assert [one.reason for one in found] == ["", "", ""]
    assert list(Outcome) == ["same", "DIFFERS", "CANNOT BE READ"]


async def test_what_differs_is_told():
    """Each of the three kinds of claim says what is otherwise in the ledger; several differences stand in one reason."""
    stripe, hyperswitch = Ledger(), Ledger()
    stripe.listed = (replace(CHARGE, captured=Money(400, "EUR"), payment_id="pi_2"),)
    stripe.status, hyperswitch.state = RefundStatus.FAILED, PaymentStatus.REQUIRES_PAYMENT
    assert await compare(claiming(), {"stripe": stripe, "hyperswitch": hyperswitch}) == [
        Finding(
            CHARGE_NAME,
            Outcome.DIFFERS,
            "amount is EUR 4.00, the journal says EUR 5.00; payment is pi_2, the journal says pi_1",
        ),
        Finding(REFUND_NAME, Outcome.DIFFERS, "status is failed, the journal says succeeded"),
        Finding(PAYMENT_NAME, Outcome.DIFFERS, "it can be paid (requires_payment), the journal says it cannot"),
    ]


@pytest.mark.parametrize("listed", [(), (DECLINED,)])
async def test_a_charge_that_is_not_listed_is_not_in_the_ledger(listed):
    """A payment without the claimed charge is a difference, whatever other charges it has."""
    (found, _) = await compare(claiming(payments=False), {"stripe": Ledger(charges=listed)})
    assert found == Finding(CHARGE_NAME, Outcome.DIFFERS, MISSING)


@pytest.mark.parametrize(
    ("failing", "outcome", "reason"),
    [
        (ProviderError(REFUSED, status=404), Outcome.DIFFERS, MISSING),
        (ProviderError(REFUSED, status=400, code="resource_missing"), Outcome.DIFFERS, MISSING),
        (ProviderError(REFUSED, status=404, code="other"), Outcome.DIFFERS, MISSING),
        (ProviderError(REFUSED, status=403, code="denied"), Outcome.UNREADABLE, "stripe refused to read it"),
        (ProviderError(REFUSED, status=405), Outcome.UNREADABLE, "stripe refused to read it"),
        (ProviderError(REFUSED), Outcome.UNREADABLE, "stripe refused to read it"),
        (TargetError(REFUSED, failure="reset"), Outcome.UNREADABLE, "stripe refused to read it"),
    ],
)
async def test_what_a_failed_read_means(failing, outcome, reason):
    """Only a provider that says there is no such object makes a difference; everything else could not be read."""
    found = await compare(claiming(payments=False), {"stripe": Ledger(failing=failing)})
    assert found == [Finding(name, outcome, reason) for name in (CHARGE_NAME, REFUND_NAME)]


async def test_a_provider_that_is_not_there_cannot_be_read():
    """A claim whose provider the environment has not is told by that name, and nothing is asked of another one."""
    stripe = Ledger()
    found = await compare(claiming(charges=False), {"stripe": stripe})
    assert found == [Finding(PAYMENT_NAME, Outcome.UNREADABLE, "the environment has no provider hyperswitch")]
    assert stripe.asked == []


async def test_a_claim_that_names_no_provider_cannot_be_read():
    """Of a run whose gate names no ledger nobody can be asked, and that is said."""
    state = claiming(charges=False, payments=False)
    facts = {"charge_id": "ch_1", "connector_payment_id": "pi_1", "amount_paid": EUR_5}
    found = await compare(replace(state, gate=None, facts=facts), {"stripe": Ledger()})
    assert found == [Finding(CHARGE_NAME, Outcome.UNREADABLE, "the environment has no provider for it")]
