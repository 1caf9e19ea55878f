"""Hyperswitch over HTTP.

Rules:
- payments and refunds are read with `force_sync`, so that the connector is asked and not a stored state;
- a read is repeated only when the rate limit turned it away: one that fails is for the caller to poll; a call that
  moves money is sent once;
- what its API lacks (an account object, transfers, balance transactions) is a missing capability, never a guess;
- mapping stands in `hyperswitch_mapping`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar
from urllib.parse import quote

from pytest_paygate.core.errors import ProviderError, TargetError
from pytest_paygate.core.facts import FactKind, FactShapeError, to_json
from pytest_paygate.core.ports import Capability
from pytest_paygate.providers import failures
from pytest_paygate.providers import hyperswitch_mapping as mapping
from pytest_paygate.providers.document import OddFieldError
from pytest_paygate.providers.rate_limits import patiently

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import (
        Account,
        BalanceTransaction,
        Charge,
        Clock,
        HttpAnswer,
        HttpClient,
        Payment,
        Refund,
        Transfer,
    )
    from pytest_paygate.core.secret import Secret

T = TypeVar("T")
_PAGE: Final = 100
_PAGES_MAX: Final = 50
# A refund id is chosen by the merchant, is exactly this long, and is the idempotency key of this API.
_ID_LENGTH: Final = 30


class HyperswitchProvider:
    """The `Provider` port on Hyperswitch.

    Args:
        key: the merchant's secret API key.
        http: a client bound to the API's address.
    """

    name = mapping.NAME
    capabilities = frozenset(
        {Capability.CHARGES, Capability.REFUND, Capability.LIST_BY_TRACE, Capability.CLOSE_PAYMENT}
    )

    def __init__(self, key: Secret, *, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._headers = {"api-key": key}

    async def account(self) -> Account:
        """Not offered by this API."""
        self._lacks(Capability.ACCOUNT)

    async def payment(self, payment_id: str) -> Payment:
        """One payment, synchronised with its connector."""
        convert = _of_payment(payment_id, mapping.payment)
        return await self._read(f"read payment {payment_id}", _payment_path(payment_id), convert)

    async def charges(self, payment_id: str) -> Sequence[Charge]:
        """The attempts of one payment that took or tried to take money, newest first."""
        path = f"{_payment_path(payment_id)}&expand_attempts=true"
        convert = _of_payment(payment_id, mapping.charges)
        return await self._read(f"read the charges of payment {payment_id}", path, convert)

    async def charges_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Charge]:
        """Every charge since a moment: payments from the list, newest first, then each one's attempts."""
        found: list[Charge] = []
        for payment in await self._payments_since(since):
            if trace_id is None or payment.metadata.get("trace_id") == trace_id:
                found.extend(await self.charges(payment.payment_id))
        return sorted(found, key=lambda charge: charge.created, reverse=True)

    async def payments_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Payment]:
        """Every payment since a moment, paid or not, newest first."""
        found = await self._payments_since(since)
        return [payment for payment in found if trace_id is None or payment.metadata.get("trace_id") == trace_id]

    async def refunds(self, payment_id: str) -> Sequence[Refund]:
        """Every refund of one payment, newest first."""
        convert = _of_payment(payment_id, mapping.refunds)
        return await self._read(f"read the refunds of payment {payment_id}", _payment_path(payment_id), convert)

    async def refund(self, payment_id: str, amount: Money, *, idempotency_key: str, trace_id: str) -> Refund:
        """Give money back; sent once."""
        body = {
            "payment_id": payment_id,
            "refund_id": _refund_id(idempotency_key),
            "amount": amount.minor,
            "reason": "requested_by_customer",
            "refund_type": "instant",
            "metadata": {"trace_id": trace_id},
        }
        return await self._send(f"refund payment {payment_id}", "/refunds", body, mapping.refund)

    async def read_refund(self, refund_id: str) -> Refund:
        """One refund, synchronised with its connector."""
        return await self._read(
            f"read refund {refund_id}", f"/refunds/{quote(refund_id, safe='')}?force_sync=true", mapping.refund
        )

    async def transfer(self, transfer_id: str) -> Transfer:
        """Not offered by this API."""
        del transfer_id
        self._lacks(Capability.TRANSFERS)

    async def transfers_since(self, since: datetime) -> Sequence[Transfer]:
        """Not offered by this API."""
        del since
        self._lacks(Capability.TRANSFERS)

    async def balance_transaction(self, balance_transaction_id: str) -> BalanceTransaction:
        """Not offered by this API."""
        del balance_transaction_id
        self._lacks(Capability.BALANCE_TRANSACTIONS)

    async def close_payment(self, payment_id: str) -> Payment:
        """Cancel an unpaid payment; its link then takes no money any more."""
        path = f"/payments/{quote(payment_id, safe='')}/cancel"
        return await self._send(
            f"close payment {payment_id}", path, {"cancellation_reason": "abandoned"}, mapping.payment
        )

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    async def _payments_since(self, since: datetime) -> Sequence[Payment]:
        """Walk the list until a payment is older.

        The list's own time filters are left alone: servers and the published description disagree about their names,
        and an ignored filter would pass unseen.
        """
        action, query = "list the payments", f"limit={_PAGE}"
        found: dict[str, Payment] = {}
        for _page in range(_PAGES_MAX):
            page = await self._read(action, f"/payments/list?{query}", _payments)
            known = len(found)
            found |= {payment.payment_id: payment for payment in page}
            if len(page) < _PAGE or any(payment.created < since for payment in page):
                return [payment for payment in found.values() if payment.created >= since]
            if len(found) == known:
                break
            query = f"limit={_PAGE}&starting_after={quote(page[-1].payment_id, safe='')}"
        # Too many pages, or a cursor that does not move: half a list is no list.
        raise failures.odd_answer(self.name, action, "data", moves_money=False)

    async def _read(self, action: str, path: str, convert: Callable[[object], T]) -> T:
        return await self._call(action, "GET", path, None, convert, moves_money=False)

    async def _send(self, action: str, path: str, body: Mapping[str, object], convert: Callable[[object], T]) -> T:
        return await self._call(action, "POST", path, body, convert, moves_money=True)

    async def _call(  # noqa: PLR0913 - what a call is made of
        self,
        action: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        convert: Callable[[object], T],
        *,
        moves_money: bool,
    ) -> T:
        """Send one request and map its answer; whatever goes wrong leaves as a `ProviderError`."""

        def send(attempt: int) -> Awaitable[HttpAnswer]:
            return self._http.request(method, path, json=body, headers=self._headers, once=moves_money, attempt=attempt)

        try:
            answer = await (send(1) if moves_money else patiently(send, self._clock))
            document = answer.json()
        except TargetError as error:
            raise ProviderError(error.refusal) from None
        if not 200 <= answer.status < 300:
            raise failures.refused(
                self.name,
                _shown(action),
                status=answer.status,
                code=_code(document),
                request_id=answer.headers.get("x-request-id", ""),
                moves_money=moves_money,
            )
        try:
            return convert(document)
        except OddFieldError as error:
            raise failures.odd_answer(self.name, _shown(action), error.field, moves_money=moves_money) from None

    def _lacks(self, capability: Capability) -> NoReturn:
        raise failures.lacking(self.name, capability)


def _payment_path(payment_id: str) -> str:
    return f"/payments/{quote(payment_id, safe='')}?force_sync=true"


def _of_payment(payment_id: str, convert: Callable[[object], T]) -> Callable[[object], T]:
    """Convert an answer that is about the payment that was asked for; another one's is no answer."""

    def checked(data: object) -> T:
        return convert(mapping.document(data).require("payment_id", payment_id).raw)

    return checked


def _payments(data: object) -> Sequence[Payment]:
    return [mapping.payment(item) for item in mapping.document(data).listed("data")]


def _refund_id(idempotency_key: str) -> str:
    """The key itself when it has the API's length, else thirty characters that follow from it alone."""
    if len(idempotency_key) == _ID_LENGTH:
        return idempotency_key
    return f"ref_{hashlib.sha256(idempotency_key.encode()).hexdigest()}"[:_ID_LENGTH]


def _code(document: object) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _shown(action: str) -> str:
    """An action whose ids came from outside, shown only when it is plain."""
    try:
        return str(to_json(FactKind.WORD, action))
    except FactShapeError:
        return "carry out the call"
