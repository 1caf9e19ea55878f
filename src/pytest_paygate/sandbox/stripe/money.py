"""The one place where money moves: a balance transaction and its ledger rows, written together.

Owns fees, settlement and availability. Everything that changes the balance goes through `move`, under one lock, so
that two concurrent movements cannot both be paid from the same funds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from pytest_paygate.sandbox.stripe import currencies, faults, microcharge_faults, storage

if TYPE_CHECKING:
    from pytest_paygate.sandbox.stripe.context import Call, Json

FEE_SHARE = Decimal("0.029")
FEE_FIXED_MINOR = 30
SETTLES_AFTER_SECONDS = 2 * 24 * 60 * 60
# A new platform account starts with this much available, so that a refund has something to draw on.
OPENING_AVAILABLE_MINOR = 1_000_000
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('stripe.balance'))"


class Kind(Enum):
    """What moved: the balance transaction's type, its reporting category, and the sign it has in our balance."""

    CHARGE = ("charge", "charge", "charge", 1)
    REFUND = ("refund", "refund", "refund", -1)
    REFUND_FAILURE = ("refund_failure", "refund_failure", "refund_failure", 1)
    TRANSFER = ("transfer", "transfer", "transfer", -1)
    TRANSFER_REVERSAL = ("transfer_reversal", "transfer_refund", "transfer_reversal", 1)

    def __init__(self, ledger: str, type_: str, category: str, sign: int) -> None:
        self.ledger = ledger
        self.type = type_
        self.category = category
        self.sign = sign


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement, in the currency the payer or receiver sees. `amount_minor` is positive; `kind` has the sign."""

    kind: Kind
    amount_minor: int
    currency: str
    source: str
    description: str | None = None
    payment_intent: str | None = None
    charge: str | None = None
    metadata: dict[str, str] | None = None
    available_on: int | None = None


async def lock_balance(call: Call) -> None:
    """Hold the balance until the unit of work ends; taken last, after the rows of the objects concerned."""
    await call.connection.execute(_LOCK)


async def available_minor(call: Call, currency: str) -> int:
    """Funds of one settlement currency that can be spent now, in its minor units."""
    cursor = await call.connection.execute(
        "SELECT coalesce(sum((body->>'net')::bigint), 0) FROM stripe.objects WHERE object = 'balance_transaction'"
        " AND livemode = %s AND body->>'currency' = %s AND (body->>'available_on')::bigint <= %s",
        (call.livemode, currency, call.now()),
    )
    found = await cursor.fetchone()
    return OPENING_AVAILABLE_MINOR + (int(found[0]) if found else 0)


async def pending_minor(call: Call, currency: str) -> int:
    """Funds of one settlement currency on their way, in its minor units."""
    cursor = await call.connection.execute(
        "SELECT coalesce(sum((body->>'net')::bigint), 0) FROM stripe.objects WHERE object = 'balance_transaction'"
        " AND livemode = %s AND body->>'currency' = %s AND (body->>'available_on')::bigint > %s",
        (call.livemode, currency, call.now()),
    )
    found = await cursor.fetchone()
    return int(found[0]) if found else 0


def fee_minor(amount_minor: int) -> int:
    """2.9 % and 30 minor units of the settlement currency, half a unit rounded up."""
    return int((amount_minor * FEE_SHARE).quantize(Decimal(1), ROUND_HALF_UP)) + FEE_FIXED_MINOR


async def move(call: Call, movement: Movement) -> Json:
    """Post one movement; return its balance transaction."""
    settlement = call.world.settled_in(movement.currency)
    settled = currencies.converted(movement.amount_minor, movement.currency, settlement) * movement.kind.sign
    # Only a charge costs a fee; no refund returns it.
    fee = 0
    if movement.kind is Kind.CHARGE:
        fee = fee_minor(settled) + int(call.world.faults.active(faults.FEE_HIGHER))
        if call.world.faults.active(faults.FEE_TENFOLD) or call.world.faults.active(microcharge_faults.FEE_TENFOLD):
            fee *= 10
    same = movement.currency == settlement
    now = call.now()
    posted: Json = {
        "id": call.new_id("txn"),
        "object": "balance_transaction",
        "amount": settled,
        "available_on": now if movement.available_on is None else movement.available_on,
        "balance_type": "payments",
        "created": now,
        "currency": settlement,
        "description": movement.description,
        "exchange_rate": None if same else float(currencies.rate(movement.currency, settlement)),
        "fee": fee,
        "fee_details": _fee_details(fee, settlement),
        "net": settled - fee,
        "reporting_category": movement.kind.category,
        "source": movement.source,
        "status": "pending",
        "type": movement.kind.type,
    }
    await storage.insert(call, posted)
    await _record(call, movement, movement.kind.ledger, movement.amount_minor, movement.currency, settled, posted["id"])
    if fee:
        await _record(call, movement, "fee", fee, settlement, -fee, posted["id"])
    return posted


def _fee_details(fee: int, currency: str) -> list[Json]:
    if not fee:
        return []
    return [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]


async def _record(  # noqa: PLR0913, PLR0917 - the columns of one ledger row
    call: Call, movement: Movement, kind: str, amount: int, currency: str, settled: int, transaction: str
) -> None:
    await call.connection.execute(
        "INSERT INTO stripe.ledger (at, kind, amount_minor, currency, object_id, payment_intent, charge, livemode,"
        " metadata, signed_settled_minor, settlement_currency, balance_transaction)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            call.world.clock.now_utc(),
            kind,
            amount,
            currency,
            movement.source,
            movement.payment_intent,
            movement.charge,
            call.livemode,
            Jsonb(movement.metadata or {}),
            settled,
            call.world.settled_in(movement.currency),
            transaction,
        ),
    )
