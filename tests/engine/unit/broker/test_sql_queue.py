"""What only the queue in the database has to show: one transaction with the rows, recovery, cheap claims."""

import asyncio
from datetime import timedelta

import pytest

from home_sentry_engine.broker.queue import LeaseLost, PutOutcome, QueueLimits
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.repositories.meta import Counters
from tests.fakes.clock import FakeClock
from tests.fakes.patience import turns

Q = "detect"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(tmp_path, clock):
    async with Database(sqlite_url(tmp_path / "engine.db"), clock) as opened:
        yield opened


@pytest.fixture
def queue(database, clock) -> SqlQueue:
    return SqlQueue(database, clock, owner="engine-1")


def job(n: int = 1, **fields) -> NewJob:
    return NewJob(queue=Q, payload={"n": n}, **fields)


async def put(database, queue, clock, *jobs):
    def work(conn):
        return [queue.put(conn, one, clock.steady()) for one in jobs]

    return await database.write(work)


async def test_a_job_goes_with_the_transaction_that_put_it(database, queue, clock):
    def work(conn):
        queue.put(conn, job(unique="m"), clock.steady())
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await queue.claim(Q, 1, 60) == ()
    assert queue.counts(Q).accepted == 0
    assert (await put(database, queue, clock, job(unique="m")))[0].outcome is PutOutcome.ACCEPTED


async def test_a_result_is_kept_only_by_who_holds_the_lease(database, queue, clock):
    await put(database, queue, clock, job())
    (slow,) = await queue.claim(Q, 1, 10)
    clock.tick(10)
    (fast,) = await queue.claim(Q, 1, 10)
    counters = Counters()

    def finish(one):
        def work(conn):
            counters.add(conn, "results")
            queue.ack(conn, one)

        return work

    await database.write(finish(fast))
    with pytest.raises(LeaseLost):
        await database.write(finish(slow))
    assert await database.read(lambda conn: counters.get(conn, "results")) == 1


async def test_a_restarted_engine_frees_its_own_leases_at_once(database, queue, clock):
    await put(database, queue, clock, job(1), job(2))
    other = SqlQueue(database, clock, owner="engine-2")
    (own,) = await queue.claim(Q, 1, 600)
    (foreign,) = await other.claim(Q, 1, 600)
    restarted = SqlQueue(database, clock, owner="engine-1")
    assert await database.write(restarted.recover) == 1
    (again,) = await restarted.claim(Q, 5, 600)
    assert (again.id, again.attempt) == (own.id, 2)
    with pytest.raises(LeaseLost):
        await database.write(lambda conn: queue.ack(conn, own))
    await database.write(lambda conn: other.ack(conn, foreign))


async def test_a_clock_that_was_put_back_leaves_no_eternal_lease_and_no_eternal_delay(database, queue, clock):
    await put(database, queue, clock, job(1), job(2), job(3, not_before=clock.steady() + timedelta(seconds=20)))
    first, _ = await queue.claim(Q, 2, 60)
    await database.write(lambda conn: queue.retry(conn, first, after_s=5, error="later"))
    earlier = FakeClock(clock.steady() - timedelta(days=3650))
    restarted = SqlQueue(database, earlier, owner="engine-9")
    assert await database.write(restarted.recover) == 0

    async def claimed() -> list[int]:
        return [one.payload["n"] for one in await restarted.claim(Q, 5, 600)]

    assert await claimed() == []
    earlier.tick(5)
    assert await claimed() == [1]
    earlier.tick(15)
    assert await claimed() == [3]
    earlier.tick(39)
    assert await claimed() == []
    earlier.tick(1)
    assert await claimed() == [2]


async def test_pressure_is_told_once(database, clock, caplog):
    queue = SqlQueue(database, clock, owner="x", limits=QueueLimits(limit=10))
    await put(database, queue, clock, *(job(n) for n in range(8)))
    assert "holds" not in caplog.text
    await put(database, queue, clock, job(8), job(9), job(10), job(11))
    assert caplog.text.count("The queue detect holds 8 of 10 jobs") == 1


async def test_a_full_queue_stays_within_its_limit_however_jobs_come_and_go(database, clock):
    queue = SqlQueue(database, clock, owner="x", limits=QueueLimits(limit=50))
    for round_number in range(20):
        await put(database, queue, clock, *(job(n) for n in range(15)))
        assert (await queue.depth(Q)).pending <= 50
        for one in await queue.claim(Q, round_number % 9, 60):
            await database.write(lambda conn, one=one: queue.ack(conn, one))


async def test_a_flood_on_one_camera_costs_the_others_little(database, queue, clock):
    await put(database, queue, clock, *(job(n, key="busy") for n in range(5000)))
    (running,) = await queue.claim(Q, 1, 600)
    steps = []

    def counted(conn):
        raw = conn.connection.dbapi_connection
        raw.set_progress_handler(lambda: steps.append(1), 100)
        try:
            return queue._claims.lease(conn, Q, [1], 60)
        finally:
            raw.set_progress_handler(None, 0)

    ((claimed, _),) = await database.write(counted)
    assert claimed == ()
    # a look at each of the 5,000 jobs would take ten times as many steps of SQLite's machine
    assert len(steps) * 100 < 20_000
    await put(database, queue, clock, job(9999, key="calm"))
    (calm,) = await queue.claim(Q, 1, 600)
    assert calm.payload["n"] == 9999
    await database.write(lambda conn: queue.ack(conn, running))
    assert [one.payload["n"] for one in await queue.claim(Q, 1, 600)] == [1]


class Counting:
    """The database, with a count of what is written."""

    def __init__(self, database):
        self._database = database
        self.read, self.after_commit = database.read, database.after_commit
        self.writes = 0

    def write(self, work):
        self.writes += 1
        return self._database.write(work)


async def test_callers_who_claim_at_once_share_one_look_and_each_gets_what_it_asked_for(database, queue, clock):
    await put(database, queue, clock, *(job(n, key=f"c{n}") for n in range(10)), job(10, key="c9"))
    counting = Counting(database)
    crowd = SqlQueue(counting, clock, owner="engine-1")
    wanted = [1, 3, 2, 1, 5, 1]
    found = await asyncio.gather(*(crowd.claim(Q, n, 60) for n in wanted))
    assert counting.writes == 1
    assert [[one.payload["n"] for one in part] for part in found] == [[0], [1, 2, 3], [4, 5], [6], [7, 8, 9], []]


async def test_a_caller_who_left_takes_no_job_along(database, queue, clock):
    await put(database, queue, clock, job(1), job(2))
    first, second, third = (asyncio.create_task(queue.claim(Q, 1, 60)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    assert [one.payload["n"] for one in await second] == [1]
    assert [one.payload["n"] for one in await third] == [2]
    assert first.cancelled()


async def test_every_caller_hears_why_a_claim_failed_and_the_next_one_works(database, queue, clock):
    await put(database, queue, clock, job(1))
    await database.write(lambda conn: conn.exec_driver_sql("ALTER TABLE jobs RENAME TO away"))
    found = await asyncio.gather(*(queue.claim(Q, 1, 60) for _ in range(3)), return_exceptions=True)
    assert all("no such table" in str(one) for one in found)
    await database.write(lambda conn: conn.exec_driver_sql("ALTER TABLE away RENAME TO jobs"))
    assert len(await queue.claim(Q, 1, 60)) == 1


async def test_another_process_of_the_queue_is_seen_after_the_time_out(database, queue, clock):
    other = SqlQueue(database, clock, owner="engine-2")
    waiting = asyncio.create_task(queue.wait(Q, 5))
    await turns()
    await put(database, other, clock, job())
    await turns()
    assert not waiting.done()
    await clock.advance(5)
    await waiting
    assert len(await queue.claim(Q, 1, 60)) == 1
