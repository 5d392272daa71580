"""Benchmark ``queue``: jobs per second of every queue, each beside the bare driver that does the same durable work.

A job is put, claimed and acknowledged by callers who each wait for the commit before they go on. The limit of the
queue in SQLite is a thread that does nothing but the same three statements per job and commits together what waits.
Redis is compared in batches, with streams that are written, read and acknowledged in pipelines.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
import json
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory
import time
from typing import Any, Final
import uuid

from home_sentry_engine.broker.memory import MemoryQueue
from home_sentry_engine.broker.queue import Queue, QueueLimits
from home_sentry_engine.broker.sql.ledger import Change, JobRow
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.storage.database import Database, sqlite_url

from .bare_postgres import bare_jobs
from .bare_writer import BareWriter
from .contest import Contest, Lap, in_turn

CALLERS: Final = 64
_BATCH: Final = 32
_LEASE_S: Final = 600.0
_SQL_TARGET: Final = 0.3
_REDIS_TARGET: Final = 0.5
_PAYLOAD: Final = {"media_id": "0123456789abcdef0123456789abcdef"}
_LIMITS: Final = QueueLimits(limit=1_000_000)
_SCHEMA: Final = (
    """CREATE TABLE jobs (id INTEGER PRIMARY KEY, queue TEXT, key TEXT, uniq TEXT, priority INTEGER, payload TEXT,
       enqueued_us INTEGER, not_before_us INTEGER, updated_us INTEGER, leased_until_us INTEGER, owner TEXT,
       attempts INTEGER, fence INTEGER)""",
    "CREATE UNIQUE INDEX jobs_uniq ON jobs (queue, uniq)",
    "CREATE INDEX jobs_place ON jobs (queue, priority DESC, id) WHERE leased_until_us IS NULL",
)
_PUT: Final = """INSERT INTO jobs (queue, uniq, priority, payload, enqueued_us, not_before_us, updated_us, attempts,
    fence) VALUES ('bench', ?, 0, ?, ?, ?, ?, 0, 0)"""
_CLAIM: Final = """UPDATE jobs SET leased_until_us = ?, owner = 'bench', updated_us = ?, attempts = attempts + 1,
    fence = fence + 1 WHERE id = (SELECT id FROM jobs WHERE queue = 'bench' AND leased_until_us IS NULL
    AND not_before_us + 0 <= ? ORDER BY priority DESC, id LIMIT 1) RETURNING id, payload, fence"""
_ACK: Final = "DELETE FROM jobs WHERE id = ? AND fence = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBench:
    """Result: one comparison for each back-end that could be reached."""

    rounds: int
    jobs: int
    callers: int
    backends: tuple[Contest, ...]

    @property
    def passed(self) -> bool:
        """Whether every back-end reaches its target."""
        return all(one.passed for one in self.backends)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "queue", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        return [row for one in self.backends for row in one.rows()]


async def bench_queue(
    *, rounds: int, jobs: int = 4000, postgres: str | None = None, redis: str | None = None
) -> QueueBench:
    """Measure memory and SQLite, and the servers whose addresses are given; in PostgreSQL only rows of its own.

    Raises the errors of ``storage.errors`` and ``RedisUnreachable``.
    """
    found = [await _memory(rounds, jobs), await _sqlite(rounds, jobs)]
    if postgres is not None:
        found.append(await _postgres(rounds, jobs // 4, postgres))
    if redis is not None:
        found.append(await _redis(rounds, jobs, redis))
    return QueueBench(rounds=rounds, jobs=jobs, callers=CALLERS, backends=tuple(found))


async def crowd(work: Callable[[int], Awaitable[object]], jobs: int, callers: int = CALLERS) -> None:
    """Do ``work`` for every number, so many at a time."""
    numbers = iter(range(jobs))

    async def caller() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


async def _through(
    queue: Queue[Any], name: str, jobs: int, do: Callable[[Callable[[Any], Any]], Awaitable[Any]]
) -> Lap:
    clock, lap = SystemClock(), Lap(done=jobs)

    async def put(number: int) -> None:
        job = NewJob(queue=name, payload=_PAYLOAD, unique=f"{number:032d}")
        await do(lambda conn: queue.put(conn, job, clock.steady()))

    async def claim_and_ack(_number: int) -> None:
        (job,) = await queue.claim(name, 1, _LEASE_S)
        await do(lambda conn: queue.ack(conn, job))

    with lap.timed():
        await crowd(put, jobs)
        await crowd(claim_and_ack, jobs)
    assert (await queue.depth(name)).pending == 0
    return lap


async def _memory(rounds: int, jobs: int) -> Contest:
    async def at_once(work: Callable[[Any], Any]) -> Any:
        return work(None)

    async def engine() -> Lap:
        # the queue in memory is for tests and looks at every job: it is measured with as many as there are callers
        lap = Lap(done=0)
        queue = MemoryQueue(SystemClock())
        for _ in range(max(1, jobs // CALLERS)):
            part = await _through(queue, "bench", CALLERS, at_once)
            lap.done, lap.wall_s, lap.cpu_s = lap.done + part.done, lap.wall_s + part.wall_s, lap.cpu_s + part.cpu_s
        return lap

    async def bare() -> Lap:
        queue: asyncio.Queue[int] = asyncio.Queue()
        lap = Lap(done=jobs)
        with lap.timed():
            await crowd(queue.put, jobs)
            await crowd(lambda _number: queue.get(), jobs)
        return lap

    laps = await in_turn(engine, bare, rounds)
    return Contest.of("queue in memory, 64 jobs deep", "bare asyncio.Queue", laps, None)


async def _sqlite(rounds: int, jobs: int) -> Contest:
    with TemporaryDirectory(prefix="home-sentry-bench-") as scratch:
        empty = Path(scratch) / "empty.db"
        async with Database(sqlite_url(empty), SystemClock()):
            pass

        async def engine() -> Lap:
            clock = SystemClock()
            with TemporaryDirectory(dir=scratch) as folder:
                file = Path(shutil.copyfile(empty, Path(folder) / "engine.db"))
                async with Database(sqlite_url(file), clock) as database:
                    queue = SqlQueue(database, clock, owner="bench", limits=_LIMITS)
                    return await _through(queue, "bench", jobs, database.write)

        async def bare() -> Lap:
            with TemporaryDirectory(dir=scratch) as folder:
                async with BareWriter(Path(folder) / "bare.db", _SCHEMA) as writer:
                    return await _bare_lap(writer, jobs)

        laps = await in_turn(engine, bare, rounds)
    limit = f"bare sqlite3 writer thread with group commit, {CALLERS} callers"
    return Contest.of(f"queue in SQLite, {CALLERS} callers", limit, laps, _SQL_TARGET)


async def _bare_lap(writer: BareWriter, jobs: int) -> Lap:
    lap = Lap(done=jobs)

    async def put(number: int) -> None:
        now = time.time_ns() // 1000
        await writer.write(lambda conn: conn.execute(_PUT, (f"{number:032d}", json.dumps(_PAYLOAD), now, now, now)))

    async def claim_and_ack(_number: int) -> None:
        now = time.time_ns() // 1000
        job_id, payload, fence = await writer.write(lambda conn: _claimed(conn, now))
        json.loads(payload)
        await writer.write(lambda conn: conn.execute(_ACK, (job_id, fence)))

    with lap.timed():
        await crowd(put, jobs)
        await crowd(claim_and_ack, jobs)
    return lap


def _claimed(conn: sqlite3.Connection, now: int) -> tuple[Any, ...]:
    row: tuple[Any, ...] = conn.execute(_CLAIM, (now + 600_000_000, now, now)).fetchone()
    return row


async def _postgres(rounds: int, jobs: int, url: str) -> Contest:
    clock = SystemClock()
    name = f"bench-{uuid.uuid4().hex}"
    async with Database(url, clock) as database, bare_jobs(database, name) as limit:
        queue = SqlQueue(database, clock, owner=name, limits=_LIMITS)

        async def bare() -> Lap:
            lap = Lap(done=jobs)

            async def claim_and_ack(_number: int) -> None:
                await limit.ack(await limit.claim())

            with lap.timed():
                await crowd(lambda number: limit.put(f"{number:032d}", json.dumps(_PAYLOAD)), jobs)
                await crowd(claim_and_ack, jobs)
            return lap

        laps = await in_turn(lambda: _through(queue, name, jobs, database.write), bare, rounds)
    return Contest.of(f"queue in PostgreSQL, {CALLERS} callers", "bare asyncpg with group commit", laps, None)


async def _redis(rounds: int, jobs: int, url: str) -> Contest:
    # the driver is an optional extra
    from home_sentry_engine.broker.redis.connection import connected  # noqa: PLC0415
    from home_sentry_engine.broker.redis.dispatch import Dispatch  # noqa: PLC0415

    name = f"bench-{uuid.uuid4().hex}"
    async with connected(url) as client, _swept(client, name):
        dispatch = Dispatch(client, namespace=name, consumer="bench")
        batches = jobs // _BATCH
        numbers = iter(range(1, 10**9))

        async def engine() -> Lap:
            clock, lap = SystemClock(), Lap(done=batches * _BATCH)
            with lap.timed():
                for _ in range(batches):
                    now = clock.steady()
                    await dispatch.apply([Change(queue="bench", placed=tuple(_rows(numbers)))], now)
                    got = await dispatch.claim("bench", _BATCH, now, now.replace(year=now.year + 1))
                    assert len(got.jobs) == _BATCH
                    await dispatch.apply([Change(queue="bench", gone=tuple(int(one.id) for one in got.jobs))], now)
            return lap

        laps = await in_turn(engine, lambda: _streams(client, f"{name}:stream", batches), rounds)
    return Contest.of(
        f"dispatch of the queue in Redis, batches of {_BATCH}", "bare streams in pipelines", laps, _REDIS_TARGET
    )


def _rows(numbers: Iterator[int]) -> Iterator[JobRow]:
    now = time.time_ns() // 1000 - 1_000_000
    for place in range(_BATCH):
        yield JobRow(
            id=next(numbers),
            queue="bench",
            key=f"camera {place}",
            priority=0,
            payload=json.dumps(_PAYLOAD),
            enqueued_us=now,
            not_before_us=now,
            attempts=0,
            fence=0,
        )


async def _streams(client: Any, stream: str, batches: int) -> Lap:
    await client.delete(stream)
    await client.xgroup_create(stream, "bench", mkstream=True)
    lap = Lap(done=batches * _BATCH)
    with lap.timed():
        for _ in range(batches):
            writing = client.pipeline(transaction=False)
            for number in range(_BATCH):
                writing.xadd(stream, {"id": number, "payload": json.dumps(_PAYLOAD)})
            await writing.execute()
            found = await client.xreadgroup("bench", "bench", {stream: ">"}, count=_BATCH)
            # RESP 3 gives a mapping, RESP 2 a list of pairs
            entries = next(iter(found.values()))[0] if isinstance(found, dict) else found[0][1]
            ids = [entry for entry, _fields in entries]
            assert len(ids) == _BATCH
            ending = client.pipeline(transaction=False)
            ending.xack(stream, "bench", *ids)
            ending.xdel(stream, *ids)
            await ending.execute()
    return lap


@asynccontextmanager
async def _swept(client: Any, name: str) -> AsyncIterator[None]:
    try:
        yield
    finally:
        found = [key async for key in client.scan_iter(f"{name}*")]
        if found:
            await client.delete(*found)
