"""What live runs share, in a folder and in PostgreSQL: one holder, one use of an approval, nothing forgotten."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.adapters.store_postgres import PostgresStore
from pytest_paygate.core.errors import StoreError
from pytest_paygate.core.live_ports import ApprovalUse, ExposureRecord
from pytest_paygate.core.money import Money
from pytest_paygate.core.secret import Secret
from pytest_paygate.sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_paygate.core.live_ports import LiveStore

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
USE = ApprovalUse("0" * 32, "prod", "e2e", "abc", "run-1", NOW)
EXPOSURE = ExposureRecord("run-1", "prod", "e2e", "E2E-1795262400-abcd", Money(500, "EUR"), NOW)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A real server."""
    with PostgresServer.start({"store": ""}) as running:
        yield running


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where a store is: its kind, and the folder or DSN; a process of its own can make it again."""
    if request.param == "file":
        return "file", str(tmp_path / "live")
    server: PostgresServer = request.getfixturevalue("server")
    dsn = server.dsn("store")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS paygate CASCADE")
    return "postgres", dsn


def made(place: tuple[str, str]) -> LiveStore:
    """The store at a place."""
    from pathlib import Path

    kind, where = place
    return FileStore(Path(where)) if kind == "file" else PostgresStore(Secret(where))


def racer(place: tuple[str, str], what: str, together: object, won: object) -> None:
    """One of many processes that want the same thing at the same moment, and keep what they got until all have tried."""

    async def race() -> bool:
        store = made(place)
        await store.exposures("prod")
        together.wait(200)
        try:
            if what == "consume":
                return await store.consume(USE)
            await store.take_lock("prod", str(os.getpid()), 60.0)
        except StoreError:
            return False
        else:
            return True
        finally:
            together.wait(200)

    won.put(asyncio.run(race()))


@pytest.mark.parametrize("what", ["consume", "lock"])
async def test_one_of_sixteen_processes_wins(place, what):
    """Sixteen processes want one approval, or one lock, at once: exactly one gets it."""
    spawn = multiprocessing.get_context("spawn")
    together, won = spawn.Barrier(16), spawn.Queue()
    processes = [spawn.Process(target=racer, args=(place, what, together, won)) for _ in range(16)]
    for process in processes:
        process.start()
    results = [won.get(timeout=240) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(results) == [False] * 15 + [True]


async def test_a_lock_has_one_holder_and_a_growing_fence(place):
    """While one holds it, another is refused by name; once given back, the next fence is higher."""
    first, second = made(place), made(place)
    lease = await first.take_lock("prod", "run-1 here", 30.0)
    with pytest.raises(StoreError) as refused:
        await second.take_lock("prod", "run-2 there", 30.0)
    assert "run-1 here" in refused.value.refusal.observed
    assert await first.holds(lease)
    assert await first.renew(lease)
    await first.release(lease)
    again = await second.take_lock("prod", "run-2 there", 30.0)
    assert again.fence == lease.fence + 1
    assert not await first.holds(lease)
    await first.aclose()
    await second.aclose()


async def test_a_lease_that_has_lapsed_is_lost_for_good(place):
    """Past its lease a holder neither holds nor can renew."""
    store = made(place)
    lease = await store.take_lock("prod", "run-1", 0.2)
    await asyncio.sleep(0.4)
    assert not await store.holds(lease)
    assert not await store.renew(lease)
    assert not await store.holds(lease)
    await store.aclose()


def sleeper(place: tuple[str, str], taken: object, answers: object) -> None:
    """Takes the lock, is stopped, and says whether it still holds it when it goes on."""

    async def hold() -> None:
        store = made(place)
        lease = await store.take_lock("prod", "the sleeper", 1.0)
        taken.set()
        os.kill(os.getpid(), signal.SIGSTOP)
        answers.put(await store.holds(lease))
        answers.put(await store.renew(lease))

    asyncio.run(hold())


async def test_who_was_stopped_past_the_lease_holds_nothing(place):
    """SIGSTOP past the lease, then SIGCONT: the process finds that the lock is not its own any more."""
    spawn = multiprocessing.get_context("spawn")
    taken, answers = spawn.Event(), spawn.Queue()
    process = spawn.Process(target=sleeper, args=(place, taken, answers))
    process.start()
    assert taken.wait(30)
    await asyncio.sleep(1.5)
    os.kill(process.pid, signal.SIGCONT)
    assert answers.get(timeout=30) is False
    assert answers.get(timeout=30) is False
    process.join(30)


async def test_an_approval_is_used_once(place):
    """The second use of one nonce is refused, in another store too, and the first is on record."""
    store, other = made(place), made(place)
    assert await store.consume(USE)
    assert not await store.consume(USE)
    assert not await other.consume(USE)
    assert list(await store.uses("prod", "e2e", "abc")) == [USE]
    assert list(await store.uses("prod", "e2e", "other")) == []
    await store.aclose()
    await other.aclose()


async def test_an_exposure_is_open_until_it_is_settled(place):
    """What was opened is there for everybody until somebody notes that it is settled; noting it twice changes nothing."""
    store, other = made(place), made(place)
    await store.open_exposure(EXPOSURE)
    assert list(await other.exposures("prod")) == [EXPOSURE]
    await other.aclose()
    assert list(await store.exposures("other")) == []
    with pytest.raises(StoreError):
        await store.open_exposure(EXPOSURE)
    for second in (1, 2):
        await store.settle_exposure("prod", "run-1", NOW.replace(second=second))
    (record,) = await store.exposures("prod")
    assert record.settled_at == NOW.replace(second=1)
    await store.aclose()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run_id":1}', b'{"run_id":"a","run_id":"b"}'])
async def test_a_damaged_file_is_a_refusal(tmp_path, content):
    """A note that cannot be read is never taken for nothing noted."""
    store = FileStore(tmp_path)
    await store.open_exposure(EXPOSURE)
    (tmp_path / "prod" / "exposure-run-2.open.json").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be trusted"):
        await store.exposures("prod")


async def test_a_foreign_lock_file_is_a_refusal(tmp_path):
    """A lock file that its holder did not write is not overwritten."""
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "lock").write_text("mine\n")
    with pytest.raises(StoreError, match="cannot be trusted"):
        await FileStore(tmp_path).take_lock("prod", "run-1", 30.0)
    assert (tmp_path / "prod" / "lock").read_text() == "mine\n"


async def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path):
    """Where nothing can be noted, nothing is done."""
    (tmp_path / "prod").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot be used"):
        await FileStore(tmp_path).consume(USE)


async def test_a_cut_connection_is_a_refusal_and_the_next_call_connects_again(server):
    """A connection that the server ended is told, never taken for an answer."""
    store = PostgresStore(Secret(server.dsn("store")))
    await store.exposures("prod")
    with psycopg.connect(server.dsn("store"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(StoreError):
        await store.exposures("prod")
    await store.exposures("prod")
    await store.aclose()


async def test_a_database_that_is_not_there_is_a_refusal_without_the_dsn():
    """The refusal of an unreachable store tells all five things and nothing of the DSN."""
    store = PostgresStore(Secret("postgresql://somebody:hunter2@127.0.0.1:9/none"))
    with pytest.raises(StoreError) as refused:
        await store.exposures("prod")
    assert refused.value.refusal.text() == (
        "the shared store of live runs cannot be asked, so no money moves\n"
        "  expected  the database behind [store] dsn\n"
        "  observed  OperationalError\n"
        "  money     No money moved. Whether another machine has something open is not known.\n"
        "  next      Bring the database back, or correct [store] dsn; `paygate orphans` needs neither."
    )


async def test_the_lock_file_says_who(tmp_path):
    """Whoever looks at the lock file finds its holder, process and fence."""
    store = FileStore(tmp_path)
    await store.take_lock("prod", "run-1 here", 30.0)
    told = json.loads((tmp_path / "prod" / "lock").read_text())
    assert (told["holder"], told["pid"], told["fence"]) == ("run-1 here", os.getpid(), 1)
    await store.aclose()
