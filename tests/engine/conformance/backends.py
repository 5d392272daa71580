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
from tests.fakes.clock import FakeClock

BACKENDS = ("memory", "sqlite")


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


@asynccontextmanager
async def opened(
    name: str, folder: Path, clock: FakeClock, limits: QueueLimits | None = None
) -> AsyncIterator[Backend]:
    if name == "memory":
        yield memory(clock, limits)
        return
    async with Database(sqlite_url(folder / "queue.db"), clock) as database:
        yield Backend(name, sql_queue(database, clock, limits), clock, database)
