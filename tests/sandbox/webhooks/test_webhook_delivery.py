"""Delivery over real HTTP: signed bytes, retries, restarts, transactions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.webhooks import dispatcher as dispatching
from pytest_paygate.sandbox.webhooks import queue, signing

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "whsec_receiver"


async def test_raw_bytes_arrive_signed(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """The receiver gets exactly the queued bytes and a signature over them."""
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(1)
        rows = await settled()
    headers, body = receiver.requests[0]
    assert body == b'{"event_id":"evt_1","event_type":"payment_succeeded"}'
    assert headers["x-webhook-signature-512"] == signing.hyperswitch_signature(body, SECRET)
    assert [(row["status"], row["attempts"]) for row in rows] == [("delivered", 1)]


async def test_queued_before_start_is_delivered(world: World, receiver: Any, enqueue: Any) -> None:
    """What was committed while no dispatcher ran goes out when one starts."""
    await enqueue("evt_1")
    async with webhooks.background(world):
        await receiver.wait_for(1)


async def test_rolled_back_event_is_never_sent(world: World, receiver: Any, enqueue: Any) -> None:
    """A delivery exists only if the caller's transaction commits."""
    async with webhooks.background(world):
        async with world.provider_pool.connection() as connection:
            await webhooks.enqueue(
                connection,
                source="hyperswitch",
                endpoint_id="we_1",
                url=receiver.url,
                scheme="hyperswitch",
                secret=SECRET,
                event_id="evt_gone",
                body=b"{}",
                now=0.0,
            )
            await connection.rollback()
        await enqueue("evt_kept")
        await receiver.wait_for(1)
    assert [row["event_id"] for row in await webhooks.deliveries(world)] == ["evt_kept"]


async def test_everything_but_2xx_is_retried(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """3xx, 4xx and 5xx are failures; redirects are not followed; the first 2xx ends the retries."""
    receiver.answers[:] = [302, 400, 500, 204]
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(4)
        rows = await settled()
    assert (rows[0]["status"], rows[0]["attempts"], len(receiver.requests)) == ("delivered", 4, 4)
    async with world.provider_pool.connection() as connection:
        tries = await webhooks.attempts_of(connection, "evt_1")
    assert [one["status_code"] for one in tries] == [302, 400, 500, 204]


async def test_every_stripe_attempt_has_a_fresh_signature(world: World, receiver: Any, enqueue: Any) -> None:
    """A retry is signed with its own time; the signature made for the first attempt is not sent again."""
    receiver.answers[:] = [500, 500]
    async with webhooks.background(world):
        await enqueue("evt_1", scheme="stripe")
        await receiver.wait_for(1)
        world.clock.advance(400)
        await receiver.wait_for(3)
    sent = [headers["stripe-signature"] for headers, _ in receiver.requests]
    assert sent[0] != sent[2]
    signing.verify_stripe(sent[2], receiver.bodies[2], [SECRET], world.clock.now())
    with pytest.raises(signing.SignatureError, match="tolerance"):
        signing.verify_stripe(sent[0], receiver.bodies[0], [SECRET], world.clock.now())


async def test_unreachable_receiver_is_retried_until_it_is_back(world: World, receiver: Any) -> None:
    """A refused connection counts as a failed attempt and the delivery stays queued."""
    async with world.provider_pool.connection() as connection:
        await webhooks.enqueue(
            connection,
            source="hyperswitch",
            endpoint_id="we_1",
            url="http://127.0.0.1:9/closed",
            scheme="hyperswitch",
            secret=SECRET,
            event_id="evt_1",
            body=b"{}",
            now=0.0,
        )
    async with webhooks.background(world):
        await _until(world, lambda row: row["attempts"] >= 2)
        async with world.provider_pool.connection() as connection:
            await connection.execute("UPDATE webhooks.deliveries SET url = %s", (receiver.url,))
        await receiver.wait_for(1)


async def test_delivery_survives_a_restart(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """A dispatcher that ends mid-way leaves the rest to the next one, half-sent deliveries included."""
    receiver.answers[:] = [503] * 2
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(1)
    await enqueue("evt_2")
    claimed = await queue.claim(world, 10)
    assert claimed, "a row is left in the state a killed process leaves it in"
    async with webhooks.background(world):
        rows = await settled()
    assert {row["event_id"]: row["status"] for row in rows} == {"evt_1": "delivered", "evt_2": "delivered"}


async def test_retries_end_after_sixteen_attempts(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """An endpoint that never accepts is given up on, and the delivery says so."""
    world.delays_seconds["webhooks.first_retry"] = 0.0
    receiver.answers[:] = [500] * 40
    async with webhooks.background(world):
        await enqueue("evt_1")
        rows = await settled()
    assert (rows[0]["status"], rows[0]["attempts"], len(receiver.requests)) == ("exhausted", 16, 16)


async def test_back_off_doubles_up_to_its_cap(world: World) -> None:
    """Retries wait 0.2, 0.4, 0.8 … and never more than 30 s, sixteen attempts in all."""
    world.delays_seconds.pop("webhooks.first_retry")
    waits = [dispatching.Dispatcher(world, None)._retry_seconds(made) for made in range(1, 17)]  # type: ignore[arg-type]
    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert waits[8:15] == [30.0] * 7
    assert waits[15] is None


async def test_many_deliveries_all_arrive(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """More deliveries at once than places in flight: none is forgotten and none is sent twice."""
    async with webhooks.background(world):
        await asyncio.gather(*(enqueue(f"evt_{number}") for number in range(60)))
        await receiver.wait_for(60)
        await settled()
    assert len(receiver.bodies) == len(set(receiver.bodies)) == 60


async def test_lost_listener_comes_back(world: World, receiver: Any, enqueue: Any) -> None:
    """When PostgreSQL drops the listening connection, later events are still delivered at once."""
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(1)
        async with world.provider_pool.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        await enqueue("evt_2")
        await receiver.wait_for(2)


async def test_redelivery_sends_the_same_event_again(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """An event can be re-driven by its id; an unknown id is reported, not invented."""
    async with webhooks.background(world):
        await enqueue("evt_1")
        await settled()
        async with world.provider_pool.connection() as connection:
            assert await webhooks.redeliver(connection, "evt_1")
            assert not await webhooks.redeliver(connection, "evt_unknown")
        await receiver.wait_for(2)
    assert receiver.bodies[0] == receiver.bodies[1]


@pytest.mark.parametrize(("field", "value"), [("url", "file:///etc/passwd"), ("scheme", "none")])
async def test_impossible_delivery_is_refused(world: World, field: str, value: str) -> None:
    """A delivery nobody could make is refused when it is queued, not found out later."""
    facts = {"url": "http://127.0.0.1:9/x", "scheme": "stripe"} | {field: value}
    async with world.provider_pool.connection() as connection:
        with pytest.raises(ValueError, match=value.partition(":")[0]):
            await webhooks.enqueue(
                connection, source="stripe", endpoint_id="we", secret="s", event_id="e", body=b"{}", now=0.0, **facts
            )


async def _until(world: World, holds: Any) -> None:
    async with asyncio.timeout(20):
        while not any(holds(row) for row in await webhooks.deliveries(world)):  # noqa: ASYNC110 - a row has no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"type": null}', b'{"type": "a\\u0000b"}'])
async def test_bytes_are_delivered_whatever_they_mean(world: World, receiver: Any, body: bytes) -> None:
    """The engine sends bytes; a body without a readable type is sent all the same."""
    async with world.provider_pool.connection() as connection:
        await webhooks.enqueue(
            connection,
            source="hyperswitch",
            endpoint_id="we_1",
            url=receiver.url,
            scheme="hyperswitch",
            secret=SECRET,
            event_id="evt_1",
            body=body,
            now=0.0,
        )
    async with webhooks.background(world):
        webhooks.wake(world)
        await receiver.wait_for(1)
    webhooks.wake(world)
    assert receiver.bodies == [body]


async def test_long_answer_is_cut(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """A receiver that answers with a flood is heard as far as a few kilobytes, NULs and broken UTF-8 included."""
    receiver.text = b"\x00\xff" + b"x" * 1_000_000
    async with webhooks.background(world):
        await enqueue("evt_1")
        await settled()
    async with world.provider_pool.connection() as connection:
        (attempt,) = await webhooks.attempts_of(connection, "evt_1")
    assert attempt["status_code"] == 200
    assert len(attempt["response_body"]) <= 4096


async def test_failing_acknowledgement_does_not_stop_deliveries(
    world: World, receiver: Any, settled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """If the sender cannot count a delivery down, that is logged and the next delivery goes out."""
    for number in range(2):
        async with world.provider_pool.connection() as connection:
            # There are no Stripe tables in this database, so counting down must fail.
            await webhooks.enqueue(
                connection,
                source="stripe",
                endpoint_id="we_1",
                url=receiver.url,
                scheme="stripe",
                secret=SECRET,
                event_id=f"evt_{number}",
                body=b"{}",
                now=0.0,
            )
    async with webhooks.background(world):
        await receiver.wait_for(2)
        rows = await settled()
        async with asyncio.timeout(20):
            while caplog.text.count("a webhook delivery broke down") < 2:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.005)
    assert [row["status"] for row in rows] == ["delivered", "delivered"]
