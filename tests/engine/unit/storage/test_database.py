"""Writing, reading, group commit and failures of the SQLite store."""

import asyncio
from collections.abc import Awaitable, Callable
import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.errors import CorruptDatabase, StorageBusy, StorageClosed, StorageFull
from home_sentry_engine.storage.repositories.meta import Counters, Meta
from home_sentry_engine.storage.sqlite import SqliteStore
from tests.fakes.clock import FakeClock
from tests.fakes.patience import turns, until

META, COUNTERS = Meta(), Counters()


@pytest.fixture
def database(sqlite) -> Database:
    """These tests are about SQLite."""
    return sqlite


def counting(database: Database) -> list[int]:
    """Collect the size of each committed transaction, in works."""
    sizes: list[int] = []
    store = database._store
    deliver = store._deliver  # type: ignore[attr-defined]

    def noting(group):
        sizes.append(len(group.done))
        deliver(group)

    store._deliver = noting  # type: ignore[attr-defined]
    return sizes


async def test_what_was_written_is_read(database):
    await database.write(lambda conn: META.set(conn, "a", {"b": [1, None]}))
    assert await database.read(lambda conn: META.get(conn, "a")) == {"b": [1, None]}
    assert await database.read(lambda conn: META.get(conn, "missing")) is None


async def test_the_result_comes_after_the_commit(database, file):
    await database.write(lambda conn: META.set(conn, "a", 1))
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT value FROM meta WHERE key = 'a'").fetchone() == ("1",)
    other.close()


async def held(database: Database) -> tuple[asyncio.Task[bool], threading.Event]:
    """Keep the writer busy with one work until the event is set."""
    begun, hold = threading.Event(), threading.Event()

    def work(_conn) -> bool:
        begun.set()
        return hold.wait(60)

    first = asyncio.create_task(database.write(work))
    await until(begun.is_set)
    return first, hold


async def test_waiting_works_share_a_transaction(database):
    sizes = counting(database)
    first, hold = await held(database)
    others = [asyncio.create_task(database.write(lambda conn: COUNTERS.add(conn, "n"))) for _ in range(100)]
    await turns()
    hold.set()
    await asyncio.gather(first, *others)
    assert sizes == [1, 100]
    assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == 100


async def test_a_failing_work_is_undone_alone(database):
    first, hold = await held(database)

    def fails(conn):
        COUNTERS.add(conn, "n", 1000)
        raise LookupError("mine")

    def breaks_a_rule(conn):
        COUNTERS.add(conn, "n", 1000)
        conn.execute(sa.text("INSERT INTO media (id, camera_id) VALUES ('x', 'nobody')"))

    works = [lambda conn: COUNTERS.add(conn, "n"), fails, lambda conn: COUNTERS.add(conn, "n"), breaks_a_rule]
    tasks = [asyncio.create_task(database.write(work)) for work in works]
    await turns()
    hold.set()
    await first
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert done[0] is None
    assert done[2] is None
    assert isinstance(done[1], LookupError)
    assert isinstance(done[3], IntegrityError)
    assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == 2


async def test_an_error_that_a_future_cannot_carry_reaches_its_caller_all_the_same(database):
    def stops(conn):
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await database.write(stops)
    assert await database.write(lambda conn: 1) == 1


async def test_a_cancelled_work_that_has_not_begun_is_left_out(database):
    first, hold = await held(database)
    second = asyncio.create_task(database.write(lambda conn: COUNTERS.add(conn, "n")))
    await turns()
    second.cancel()
    await asyncio.sleep(0)
    hold.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await database.write(lambda conn: COUNTERS.get(conn, "n")) == 0


async def test_hooks_follow_the_commit_of_their_work_and_no_other(database, file):
    seen: list[object] = []

    def committed(name: str) -> None:
        with sqlite3.connect(file) as other:
            seen.append((name, other.execute("SELECT count(*) FROM meta").fetchone()[0]))
        other.close()

    def good(conn):
        META.set(conn, "a", 1)
        database.after_commit(conn, lambda: committed("good"))

    def bad(conn):
        database.after_commit(conn, lambda: committed("bad"))
        raise LookupError

    results = await asyncio.gather(database.write(good), database.write(bad), return_exceptions=True)
    assert isinstance(results[1], LookupError)
    assert seen == [("good", 1)]


async def test_a_failing_hook_harms_nobody(database, caplog):
    def work(conn):
        database.after_commit(conn, lambda: 1 / 0)
        return "done"

    assert await database.write(work) == "done"
    assert "What was to follow a commit failed" in caplog.text
    assert await database.write(lambda conn: 2) == 2


async def test_readers_see_a_snapshot_and_do_not_wait_for_the_writer(database):
    await database.write(lambda conn: META.set(conn, "a", 1))
    hold, entered = threading.Event(), threading.Event()

    def slow(conn):
        META.set(conn, "a", 2)
        entered.set()
        return hold.wait(60)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(entered.wait, 60)
    async with asyncio.timeout(50):
        assert await database.read(lambda conn: META.get(conn, "a")) == 1
    hold.set()
    assert await writing
    assert await database.read(lambda conn: META.get(conn, "a")) == 2


async def test_readers_cannot_write(database):
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        await database.read(lambda conn: META.set(conn, "a", 1))


async def test_a_closed_database_says_so(file, clock):
    database = Database(sqlite_url(file), clock)
    with pytest.raises(StorageClosed):
        await database.write(lambda conn: 1)
    async with database:
        assert await database.write(lambda conn: 1) == 1
    for use in (database.write, database.read):
        with pytest.raises(StorageClosed):
            await use(lambda conn: 1)


async def test_closing_commits_what_waits(file, clock):
    async with Database(sqlite_url(file), clock) as database:
        tasks = [asyncio.create_task(database.write(lambda conn: COUNTERS.add(conn, "n"))) for _ in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    async with Database(sqlite_url(file), clock) as database:
        assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == 50


async def test_two_databases_live_in_one_process(empty_file, tmp_path, clock):
    async with (
        Database(sqlite_url(tmp_path / "a.db"), clock) as one,
        Database(sqlite_url(tmp_path / "b.db"), clock) as two,
    ):
        await one.write(lambda conn: META.set(conn, "who", "one"))
        await two.write(lambda conn: META.set(conn, "who", "two"))
        assert await one.read(lambda conn: META.get(conn, "who")) == "one"


async def test_the_settings_of_the_connections_hold(database):
    def pragmas(conn):
        names = ("journal_mode", "synchronous", "foreign_keys", "query_only", "busy_timeout")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert await database.write(pragmas) == ["wal", 1, 1, 0, 5000]
    assert await database.read(pragmas) == ["wal", 1, 1, 1, 5000]


async def test_a_full_disk_is_named_and_heals_by_itself(database):
    def fill(conn):
        conn.exec_driver_sql("PRAGMA max_page_count=1")
        META.set(conn, "big", "x" * 500_000)

    waiting = asyncio.create_task(database.write(lambda conn: COUNTERS.add(conn, "n")))
    with pytest.raises(StorageFull):
        await database.write(fill)
    await asyncio.gather(waiting, return_exceptions=True)
    await database.write(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count=1000000").all())
    await database.write(lambda conn: META.set(conn, "big", "x" * 500_000))
    assert len(await database.read(lambda conn: META.get(conn, "big"))) == 500_000
    await database.check()


async def test_writes_wait_while_somebody_else_holds_the_database(file, clock):
    store = SqliteStore(file, clock, max_waiting=2)
    await store.open()
    other = sqlite3.connect(file, check_same_thread=False)
    other.isolation_level = None
    try:
        other.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(store.write(lambda conn: COUNTERS.add(conn, "n"))) for _ in range(2)]
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in waiting)
        with pytest.raises(StorageBusy, match="2 writes wait"):
            await store.write(lambda conn: 1)
        assert await store.read(lambda conn: COUNTERS.get(conn, "n")) == 0
        other.execute("COMMIT")
        await asyncio.gather(*waiting)
        assert await store.read(lambda conn: COUNTERS.get(conn, "n")) == 2
    finally:
        other.close()
        await store.close()


async def test_a_holder_that_never_lets_go_fails_the_writes_with_a_reason(file, clock, monkeypatch):
    monkeypatch.setattr("home_sentry_engine.storage.sqlite._BUSY_MS", 50)
    store = SqliteStore(file, clock, lock_wait_s=0)
    await store.open()
    other = sqlite3.connect(file)
    other.isolation_level = None
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy, match="another process"):
            await store.write(lambda conn: 1)
        other.execute("COMMIT")
        assert await store.write(lambda conn: 1) == 1
    finally:
        other.close()
        await store.close()


@pytest.mark.parametrize("damage", [b"", b"not a database at all, but long enough to be read as one" * 40])
async def test_a_file_that_is_no_database(tmp_path, clock, damage):
    file = tmp_path / "engine.db"
    file.write_bytes(damage)
    if not damage:
        async with Database(sqlite_url(file), clock) as database:
            await database.check()
        return
    with pytest.raises(CorruptDatabase):
        async with Database(sqlite_url(file), clock):
            pass
    assert file.read_bytes() == damage


async def test_check_finds_a_damaged_page(file, clock):
    async with Database(sqlite_url(file), clock) as database:
        await database.write(lambda conn: META.set(conn, "a", "x" * 20_000))
        await database.check()
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.seek(size - 3000)
        raw.write(b"\xff" * 2500)
        raw.seek(8192)
        raw.write(b"\xff" * 4096)
    with pytest.raises(CorruptDatabase):
        async with Database(sqlite_url(file), clock) as database:
            await database.check()


async def test_check_finds_rows_without_their_parent(file, clock):
    with sqlite3.connect(file) as raw:
        raw.execute("INSERT INTO transitions VALUES ('no event', 1, 'started', 0, 1, 'low', 'rules')")
    raw.close()
    async with Database(sqlite_url(file), clock) as database:
        with pytest.raises(CorruptDatabase, match="transitions"):
            await database.check()


async def test_the_size_grows_with_the_rows(database):
    before = await database.size_bytes()
    await database.write(lambda conn: META.set(conn, "a", "x" * 200_000))
    assert await database.size_bytes() >= before + 200_000


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_other_addresses_are_refused(url):
    with pytest.raises(ValueError, match="database"):
        Database(url, FakeClock())


async def test_twenty_readers_and_the_writer_never_meet_a_lock(database):
    writes = 300

    async def write() -> int:
        for _ in range(writes):
            await database.write(lambda conn: COUNTERS.add(conn, "n"))
        return writes

    assert await _read_beside(database, write) == await database.read(lambda conn: COUNTERS.get(conn, "n")) == writes


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_twenty_readers_and_the_writer_never_meet_a_lock_for_ten_minutes(database):
    end = time.monotonic() + 600

    async def write() -> int:
        writes = 0
        while time.monotonic() < end:
            await database.write(lambda conn: COUNTERS.add(conn, "n"))
            writes += 1
        return writes

    written = await _read_beside(database, write)
    assert written > 1000
    assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == written


async def _read_beside(database: Database, write: Callable[[], Awaitable[int]]) -> int:
    """Have twenty tasks read without a pause until all is written; gives how many writes that was."""
    done = asyncio.Event()
    reads = 0

    async def read() -> None:
        nonlocal reads
        while not done.is_set():
            assert await database.read(lambda conn: COUNTERS.get(conn, "n")) >= 0
            reads += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(read())
        written = await write()
        done.set()
    assert reads > 20
    return written
