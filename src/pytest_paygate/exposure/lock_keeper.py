"""Keeping the environment's lock while a run lasts: a thread that renews the lease whatever the event loop is doing.

Between two rows, inside a synchronous row and at a debugger's prompt no event loop runs, but the lease must go on. A
lease that has lapsed once is lost for good: whoever slept that long sends nothing.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pytest_paygate.core.live_ports import Lease, LiveStore

T = TypeVar("T")
LEASE_SECONDS = 30.0


class LockKeeper:
    """The lock of one run, kept by a thread of its own.

    Args:
        make_store: makes the store, inside the thread's event loop, which is the only one that uses it.
        lease_seconds: how long the lock stays ours without a renewal.
    """

    def __init__(self, make_store: Callable[[], LiveStore], lease_seconds: float = LEASE_SECONDS) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="paygate-lock", daemon=True)
        self._make_store = make_store
        self._lease_seconds = lease_seconds
        self._renewing: asyncio.Task[None] | None = None
        self.lease: Lease | None = None
        self.lost = False
        self._thread.start()
        self.store = self._now(self._made())

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one call of the store in the thread that owns it.

        Raises:
            StoreError: when the store cannot be asked.
        """
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def take(self, environment: str, holder: str) -> Lease:
        """Take the lock and keep it from now on.

        Raises:
            StoreError: when somebody else has it.
        """
        self.lease = await self.call(self.store.take_lock(environment, holder, self._lease_seconds))
        await self.call(self._start_renewing(self.lease))
        return self.lease

    async def holds(self) -> bool:
        """Whether the lock is still ours, asked of the store at this very moment."""
        if self.lease is None or self.lost:
            return False
        return await self.call(self.store.holds(self.lease))

    def close(self) -> None:
        """Give the lock back and end the thread."""
        try:
            self._now(self._ended())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=self._lease_seconds)
            if not self._thread.is_alive():
                self._loop.close()

    def _now(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _made(self) -> LiveStore:
        return self._make_store()

    async def _start_renewing(self, lease: Lease) -> None:
        self._renewing = asyncio.get_running_loop().create_task(self._renew(lease))

    async def _renew(self, lease: Lease) -> None:
        while not self.lost:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                self.lost = not await self.store.renew(lease)
            except Exception:  # noqa: BLE001 - a store that fails is a lock that is not certain any more
                self.lost = True

    async def _ended(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        try:
            if self.lease is not None:
                await self.store.release(self.lease)
        finally:
            self.lease = None
            await self.store.aclose()
