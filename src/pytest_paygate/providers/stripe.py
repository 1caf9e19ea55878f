"""Stripe through its official SDK.

Rules:
- one named API version on every call; no telemetry; no file of the SDK's own;
- reads may be repeated by the SDK, a call that moves money or closes a payment is sent once;
- the ledger list is read, never search, which may be an hour behind;
- mapping stands in `stripe_mapping`, the way to the wire in `stripe_transport`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import stripe

from pytest_paygate.core.currencies import AmountConvention
from pytest_paygate.core.errors import ProviderError, TargetError
from pytest_paygate.core.ports import (
    Account,
    BalanceTransaction,
    Capability,
    Charge,
    Payment,
    PaymentStatus,
    Refund,
    Transfer,
)
from pytest_paygate.providers import failures
from pytest_paygate.providers import stripe_mapping as mapping
from pytest_paygate.providers.document import OddFieldError
from pytest_paygate.providers.stripe_transport import Transport, attempts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from pytest_paygate.core.money import Money
    from pytest_paygate.core.ports import Clock, HttpClient
    from pytest_paygate.core.secret import Secret

T = TypeVar("T")

API_VERSION: Final = "2026-10-28.endive"
CALL_DEADLINE_SECONDS: Final = 30.0
_PAGE: Final = 100
_READ: Final[Any] = {"max_network_retries": 2}
_CLOSED: Final = frozenset({PaymentStatus.CANCELLED, PaymentStatus.EXPIRED})


class StripeProvider:
    """The `Provider` port on Stripe. Reads and `close_payment` take a Checkout session's id (`cs_…`) for its payment's.

    Args:
        key: a secret or restricted key.
        http: a client bound to Stripe's address.
        clock: waits between repeated reads.
        call_deadline_seconds: for one method call, pages and repeated reads included.
    """

    name = mapping.NAME
    capabilities = frozenset(Capability)

    def __init__(
        self,
        key: Secret,
        *,
        http: HttpClient,
        clock: Clock,
        call_deadline_seconds: float = CALL_DEADLINE_SECONDS,
    ) -> None:
        # Off before the first request: telemetry also writes a file into the user's configuration folder.
        stripe.enable_telemetry = False
        address = http.base_url
        self._deadline_seconds = call_deadline_seconds
        self._transport = Transport(http, clock)
        self._api = stripe.StripeClient(
            key.reveal(),
            # Addresses that are left out keep the real hosts.
            base_addresses={"api": address, "connect": address, "files": address, "meter_events": address},
            http_client=self._transport,
            stripe_version=API_VERSION,
            max_network_retries=0,
        ).v1

    async def account(self) -> Account:
        """The account behind the key; its mode is read off the balance, which carries it."""

        async def ask() -> Account:
            account = mapping.document(_raw(await self._api.accounts.retrieve_current_async(options=_READ)))
            balance = mapping.document(_raw(await self._api.balance.retrieve_async(options=_READ)))
            account.require("object", "account")
            balance.require("object", "balance")
            return Account(
                account_id=account.text("id"),
                livemode=balance.flag("livemode"),
                default_currency=account.text_or_empty("default_currency").upper(),
                settles_in=mapping.settles_in(balance),
                takes_charges=account.flag_or_none("charges_enabled"),
                overdrawn_in=mapping.overdrawn_in(balance),
            )

        return await self._call("read the account", ask)

    async def payment(self, payment_id: str) -> Payment:
        """One payment intent with its latest charge, or the Checkout session that may yet become one."""
        return await self._call(f"read payment {payment_id}", lambda: self._payment(payment_id))

    async def charges(self, payment_id: str) -> Sequence[Charge]:
        """Every charge of one payment intent, newest first."""

        async def ask() -> Sequence[Charge]:
            intent = await self._intent_of(payment_id)
            if not intent:
                return []
            page = await self._api.charges.list_async({"payment_intent": intent, "limit": _PAGE}, _READ)
            return [mapping.charge(item) async for item in _items(page)]

        return await self._call(f"list the charges of payment {payment_id}", ask)

    async def charges_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Charge]:
        """Every charge created since a moment, newest first; the trace is matched here, in the charge's metadata."""

        async def ask() -> Sequence[Charge]:
            created: Any = {"gte": int(since.timestamp())}
            page = await self._api.charges.list_async({"created": created, "limit": _PAGE}, _READ)
            found = [mapping.charge(item) async for item in _items(page)]
            return [charge for charge in found if trace_id is None or charge.metadata.get("trace_id") == trace_id]

        return await self._call("list the charges of a period", ask)

    async def payments_since(self, since: datetime, *, trace_id: str | None = None) -> Sequence[Payment]:
        """Every payment intent created since a moment, and every open Checkout session that has none yet."""

        async def ask() -> Sequence[Payment]:
            created: Any = {"gte": int(since.timestamp())}
            intents = await self._api.payment_intents.list_async({"created": created, "limit": _PAGE}, _READ)
            found = [mapping.payment(item) async for item in _items(intents)]
            sessions = await self._api.checkout.sessions.list_async({"created": created, "limit": _PAGE}, _READ)
            documents = [item async for item in _items(sessions)]
            found += [mapping.session(item) for item in documents if mapping.is_unpaid_session(item)]
            return [payment for payment in found if trace_id is None or payment.metadata.get("trace_id") == trace_id]

        return await self._call("list the payments of a period", ask)

    async def refunds(self, payment_id: str) -> Sequence[Refund]:
        """Every refund of one payment intent, newest first."""

        async def ask() -> Sequence[Refund]:
            intent = await self._intent_of(payment_id)
            if not intent:
                return []
            page = await self._api.refunds.list_async({"payment_intent": intent, "limit": _PAGE}, _READ)
            return [mapping.refund(item) async for item in _items(page)]

        return await self._call(f"list the refunds of payment {payment_id}", ask)

    async def refund(self, payment_id: str, amount: Money, *, idempotency_key: str, trace_id: str) -> Refund:
        """Give money back; sent once."""

        async def ask() -> Refund:
            created = await self._api.refunds.create_async(
                {
                    "payment_intent": payment_id,
                    "amount": amount.in_convention(AmountConvention.STRIPE),
                    "reason": "requested_by_customer",
                    "metadata": {"trace_id": trace_id},
                },
                {"idempotency_key": idempotency_key, "max_network_retries": 0},
            )
            return mapping.refund(_raw(created))

        return await self._call(f"refund payment {payment_id}", ask, moves_money=True)

    async def read_refund(self, refund_id: str) -> Refund:
        """One refund, as it stands now."""

        async def ask() -> Refund:
            found = _raw(await self._api.refunds.retrieve_async(refund_id, options=_READ))
            mapping.document(found).require("id", refund_id)
            return mapping.refund(found)

        return await self._call(f"read refund {refund_id}", ask)

    async def transfer(self, transfer_id: str) -> Transfer:
        """One transfer."""

        async def ask() -> Transfer:
            found = _raw(await self._api.transfers.retrieve_async(transfer_id, options=_READ))
            mapping.document(found).require("id", transfer_id)
            return mapping.transfer(found)

        return await self._call(f"read transfer {transfer_id}", ask)

    async def transfers_since(self, since: datetime) -> Sequence[Transfer]:
        """Every transfer created since a moment, newest first."""

        async def ask() -> Sequence[Transfer]:
            created: Any = {"gte": int(since.timestamp())}
            page = await self._api.transfers.list_async({"created": created, "limit": _PAGE}, _READ)
            return [mapping.transfer(item) async for item in _items(page)]

        return await self._call("list the transfers of a period", ask)

    async def balance_transaction(self, balance_transaction_id: str) -> BalanceTransaction:
        """One line of the ledger."""

        async def ask() -> BalanceTransaction:
            found = _raw(await self._api.balance_transactions.retrieve_async(balance_transaction_id, options=_READ))
            mapping.document(found).require("id", balance_transaction_id)
            return mapping.balance_transaction(found)

        return await self._call(f"read balance transaction {balance_transaction_id}", ask)

    async def close_payment(self, payment_id: str) -> Payment:
        """Expire the payment's open Checkout session, or cancel the payment intent where it has none."""

        async def ask() -> Payment:
            if payment_id.startswith(mapping.SESSION_PREFIX):
                options: Any = {"max_network_retries": 0}
                return mapping.session(
                    _raw(await self._api.checkout.sessions.expire_async(payment_id, options=options))
                )
            before = await self._payment(payment_id)
            if before.status in _CLOSED:
                return before
            sessions = await self._api.checkout.sessions.list_async({"payment_intent": payment_id}, _READ)
            open_ids = [
                session.text("id")
                for session in [mapping.document(item) async for item in _items(sessions)]
                if session.text_or_empty("status") == "open"
            ]
            once: Any = {"max_network_retries": 0}
            for session_id in open_ids:
                await self._api.checkout.sessions.expire_async(session_id, options=once)
            after = await self._payment(payment_id)
            if after.status in _CLOSED:
                return after
            # Expiring a session cancels its intent; an intent that is still open has to be cancelled itself.
            await self._api.payment_intents.cancel_async(payment_id, options=once)
            return await self._payment(payment_id)

        return await self._call(f"close payment {payment_id}", ask, moves_money=True)

    async def aclose(self) -> None:
        """Release connections."""
        await self._transport.close_async()

    async def _session(self, session_id: str) -> object:
        found = _raw(await self._api.checkout.sessions.retrieve_async(session_id, options=_READ))
        mapping.document(found).require("id", session_id)
        return found

    async def _intent_of(self, payment_id: str) -> str:
        """The payment intent meant by an id: itself, or the one of a Checkout session; empty while it has none."""
        if not payment_id.startswith(mapping.SESSION_PREFIX):
            return payment_id
        return mapping.intent_of(await self._session(payment_id))

    async def _payment(self, payment_id: str) -> Payment:
        if payment_id.startswith(mapping.SESSION_PREFIX):
            session = await self._session(payment_id)
            intent = mapping.intent_of(session)
            if not intent or mapping.is_expired_session(session):
                return mapping.session(session)
            return replace(await self._payment(intent), page=mapping.page(session))
        found = _raw(await self._api.payment_intents.retrieve_async(payment_id, {"expand": ["latest_charge"]}, _READ))
        mapping.document(found).require("id", payment_id)
        return mapping.payment(found)

    async def _call(self, action: str, ask: Callable[[], Awaitable[T]], *, moves_money: bool = False) -> T:
        """Run one call under its deadline; whatever goes wrong leaves as a `ProviderError`."""
        counting = attempts.set({})
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await ask()
        except TimeoutError:
            raise failures.too_slow(
                self.name, action, deadline_seconds=self._deadline_seconds, moves_money=moves_money
            ) from None
        except OddFieldError as error:
            raise failures.odd_answer(self.name, action, error.field, moves_money=moves_money) from None
        except stripe.StripeError as error:
            raise self._error(action, error, moves_money=moves_money) from None
        finally:
            attempts.reset(counting)

    def _error(self, action: str, error: stripe.StripeError, *, moves_money: bool) -> ProviderError:
        if isinstance(error.__cause__, TargetError):
            return ProviderError(error.__cause__.refusal)
        return failures.refused(
            self.name,
            action,
            status=error.http_status or 0,
            code=error.code or "",
            request_id=error.request_id or "",
            moves_money=moves_money,
        )


def _raw(found: object) -> object:
    """The backing data of an SDK object; an answer of another shape is no such object."""
    return found.to_dict() if isinstance(found, stripe.StripeObject) else None


async def _items(page: object) -> AsyncIterator[object]:
    """Every item of a list, page after page."""
    if not isinstance(page, stripe.ListObject):
        raise OddFieldError("data")
    async for item in page.auto_paging_iter():
        yield _raw(item)
