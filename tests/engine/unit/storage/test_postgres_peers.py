"""PostgreSQL with others at work: a person at the server, an engine that stops in the middle of a transaction."""

import asyncio
import threading

import asyncpg
import pytest
import sqlalchemy as sa

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.errors import StorageBusy, StorageUnreachable
from home_sentry_engine.storage.postgres import PostgresStore
from home_sentry_engine.storage.repositories.meta import Counters

COUNTERS = Counters()


@pytest.fixture
async def url(postgres_server) -> str:
    return await postgres_server.migrated()


class Person(threading.Thread):
    """Somebody at the server, beside the loop: holds b, and wants a once an engine has it."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.holds, self.go, self.waits = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        asyncio.run(self._change())

    async def _change(self) -> None:
        person, other = await asyncpg.connect(self.url), await asyncpg.connect(self.url)
        change = "UPDATE counters SET value = value + 10 WHERE name = $1"
        # who looks for a deadlock is its victim: not this session
        await person.execute("SET deadlock_timeout = '1h'")
        async with person.transaction():
            await person.execute(change, "b")
            self.holds.set()
            await asyncio.to_thread(self.go.wait, 60)
            wanting = asyncio.create_task(person.execute(change, "a"))
            asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1"
            while not await other.fetchval(asked, person.get_server_pid()):  # noqa: ASYNC110 only the server knows
                await asyncio.sleep(0.01)
            self.waits.set()
            await wanting
        await person.close()
        await other.close()


async def test_a_deadlock_with_another_session_is_tried_again(url, clock):
    runs = 0
    person = Person(url)

    async with Database(url, clock) as database:
        await database.write(lambda conn: COUNTERS.add(conn, "a"))
        await database.write(lambda conn: COUNTERS.add(conn, "b"))

        def both(conn):
            nonlocal runs
            runs += 1
            COUNTERS.add(conn, "a")
            person.go.set()
            assert person.waits.wait(60)
            # from here on they wait for each other, and the server notices it at this end
            COUNTERS.add(conn, "b")

        person.start()
        assert await asyncio.to_thread(person.holds.wait, 60)
        await database.write(both)
        await asyncio.to_thread(person.join, 60)
        assert runs == 2
        assert await database.read(lambda conn: [COUNTERS.get(conn, name) for name in ("a", "b")]) == [12, 12]


async def test_a_conflict_that_stays_is_named(url, clock):
    def refused(conn):
        conn.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        conn.execute(sa.text("LOCK TABLE counters"))

    async with Database(url, clock) as database:
        person = await asyncpg.connect(url)
        async with person.transaction():
            await person.execute("LOCK TABLE counters")
            with pytest.raises(StorageBusy, match="in the way"):
                await database.write(refused)
        await person.close()
        await database.write(lambda conn: COUNTERS.add(conn, "n"))


async def test_an_engine_that_stops_in_the_middle_does_not_hold_up_the_others(url):
    stuck = PostgresStore(sa.make_url(url), SystemClock(), stuck_s=0.5)
    await stuck.open()
    written = threading.Event()
    in_time: list[bool] = []

    async def write() -> None:
        async with Database(url, SystemClock()) as database:
            await database.write(lambda conn: COUNTERS.add(conn, "n"))
        written.set()

    def freezes(conn):
        COUNTERS.add(conn, "n", 100)
        other_engine = threading.Thread(target=lambda: asyncio.run(write()))
        other_engine.start()
        # as a stopped process: nothing else of this engine runs until the other one got through
        in_time.append(written.wait(60))
        other_engine.join()
        COUNTERS.add(conn, "n", 100)

    with pytest.raises(StorageUnreachable):
        await stuck.write(freezes)
    assert in_time == [True]
    assert await stuck.read(lambda conn: COUNTERS.get(conn, "n")) == 1
    await stuck.close()
