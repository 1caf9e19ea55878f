"""Clean runs: nothing is broken, and a few harmless things happen at once, drawn from a seed.

Owns what may happen at once. The same seed gives the same runs, so that a red one can be made again.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.faults.catalogue import ENTRIES
from tests.faults.entry import E2E, MICROCHARGE, Planted, twin
from tests.faults.runs import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST, MOST = 2, 5
# A run of e2e takes twice the time of one of microcharge.
_TURNS = (E2E, MICROCHARGE, MICROCHARGE)
_EVENTS = {E2E: ("payment_", "refund_", ""), MICROCHARGE: ("payment_intent", "charge", "")}


def clean_runs(seed: int, count: int) -> list[Job]:
    """As many runs, of the gates in turn, each with 2 to 5 harmless things planted.

    Whatever the catalogue calls harmless happens in one of them at least, where the runs are enough for that.

    Args:
        seed: any number; it decides everything that is drawn.
        count: how many runs.
    """
    gates = [_TURNS[number % len(_TURNS)] for number in range(count)]
    planted = {gate: iter(drawn(gate, seed, gates.count(gate))) for gate in set(gates)}
    return [
        Job(gate, next(planted[gate]), is_fault=False, label=f"{seed}/{number}") for number, gate in enumerate(gates)
    ]


def drawn(gate: str, seed: int, count: int) -> list[tuple[Planted, ...]]:
    """What happens in each run of a gate; never the same thing twice in one."""
    chance = random.Random(f"{seed}/{gate}")
    runs: list[dict[str, Planted]] = [{} for _ in range(count)]
    twins = _of_twins(gate)
    for one in chance.sample(twins, len(twins)):
        free = [run for run in runs if one.name not in run and len(run) < MOST]
        if free:
            min(free, key=len)[one.name] = one
    for run in runs:
        weather = [one for one in _of_weather(gate, chance) if one.name not in run]
        few = max(0, chance.randint(LEAST, MOST) - len(run))
        run.update((one.name, one) for one in chance.sample(weather, min(few, len(weather))))
    return [tuple(run.values()) for run in runs]


def _of_twins(gate: str) -> Sequence[Planted]:
    """Whatever the catalogue calls harmless for this gate."""
    return list(dict.fromkeys(one for entry in ENTRIES if entry.gate == gate for one in entry.twins))


def _of_weather(gate: str, chance: random.Random) -> Sequence[Planted]:
    """What happens on any day, each time a little different."""
    seconds = round(chance.uniform(0.05, 1.0), 2)
    events = chance.choice(_EVENTS[gate])
    webhooks = [
        twin("webhook_delayed", seconds=seconds, event_type=events),
        twin("webhook_reordered", seconds=seconds, event_type=events),
        twin("webhook_duplicated", event_type=events),
    ]
    if gate == E2E:
        return [
            *webhooks,
            twin("slow_answers", seconds=round(chance.uniform(0.02, 0.2), 2)),
            twin("orders_unwell", times=chance.randint(1, 4)),
            twin("database_slow", seconds=round(chance.uniform(0.1, 0.8), 2)),
            twin("provider_unwell", times=chance.randint(1, 2)),
        ]
    return [
        *webhooks,
        twin("fleet_log_late", seconds=round(chance.uniform(0.1, 2.0), 2)),
        twin("fleet_answers_late", app=chance.choice(("a1", "a3", "a5", "a6", "a8")), seconds=round(seconds / 4, 2)),
        twin("fleet_database_slow", seconds=round(chance.uniform(0.1, 0.8), 2)),
        twin("provider_unwell", times=chance.randint(1, 2)),
    ]
