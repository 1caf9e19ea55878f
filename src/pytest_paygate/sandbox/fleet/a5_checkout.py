"""A5 sells credits: a checkout is made once for each key, at the server's price, and paid at the provider.

The request's amount must be the price; nothing a client sends sets it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pytest_paygate.sandbox.fleet.faults_probes import forgets, priced
from pytest_paygate.sandbox.fleet.provider import ProviderError
from pytest_paygate.sandbox.marketplace.answers import ApiError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.fleet.service import Fleet

CREDITS_MIN = 50
CREDITS_MAX = 100_000
CENTS_PER_CREDIT = 1
CURRENCY = "usd"
# What the log calls a payment that succeeded.
PAID = "payment_succeeded"
FAILED = "payment_failed"
_ADDED_MINOR = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """One checkout as a client asks for it. `amount_minor` is in US cents; an empty key never finds an earlier one."""

    account_id: str
    credits: int
    amount_minor: int
    key: str
    trace_id: str


async def create(fleet: Fleet, wanted: Wanted) -> dict[str, object]:
    """Make a checkout, or find the one made before under the same key.

    Returns:
        `session_id`, `payment_intent_id`, `url`.

    Raises:
        ApiError: 422 for another price than ours, 409 for a key of another request, 502 when the provider refuses.
    """
    if not CREDITS_MIN <= wanted.credits <= CREDITS_MAX:
        raise ApiError(422, "wrong_price", f"we sell {CREDITS_MIN} to {CREDITS_MAX} credits")
    wanted = priced(fleet, wanted, wanted.credits * CENTS_PER_CREDIT)
    async with fleet.pool.connection() as connection:
        if wanted.key:
            # A second request at the same moment waits here, and then finds the first one's checkout.
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (wanted.key,))
        before = await _made_before(connection, wanted)
        if before is not None and forgets(fleet):
            before, wanted = None, replace(wanted, key="")
        made = before or await _make(fleet, connection, wanted)
    if fleet.world.faults.active("fleet_log_before_commit"):
        event = str(fleet.world.faults.parameter("fleet_log_before_commit", "event", PAID))
        await fleet.log.write(event, wanted.trace_id, payment_intent_id=str(made["payment_intent_id"]))
    if fleet.world.faults.active("fleet_session_missing"):
        made["session_id"] = None
    if fleet.world.faults.active("fleet_session_of_another"):
        made["session_id"] = await _session_of_another(fleet)
    made["url"] = _address(fleet, str(made["url"]))
    if fleet.world.faults.active("fleet_answer_holds_key"):
        made["debug"] = {"authorization": f"Bearer {fleet.world.keys.stripe_secret}"}
    if fleet.world.faults.active("fleet_answer_masks_key"):
        made["debug"] = {"authorization": "Bearer sk_test_…4f2a", "card": "424242******4242"}
    if fleet.world.faults.active("fleet_checkout_told_otherwise"):
        made = {"amount": "0.55", "currency": "eur", "customer": None, **dict(reversed(list(made.items())))}
    return made


def _address(fleet: Fleet, url: str) -> str:
    """Where the buyer is sent to: the provider's page, that page with something added, or elsewhere by fault."""
    if fleet.world.faults.active("fleet_page_elsewhere"):
        return url.replace("127.0.0.1", "localhost")
    return f"{url}?locale=en#fid" if fleet.world.faults.active("fleet_page_decorated") else url


async def _session_of_another(fleet: Fleet) -> object:
    """The id of a checkout that is nobody's: made, and never to be paid."""
    trace_id = f"trace_{fleet.world.identifiers.token(24)}"
    return (await second_page(fleet, CREDITS_MIN * CENTS_PER_CREDIT, trace_id))["id"]


async def second_page(fleet: Fleet, amount_minor: int, trace_id: str) -> dict[str, object]:
    """One more page that can be paid, and that nobody is told of."""
    return await fleet.provider.create_session(
        f"a5_checkout_{fleet.world.identifiers.token(24)}",
        credits_bought=CREDITS_MIN,
        amount_minor=amount_minor,
        currency=CURRENCY,
        trace_id=trace_id,
        now_seconds=fleet.world.clock.now_seconds(),
    )


async def _made_before(connection: AsyncConnection, wanted: Wanted) -> dict[str, object] | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT session_id, payment_intent_id, url, account_id, credits FROM checkouts WHERE idempotency_key = %s",
            (wanted.key,),
        )
        found = await cursor.fetchone()
    if found is None:
        return None
    if (found.pop("account_id"), found.pop("credits")) != (wanted.account_id, wanted.credits):
        raise ApiError(409, "idempotency_key_reused", "this Idempotency-Key belongs to another checkout")
    return found


async def _make(fleet: Fleet, connection: AsyncConnection, wanted: Wanted) -> dict[str, object]:
    faults = fleet.world.faults
    amount = wanted.amount_minor
    if faults.active("fleet_wrong_amount"):
        amount += int(str(faults.parameter("fleet_wrong_amount", "added_minor", _ADDED_MINOR)))
    if faults.active("fleet_asks_more"):
        amount += 1
    if faults.active("fleet_amount_hundredfold"):
        amount *= 100
    try:
        ask = partial(
            fleet.provider.create_session,
            f"a5_checkout_{wanted.key or fleet.world.identifiers.token(24)}",
            credits_bought=wanted.credits,
            amount_minor=amount,
            currency="eur" if faults.active("fleet_wrong_currency") else CURRENCY,
            trace_id=wanted.trace_id,
            now_seconds=fleet.world.clock.now_seconds(),
        )
        session = await ask()
        if faults.active("fleet_checkout_asked_twice"):
            session = await ask()
        if faults.active("fleet_second_page"):
            await second_page(fleet, amount, wanted.trace_id)
    except ProviderError as failure:
        await fleet.log.write("checkout_failed", wanted.trace_id, level="error", reason=str(failure))
        raise ApiError(502, "provider_failed", "the payment provider made no checkout") from None
    made: dict[str, object] = {
        "session_id": session["id"],
        "payment_intent_id": session["payment_intent"],
        "url": session["url"],
    }
    await connection.execute(
        "INSERT INTO checkouts (session_id, payment_intent_id, url, idempotency_key, account_id, trace_id, credits,"
        " amount_minor, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *made.values(),
            wanted.key or None,
            wanted.account_id,
            wanted.trace_id,
            wanted.credits,
            wanted.amount_minor,
            fleet.now(),
        ),
    )
    return made
