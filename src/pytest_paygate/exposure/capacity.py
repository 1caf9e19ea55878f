"""The capacity of one environment as a run uses it: where it stands, one unit taken, given back, or judged.

Owns the meeting of the rules in `core.capacity_rules` with a log and a clock; decides nothing of its own.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_paygate.core import capacity_rules
from pytest_paygate.core import exposure_events as ex
from pytest_paygate.core.capacity import check_witness, hash_of
from pytest_paygate.core.capacity_rules import CONDITION, Standing
from pytest_paygate.core.errors import NOTHING_MOVED, InterlockError, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.core.capacity import Book, CapacityEntry, Witness
    from pytest_paygate.core.capacity_rules import CapacityRules
    from pytest_paygate.core.live_ports import CapacityLog
    from pytest_paygate.core.verdict import Verdict


class Capacity:
    """One environment's capacity. Everything of it raises `StoreError` when the log cannot be read or believed.

    Args:
        make_log: opens the logs of the store, on first use.
        environment: whose capacity.
        rules: what its settings say; None where they say nothing, and then nothing can be taken.
        witness: what the newest run here has journalled of the log, asked once; None where no run has.
    """

    def __init__(
        self,
        make_log: Callable[[], CapacityLog],
        environment: str,
        rules: CapacityRules | None,
        witness: Callable[[], Witness | None] = lambda: None,
    ) -> None:
        self._witness = functools.cache(witness)
        self._make_log = make_log
        self._environment = environment
        self._rules = rules

    async def standing(self) -> Standing:
        """Where the capacity stands now: units left, pause, override, and why none may be taken."""
        if self._rules is None:
            refusal = f"no [env.{self._environment}.capacity] is written"
            return Standing(self._environment, 0, 0, 0, 0, "", None, None, refusal)
        return capacity_rules.standing(await self.book(), self._rules, datetime.now(UTC))

    async def book(self) -> Book:
        """The whole log, folded, and no shorter or other one than the newest run here has counted in."""
        return self._held(await self._make_log().read(self._environment))

    async def take(self, run_id: str, gate_id: str) -> ex.CapacityTaken:
        """Take one unit for a run, durably, while nobody else can take it.

        Raises:
            InterlockError: when none may be taken.
        """
        rules, now = self._rules, datetime.now(UTC)
        if rules is None:
            raise _unwritten((await self.standing()).refusal)
        used: list[str] = []

        def decide(book: Book) -> CapacityEntry:
            entry = capacity_rules.take(self._held(book), rules, run_id=run_id, gate_id=gate_id, now=now)
            if entry.override_seq is not None and book.override is not None:
                used.append(book.override.by)
            return entry

        after = await self._make_log().change(self._environment, decide, now)
        return ex.CapacityTaken(
            line=len(after.lines) - 1,
            line_sha256=after.head,
            log_sha256=hash_of(after, 0),
            left=after.left,
            override_by=used[0] if used else "",
        )

    def _held(self, book: Book) -> Book:
        witness = self._witness()
        if witness is not None:
            check_witness(book, witness)
        return book

    async def give_back(self, run_id: str, reason: str) -> ex.CapacityReturned:
        """Give a run's unit back; for whoever knows that nothing can have been sent."""
        after = await self._make_log().change(
            self._environment, lambda book: capacity_rules.give_back(book, run_id, reason), datetime.now(UTC)
        )
        return ex.CapacityReturned(left=after.left, reason=reason)

    async def judge(self, run_id: str, verdict: Verdict) -> Book:
        """Note the verdict of a run that took a unit; noting it again changes nothing."""
        return await self._make_log().change(
            self._environment, lambda book: capacity_rules.judged(book, run_id, verdict), datetime.now(UTC)
        )


def _unwritten(observed: str) -> InterlockError:
    return InterlockError(
        (CONDITION,),
        Refusal(
            refused=f"interlock: no money moves, because of {CONDITION}",
            expected="a capacity for this environment in paygate.toml, because the gate asks for one",
            observed=observed,
            money=f"{NOTHING_MOVED} The purchase was not sent.",
            next_step="Write budget, pause_below and period; see docs/reference/paygate-toml.md.",
        ),
    )
