"""What the queue over Redis has to show beside the conformance suite: engines that die, a server that forgets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from home_sentry_engine.broker.queue import LeaseLost, Overflow, PutOutcome, QueueLimits
from home_sentry_engine.broker.redis.connection import connected
from home_sentry_engine.broker.redis.dispatch import Dispatch
from home_sentry_engine.broker.redis.pubsub import RedisBus
from home_sentry_engine.broker.redis.queue import RedisQueue
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.meta import Counters
from tests.engine.servers import RedisServer, server_folder
from tests.fakes.clock import FakeClock

Q = "detect"


class Household:
    """Engines of one installation, each with connections of its own."""

    def __init__(self, address: str, redis: RedisServer, clock: FakeClock | SystemClock) -> None:
        self.address, self.redis, self.clock = address, redis, clock
        self.namespace = redis.namespace()
        self.told: list[str | None] = []

    @asynccontextmanager
    async def engine(self, name: str, limits: QueueLimits | None = None) -> AsyncIterator[tuple[Database, RedisQueue]]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database(self.address, self.clock))
            client = await stack.enter_async_context(connected(self.redis.url))
            dispatch = Dispatch(client, namespace=self.namespace, consumer=name)
            queue = RedisQueue(database, dispatch, RedisBus(client, namespace=self.namespace), self.clock, limits)
            yield database, queue.watched(self.told.append)

    async def in_hand(self) -> list[tuple[Any, Any]]:
        """Who has jobs in hand, by the group, and the how manieth try it is."""
        async with connected(self.redis.url) as client:
            pending = await client.xpending_range(f"{self.namespace}:{{{Q}}}:stream", "engines", "-", "+", 10)
        return [(one["consumer"], one["times_delivered"]) for one in pending]

    async def listeners(self) -> int:
        async with connected(self.redis.url) as client:
            ((_, count),) = await client.pubsub_numsub(f"{self.namespace}:wake")
        return count

    async def raw(self, *command: object):
        async with connected(self.redis.url) as client:
            return await client.execute_command(*command)


@pytest.fixture
async def home(postgres_server, redis_server) -> Household:
    return Household(await postgres_server.migrated(), redis_server, FakeClock())


@pytest.fixture
def own_redis():
    with server_folder("redis") as folder:
        yield RedisServer(folder)


def job(n: int = 1, **fields) -> NewJob:
    return NewJob(queue=Q, payload={"n": n}, **fields)


async def put(database, queue, *jobs):
    return await database.write(lambda conn: [queue.put(conn, one, queue._clock.steady()) for one in jobs])


async def ack(database, queue, one) -> None:
    await database.write(lambda conn: queue.ack(conn, one))


def numbers(jobs) -> list[int]:
    return [one.payload["n"] for one in jobs]


async def test_a_job_goes_with_the_transaction_that_put_it(home):
    async with home.engine("a") as (database, queue):

        def work(conn):
            queue.put(conn, job(), home.clock.steady())
            raise LookupError

        with pytest.raises(LookupError):
            await database.write(work)
        assert await queue.claim(Q, 1, 60) == ()
        assert queue.counts(Q).accepted == 0


async def test_a_result_is_kept_only_by_who_holds_the_lease(home):
    counters = Counters()
    async with home.engine("a") as (database, slow), home.engine("b") as (other, fast):
        await put(database, slow, job())
        (first,) = await slow.claim(Q, 1, 10)
        home.clock.tick(10)
        (second,) = await fast.claim(Q, 1, 10)

        def finish(queue, one):
            def work(conn):
                counters.add(conn, "results")
                queue.ack(conn, one)

            return work

        await other.write(finish(fast, second))
        with pytest.raises(LeaseLost):
            await database.write(finish(slow, first))
        assert await database.read(lambda conn: counters.get(conn, "results")) == 1


async def test_what_a_dead_engine_had_in_hand_is_taken_over_when_its_lease_runs_out(home):
    async with home.engine("a") as (database, doomed):
        await put(database, doomed, job(1, key="yard"), job(2, key="yard"))
        (lost,) = await doomed.claim(Q, 1, 30)
    async with home.engine("b") as (database, queue):
        assert await queue.claim(Q, 5, 30) == ()
        home.clock.tick(30)
        (again,) = await queue.claim(Q, 5, 30)
        assert (again.id, again.attempt) == (lost.id, 2)
        await ack(database, queue, again)
        assert numbers(await queue.claim(Q, 5, 30)) == [2]


async def test_a_restarted_engine_ends_what_it_had_in_hand_and_leaves_the_others_alone(home):
    async with home.engine("a") as (database, doomed), home.engine("b") as (_, other):
        await put(database, doomed, job(1), job(2))
        (own,) = await doomed.claim(Q, 1, 600)
        (foreign,) = await other.claim(Q, 1, 600)
        async with home.engine("a") as (_, restarted):
            assert await restarted.recover() == 1
            (again,) = await restarted.claim(Q, 5, 600)
            assert (again.id, again.attempt) == (own.id, 2)
            with pytest.raises(LeaseLost):
                await ack(database, doomed, own)
            await ack(database, other, foreign)
            assert await restarted.recover() == 1


async def test_a_put_whose_engine_died_before_redis_heard_of_it_is_found(home):
    async with home.engine("a") as (database, doomed):
        await put(database, doomed, job(1))
    async with home.engine("b") as (_, queue):
        assert numbers(await queue.claim(Q, 5, 60)) == [1]


async def test_an_end_whose_engine_died_before_redis_heard_of_it_stays_an_end(home):
    async with home.engine("a") as (database, doomed):
        await put(database, doomed, job(1, key="yard"), job(2, key="yard"), job(3))
        first, third = await doomed.claim(Q, 5, 60)
        await ack(database, doomed, first)
        await database.write(lambda conn: doomed.retry(conn, third, after_s=5, error="later"))
    async with home.engine("b") as (database, queue):
        (second,) = await queue.claim(Q, 5, 60)
        assert second.payload["n"] == 2
        home.clock.tick(5)
        (again,) = await queue.claim(Q, 5, 60)
        assert (again.payload["n"], again.attempt) == (3, 2)
        with pytest.raises(LeaseLost):
            await ack(database, queue, first)


async def test_an_emptied_redis_costs_no_job_and_doubles_no_result(home):
    async with home.engine("a") as (database, queue), home.engine("b") as (_, other):
        later = job(4, key="door")
        await put(database, queue, *(job(n, key="yard" if n < 3 else None) for n in range(1, 4)), later)
        yard, single, door = await queue.claim(Q, 5, 60)
        await database.write(lambda conn: queue.retry(conn, door, after_s=20, error="later"))
        await queue.claim(Q, 5, 60)
        await home.raw("FLUSHALL")
        queue._courier.doubt()
        twice_yard, twice_single = await other.claim(Q, 5, 60)
        assert (twice_yard.id, twice_single.id) == (yard.id, single.id)
        await ack(database, queue, yard)
        with pytest.raises(LeaseLost):
            await ack(database, other, twice_yard)
        await ack(database, other, twice_single)
        with pytest.raises(LeaseLost):
            await ack(database, queue, single)
        assert numbers(await queue.claim(Q, 5, 60)) == [2]
        home.clock.tick(20)
        assert numbers(await queue.claim(Q, 5, 60)) == [4]


async def test_an_entry_that_somebody_deleted_is_made_again(home):
    async with home.engine("a") as (database, queue):
        await put(database, queue, job(1, key="yard"))
        await queue.depth(Q)
        stream = f"{home.namespace}:{{{Q}}}:stream"
        ((entry, _fields),) = await home.raw("XRANGE", stream, "-", "+")
        await home.raw("XDEL", stream, entry)
        assert await queue.claim(Q, 5, 60) == ()
        assert numbers(await queue.claim(Q, 5, 60)) == [1]


async def test_nothing_of_a_finished_job_stays_in_redis(home):
    async with home.engine("a") as (database, queue):
        await put(database, queue, *(job(n, key=f"camera {n % 3}", unique=str(n)) for n in range(12)))
        done = 0
        while jobs := await queue.claim(Q, 5, 60):
            for one in jobs:
                await ack(database, queue, one)
                done += 1
        await queue.depth(Q)
        assert done == 12
        keys = {key.decode().rpartition(":")[2] for key in await home.raw("KEYS", f"{home.namespace}:*")}
        assert keys == {"queues", "stream", "turns", "gone"}
        stream = f"{home.namespace}:{{{Q}}}:stream"
        assert await home.raw("XLEN", stream) == 0
        assert await home.in_hand() == []


async def test_the_group_says_who_has_what_in_hand(home):
    async with home.engine("attic") as (database, queue):
        await put(database, queue, job(1), job(2))
        (one,) = await queue.claim(Q, 1, 60)
        assert await home.in_hand() == [(b"attic", 1)]
        await database.write(lambda conn: queue.retry(conn, one, after_s=0, error="later"))
        await queue.claim(Q, 1, 60)
        assert await home.in_hand() == [(b"attic", 2)]


async def test_another_engine_is_woken_by_a_put_and_by_an_end(home):
    async with home.engine("a") as (database, giver), home.engine("b") as (other, taker):
        async with asyncio.timeout(60):
            jobs = [asyncio.create_task(queue.run()) for queue in (giver, taker)]
            while await home.listeners() < 2:  # noqa: ASYNC110 only the server knows
                await asyncio.sleep(0.01)
            assert await taker.claim(Q, 1, 60) == ()
            waiting = asyncio.create_task(taker.wait(Q, 600))
            await put(database, giver, job(1, key="yard"), job(2, key="yard"))
            await waiting
            (one,) = await taker.claim(Q, 5, 60)
            assert await giver.claim(Q, 5, 60) == ()
            waiting = asyncio.create_task(giver.wait(Q, 600))
            await ack(other, taker, one)
            await waiting
            assert numbers(await giver.claim(Q, 5, 60)) == [2]
            for task in jobs:
                task.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


async def test_work_stands_still_while_redis_is_gone_and_goes_on_by_itself(postgres_server, own_redis):
    home = Household(await postgres_server.migrated(), own_redis, SystemClock())
    async with home.engine("a") as (database, queue):
        with own_redis.running():
            await put(database, queue, job(1))
            (held,) = await queue.claim(Q, 1, 60)
        running = asyncio.create_task(queue.run())
        assert await queue.claim(Q, 1, 60) == ()
        assert await queue.extend(held, 60)
        (result,) = await put(database, queue, job(2))
        assert result.outcome is PutOutcome.ACCEPTED
        await ack(database, queue, held)
        depth = await queue.depth(Q)
        assert (depth.pending, depth.processing) == (1, 0)
        assert home.told[-1] is not None
        assert "Redis" in home.told[-1]
        with own_redis.running():
            async with asyncio.timeout(60):
                while not (jobs := await queue.claim(Q, 5, 60)):  # noqa: ASYNC110 waits for a server
                    await asyncio.sleep(0.05)
            assert numbers(jobs) == [2]
            assert home.told[-1] is None
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_full_queue_rejects_where_redis_cannot_say_what_may_be_dropped(postgres_server, own_redis):
    home = Household(await postgres_server.migrated(), own_redis, FakeClock())
    limits = QueueLimits(limit=2, overflow=Overflow.DROP_OLDEST)
    async with home.engine("a", limits) as (database, queue):
        results = await put(database, queue, job(1), job(2), job(3))
        assert [result.outcome for result in results] == [PutOutcome.ACCEPTED] * 2 + [PutOutcome.REJECTED]
        with own_redis.running():
            (result,) = await put(database, queue, job(4))
            assert (result.outcome, result.dropped) == (PutOutcome.ACCEPTED, {"n": 1})
            assert numbers(await queue.claim(Q, 5, 60)) == [2, 4]


async def test_a_redis_that_kills_and_comes_back_has_what_it_had(postgres_server, own_redis):
    home = Household(await postgres_server.migrated(), own_redis, SystemClock())
    async with home.engine("a") as (database, queue):
        with own_redis.running() as child:
            await put(database, queue, *(job(n, key=f"camera {n % 4}") for n in range(40)))
            held = await queue.claim(Q, 4, 60)
            child.kill()
            child.wait(10)
        with own_redis.running():
            seen = []
            for one in held:
                await ack(database, queue, one)
                seen.append(one.payload["n"])
            async with asyncio.timeout(60):
                while len(seen) < 40:
                    for one in await queue.claim(Q, 4, 60):
                        try:
                            await ack(database, queue, one)
                        except LeaseLost:
                            continue
                        seen.append(one.payload["n"])
            assert sorted(seen) == list(range(40))
