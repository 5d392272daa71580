"""PostgreSQL with others at work: a person at the server, an engine that stops in the middle of a transaction."""

import asyncio
import time

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


async def test_a_deadlock_with_another_session_is_tried_again(url, clock):
    runs = 0

    async with Database(url, clock) as database:
        await database.write(lambda conn: COUNTERS.add(conn, "a"))
        await database.write(lambda conn: COUNTERS.add(conn, "b"))
        person = await asyncpg.connect(url)
        change = "UPDATE counters SET value = value + 10 WHERE name = $1"

        def both(conn):
            nonlocal runs
            runs += 1
            COUNTERS.add(conn, "a")
            COUNTERS.add(conn, "b")

        async with person.transaction():
            await person.execute(change, "b")
            writing = asyncio.create_task(database.write(both))
            while not await person.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            # they wait for each other now; the server ends the one that waits longer
            await person.execute(change, "a")
        await writing
        await person.close()
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
    took: list[float] = []

    def other_engine() -> None:
        async def write() -> None:
            async with Database(url, SystemClock()) as database:
                began = time.monotonic()
                await database.write(lambda conn: COUNTERS.add(conn, "n"))
                took.append(time.monotonic() - began)

        asyncio.run(write())

    def freezes(conn):
        COUNTERS.add(conn, "n", 100)
        asyncio.get_running_loop().run_in_executor(None, other_engine)
        # as a stopped process: nothing else of this engine runs meanwhile
        time.sleep(3)
        COUNTERS.add(conn, "n", 100)

    with pytest.raises(StorageUnreachable):
        await stuck.write(freezes)
    async with asyncio.timeout(60):
        while not took:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert took[0] < 3
    assert await stuck.read(lambda conn: COUNTERS.get(conn, "n")) == 1
    await stuck.close()
