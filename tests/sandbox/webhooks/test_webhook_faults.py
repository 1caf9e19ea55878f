"""The delivery faults: lost, delayed, duplicated, reordered, and the refund's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_paygate.sandbox import webhooks
from pytest_paygate.sandbox.faults import REGISTRY
from pytest_paygate.sandbox.webhooks.faults import plan_for

if TYPE_CHECKING:
    from pytest_paygate.sandbox.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_lost_webhook_never_arrives(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """A lost delivery is not sent and not retried; others of another type go through."""
    world.faults.set("webhook_lost", {"event_type": "payment_"})
    async with webhooks.background(world):
        await enqueue("evt_lost", event_type="payment_succeeded")
        await enqueue("evt_kept", event_type="refund_succeeded")
        rows = await settled()
    assert {row["event_id"]: row["status"] for row in rows} == {"evt_lost": "lost", "evt_kept": "delivered"}
    assert len(receiver.requests) == 1
    assert world.faults.report()["webhook_lost"]["fired"] == 1


async def test_refund_webhook_lost_spares_payments(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """The refund fault drops refund events of the processor only."""
    world.faults.set("refund_webhook_lost")
    async with webhooks.background(world):
        await enqueue("evt_paid", event_type="payment_succeeded")
        await enqueue("evt_refunded", event_type="refund_succeeded")
        rows = await settled()
    assert {row["event_id"]: row["status"] for row in rows} == {"evt_paid": "delivered", "evt_refunded": "lost"}
    assert len(receiver.requests) == 1


async def test_duplicated_webhook_arrives_twice(world: World, receiver: Any, enqueue: Any, settled: Any) -> None:
    """A duplicated delivery carries the same event id and bytes both times, and is not duplicated again."""
    world.faults.set("webhook_duplicated")
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(2)
        rows = await settled()
    assert receiver.bodies[0] == receiver.bodies[1]
    assert len(rows) == 2


async def test_reordered_webhook_is_overtaken(world: World, receiver: Any, enqueue: Any) -> None:
    """The held delivery arrives after the one queued later."""
    world.faults.set("webhook_reordered", {"event_type": "payment_", "seconds": 600})
    async with webhooks.background(world):
        await enqueue("evt_first", event_type="payment_succeeded")
        await enqueue("evt_second", event_type="refund_succeeded")
        await receiver.wait_for(2)
    assert [b"evt_second" in receiver.bodies[0], b"evt_first" in receiver.bodies[1]] == [True, True]


async def test_held_webhook_without_successor_still_arrives(world: World, receiver: Any, enqueue: Any) -> None:
    """Reordering never turns into loss: a lone delivery leaves when its hold is over."""
    world.faults.set("webhook_reordered", {"seconds": 0.05})
    async with webhooks.background(world):
        await enqueue("evt_1")
        await receiver.wait_for(1)


async def test_delayed_webhook_waits(world: World, receiver: Any, enqueue: Any) -> None:
    """A delayed delivery is overtaken by an undelayed one and arrives afterwards."""
    world.faults.set("webhook_delayed", {"event_type": "payment_", "seconds": 0.3})
    async with webhooks.background(world):
        await enqueue("evt_late", event_type="payment_succeeded")
        await enqueue("evt_now", event_type="refund_succeeded")
        await receiver.wait_for(2)
    assert [b"evt_now" in receiver.bodies[0], b"evt_late" in receiver.bodies[1]] == [True, True]


@pytest.mark.parametrize("seconds", [True, "soon", -1, 1e9, None])
async def test_nonsense_delay_falls_back_to_one_second(world: World, seconds: object) -> None:
    """A parameter that is not a sensible number of seconds cannot stall or crash the dispatcher."""
    world.faults.set("webhook_delayed", {"seconds": seconds})
    assert plan_for(world.faults, source="stripe", event_type="x").delay_seconds == 1.0


@pytest.mark.parametrize(("name", "row"), [("webhook_lost", "completed"), ("refund_webhook_lost", "reversal")])
async def test_faults_name_the_row_they_break(name: str, row: str) -> None:
    """Every harmful fault is registered with the row it must turn red."""
    assert REGISTRY[name].row == row
