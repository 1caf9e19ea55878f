"""Capacity logs in a folder, in PostgreSQL and in memory: one winner for the last unit, nothing believed that was cut."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from pytest_paygate.adapters import capacity_file
from pytest_paygate.adapters.capacity_memory import MemoryCapacity
from pytest_paygate.adapters.store_file import FileStore
from pytest_paygate.adapters.store_postgres import PostgresStore
from pytest_paygate.core import capacity_rules
from pytest_paygate.core.capacity_rules import CapacityRules
from pytest_paygate.core.errors import InterlockError, StoreError
from pytest_paygate.core.secret import Secret
from pytest_paygate.core.verdict import Verdict
from pytest_paygate.sandbox.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_paygate.core.capacity import Book
    from pytest_paygate.core.live_ports import CapacityLog

pytestmark = pytest.mark.asyncio(loop_scope="function")
NOW = datetime(2026, 11, 21, 9, 15, tzinfo=UTC)
RULES = CapacityRules(budget=25, pause_below=0, period=timedelta(days=30))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A real server."""
    with PostgresServer.start({"store": ""}) as running:
        yield running


@pytest.fixture(params=["file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where a log is: its kind, and the folder or DSN; a process of its own can open it again."""
    if request.param == "file":
        return "file", str(tmp_path / "live")
    dsn = request.getfixturevalue("server").dsn("store")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS paygate CASCADE")
    return "postgres", dsn


def opened(place: tuple[str, str]) -> CapacityLog:
    """The log at a place."""
    kind, where = place
    return (FileStore(Path(where)) if kind == "file" else PostgresStore(Secret(where))).capacity


async def granted(log: CapacityLog, units: int) -> Book:
    """A log with a grant."""
    return await log.change(
        "prod", lambda _: capacity_rules.grant(RULES, by="ann", reason="period", units=units, now=NOW), NOW
    )


async def taken(log: CapacityLog, run_id: str) -> bool:
    """Whether a run got a unit."""
    try:
        await log.change(
            "prod", lambda book: capacity_rules.take(book, RULES, run_id=run_id, gate_id="g", now=NOW), NOW
        )
    except InterlockError:
        return False
    return True


def racer(place: tuple[str, str], number: int, go: object, ended: object) -> None:
    """One of many processes that want the last unit at the same moment."""

    async def race() -> bool:
        log = opened(place)
        await log.read("prod")
        go.wait()
        return await taken(log, f"run-{number}")

    ended.put(asyncio.run(race()))


async def test_one_of_eight_processes_gets_the_last_unit(place):
    """Eight processes want the last unit at once: exactly one gets it, and the log says who."""
    log = opened(place)
    await granted(log, 2)
    assert await taken(log, "run-before")
    spawn = multiprocessing.get_context("spawn")
    go, ended = spawn.Event(), spawn.Queue()
    processes = [spawn.Process(target=racer, args=(place, number, go, ended)) for number in range(8)]
    for process in processes:
        process.start()
    await asyncio.sleep(4.0)
    go.set()
    answers = [await asyncio.to_thread(ended.get, timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(answers) == [False] * 7 + [True]
    book = await log.read("prod")
    assert (book.left, len(book.units), len(book.lines)) == (0, 2, 3)


async def test_whoever_decides_holds_the_log_until_the_line_is_in(place):
    """Two want the last unit, the first takes its time to decide: the second waits and is refused by the rules."""
    await granted(opened(place), 1)

    def slowly(run_id: str) -> bool:
        def decide(book):
            entry = capacity_rules.take(book, RULES, run_id=run_id, gate_id="g", now=NOW)
            time.sleep(0.5)
            return entry

        try:
            asyncio.run(opened(place).change("prod", decide, NOW))
        except InterlockError:
            return False
        return True

    answers = await asyncio.gather(asyncio.to_thread(slowly, "run-1"), asyncio.to_thread(slowly, "run-2"))
    assert sorted(answers) == [False, True]


async def test_a_log_is_the_same_for_whoever_opens_it_next(place):
    """Grant, charge, verdict and return are durable, and another environment has a log of its own."""
    log = opened(place)
    await granted(log, 6)
    await taken(log, "run-1")
    await log.change("prod", lambda book: capacity_rules.judged(book, "run-1", Verdict.PASS), NOW)
    await taken(log, "run-2")
    after = await log.change("prod", lambda book: capacity_rules.give_back(book, "run-2", "unsent"), NOW)
    assert await opened(place).read("prod") == after
    assert (after.left, after.units["run-2"].returned) == (5, True)
    assert (await log.read("staging")).grant is None


async def test_what_decides_against_a_line_adds_none(place):
    """A refusal, or nothing to add, leaves the log as it was."""
    log = opened(place)
    before = await granted(log, 1)
    assert await taken(log, "run-1")
    assert not await taken(log, "run-2")
    book = await log.change("prod", lambda _: None, NOW)
    assert len(book.lines) == len(before.lines) + 1


async def test_memory_keeps_the_same_rules():
    """The embedded world's log is folded by the same code and forgets everything with its process."""
    log = MemoryCapacity()
    await granted(log, 1)
    assert await taken(log, "run-1")
    assert not await taken(log, "run-2")
    assert (await log.read("prod")).left == 0
    assert (await MemoryCapacity().read("prod")).grant is None


async def used(tmp_path: Path, charges: int = 4) -> tuple[FileStore, Path]:
    """A log in files with some charges."""
    store = FileStore(tmp_path)
    await granted(store.capacity, 25)
    for number in range(charges):
        assert await taken(store.capacity, f"run-{number}")
    return store, tmp_path / "prod"


@pytest.mark.parametrize(
    "change",
    [
        lambda home: (home / "capacity.jsonl").write_bytes(
            b"".join((home / "capacity.jsonl").read_bytes().splitlines(keepends=True)[:2])
        ),
        lambda home: (home / "capacity.jsonl").write_bytes(b""),
        lambda home: (home / "capacity.jsonl").unlink(),
        lambda home: (home / "capacity.head").unlink(),
        lambda home: (home / "capacity.head").write_bytes(b"{}\n"),
        lambda home: (home / "capacity.head").write_bytes(
            (home / "capacity.head").read_bytes().replace(b'"count": 5', b'"count": 4')
        ),
        lambda home: (home / "capacity.jsonl").write_bytes(
            (home / "capacity.jsonl").read_bytes().replace(b'"units":25', b'"units":26')
        ),
        lambda home: (home / "capacity.jsonl").write_bytes((home / "capacity.jsonl").read_bytes() + b"{}\n"),
        lambda home: (home / "capacity.jsonl").write_bytes((home / "capacity.jsonl").read_bytes() + b'{"torn'),
        lambda home: (home / "capacity.jsonl").write_bytes(
            b"".join(reversed((home / "capacity.jsonl").read_bytes().splitlines(keepends=True)))
        ),
        lambda home: (home / "capacity.jsonl").write_bytes(b"\xff\xfe\n"),
    ],
    ids=["cut", "emptied", "gone", "headless", "odd-head", "other-count", "edited", "added", "torn", "turned", "noise"],
)
async def test_a_log_changed_by_hand_is_refused(tmp_path, change):
    """Cut, emptied, edited, added to or turned round: nothing is read of it, and nothing is taken."""
    store, home = await used(tmp_path)
    change(home)
    with pytest.raises(StoreError, match="cannot be trusted"):
        await store.capacity.read("prod")
    with pytest.raises(StoreError, match="cannot be trusted"):
        await taken(store.capacity, "run-more")


async def test_a_log_of_another_environment_is_refused(tmp_path):
    """Another environment's log in this one's place counts for nothing."""
    store, home = await used(tmp_path)
    home.rename(tmp_path / "staging")
    with pytest.raises(StoreError, match="cannot be trusted"):
        await store.capacity.read("staging")


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
async def test_a_crash_between_head_and_log_loses_no_line(tmp_path, kept):
    """A last line of which only a part reached the log counts, and is made whole by the next who writes."""
    store, home = await used(tmp_path)
    log = home / capacity_file.LOG
    *whole, last = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(whole) + last[:kept])
    assert (await store.capacity.read("prod")).left == 21
    assert await taken(store.capacity, "run-after")
    assert (await FileStore(tmp_path).capacity.read("prod")).left == 20
    assert json.loads((home / capacity_file.HEAD).read_bytes())["count"] == 6


def killed(folder: str, started: object) -> None:
    """Takes units as fast as it can until it is killed."""

    async def run() -> None:
        log = FileStore(Path(folder)).capacity
        started.set()
        for number in range(10_000):
            await taken(log, f"run-{os.getpid()}-{number}")

    asyncio.run(run())


async def test_a_killed_writer_leaves_a_log_that_is_believed(tmp_path):
    """SIGKILL at any moment of writing: the log is whole for the next, and counts every line that was answered."""
    log = FileStore(tmp_path).capacity
    rules = CapacityRules(budget=100_000, pause_below=0, period=timedelta(days=30))
    entry = capacity_rules.grant(rules, by="ann", reason="period", units=None, now=NOW)
    await log.change("prod", lambda _: entry, NOW)
    spawn = multiprocessing.get_context("spawn")
    for pause_seconds in (0.05, 0.11, 0.17):
        started = spawn.Event()
        process = spawn.Process(target=killed, args=(str(tmp_path), started))
        process.start()
        assert await asyncio.to_thread(started.wait, 30)
        await asyncio.sleep(pause_seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        book = await log.read("prod")
        assert book.left == 100_000 - len(book.units)
    assert await taken(log, "run-after")


async def test_a_held_lock_is_a_refusal(tmp_path, monkeypatch):
    """Whoever cannot get at the log in time has nothing left, and says so."""
    import fcntl

    store, home = await used(tmp_path, 1)
    monkeypatch.setattr(capacity_file, "WAIT_SECONDS", 0.1)
    with (home / capacity_file.LOCK).open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError) as refused:
            await taken(store.capacity, "run-2")
    assert "cannot be used, so nothing counts as left" in refused.value.refusal.refused


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM paygate.capacity WHERE seq = 3",
        "DELETE FROM paygate.capacity WHERE seq = 1",
        "DELETE FROM paygate.capacity",
        "DELETE FROM paygate.capacity_heads",
        "UPDATE paygate.capacity SET line = replace(line, '\"units\":25', '\"units\":26')",
        "UPDATE paygate.capacity SET environment = 'prod' WHERE environment = 'staging'",
        "UPDATE paygate.capacity_heads SET lines = 2",
    ],
)
async def test_a_table_changed_by_hand_is_refused(server, statement):
    """Rows cut, edited or brought from another environment, or another head: nothing is read, and nothing taken."""
    with psycopg.connect(server.dsn("store"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS paygate CASCADE")
        log = PostgresStore(Secret(server.dsn("store"))).capacity
        entry = capacity_rules.grant(RULES, by="ann", reason="period", units=25, now=NOW)
        for _ in range(6):
            await log.change("staging", lambda _: entry, NOW)
        await granted(log, 25)
        for number in range(3):
            assert await taken(log, f"run-{number}")
        if "environment = 'prod' WHERE" in statement:
            connection.execute("DELETE FROM paygate.capacity WHERE environment = 'prod'")
        connection.execute(statement)
    with pytest.raises(StoreError, match="cannot be trusted"):
        await log.read("prod")
    with pytest.raises(StoreError, match="cannot be trusted"):
        await taken(log, "run-more")


async def test_a_database_that_is_not_there_is_a_refusal_without_the_dsn():
    """The refusal of an unreachable log tells all five things and nothing of the DSN."""
    log = PostgresStore(Secret("postgresql://somebody:hunter2@127.0.0.1:9/none")).capacity
    with pytest.raises(StoreError) as refused:
        await log.read("prod")
    assert refused.value.refusal.text() == (
        "the shared capacity log cannot be asked, so nothing counts as left\n"
        "  expected  the database behind [store] dsn\n"
        "  observed  OperationalError\n"
        "  money     No money moved. How many charges were taken is not known.\n"
        "  next      Bring the database back, or correct [store] dsn."
    )
