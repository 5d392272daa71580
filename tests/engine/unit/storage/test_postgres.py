"""What only PostgreSQL has to show: the same schema, several engines, a server that goes away."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
import pytest
import sqlalchemy as sa

from home_sentry_engine.broker.sql import tables
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.storage import migrate
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.errors import SchemaTooNew, StorageClosed, StorageUnreachable
from home_sentry_engine.storage.repositories.meta import Counters
from home_sentry_engine.storage.repositories.outbox import Outbox
from tests.engine.servers import free_port
from tests.engine.unit.storage.samples import at, described_tables, is_described

COUNTERS, OUTBOX = Counters(), Outbox()


@pytest.fixture
async def url(postgres_server) -> str:
    return await postgres_server.migrated()


async def test_the_migrations_make_exactly_the_tables_that_the_rooms_describe(url, clock):
    def differences(conn):
        context = MigrationContext.configure(conn, opts={"compare_type": True, "include_name": is_described})
        return compare_metadata(context, [described_tables(), tables.metadata])  # type: ignore[arg-type]

    async with Database(url, clock) as database:
        # PostgreSQL cannot tell that an index is descending in the same words; the tables must agree
        found = [one for one in await database.read(differences) if "index" not in str(one[0])]
        await database.check()
        assert await database.size_bytes() > 1_000_000
        assert await database.read(migrate.revision_of) == migrate.REVISIONS[-1]
    assert found == []


async def test_engines_that_start_together_migrate_once(postgres_server, clock):
    url = await postgres_server.empty()

    async def start() -> str | None:
        async with Database(url, clock) as database:
            return await database.read(migrate.revision_of)

    assert await asyncio.gather(*(start() for _ in range(3))) == [migrate.REVISIONS[-1]] * 3


async def test_a_newer_database_is_refused(url, clock):
    async with Database(url, clock) as database:
        await database.write(lambda conn: conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(SchemaTooNew, match="9999"):
        async with Database(url, clock):
            pass


async def test_a_failing_work_is_undone_alone(url, clock):
    def fails(conn):
        COUNTERS.add(conn, "n", 100)
        conn.execute(sa.text("SELECT 1 / 0"))

    def times_out(conn):
        COUNTERS.add(conn, "n", 100)
        raise TimeoutError("mine")

    async with Database(url, clock) as database:
        works = [lambda conn: COUNTERS.add(conn, "n"), fails, times_out, lambda conn: COUNTERS.add(conn, "n")]
        done = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
        assert [type(one).__name__ for one in done] == ["NoneType", "DBAPIError", "TimeoutError", "NoneType"]
        assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == 2
    with pytest.raises(StorageClosed):
        await database.write(lambda conn: None)


async def test_readers_cannot_write(url, clock):
    async with Database(url, clock) as database:
        with pytest.raises(sa.exc.DBAPIError, match="read-only"):
            await database.read(lambda conn: COUNTERS.add(conn, "n"))


async def test_the_sequence_of_several_engines_is_that_of_their_commits(url, clock):
    seen: list[int] = []

    async def announce(database: Database) -> None:
        for _ in range(40):
            await database.write(lambda conn: OUTBOX.add(conn, kind="test", camera_id=None, body=b"", now=at(0)))

    async def relay(database: Database) -> None:
        while len(seen) < 120:
            rows = await database.read(lambda conn: OUTBOX.since(conn, seen[-1] if seen else 0))
            seen.extend(row.seq for row in rows)

    async with Database(url, clock) as one, Database(url, clock) as two, Database(url, clock) as three:
        async with asyncio.timeout(60):
            await asyncio.gather(*(announce(database) for database in (one, two, three)), relay(one))
    # a number that became visible after a greater one would be missing
    assert len(seen) == len(set(seen)) == 120


async def test_several_engines_share_the_jobs_and_keep_the_order_of_a_key(url, clock):
    done: list[tuple[str, int]] = []
    running: set[str] = set()

    async def work(database: Database, owner: str) -> None:
        queue = SqlQueue(database, clock, owner=owner)
        while len(done) < 60:
            jobs = await queue.claim("q", 2, 600)
            for job in jobs:
                assert job.key not in running
                running.add(str(job.key))
            for job in jobs:
                await asyncio.sleep(0)
                done.append((str(job.key), job.payload["n"]))
                running.discard(str(job.key))
                await database.write(lambda conn, job=job: queue.ack(conn, job))  # type: ignore[misc]

    async with Database(url, clock) as one, Database(url, clock) as two:
        queue = SqlQueue(one, clock, owner="a")

        def fill(conn):
            for n in range(60):
                queue.put(conn, NewJob(queue="q", payload={"n": n}, key=f"camera {n % 3}"), clock.steady())

        await one.write(fill)
        async with asyncio.timeout(60):
            await asyncio.gather(*(work(database, name) for name, database in (("a", one), ("b", two), ("b", two))))
    assert sorted(n for _, n in done) == list(range(60))
    for camera in range(3):
        numbers = [n for key, n in done if key == f"camera {camera}"]
        assert numbers == sorted(numbers)


async def test_a_lost_connection_fails_the_work_and_the_next_one_succeeds(url, clock):
    cut = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")

    async with Database(url, clock) as database:
        with pytest.raises(StorageUnreachable):
            await database.write(lambda conn: conn.execute(cut))
        await database.write(lambda conn: COUNTERS.add(conn, "n"))
        with pytest.raises(StorageUnreachable):
            await database.read(lambda conn: conn.execute(cut))
        assert await database.read(lambda conn: COUNTERS.get(conn, "n")) == 1


async def test_a_server_that_is_not_there_is_named(clock):
    with pytest.raises(StorageUnreachable):
        async with Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", clock):
            pass
