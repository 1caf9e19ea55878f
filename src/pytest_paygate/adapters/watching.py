"""The loop of `paygate watch`: look at each endpoint at its times, and keep what was seen.

Rules:
- one request at a time for each endpoint; a look that takes too long costs the looks it overlaps, and the gap shows;
- a store that fails is told and tried again while looking goes on; what waits is bounded, and what is lost is told;
- keeping runs in a thread of its own, so that neither a slow disk nor a slow name server delays a look;
- ending is clean: looks in flight are given up, what waits is kept, and only then the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pytest_paygate.core.errors import SamplesError
from pytest_paygate.core.window import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from pytest_paygate.core.ports import Clock
    from pytest_paygate.core.samples import SampleSink

# About seven hours of eight endpoints every ten seconds.
WAITING_MAX: Final = 20_000
RETRY_SECONDS: Final = (1.0, 30.0)
_BATCH: Final = 500


class Prober(Protocol):
    """What looks at an endpoint."""

    async def look(self, url: str) -> tuple[int, float]:
        """Status (0 for no answer) and milliseconds."""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a watch ended: looks taken, and how many of them could not be kept."""

    taken: int
    lost: int


class Watch:
    """Looks at endpoints until it is told to end.

    Args:
        endpoints: name to URL.
        prober: takes one look.
        sink: keeps samples; used from one thread.
        clock: wall time for samples, steady time for the schedule.
        interval_seconds: between two looks at one endpoint.
        seen: told of every sample, at once.
        tell: told, in a sentence, of everything that goes wrong with keeping.
        waiting_max: how many samples may wait for a store that is down.
        retry_seconds: first and longest time between two tries.
    """

    def __init__(  # noqa: PLR0913 - independent parts, two with a default
        self,
        endpoints: Mapping[str, str],
        prober: Prober,
        sink: SampleSink,
        *,
        clock: Clock,
        interval_seconds: float,
        seen: Callable[[Sample], None],
        tell: Callable[[str], None],
        waiting_max: int = WAITING_MAX,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
    ) -> None:
        self._endpoints, self._prober, self._sink, self._clock = endpoints, prober, sink, clock
        self._interval_seconds, self._seen, self._tell = interval_seconds, seen, tell
        self._waiting: deque[Sample] = deque()
        self._waiting_max, self._retry_seconds = waiting_max, retry_seconds
        self._taken = self._lost = 0
        self._fresh = asyncio.Event()
        self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="paygate-samples")

    async def run(self, stop: asyncio.Event, *, for_seconds: float | None = None, once: bool = False) -> Watched:
        """Look until `stop` is set, the time is over, or each endpoint was looked at once."""
        keeping = asyncio.create_task(self._keep())
        try:
            if once:
                looks = [self._look(name) for name in self._endpoints]
            else:
                began = self._clock.elapsed_seconds()
                share = self._interval_seconds / max(len(self._endpoints), 1)
                looks = [self._look_on(name, began + share * index) for index, name in enumerate(self._endpoints)]
            await self._first_of([_all(looks), stop.wait(), _raised(keeping)], for_seconds)
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            await self._keep_the_rest()
            self._keeper.shutdown()
        return Watched(self._taken, self._lost)

    @staticmethod
    async def _first_of(awaited: Sequence[Coroutine[None, None, object]], timeout_seconds: float | None) -> None:
        """Wait until one has ended or the time is over, and give the others up; an error of any is raised."""
        tasks = [asyncio.create_task(one) for one in awaited]
        try:
            done, _ = await asyncio.wait(tasks, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            task.result()

    async def _look_on(self, name: str, first_seconds: float) -> None:
        """Look at one endpoint at its times; times that a slow look has missed are left out."""
        number = 0
        while True:
            due = first_seconds + number * self._interval_seconds
            # In pieces: after the machine has slept, the schedule is met again within seconds.
            while (left := due - self._clock.elapsed_seconds()) > 0:
                await self._clock.sleep(min(left, 5.0))
            await self._look(name)
            passed = self._clock.elapsed_seconds() - first_seconds
            number = max(number + 1, int(passed // self._interval_seconds) + 1)

    async def _look(self, name: str) -> None:
        at = self._clock.now()
        status, latency_ms = await self._prober.look(self._endpoints[name])
        sample = Sample(name, at, status, latency_ms)
        self._taken += 1
        self._waiting.append(sample)
        if len(self._waiting) > self._waiting_max:
            self._waiting.popleft()
            self._lost += 1
            if self._lost == 1 or self._lost % 1_000 == 0:
                self._tell(f"too many samples wait for the store: {self._lost} of the oldest are lost")
        self._fresh.set()
        self._seen(sample)

    async def _keep(self) -> None:
        """Keep what comes, for ever; after a failure wait longer and longer, and say when it is over."""
        first, longest = self._retry_seconds
        pause, failed = 0.0, 0
        while True:
            await self._fresh.wait()
            error = await self._kept()
            if error is None:
                if failed:
                    self._tell(f"the store is back after {failed} tries; what waited is kept")
                pause, failed = 0.0, 0
                if not self._waiting:
                    self._fresh.clear()
                continue
            failed += 1
            pause = min(max(pause * 2, first), longest)
            reason = f"{error.refusal.refused} ({error.refusal.observed})"
            self._tell(f"{reason}; {len(self._waiting)} samples wait, next try in {pause:g} s")
            await asyncio.sleep(pause)

    async def _kept(self) -> SamplesError | None:
        """Keep one batch; on failure everything still waits."""
        batch = [self._waiting[index] for index in range(min(len(self._waiting), _BATCH))]
        try:
            # Shielded: a batch that has begun is kept whole, also when the watch ends meanwhile.
            loop = asyncio.get_running_loop()
            writing = loop.run_in_executor(self._keeper, self._sink.append, batch)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                with contextlib.suppress(SamplesError):
                    await writing
                    self._drop(batch)
                raise
        except SamplesError as error:
            return error
        self._drop(batch)
        return None

    def _drop(self, batch: list[Sample]) -> None:
        """Forget what was kept, of which a full queue may have let go of some already."""
        for sample in batch:
            if self._waiting and self._waiting[0] is sample:
                self._waiting.popleft()

    async def _keep_the_rest(self) -> None:
        while self._waiting:
            error = await self._kept()
            if error is not None:
                self._lost += len(self._waiting)
                self._tell(f"{error.refusal.refused} ({error.refusal.observed}); {len(self._waiting)} samples are lost")
                self._waiting.clear()


async def _all(looks: Sequence[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for look in looks:
            group.create_task(look)


async def _raised(task: asyncio.Task[None]) -> None:
    """Wait for a task without ending it."""
    await asyncio.wait([task])
    task.result()
