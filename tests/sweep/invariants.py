"""What must be true when everything has come to rest, read from the world's own ledger. Knows nothing of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sweep.world import AMOUNT_MINOR

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.sweep.world import World


def violations(world: World, *, escalated: Collection[str], verdict_is_pass: bool, crashed: bool) -> list[str]:
    """Every rule that was broken.

    Args:
        world: after the last life; time is moved on here until nothing more can happen.
        escalated: charges a person was told about.
        verdict_is_pass: whether the run would be called PASS.
        crashed: whether a process died on the way.
    """
    world.pass_time(100_000.0)
    broken = []
    if world.sent > 1:
        broken.append("a purchase was sent twice")
    if world.is_payable():
        broken.append("a link can still be paid")
    for charge in world.charges:
        refunds = world.refunds_of(charge.charge_id)
        returned = sum(refund.amount_minor for refund in refunds if world.status(refund) == "succeeded")
        if returned > AMOUNT_MINOR:
            broken.append("more was refunded than was charged")
        if returned < AMOUNT_MINOR and charge.charge_id not in escalated:
            broken.append("a charge was left unrefunded, and nobody was told")
    if verdict_is_pass and (crashed or len(world.charges) > 1):
        broken.append("a run that was recovered, or charged twice, is called PASS")
    return broken
