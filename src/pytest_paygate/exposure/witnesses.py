"""Looking for a run's money at its providers, and asking them to give it back. The effects behind `core.settlement`.

Owns the translation between what providers say and what a settlement sees. Half a look is no look: when one read fails,
the whole look has failed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import ProviderError, TargetError
from pytest_paygate.core.ports import Capability, PaymentStatus, RefundStatus
from pytest_paygate.core.settlement import ChargeSighting, PaymentSighting, RefundSighting, Sightings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pytest_paygate.core.exposure import ChargeState
    from pytest_paygate.core.gate import Purchase
    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Charge, Payment, Provider, Refund

# A payment in one of these states takes no money any more, whoever opens its link.
_OVER = frozenset(
    {PaymentStatus.SUCCEEDED, PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED},
)
_DENIED = frozenset({401, 403})
# The charge is refunded already: the next look shows it.
_DONE = frozenset({"charge_already_refunded"})


class Witnesses:
    """The providers of one run.

    Args:
        purchase: where the gate's money shows.
        providers: the environment's, by name; those of the purchase must be among them.
        trace_id: the run's, as its charges and payments carry it.
        since: from when on to look, aware.
    """

    def __init__(
        self, purchase: Purchase, providers: Mapping[str, Provider], *, trace_id: str, since: datetime
    ) -> None:
        self._ledger = providers[purchase.ledger]
        self._providers = providers
        self._sellers = [providers[name] for name in purchase.payments]
        self._trace_id = trace_id
        self._since = since
        self._posted: dict[str, str] = {}
        self.problem = ""

    async def look(self) -> Sightings | None:
        """Read every charge and payment of the run; None when one read failed, `problem` then says which."""
        charges, payments = await asyncio.gather(self._charges(), self._all_payments(), return_exceptions=True)
        for found in (charges, payments):
            if isinstance(found, ProviderError | TargetError):
                self.problem = found.refusal.refused
                return None
        if isinstance(charges, BaseException):
            raise charges
        if isinstance(payments, BaseException):
            raise payments
        return Sightings(tuple(charges), tuple(payments))

    async def refund(self, charge: ChargeState, amount: Money, *, idempotency_key: str) -> str:
        """Ask the ledger's provider for a refund; returns why not, or nothing."""
        try:
            await self._ledger.refund(
                charge.payment_id, amount, idempotency_key=idempotency_key, trace_id=self._trace_id
            )
        except ProviderError as error:
            if error.code in _DONE:
                return ""
            kind = "permission denied" if error.status in _DENIED else "refused"
            return f"{kind}: {error.code or error.status or 'no answer'}"
        except TargetError as error:
            return f"no answer: {error.failure}"
        return ""

    async def close(self, provider: str, payment_id: str) -> None:
        """Make a payment unpayable. Whether it worked, the next look tells."""
        try:
            await self._providers[provider].close_payment(payment_id)
        except (ProviderError, TargetError) as error:
            self.problem = error.refusal.refused

    async def aclose(self) -> None:
        """Release connections."""
        for provider in self._providers.values():
            await provider.aclose()

    async def _charges(self) -> list[ChargeSighting]:
        charges = await self._ledger.charges_since(self._since, trace_id=self._trace_id)
        taken = [charge for charge in charges if charge.succeeded and charge.captured.minor > 0]
        return [await self._charge(charge) for charge in taken]

    async def _charge(self, charge: Charge) -> ChargeSighting:
        refunds = await self._ledger.refunds(charge.payment_id)
        mine = [refund for refund in refunds if refund.charge_id in {charge.charge_id, ""}]
        return ChargeSighting(
            self._ledger.name,
            charge.charge_id,
            charge.payment_id,
            charge.captured,
            charge.created.isoformat(),
            tuple([await self._refund(refund) for refund in mine]),
        )

    async def _refund(self, refund: Refund) -> RefundSighting:
        return RefundSighting(
            refund.refund_id,
            refund.amount,
            refund.status.value,
            refund.failure_reason,
            refund.created.isoformat(),
            await self._posted_at(refund),
        )

    async def _posted_at(self, refund: Refund) -> str:
        """When the ledger showed the refund; empty also for a key that may not read the balance."""
        known = self._posted.get(refund.refund_id)
        entry = refund.balance_transaction_id
        if known is not None or not entry or refund.status is not RefundStatus.SUCCEEDED:
            return known or ""
        if Capability.BALANCE_TRANSACTIONS not in self._ledger.capabilities:
            return ""
        try:
            self._posted[refund.refund_id] = (await self._ledger.balance_transaction(entry)).created.isoformat()
        except ProviderError as error:
            if error.status not in _DENIED:
                raise
            self._posted[refund.refund_id] = ""
        return self._posted[refund.refund_id]

    async def _all_payments(self) -> list[PaymentSighting]:
        found: list[PaymentSighting] = []
        for seller in self._sellers:
            payments = await seller.payments_since(self._since, trace_id=self._trace_id)
            found.extend(_sighting(seller.name, payment) for payment in payments)
        return found


def _sighting(provider: str, payment: Payment) -> PaymentSighting:
    return PaymentSighting(provider, payment.payment_id, payment.status.value, payment.status not in _OVER)
