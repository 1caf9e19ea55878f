"""Keeping the lock: taken in a thread of its own, renewed whatever the run is doing, lost for good, given back at the end."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.core.errors import Refusal, StoreError
from pytest_paygate.exposure import lock_keeper
from pytest_paygate.exposure.lock_keeper import LockKeeper

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_paygate.core.live_ports import Lease

# A thread that does not end would be waited for without end.
pytestmark = [pytest.mark.asyncio(loop_scope="function"), pytest.mark.timeout(8, method="signal")]
GONE = StoreError(Refusal("the store is gone", "", "", "", ""))
REAL_SLEEP = asyncio.sleep


class Watched(FileStore):
    """A real store that counts what it is asked, can fail, and says what it was made in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.thread = threading.current_thread()
        self.loop = asyncio.get_running_loop()
        self.asked: list[str] = []
        self.failing: set[str] = set()
        self.renewed = threading.Semaphore(0)
        self.renewals: list[object] = []
        self.answer: bool | None = None
        self.is_renewing = False
        self.given_back: list[object] = []

    def _asked(self, what: str) -> None:
        assert threading.current_thread() is self.thread
        self.asked.append(what)
        if what in self.failing:
            raise GONE

    async def renew(self, lease: Lease) -> bool:
        """Count, then renew."""
        self.renewals.append(lease)
        self.renewed.release()
        self._asked("renew")
        if self.answer is not None:
            return self.answer
        self.is_renewing = True
        try:
            return await super().renew(lease)
        finally:
            self.is_renewing = False

    async def holds(self, lease: Lease) -> bool:
        """Count, then look; a renewal looks too, and does not count."""
        if not self.is_renewing:
            self._asked("holds")
        return await super().holds(lease)

    async def release(self, lease: Lease) -> None:
        """Count, then give back."""
        self.given_back.append(lease)
        self._asked("release")
        await super().release(lease)

    async def aclose(self) -> None:
        """Count, then close."""
        self._asked("aclose")
        await super().aclose()


@pytest.fixture
def slept(monkeypatch):
    """How long the keeper sleeps between renewals; it is let sleep for a thousandth of a second."""
    given: list[float] = []

    async def sleep(seconds: float) -> None:
        given.append(seconds)
        await REAL_SLEEP(0.001)

    monkeypatch.setattr(lock_keeper.asyncio, "sleep", sleep)
    return given


@pytest.fixture
def keeper(tmp_path, slept):
    """A keeper over a store in a folder, with a lease of six seconds."""
    made = LockKeeper(lambda: Watched(tmp_path), 6.0)
    yield made
    if not made._loop.is_closed():
        made.store.failing.clear()
        closing = threading.Thread(target=made.close, daemon=True)
        closing.start()
        closing.join(5)


def waited(keeper: LockKeeper, renewals: int) -> None:
    """Hold this thread, and with it the event loop of the run, until the lock was renewed so often."""
    for _ in range(renewals):
        assert keeper.store.renewed.acquire(timeout=5)


async def test_the_store_lives_in_a_thread_of_its_own(keeper):
    """Store and event loop belong to a daemon thread with a name; what is called runs there, and its answer comes back."""
    thread = keeper.store.thread
    assert (thread.name, thread.daemon, thread is threading.current_thread()) == ("paygate-lock", True, False)
    assert keeper.store.loop is not asyncio.get_running_loop()
    assert keeper.store.loop is keeper._loop
    assert list(await keeper.call(keeper.store.exposures("prod"))) == []


async def test_nothing_is_held_before_it_is_taken(keeper):
    """Without a lease the store is not even asked; nothing is lost either."""
    assert keeper.lease is None
    assert keeper.lost is False
    assert await keeper.holds() is False
    assert keeper.store.asked == []


async def test_a_lock_that_is_taken_is_held(keeper, tmp_path):
    """The lease is the store's, for the seconds the keeper was given; whether it holds is asked of the store each time."""
    lease = await keeper.take("prod", "run-1")
    assert lease is keeper.lease
    assert (lease.environment, lease.holder, lease.fence, lease.seconds) == ("prod", "run-1", 1, 6.0)
    assert await keeper.holds() is True
    assert await keeper.holds() is True
    assert keeper.store.asked.count("holds") == 2
    with pytest.raises(StoreError, match="prod is in use"):
        await FileStore(tmp_path).take_lock("prod", "run-2", 6.0)


async def test_a_lease_lasts_half_a_minute_unless_said(tmp_path):
    """Thirty seconds is how long a lock outlives a run that sleeps."""
    keeper = LockKeeper(lambda: Watched(tmp_path))
    lease = await keeper.take("prod", "run-1")
    keeper.close()
    assert lease.seconds == lock_keeper.LEASE_SECONDS == 30.0


async def test_the_lease_goes_on_while_the_run_is_busy(keeper, slept):
    """Every third of a lease it is renewed, first after a third, whatever holds the run's own event loop."""
    lease = await keeper.take("prod", "run-1")
    waited(keeper, 4)
    assert keeper.lost is False
    assert keeper.store.renewals[:3] == [lease] * 3
    assert set(slept) == {2.0}
    assert len(slept) >= len(keeper.store.renewals)
    assert await keeper.holds() is True


@pytest.mark.parametrize("how", ["lapsed", "failed", "odd"])
async def test_a_lock_that_was_lost_once_is_lost_for_good(keeper, how):
    """A renewal that is refused, or a store that cannot be asked for it, ends it: never renewed again, never held again."""
    await keeper.take("prod", "run-1")
    waited(keeper, 1)
    if how == "lapsed":
        keeper.store.answer = False
    elif how == "failed":
        keeper.store.failing.add("renew")
    else:
        keeper.store.renew = None
    until = time.monotonic() + 5
    while not keeper.lost and time.monotonic() < until:
        await REAL_SLEEP(0.001)
    assert keeper.lost is True
    renewals = len(keeper.store.renewals)
    assert await keeper.holds() is False
    assert "holds" not in keeper.store.asked
    await REAL_SLEEP(0.02)
    assert len(keeper.store.renewals) == renewals


async def test_closing_gives_the_lock_back_and_ends_the_thread(keeper, tmp_path):
    """Lock and store are given back, then the thread is gone; the next run can take the lock."""
    lease = await keeper.take("prod", "run-1")
    waited(keeper, 1)
    keeper.close()
    assert keeper.store.given_back == [lease]
    assert [what for what in keeper.store.asked if what != "renew"] == ["release", "aclose"]
    assert keeper.store.asked[-2:] == ["release", "aclose"]
    assert keeper.lease is None
    assert keeper.lost is False
    assert not keeper.store.thread.is_alive()
    assert keeper._loop.is_closed()
    next_one = FileStore(tmp_path)
    assert (await next_one.take_lock("prod", "run-2", 6.0)).fence == 2
    await next_one.aclose()


async def test_a_renewal_under_way_ends_before_the_lock_is_given_back(keeper):
    """A lock that was given back is never renewed: the renewal is called off, and its end waited for."""
    store = keeper.store

    async def renew(_lease: Lease) -> bool:
        store.renewed.release()
        try:
            await asyncio.Event().wait()
        finally:
            await REAL_SLEEP(0.01)
            store.asked.append("renewal called off")
        return True

    store.renew = renew
    await keeper.take("prod", "run-1")
    waited(keeper, 1)
    keeper.close()
    assert store.asked == ["renewal called off", "release", "aclose"]


async def test_a_keeper_without_a_lock_can_be_closed(keeper):
    """Where nothing was taken nothing is given back; the store is closed."""
    keeper.close()
    assert keeper.store.asked == ["aclose"]
    assert not keeper.store.thread.is_alive()


@pytest.mark.parametrize(("failing", "asked"), [("release", ["release", "aclose"]), ("aclose", ["release", "aclose"])])
async def test_a_store_that_fails_at_the_end_is_told_and_left(keeper, failing, asked):
    """What cannot be given back is an error; store and thread end all the same, and no lease is left."""
    await keeper.take("prod", "run-1")
    keeper.store.failing.add(failing)
    with pytest.raises(StoreError):
        keeper.close()
    assert [what for what in keeper.store.asked if what != "renew"] == asked
    assert keeper.lease is None
    assert not keeper.store.thread.is_alive()
    assert keeper._loop.is_closed()
    keeper.store._close()


async def test_a_thread_that_hangs_is_waited_for_as_long_as_a_lease(keeper):
    """After the time of a lease the run goes on without the thread, whose loop is left alone."""
    thread = keeper._thread
    given: list[object] = []

    class Hanging:
        """A thread that has not ended when its time is over."""

        def join(self, timeout: float) -> None:
            """Wait."""
            given.append(timeout)
            thread.join(5)

        def is_alive(self) -> bool:
            """It hangs."""
            return True

    keeper._thread = Hanging()
    keeper.close()
    assert given == [6.0]
    assert not keeper._loop.is_closed()
    keeper._loop.close()


async def test_a_lock_that_somebody_holds_is_not_taken(keeper, tmp_path):
    """The refusal of the store is the keeper's; it has no lease then, and renews nothing."""
    other = FileStore(tmp_path)
    await other.take_lock("prod", "run-0", 6.0)
    with pytest.raises(StoreError, match="prod is in use"):
        await keeper.take("prod", "run-1")
    assert keeper.lease is None
    assert await keeper.holds() is False
    keeper.close()
    assert keeper.store.asked == ["aclose"]
    await other.aclose()
