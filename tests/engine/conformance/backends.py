"""Queues under test: one harness per back-end, so that the suite knows none of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from home_sentry_engine.broker.memory import MemoryQueue
from home_sentry_engine.broker.queue import Queue, QueueLimits
from home_sentry_engine.broker.redis.connection import connected
from home_sentry_engine.broker.redis.dispatch import Dispatch
from home_sentry_engine.broker.redis.pubsub import RedisBus
from home_sentry_engine.broker.redis.queue import RedisQueue
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.engine.servers import PostgresServer, RedisServer
from tests.fakes.clock import FakeClock

BACKENDS = ("memory", "sqlite", "postgres", "redis")
SERVED = ("postgres", "redis")


type MakeQueue = Callable[[QueueLimits | None], Queue[Any]]


@dataclass
class Backend:
    """A queue with its clock; ``do`` runs a work in one transaction of the back-end."""

    name: str
    queue: Queue[Any]
    clock: FakeClock
    database: Database | None
    make: MakeQueue

    async def do[T](self, work: Callable[[Any], T]) -> T:
        if self.database is None:
            return work(None)
        return await self.database.write(work)

    def limited(self, limits: QueueLimits) -> Backend:
        """The same store under other bounds, empty if it is in memory."""
        return Backend(self.name, self.make(limits), self.clock, self.database, self.make)


@dataclass
class Address:
    """An empty place for a back-end; the one in memory needs none."""

    database: str | None = None
    redis: str | None = None
    namespace: str = ""


def memory(clock: FakeClock, limits: QueueLimits | None = None) -> Backend:
    def make(limits: QueueLimits | None) -> Queue[Any]:
        return MemoryQueue(clock, limits)

    return Backend("memory", make(limits), clock, None, make)


async def address(request: Any, name: str, folder: Path) -> Address:
    """Make an empty place for a back-end."""
    if name == "memory":
        return Address()
    if name == "sqlite":
        return Address(database=sqlite_url(folder / "queue.db"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    if name == "postgres":
        return Address(database=await server.migrated())
    redis: RedisServer = request.getfixturevalue("redis_server")
    return Address(database=await server.migrated(), redis=redis.url, namespace=redis.namespace())


@asynccontextmanager
async def opened(name: str, at: Address, clock: FakeClock, limits: QueueLimits | None = None) -> AsyncIterator[Backend]:
    if at.database is None:
        yield memory(clock, limits)
        return
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(at.database, clock))
        client = await stack.enter_async_context(connected(at.redis)) if at.redis else None

        def make(limits: QueueLimits | None) -> Queue[Any]:
            if client is None:
                return SqlQueue(database, clock, owner="engine-1", limits=limits)
            dispatch = Dispatch(client, namespace=at.namespace, consumer="engine-1")
            return RedisQueue(database, dispatch, RedisBus(client, namespace=at.namespace), clock, limits)

        yield Backend(name, make(limits), clock, database, make)
