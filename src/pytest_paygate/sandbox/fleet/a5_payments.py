"""What follows a checkout at A5: the provider's webhook, credits once, the log entry after the commit, the refund.

The provider's word is taken on its signature only. Credits and the event that brought them are committed together, so
that a webhook delivered twice grants once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pytest_paygate.sandbox.fleet.a5_checkout import CURRENCY, FAILED, PAID
from pytest_paygate.sandbox.fleet.faults_probes import verify_webhook
from pytest_paygate.sandbox.fleet.provider import ProviderError
from pytest_paygate.sandbox.marketplace.answers import ApiError, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from psycopg import AsyncConnection

    from pytest_paygate.sandbox.faults import Faults
    from pytest_paygate.sandbox.fleet.service import Fleet

_LATE_SECONDS = 1.0


async def receive(fleet: Fleet, body: bytes, signature: str) -> str:
    """Take one webhook.

    Returns:
        What was done: `accepted`, `duplicate` or `ignored`.

    Raises:
        ApiError: 401 for a bad signature or time, 400 for a body that is no event.
    """
    verify_webhook(fleet.world, signature, body)
    event_id, event_type, subject = _parse(body)
    if event_type == "checkout.session.completed":
        return await _paid(fleet, event_id, subject)
    if event_type == "charge.refunded":
        return await _refunded(fleet, event_id, subject)
    if event_type == "refund.failed":
        return await _refund_failed(fleet, event_id, subject)
    return "ignored"


async def refund(fleet: Fleet, payment_intent_id: str, trace_id: str) -> dict[str, object]:
    """Give a payment back in full at the provider; asked again, it answers with the same refund.

    Returns:
        `refund_id`, `status` (the provider's), `amount` in minor units, `currency`, `payment_intent_id`.

    Raises:
        ApiError: 404 for a payment that is not ours, 409 for one the provider does not refund, 422 by fault, 502 when
            the provider does not answer: nobody knows then whether it was refunded.
    """
    faults = fleet.world.faults
    async with fleet.pool.connection() as connection:
        checkout = await _checkout(connection, payment_intent_id)
    if checkout is None:
        raise ApiError(404, "not_found", "there is no such payment")
    if faults.active("fleet_refund_refused"):
        raise ApiError(422, "refund_refused", "this payment is not refunded")
    short = None
    if faults.active("fleet_refund_partial"):
        short = checkout["amount_minor"] - int(str(faults.parameter("fleet_refund_partial", "short_minor", 1)))
    try:
        made = await fleet.provider.refund(payment_intent_id, checkout["trace_id"], amount_minor=short)
    except ProviderError as failure:
        await fleet.log.write("refund_refused", checkout["trace_id"], level="error", reason=str(failure))
        if failure.final:
            raise ApiError(409, "not_refundable", f"the provider refused: {failure.code or failure.status}") from None
        raise ApiError(502, "provider_failed", "the provider did not answer; ask again") from None
    await fleet.log.write(
        "refund_accepted", checkout["trace_id"], payment_intent_id=payment_intent_id, refund_id=str(made["id"])
    )
    if trace_id != checkout["trace_id"]:
        await fleet.log.write("refund_asked_under_another_trace", trace_id, payment_intent_id=payment_intent_id)
    refund_id = made["id"]
    if faults.active("fleet_refund_misnamed"):
        refund_id = fleet.world.identifiers.make("re", 24)
    answer: dict[str, object] = {
        "refund_id": refund_id,
        "status": made["status"],
        "amount": made["amount"] if short is None else checkout["amount_minor"],
        "currency": str(made["currency"]).upper(),
        "payment_intent_id": payment_intent_id,
    }
    if faults.active("fleet_refund_told_otherwise"):
        return {"requested_at": fleet.now().isoformat(), "refunds": [], **dict(reversed(answer.items()))}
    return answer


def _parse(body: bytes) -> tuple[str, str, dict[str, Any]]:
    event = parse_object(body)
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    event_id, event_type = event.get("id"), event.get("type")
    if not isinstance(subject, dict) or not isinstance(event_id, str) or not isinstance(event_type, str):
        raise ApiError(400, "malformed_webhook", "the webhook has no id, type or object")
    return event_id, event_type, subject


async def _checkout(connection: AsyncConnection, payment_intent_id: str) -> dict[str, Any] | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SELECT * FROM checkouts WHERE payment_intent_id = %s FOR UPDATE", (payment_intent_id,))
        return await cursor.fetchone()


async def _is_new(fleet: Fleet, connection: AsyncConnection, event_id: str, event_type: str) -> bool:
    # A second delivery at the same moment waits here for the first one's commit.
    cursor = await connection.execute(
        "INSERT INTO webhook_events VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (event_id, event_type, fleet.now())
    )
    return cursor.rowcount == 1


async def _paid(fleet: Fleet, event_id: str, session: Mapping[str, Any]) -> str:
    async with fleet.pool.connection() as connection:
        if not await _is_new(fleet, connection, event_id, "checkout.session.completed"):
            return "duplicate"
        checkout = await _checkout(connection, str(session.get("payment_intent")))
        if checkout is None or checkout["paid_at"] is not None or session.get("payment_status") != "paid":
            return "ignored"
        await connection.execute(
            "UPDATE checkouts SET status = CASE status WHEN 'open' THEN 'paid' ELSE status END, paid_at = %s"
            " WHERE session_id = %s",
            (fleet.now(), checkout["session_id"]),
        )
        # A refund that has overtaken its purchase leaves nothing to credit; paid it was all the same.
        if checkout["status"] == "open":
            await _credit(fleet, connection, checkout, "purchase", checkout["credits"])
    # Only now is it true.
    await _log_payment(fleet, checkout, session)
    return "accepted"


async def _log_payment(fleet: Fleet, checkout: Mapping[str, Any], session: Mapping[str, Any]) -> None:
    faults = fleet.world.faults
    trace_id = str(checkout["trace_id"])
    if faults.active("fleet_charges_twice"):
        await fleet.provider.charge_again(checkout["payment_intent_id"], trace_id)
    if faults.active("fleet_charges_untraced"):
        await fleet.provider.charge_again(checkout["payment_intent_id"], "")
    if faults.active("fleet_charges_renamed"):
        await fleet.provider.charge_again(checkout["payment_intent_id"], f"{trace_id}-retry")
    is_told = faults.parameter("fleet_log_before_commit", "event", PAID) == PAID
    if faults.active("fleet_log_missing") or (is_told and faults.active("fleet_log_before_commit")):
        return
    words = _words(faults)
    traces = _traces(fleet, trace_id)
    more = _more_fields(faults)
    at = fleet.now()

    async def write(wait_seconds: float) -> None:
        await asyncio.sleep(wait_seconds)
        for word in words:
            for trace in traces:
                await write_one(word, trace)

    async def write_one(word: str, trace: str) -> None:
        told: dict[str, str | int | None] = {
            "payment_intent_id": checkout["payment_intent_id"],
            "session_id": checkout["session_id"],
            "amount_minor": int(session.get("amount_total") or 0),
            "currency": str(session.get("currency") or CURRENCY).upper(),
            "credits": checkout["credits"],
        }
        spoiled = _spoiled(faults, told) | more
        await fleet.log.write(word, trace, level="info", at=at, **spoiled)

    if faults.active("fleet_log_late"):
        fleet.later(write(float(str(faults.parameter("fleet_log_late", "seconds", _LATE_SECONDS)))))
    else:
        await write(0)


def _spoiled(faults: Faults, told: dict[str, str | int | None]) -> dict[str, str | int | None]:
    """What the entry of a payment tells of it: what was paid, something else, or nothing."""
    if faults.active("fleet_log_tells_less"):
        return {}
    if faults.active("fleet_log_amount_other"):
        told["amount_minor"] = int(told["amount_minor"] or 0) * 100
    if faults.active("fleet_log_payment_other"):
        told["payment_intent_id"] = "pi_somebodyElses0000000000"
    return told


def _words(faults: Faults) -> list[str]:
    """What the log says has become of the payment, entry by entry."""
    if faults.active("fleet_log_says_failed"):
        return [PAID, FAILED]
    if faults.active("fleet_log_failed_before"):
        return [FAILED, PAID]
    return [PAID, PAID] if faults.active("fleet_log_twice") else [PAID]


def _traces(fleet: Fleet, trace_id: str) -> list[str]:
    faults = fleet.world.faults
    if not faults.active("fleet_log_other_trace"):
        return [trace_id]
    other = fleet.world.identifiers.make("trace", 20)
    return [other, trace_id] if faults.parameter("fleet_log_other_trace", "also", default=False) else [other]


def _more_fields(faults: Faults) -> dict[str, str]:
    """A card's number, or what may be said of it."""
    if faults.active("fleet_log_holds_card"):
        return {"card": "4242 4242 4242 4242"}
    return {"card": "424242******4242"} if faults.active("fleet_log_masks_card") else {}


async def _refunded(fleet: Fleet, event_id: str, charge: Mapping[str, Any]) -> str:
    async with fleet.pool.connection() as connection:
        if not await _is_new(fleet, connection, event_id, "charge.refunded"):
            return "duplicate"
        checkout = await _checkout(connection, str(charge.get("payment_intent")))
        if checkout is None or checkout["status"] == "refunded":
            return "ignored"
        if charge.get("refunded") is True:
            await connection.execute(
                "UPDATE checkouts SET status = 'refunded', refunded_at = %s WHERE session_id = %s",
                (fleet.now(), checkout["session_id"]),
            )
            # A refund can overtake its purchase: what was never credited is not taken away either.
            if checkout["status"] == "paid":
                await _credit(fleet, connection, checkout, "refund", -checkout["credits"])
    faults = fleet.world.faults
    if faults.active("fleet_refund_unheard"):
        return "accepted"
    if faults.active("fleet_refund_heard_late"):
        fleet.later(_tell_refund(fleet, checkout, charge, faults.seconds("fleet_refund_heard_late", _LATE_SECONDS)))
    else:
        await _tell_refund(fleet, checkout, charge, 0.0)
    if faults.active("fleet_refund_heard_failed"):
        await fleet.log.write("refund_failed", checkout["trace_id"], level="error")
    return "accepted"


async def _tell_refund(
    fleet: Fleet, checkout: Mapping[str, Any], charge: Mapping[str, Any], wait_seconds: float | None
) -> None:
    await asyncio.sleep(wait_seconds or 0.0)
    await fleet.log.write(
        "payment_refunded" if charge.get("refunded") is True else "payment_partly_refunded",
        checkout["trace_id"],
        payment_intent_id=checkout["payment_intent_id"],
        amount_minor=int(charge.get("amount_refunded") or 0),
        currency=str(charge.get("currency") or CURRENCY).upper(),
    )


async def _refund_failed(fleet: Fleet, event_id: str, failed: Mapping[str, Any]) -> str:
    async with fleet.pool.connection() as connection:
        if not await _is_new(fleet, connection, event_id, "refund.failed"):
            return "duplicate"
        checkout = await _checkout(connection, str(failed.get("payment_intent")))
    if checkout is None:
        return "ignored"
    await fleet.log.write("refund_failed", checkout["trace_id"], level="error", refund_id=str(failed.get("id")))
    return "accepted"


async def _credit(
    fleet: Fleet, connection: AsyncConnection, checkout: Mapping[str, Any], kind: str, amount: int
) -> None:
    entry = (checkout["payment_intent_id"], kind, checkout["account_id"], amount, fleet.now())
    await connection.execute("INSERT INTO credit_entries VALUES (%s, %s, %s, %s, %s)", entry)
    await connection.execute(
        "UPDATE accounts SET credits = credits + %s WHERE id = %s", (amount, checkout["account_id"])
    )
