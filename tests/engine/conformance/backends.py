"""Queues under test: one harness per back-end, so that the suite knows none of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from home_sentry_engine.broker.memory import MemoryQueue
from home_sentry_engine.broker.queue import Queue, QueueLimits
from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.engine.servers import PostgresServer
from tests.fakes.clock import FakeClock

BACKENDS = ("memory", "sqlite", "postgres")


@dataclass
class Backend:
    """A queue with its clock; ``do`` runs a work in one transaction of the back-end."""

    name: str
    queue: Queue[Any]
    clock: FakeClock
    database: Database | None

    async def do[T](self, work: Callable[[Any], T]) -> T:
        if self.database is None:
            return work(None)
        return await self.database.write(work)

    def limited(self, limits: QueueLimits) -> Backend:
        """The same store under other bounds, empty if it is in memory."""
        if self.database is None:
            return memory(self.clock, limits)
        return Backend(self.name, sql_queue(self.database, self.clock, limits), self.clock, self.database)


def memory(clock: FakeClock, limits: QueueLimits | None = None) -> Backend:
    return Backend("memory", MemoryQueue(clock, limits), clock, None)


def sql_queue(database: Database, clock: FakeClock, limits: QueueLimits | None, owner: str = "engine-1") -> SqlQueue:
    return SqlQueue(database, clock, owner=owner, limits=limits)


async def address(request: Any, name: str, folder: Path) -> str | None:
    """Make an empty place for a back-end and give its URL; the one in memory has none."""
    if name == "sqlite":
        return sqlite_url(folder / "queue.db")
    if name == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return await server.migrated()
    return None


@asynccontextmanager
async def opened(
    name: str, url: str | None, clock: FakeClock, limits: QueueLimits | None = None
) -> AsyncIterator[Backend]:
    if url is None:
        yield memory(clock, limits)
        return
    async with Database(url, clock) as database:
        yield Backend(name, sql_queue(database, clock, limits), clock, database)
